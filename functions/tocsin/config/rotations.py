"""Times of schedules as a person writes them: when turns begin, when they are handed over, and when a layer holds.

A time without an offset is a local one, where the schedule is. Days of the week count from Monday, and may go round its
end: `saturday:monday` are three days.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from ..core.rotations import WEEK_MINUTES, Window
from ..core.wall_clock import instant_of
from .values import Duration, describe

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DAY_MINUTES = 24 * 60
SHORTEST_SHIFT, LONGEST_SHIFT = timedelta(hours=1), timedelta(days=366)
_YEARS = range(1970, 2201)
_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])|24:00")


@dataclass(frozen=True, slots=True)
class Point:
    """A time of day, as minutes, on every day or on one of the week's."""

    minute: int
    weekday: int | None = None

    @property
    def of_week(self) -> int:
        """Return the minute of the week; where no day is named, Monday's."""
        return (self.weekday or 0) * DAY_MINUTES + self.minute


def _point(value: Any) -> Point:
    words = str(value).lower().split() if isinstance(value, str) else []
    day = words[0] if len(words) == 2 else ""
    found = _TIME.fullmatch(words[-1]) if words else None
    if found is None or len(words) > 2 or (day and day not in DAYS):
        raise ValueError(f"expected a time of day such as 09:00 or monday 09:00, found {describe(value)}")
    hours, minutes = words[-1].split(":")
    return Point(int(hours) * 60 + int(minutes), DAYS.index(day) if day else None)


def _handoff(value: Any) -> Point:
    point = _point(value)
    if point.minute == DAY_MINUTES:
        raise ValueError("24:00 is 00:00 of the next day: write that")
    return point


def _moment(value: Any) -> datetime | date:
    text = str(value) if isinstance(value, str) else ""
    try:
        found = date.fromisoformat(text) if len(text) == len("2026-01-05") else datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.year not in _YEARS:
        raise ValueError(f"expected a time such as 2026-01-05T09:00 or a day, found {describe(value)}")
    return found


def _days(value: Any) -> tuple[int, ...]:
    """Return the days that a list names, by single ones or as ranges."""
    if not isinstance(value, list) or not value:
        raise ValueError(f"expected a list of days such as [monday:friday], found {describe(value)}")
    found: list[int] = []
    for each in value:
        first, colon, last = str(each).lower().partition(":")
        if first not in DAYS or (colon and last not in DAYS):
            raise ValueError(f"expected a day such as monday, or monday:friday, found {describe(each)}")
        begin, end = DAYS.index(first), DAYS.index(last or first)
        found += [(begin + step) % 7 for step in range((end - begin) % 7 + 1)]
    return tuple(dict.fromkeys(found))


def _shift(value: timedelta) -> timedelta:
    if not SHORTEST_SHIFT <= value <= LONGEST_SHIFT:
        raise ValueError("expected 1h to 366d")
    return value


PointOfTime = Annotated[Point, BeforeValidator(_point)]
Handoff = Annotated[Point, BeforeValidator(_handoff)]
Moment = Annotated[datetime | date, BeforeValidator(_moment)]
Days = Annotated[tuple[int, ...], BeforeValidator(_days)]
ShiftLength = Annotated[Duration, AfterValidator(_shift)]


def instant(moment: datetime | date, zone: tzinfo, at: Point | None = None) -> datetime:
    """Return when a moment is, in UTC; a day alone is its beginning, or when turns are handed over."""
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, time()) + timedelta(minutes=at.minute if at else 0)
    return moment.astimezone(UTC) if moment.tzinfo else instant_of(moment, zone)


def anchor(start: datetime, handoff: Point | None, every: timedelta | None) -> datetime:
    """Return when, by the local clock, the turn begins that somebody has at a local time.

    That is the last handoff before it; where turns are of one length, they may have been handed over since then.
    """
    if handoff is None:
        return start
    found = datetime.combine(start.date(), time()) + timedelta(minutes=handoff.minute)
    if handoff.weekday is not None:
        found -= timedelta(days=(found.weekday() - handoff.weekday) % 7)
    if found > start:
        found -= timedelta(days=1 if handoff.weekday is None else 7)
    return found + (start - found) // every * every if every else found


def windows(days: tuple[int, ...], begin: Point, end: Point) -> tuple[Window, ...]:
    """Return the windows of a restriction: one from day to day, or one for each day, over midnight where it must be."""
    if begin.weekday is not None:
        minutes = (end.of_week - begin.of_week) % WEEK_MINUTES or WEEK_MINUTES
        return (Window(begin.of_week % WEEK_MINUTES, minutes),)
    minutes = (end.minute - begin.minute) % DAY_MINUTES or DAY_MINUTES
    return tuple(Window(day * DAY_MINUTES + begin.minute, minutes) for day in sorted(days))
