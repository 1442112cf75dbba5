"""Times and durations as a person types them, each refused with the option's name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ..core.durations import parse_duration
from ..core.notifications import parse_time
from .failures import UsageError

NOW = "now"


def read_instant(text: str, option: str, *, now: datetime, zone: ZoneInfo | None = None) -> datetime:
    """Return an instant: RFC 3339, a day (its beginning where people live), seconds since 1970, now, or 30d (ago)."""
    if text == NOW:
        return now
    try:
        if text.replace(".", "", 1).isdigit():
            return datetime.fromtimestamp(float(text), UTC)
        if text[:1].isdigit() and text[-1:].isalpha() and "T" not in text and not text.endswith("Z"):
            return now - parse_duration(text)
        if len(text) == len("2026-01-02"):
            return datetime.fromisoformat(text).replace(tzinfo=zone or UTC).astimezone(UTC)
        return parse_time(text)
    except (ValueError, OverflowError, OSError):
        raise UsageError(
            f"{option}: expected a time such as 2026-01-02T03:04:05Z, 2026-01-02, or 30d for so long ago,"
            f" found {text!r}"
        ) from None


def read_duration(text: str | None, option: str, *, least: timedelta = timedelta(0)) -> timedelta | None:
    """Return a duration as Prometheus writes it, None for none."""
    if text is None:
        return None
    try:
        duration = parse_duration(text)
    except ValueError:
        raise UsageError(f"{option}: expected a duration such as 90s, 15m or 1h30m, found {text!r}") from None
    if duration < least:
        raise UsageError(f"{option}: {text} is too short")
    return duration


def read_zone(name: str) -> ZoneInfo:
    """Return a time zone by its name in the IANA database."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(f"--time-zone: there is no time zone {name!r}: expected for example Europe/Berlin") from None


def read_night(text: str) -> tuple[int, int]:
    """Return the hours at which the night begins and ends, from a text such as 22-7."""
    begins, separator, ends = text.partition("-")
    hours = [int(part) for part in (begins, ends) if part.isdecimal() and int(part) < 24]
    if not separator or len(hours) != 2:
        raise UsageError(f"--night: expected two hours such as 22-7, found {text!r}")
    return hours[0], hours[1]
