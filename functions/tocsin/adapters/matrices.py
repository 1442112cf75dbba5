"""A range query's answer (a matrix) as series.

Source: https://prometheus.io/docs/prometheus/latest/querying/api/#range-vectors
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from typing import Any

from ..core.series import Series


def series_of(each: Mapping[str, Any]) -> Series:
    """Return one series. Raises KeyError, TypeError or ValueError where the answer has none.

    A native histogram has no value, and Prometheus's rules take it for 0.
    """
    labels = each["metric"]
    if not isinstance(labels, dict):
        raise TypeError("labels are an object")
    floats: Sequence[Any] = each.get("values", ())
    histograms: Sequence[Any] = each.get("histograms", ())
    points = floats if not histograms else sorted([*floats, *((at, 0.0) for at, _ in histograms)], key=lambda p: p[0])
    return Series(
        labels, array("d", [float(at) for at, _ in points]), array("d", [float(value) for _, value in points])
    )
