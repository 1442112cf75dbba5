"""Calendars that somebody keeps, as layers of a schedule: `ical: primary.ics` is the file oncall/primary.ics.

Each event says who has it: the first of its attendees who is a user by their address, else the user whose name or
address its title is. Days without a time, and times without a zone, are read where the schedule is. Of two events at
once, the one that began later holds; one that was cancelled says nothing.

iCalendar's libraries are loaded only where a schedule has a calendar.
Source: https://www.rfc-editor.org/rfc/rfc5545
"""

from __future__ import annotations

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
# Nobody hands over so often; and to count it for years takes hours.
_TOO_OFTEN = frozenset({"SECONDLY", "MINUTELY"})
# What reading a file that is wrong in itself raises.
_UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)


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
        found: list[Shift] = []
        # What has no zone is looked for as if it had UTC.
        occurrences = self.query.between(start - _DAY, end + _DAY)
        shifts = (shift for event in occurrences if (shift := self._shift(event)))
        for shift in sorted(shifts, key=lambda each: (each.start, each.user)):
            found = lay_over(found, list(clip([shift], start, end)))
        return joined(found)

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
        calendar = Calendar.from_ical(content)
        wrong = list(_wrong(file, content, calendar, attribution))
        if wrong:
            problems.extend(wrong)
            return None
        layer = CalendarLayer(name, of(calendar), attribution, zone)
        first: Component = calendar.walk("VEVENT")[0]
        begin = layer.instant(first.start)
        layer.shifts(begin, begin + _DAY)
    except _UNREADABLE as error:
        problems.append(Problem(file, None, f"not a calendar that can be read: {_first_line(error)}"))
        return None
    return layer


def _wrong(file: str, content: bytes, calendar: Component, attribution: Attribution) -> Iterator[Problem]:
    events = calendar.walk("VEVENT")
    lines = [number for number, line in enumerate(content.splitlines(), 1) if line.strip().upper() == b"BEGIN:VEVENT"]
    if not events:
        yield Problem(file, None, "the calendar has no event")
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
    rules = event.get("RRULE", [])
    for rule in rules if isinstance(rules, list) else [rules]:
        if not _TOO_OFTEN.isdisjoint(str(each).upper() for each in rule.get("FREQ", [])):
            return "it recurs more than once an hour"
    if _is_cancelled(event) or attribution.user_of(event):
        return ""
    title = str(event.get("SUMMARY", ""))
    return f"no user is called {title!r}, nor an attendee{did_you_mean(title, attribution.users)}"


def _is_cancelled(event: Component) -> bool:
    return str(event.get("STATUS", "")).upper() == "CANCELLED"


def _address(attendee: object) -> str:
    return str(attendee).casefold().removeprefix("mailto:")


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:200]
