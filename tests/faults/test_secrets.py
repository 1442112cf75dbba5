"""A receiver's secret is gone for a while, or is exchanged for another, while alerts fire.

What was due arrives once the secret is there again, once, and of it what is still true; a new secret is used without
a deploy: at once where the old one is refused, within the time that it is kept where both are good.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from tests.faults.town import Mood, Shop, Told, Town, town_receiver
from tests.stories.configurations import MINUTE, configuration, rule
from tests.stories.world import World
from tocsin.adapters.http import Request, Response
from tocsin.adapters.secrets import Secrets
from tocsin.core.alerts import Status
from tocsin.core.receivers import Kind
from tocsin.core.routing import RouteSpec

OLD, NEW = ("https://{0}.example.org/old", "https://{0}.example.org/new")
KEPT = timedelta(minutes=5)
# The next try of what is in the outbox, and the tick whose sweep has it tried.
PROMPT = 7 * MINUTE


@dataclass(slots=True)
class Manager:
    """A Secrets Manager with one secret; `text` may be an error's code."""

    text: str
    reads: list[str] = field(default_factory=list)

    def get_secret_value(self, SecretId: str) -> dict[str, Any]:  # boto3's name
        self.reads.append(SecretId)
        if self.text.endswith("Exception"):
            raise ClientError({"Error": {"Code": self.text, "Message": "no"}}, "GetSecretValue")
        return {"SecretString": self.text}


def stored(url: str) -> str:
    return json.dumps({"x": url.format("team")})


def secrets(manager: Manager) -> Secrets:
    names = {kind.value: f"arn:{kind.value}" for kind in (Kind.SLACK, Kind.WEBHOOK)}
    return Secrets(names, secretsmanager=lambda: cast(Any, manager), ssm=lambda: cast(Any, None), keep=KEPT)


def town_of(kind: Kind, *, is_warm: bool) -> tuple[World, Town, Manager]:
    """Return a world with one receiver, whose function is warm (and keeps what it has read) or cold each time."""
    manager = Manager(stored(OLD))
    route = RouteSpec(receiver="team", group_by=("alertname",))
    rules = [rule(name) for name in ("Began", "Comes", "Passes")]
    world = World(configuration(*rules, route=route, receivers=[town_receiver(kind)]))
    warm = secrets(manager)
    return world, Town(world, lambda: warm if is_warm else secrets(manager)), manager


def names(told: list[Told]) -> list[tuple[str, Status]]:
    return sorted((name, each.status) for each in told for name in each.firing | each.resolved)


GONE = {
    "the secret is gone": "ResourceNotFoundException",
    "nobody may read it": "AccessDeniedException",
    "the service is too busy": "ThrottlingException",
    "its key is gone": "{}",
    "its value is empty": '{"x": ""}',
    "it is no JSON": "soon",
}


@pytest.mark.parametrize("kind", [Kind.SLACK, Kind.WEBHOOK])
@pytest.mark.parametrize("is_warm", [False, True], ids=["cold", "warm"])
@pytest.mark.parametrize("gone", GONE.values(), ids=GONE.keys())
def test_what_was_due_while_a_secret_was_gone_arrives_after_and_once(gone: str, is_warm: bool, kind: Kind) -> None:
    world, town, manager = town_of(kind, is_warm=is_warm)
    shop = town.at(kind.value)
    world.metric_goes_bad("Began")
    world.advance(minutes=10)
    manager.text = gone
    world.advance(minutes=10)  # what is kept is over by now
    before = list(shop.told)
    assert names(before) == [("Began", Status.FIRING)]
    for name in ("Comes", "Passes"):
        world.metric_goes_bad(name)
    world.metric_recovers("Began")
    world.advance(minutes=20)
    world.metric_recovers("Passes")
    world.advance(minutes=10)
    is_kept = gone == "ThrottlingException" and is_warm  # what was good a while ago most likely still is
    if not is_kept:
        assert shop.told == before
        assert world.log.counts["NotificationsFailed"] >= 2
    manager.text = stored(OLD)
    restored = world.now
    world.advance(hours=2)
    after = [each for each in shop.told if each not in before]
    passed = [("Passes", Status.FIRING), ("Passes", Status.RESOLVED)] if is_kept else []
    assert names(after) == sorted([("Began", Status.RESOLVED), ("Comes", Status.FIRING), *passed])
    assert all(each.at <= restored + PROMPT for each in after)


def knows(*urls: str) -> Mood:
    """Return a receiver that takes what comes to these addresses, and refuses all else."""

    def mood(shop: Shop, request: Request) -> tuple[Response, bool]:
        is_known = request.url in {url.format("team") for url in urls}
        shop.urls.append(request.url)
        return (shop.accepts(), True) if is_known else (Response(403, {}, b"no"), False)

    return cast(Mood, mood)


@pytest.mark.parametrize("kind", [Kind.SLACK, Kind.WEBHOOK])
def test_a_secret_that_is_exchanged_is_used_at_once_where_the_old_one_is_refused(kind: Kind) -> None:
    world, town, manager = town_of(kind, is_warm=True)
    shop = town.at(kind.value)
    shop.mood = knows(OLD)
    world.metric_goes_bad("Began")
    world.advance(minutes=2)
    manager.text, shop.mood = stored(NEW), knows(NEW)
    world.metric_goes_bad("Comes")
    world.advance(minutes=2)
    assert names(shop.told) == [("Began", Status.FIRING), ("Comes", Status.FIRING)]
    assert "NotificationsFailed" not in world.log.counts
    assert len(manager.reads) == 2


@pytest.mark.parametrize("kind", [Kind.SLACK, Kind.WEBHOOK])
def test_where_both_are_good_the_new_one_is_used_once_the_old_one_is_kept_no_more(kind: Kind) -> None:
    world, town, manager = town_of(kind, is_warm=True)
    shop = town.at(kind.value)
    shop.mood = knows(OLD, NEW)
    world.metric_goes_bad("Began")
    world.advance(minutes=2)
    manager.text, changed = stored(NEW), world.now
    world.metric_goes_bad("Comes")
    world.advance(minutes=2)
    world.at(changed + KEPT, lambda: world.metric_goes_bad("Passes"))
    world.advance(minutes=10)
    assert [url.rpartition("/")[2] for url in shop.urls] == ["old", "old", "new"]
    assert len(shop.told) == 3


def test_a_secret_that_is_gone_is_said_without_its_value() -> None:
    world, _, manager = town_of(Kind.SLACK, is_warm=False)
    manager.text = "ResourceNotFoundException"
    world.metric_goes_bad("Began")
    world.advance(minutes=3)
    failed = world.log.events("notification_failed")
    assert failed
    assert all("secret:slack#x" in str(each["error"]) for each in failed)
