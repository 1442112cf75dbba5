"""When a tick's beat is sent, and what it says; whatever becomes of it, the tick has been."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import pytest

from tests.stories.configurations import configuration, rule
from tests.stories.world import START, World
from tocsin.adapters.memory import MemoryLog
from tocsin.core.configuration import Configuration
from tocsin.errors import StoreError
from tocsin.pipeline.heartbeat import beat_after, is_well
from tocsin.pipeline.tick import TickOutcome

SETTINGS = {"url_file": "secret:heartbeat#tick"}


@dataclass
class Beats:
    """What was told."""

    error: Exception | None = None
    told: list[bool] = field(default_factory=list)

    def __call__(self, settings: Mapping[str, Any], *, is_well: bool, now: datetime) -> str:
        self.told.append(is_well)
        if self.error:
            raise self.error
        return "200"


class _Failing:
    """A store that fails at some of what is asked of it."""

    def __init__(self, store: object, *names: str) -> None:
        self._store, self._names = store, names

    def __getattr__(self, name: str) -> Any:
        if name not in self._names:
            return getattr(self._store, name)

        def fail(*_: object, **__: object) -> None:
            raise StoreError("it was told to fail")

        return fail


def tick(made: Configuration, *failing: str, fails: str = "", fires: str = "") -> TickOutcome:
    """Return what one tick comes to; the store fails at `failing`, the queries of `fails` (names) too."""
    world = World(made)
    for name in fails.split():
        world.query_fails(name)
    if fires:
        world.metric_goes_bad(fires)
    broken: Any = _Failing(world.store, *failing)
    evaluator = replace(world.evaluator(), rules=broken, groups=broken)
    return world.evaluate(evaluator, world.loaded, now=START)


BOTH = configuration(rule("DiskFull"), rule("Slow"))


@pytest.mark.parametrize(
    ("name", "outcome", "well"),
    [
        ("everything was evaluated", tick(BOTH), True),
        ("there is nothing to evaluate", tick(configuration()), True),
        ("one rule of two failed", tick(BOTH, fails="Slow"), True),
        ("every rule failed", tick(BOTH, fails="DiskFull Slow"), False),
        (
            "every rule failed, and the watchdog fires",
            tick(replace(BOTH, has_watchdog=True), fails="DiskFull Slow"),
            False,
        ),
        ("what changed was written", tick(BOTH, fires="Slow"), True),
        ("what changed could not be written", tick(BOTH, "save_rule", fires="Slow"), False),
        ("overdue groups could not be looked for", tick(BOTH, "overdue"), False),
    ],
)
def test_a_tick_is_well_if_it_did_what_ticks_are_for(name: str, outcome: TickOutcome, well: bool):
    assert is_well(outcome) is well, name


def test_a_tick_that_is_well_is_told_so():
    beats, log = Beats(), MemoryLog()
    beat_after(tick(BOTH), SETTINGS, beats, log, now=START)
    assert beats.told == [True]
    assert log.counts == {}


def test_a_tick_that_is_not_well_is_told_so():
    beats = Beats()
    beat_after(tick(BOTH, fails="DiskFull Slow"), SETTINGS, beats, MemoryLog(), now=START)
    assert beats.told == [False]


def test_without_an_address_nothing_is_told():
    beats = Beats()
    beat_after(tick(BOTH), None, beats, MemoryLog(), now=START)
    assert beats.told == []


@pytest.mark.parametrize("error", [StoreError("no table"), RuntimeError("a fault of ours")])
def test_a_beat_that_fails_is_counted_and_disturbs_nobody(error: Exception):
    beats, log = Beats(error), MemoryLog()
    beat_after(tick(BOTH), SETTINGS, beats, log, now=START)
    assert log.counts == {"HeartbeatsFailed": 1}
    (line,) = log.events("heartbeat_failed")
    assert str(error) in str(line["error"])
