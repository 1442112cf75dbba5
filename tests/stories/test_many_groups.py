"""Rules with more groups than a tick has time for: each is told once, in the end, and no other rule waits for that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from tests.stories.configurations import MINUTE, configuration, equal, receiver, rule
from tests.stories.interruptions import Interruptions, Proxy
from tests.stories.world import START, Died, World
from tocsin.adapters.memory import MemoryStore
from tocsin.core.alerts import Status
from tocsin.core.configuration import Configuration
from tocsin.core.inhibition import InhibitRule, InhibitSource
from tocsin.core.notifications import Reason
from tocsin.core.routing import GroupIdentity, RouteSpec
from tocsin.core.rules import Rule, Sample
from tocsin.pipeline import evaluate
from tocsin.pipeline.patience import Patience
from tocsin.ports import MOST_SERIES, Health, LoadedConfiguration

MANY = 400
SECOND = timedelta(seconds=1)
ROUTE = RouteSpec(receiver="team", group_by=("alertname", "instance"), group_wait=10 * SECOND)


@dataclass
class Clock:
    """Counts the calls of a tick as its seconds; a tick that makes more than it can dies."""

    patience: float
    deadly: float
    calls: int = 0

    def run(self, name: str, work: Callable[[], Any]) -> Any:
        self.calls += 1
        if self.calls > self.deadly:
            raise Died
        return work()


def many(
    *, patience: float = 300, deadly: float = 400, rules: tuple[Rule, ...] = (), store: Any = None, **more: Any
) -> World:
    """Return a world in which a tick has time for so many calls, and dies at more."""
    clock = Clock(patience, deadly)
    is_tick: list[bool] = []

    def run(name: str, work: Callable[[], Any]) -> Any:
        return clock.run(name, work) if is_tick else work()

    def tick(world: evaluate.Evaluator, loaded: LoadedConfiguration, *, now: Any) -> evaluate.TickOutcome:
        clock.calls = 0
        is_tick.append(True)
        try:
            hurried = replace(world, patience=Patience(lambda: clock.calls, clock.patience))
            return evaluate.run(hurried, loaded, now=now)
        finally:
            is_tick.clear()

    settings = configured(*(rules or (rule("Many"), rule("Other"))), **more)
    world = World(settings, wrap=lambda target: Proxy(target, run), store=store)
    world.evaluate = tick  # type: ignore[assignment]
    world.metrics.results = {each.expr: () for each in settings.rules()}
    return world


def configured(*rules: Rule, inhibit: tuple[InhibitRule, ...] = (), **more: Any) -> Configuration:
    return replace(configuration(*rules, route=ROUTE, **more), inhibit_rules=inhibit)


def storm(world: World, name: str = "Many", *, value: float = 1.0, size: int = MANY) -> None:
    for number in range(size):
        world.metric_goes_bad(name, instance=f"i{number:04d}", value=value)


def calm(world: World, name: str = "Many", *, size: int = MANY) -> None:
    for number in range(size):
        world.metric_recovers(name, instance=f"i{number:04d}")


def told(world: World, name: str = "Many", status: Status = Status.FIRING) -> Counter[str]:
    return Counter(each for page in world.pages for each in page.names(status) if each.startswith(name))


def record_names(world: World, name: str = "Many") -> set[str]:
    return {alert.labels["instance"] for alert in world.record(name).telling.values()}


@pytest.mark.parametrize("patience", [300, 10**9], ids=["a budget", "killed by the function's timeout"])
def test_every_group_of_many_is_told_once_in_the_end(patience: float) -> None:
    world = many(patience=patience)
    storm(world)
    world.advance(minutes=12)
    assert len(told(world)) == MANY
    assert set(told(world).values()) == {1}
    assert not world.record("Many").telling


def test_another_rule_is_told_in_the_first_tick_and_the_tick_says_what_is_left() -> None:
    world = many()
    storm(world)
    world.metric_goes_bad("Other", instance="z")
    world.advance(minutes=1, seconds=11)
    assert told(world, "Other") == {"Other/z": 1}
    assert world.log.counts["RulesToldInPart"] == 1
    assert world.log.counts["TickCompleted"] == 1


def test_hundreds_of_small_rules_all_have_their_turn() -> None:
    rules = tuple(rule(f"Small{number:03d}") for number in range(200))
    world = many(rules=rules)
    for each in rules:
        world.metric_goes_bad(each.name, instance="a")
    world.advance(minutes=5)
    assert len(told(world, "Small")) == 200


def test_what_is_left_does_not_wait_for_the_rules_next_interval() -> None:
    world = many(interval=timedelta(hours=1))
    storm(world)
    world.advance(minutes=65)
    first = min(page.at for page in world.pages)
    assert len(told(world)) == MANY
    assert max(page.at for page in world.pages) - first < 10 * MINUTE


def test_what_was_announced_is_told_though_the_query_fails_now_and_nothing_ends_by_it() -> None:
    world = many()
    storm(world)
    world.advance(minutes=1, seconds=30)
    assert 0 < len(told(world)) < MANY
    world.query_fails("Many")
    world.advance(minutes=10)
    assert len(told(world)) == MANY
    assert set(told(world).values()) == {1}
    assert not told(world, status=Status.RESOLVED)
    assert len(world.record("Many").active) == MANY


def test_ends_too_are_told_once_though_the_query_fails_then() -> None:
    world = many(patience=10**9, deadly=10**9)
    storm(world)
    world.advance(minutes=3)
    world.evaluate = many_again(world)
    calm(world)
    world.advance(minutes=1)
    world.query_fails("Many")
    world.advance(minutes=20)
    assert len(told(world, status=Status.RESOLVED)) == MANY
    assert set(told(world, status=Status.RESOLVED).values()) == {1}
    assert set(told(world).values()) == {1}
    assert not world.record("Many").active


def many_again(world: World, calls: int = 300) -> Any:
    """Return a tick that has time for so many groups only."""
    told_of: list[object] = []

    def tick(evaluator: evaluate.Evaluator, loaded: LoadedConfiguration, *, now: Any) -> evaluate.TickOutcome:
        told_of.clear()

        def count(name: str, work: Callable[[], Any]) -> Any:
            told_of.append(name)
            return work()

        hurried = replace(
            evaluator,
            groups=Proxy(evaluator.groups, count),
            patience=Patience(lambda: len(told_of), calls / 2),
        )
        return evaluate.run(hurried, loaded, now=now)

    return tick


def test_what_ends_before_it_was_told_pages_nobody_later() -> None:
    world = many()
    storm(world)
    world.advance(minutes=1, seconds=30)
    heard = set(told(world))
    waiting = {f"Many/{each}" for each in record_names(world)}
    calm(world)
    world.advance(minutes=15)
    assert heard | waiting == {f"Many/i{number:04d}" for number in range(MANY)}
    assert set(told(world)) == heard
    assert set(told(world, status=Status.RESOLVED)) == heard
    assert not world.record("Many").active
    assert not world.record("Many").telling


@pytest.mark.parametrize("call", range(150, 600, 90))
def test_a_twin_that_begins_while_one_tells_leaves_everything_told_once(call: int) -> None:
    calls = Interruptions(call, before=lambda: world.invoke_again())
    world = World(configured(rule("Many"), rule("Other")), wrap=calls.wrap)
    storm(world, size=250)
    world.metric_goes_bad("Other", instance="z")
    world.advance(minutes=5)
    assert len(told(world)) == 250
    assert set(told(world).values()) == {1}
    assert told(world, "Other") == {"Other/z": 1}
    assert not world.record("Many").telling


def test_an_alert_begins_when_it_began_however_late_it_is_told() -> None:
    world = many()
    storm(world)
    world.advance(minutes=12)
    assert {alert.starts_at for page in world.pages for alert in page.notification.alerts} == {START + MINUTE}


STUBBORN = {f"i{number:04d}" for number in range(5, 15)}


class Stubborn(MemoryStore):
    """Cannot tell some of the groups, whatever is tried."""

    def tell(self, identity: GroupIdentity, *arguments: Any, **named: Any) -> None:
        if identity.labels.get("instance") in STUBBORN:
            raise RuntimeError("the item is too large")
        super().tell(identity, *arguments, **named)


def test_groups_that_cannot_be_told_keep_no_other_from_it() -> None:
    world = many(store=Stubborn(), deadly=10**9, patience=10**9)
    storm(world, size=40)
    world.advance(minutes=5)
    assert set(told(world)) == {f"Many/i{number:04d}" for number in range(40) if f"i{number:04d}" not in STUBBORN}
    assert set(told(world).values()) == {1}
    assert record_names(world) == STUBBORN
    assert world.log.counts["RuleEvaluationFailures"] == 5


def test_who_inhibits_ends_after_all_that_it_has_kept_quiet_has_ended() -> None:
    inhibit = InhibitRule((InhibitSource((equal("alertname", "Other"),)),), (equal("alertname", "Many"),))
    world = many(inhibit=(inhibit,))
    world.metric_goes_bad("Other", instance="z")
    world.advance(minutes=2)
    storm(world)
    world.advance(minutes=10)
    assert not told(world)
    calm(world)
    world.metric_recovers("Other", instance="z")
    world.advance(minutes=20)
    assert not told(world)
    assert told(world, "Other", Status.RESOLVED) == {"Other/z": 1}


def test_new_values_are_told_in_turn_and_after_what_is_news() -> None:
    world = many()
    storm(world)
    world.advance(minutes=12)
    # As often as a rule's values are written down: more often than all of them can be told.
    for number in range(6):
        storm(world, value=2.0 + number)
        world.advance(minutes=5)
    values = [alert.value or 0.0 for group in world.store.groups.values() for alert in group.alerts.values()]
    assert min(values) > 1.0


@pytest.mark.parametrize("fails", [False, True], ids=["the query works", "the query fails"])
def test_a_changed_route_is_told_of_everything_in_the_end(*, fails: bool) -> None:
    world = many()
    storm(world)
    world.advance(minutes=12)
    if fails:
        world.query_fails("Many")
    to_boss = replace(ROUTE, receiver="boss")
    world.configure(configuration(rule("Many"), rule("Other"), route=to_boss, receivers=[receiver("boss")]))
    world.advance(minutes=12)
    by_receiver = Counter(page.receiver for page in world.pages if page.notification.alerts[0].name == "Many")
    assert by_receiver == {"team": MANY, "boss": MANY}
    assert set(told(world).values()) == {2}
    calm(world)
    world.advance(minutes=20)
    ended = told(world, status=Status.RESOLVED)
    assert len(ended) == MANY
    assert set(ended.values()) == {1}
    assert world.store.active_groups() == []


def test_a_large_group_is_told_in_pieces() -> None:
    one = RouteSpec(receiver="team", group_by=("alertname",), group_wait=10 * SECOND)
    world = many(deadly=10**9, patience=5)
    world.configure(configuration(rule("Many"), rule("Other"), route=one))
    storm(world, size=1200)
    world.advance(minutes=1, seconds=5)
    assert 0 < len(record_names(world)) < 1200
    world.advance(minutes=20)
    assert set(told(world)) == {f"Many/i{number:04d}" for number in range(1200)}
    assert {page.notification.reason for page in world.pages} <= {Reason.FIRST, Reason.NEW_ALERTS}


def test_more_series_than_can_be_evaluated_are_a_rule_that_fails_and_end_nothing() -> None:
    world = many()
    world.metric_goes_bad("Many", instance="before")
    world.metric_goes_bad("Other", instance="z")
    world.advance(minutes=1, seconds=30)
    world.metrics.results["many"] = [Sample({"instance": str(number)}, 1.0) for number in range(MOST_SERIES + 1)]
    world.metric_recovers("Other", instance="z")
    world.advance(minutes=10)
    record = world.record("Many")
    assert record.health is Health.FAILING
    assert record.error == f"exceeded limit of {MOST_SERIES} with {MOST_SERIES + 1} series"
    assert [alert.labels["instance"] for alert in record.active.values()] == ["before"]
    assert told(world) == {"Many/before": 1}
    assert told(world, "Other", Status.RESOLVED) == {"Other/z": 1}
