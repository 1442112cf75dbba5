"""Shifts: spans of time that somebody has, and what they are together.

Spans are half-open and never empty; sequences of them are in order and do not overlap.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Span:
    """From an aware instant to before another one."""

    start: datetime
    end: datetime

    def contains(self, instant: datetime) -> bool:
        return self.start <= instant < self.end


@dataclass(frozen=True, slots=True)
class Shift(Span):
    """A span in which a user, by name, is on call."""

    user: str


def clip(shifts: Iterable[Shift], start: datetime, end: datetime) -> Iterator[Shift]:
    """Give what of each shift lies within a span."""
    for shift in shifts:
        within = replace(shift, start=max(shift.start, start), end=min(shift.end, end))
        if within.start < within.end:
            yield within


def within(shifts: Sequence[Shift], spans: Sequence[Span]) -> list[Shift]:
    """Return what of the shifts lies within the spans; both are in order."""
    found: list[Shift] = []
    first = 0
    for shift in shifts:
        while first < len(spans) and spans[first].end <= shift.start:
            first += 1
        for span in spans[first:]:
            if span.start >= shift.end:
                break
            found += clip([shift], span.start, span.end)
    return found


def lay_over(under: Sequence[Shift], over: Sequence[Shift]) -> list[Shift]:
    """Return the shifts above, and what of those below they leave free; each sequence is in order."""
    found: list[Shift] = []
    first = 0
    for shift in under:
        free_from = shift.start
        while first < len(over) and over[first].end <= shift.start:
            first += 1
        for cover in over[first:]:
            if cover.start >= shift.end:
                break
            found += clip([shift], free_from, cover.start)
            free_from = max(free_from, cover.end)
        found += clip([shift], free_from, shift.end)
    return sorted([*found, *over], key=lambda each: each.start)


def joined(shifts: Iterable[Shift]) -> list[Shift]:
    """Return shifts in order, those of one user that follow at once as one."""
    found: list[Shift] = []
    for shift in shifts:
        if found and found[-1].user == shift.user and found[-1].end == shift.start:
            found[-1] = replace(found[-1], end=shift.end)
        else:
            found.append(shift)
    return found


def united(spans: Iterable[Span]) -> list[Span]:
    """Return the spans in order, those that touch or overlap as one."""
    found: list[Span] = []
    for span in sorted(spans, key=lambda each: each.start):
        if found and span.start <= found[-1].end:
            found[-1] = replace(found[-1], end=max(found[-1].end, span.end))
        elif span.start < span.end:
            found.append(span)
    return found


def between(spans: Iterable[Span], start: datetime, end: datetime) -> list[Span]:
    """Return what of a time the spans, in order and apart from each other, leave open."""
    found: list[Span] = []
    for span in spans:
        if start < span.start:
            found.append(Span(start, min(span.start, end)))
        start = max(start, span.end)
    return [*found, Span(start, end)] if start < end else found
