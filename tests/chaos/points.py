"""Every crash point: each life once undisturbed, then once for each call and way of interrupting it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from tests.chaos.scenarios import Scenario
from tests.chaos.verdicts import Life, Verdict, judge, look_back
from tests.chaos.ways import Way, may_arrive_twice
from tests.stories.interruptions import Interruptions
from tests.stories.world import World


@dataclass(frozen=True, slots=True)
class Point:
    """The n-th call of a life, and how it is interrupted."""

    number: int
    call: str
    way: Way


@dataclass(slots=True)
class Figures:
    """What all the points of a scenario came to."""

    scenario: Scenario
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
            where = f"{self.scenario.name}: call {point.number}, {point.call}, {point.way.name}"
            self.problems.append("\n".join([where, *verdict.problems, life.told]))


Change = Callable[[World], object]
Choose = Callable[[Sequence[Point]], Iterable[Point]]


def points_of(scenario: Scenario) -> list[Point]:
    """Return every point of a life: each of its calls, interrupted each way."""
    calls = {redelivers: live(scenario, redelivers=redelivers)[1] for redelivers in (True, False)}
    return [Point(number, call, way) for way in scenario.ways for number, call in enumerate(calls[way.redelivers])]


def enumerate_points(scenario: Scenario, choose: Choose = list, *, change: Change | None = None) -> Figures:
    """Live a scenario undisturbed, then once for each point that is chosen; `change` breaks the interrupted lives."""
    expected = {redelivers: look_back(live(scenario, redelivers=redelivers)[0]) for redelivers in (True, False)}
    figures = Figures(scenario, calls=len(live(scenario)[1]))
    for point in choose(points_of(scenario)):
        life = look_back(live(scenario, point, redelivers=point.way.redelivers, change=change)[0])
        may_repeat = may_arrive_twice(point.call, point.way)
        figures.add(point, judge(expected[point.way.redelivers], life, scenario.compared, may_repeat=may_repeat), life)
    return figures


def live(
    scenario: Scenario, point: Point | None = None, *, redelivers: bool = True, change: Change | None = None
) -> tuple[World, list[str]]:
    """Live a scenario once, interrupted at a point; return the world as it is then, and the calls.

    `change` is done to the world before anything happens in it.
    """
    worlds: list[World] = []
    interruptions = (
        point.way.interruptions(point.number, point.call, lambda: worlds[0]) if point is not None else Interruptions()
    )
    world = World(scenario.configuration, whole=True, warm=scenario.warm, wrap=interruptions.wrap)
    worlds.append(world)
    world.redelivers = redelivers
    if change is not None:
        change(world)
    scenario.live(world)
    return world, interruptions.calls


def spread(points: Sequence[Point], count: int) -> list[Point]:
    """Return so many points, spread evenly over all."""
    step = max(len(points) / count, 1.0)
    return [points[int(position * step)] for position in range(min(count, len(points)))]
