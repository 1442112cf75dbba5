"""What the notifier may rely on of rate limits, in memory and on the table alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.adapters.samples import alert, notification
from tests.adapters.stores import Store, dynamodb, new_table
from tests.stories.configurations import configuration, rule
from tests.stories.world import World
from tocsin.adapters.memory import MemoryStore
from tocsin.core.alerts import Status
from tocsin.core.notifications import Notification
from tocsin.core.rate_limits import RateLimit
from tocsin.core.receivers import IntegrationKey, Kind
from tocsin.core.routing import GroupId

NOW = datetime(2026, 11, 20, 3, 5, 10, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LIMIT = RateLimit(2, MINUTE)


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with dynamodb() as client:
        yield client


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest) -> Store:
    return MemoryStore() if request.param == "memory" else new_table(request.getfixturevalue("client"))


def told(number: int, *, kind: Kind = Kind.SLACK, resolved: bool = False) -> Notification:
    """Return a notification of a group of its own."""
    given = notification(kind, alert(resolved=resolved), incident=None)
    return replace(given, id=f"{number:032x}", group=GroupId(f"group-{number}"))


def test_a_window_has_so_many_places(store: Store) -> None:
    assert [store.take(told(number), LIMIT, now=NOW) for number in range(4)] == [True, True, False, False]


def test_who_has_a_place_has_it_again(store: Store) -> None:
    for number in range(2):
        store.take(told(number), LIMIT, now=NOW)
    assert store.take(told(0), LIMIT, now=NOW + timedelta(seconds=30))
    assert not store.take(told(2), LIMIT, now=NOW)


def test_the_next_window_has_places_again(store: Store) -> None:
    for number in range(3):
        store.take(told(number), LIMIT, now=NOW)
    assert store.take(told(2), LIMIT, now=datetime(2026, 11, 20, 3, 6, tzinfo=UTC))


def test_each_integration_has_its_own(store: Store) -> None:
    for number in range(3):
        store.take(told(number), LIMIT, now=NOW)
    assert store.take(told(3, kind=Kind.WEBHOOK), LIMIT, now=NOW)


def key(number: int = 0) -> IntegrationKey:
    return told(number).key


def test_of_a_group_the_newest_is_held_since_the_first(store: Store) -> None:
    store.hold(told(1), LIMIT, now=NOW)
    store.hold(told(1, resolved=True), LIMIT, now=NOW + 3 * MINUTE)
    store.hold(told(2), LIMIT, now=NOW + MINUTE)
    first, second = store.load_held(key(), now=NOW + 3 * MINUTE)
    assert (first.group, first.since, first.status) == ("group-1", NOW.replace(second=0), Status.RESOLVED)
    assert (second.since, second.status) == (NOW.replace(second=0) + MINUTE, Status.FIRING)
    assert (second.severity, second.alerts) == ("critical", 1)
    assert second.title == "[FIRING:1] HighErrorRate (service=checkout)"


def test_what_is_released_is_held_no_more(store: Store) -> None:
    store.hold(told(1), LIMIT, now=NOW)
    store.hold(told(2), LIMIT, now=NOW)
    store.release(told(1))
    store.release(told(3))
    assert [each.group for each in store.load_held(key(), now=NOW)] == ["group-2"]


def test_what_nobody_has_held_anew_for_long_is_gone(store: Store) -> None:
    store.hold(told(1), LIMIT, now=NOW)
    forgotten_at = LIMIT.forgotten_at(NOW)
    assert forgotten_at > LIMIT.next_try("f" * 32, NOW)
    assert len(store.load_held(key(), now=forgotten_at - timedelta(seconds=1))) == 1
    assert list(store.load_held(key(), now=forgotten_at)) == []
    store.hold(told(1), LIMIT, now=forgotten_at)
    assert [each.since for each in store.load_held(key(), now=forgotten_at)] == [LIMIT.window(forgotten_at)]


# What is held is published again when it may have a place


def test_what_was_published_and_is_not_confirmed_is_postponed(store: Store) -> None:
    world = World(configuration(rule("DiskFull")), store=store)
    world.receiver_fails("team", retryable=False)
    world.metric_goes_bad("DiskFull")
    world.advance(minutes=2)
    (group,) = store.active_groups()
    (entry,) = store.load_outbox(group)
    assert entry.held_until is None
    later = world.now + 7 * MINUTE
    store.postpone(entry, retry_at=later)
    assert [(each.retry_at, each.held_until) for each in store.load_outbox(group)] == [(later, later)]
    store.confirm(entry)
    store.postpone(entry, retry_at=later + MINUTE)
    assert store.load_outbox(group) == []
