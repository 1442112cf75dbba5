"""Time intervals: what is valid, what contains an instant, what mutes a route, as Alertmanager has it.

The small reader below turns YAML into core values and knows no rule of its own.
"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
import yaml

from tests.conformance.cases import load_cases, of_kind
from tocsin.core import intervals
from tocsin.core.intervals import MuteReason, TimeInterval, is_within, muted_by

CASES = load_cases("time_intervals.json")

# The shape of the YAML (keys that nobody knows, a mapping for a list) is the configuration's to check, not the core's.
SHAPES = {"time_intervals-236": "an unknown key", "time_intervals-237": "a mapping in place of a list"}


def _each(parse):
    return lambda values: tuple(parse(value) for value in values)


def _times(value):
    return intervals.parse_times(value.get("start_time", ""), value.get("end_time", ""))


READERS = {
    "times": _each(_times),
    "weekdays": _each(intervals.parse_weekdays),
    "days_of_month": _each(intervals.parse_days_of_month),
    "months": _each(intervals.parse_months),
    "years": _each(intervals.parse_years),
    "location": lambda name: ZoneInfo(name) if name else None,
}


def _read(text):
    document = yaml.load(text, yaml.BaseLoader)
    return tuple(TimeInterval(**{key: READERS[key](value) for key, value in each.items()}) for each in document)


@pytest.mark.parametrize("case", of_kind(CASES, "contains"))
def test_an_instant_is_contained_where_alertmanager_says_so(case):
    assert is_within(_read(case["intervals"]), datetime.fromisoformat(case["instant"])) is case["contained"]


@pytest.mark.parametrize("case", of_kind(CASES, "valid"))
def test_what_alertmanager_takes_is_read(case):
    assert _read(case["intervals"])


@pytest.mark.parametrize("case", of_kind(CASES, "invalid"))
def test_what_alertmanager_refuses_is_refused(case):
    if case["id"] in SHAPES:
        pytest.skip(f"the configuration's to check: {SHAPES[case['id']]}")
    with pytest.raises((ValueError, LookupError)) as refused:
        _read(case["intervals"])
    assert str(refused.value)


@pytest.mark.parametrize("case", of_kind(CASES, "muted_by"))
def test_named_intervals_hold_back_what_alertmanager_would(case):
    named = {name: _read(text) for name, text in case["named_intervals"].items()}
    now = datetime.fromisoformat(case["instant"])
    if case["role"] == "mute":
        muting = muted_by(tuple(named), (), named, now=now)
        assert list(muting.names) == case["muted_by"]
        assert muting.reason is (MuteReason.MUTED if case["muted"] else MuteReason.NONE)
    else:
        muting = muted_by((), tuple(named), named, now=now)
        assert muting.reason is (MuteReason.INACTIVE if case["muted"] else MuteReason.NONE)


def test_no_case_is_left_out():
    assert {case["kind"] for case in CASES} == {"contains", "valid", "invalid", "muted_by"}
    assert {case["id"] for case in CASES} >= set(SHAPES)
