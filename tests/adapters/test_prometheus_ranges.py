"""Range queries: series, or why there are none (law 1), with the patience of instant ones."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest

from tests.adapters.scripted import Clock as VirtualClock
from tests.adapters.test_prometheus import SHOWN, URL, Answer, ScriptedPool
from tocsin.adapters.prometheus import Clock, Prometheus
from tocsin.core.series import RangeQuery, Series
from tocsin.errors import QueryError

START = datetime(2026, 11, 1, tzinfo=UTC)
QUERY = RangeQuery("up", START, START + timedelta(minutes=2), timedelta(minutes=1))
AT = START.timestamp()


def matrix(*series: dict[str, Any], kind: str = "matrix") -> Answer:
    return Answer(json.dumps({"status": "success", "data": {"resultType": kind, "result": list(series)}}).encode())


def ask(*outcomes: Answer | Exception, budget: float = 60.0) -> tuple[Any, ScriptedPool]:
    clock = VirtualClock(seconds=1000.0)
    pool = ScriptedPool({"up": list(outcomes)}, clock)
    client = Prometheus(URL, pool, Clock(clock.monotonic, clock.sleep, lambda: 0.5))
    (result,) = client.query_range_all([QUERY], budget_seconds=budget)
    return result, pool


def shown(series: Series) -> tuple[dict[str, str], list[float], list[float]]:
    return dict(series.labels), list(series.seconds), list(series.values)


def test_it_posts_the_range():
    _, pool = ask(matrix())
    (request,) = pool.requests
    assert request["url"] == f"{URL}/api/v1/query_range"
    assert parse_qs(request["body"].decode()) == {
        "query": ["up"],
        "start": [f"{AT:.3f}"],
        "end": [f"{AT + 120:.3f}"],
        "step": ["60.000"],
    }


def test_a_series_has_values_where_it_is_there():
    result, _ = ask(matrix({"metric": {"job": "a"}, "values": [[AT, "1"], [AT + 120, "+Inf"]]}))
    assert [shown(each) for each in result] == [({"job": "a"}, [AT, AT + 120], [1.0, math.inf])]


def test_histograms_count_as_zero_among_floats():
    result, _ = ask(matrix({"metric": {}, "values": [[AT + 60, "2"]], "histograms": [[AT, {"count": "3"}]]}))
    assert [shown(each) for each in result] == [({}, [AT, AT + 60], [0.0, 2.0])]


def test_nothing_is_an_answer():
    assert ask(matrix())[0] == []


def test_it_is_tried_again():
    result, pool = ask(Answer(b"busy", status=503), matrix({"metric": {}, "values": [[AT, "1"]]}))
    assert len(result) == 1
    assert len(pool.requests) == 2


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        pytest.param(matrix(kind="vector"), f"the expression gives a vector; expected a matrix {SHOWN}", id="a vector"),
        pytest.param(
            Answer(b'{"status":"error","errorType":"bad_data","error":"exceeded maximum resolution"}', status=400),
            f"HTTP 400: bad_data: exceeded maximum resolution {SHOWN}",
            id="a refusal",
        ),
    ],
)
def test_anything_else_is_an_error(answer: Answer, said: str):
    result, _ = ask(answer)
    assert isinstance(result, QueryError)
    assert str(result) == said


def test_the_points_of_a_range_include_both_ends():
    assert QUERY.points == 3


def test_garbage_is_no_series():
    result, pool = ask(matrix({"metric": {"job": "a"}, "values": [[AT]]}))
    assert str(result).startswith("not an answer of Prometheus")
    assert len(pool.requests) > 1
