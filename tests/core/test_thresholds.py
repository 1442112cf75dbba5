"""How threshold rules say their values."""

from __future__ import annotations

import math

import pytest

from tocsin.core.rules import Threshold
from tocsin.core.thresholds import parse_display, render_threshold, render_value


@pytest.mark.parametrize(
    ("name", "display", "value", "threshold", "says", "says_of_threshold"),
    [
        ("a percentage with its digits", "{value:.1%} error rate", 0.072, 0.05, "7.2% error rate", "5.0%"),
        ("a unit directly after the number", "p95={value:.0f}ms", 1234.4, 2000, "p95=1234ms", "2000ms"),
        ("a percentage without digits", "{value:.0%} utilization", 0.45, 0.9, "45% utilization", "90%"),
        ("the value's own digits", "{value}", 12.5, 10, "12.5", "10"),
        ("a word after a space is no unit", "{value} jobs", 3, 2, "3 jobs", "2"),
        ("a unit with a slash", "{value:.1f}MB/s read", 3.25, 2, "3.2MB/s read", "2.0MB/s"),
        ("no value at all", "{value:.1%} error rate", math.nan, 0.05, "NaN% error rate", "5.0%"),
        ("more than any number", "p95={value:.0f}ms", math.inf, 2000, "p95=+Infms", "2000ms"),
        ("less than any number", "{value}", -math.inf, 0, "-Inf", "0"),
    ],
)
def test_a_value_and_its_threshold_are_said(name, display, value, threshold, says, says_of_threshold):
    rule = Threshold(value_expr="x", sign=">", threshold=threshold, display=display)
    assert render_value(rule, value) == says
    assert render_threshold(rule) == says_of_threshold


@pytest.mark.parametrize(
    ("name", "display", "template"),
    [
        ("digits", "p95={value:.0f}ms", 'p95={{ $value | printf "%.0f" }}ms'),
        ("a percentage", "{value:.1%} error rate", "{{ $value | humanizePercentage }} error rate"),
        ("the value's own digits", "{value}", '{{ $value | printf "%.6g" }}'),
    ],
)
def test_a_display_becomes_a_rule_template(name, display, template):
    assert parse_display(display).template == template


@pytest.mark.parametrize(
    "display", ["no placeholder", "{value} {value}", "{value:d}", "{value:.1f} {other}", "{{value}}"]
)
def test_a_display_needs_exactly_one_placeholder(display):
    with pytest.raises(ValueError, match="one placeholder"):
        parse_display(display)
