"""Nothing is too large (law 9), and a page is never lost to its text (law 10): over the table, up to what SNS takes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import boto3
import pytest

from tests.faults.dynamo import FaultyDynamo, faulty_dynamodb, items_of
from tests.stories.configurations import MINUTE, configuration, receiver, rule
from tests.stories.world import World
from tocsin.adapters.sns import SnsTopic
from tocsin.core.alerts import Status
from tocsin.core.notifications import from_json
from tocsin.core.receivers import Integration, Kind, Receiver
from tocsin.core.routing import RouteSpec
from tocsin.pipeline import notify

ITEM_BYTES = 400 * 1024
SNS_BYTES = 256 * 1024
BY_EVERYTHING = RouteSpec(receiver="team", group_by_all=True)


@pytest.fixture(scope="module")
def running() -> Iterator[FaultyDynamo]:
    with faulty_dynamodb() as dynamo:
        yield dynamo


@pytest.fixture(scope="module")
def topic(running) -> tuple[Any, SnsTopic]:
    sns = boto3.client("sns", region_name="eu-west-1")
    arn = sns.create_topic(Name="alerts")["TopicArn"]
    sizes: list[int] = []

    def measure(params: Mapping[str, Any], **_: Any) -> None:
        texts = [params["Message"], params["Subject"], *(str(each) for each in params["MessageAttributes"].values())]
        sizes.append(sum(len(text.encode()) for text in texts))

    sns.meta.events.register("provide-client-params.sns.Publish", measure)
    return sizes, SnsTopic(arn, lambda: sns)


def item_bytes(item: Mapping[str, Any]) -> int:
    return len(json.dumps(item, default=lambda data: "x" * len(data)))


HUGE = {
    "an annotation of 1.5 million characters": (rule("Big", annotations={"text": "x" * 1_500_000}), {}),
    "ten thousand annotations": (rule("Big", annotations={f"a{number}": "text" for number in range(10_000)}), {}),
    "annotations that JSON writes six times as long": (rule("Big", annotations={"text": "\x01" * 300_000}), {}),
    "a label of a million characters": (rule("Big"), {"path": "/" * 1_000_000}),
    "a label that JSON writes twice as long each time": (rule("Big"), {"path": '"' * 1_000_000}),
    "a thousand labels": (rule("Big"), {f"label_{number}": f"value {number} " * 40 for number in range(1000)}),
}


@pytest.mark.parametrize("route", [None, BY_EVERYTHING], ids=["grouped by name", "grouped by all"])
@pytest.mark.parametrize(("big", "labels"), HUGE.values(), ids=HUGE.keys())
def test_an_alert_of_any_size_is_told_and_its_end_is_told(running, topic, big, labels, route):
    store = running.store()
    kinds = (Kind.SLACK, Kind.SNS)
    world = World(configuration(big, receivers=[receiver("team", *kinds)], route=route), store=store)
    world.metric_goes_bad("Big", **labels)
    world.advance(minutes=3)
    assert max(map(item_bytes, items_of(store).values())) < ITEM_BYTES
    world.metric_recovers("Big", **labels)
    world.advance(minutes=10)
    told = [(page.notification.integration.kind, page.notification.status) for page in world.pages]
    assert sorted(told) == sorted((kind, status) for kind in kinds for status in (Status.FIRING, Status.RESOLVED))
    assert max(map(item_bytes, items_of(store).values())) < ITEM_BYTES
    sizes, publisher = topic
    sizes.clear()
    for message in world.topic.messages:
        publisher.publish(message)
    assert len(sizes) == 4
    assert max(sizes) < SNS_BYTES


def test_two_alerts_that_differ_only_in_what_is_cut_off_stay_two(running):
    world = World(configuration(rule("Big")), store=running.store())
    for end in "ab":
        world.metric_goes_bad("Big", path="/" * 300_000 + end)
    world.advance(minutes=3)
    (page,) = world.pages
    assert len(page.notification.alerts) == 2


@pytest.mark.parametrize("count", [150, pytest.param(2000, marks=pytest.mark.chaos)])
def test_a_group_of_many_alerts_is_told_whole(running, topic, count):
    store = running.store()
    world = World(configuration(rule("Storm", annotations={"text": "word " * 200})), store=store)
    for number in range(count):
        world.metric_goes_bad("Storm", instance=f"{number:04d}")
    world.advance(minutes=2)
    (message,) = world.topic.messages
    told = from_json(json.loads(message))
    assert len(told.alerts) + told.truncated == count
    whole = store.load_notification(told.id)
    assert whole is not None
    assert len(whole["alerts"]) == count
    sizes, publisher = topic
    sizes.clear()
    publisher.publish(message)
    assert max(sizes) < SNS_BYTES
    assert max(map(item_bytes, items_of(store).values())) < ITEM_BYTES
    assert world.now - world.pages[0].at < MINUTE


def test_settings_of_any_size_are_read_from_the_table(running, topic):
    store = running.store()
    long = Integration("team", Kind.SLACK, 0, True, {"api_url_file": "secret:slack#team", "text": "word " * 60_000})
    world = World(configuration(rule("Down"), receivers=[Receiver("team", (long,))]), store=store)
    world.metric_goes_bad("Down")
    world.advance(minutes=3)
    sizes, publisher = topic
    sizes.clear()
    published: list[dict[str, Any]] = []
    client = publisher._client()
    client.meta.events.register(
        "provide-client-params.sns.Publish", lambda params, **_: published.append(params), "kept"
    )
    publisher.publish(world.topic.messages[0])
    client.meta.events.unregister("provide-client-params.sns.Publish", unique_id="kept")
    assert max(sizes) < SNS_BYTES
    claim_check = from_json(json.loads(json.loads(published[0]["Message"])["lambda"]))
    assert claim_check.integration.settings == {}
    delivered: list[Any] = []

    def deliver(notification: Any, *, now: Any) -> str:
        delivered.append(notification.integration)
        return "ok"

    store.table.delete(f"delivery#{claim_check.group}", claim_check.key)  # as if nobody had delivered it yet
    notify.run(notify.Notifier(deliver, store, store, world.log), claim_check, now=world.now)
    assert delivered == [long]
