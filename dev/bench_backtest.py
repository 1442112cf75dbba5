"""How long a month of the past takes after its queries: 100 rules at a minute, the production pipeline in virtual time.

Of the rules some always fire, some flap, and most fire for a while every day: more than anybody would put up with, so
that what is measured is not silence.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

RULES, SERIES, DAYS = 100, 3, 30
START = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ALWAYS, FLAPPING = 3, 10

ALERTMANAGER = """
route:
  receiver: team
  group_by: [alertname]
receivers:
  - name: team
    slack_configs: [{api_url_file: "secret:slack#team", send_resolved: true}]
  - name: boss
    slack_configs: [{api_url_file: "secret:slack#boss", send_resolved: true}]
"""
TOCSIN = """
escalation:
  policies:
    - {name: default, matchers: ['severity="critical"'], steps: [{after: 10m, receivers: [boss]}]}
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    what: str
    seconds: float
    pages: int
    ticks: int


def rows() -> list[Row]:
    """Measure a month in which hardly anything fires, and a loud one."""
    configuration = _configuration()
    return [_row("a quiet month", configuration, _quiet), _row("a loud month", configuration, _loud)]


def _row(what: str, configuration: Any, values: Callable[[random.Random, int], list[float | None]]) -> Row:
    from tocsin.simulation.world import Scope, World

    world = World(configuration, _feeds(configuration, values), Scope(START, START + timedelta(days=DAYS), MINUTE))
    begun = time.perf_counter()
    chronicle = world.run()
    assert not chronicle.troubles
    return Row(what, time.perf_counter() - begun, len(chronicle.pages), chronicle.ticks)


def _feeds(configuration: Any, values: Callable[[random.Random, int], list[float | None]]) -> Any:
    from tocsin.core.series import Series
    from tocsin.simulation.feeds import feed_of, feeds_of
    from tocsin.simulation.timelines import Timeline

    chance = random.Random(1)
    timelines = {}
    for number, rule in enumerate(configuration.rules()):
        timeline = Timeline(MINUTE)
        for series in range(SERIES):
            found = values(chance, number)
            there = [(START.timestamp() + 60 * at, value) for at, value in enumerate(found) if value is not None]
            labels = {"instance": f"10.0.{number}.{series}"}
            timeline.add([Series(labels, [at for at, _ in there], [value for _, value in there])])
        timelines[feed_of(rule, tick=MINUTE)] = timeline
    return feeds_of(timelines)


def _quiet(chance: random.Random, number: int) -> list[float | None]:
    return _stretches(chance, bad=15, good=7 * 24 * 60)


def _loud(chance: random.Random, number: int) -> list[float | None]:
    if number < ALWAYS:
        return [chance.random() for _ in range(DAYS * 24 * 60)]
    return _stretches(chance, bad=4, good=30) if number < FLAPPING else _stretches(chance, bad=20, good=24 * 60)


def _stretches(chance: random.Random, *, bad: float, good: float) -> list[float | None]:
    """Return minutes with and without a value, in stretches of about these lengths."""
    values: list[float | None] = []
    while len(values) < DAYS * 24 * 60:
        values += [None] * max(1, round(chance.expovariate(1 / good)))
        values += [chance.random() for _ in range(max(1, round(chance.expovariate(1 / bad))))]
    return values[: DAYS * 24 * 60]


def _configuration() -> Any:
    from tocsin import config

    rules = "".join(
        f"      - {{alert: Rule{number}, expr: 'metric_{number} > 1', for: {5 * (number % 2)}m,"
        f" labels: {{severity: {'critical' if number % 3 == 0 else 'warning'}}},"
        f' annotations: {{summary: "{{{{ $labels.instance }}}} is at {{{{ $value }}}}"}}}}\n'
        for number in range(RULES)
    )
    files = {
        "alertmanager.yml": ALERTMANAGER,
        "tocsin.yml": TOCSIN,
        "rules/bench.yml": f"groups:\n  - name: bench\n    rules:\n{rules}",
    }
    return config.load({name: text.encode() for name, text in files.items()}, environment={})
