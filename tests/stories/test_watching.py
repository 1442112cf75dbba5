"""Stories of Tocsin watching itself: the watchdog that always arrives, the canary once a day, and what is missing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.stories.configurations import configuration, policy, receiver, rule
from tests.stories.world import START, World
from tocsin.core.alerts import Status
from tocsin.core.configuration import Configuration
from tocsin.core.notifications import Reason
from tocsin.core.receivers import Integration, Kind, Receiver
from tocsin.core.routing import RouteSpec
from tocsin.core.watching import CANARY, CANARY_MISSING, WATCHDOG, WATCHDOG_RECEIVER, Canary

HEARTBEAT = Receiver(WATCHDOG_RECEIVER, (Integration(WATCHDOG_RECEIVER, Kind.HEARTBEAT, 0, send_resolved=False),))
# Stories begin at 3:00 UTC.
AT = time(4, 0)
DUE = START + timedelta(hours=1)


def watched(*rules: str, **more: Any) -> Configuration:
    made = configuration(*map(rule, rules), receivers=[HEARTBEAT], **more)
    return replace(made, has_watchdog=True)


def with_canary(*receivers: str, at: Canary | None = None, **more: Any) -> Configuration:
    kinds = {"pager": Kind.PAGERDUTY, "chat": Kind.SLACK}
    made = configuration(rule("DiskFull"), receivers=[receiver(name, kinds[name]) for name in kinds], **more)
    return replace(made, canary=at or Canary(receivers, AT))


class TestWatchdog:
    def test_it_arrives_every_ten_minutes_and_nobody_else_is_told(self):
        world = World(watched())
        world.advance(minutes=45)
        first = START + timedelta(minutes=1)
        world.expect_page(WATCHDOG_RECEIVER, Status.FIRING, Reason.FIRST, alerts=[WATCHDOG], at=first)
        for number in range(1, 5):
            at = first + timedelta(minutes=10 * number)
            world.expect_page(WATCHDOG_RECEIVER, Status.FIRING, Reason.REPEAT, alerts=[WATCHDOG], at=at)
        world.expect_silence()
        assert world.log.counts["WatchdogDelivered"] == 5
        assert {"Notifications", "NotificationsDelivered"}.isdisjoint(world.log.counts)

    def test_it_needs_no_metrics(self):
        world = World(watched("DiskFull"))
        world.query_fails("DiskFull")
        world.advance(minutes=12)
        assert world.log.counts["WatchdogDelivered"] == 2

    def test_a_tick_between_two_arrivals_writes_nothing(self):
        world = World(watched())
        world.advance(minutes=5)
        before = world.record(WATCHDOG)
        groups = dict(world.store.groups)
        world.advance(minutes=5)
        assert (world.record(WATCHDOG), world.store.groups) == (before, groups)

    def test_it_opens_no_incident_even_where_a_policy_is_for_everything(self):
        world = World(watched(policies=[policy((0, "team"))]))
        world.advance(minutes=30)
        assert world.escalations.started == []
        assert {page.receiver for page in world.pages} == {WATCHDOG_RECEIVER}

    def test_where_deliveries_fail_it_is_not_counted(self):
        world = World(watched())
        world.receiver_fails(WATCHDOG_RECEIVER, retryable=True)
        world.advance(minutes=30)
        assert "WatchdogDelivered" not in world.log.counts
        world.receiver_works(WATCHDOG_RECEIVER)
        world.advance(minutes=15)
        assert world.log.counts["WatchdogDelivered"] >= 1

    def test_it_ends_silently_where_it_is_switched_off(self):
        world = World(watched())
        world.advance(minutes=5)
        world.configure(configuration())
        told = len(world.pages)
        world.advance(hours=2)
        assert len(world.pages) == told
        assert world.record(WATCHDOG).active == {}
        assert world.log.counts["WatchdogDelivered"] == 1

    def test_it_comes_back_where_it_is_switched_on_again(self):
        world = World(watched())
        world.advance(minutes=5)
        world.configure(configuration())
        world.advance(minutes=30)
        world.configure(watched())
        world.advance(minutes=2)
        assert world.log.counts["WatchdogDelivered"] == 2


class TestCanary:
    def test_it_is_told_once_a_day_to_whoever_was_chosen(self):
        world = World(with_canary("pager", "chat"))
        world.advance(days=2)
        told = [(page.receiver, page.at) for page in world.pages if page.notification.status is Status.FIRING]
        days = [DUE, DUE + timedelta(days=1)]
        assert sorted(told) == sorted((name, day) for name in ("pager", "chat") for day in days)
        assert {page.notification.alerts[0].name for page in world.pages} == {CANARY}

    def test_it_says_that_it_is_a_test_and_ends_by_itself(self):
        world = World(with_canary("pager"))
        world.advance(hours=2)
        told = world.expect_page("pager", Status.FIRING, Reason.FIRST, alerts=[CANARY], at=DUE)
        assert "test" in told.alerts[0].annotations["summary"]
        # Its group is its own, whatever others are grouped by: messages are titled by this.
        assert told.group_labels == {"alertname": CANARY, "severity": "info"}
        world.expect_page("pager", Status.RESOLVED, Reason.ALL_RESOLVED, resolved=[CANARY])
        world.expect_silence()
        assert "CanariesMissing" not in world.log.counts

    def test_events_that_come_twice_tell_it_once(self):
        world = World(with_canary("pager"))
        world.duplicates = True
        world.advance(hours=1)
        for _ in range(3):
            world.run_tick()
        world.advance(hours=1)
        assert [page.notification.status for page in world.pages] == [Status.FIRING, Status.RESOLVED]

    def test_a_tick_that_was_missed_does_not_cost_the_day(self):
        world = World(with_canary("pager"), tick=timedelta(minutes=7))
        world.advance(hours=2)
        world.expect_page("pager", Status.FIRING, Reason.FIRST, alerts=[CANARY])

    def test_one_that_does_not_arrive_is_told_to_the_others_until_it_does(self):
        world = World(with_canary("pager", "chat"))
        world.receiver_fails("pager", retryable=True)
        world.advance(hours=1, minutes=20)
        world.expect_page("chat", Status.FIRING, Reason.FIRST, alerts=[CANARY], at=DUE)
        told = world.expect_page("team", Status.FIRING, Reason.FIRST, alerts=[CANARY_MISSING])
        assert told.alerts[0].labels["receiver"] == "pager"
        assert told.alerts[0].starts_at == DUE + timedelta(minutes=15)
        assert world.log.counts["CanariesMissing"] >= 5
        assert world.log.counts["NotificationsFailed"] >= 1
        world.advance(hours=3)
        assert world.record(CANARY_MISSING).active
        world.receiver_works("pager")
        world.advance(minutes=30)
        assert {(page.receiver, page.notification.status) for page in world.pages[2:]} >= {
            ("pager", Status.FIRING),
            ("team", Status.RESOLVED),
        }
        assert not world.record(CANARY_MISSING).active
        assert not world.record(CANARY).active

    def test_a_receiver_that_is_down_for_days_is_tried_each_day(self):
        world = World(with_canary("pager", "chat"))
        world.receiver_fails("pager", retryable=True)
        world.advance(days=3)
        assert world.record(CANARY_MISSING).active
        told = [
            page.at for page in world.pages if page.receiver == "chat" and page.notification.status is Status.FIRING
        ]
        assert len(told) == 3
        world.receiver_works("pager")
        world.advance(days=1, minutes=30)
        assert any(page.receiver == "pager" for page in world.pages)
        assert not world.record(CANARY_MISSING).active

    def test_one_that_finally_fails_is_missing_too(self):
        world = World(with_canary("pager"))
        world.receiver_fails("pager", retryable=False)
        world.advance(hours=1, minutes=20)
        world.expect_page("team", Status.FIRING, Reason.FIRST, alerts=[CANARY_MISSING])

    def test_silencing_it_is_no_failure(self):
        world = World(with_canary("pager"))
        world.silence(minutes=180, alertname=CANARY)
        world.advance(hours=2)
        world.expect_silence()
        assert "CanariesMissing" not in world.log.counts

    def test_it_is_not_mixed_with_what_else_the_receiver_is_told(self):
        route = RouteSpec(receiver="pager", group_wait=timedelta(minutes=10))
        world = World(with_canary("pager", route=route))
        world.advance(minutes=55)
        world.metric_goes_bad("DiskFull", instance="a")
        world.advance(hours=1)
        world.expect_page("pager", Status.FIRING, Reason.FIRST, alerts=[CANARY], at=DUE)
        world.expect_page("pager", Status.FIRING, Reason.FIRST, alerts=["DiskFull/a"])

    def test_a_long_cooldown_does_not_hold_it(self):
        world = World(with_canary("pager", default_cooldown=timedelta(days=7)))
        world.advance(days=3)
        assert len([page for page in world.pages if page.notification.status is Status.FIRING]) == 3

    def test_where_its_groups_cannot_be_read_nothing_changes_and_the_rest_is_evaluated(self):
        world = World(with_canary("pager"))
        world.metric_goes_bad("DiskFull", instance="a")
        world.advance(hours=1)
        told = len(world.pages)

        def fail(*_: object, **__: object) -> None:
            raise OSError("the table is busy")

        broken: Any = _Failing(world.store, fail)
        evaluator = replace(world.evaluator(), groups=broken)
        world.evaluator = lambda: evaluator  # type: ignore[method-assign]
        world.advance(minutes=20)
        assert ("error", "canary_not_checked") in [line[:2] for line in world.log.lines]
        assert world.log.counts["TickCompleted"] >= 79
        assert not any(page.notification.alerts[0].name == CANARY_MISSING for page in world.pages[told:])


class _Failing:
    """Groups that cannot be loaded."""

    def __init__(self, store: Any, fail: Any) -> None:
        self._store = store
        self.load_group = fail

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("name", "location", "at", "now", "due"),
    [
        ("at the instant itself", None, time(9), "2026-11-20T09:00", "2026-11-20T09:00"),
        ("before it, it was yesterday", None, time(9), "2026-11-20T08:59", "2026-11-19T09:00"),
        ("a local day begins earlier", BERLIN, time(0, 30), "2026-11-19T23:40", "2026-11-19T23:30"),
        ("in summer the clock is two hours ahead", BERLIN, time(9), "2026-07-01T12:00", "2026-07-01T07:00"),
        ("a time that there is twice is the first", BERLIN, time(2, 30), "2026-10-25T01:45", "2026-10-25T00:30"),
        ("a time that there is not is the hour's shift", BERLIN, time(2, 30), "2026-03-29T12:00", "2026-03-29T01:30"),
    ],
)
def test_when_it_was_last_due(name: str, location: ZoneInfo | None, at: time, now: str, due: str) -> None:
    instant = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert Canary(("a",), at, location).last_due(instant) == datetime.fromisoformat(due).replace(tzinfo=UTC), name
