"""Calendars that somebody keeps, as layers of a schedule: `ical: primary.ics` is the file oncall/primary.ics.

Each event says who has it: the first of its attendees who is a user by their address, else the user whose name or
address its title is. Days without a time, and times without a zone, are read where the schedule is. Of two events at
once, the one that began later holds; one that was cancelled says nothing.

iCalendar's libraries are loaded only where a schedule has a calendar.
Source: https://www.rfc-editor.org/rfc/rfc5545
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

from ..core.shifts import Shift, clip, joined, lay_over
from ..core.users import User
from ..core.wall_clock import instant_of
from ..errors import Problem
from .blocks import did_you_mean

# A component of a calendar; the libraries do not say its type.
Component = Any

_DAY = timedelta(days=1)
_LARGEST_BYTES = 1024 * 1024
_MOST_EVENTS = 2_000
# Occurrences are counted from the first one each time. Who recurs more often, or for longer, takes seconds to count.
_FREQUENCIES = frozenset({b"DAILY", b"WEEKLY", b"MONTHLY", b"YEARLY"})
_MOST_A_DAY = 24
_YEARS = range(1970, 2201)
# What reading a file that is wrong in itself raises.
_UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError, OSError)


@dataclass(frozen=True, slots=True)
class Attribution:
    """Which user an event means."""

    users: Mapping[str, User]

    def user_of(self, event: Component) -> str | None:
        """Return the name of the user whom an event names, or None."""
        attendees = event.get("ATTENDEE", [])
        addresses = [_address(each) for each in (attendees if isinstance(attendees, list) else [attendees])]
        title = str(event.get("SUMMARY", "")).strip().casefold()
        for address in (*addresses, title):
            for user in self.users.values():
                if address and address == user.email.casefold():
                    return user.name
        return next((name for name in self.users if name.casefold() == title), None)


@dataclass(frozen=True, slots=True)
class CalendarLayer:
    """A calendar's events as shifts; `query` gives the occurrences between two instants."""

    name: str
    query: Any
    attribution: Attribution
    zone: tzinfo

    def shifts(self, start: datetime, end: datetime) -> Sequence[Shift]:
        """Return who has it between two aware instants, in order."""
        try:
            return self._shifts(start, end)
        except _UNREADABLE:
            # Far from where it was tried out it makes no sense after all: then it says of nobody that they have it.
            return []

    def _shifts(self, start: datetime, end: datetime) -> list[Shift]:
        found: list[Shift] = []
        # What has no zone is looked for as if it had UTC.
        occurrences = self.query.between(start - _DAY, end + _DAY)
        shifts = (shift for event in occurrences if (shift := self._shift(event)))
        for shift in sorted(shifts, key=lambda each: (each.start, each.user)):
            found = lay_over(found, list(clip([shift], start, end)))
        return joined(found)

    def try_out(self, event: Component) -> None:
        """Look at where an event begins. Raises what reading what is wrong raises."""
        begin = self.instant(event.start)
        self._shifts(begin, begin + _DAY)

    def _shift(self, event: Component) -> Shift | None:
        user = None if _is_cancelled(event) else self.attribution.user_of(event)
        start, end = self.instant(event.start), self.instant(event.end)
        return Shift(start, end, user) if user and start < end else None

    def instant(self, moment: date) -> datetime:
        """Return when a time of the calendar is, in UTC."""
        if not isinstance(moment, datetime):
            moment = datetime.combine(moment, time())
        return moment.astimezone(UTC) if moment.tzinfo else instant_of(moment, self.zone)


def read_calendar(
    file: str, content: bytes, users: Mapping[str, User], zone: tzinfo, *, name: str, problems: list[Problem]
) -> CalendarLayer | None:
    """Return a calendar's layer; whatever is wrong with the file is added to the problems."""
    from icalendar import Calendar
    from recurring_ical_events import of  # type: ignore[import-untyped]

    attribution = Attribution(users)
    try:
        if len(content) > _LARGEST_BYTES:
            raise ValueError(f"larger than {_LARGEST_BYTES // 1024} KiB")
        # Before it is parsed: the rules of time zones are counted there.
        wrong = list(_wrong_rules(file, content))
        calendar = None if wrong else Calendar.from_ical(content)
        wrong += _wrong(file, content, calendar, attribution) if calendar else []
        if calendar is None or wrong:
            problems.extend(wrong)
            return None
        layer = CalendarLayer(name, of(calendar), attribution, zone)
        events = calendar.walk("VEVENT")
        for event in (events[0], events[-1]):
            layer.try_out(event)
    except _UNREADABLE as error:
        problems.append(Problem(file, None, f"not a calendar that can be read: {_first_line(error)}"))
        return None
    return layer


def _wrong_rules(file: str, content: bytes) -> Iterator[Problem]:
    for line, text in _unfolded(content):
        name, _, rule = text.upper().partition(b":")
        if name.partition(b";")[0].strip() in (b"RRULE", b"EXRULE") and _is_endless(rule):
            yield Problem(
                file, line, f"recurs at no interval, more often than FREQ=DAILY, or more than {_MOST_A_DAY} times a day"
            )


def _unfolded(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Give the lines with their numbers; what begins with a space continues the one before."""
    whole, begin = b"", 1
    for number, line in enumerate(content.splitlines(), 1):
        if line[:1] in (b" ", b"\t"):
            whole += line[1:]
            continue
        yield begin, whole
        whole, begin = line, number
    yield begin, whole


def _is_endless(rule: bytes) -> bool:
    """Say whether counting the occurrences of a rule, `FREQ=DAILY;BYHOUR=9,21`, takes for ever."""
    parts: dict[bytes, bytes] = {}
    for part in rule.split(b";"):
        key, _, value = part.partition(b"=")
        if key.strip() in parts:
            return True  # which of the two counts is not for us to guess
        parts[key.strip()] = value.strip()
    interval = parts.get(b"INTERVAL", b"1")
    a_day = math.prod(parts[key].count(b",") + 1 for key in (b"BYHOUR", b"BYMINUTE", b"BYSECOND") if key in parts)
    is_known = parts.get(b"FREQ", b"DAILY") in _FREQUENCIES
    return not is_known or not interval.isdigit() or int(interval) < 1 or a_day > _MOST_A_DAY


def _wrong(file: str, content: bytes, calendar: Component, attribution: Attribution) -> Iterator[Problem]:
    events = calendar.walk("VEVENT")
    lines = [number for number, line in enumerate(content.splitlines(), 1) if line.strip().upper() == b"BEGIN:VEVENT"]
    if not 0 < len(events) <= _MOST_EVENTS:
        yield Problem(file, None, f"expected 1 to {_MOST_EVENTS} events, found {len(events)}")
    for position, event in enumerate(events):
        line = lines[position] if len(lines) == len(events) else None
        reason = _why_not(event, attribution)
        if reason:
            yield Problem(file, line, f"event {position + 1}: {reason}")


def _why_not(event: Component, attribution: Attribution) -> str:
    """Return what is wrong with an event; empty where nothing is."""
    if event.errors:
        return "; ".join(f"{name}: {reason}" for name, reason in event.errors)
    begin = event.get("DTSTART")
    if begin is None:
        return "DTSTART is missing"
    zone = begin.params.get("TZID")
    if zone and isinstance(begin.dt, datetime) and begin.dt.tzinfo is None:
        return f"there is no time zone {zone!r}"
    if begin.dt.year not in _YEARS:
        return f"{begin.dt.year} is no year of a schedule"
    if event.get("DTEND") is not None and _is_before(event["DTEND"].dt, begin.dt):
        return "it ends before it begins"
    if _is_cancelled(event) or attribution.user_of(event):
        return ""
    title = str(event.get("SUMMARY", ""))
    return f"no user is called {title!r}, nor an attendee{did_you_mean(title, attribution.users)}"


def _is_before(end: date, begin: date) -> bool:
    try:
        return end < begin
    except TypeError:  # only one of them has a time, or a zone
        return False


def _is_cancelled(event: Component) -> bool:
    return str(event.get("STATUS", "")).upper() == "CANCELLED"


def _address(attendee: object) -> str:
    return str(attendee).casefold().removeprefix("mailto:")


def _first_line(error: Exception) -> str:
    said = error.strerror if isinstance(error, OSError) else str(error)
    return (said or type(error).__name__).splitlines()[0][:200]
