"""Every crash point: each life once undisturbed, then once for each call and way of interrupting it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from tests.chaos.scenarios import Scenario
from tests.chaos.verdicts import Life, Verdict, judge, look_back
from tests.chaos.ways import WAYS, Way, may_arrive_twice
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


def live(
    scenario: Scenario, interruptions: Interruptions, *, way: Way | None = None, change: Change | None = None
) -> World:
    """Live a scenario once; `change` is done to the world before anything happens in it."""
    return _Stage(scenario, change).live(interruptions, redelivers=way is None or way.redelivers)


@dataclass(slots=True)
class _Stage:
    """Where a scenario is lived; what interrupts it needs the world that is made only then."""

    scenario: Scenario
    change: Change | None = None
    world: World | None = None

    def live(self, interruptions: Interruptions, *, redelivers: bool) -> World:
        scenario = self.scenario
        self.world = World(scenario.configuration, whole=True, warm=scenario.warm, wrap=interruptions.wrap)
        self.world.redelivers = redelivers
        if self.change is not None:
            self.change(self.world)
        scenario.live(self.world)
        return self.world

    def here(self) -> World:
        assert self.world is not None
        return self.world


def points_of(calls: Sequence[str], ways: Iterable[Way] = WAYS) -> list[Point]:
    """Return every point of a life that makes these calls."""
    return [Point(number, call, way) for way in ways for number, call in enumerate(calls)]


def enumerate_points(
    scenario: Scenario, choose: Callable[[Sequence[str]], Iterable[Point]] = points_of, *, change: Change | None = None
) -> Figures:
    """Live a scenario undisturbed, then once for each point that is chosen."""
    undisturbed = Interruptions()
    expected = look_back(live(scenario, undisturbed))
    figures = Figures(scenario, calls=len(undisturbed.calls))
    for point in choose(undisturbed.calls):
        life = look_back(live_interrupted(scenario, point, change=change))
        may_repeat = may_arrive_twice(point.call, point.way)
        figures.add(point, judge(expected, life, scenario.compared, may_repeat=may_repeat), life)
    return figures


def live_interrupted(scenario: Scenario, point: Point, *, change: Change | None = None) -> World:
    """Live a scenario with one call interrupted."""
    stage = _Stage(scenario, change)
    interruptions = point.way.interruptions(point.number, point.call, stage.here)
    return stage.live(interruptions, redelivers=point.way.redelivers)


def spread(points: Sequence[Point], count: int) -> Iterator[Point]:
    """Yield so many points, spread evenly over all."""
    step = max(len(points) / count, 1.0)
    yield from (points[int(position * step)] for position in range(min(count, len(points))))
