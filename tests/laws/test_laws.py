"""The laws that the design rests on (docs/architecture.md), each with a test that fails when it is broken.

Crash points, which laws 4 to 8 are about as well, are in tests/chaos; twins beside every call (law 4) in
tests/stories/test_repetition.py; what law 3 says of imports, and law 2 of clocks, in tests/test_project.py.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.adapters.scripted import outlets
from tests.adapters.stores import WRITES, counted_calls, dynamodb, new_table
from tests.stories.configurations import MINUTE, configuration, policy, receiver, rule
from tests.stories.interruptions import Interruptions
from tests.stories.world import START, World, name_of
from tocsin.adapters.http import Response
from tocsin.adapters.memory import MemoryLog, MemoryStore
from tocsin.adapters.secrets import Secrets
from tocsin.adapters.slack import SlackSender
from tocsin.adapters.sns import SnsTopic
from tocsin.adapters.sqs import SqsTimers
from tocsin.core.alerts import Status
from tocsin.core.escalation import Roster, decide
from tocsin.core.flushing import Surroundings, decide_flush
from tocsin.core.notifications import Reason, from_json
from tocsin.core.receivers import Integration, Kind, Receiver
from tocsin.core.routing import GroupId
from tocsin.core.rules import Sample, TemplateContext, evaluate_rule
from tocsin.errors import ConfigError, DeliveryError, Problem
from tocsin.pipeline import dispatch, notify
from tocsin.pipeline.configurations import CurrentConfiguration
from tocsin.ports import Health

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
TOLD_AT = START + MINUTE + 30 * SECOND


def firing_world(*rules, wrap: Callable[[Any], Any] = lambda target: target, **more) -> World:
    """Return a world in which DiskFull has fired, and nobody was told yet."""
    world = World(configuration(rule("DiskFull"), *rules, **more), wrap=wrap)
    world.metric_goes_bad("DiskFull", instance="a")
    world.advance(minutes=1)
    return world


# 1. A failed query is not an empty result.


def garbage(world: World) -> None:
    """Two series that the rule's own labels make the same: Prometheus fails such a rule."""
    series = {"instance": "b", "severity": "x"}
    world.metrics.results["diskfull"] = [Sample({**series, "severity": each}, 1.0) for each in "xy"]


@pytest.mark.parametrize(
    "fail", [lambda world: world.query_fails("DiskFull"), garbage], ids=["the query fails", "the answer is garbage"]
)
def test_1_a_failed_query_leaves_every_alert_exactly_as_it_was(fail):
    slow = rule("Slow", hold_for=HOUR)
    world = firing_world(slow)
    world.advance(minutes=1)
    before = world.record("DiskFull").active
    fail(world)
    world.advance(minutes=30)
    record = world.record("DiskFull")
    assert record.active == before
    assert (record.health, bool(record.error), record.failing_since) == (Health.FAILING, True, START + 3 * MINUTE)
    assert {page.notification.status for page in world.pages} == {Status.FIRING}


# 2. Time is an argument.


def test_2_a_life_in_another_century_is_the_same_life():
    def live(start: datetime) -> list[tuple[timedelta, str, Reason]]:
        situation = configuration(
            rule("Down", hold_for=2 * MINUTE),
            receivers=[receiver("boss")],
            policies=[policy((5, "boss"))],
            default_cooldown=HOUR,
        )
        world = World(situation, start=start)
        for _ in range(3):
            world.metric_goes_bad("Down")
            world.advance(minutes=20)
            world.metric_recovers("Down")
            world.advance(minutes=20)
        return [(page.at - start, page.receiver, page.notification.reason) for page in world.pages]

    now = live(START)
    assert len(now) > 4
    assert live(datetime(1999, 12, 31, 23, 50, tzinfo=UTC)) == now == live(datetime(2126, 2, 28, 23, 50, tzinfo=UTC))


# 3. Decide, then act.


def test_3_a_decision_changes_nothing_and_is_the_same_again():
    world = firing_world(receivers=[receiver("boss")], policies=[policy((5, "boss"))])
    around = Surroundings(world.loaded.configuration.root, world.loaded.configuration)
    state: Any = world.store.load_group(world.store.active_groups()[0], now=world.now)
    record, sample = world.record("DiskFull"), Sample({"instance": "b"}, 1.0)
    given = copy.deepcopy((state, around.route, record.active, sample))
    flush = decide_flush(state, None, around, now=TOLD_AT)
    decisions = [
        lambda: decide_flush(state, None, around, now=TOLD_AT),
        lambda: decide(flush.opened, Roster(), climb=0, now=TOLD_AT + 5 * MINUTE),
        lambda: evaluate_rule(rule("DiskFull"), record.active, [sample], now=world.now, context=TemplateContext()),
    ]
    for each in decisions:
        assert each() == each()
    assert (state, around.route, record.active, sample) == given
    assert [each.reason for each in flush.notifications] == [Reason.FIRST], "and every decision says why"


# 4. Twice is once.


def test_4_every_handlers_event_again_is_no_event():
    world = firing_world(receivers=[receiver("boss")], policies=[policy((0, "boss"))])
    world.run_tick()
    world.run_tick(at=world.now - 30 * SECOND)
    world.duplicates = True
    world.advance(minutes=2)
    (incident,) = world.escalations.started
    world._executions[incident, 0] = world.now  # the state machine asks again
    world.advance(minutes=20)
    assert sorted(page.receiver for page in world.pages) == ["boss", "team"]


# 5. Announce, tell, then remember.


def test_5_a_transition_is_announced_then_told_then_remembered():
    calls = Interruptions()
    firing_world(wrap=calls.wrap)
    assert calls.calls == ["load_rules", "save_rule", "announce", "tell", "save_rule", "overdue"]


def test_5_the_first_write_says_what_is_being_told_and_remembers_nothing_yet():
    records = []

    def look() -> None:
        records.append(world.store.rules[rule("DiskFull").key])

    calls = Interruptions(2, before=look)  # between the first write and the timer
    world = World(configuration(rule("DiskFull")), wrap=calls.wrap)
    world.metric_goes_bad("DiskFull", instance="a")
    world.advance(minutes=1)
    (record,) = records
    assert [dict(each.labels)["instance"] for each in record.telling.values()] == ["a"]
    assert record.active == {}


def test_5_the_next_look_is_announced_before_the_flush_is_committed():
    world = firing_world()
    calls = Interruptions()
    world._wrap = calls.wrap
    world.advance(seconds=31)
    writes = [call for call in calls.calls if not call.startswith("load_")]
    assert writes[:2] == ["announce", "commit"]


def test_5_the_sweep_of_each_tick_finds_a_group_that_nobody_looks_at():
    world = firing_world()
    world.lose_timers()
    world.advance(minutes=2)
    world.expect_page("team", Status.FIRING, Reason.FIRST, at=START + 2 * MINUTE)


# 6. A notification is frozen before it is sent.


def test_6_what_is_sent_was_committed_with_the_group_and_stays_the_same_bytes():
    world = firing_world()
    calls = Interruptions()
    world._wrap = calls.wrap
    world.receiver_fails("team", retryable=False)
    world.advance(minutes=1)
    assert calls.calls.index("commit") < calls.calls.index("publish")
    frozen = dict(world.store.notifications)
    world.metric_goes_bad("DiskFull", instance="a", value=99.0)
    world.configure(configuration(rule("DiskFull", annotations={"summary": "said otherwise"})))
    world.advance(minutes=30)
    assert len(world.topic.messages) > 3
    assert len(set(world.topic.messages)) == 1
    assert world.store.notifications == frozen


@pytest.mark.parametrize("memory", [True, False], ids=["in memory", "in the table"])
def test_6_the_groups_version_its_log_and_the_outbox_are_one_transaction(memory):
    with dynamodb() as client:
        store: Any = MemoryStore() if memory else new_table(client)
        world = World(configuration(rule("DiskFull")), store=store)
        world.metric_goes_bad("DiskFull", instance="a")
        world.advance(minutes=1)
        (group,) = store.active_groups()
        state = store.load_group(group, now=world.now)
        around = Surroundings(world.loaded.configuration.root, world.loaded.configuration)
        flush = decide_flush(state, None, around, now=TOLD_AT)
        store.tell(state.group.identity, [replace(next(iter(state.alerts.values())))], first_flush_at=TOLD_AT)
        with pytest.raises(Exception, match=r"version|ConditionalCheckFailed"):
            store.commit(state.group, flush, now=TOLD_AT)
        assert list(store.load_outbox(group)) == []
        assert store.load_notification(flush.notifications[0].id) is None
        state = store.load_group(group, now=world.now)
        assert (state.group.sent, state.group.seq) == ({}, 0)
        store.commit(state.group, flush, now=TOLD_AT)
        assert [entry.subject for entry in store.load_outbox(group)] == [flush.notifications[0].id]
        assert store.load_group(group, now=world.now).group.sent == flush.group.sent


# 7. A person sees a notification once, and in order.


def test_7_the_claim_comes_before_the_post_and_the_record_after_it():
    world = firing_world()
    calls = Interruptions()
    world._wrap = calls.wrap
    world.advance(seconds=31)
    assert calls.calls[-4:] == ["claim", "send", "record", "confirm"]


def test_7_what_was_delivered_and_what_is_older_is_dropped():
    world = firing_world()
    world.advance(minutes=1)
    world.metric_goes_bad("DiskFull", instance="b")
    world.advance(minutes=10)
    first, second = (from_json(json.loads(message)) for message in world.topic.messages)
    assert notify.run(world.notifier(), second, now=world.now) is notify.Outcome.DUPLICATE
    assert notify.run(world.notifier(), first, now=world.now) is notify.Outcome.STALE
    assert [page.notification.id for page in world.pages] == [first.id, second.id]


def test_7_a_delivery_that_finally_fails_is_visible_counted_and_tried_again_at_the_next_flush():
    world = firing_world()
    world.receiver_fails("team", retryable=False, times=1)
    world.advance(minutes=1)
    (failed,) = world.store.load_deliveries(world.store.active_groups()[0])
    assert (failed.state, failed.outcome) == ("failed", "client error: it was told to fail")
    assert world.log.counts["NotificationsFailed"] == 1
    world.advance(minutes=5)
    world.expect_page("team", Status.FIRING, Reason.FIRST)
    world.expect_silence()
    assert TOLD_AT < world.pages[0].at <= TOLD_AT + 5 * MINUTE, "no later than at the next flush"


# 8. TTL is not a timer.


def test_8_what_has_expired_but_is_still_in_the_table_counts_for_nothing():
    with dynamodb() as client:  # which deletes nothing by itself
        store: Any = new_table(client)
        world = World(configuration(rule("Flaps"), default_cooldown=HOUR), store=store)
        world.metric_goes_bad("Flaps")
        world.advance(minutes=3)
        world.metric_recovers("Flaps")
        world.advance(minutes=10)
        world.metric_goes_bad("Flaps")
        world.advance(minutes=40)
        group = world.pages[0].notification.group
        (cooldown,) = store.load_group(group, now=world.now).cooldowns.values()
        assert len(world.pages) == 2, "held by its cooldown"
        assert store.load_group(group, now=cooldown.until).cooldowns == {}
        world.advance(minutes=20)
        assert [page.notification.reason for page in world.pages[2:]] == [Reason.FIRST]
        world.metric_recovers("Flaps")
        world.advance(minutes=10)
        later = world.now + 30 * timedelta(days=1)
        assert (store.load_rules(now=later), store.load_group(group, now=later)) == ({}, None)


# 9. Nothing is too large.


@dataclass(slots=True)
class RecordingClient:
    """An SNS and an SQS that note what they are given."""

    calls: list[dict[str, Any]] = field(default_factory=list)

    def publish(self, **arguments: Any) -> None:
        self.calls.append(arguments)

    def send_message(self, **arguments: Any) -> None:
        self.calls.append(arguments)


def test_9_five_thousand_alerts_are_one_message_that_sns_takes_and_all_of_them_reach_the_receiver():
    world = World(configuration(rule("DiskFull", annotations={"summary": "{{ $labels.instance }} " + "ü€\"'" * 200})))
    for number in range(5000):
        world.metric_goes_bad("DiskFull", instance=f"{number:04d}")
    world.advance(minutes=2)
    (page,) = world.pages
    assert [name_of(alert) for alert in page.notification.alerts] == [f"DiskFull/{n:04d}" for n in range(5000)]
    client = RecordingClient()
    SnsTopic("arn", lambda: client).publish(world.topic.messages[0])  # type: ignore[arg-type, return-value]
    (call,) = client.calls
    size = len(call["Message"].encode()) + sum(
        len(name) + len(value["StringValue"].encode()) for name, value in call["MessageAttributes"].items()
    )
    assert size <= 256 * 1024
    told = from_json(json.loads(json.loads(call["Message"])["lambda"]))
    assert len(told.alerts) + told.truncated == 5000
    assert len(told.alerts) > 0


def test_9_a_delay_that_is_longer_than_a_queues_hops():
    client = RecordingClient()
    timers = SqsTimers("url", lambda: client)  # type: ignore[arg-type, return-value]
    world = World(configuration(rule("DiskFull")))
    at, now, hops = START + HOUR, START, 0
    timers.announce(GroupId("some group"), at=at, now=now)
    while now < at:
        call = client.calls[-1]
        assert 0 < call["DelaySeconds"] <= 900
        now += timedelta(seconds=call["DelaySeconds"])
        hops += 1
        dispatcher = replace(world.dispatcher(), timers=timers)
        body = json.loads(call["MessageBody"])
        dispatch.run(dispatcher, body["group"], at=datetime.fromisoformat(body["at"]), now=now)
    assert (now, hops, len(client.calls)) == (at, 4, 4)


# 10. Degrade the message, never the page.


@pytest.mark.parametrize(
    "template",
    ["{{ $labels.instance | nosuch }}", "{{ template", "{{ humanize 1 2 3 }}", '{{ query "up" | first | value }}'],
)
def test_10_a_template_that_fails_is_said_in_the_text_of_the_page(template):
    world = World(configuration(rule("DiskFull", annotations={"summary": template, "description": "still there"})))
    world.metric_goes_bad("DiskFull", instance="a")
    world.advance(minutes=3)
    note = world.expect_page("team", Status.FIRING, Reason.FIRST, alerts=["DiskFull/a"])
    assert "error expanding template" in note.alerts[0].annotations["summary"]
    assert note.alerts[0].annotations["description"] == "still there"


# 11. Bad configuration never stops good alerting.


@dataclass(slots=True)
class Files:
    """A source whose file can be changed; the text `bad` has two problems."""

    text: str = "good"

    def revision(self) -> str:
        return self.text

    def read(self) -> dict[str, bytes]:
        return {"tocsin.yml": self.text.encode()}


def parse(files: Any) -> Any:
    if files["tocsin.yml"] == b"bad":
        raise ConfigError([Problem("tocsin.yml", line, f"problem {line}") for line in (3, 7)])
    return configuration(rule("DiskFull"))


def test_11_a_refused_configuration_is_told_of_with_every_reason_while_the_old_one_runs():
    files, log = Files(), MemoryLog()
    current = CurrentConfiguration(files, parse, log)
    world = World(current.current(now=START).configuration)
    files.text = "bad"
    world.loaded = current.current(now=START + HOUR)
    assert world.loaded.refused == "tocsin.yml:3: problem 3\ntocsin.yml:7: problem 7"
    world.metric_goes_bad("DiskFull", instance="a")
    world.advance(minutes=3)
    told = {name_of(page.notification.alerts[0]): page.notification.alerts[0] for page in world.pages}
    assert set(told) == {"DiskFull/a", "TocsinConfigurationRefused"}
    assert told["TocsinConfigurationRefused"].annotations["description"] == world.loaded.refused
    assert world.log.counts["ConfigRefused"] == 3
    files.text = "good"
    assert current.current(now=START + 2 * HOUR).refused == ""


# 12. Secrets stay in Secrets Manager or SSM.


@pytest.mark.parametrize(
    "answer",
    [Response(200, body=b"ok"), Response(404, body=b"no_team"), Response(500), Response(302, {"location": "x"})],
    ids=["delivered", "refused", "failing", "redirected"],
)
def test_12_no_secret_is_logged_stored_or_published(tmp_path, answer):
    secret = "T000-B000-s3cr3t"
    file = tmp_path / "webhook"
    file.write_text(f"https://hooks.slack.com/services/{secret}")
    slack = Integration("team", Kind.SLACK, 0, True, {"api_url_file": str(file)})
    world = firing_world(receivers=[Receiver("team", (slack,))])
    world._inbox.clear()
    world.receiver_fails("team", retryable=False)
    world.advance(seconds=31)
    work, transport = outlets(answer, secrets=Secrets({}, secretsmanager=no_client, ssm=no_client))
    notifier = replace(world.notifier(), sender=SlackSender(work, world.store))
    seen = []
    try:
        notify.run(notifier, from_json(json.loads(world.topic.messages[0])), now=world.now)
    except DeliveryError as error:
        seen.append(repr(error) + str(error) + str(error.__cause__) + str(error.__context__))
    assert secret in transport.requests[0].url
    store = world.store
    seen += [repr(world.log.lines), repr(store.deliveries), repr(store.notifications), repr(world.topic.messages)]
    assert secret not in "\n".join(seen)
    assert len(store.deliveries) == 1


def no_client() -> Any:
    raise AssertionError("no secret is there")


# What idle costs.


def test_a_tick_in_which_nothing_changed_writes_nothing():
    world = firing_world(rule("Slow", hold_for=HOUR), rule("Broken"))
    world.metric_goes_bad("Slow")
    world.query_fails("Broken")
    world.advance(minutes=9, seconds=30)
    writes = world.store.writes
    for _ in range(3):
        world.run_tick(at=world.now)
        world.now += MINUTE
    assert world.store.writes == writes


def test_a_tick_in_which_nothing_changed_is_two_queries_to_the_table():
    with dynamodb() as client:
        store = new_table(client)
        world = World(configuration(rule("DiskFull"), rule("Slow", hold_for=HOUR), rule("Broken")), store=store)
        world.metric_goes_bad("DiskFull", instance="a")
        world.metric_goes_bad("Slow")
        world.query_fails("Broken")
        world.advance(minutes=9, seconds=30)
        with counted_calls(client) as calls:
            world.run_tick(at=world.now)
        assert not set(calls) & set(WRITES)
        assert calls == {"Query": 2}
