"""How much evaluating costs beside the least that anybody could do: parsing the same answers as JSON.

A ratio, because machines differ; the store is in memory, so what is measured is parsing and deciding.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

RULES, SERIES, ROUNDS = 1000, 10, 5
START = datetime(2026, 1, 5, 3, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table: seconds, and how many times those of what they stand beside."""

    what: str
    seconds: float
    ratio: float


def answer_of(rule: int, series: int) -> bytes:
    """Return what Prometheus would answer for a rule that holds for so many series."""
    result = [
        {
            "metric": {"__name__": f"metric_{rule}", "instance": f"10.0.{rule % 250}.{n}:9100", "job": "node"},
            "value": [1_767_582_000.0, "0.97"],
        }
        for n in range(series)
    ]
    return json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}}).encode()


class Answers:
    """A metrics endpoint that has every answer at hand, parsed as the adapter parses them."""

    def __init__(self, answers: Sequence[bytes]) -> None:
        import urllib3

        from tocsin.adapters.prometheus import Clock, Prometheus

        self.answers = answers
        clock = Clock(time.monotonic, time.sleep, lambda: 0.5)
        self._parse = Prometheus("http://localhost", urllib3.PoolManager(), clock)._samples

    def query_all(self, queries: Sequence[Any], *, budget_seconds: float) -> Sequence[Any]:
        return [self._parse(answer) for answer in self.answers[: len(queries)]]


def rows() -> list[Row]:
    """Measure a tick in which everything begins to fire, one in which nothing changes, and one without any alert."""
    firing = [answer_of(rule, SERIES) for rule in range(RULES)]
    nothing = [answer_of(rule, 0) for rule in range(RULES)]
    parsing = seconds(lambda: [json.loads(answer) for answer in firing])
    least = seconds(lambda: [json.loads(answer) for answer in nothing])
    measured = [
        (f"every alert begins: {RULES} rules, {SERIES} series each", _tick(firing, before=()), parsing),
        ("the same alerts go on", _tick(firing, before=(firing,)), parsing),
        ("all of them resolve", _tick(nothing, before=(firing,)), parsing),
        ("nothing fires", _tick(nothing, before=(nothing,)), least),
    ]
    return [Row(what, seconds, seconds / unit) for what, seconds, unit in measured]


def _tick(answers: Sequence[bytes], *, before: Sequence[Sequence[bytes]]) -> float:
    """Return the seconds of deciding one tick, after those of other answers."""
    from tocsin.adapters.memory import MemoryLog, MemoryStore, MemoryTimers
    from tocsin.pipeline import evaluate
    from tocsin.ports import LoadedConfiguration

    loaded = LoadedConfiguration(_configuration())
    taken = []
    for _ in range(ROUNDS):
        store, metrics = MemoryStore(), Answers(answers)
        world = evaluate.Evaluator(metrics, store, store, store, MemoryTimers(), MemoryLog())
        for minute, earlier in enumerate(before):
            metrics.answers = earlier
            evaluate.run(world, loaded, now=START + timedelta(minutes=minute))
        metrics.answers = answers
        begun = time.process_time()
        evaluate.decide(world, loaded, now=START + timedelta(minutes=len(before)))
        taken.append(time.process_time() - begun)
    return statistics.median(taken)


def seconds(work: Callable[[], object]) -> float:
    """Return the seconds of computing that some work takes, the median of ROUNDS."""
    taken = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        work()
        taken.append(time.process_time() - begun)
    return statistics.median(taken)


def _configuration() -> Any:
    from dev.bench_units import many_rules
    from tocsin import config

    return config.load(many_rules(RULES), environment={})
