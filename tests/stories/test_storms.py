"""Storms: a receiver is told so much in a while; the rest waits its turn, and is neither lost nor told twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.stories.configurations import MINUTE, configuration, limited, receiver, rule
from tests.stories.interruptions import Interruptions
from tests.stories.world import START, Died, Page, World
from tocsin.adapters.memory import MemoryStore
from tocsin.core.alerts import Status
from tocsin.core.configuration import Configuration
from tocsin.core.notifications import Notification, Reason
from tocsin.core.rate_limits import RateLimit, is_exempt
from tocsin.core.receivers import IntegrationKey
from tocsin.core.routing import RouteSpec
from tocsin.pipeline.held_back import HELD_BACK

LIMIT = RateLimit(2, MINUTE)
SECOND = timedelta(seconds=1)
TEAM = IntegrationKey("team/slack/0")


def with_limit(severities: Sequence[str], limit: RateLimit = LIMIT) -> Configuration:
    """Return a configuration with a rule for each severity, whose alerts go to a team that has a limit."""
    rules = [rule(f"Rule{number:02}", severity=severity) for number, severity in enumerate(severities)]
    return configuration(*rules, receivers=[limited(receiver("team"), limit)])


def storm(severities: Sequence[str], *, limit: RateLimit = LIMIT, **options: Any) -> World:
    """Return a world in which all of them fire at once."""
    world = World(with_limit(severities, limit), **options)
    for number in range(len(severities)):
        world.metric_goes_bad(f"Rule{number:02}")
    return world


def is_digest(page: Page) -> bool:
    return page.notification.alerts[0].name == HELD_BACK


def told(world: World, status: Status = Status.FIRING) -> list[str]:
    """Return whose alerts were told, in the order of the messages, digests left out."""
    return [
        page.notification.alerts[0].name
        for page in world.pages
        if not is_digest(page) and page.notification.status is status
    ]


def digests(world: World, status: Status = Status.FIRING) -> list[Notification]:
    return [page.notification for page in world.pages if is_digest(page) and page.notification.status is status]


def test_what_is_too_much_waits_its_turn_and_comes_once() -> None:
    world = storm(["warning"] * 7)
    world.advance(minutes=2)
    assert len(told(world)) == 2
    world.advance(minutes=30)
    assert sorted(told(world)) == [f"Rule{number:02}" for number in range(7)]


def test_each_window_is_used() -> None:
    world = storm(["warning"] * 40)
    world.advance(minutes=45)
    assert len(told(world)) == 40
    # Twenty windows would do; what is tried by chance finds most of them.
    assert max(page.at for page in world.pages) < START + 35 * MINUTE


def test_what_is_grave_never_waits() -> None:
    world = storm(["warning"] * 6 + ["critical"] * 6)
    world.advance(minutes=1, seconds=31)
    grave = [page for page in world.pages if page.notification.severity == "critical"]
    assert len(grave) == 6
    assert len(told(world)) == 8
    # All of them come when they would without a limit.
    assert {page.at for page in grave} == {START + MINUTE + 30 * SECOND}


def test_a_group_of_which_something_is_held_is_told_at_once_when_it_becomes_grave() -> None:
    names, limit = [f"Rule{number:02}" for number in range(5)], RateLimit(1, 10 * MINUTE)
    world = storm(["warning"] * 5, limit=limit)
    world.advance(minutes=2)
    waiting = min(set(names) - set(told(world)))
    world.configure(with_limit(["critical" if name == waiting else "warning" for name in names], limit))
    world.advance(minutes=6)
    first = next(page for page in world.pages if page.notification.alerts[0].name == waiting)
    assert first.notification.severity == "critical"


def test_the_digest_says_what_is_held_and_its_end_that_nothing_is() -> None:
    world = storm(["info", "warning", "warning", "info", "warning"])
    world.advance(minutes=2, seconds=1)
    (said,) = digests(world)
    waiting = {f"Rule{number:02}" for number in range(5)} - set(told(world))
    (alert,) = said.alerts
    assert said.severity == "warning"
    assert alert.annotations["summary"].startswith("Held back: 3 groups with 3 alerts (")
    assert {word.split("]")[1].split()[0] for word in alert.annotations["description"].splitlines()[1:]} == waiting
    world.advance(minutes=30)
    assert len(digests(world)) == 1
    assert len(digests(world, Status.RESOLVED)) == 1
    assert len(told(world)) == 5


def test_what_was_told_is_held_no_more() -> None:
    world = storm(["warning"] * 3)
    world.advance(minutes=2)
    assert len(world.store.load_held(TEAM, now=world.now)) == 1
    world.advance(minutes=6)
    assert len(told(world)) == 3
    assert world.store.load_held(TEAM, now=world.now) == []
    assert len(digests(world, Status.RESOLVED)) == 1


def test_a_digest_waits_for_the_end_of_its_window() -> None:
    world = storm(["warning"] * 4, tick=10 * SECOND)
    world.advance(minutes=4)
    first = next(page for page in world.pages if is_digest(page))
    held_at = max(page.at for page in world.pages if page.at < first.at)
    assert first.at >= LIMIT.window(held_at) + LIMIT.per


def test_what_is_over_before_anybody_heard_of_it_is_never_told() -> None:
    world = storm(["warning"] * 6, limit=RateLimit(2, 20 * MINUTE))
    world.advance(minutes=2)
    before = set(told(world))
    for number in range(6):
        world.metric_recovers(f"Rule{number:02}")
    world.advance(minutes=120)
    assert set(told(world)) == before
    assert sorted(told(world, Status.RESOLVED)) == sorted(before)
    assert world.store.load_held(TEAM, now=world.now) == []
    assert len(digests(world)) == len(digests(world, Status.RESOLVED))


def test_who_has_no_limit_waits_for_nothing() -> None:
    world = World(configuration(*(rule(f"Rule{number:02}", severity="warning") for number in range(6))))
    for number in range(6):
        world.metric_goes_bad(f"Rule{number:02}")
    world.advance(minutes=2)
    assert len(told(world)) == 6


def test_what_cannot_be_read_leaves_the_digest_as_it_is() -> None:
    class Blind(MemoryStore):
        blind = False

        def load_held(self, key: IntegrationKey, *, now: datetime) -> Any:
            if self.blind:
                raise ConnectionError("no table")
            return super().load_held(key, now=now)

    store = Blind()
    world = storm(["warning"] * 40, store=store)
    world.advance(minutes=4)
    assert len(digests(world)) == 1
    store.blind = True
    world.advance(minutes=5)
    assert (len(digests(world)), len(digests(world, Status.RESOLVED))) == (1, 0)


def test_what_is_held_for_days_is_told_however_rare_repeats_are() -> None:
    names, limit = [f"Rule{number:02}" for number in range(27)], RateLimit(1, 60 * MINUTE)
    route = RouteSpec(receiver="team", group_by=("alertname",), repeat_interval=timedelta(days=9))
    rules = [rule(name, severity="warning") for name in names]
    world = World(
        configuration(*rules, route=route, receivers=[limited(receiver("team"), limit)]), tick=timedelta(minutes=20)
    )
    for name in names:
        world.metric_goes_bad(name)
    world.advance(hours=34)
    assert sorted(told(world)) == names
    for name in names:
        world.metric_recovers(name)
    world.advance(hours=34)
    assert sorted(told(world, Status.RESOLVED)) == names
    assert "NotificationsGivenUp" not in world.log.counts
    assert world.store.load_held(TEAM, now=world.now) == []


def test_who_fails_once_there_is_room_is_given_up_as_any_other() -> None:
    world = storm(["warning"] * 3, limit=RateLimit(1, 60 * MINUTE), tick=timedelta(minutes=10))
    world.advance(minutes=30)
    for number in range(3):
        world.metric_recovers(f"Rule{number:02}")
    world.receiver_fails("team", retryable=True)
    world.advance(hours=40)
    assert world.log.counts["NotificationsGivenUp"] > 0
    assert world.store.active_groups() == []


# Whatever happens


@pytest.mark.parametrize("moment", ["before", "after"])
def test_who_dies_at_any_call_loses_nothing(moment: str) -> None:
    def die() -> None:
        raise Died

    def live(calls: Interruptions) -> World:
        world = World(with_limit(["warning"] * 3, RateLimit(1, MINUTE)), wrap=calls.wrap)
        for number in range(3):
            world.metric_goes_bad(f"Rule{number:02}")
        world.advance(minutes=12)
        for number in range(3):
            world.metric_recovers(f"Rule{number:02}")
        world.advance(minutes=30)
        return world

    undisturbed = Interruptions()
    live(undisturbed)
    interesting = [
        number
        for number, call in enumerate(undisturbed.calls)
        if call in ("claim", "take", "hold", "postpone", "record", "release", "send", "confirm", "load_held")
    ]
    assert {"take", "hold", "release", "load_held"} <= set(undisturbed.calls)
    for number in interesting:
        world = live(Interruptions(number, **{moment: die}))
        what = f"died {moment} call {number}, {undisturbed.calls[number]}:\n{world.told()}"
        # A crash between a receiver's answer and our record of it tells it once more.
        may_come_twice = (moment, undisturbed.calls[number]) in (("after", "send"), ("before", "record"))
        for status in Status:
            counts = Counter(told(world, status))
            assert len(counts) == 3, what
            assert sum(counts.values()) <= 3 + may_come_twice, what
        assert world.store.load_held(TEAM, now=world.now) == [], what
        fired, ended = ({each.group for each in digests(world, status)} for status in Status)
        assert fired == ended, what


SEVERITIES = st.lists(st.sampled_from(["info", "warning", "warning", "critical"]), min_size=1, max_size=9)
ENDS = st.lists(st.none() | st.integers(1, 20), min_size=9, max_size=9)


@settings(max_examples=25, deadline=None)
@given(
    severities=SEVERITIES,
    ends=ENDS,
    room=st.integers(1, 3),
    comes_twice=st.booleans(),
    failures=st.integers(0, 4),
)
def test_nothing_is_lost_nothing_comes_twice_and_the_limit_holds(
    severities: list[str], ends: list[int | None], room: int, comes_twice: bool, failures: int
) -> None:
    limit = RateLimit(room, MINUTE)
    world = World(with_limit(severities, limit))
    world.duplicates = comes_twice
    if failures:
        world.receiver_fails("team", retryable=True, times=failures)
    names = [f"Rule{number:02}" for number in range(len(severities))]
    for name, minute in zip(names, ends, strict=False):
        world.metric_goes_bad(name)
        if minute is not None:
            world.at(START + minute * MINUTE + SECOND, partial(world.metric_recovers, name))
    world.advance(hours=2)

    fires = {name for name, minute in zip(names, ends, strict=False) if minute is None}
    firing, resolved = Counter(told(world)), Counter(told(world, Status.RESOLVED))
    # Law 7: once each; who heard that it fires hears that it is over.
    assert set(firing.values()) | set(resolved.values()) <= {1}, world.told()
    assert fires <= firing.keys(), world.told()
    assert resolved.keys() >= firing.keys() - fires, world.told()
    # What a receiver answered 5xx to may have arrived: then its end is told.
    assert len(resolved.keys() - firing.keys()) <= failures, world.told()
    counted = Counter(
        limit.window(page.at) for page in world.pages if not is_digest(page) and not is_exempt(limit, page.notification)
    )
    assert max(counted.values(), default=0) <= room, world.told()
    assert world.store.load_held(TEAM, now=world.now) == []
    assert len(digests(world)) == len(digests(world, Status.RESOLVED))
    _check_digests(world, names)


def _check_digests(world: World, names: Sequence[str]) -> None:
    """What a digest says is held was told to nobody when the tick before it looked."""
    for page in world.pages:
        if is_digest(page) and page.notification.status is Status.FIRING:
            listed = [name for name in names if f"] {name}" in page.notification.alerts[0].annotations["description"]]
            looked_at = page.notification.alerts[0].starts_at
            heard = {
                each.notification.alerts[0].name
                for each in world.pages
                if each.at < looked_at
                and each.notification.status is Status.FIRING
                and each.notification.reason is Reason.FIRST
            }
            assert not heard & set(listed), world.told()
