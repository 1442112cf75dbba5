"""Times and durations as reports say them."""

from __future__ import annotations

from datetime import datetime, timedelta

from ..core.durations import format_duration
from .report import Nights


def moment(nights: Nights, at: datetime) -> str:
    """Return an instant to the second, as the clock says where people live."""
    return f"{nights.local(at):%Y-%m-%d %H:%M:%S}"


def whole_seconds(duration: timedelta) -> str:
    """Return a duration to the second."""
    return format_duration(timedelta(seconds=round(duration.total_seconds())))


def signed(duration: timedelta) -> str:
    """Return a duration with its sign, also where that is a plus."""
    return ("+" if duration > timedelta(0) else "") + whole_seconds(duration)
