"""Timelines: what was there when, and when that changes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from tests.simulation.feeding import series
from tests.stories.configurations import MINUTE
from tests.stories.world import START
from tocsin.core.rules import Sample
from tocsin.simulation.timelines import Timeline

NAN = math.nan


def minute(number: float) -> datetime:
    return START + number * MINUTE


def timeline(*values: Sequence[float | None]) -> Timeline:
    made = Timeline(MINUTE)
    made.add(series({"instance": str(number)}, each) for number, each in enumerate(values))
    return made


def test_a_vector_has_the_series_that_are_there() -> None:
    made = timeline([1.0, None, 3.0], [None, 5.0])
    found = [[(s.labels["instance"], s.value) for s in made.samples_at(minute(n))] for n in range(-1, 4)]
    assert found == [[], [("0", 1.0)], [("1", 5.0)], [("0", 3.0)], []]


@pytest.mark.parametrize(
    ("values", "after", "expected"),
    [
        pytest.param([[1.0, 1.0, 1.0]], -1, 0, id="the first sample"),
        pytest.param([[1.0, 1.0, 1.0]], 0, 3, id="the step after the last one"),
        pytest.param([[1.0, 1.0, 1.0]], 3, None, id="nothing more"),
        pytest.param([[1.0, None, 1.0]], 0, 1, id="a gap begins"),
        pytest.param([[1.0, None, 1.0]], 1, 2, id="a gap ends"),
        pytest.param([[1.0] * 9, [None] * 4 + [1.0]], 0, 4, id="another series appears"),
        pytest.param([[1.0, 2.0, 3.0]], 0, 3, id="values alone are no change"),
    ],
)
def test_when_the_series_change(values: list[list[float | None]], after: int, expected: int | None) -> None:
    found = timeline(*values).next_change(minute(after))
    assert found == (None if expected is None else minute(expected))


@pytest.mark.parametrize(
    ("values", "after", "expected"),
    [
        pytest.param([[1.0, 1.0, 2.0]], 0, 2, id="another value"),
        pytest.param([[1.0, 1.0, None, 2.0]], 0, None, id="not beyond a gap"),
        pytest.param([[1.0, 1.0], [5.0, 6.0]], 0, 1, id="of any series"),
        pytest.param([[NAN, NAN]], 0, 1, id="no number is another one every time"),
        pytest.param([[1.0]], 5, None, id="nothing there"),
    ],
)
def test_when_a_value_changes(values: list[list[float | None]], after: int, expected: int | None) -> None:
    found = timeline(*values).next_value(minute(after))
    assert found == (None if expected is None else minute(expected))


def test_what_comes_in_chunks_is_one_run() -> None:
    made = Timeline(MINUTE)
    made.add([series({"a": "b"}, [1.0] * 5)])
    made.add([series({"a": "b"}, [2.0] * 5, start=minute(5))])
    assert made.next_change(minute(0)) == minute(10)
    assert made.samples_at(minute(7)) == [Sample({"a": "b"}, 2.0)]
    assert made.points == 10


def test_an_end_of_the_unknown_is_a_change() -> None:
    made = timeline([1.0] * 3)
    made.add_unknown(minute(3), minute(9))
    assert [made.is_known(minute(n)) for n in (2, 3, 9, 10)] == [True, False, False, True]
    assert made.next_change(minute(3)) == minute(10)


def test_a_phase_moves_the_steps() -> None:
    made = Timeline(MINUTE, phase=timedelta(seconds=30))
    made.add([series({}, [1.0], start=minute(0.5))])
    assert made.fits(minute(0.5))
    assert not made.fits(minute(0))
    assert made.samples_at(minute(0.5)) == [Sample({}, 1.0)]
