"""A receiver fails for an hour, in which alerts begin, end and repeat: afterwards everybody hears what is true, once.

What is expected, of the receiver that failed:
- who was told that something fires hears that it is over, if it is;
- what began meanwhile and still fires is told, once; what is repeated, once;
- what began and ended meanwhile is told to nobody, as Alertmanager has it; but where a message may have arrived, its
  end is told: an incident that nobody closes is worse than a line too many.
Of the others: that they hear everything as if nothing were wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from tests.faults.town import OUTAGES, Outage, Told, Town, in_order, town_receiver
from tests.stories.configurations import MINUTE, configuration, rule
from tests.stories.world import World
from tocsin.core.alerts import Status
from tocsin.core.receivers import Kind
from tocsin.core.routing import RouteSpec

BEGAN, REPEATS, ENDS, COMES, PASSES, FLAPS = "Began", "Repeats", "Ends", "Comes", "Passes", "Flaps"
NAMES = (BEGAN, REPEATS, ENDS, COMES, PASSES, FLAPS)
KINDS = (Kind.SLACK, Kind.PAGERDUTY, Kind.WEBHOOK)
# How long after the outage everything has been told: the next try, and a sweep.
PROMPT = 7 * MINUTE


def situation(**route: Any):
    spec = RouteSpec(receiver="team", repeat_interval=timedelta(minutes=20), **route)
    return configuration(*map(rule, NAMES), receivers=[town_receiver(*KINDS)], route=spec)


@dataclass(frozen=True, slots=True)
class Hour:
    """An hour of failure, as one receiver and its neighbours lived it."""

    town: Town
    began: datetime
    ended: datetime
    until: datetime

    def after(self, name: str) -> list[Told]:
        return [each for each in self.town.at(name).told if each.at >= self.ended]

    def asked(self, name: str) -> int:
        return sum(self.began <= at < self.ended for at in self.town.at(name).asked)


def live(failing: str | None, outage: Outage | None, **route: Any) -> Hour:
    """Live through it: `failing` is the shop in whose street it happens."""
    world = World(situation(**route))
    town = Town(world)
    for name in (BEGAN, REPEATS, ENDS):
        world.metric_goes_bad(name)
    world.advance(minutes=10)
    began = world.now
    if failing and outage:
        town.at(failing).mood = outage.mood
    world.metric_recovers(ENDS)
    world.metric_goes_bad(FLAPS)
    world.advance(minutes=10)
    for name in (COMES, PASSES):
        world.metric_goes_bad(name)
    world.metric_recovers(FLAPS)
    world.advance(minutes=15)
    world.metric_recovers(PASSES)
    world.metric_goes_bad(FLAPS)
    world.advance(minutes=35)
    ended = world.now
    if failing:
        town.at(failing).mood = in_order
    world.advance(minutes=19)
    until = world.now
    for name in (BEGAN, REPEATS, COMES, FLAPS):
        world.metric_recovers(name)
    world.advance(hours=1)
    assert world.store.active_groups() == []
    return Hour(town, began, ended, until)


def believed(told: list[Told]) -> dict[str, Status]:
    """Return what who was told this believes of each alert."""
    facts: dict[str, Status] = {}
    for each in told:
        facts |= dict.fromkeys(each.firing, Status.FIRING) | dict.fromkeys(each.resolved, Status.RESOLVED)
    return facts


def check(hour: Hour, failing: str, outage: Outage) -> None:
    """Fail where the receiver that failed heard something else than what is true, or any of it twice."""
    shop = hour.town.at(failing)
    after = [each for each in hour.after(failing) if each.at < hour.until]
    facts = believed(after)
    for name, status in ((COMES, Status.FIRING), (FLAPS, Status.FIRING), (ENDS, Status.RESOLVED)):
        assert facts.get(name) is status, name + show(after)
    assert not any(PASSES in each.firing for each in after), "told of what is over" + show(after)
    assert all(status is Status.RESOLVED for status in believed(shop.told).values()), show(shop.told)
    for group in {each.group for each in after}:
        told = [each for each in after if each.group == group]
        assert told[0].at <= hour.ended + PROMPT + outage.patience, show(told)
        assert sum(each.decided_at < hour.ended for each in told) <= 1, "one word for each group" + show(told)
        decided = [each.decided_at for each in shop.told if each.group == group]
        assert decided == sorted(decided), "out of order" + show(told)
    ids = [each.id for each in (after if outage.takes else shop.told)]
    assert len(ids) == len(set(ids)), show(shop.told)


def show(told: list[Told]) -> str:
    return "".join(f"\n{each}" for each in told[-12:])


@pytest.fixture(scope="module", params=["by name", "all in one"])
def grouping(request) -> tuple[dict[str, Any], Hour]:
    route: dict[str, Any] = {"group_by": ("alertname",)} if request.param == "by name" else {}
    return route, live(None, None, **route)


def cases() -> Iterator[object]:
    for number, name in enumerate(OUTAGES):
        # Each outage at one kind of receiver; all of them at each kind in `make chaos`.
        for position, kind in enumerate(("slack", "pagerduty", "webhook")):
            marks = [] if position == number % 3 else [pytest.mark.chaos]
            yield pytest.param(kind, OUTAGES[name], id=f"{kind} {name}", marks=marks)


@pytest.mark.parametrize(("failing", "outage"), list(cases()))
def test_an_hour_in_which_a_receiver(grouping, failing, outage):
    route, undisturbed = grouping
    hour = live(failing, outage, **route)
    check(hour, failing, outage)
    if "group_by" in route:
        is_told = any(PASSES in each.resolved for each in hour.after(failing))
        assert is_told is outage.is_ambiguous, show(hour.after(failing))
    for other in {"slack", "pagerduty", "webhook"} - {failing}:
        assert hour.town.at(other).told == undisturbed.town.at(other).told, f"{other} is none of {failing}'s business"


@pytest.mark.parametrize("outage", [OUTAGES["refuses connections"], OUTAGES["answers 404"]], ids=["refuses", "404"])
def test_a_group_that_is_looked_at_twice_a_day_need_not_wait_half_a_day_for_its_receiver(outage):
    route = RouteSpec(receiver="team", group_interval=timedelta(hours=12))
    world = World(configuration(rule(COMES), receivers=[town_receiver(Kind.SLACK)], route=route))
    town = Town(world)
    town.at("slack").mood = outage.mood
    world.metric_goes_bad(COMES)
    world.advance(hours=1)
    assert town.at("slack").told == []
    town.at("slack").mood = in_order
    works_at = world.now
    world.advance(hours=2)
    (told,) = town.at("slack").told
    assert told.at <= works_at + PROMPT


def test_a_receiver_that_asks_for_patience_is_left_in_peace_and_no_dead_letter_is_made_of_it():
    world = World(configuration(rule(COMES), receivers=[town_receiver(Kind.SLACK)]))
    town = Town(world)
    town.at("slack").mood = OUTAGES["answers 429 with Retry-After: 900"].mood
    world.metric_goes_bad(COMES)
    world.advance(minutes=46)
    asked = town.at("slack").asked
    assert len(asked) == 3
    assert all(later - earlier >= timedelta(minutes=15) for earlier, later in pairwise(asked))
    assert world.dead_letters == []


def test_a_receiver_that_is_slow_but_takes_it_hears_it_once():
    """Half a minute of silence is waited for; only a receiver that never answers hears it again."""
    world = World(configuration(rule(COMES), receivers=[town_receiver(Kind.SLACK)]))
    town = Town(world)
    shop = town.at("slack")
    shop.mood = OUTAGES["takes it and never answers"].mood
    world.metric_goes_bad(COMES)
    world.advance(minutes=2)
    assert len(shop.told) == 1, "one invocation asks once where it has waited for as long as it may"
