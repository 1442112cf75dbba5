"""Durations: what is read and printed, and that the two are inverse."""

from __future__ import annotations

import contextlib
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.core.durations import format_duration, parse_duration

DURATIONS = st.integers(min_value=0, max_value=2**63 // 10**6).map(lambda ms: timedelta(milliseconds=ms))


@given(DURATIONS)
def test_reading_what_was_printed_gives_the_duration_again(duration):
    assert parse_duration(format_duration(duration)) == duration


@given(st.text())
def test_any_text_is_a_duration_or_a_value_error(text):
    with contextlib.suppress(ValueError):
        assert parse_duration(text) >= timedelta(0)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("zero needs no unit", "0", timedelta(0)),
        ("units may be mixed in descending order", "1h30m", timedelta(minutes=90)),
        ("milliseconds are the smallest unit", "1s500ms", timedelta(seconds=1.5)),
    ],
)
def test_durations_that_are_read(name, text, expected):
    assert parse_duration(text) == expected


def test_a_negative_duration_is_printed_with_its_sign():
    assert format_duration(timedelta(minutes=-5)) == "-5m"
