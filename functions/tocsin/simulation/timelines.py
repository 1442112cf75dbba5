"""What a rule's expression gave over time, kept so that the quiet stretches cost nothing.

A series is kept as runs of consecutive steps at which it has a value. Where no run begins or ends, the same series are
there as a step before: that is what lets virtual time jump.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from ..core.rules import Sample
from ..core.series import Series

LabelKey = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class _Run:
    """Consecutive steps of one series: the first one's number, and a value for each."""

    first: int
    values: array[float]

    @property
    def end(self) -> int:
        return self.first + len(self.values)


@dataclass(slots=True)
class _Track:
    """All runs of one series, in order."""

    labels: Mapping[str, str]
    runs: list[_Run] = field(default_factory=list)
    firsts: list[int] = field(default_factory=list)

    def add(self, number: int, value: float) -> None:
        last = self.runs[-1] if self.runs else None
        if last is not None and number == last.end:
            last.values.append(value)
        elif last is None or number > last.end:
            self.runs.append(_Run(number, array("d", [value])))
            self.firsts.append(number)

    def run_at(self, number: int) -> _Run | None:
        position = bisect_right(self.firsts, number) - 1
        if position < 0 or number >= self.runs[position].end:
            return None
        return self.runs[position]


class Timeline:
    """One expression's samples at every `step`, counted from the epoch plus a phase; times are the query's own."""

    def __init__(self, step: timedelta, *, phase: timedelta = timedelta(0)) -> None:
        self.step = step
        self._phase = phase
        self._tracks: dict[LabelKey, _Track] = {}
        self._unknown: list[tuple[datetime, datetime]] = []
        self._boundaries: list[int] | None = None

    # Filling it, in the order of time

    def add(self, series: Iterable[Series]) -> None:
        """Take a stretch of time that is later than all before it."""
        self._boundaries = None
        step, phase = self.step.total_seconds(), self._phase.total_seconds()
        for each in series:
            key = tuple(sorted(each.labels.items()))
            track = self._tracks.setdefault(key, _Track(dict(each.labels)))
            for seconds, value in zip(each.seconds, each.values, strict=True):
                track.add(round((seconds - phase) / step), value)

    def hold(self, labels: Mapping[str, str], start: datetime, end: datetime, *, value: float) -> None:
        """Take a series that has one value from its start (included) to its end (not included)."""
        self._boundaries = None
        first, count = self._number(start), max(0, self._number(end) - self._number(start))
        track = self._tracks.setdefault(tuple(sorted(labels.items())), _Track(dict(labels)))
        track.runs.append(_Run(first, array("d", [value]) * count))
        track.firsts.append(first)

    def add_unknown(self, start: datetime, end: datetime) -> None:
        """Note a stretch (both ends included) of which nothing is known: not the same as one without samples."""
        self._unknown.append((start, end))

    # Asking it

    def is_known(self, at: datetime) -> bool:
        return not any(start <= at <= end for start, end in self._unknown)

    def fits(self, at: datetime) -> bool:
        """Say whether an instant is one of its steps."""
        return (at - _EPOCH - self._phase) % self.step == timedelta(0)

    def samples_at(self, at: datetime) -> list[Sample]:
        """Return the instant vector at a step."""
        number = self._number(at)
        found = []
        for track in self._tracks.values():
            run = track.run_at(number)
            if run is not None:
                found.append(Sample(track.labels, run.values[number - run.first]))
        return found

    def next_change(self, after: datetime) -> datetime | None:
        """Return the first later step at which a series appears or is gone, or at which something becomes known."""
        if self._boundaries is None:
            ends = [number for track in self._tracks.values() for run in track.runs for number in (run.first, run.end)]
            known = [self._number(end) + 1 for _, end in self._unknown]
            self._boundaries = sorted({*ends, *known})
        position = bisect_right(self._boundaries, self._number(after))
        return self._at(self._boundaries[position]) if position < len(self._boundaries) else None

    def next_value(self, after: datetime) -> datetime | None:
        """Return the first later step at which a series that is there has another value."""
        number = self._number(after)
        found = [
            later
            for track in self._tracks.values()
            if (run := track.run_at(number)) is not None
            and (later := _next_other(run.values, number - run.first)) is not None
        ]
        return self._at(number + min(found)) if found else None

    @property
    def points(self) -> int:
        """Return how many samples it holds."""
        return sum(len(run.values) for track in self._tracks.values() for run in track.runs)

    def _number(self, at: datetime) -> int:
        return round((at - _EPOCH - self._phase) / self.step)

    def _at(self, number: int) -> datetime:
        return _EPOCH + self._phase + number * self.step


def _next_other(values: Sequence[float], position: int) -> int | None:
    """Return after how many steps a value is another one; NaN is another one every time."""
    value = values[position]
    return next((later - position for later in range(position + 1, len(values)) if values[later] != value), None)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
