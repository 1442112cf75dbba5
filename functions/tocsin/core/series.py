"""Series over time: what a range query asks for, and what it gives.

A range query is the same expression asked at every step from its start to its end, both included.

Source: https://prometheus.io/docs/prometheus/latest/querying/api/#range-queries
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class RangeQuery:
    """A range query; times are aware UTC datetimes."""

    expr: str
    start: datetime
    end: datetime
    step: timedelta

    @property
    def points(self) -> int:
        """Return how many instants are asked for."""
        return (self.end - self.start) // self.step + 1


@dataclass(frozen=True, slots=True)
class Series:
    """One series' values at the steps at which it has one: `seconds` since 1970, ascending, and as many `values`."""

    labels: Mapping[str, str]
    seconds: Sequence[float]
    values: Sequence[float]
