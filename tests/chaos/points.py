"""Every crash point: each life once undisturbed, then once for each call and way of interrupting it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from tests.adapters.stores import DynamoStore, dynamodb, new_table
from tests.chaos.scenarios import Compared, Scenario
from tests.chaos.verdicts import Life, Verdict, judge, look_back
from tests.chaos.ways import DIES_AFTER, DIES_BEFORE, Way, may_arrive_twice
from tests.stories.interruptions import Interruptions, Proxy
from tests.stories.world import World
from tocsin.adapters.dynamodb import Table


@dataclass(frozen=True, slots=True)
class Point:
    """The n-th call of a life, and how it is interrupted."""

    number: int
    call: str
    way: Way


@dataclass(slots=True)
class Figures:
    """What all the points of a scenario came to; `latest` is the worst delay."""

    name: str
    compared: Compared
    calls: int = 0
    points: int = 0
    lost: int = 0
    allowed: int = 0
    doubled: int = 0
    stale: int = 0
    other: int = 0
    latest: timedelta = timedelta(0)
    problems: list[str] = field(default_factory=list)

    def add(self, point: Point, verdict: Verdict, life: Life) -> None:
        self.points += 1
        self.lost += verdict.lost
        self.allowed += verdict.allowed
        self.doubled += verdict.doubled
        self.stale += verdict.stale
        self.other += verdict.other
        self.latest = max(self.latest, verdict.latest)
        if not verdict.is_good:
            where = f"{self.name}: call {point.number}, {point.call}, {point.way.name}"
            self.problems.append("\n".join([where, *verdict.problems, life.told]))

    def add_all(self, others: Figures) -> None:
        """Add what other points came to."""
        for name in ("points", "lost", "allowed", "doubled", "stale", "other"):
            setattr(self, name, getattr(self, name) + getattr(others, name))
        self.latest = max(self.latest, others.latest)
        self.problems += others.problems


Change = Callable[[World], object]
Choose = Callable[[Sequence[Point]], Iterable[Point]]


def enumerate_points(scenario: Scenario, choose: Choose = list, *, change: Change | None = None) -> Figures:
    """Live a scenario undisturbed, then once for each point that is chosen of all: each call, interrupted each way.

    `change` breaks the interrupted lives.
    """
    undisturbed = {flag: live(scenario, redelivers=flag) for flag in {way.redelivers for way in scenario.ways}}
    points = [
        Point(number, call, way)
        for way in scenario.ways
        for number, call in enumerate(undisturbed[way.redelivers].calls)
    ]
    figures = Figures(scenario.name, scenario.compared, calls=len(undisturbed[True].calls))
    for point in choose(points):
        expected = undisturbed[point.way.redelivers]
        life = live(scenario, point, redelivers=point.way.redelivers, change=change)
        verdict = judge(
            expected,
            life,
            scenario.compared,
            may_repeat=may_arrive_twice(point.call, point.way),
            most_repeats=point.way.times,
        )
        figures.add(point, verdict, life)
    return figures


def live(
    scenario: Scenario, point: Point | None = None, *, redelivers: bool = True, change: Change | None = None
) -> Life:
    """Live a scenario once, interrupted at a point; `change` is done to the world before anything happens in it."""
    worlds: list[World] = []
    interruptions = Interruptions()
    if point is not None:
        interruptions = point.way.interruptions(point.number, point.call, lambda: worlds[0])
    with _world(scenario, interruptions) as world:
        worlds.append(world)
        world.redelivers = redelivers
        if change is not None:
            change(world)
        scenario.live(world)
        return look_back(world, interruptions.calls)


@contextmanager
def _world(scenario: Scenario, interruptions: Interruptions) -> Iterator[World]:
    if not scenario.table:
        yield World(scenario.configuration, whole=True, warm=scenario.warm, wrap=interruptions.wrap)
        return
    with dynamodb() as client:
        name = new_table(client).table_name
        requests = _Requests(interruptions)
        store = DynamoStore(Table(name, lambda: requests.of(client)), client)
        yield World(scenario.configuration, store=store, whole=True, wrap=requests.within)


@dataclass(slots=True)
class _Requests:
    """Numbers requests instead of calls, and names each by the call that makes it: "record: update_item"."""

    interruptions: Interruptions
    call: str = ""

    def within(self, target: Any) -> Any:
        return Proxy(target, self._begin)

    def _begin(self, name: str, work: Callable[[], Any]) -> Any:
        self.call = name
        return work()

    def of(self, client: Any) -> Any:
        return Proxy(client, lambda name, work: self.interruptions.run(f"{self.call}: {name}", work))


# What a tick asks in which nothing happens.
QUIET = frozenset({"revision", "read", "load_digest", "load_rules", "query_all", "load_ingested", "overdue"})
CRASHES = (DIES_BEFORE, DIES_AFTER)
MOST_OTHERS = 2000


def choose_all(scenario: Scenario) -> Choose:
    """Return what chooses each crash before and after each call, and the other ways at as many as time allows."""

    def choose(points: Sequence[Point]) -> list[Point]:
        if scenario.most_points is not None:
            return spread([point for point in points if not _is_quiet(point)], scenario.most_points)
        crashes = [point for point in points if point.way in CRASHES]
        return crashes + spread([point for point in points if point.way not in CRASHES], MOST_OTHERS)

    return choose


def choose_some(count: int) -> Choose:
    """Return what chooses so many points: two thirds of them crashes at calls that are more than a quiet tick's."""

    def choose(points: Sequence[Point]) -> list[Point]:
        crashes = spread([each for each in points if each.way in CRASHES and not _is_quiet(each)], 2 * count // 3)
        chosen = set(crashes)
        return crashes + spread([point for point in points if point not in chosen], count - len(crashes))

    return choose


def _is_quiet(point: Point) -> bool:
    return point.call.partition(": ")[0] in QUIET


def spread(points: Sequence[Point], count: int) -> list[Point]:
    """Return so many points, spread evenly over all."""
    step = max(len(points) / max(count, 1), 1.0)
    return [points[int(position * step)] for position in range(min(count, len(points)))]
