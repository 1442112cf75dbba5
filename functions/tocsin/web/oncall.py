"""Tocsin's own API: who is on call, and who takes over for a while.

GET    /api/tocsin/v1/oncall                        every schedule, and who has it; at=
GET    /api/tocsin/v1/oncall/{name}                 its shifts, gaps and overrides; from=, until= (30 days from now)
POST   /api/tocsin/v1/oncall/{name}/overrides       {"user": …, "from": …, "until": …, "by": …, "comment": …}
POST   /api/tocsin/v1/oncall/{name}/swaps           {"first": a time in one shift, or the day on which it is handed
                                                      over, "second": …, "by": …, "comment": …}
DELETE /api/tocsin/v1/oncall/{name}/overrides/{id}  takes back one that was made at run time
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta, tzinfo
from typing import Any

from ..core.notifications import format_time, parse_time
from ..core.oncall import HORIZON, Override, Schedule, SwapRefusal, gaps, shift_at, shifts
from ..core.shifts import Span
from ..pipeline import oncall
from ..pipeline.oncall import Change, Refusal, Rota
from .bodies import needed, read_object, text_of
from .http import Refused, Request, Response
from .serving import Api

NAME_LENGTH, COMMENT_LENGTH = 200, 2000
SHOWN, LONGEST = timedelta(days=30), timedelta(days=400)
_YEARS = range(1971, 2200)


def list_schedules(api: Api, request: Request, now: datetime) -> Response:
    """List the schedules with who has them."""
    at = _time(request.last("at"), "at") or now
    found = _rota(api).schedules(now=now)
    listed = [_standing(found[name], at) for name in sorted(found)]
    return Response(200, {"at": format_time(at), "schedules": listed})


def get_schedule(api: Api, request: Request, now: datetime) -> Response:
    """Show one schedule between two times."""
    schedule = _schedule(api, request, now)
    start = _time(request.last("from"), "from") or now
    end = _time(request.last("until"), "until") or start + SHOWN
    if not start < end <= start + LONGEST:
        raise Refused(400, f"`until` is not after `from`, or more than {LONGEST.days} days after it")
    return Response(
        200,
        {
            **_standing(schedule, now),
            "from": format_time(start),
            "until": format_time(end),
            "shifts": [{**_span(each), "user": each.user} for each in shifts(schedule, start, end)],
            "gaps": [_span(each) for each in gaps(schedule, start, end)],
            "overrides": [_override(each) for each in schedule.overrides if each.end > start and each.start < end],
        },
    )


def post_override(api: Api, request: Request, now: datetime) -> Response:
    """Have a user take over for a while."""
    values = read_object(request.body, ("user", "from", "until", "by", "comment"))
    start, end = _needed_time(values, "from"), _needed_time(values, "until")
    change = _change(values, request, now)
    made = oncall.override(_rota(api), _name(request), needed(values, "user", NAME_LENGTH), start, end, change)
    if isinstance(made, Refusal):
        raise _refused(request, made)
    return Response(200, _override(made))


def post_swap(api: Api, request: Request, now: datetime) -> Response:
    """Have the users of two shifts take each other's."""
    values = read_object(request.body, ("first", "second", "by", "comment"))
    moments = _time_or_day(values, "first"), _time_or_day(values, "second")
    made = oncall.swap_shifts(_rota(api), _name(request), *moments, _change(values, request, now))
    if isinstance(made, (Refusal, SwapRefusal)):
        raise _refused(request, made)
    return Response(200, {"overrides": [_override(each) for each in made]})


def delete_override(api: Api, request: Request, now: datetime) -> Response:
    """Take back an override."""
    override_id = request.path[6]
    removed = oncall.remove(_rota(api), _name(request), override_id, by=request.caller, now=now)
    if removed is None:
        raise Refused(404, f"there is no override {override_id} of {_name(request)} that was made at run time")
    return Response(200, _override(removed))


def _standing(schedule: Schedule, at: datetime) -> dict[str, Any]:
    """Return who has a schedule, since when and until when, as far as one looks ahead."""
    shift = shift_at(schedule, at)
    has_begin = shift is not None and shift.start > at - HORIZON
    has_end = shift is not None and shift.end < at + HORIZON
    return {
        "name": schedule.name,
        "time_zone": _zone_name(schedule.zone),
        "user": shift.user if shift else None,
        "since": format_time(shift.start) if shift and has_begin else None,
        "ends_at": format_time(shift.end) if shift and has_end else None,
    }


def _zone_name(zone: tzinfo) -> str:
    return str(getattr(zone, "key", "UTC"))


def _span(span: Span) -> dict[str, str]:
    return {"from": format_time(span.start), "until": format_time(span.end)}


def _override(override: Override) -> dict[str, Any]:
    return {
        "id": override.id,
        "user": override.user,
        "from": format_time(override.start),
        "until": format_time(override.end),
        "by": override.by,
        "comment": override.comment,
        "made_at": format_time(override.made_at) if override.made_at else None,
    }


def _rota(api: Api) -> Rota:
    if api.rota is None:
        raise Refused(404, "there are no schedules here")
    return api.rota


def _name(request: Request) -> str:
    return request.path[4]


def _schedule(api: Api, request: Request, now: datetime) -> Schedule:
    found = _rota(api).schedules(now=now).get(_name(request))
    if found is None:
        raise _refused(request, Refusal.NO_SCHEDULE)
    return found


def _refused(request: Request, refusal: Refusal | SwapRefusal) -> Refused:
    if refusal is Refusal.NO_SCHEDULE:
        return Refused(404, f"there is no schedule {_name(request)}")
    return Refused(400, refusal.value)


def _change(values: Mapping[str, Any], request: Request, now: datetime) -> Change:
    """Return who says so, by the body or else by who asks, and why."""
    by = text_of(values, "by", NAME_LENGTH) or request.caller
    if not by:
        raise Refused(400, "`by` is missing from the body: who says so?")
    return Change(by, text_of(values, "comment", COMMENT_LENGTH), now, request.caller)


def _needed_time(values: Mapping[str, Any], name: str) -> datetime:
    found = _time(needed(values, name, NAME_LENGTH), name)
    assert found is not None
    return found


def _time_or_day(values: Mapping[str, Any], name: str) -> date:
    text = needed(values, name, NAME_LENGTH)
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return _needed_time(values, name)
    if day.year not in _YEARS:
        raise Refused(400, f"`{name}` is no day that schedules have: {text[:100]}")
    return day


def _time(text: str, name: str) -> datetime | None:
    """Return a time, None where none is given; in years that schedules have."""
    if not text:
        return None
    try:
        found = parse_time(text)
    except ValueError:
        found = None
    if found is None or found.year not in _YEARS:
        raise Refused(400, f"`{name}` is not a time such as 2026-01-02T03:04:05Z: {text[:100]}")
    return found
