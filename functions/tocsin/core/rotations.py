"""Rotations: users who take turns by the calendar of a place.

A turn lasts so many hours, days or weeks of local time: who takes over at 09:00 does so in summer and in winter, and
the day on which clocks change makes one turn an hour longer or shorter. An hour that a jump leaves out is nobody's, one
that comes twice belongs to one turn as a whole (wall_clock.py).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import accumulate

from .shifts import Shift, Span, clip, joined, united, within
from .wall_clock import instant_of, wall_of

_WEEK = timedelta(weeks=1)
_DAY_MINUTES = 24 * 60
WEEK_MINUTES = 7 * _DAY_MINUTES


@dataclass(frozen=True, slots=True)
class Turn:
    """How long a user has it when it is their turn, in local time."""

    user: str
    lasts: timedelta


@dataclass(frozen=True, slots=True)
class Window:
    """Minutes of the week in which a layer holds, counted from Monday 00:00 local time; it may reach into the next."""

    start_minute: int
    minutes: int


@dataclass(frozen=True, slots=True)
class Layer:
    """Turns that follow each other for ever, from an instant on.

    `anchor`, a naive local time, is when the first turn begins by the calendar; where `start` is later, the first turn
    is shorter. Without windows it holds always.
    """

    name: str
    turns: tuple[Turn, ...]
    anchor: datetime
    start: datetime
    end: datetime | None = None
    windows: tuple[Window, ...] = ()
    zone: tzinfo = UTC

    def shifts(self, start: datetime, end: datetime) -> list[Shift]:
        """Return who has it between two aware instants, in order."""
        start = max(start, self.start)
        end = min(end, self.end) if self.end else end
        if not start < end:
            return []
        turns = joined(clip(self._turns(start, end), start, end))
        return within(turns, self._open(start, end)) if self.windows else turns

    def _turns(self, start: datetime, end: datetime) -> Iterator[Shift]:
        number = self._turn_at(start)
        begin = self._begin(number)
        while begin < end:
            following = self._begin(number + 1)
            yield Shift(begin, following, self.turns[number % len(self.turns)].user)
            number, begin = number + 1, following

    def _turn_at(self, instant: datetime) -> int:
        """Return the number of the turn that an instant lies in, counted from the anchor."""
        ends = list(accumulate(turn.lasts for turn in self.turns))
        rounds, rest = divmod(wall_of(instant, self.zone) - self.anchor, ends[-1])
        number = rounds * len(ends) + bisect_right(ends, rest)
        # When an hour comes again, the turn that follows may have begun in it already.
        while self._begin(number + 1) <= instant:
            number += 1
        return number

    def _begin(self, number: int) -> datetime:
        rounds, index = divmod(number, len(self.turns))
        lasts = [turn.lasts for turn in self.turns]
        wall = self.anchor + rounds * sum(lasts, timedelta()) + sum(lasts[:index], timedelta())
        return instant_of(wall, self.zone)

    def _open(self, start: datetime, end: datetime) -> list[Span]:
        return united(self._openings(start, end))

    def _openings(self, start: datetime, end: datetime) -> Iterator[Span]:
        local = wall_of(start, self.zone)
        monday = datetime.combine(local.date(), datetime.min.time()) - timedelta(days=local.weekday())
        last = wall_of(end, self.zone) + timedelta(days=1)
        # A window may have begun in the week before.
        monday -= _WEEK
        while monday < last:
            for window in self.windows:
                opens = monday + timedelta(minutes=window.start_minute)
                closes = opens + timedelta(minutes=window.minutes)
                yield Span(instant_of(opens, self.zone), instant_of(closes, self.zone))
            monday += _WEEK
