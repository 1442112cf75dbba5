"""`time_intervals:` and what it was called before: named times at which routes are muted or active.

Source: https://prometheus.io/docs/alerting/latest/configuration/#time_interval,
https://github.com/prometheus/alertmanager/blob/main/timeinterval/timeinterval.go
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BeforeValidator

from ..core.intervals import (
    Range,
    TimeInterval,
    TimeRange,
    parse_days_of_month,
    parse_months,
    parse_times,
    parse_weekdays,
    parse_years,
)
from .blocks import Block, Reading
from .documents import Path, Scalar
from .values import IS_LIST, Blocks, FilledText, Text, describe

SECTIONS = ("mute_time_intervals", "time_intervals")
# Local is the machine's own time: that of Lambda is UTC.
_LOCAL = "Local"
_UTC = ("", "UTC", _LOCAL)
# Each part of a name is looked for as a package of its own: a thousand of them end the stack.
_LONGEST_ZONE = 64


def _range(parse: Callable[[str], Range]) -> BeforeValidator:
    def check(value: Any) -> Range:
        if not isinstance(value, str):
            raise ValueError(f"expected text, found {describe(value)}")
        return parse(str(value))

    return BeforeValidator(check)


def parse_time_zone(value: Any) -> tzinfo | None:
    """Return the time zone of a name, None for UTC. Raises ValueError."""
    name = str(value) if isinstance(value, str) else describe(value)
    if name in _UTC:
        return None
    try:
        if len(name) > _LONGEST_ZONE:
            raise ValueError("no zone has so long a name")
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"no such time zone: {name!r} (expected a name such as Europe/Berlin or UTC)") from None


class _Times(Block):
    start_time: Text = ""
    end_time: Text = ""


class _Interval(Block):
    times: Blocks = None
    weekdays: Annotated[list[Annotated[Range, _range(parse_weekdays)]], IS_LIST] | None = None
    days_of_month: Annotated[list[Annotated[Range, _range(parse_days_of_month)]], IS_LIST] | None = None
    months: Annotated[list[Annotated[Range, _range(parse_months)]], IS_LIST] | None = None
    years: Annotated[list[Annotated[Range, _range(parse_years)]], IS_LIST] | None = None
    location: Annotated[Any, BeforeValidator(parse_time_zone)] = None


class _Named(Block):
    name: FilledText
    time_intervals: Blocks = None


def read_time_intervals(reading: Reading) -> dict[str, tuple[TimeInterval, ...]]:
    """Return the intervals by name, also of names whose intervals cannot be read; a name stands once."""
    found: dict[str, tuple[TimeInterval, ...]] = {}
    value = reading.document.value
    for section in SECTIONS:
        for path in reading.items((section,)) if section in value else ():
            name, context = _name(reading.document.at(path), path)
            reading.block(_Named, path, context=context)
            if name and name in found:
                reading.problem((*path, "name"), f'the time interval "{name}" is not unique')
            intervals = _intervals(reading, path, context)
            if name:
                found.setdefault(name, intervals)
    return found


def _name(value: Any, path: Path) -> tuple[str, str]:
    name = value.get("name") if isinstance(value, dict) else None
    title = str(name) if isinstance(name, Scalar) else ""
    return title, f'time interval "{title}"' if title else f"{path[0]}[{path[-1]}]"


def _intervals(reading: Reading, path: Path, context: str) -> tuple[TimeInterval, ...]:
    value = reading.document.at(path)
    if not isinstance(value, dict) or "time_intervals" not in value:
        return ()
    paths = reading.items((*path, "time_intervals"), context=context)
    return tuple(each for at in paths if (each := _interval(reading, at, context)) is not None)


def _interval(reading: Reading, path: Path, context: str) -> TimeInterval | None:
    context = f"{context}, {int(path[-1]) + 1}"
    block = reading.block(_Interval, path, context=context)
    value = reading.document.at(path)
    if not isinstance(value, dict):
        return None
    times = _times(reading, path, context) if value.get("times") is not None else None
    if value.get("location") == _LOCAL:
        message = "Local is UTC here: name a time zone such as Europe/Berlin if another is meant"
        reading.warn((*path, "location"), message, context=context)
    if block is None:
        return None
    return TimeInterval(
        times,
        weekdays=_tuple(block.weekdays),
        days_of_month=_tuple(block.days_of_month),
        months=_tuple(block.months),
        years=_tuple(block.years),
        location=block.location,
    )


def _tuple(ranges: list[Range] | None) -> tuple[Range, ...] | None:
    return None if ranges is None else tuple(ranges)


def _times(reading: Reading, path: Path, context: str) -> tuple[TimeRange, ...]:
    found: list[TimeRange] = []
    for at in reading.items((*path, "times"), context=context):
        block = reading.block(_Times, at, context=f"{context}, times")
        if block is None:
            continue
        try:
            found.append(parse_times(block.start_time, block.end_time))
        except ValueError as error:
            reading.problem(at, f"times: {error}", context=context)
    return tuple(found)
