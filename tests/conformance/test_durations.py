"""Durations: read and printed as Prometheus does."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.conformance.cases import load_cases, of_kind
from tocsin.core.durations import format_duration, parse_duration

CASES = load_cases("durations.json")


@pytest.mark.parametrize("case", of_kind(CASES, "parse"))
def test_a_text_means_what_prometheus_reads(case):
    if "error" in case:
        with pytest.raises(ValueError, match="duration"):
            parse_duration(case["input"])
    else:
        duration = parse_duration(case["input"])
        assert duration == timedelta(milliseconds=case["ms"])
        assert format_duration(duration) == case["printed"]


@pytest.mark.parametrize("case", of_kind(CASES, "print"))
def test_a_duration_is_printed_canonically(case):
    assert format_duration(timedelta(milliseconds=case["ms"])) == case["printed"]
