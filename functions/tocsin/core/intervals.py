"""Time intervals: when a route is muted or active, and when a recurring silence holds.

An interval contains an instant if every kind of range that it names does; a kind it does not name restricts nothing.
Ranges of days, months and years include both ends; a range of times does not include its end, which may be 24:00.
Days of the month count from the end where they are negative, and are clamped to the month's length.

Source: https://github.com/prometheus/alertmanager/blob/main/timeinterval/timeinterval.go
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from enum import StrEnum

_WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_TIME = re.compile(r"(?:([01][0-9]|2[0-3]):([0-5][0-9]))|(24):(00)")
_NUMBER = re.compile(r"[+-]?[0-9]+")
_SHORTEST_MONTH = 28
_LONGEST_MONTH = 31


@dataclass(frozen=True, slots=True)
class TimeRange:
    """Minutes of a day, from `start_minute` to before `end_minute`; a day has 1440."""

    start_minute: int
    end_minute: int

    def contains(self, instant: datetime) -> bool:
        return self.start_minute <= instant.hour * 60 + instant.minute < self.end_minute


@dataclass(frozen=True, slots=True)
class Range:
    """Whole numbers from `begin` to `end`, both included."""

    begin: int
    end: int

    def contains(self, number: int) -> bool:
        return self.begin <= number <= self.end


@dataclass(frozen=True, slots=True)
class TimeInterval:
    """One interval; a kind of range that is None restricts nothing, an empty one is never fulfilled.

    Weekdays count from Sunday, which is 0; months from January, which is 1. Without a location it is UTC's calendar.
    """

    times: tuple[TimeRange, ...] | None = None
    weekdays: tuple[Range, ...] | None = None
    days_of_month: tuple[Range, ...] | None = None
    months: tuple[Range, ...] | None = None
    years: tuple[Range, ...] | None = None
    location: tzinfo | None = None

    def contains(self, instant: datetime) -> bool:
        """Say whether an aware instant lies in the interval."""
        local = instant.astimezone(self.location or UTC)
        return (
            (self.times is None or any(times.contains(local) for times in self.times))
            and _contains(self.weekdays, local.isoweekday() % 7)
            and (self.days_of_month is None or any(_contains_day(days, local) for days in self.days_of_month))
            and _contains(self.months, local.month)
            and _contains(self.years, local.year)
        )


# What configuration calls by a name: each name stands for several intervals, any of which may contain an instant.
NamedIntervals = Mapping[str, Sequence[TimeInterval]]


class MuteReason(StrEnum):
    """Why a route's notifications are held back by the calendar, or are not."""

    NONE = "none"
    MUTED = "within a mute time interval"
    INACTIVE = "outside every active time interval"


@dataclass(frozen=True, slots=True)
class Muting:
    """What the calendar says to a route: the reason, and the names that it is owed to, sorted."""

    reason: MuteReason = MuteReason.NONE
    names: tuple[str, ...] = ()


def muted_by(mute: Sequence[str], active: Sequence[str], intervals: NamedIntervals, *, now: datetime) -> Muting:
    """Return whether a route's mute and active time intervals hold its notifications back now.

    A name that nobody defines holds nothing back: a page too many is better than one too few.
    """
    if active and not any(name not in intervals or is_within(intervals[name], now) for name in active):
        return Muting(MuteReason.INACTIVE, tuple(sorted(set(active))))
    names = tuple(sorted({name for name in mute if is_within(intervals.get(name, ()), now)}))
    return Muting(MuteReason.MUTED, names) if names else Muting()


def is_within(intervals: Sequence[TimeInterval], instant: datetime) -> bool:
    """Say whether any of the intervals contains an instant."""
    return any(interval.contains(instant) for interval in intervals)


def parse_times(start: str, end: str) -> TimeRange:
    """Return the range of `start_time: 09:00`, `end_time: 24:00`. Raises ValueError."""
    if not start or not end:
        raise ValueError("both start and end times must be provided")
    times = TimeRange(_minute_of(start), _minute_of(end))
    if times.start_minute >= times.end_minute:
        raise ValueError("start time cannot be equal or greater than end time")
    return times


def parse_weekdays(text: str) -> Range:
    """Return the range of `monday:friday` or `sunday`. Raises ValueError; a week's range does not wrap around."""
    days = Range(*(_weekday(part) for part in _parts(text)))
    if days.begin > days.end:
        raise ValueError(f"start day cannot be after end day: {text} (a week begins on Sunday)")
    return days


def parse_days_of_month(text: str) -> Range:
    """Return the range of `1:15`, `-3:-1` or `5`. Raises ValueError where no month, or not every month, has it."""
    days = Range(*(_number(part) for part in _parts(text)))
    for day in (days.begin, days.end):
        if day == 0 or abs(day) > _LONGEST_MONTH:
            raise ValueError(f"{day} is not a valid day of the month: out of range")
    if days.begin < 0 < days.end:
        raise ValueError("end day must be negative if start day is negative")
    if _in_shortest_month(days.begin) > _in_shortest_month(days.end):
        raise ValueError(f"end day {days.end} is always before start day {days.begin}")
    return days


def parse_months(text: str) -> Range:
    """Return the range of `january:march`, `1:3` or `december`. Raises ValueError; a number may be any."""
    months = Range(*(_month(part) for part in _parts(text)))
    if months.begin > months.end:
        begin, end = _month_name(months.begin), _month_name(months.end)
        raise ValueError(f"end month {end} is before start month {begin}")
    return months


def parse_years(text: str) -> Range:
    """Return the range of `2020:2022` or `2026`. Raises ValueError."""
    years = Range(*(_number(part) for part in _parts(text)))
    if years.begin > years.end:
        raise ValueError(f"end year {years.end} is before start year {years.begin}")
    return years


def _contains(ranges: tuple[Range, ...] | None, number: int) -> bool:
    return ranges is None or any(each.contains(number) for each in ranges)


def _contains_day(days: Range, local: datetime) -> bool:
    length = monthrange(local.year, local.month)[1]
    begin, end = (day if day >= 0 else length + day + 1 for day in (days.begin, days.end))
    # What begins after the month's end is not pulled back onto its last day, while an end is.
    return begin <= length and begin <= local.day <= min(end, length)


def _minute_of(text: str) -> int:
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError(f"couldn't parse timestamp {text}, invalid format (expected HH:MM, 00:00 to 24:00)")
    hours, minutes = (part for part in found.groups() if part is not None)
    return int(hours) * 60 + int(minutes)


def _parts(text: str) -> tuple[str, str]:
    parts = text.lower().split(":")
    if len(parts) > 2:
        raise ValueError(f"couldn't parse range {text}, invalid format")
    return parts[0], parts[-1]


def _weekday(text: str) -> int:
    if text not in _WEEKDAYS:
        raise ValueError(f"{text} is not a valid weekday")
    return _WEEKDAYS.index(text)


def _month(text: str) -> int:
    if text in _MONTHS:
        return _MONTHS.index(text) + 1
    if _NUMBER.fullmatch(text) is None:
        raise ValueError(f"{text} is not a valid month")
    return int(text)


def _month_name(number: int) -> str:
    return _MONTHS[number - 1] if 1 <= number <= len(_MONTHS) else str(number)


def _number(text: str) -> int:
    if _NUMBER.fullmatch(text) is None:
        raise ValueError(f"{text!r} is not a whole number")
    return int(text)


def _in_shortest_month(day: int) -> int:
    return day if day > 0 else _SHORTEST_MONTH + day
