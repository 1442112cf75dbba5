"""Silences as JSON values, for whatever keeps them; patterns are compiled when they are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from ..core.intervals import Range, TimeInterval, TimeRange
from ..core.matchers import Matcher, MatchType
from ..core.notifications import format_time, parse_time
from ..core.patterns import Compile
from ..core.silences import Recurrence, Silence, SilenceId

_RANGES = ("weekdays", "days_of_month", "months", "years")


def silence_as_json(silence: Silence) -> dict[str, Any]:
    """Return a silence as JSON values."""
    return {
        "id": silence.id,
        "matchers": [[[each.name, each.type.value, each.value] for each in matchers] for matchers in silence.matchers],
        "starts_at": format_time(silence.starts_at),
        "ends_at": format_time(silence.ends_at),
        "created_by": silence.created_by,
        "comment": silence.comment,
        "updated_at": format_time(silence.updated_at),
        "annotations": dict(silence.annotations),
        "schedule": _schedule_as_json(silence.schedule) if silence.schedule else None,
        **({"is_exact": True} if silence.is_exact else {}),
    }


def silence_from_json(data: Mapping[str, Any], compile_pattern: Compile) -> Silence:
    """Return the silence that `silence_as_json` wrote."""
    return Silence(
        id=SilenceId(data["id"]),
        matchers=tuple(tuple(_matcher(each, compile_pattern) for each in matchers) for matchers in data["matchers"]),
        starts_at=parse_time(data["starts_at"]),
        ends_at=parse_time(data["ends_at"]),
        created_by=data["created_by"],
        comment=data["comment"],
        updated_at=parse_time(data["updated_at"]),
        annotations=dict(data["annotations"]),
        schedule=_schedule(data["schedule"]) if data["schedule"] else None,
        is_exact=data.get("is_exact", False),
    )


def _matcher(data: Sequence[str], compile_pattern: Compile) -> Matcher:
    name, kind, value = data
    type_ = MatchType(kind)
    return Matcher(name, type_, value, compile_pattern(value) if type_.is_regexp else None)


def _schedule_as_json(schedule: Recurrence) -> dict[str, Any]:
    return {"names": list(schedule.names), "intervals": [_interval_as_json(each) for each in schedule.intervals]}


def _schedule(data: Mapping[str, Any]) -> Recurrence:
    return Recurrence(tuple(data["names"]), tuple(_interval(each) for each in data["intervals"]))


def _interval_as_json(interval: TimeInterval) -> dict[str, Any]:
    ranges = {name: getattr(interval, name) for name in _RANGES}
    return {
        "times": None if interval.times is None else [[each.start_minute, each.end_minute] for each in interval.times],
        **{
            name: None if found is None else [[each.begin, each.end] for each in found]
            for name, found in ranges.items()
        },
        "location": None if interval.location is None else str(interval.location),
    }


def _interval(data: Mapping[str, Any]) -> TimeInterval:
    times = data["times"]
    ranges = {
        name: None if data[name] is None else tuple(Range(begin, end) for begin, end in data[name]) for name in _RANGES
    }
    return TimeInterval(
        times=None if times is None else tuple(TimeRange(start, end) for start, end in times),
        location=ZoneInfo(data["location"]) if data["location"] else None,
        **ranges,
    )
