"""The adapter against a real Prometheus: its answers, its errors, its being gone."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import urllib3

from tests.prometheus import prometheus
from tocsin.adapters.prometheus import Clock, Prometheus
from tocsin.core.rules import Sample
from tocsin.errors import QueryError
from tocsin.ports import Query

pytestmark = pytest.mark.prometheus

AT = datetime(2025, 11, 20, 3, 0, tzinfo=UTC)
SERIES = {
    'up{job="a",instance="1"}': [(AT, 1.0)],
    'up{job="b",instance="2"}': [(AT, 0.0)],
    "requests_total": [(AT + timedelta(seconds=15 * n), 3.0 * n) for n in range(-40, 1)],
    "not_a_number": [(AT, float("nan"))],
    "endless": [(AT, float("inf"))],
}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with prometheus(SERIES) as running:
        yield running


@pytest.fixture
def client(url: str) -> Iterator[Prometheus]:
    pool = urllib3.PoolManager(maxsize=8)
    yield Prometheus(url, pool, Clock(time.monotonic, time.sleep, random.random))
    pool.clear()


def ask(client: Prometheus, *exprs: str, at: datetime = AT, budget: float = 10.0) -> list[Any]:
    return list(client.query_all([Query(expr, at) for expr in exprs], budget_seconds=budget))


def test_a_vector_comes_with_its_labels(client: Prometheus):
    (result,) = ask(client, "up")
    assert sorted(result, key=lambda sample: sample.value) == [
        Sample({"__name__": "up", "job": "b", "instance": "2"}, 0.0),
        Sample({"__name__": "up", "job": "a", "instance": "1"}, 1.0),
    ]


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        pytest.param("rate(requests_total[5m])", [0.2], id="a rate"),
        pytest.param("sum(up) > 5", [], id="nothing"),
        pytest.param("2.5", [2.5], id="a scalar"),
        pytest.param("endless", [float("inf")], id="infinity"),
        pytest.param('up{job=~"a|b"} == 1', [1.0], id="a pattern"),
    ],
)
def test_it_answers(client: Prometheus, expr: str, expected: list[float]):
    (result,) = ask(client, expr)
    assert [sample.value for sample in result] == pytest.approx(expected)


def test_what_is_no_number_is_told_as_it_is(client: Prometheus):
    (result,) = ask(client, "not_a_number")
    assert result[0].value != result[0].value


def test_the_time_of_a_query_is_its_own(client: Prometheus):
    (before,) = ask(client, "up", at=AT - timedelta(minutes=1))
    (after,) = ask(client, "up", at=AT + timedelta(minutes=4))
    (late,) = ask(client, "up", at=AT + timedelta(minutes=6))
    assert (len(before), len(after), len(late)) == (0, 2, 0)


@pytest.mark.parametrize(
    ("expr", "clue"),
    [
        pytest.param("up >", "HTTP 400: bad_data: ", id="a wrong expression"),
        pytest.param("up[5m]", "gives a matrix; an alert needs an instant vector", id="a range"),
        pytest.param('"text"', "gives a string; an alert needs an instant vector", id="a text"),
        pytest.param("up / on() group_left() up", "HTTP 422: execution: ", id="a failing execution"),
    ],
)
def test_it_says_what_is_wrong_and_the_others_are_not_touched(client: Prometheus, expr: str, clue: str):
    wrong, good = ask(client, expr, "up")
    assert isinstance(wrong, QueryError)
    assert clue in str(wrong)
    assert len(good) == 2


def test_a_prometheus_that_was_killed_is_an_error_and_no_empty_result():
    with prometheus({"up": [(AT, 1.0)]}) as url:
        pool = urllib3.PoolManager()
        client = Prometheus(url, pool, Clock(time.monotonic, time.sleep, random.random))
        assert len(ask(client, "up")[0]) == 1
    (result,) = ask(client, "up", budget=0.5)
    assert isinstance(result, QueryError)
    assert str(result) == f"connection refused ({url}/…)"
    pool.clear()
