"""`tocsin oncall`: who has it and when, where nobody does, who takes over for a while, and all of it as a calendar.

Times are said and read where the schedule is. A deployment's API is asked, or that same API in this process.
"""

from __future__ import annotations

import argparse
import getpass
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from ..core.durations import parse_duration
from ..core.notifications import format_time, parse_time
from ..core.wall_clock import instant_of
from .asking import ask
from .desks import Asked, choose_desk
from .failures import FAILED, UsageError
from .session import Session
from .tables import columns
from .times import NOW

V1 = ("api", "tocsin", "v1", "oncall")
SHOWN_DAYS = 14
Shown = Mapping[str, Any]


def who(arguments: argparse.Namespace, session: Session) -> int:
    """Print who has each schedule, or one of them."""
    desk = choose_desk(arguments, session)
    listed = _list(desk, arguments.schedule)
    if arguments.at is not None:
        at = read_moment(arguments.at, "--at", now=session.now, zone=_zone(listed))
        listed = _list(desk, arguments.schedule, at=at)
    if arguments.output == "json":
        print(json.dumps(listed, ensure_ascii=False))
    else:
        print("\n".join(f"{each['name']}: {_standing(each)}" for each in listed))
    return 0


def show(arguments: argparse.Namespace, session: Session) -> int:
    """Print the coming shifts, gaps and overrides of each schedule, or of one."""
    desk = choose_desk(arguments, session)
    listed = _list(desk, arguments.schedule)
    start = read_moment(arguments.from_, "--from", now=session.now, zone=_zone(listed)) or session.now
    until = read_moment(arguments.until, "--until", now=start, zone=_zone(listed))
    found = [_get(desk, each["name"], start, until or start + timedelta(days=SHOWN_DAYS)) for each in listed]
    if arguments.output == "json":
        print(json.dumps(found, ensure_ascii=False))
    else:
        print("\n\n".join("\n".join(_lines(each)) for each in found))
    return 0


def gaps(arguments: argparse.Namespace, session: Session) -> int:
    """Print when nobody is on call in the coming days; exit status 1 where there is such a time."""
    desk = choose_desk(arguments, session)
    until = session.now + timedelta(days=arguments.days)
    found = [_get(desk, each["name"], session.now, until) for each in _list(desk, arguments.schedule)]
    for schedule in found:
        zone = ZoneInfo(schedule["time_zone"])
        for gap in schedule["gaps"]:
            print(f"{schedule['name']}: nobody from {_time(gap['from'], zone)} until {_time(gap['until'], zone)}")
    if any(schedule["gaps"] for schedule in found):
        return FAILED
    print(f"no gap in the next {arguments.days} days")
    return 0


def override(arguments: argparse.Namespace, session: Session) -> int:
    """Have a user take over for a while."""
    desk = choose_desk(arguments, session)
    zone = _zone(_list(desk, arguments.schedule))
    start = read_moment(arguments.from_, "--from", now=session.now, zone=zone) or session.now
    end = read_moment(arguments.until, "--until", now=start, zone=zone)
    body = {
        "user": arguments.user,
        "from": format_time(start),
        "until": format_time(end or start),
        **_who_and_why(arguments),
    }
    made = ask(desk, "POST", (*V1, arguments.schedule, "overrides"), body=body)
    print(_said(made, zone))
    return 0


def swap(arguments: argparse.Namespace, session: Session) -> int:
    """Have the users of two shifts take each other's."""
    desk = choose_desk(arguments, session)
    zone = _zone(_list(desk, arguments.schedule))
    first, second = (_moment_or_day(text, session, zone) for text in (arguments.first, arguments.second))
    body = {"first": first, "second": second, **_who_and_why(arguments)}
    for made in ask(desk, "POST", (*V1, arguments.schedule, "swaps"), body=body)["overrides"]:
        print(_said(made, zone))
    return 0


def remove(arguments: argparse.Namespace, session: Session) -> int:
    """Take back what was overridden."""
    desk = choose_desk(arguments, session)
    for override_id in arguments.ids:
        ask(desk, "DELETE", (*V1, arguments.schedule, "overrides", override_id))
    return 0


def export(arguments: argparse.Namespace, session: Session) -> int:
    """Print a schedule's shifts as a calendar."""
    from .oncall_calendar import as_ical

    desk = choose_desk(arguments, session)
    zone = _zone(_list(desk, arguments.schedule))
    start = read_moment(arguments.from_, "--from", now=session.now, zone=zone) or session.now
    until = read_moment(arguments.until, "--until", now=start, zone=zone) or start + timedelta(days=arguments.days)
    sys.stdout.write(as_ical(_get(desk, arguments.schedule, start, until), now=session.now))
    return 0


def read_moment(text: str | None, option: str, *, now: datetime, zone: tzinfo) -> datetime | None:
    """Return a time: with an offset, a local one, a day, now, or how long after `now`; None where nothing is said."""
    if text is None:
        return None
    if text == NOW:
        return now
    try:
        return now + parse_duration(text)
    except (ValueError, OverflowError):
        pass
    try:
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo else instant_of(found, zone)
    except (ValueError, OverflowError):
        raise UsageError(
            f"{option}: expected a time such as 2026-01-05T09:00 or 2026-01-05T08:00:00Z, a day, now, or 8h,"
            f" found {text!r}"
        ) from None


def _moment_or_day(text: str, session: Session, zone: tzinfo) -> str:
    """Return a time as the API has it; a day stays one, for the shift that is handed over on it."""
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        return format_time(read_moment(text, "TIME", now=session.now, zone=zone) or session.now)


def _list(desk: Asked, name: str | None, *, at: datetime | None = None) -> list[Shown]:
    """Return the schedules with who has them, or the one of a name."""
    answer = ask(desk, "GET", V1, {"at": (format_time(at),)} if at else {})
    listed = [each for each in answer["schedules"] if name in (None, each["name"])]
    if not listed:
        known = ", ".join(each["name"] for each in answer["schedules"])
        raise UsageError(f"there is no schedule {name}" + (f": there are {known}" if known else "") if name else _NONE)
    return listed


_NONE = "there are no schedules: they stand in tocsin.yml"


def _get(desk: Asked, name: str, start: datetime, until: datetime) -> Shown:
    between = {"from": (format_time(start),), "until": (format_time(until),)}
    found: Shown = ask(desk, "GET", (*V1, name), between)
    return found


def _zone(listed: Sequence[Shown]) -> tzinfo:
    """Return where times are read: where all the schedules are, or UTC."""
    zones = {each["time_zone"] for each in listed}
    return ZoneInfo(zones.pop()) if len(zones) == 1 else UTC


def _standing(schedule: Shown) -> str:
    if schedule["user"] is None:
        return "nobody"
    ends = f" until {_time(schedule['ends_at'], ZoneInfo(schedule['time_zone']))}" if schedule["ends_at"] else ""
    return f"{schedule['user']}{ends}"


def _lines(schedule: Shown) -> Iterator[str]:
    zone = ZoneInfo(schedule["time_zone"])
    yield f"{schedule['name']} ({schedule['time_zone']}): {_standing(schedule)}"
    spans = [(each["from"], each["until"], each.get("user", "nobody")) for each in _spans(schedule)]
    rows = [("From", "Until", "User"), *((_time(start, zone), _time(end, zone), user) for start, end, user in spans)]
    yield from (line.rstrip() for line in columns(rows))
    made = [each for each in schedule["overrides"] if each["id"]]
    if made:
        yield ""
        rows_of_made = [("Override", "From", "Until", "User", "By", "Comment")] + [
            (
                each["id"],
                _time(each["from"], zone),
                _time(each["until"], zone),
                each["user"],
                each["by"],
                each["comment"],
            )
            for each in made
        ]
        yield from (line.rstrip() for line in columns(rows_of_made))


def _spans(schedule: Shown) -> list[Shown]:
    return sorted([*schedule["shifts"], *schedule["gaps"]], key=lambda each: parse_time(each["from"]))


def _said(made: Shown, zone: tzinfo) -> str:
    return f"{made['id']}: {made['user']} from {_time(made['from'], zone)} until {_time(made['until'], zone)}"


def _time(text: str, zone: tzinfo) -> str:
    return f"{parse_time(text).astimezone(zone):%a %Y-%m-%d %H:%M %Z}"


def _who_and_why(arguments: argparse.Namespace) -> dict[str, str]:
    return {"by": arguments.by or _user(), "comment": arguments.comment}


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        raise UsageError("--by: nobody is logged in here, so say who acts") from None
