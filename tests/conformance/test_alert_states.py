"""Prometheus's own tables of rule states: each case's series in a real Prometheus, evaluated step by step.

Every case has a time of its own in one Prometheus, so that none sees another's samples.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import urllib3

from tests.conformance.cases import load_cases
from tests.prometheus import prometheus
from tocsin import config
from tocsin.adapters.memory import MemoryLog, MemoryStore, MemoryTimers
from tocsin.adapters.prometheus import Clock, Prometheus
from tocsin.core.configuration import Compatibility, Configuration
from tocsin.core.receivers import Receiver
from tocsin.core.routing import RouteSpec, build_tree
from tocsin.core.rules import AlertState
from tocsin.pipeline import evaluate
from tocsin.ports import LoadedConfiguration

pytestmark = pytest.mark.prometheus

CASES = load_cases("alert_states.json")
NOT_RUN = {
    # OpenMetrics has no staleness marker, so a backfilled Prometheus cannot hold these series.
    "alert_states-001": "a stale series",
    "alert_states-025": "a stale series",
    "alert_states-027": "a stale series",
    # The recording rule that it refers to is the endpoint's own ruler's to evaluate.
    "alert_states-051": "an alert on a recording rule of its group",
    # Prometheus's ruler writes the series ALERTS; Tocsin writes nothing into the metrics.
    "alert_states-053": "an alert on ALERTS",
    # Files of promtool's unit tests: promtool runs them, Tocsin does not.
    **{case["id"]: "promtool's unit-test file" for case in CASES if case["kind"] == "unit_test"},
}
STATES = [case for case in CASES if case["kind"] == "states" and case["id"] not in NOT_RUN]
ERRORS = [case for case in CASES if case["kind"] == "eval_error"]
# Far enough from each other for every range that the rules look back, and together within Prometheus's retention.
FIRST_START = datetime(2026, 1, 1, 12, tzinfo=UTC)
STARTS = {case["id"]: FIRST_START + number * timedelta(hours=6) for number, case in enumerate([*STATES, *ERRORS])}
ERROR = "<error expanding template:"
_REPEATED = re.compile(r"(?P<first>_|[^x]+?)(?P<step>[+-][0-9.]+)?x(?P<times>[0-9]+)")


def expanded(values: str) -> list[float | None]:
    """Return the samples of promtool's notation: `1 _ 2x3 1+2x3`, where None is a gap."""
    samples: list[float | None] = []
    for text in values.split():
        found = _REPEATED.fullmatch(text)
        if found is None:
            samples.append(None if text == "_" else float(text))
        elif found["first"] == "_":
            samples.extend([None] * int(found["times"]))
        else:
            step = float(found["step"] or 0)
            samples.extend(float(found["first"]) + step * number for number in range(int(found["times"]) + 1))
    return samples


def named(series: str) -> str:
    """Return a series as OpenMetrics writes it: braces always, no blank between labels."""
    return re.sub(r'",\s+', '",', series) if "{" in series else f"{series}{{}}"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    samples: dict[str, list[tuple[datetime, float]]] = {}
    for case in [*STATES, *ERRORS]:
        for series in case["input_series"]:
            step = timedelta(seconds=case["series_interval_s"])
            points = [
                (STARTS[case["id"]] + number * step, value)
                for number, value in enumerate(expanded(series["values"]))
                if value is not None
            ]
            samples.setdefault(named(series["series"]), []).extend(points)
    with prometheus(samples) as address:
        yield address


def world_of(case: dict[str, Any], url: str) -> tuple[evaluate.Evaluator, LoadedConfiguration]:
    store = MemoryStore()
    metrics = Prometheus(url, urllib3.PoolManager(maxsize=8), Clock(lambda: 0.0, lambda seconds: None, lambda: 0.0))
    world = evaluate.Evaluator(
        metrics,
        store,
        store,
        store,
        MemoryTimers(),
        MemoryLog(),
        tick=timedelta(seconds=case["eval_interval_s"]),
        external_url="http://localhost:9090",
    )
    loaded = LoadedConfiguration(
        Configuration(
            digest="",
            routes_digest="",
            rule_groups=config.check_rules("rules.yml", case["rules"].encode()),
            root=build_tree(RouteSpec(receiver="team")),
            receivers={"team": Receiver("team")},
            external_labels=case.get("external_labels", {}),
            # Values and annotations as they change, not every few minutes.
            compatibility=Compatibility.ALERTMANAGER,
        )
    )
    return world, loaded


@pytest.mark.parametrize("case", [pytest.param(case, id=case["id"]) for case in STATES])
def test_every_evaluation_leaves_the_states_of_prometheus(case: dict[str, Any], url: str) -> None:
    world, loaded = world_of(case, url)
    start = STARTS[case["id"]]
    for step in case["steps"]:
        now = start + timedelta(seconds=step["t_s"])
        evaluate.run(world, loaded, now=now)
        found = [alert for record in world.rules.load_rules(now=now).values() for alert in record.active.values()]
        assert sorted(map(_shown, found), key=repr) == sorted(
            (_expected(alert, start) for alert in step["alerts"]), key=repr
        ), f"{case.get('title', '')} at {step['t_s']} s"


def _shown(alert: Any) -> tuple[Any, ...]:
    annotations = _comparable(alert.annotations) if alert.state is AlertState.FIRING else None
    return (dict(alert.labels), alert.state.value, alert.active_at, annotations)


def _comparable(annotations: Mapping[str, str]) -> dict[str, str]:
    """Return the annotations, of errors only that they are some: their words are informational."""
    return {name: ERROR if text.startswith(ERROR) else text for name, text in sorted(annotations.items())}


def _expected(alert: dict[str, Any], start: datetime) -> tuple[Any, ...]:
    since = start + timedelta(seconds=alert["active_since_s"])
    annotations = _comparable(alert.get("annotations", {})) if alert["state"] == "firing" else None
    return (dict(sorted(alert["labels"].items())), alert["state"], since, annotations)


@pytest.mark.parametrize("case", [pytest.param(case, id=case["id"]) for case in ERRORS])
def test_an_evaluation_that_prometheus_fails_leaves_no_alert_and_says_why(case: dict[str, Any], url: str) -> None:
    world, loaded = world_of(case, url)
    (outcome, *_) = evaluate.run(world, loaded, now=STARTS[case["id"]]).rules
    assert outcome.error
    assert not outcome.active


@pytest.mark.parametrize(
    ("values", "samples"),
    [
        pytest.param("1 2", [1, 2], id="plain values"),
        pytest.param("1 _ 2", [1, None, 2], id="a gap"),
        pytest.param("10x2", [10, 10, 10], id="one value and two more"),
        pytest.param("1+2x2", [1, 3, 5], id="growing"),
        pytest.param("_x2 1", [None, None, 1], id="gaps"),
    ],
)
def test_promtools_notation_is_expanded(values: str, samples: list[float | None]) -> None:
    assert expanded(values) == samples
    assert not any(value is not None and math.isnan(value) for value in expanded(values))
