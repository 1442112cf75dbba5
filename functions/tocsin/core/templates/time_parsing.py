"""Text into a time, by a layout that shows how Mon Jan 2 15:04:05 MST 2006 would be written.

Each item takes what it can and gives nothing back, as in Go: so a layout of any kind is read in one go.

Source: https://pkg.go.dev/time#Parse
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache

from tocsin.core.templates.clock import LAYOUT_ITEM, MONTHS, WEEKDAYS


def _names(names: Iterable[str]) -> str:
    """Return the pattern of names, which are read whatever their case."""
    return f"(?i:{'|'.join(names)})"


_NAMES = {
    "January": _names(MONTHS),
    "Jan": _names(month[:3] for month in MONTHS),
    "Monday": _names(WEEKDAYS),
    "Mon": _names(day[:3] for day in WEEKDAYS),
}
# A sign with hours up to 23 is a name too, also behind GMT; other names are in upper case.
_HOURS = r"[+-]0*+(?:2[0-3]|1?\d)(?!\d)"
_ZONE = (
    rf"(?=.{{3}})(?:UTC|ChST|MeST|GMT(?:{_HOURS})?+|{_HOURS}"
    r"|[A-Z]{4}T(?![A-Z])|(?:[A-Z]{3}T|WITA)(?![A-Z])|[A-Z]{3}(?![A-Z]))"
)
# What a layout's item looks like in a text, and what it says; a name is a named group's.
_ITEMS: dict[str, tuple[str, str]] = {
    "2006": ("year", r"\d{4}"),
    "06": ("short_year", r"\d\d"),
    "January": ("month_name", _NAMES["January"]),
    "Jan": ("month_name", _NAMES["Jan"]),
    "01": ("month", r"\d\d"),
    "1": ("month", r"\d\d?"),
    "Monday": ("", _NAMES["Monday"]),
    "Mon": ("", _NAMES["Mon"]),
    "02": ("day", r"\d\d"),
    "_2": ("day", r" ?\d\d?"),
    "2": ("day", r"\d\d?"),
    "002": ("day_of_year", r"\d{3}"),
    "__2": ("day_of_year", r" {0,2}\d{1,3}"),
    "15": ("hour", r"\d\d?"),
    "03": ("hour", r"\d\d"),
    "3": ("hour", r"\d\d?"),
    "04": ("minute", r"\d\d"),
    "4": ("minute", r"\d\d?"),
    "05": ("second", r"\d\d"),
    "5": ("second", r"\d\d?"),
    "PM": ("half", "AM|PM"),
    "pm": ("half", "am|pm"),
    "MST": ("zone", _ZONE),
}
_LONGEST_LAYOUT = 500
_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)?:?(\d\d)?")


def parse_time(layout: str, text: str) -> datetime:
    """Return the time that a text says, in UTC where it names no zone; ValueError where it does not fit the layout."""
    if len(layout) > _LONGEST_LAYOUT:
        raise ValueError(f"the layout of a time is longer than {_LONGEST_LAYOUT} characters")
    found = _pattern(layout).fullmatch(text)
    if found is None:
        raise ValueError(f'parsing time "{text}" as "{layout}": cannot parse "{text}"')
    said = {name: value for name, value in found.groupdict().items() if value}
    try:
        first = datetime(*_date(said), *_clock(said), tzinfo=_zone(said))
        return first + timedelta(days=int(said.get("day_of_year", 1)) - 1)
    except (ValueError, OverflowError) as error:
        raise ValueError(f'parsing time "{text}": {error}') from None


@lru_cache(maxsize=64)
def _pattern(layout: str) -> re.Pattern[str]:
    pieces: list[str] = []
    position = 0
    seen: set[str] = set()
    for item in LAYOUT_ITEM.finditer(layout):
        pieces.append(_literal(layout[position : item.start()]))
        pieces.append(_item(item.group(), seen, followed_by=layout[item.end() :]))
        position = item.end()
    return re.compile("".join(pieces) + _literal(layout[position:]), re.ASCII)


def _literal(text: str) -> str:
    return re.sub(r"(?:\\ )+", " ++", re.escape(text))


_FRACTION = r"(?P<fraction>[.,]\d++)?+"


def _item(item: str, seen: set[str], *, followed_by: str) -> str:
    name, pattern = _ITEMS.get(item) or _other(item)
    # A fraction of a second is taken where the layout has none, too.
    has_fraction = LAYOUT_ITEM.match(followed_by) is not None and followed_by[0] in ".,"
    tail = _FRACTION if name == "second" and name not in seen and not has_fraction else ""
    if not name or name in seen:
        return f"(?>{pattern}){tail}"
    seen.add(name)
    return f"(?P<{name}>(?>{pattern})){tail}"


def _other(item: str) -> tuple[str, str]:
    if item[0] in ".,":
        return "fraction", rf"[.,]\d{{{len(item) - 1}}}" if item[1] == "0" else r"(?:[.,]\d++)?"
    parts = [r"\d\d"] * (len(item[1:].replace(":", "")) // 2)
    offset = "[+-]" + (":" if ":" in item else "").join(parts)
    return "offset", f"Z|{offset}" if item[0] == "Z" else offset


def _date(said: Mapping[str, str]) -> tuple[int, int, int]:
    year = int(said.get("year", 1))
    if "short_year" in said:
        short = int(said["short_year"])
        year = short + (1900 if short >= 69 else 2000)
    month = int(said.get("month", 1))
    if "month_name" in said:
        prefix = said["month_name"].capitalize()
        month = 1 + next(index for index, name in enumerate(MONTHS) if name.startswith(prefix))
    return year, month, int(said.get("day", 1))


def _clock(said: Mapping[str, str]) -> tuple[int, int, int, int]:
    hour = int(said.get("hour", 0))
    half = said.get("half", "").lower()
    if half == "pm" and hour < 12:
        hour += 12
    elif half == "am" and hour == 12:
        hour = 0
    microseconds = int(said.get("fraction", ".0")[1:7].ljust(6, "0"))
    return hour, int(said.get("minute", 0)), int(said.get("second", 0)), microseconds


def _zone(said: Mapping[str, str]) -> timezone:
    name, shown = said.get("zone", ""), said.get("offset", "")
    if name == "UTC" or shown == "Z" or not name + shown:
        return UTC
    found = _OFFSET.fullmatch(shown)
    if found:
        sign, hours, minutes, seconds = found.groups(default="00")
        offset = timedelta(hours=int(hours), minutes=int(minutes), seconds=int(seconds))
        if not name and not offset:
            return UTC
        return timezone(-offset if sign == "-" else offset, name or f"{sign}{hours}{minutes}")
    # An abbreviation alone does not say how far from UTC it is; GMT may.
    return timezone(timedelta(hours=int(name[3:] or 0) if name.startswith("GMT") else 0), name)
