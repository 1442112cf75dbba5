"""Stories of a receiver that is dead for good while its group lives on: it costs itself, never its group."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial

from tests.stories.configurations import configuration, receiver, rule
from tests.stories.world import START, World
from tocsin.core.alerts import Alert
from tocsin.core.grouping import Flush
from tocsin.core.labels import Labels
from tocsin.core.notifications import Reason, compose
from tocsin.core.receivers import IntegrationKey, Kind
from tocsin.core.routing import RouteSpec
from tocsin.pipeline.dispatch import MOST_OWED

HOUR = timedelta(hours=1)
AT_ONCE = 2
DEAD = "team/webhook/1"


def churning(*, hours: int, every: timedelta = timedelta(minutes=30)) -> World:
    """Return a world in which one alert always fires and others come and go, at a receiver that is half dead."""
    half = receiver("team", Kind.PAGERDUTY, Kind.WEBHOOK)
    world = World(configuration(rule("Crash"), route=RouteSpec(receiver="team", group_by=()), receivers=[half]))
    world.receiver_fails(DEAD, retryable=True)
    world.metric_goes_bad("Crash", pod="always")
    for number in range(int(hours * HOUR / every)):
        begins = world.now + number * every
        for each in range(AT_ONCE):
            pod = f"p{number}-{each}"
            world.at(begins, partial(world.metric_goes_bad, "Crash", pod=pod))
            world.at(begins + every, partial(world.metric_recovers, "Crash", pod=pod))
    return world


def resolved_in_newest(world: World, key: str) -> int:
    """Return how many ended alerts there are in what was composed last for an integration."""
    (group,) = world.store.groups.values()
    full = world.store.load_notification(group.group.sent[IntegrationKey(key)].notification_id)
    assert full is not None
    return int(full["resolved_count"])


def test_what_a_dead_receiver_is_owed_stops_growing_after_a_day_and_giving_up_is_counted() -> None:
    world = churning(hours=27)
    world.advance(hours=23)
    owed = resolved_in_newest(world, DEAD)
    assert owed > 22 * 2 * AT_ONCE, "all that ended within a day is still owed"
    assert "NotificationsGivenUp" not in world.log.counts
    world.advance(hours=4)
    assert owed < resolved_in_newest(world, DEAD) <= (24 * 2 + 2) * AT_ONCE
    assert world.log.counts["NotificationsGivenUp"] > 0
    assert sum(int(str(each["alerts"])) for each in world.log.events("ends_given_up")) > 2 * 2 * AT_ONCE
    told = [page for page in world.pages if page.notification.integration.kind is Kind.PAGERDUTY]
    assert len(told) > 26 * 2


def test_a_receiver_that_is_back_hears_of_a_days_ends_and_of_nothing_twice() -> None:
    world = churning(hours=26)
    world.advance(hours=26)
    world.receiver_works(DEAD)
    world.advance(minutes=30)
    told = [page for page in world.pages if page.notification.integration.kind is Kind.WEBHOOK]
    ends = [alert.labels["pod"] for page in told for alert in page.notification.alerts if alert.ends_at]
    assert len(ends) == len(set(ends)) >= 23 * 2 * AT_ONCE


def test_a_dead_receiver_is_owed_so_many_ends_at_most_and_the_newest() -> None:
    world = churning(hours=0)
    world.advance(minutes=7)
    (identity,) = world.store.groups
    group = world.store.groups[identity].group
    ends = [world.now - number * timedelta(seconds=1) for number in range(MOST_OWED + 10)]
    alerts = [
        Alert(Labels({"alertname": "Crash", "pod": f"p{number}"}), {}, START, end, end)
        for number, end in enumerate(ends)
    ]
    (_, webhook) = world.loaded.configuration.receivers["team"].integrations
    frozen = compose(
        group.identity,
        webhook,
        alerts,
        seq=group.seq + 1,
        reason=Reason.NEW_RESOLVED,
        retry_after=timedelta(minutes=5),
        incident=None,
        step=None,
        external_url="",
        now=world.now,
    )
    world.store.commit(group, Flush(replace(group, seq=group.seq + 1), notifications=(frozen,)), now=world.now)
    world.metric_goes_bad("Crash", pod="new")
    world.advance(minutes=6)
    assert resolved_in_newest(world, DEAD) == MOST_OWED
    (given_up,) = world.log.events("ends_given_up")
    assert given_up["alerts"] == 10
