"""Wall clocks: which instant a local time is, where clocks are put forward and back.

A local time that a jump leaves out is the instant of the jump; one that comes twice is the first of them. So local
times in order are instants in order, and what divides a calendar divides time without a hole.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

_SECOND = timedelta(seconds=1)


def wall_of(instant: datetime, zone: tzinfo) -> datetime:
    """Return what a clock shows at an aware instant: a naive local time."""
    return instant.astimezone(zone).replace(tzinfo=None, fold=0)


def instant_of(wall: datetime, zone: tzinfo) -> datetime:
    """Return when, in UTC, a clock first shows a naive local time, or has jumped over it."""
    first = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if wall_of(first, zone) == wall:
        return first
    return _jump(wall.replace(tzinfo=zone, fold=1).astimezone(UTC), first, wall, zone)


def _jump(before: datetime, after: datetime, wall: datetime, zone: tzinfo) -> datetime:
    """Return the first whole second between two instants, around a jump, at which the clock is past a local time."""
    low = before.replace(microsecond=0)
    missing = -((low - after) // _SECOND)
    ahead = 0
    while ahead < missing:
        middle = (ahead + missing) // 2
        if wall_of(low + middle * _SECOND, zone) >= wall:
            missing = middle
        else:
            ahead = middle + 1
    return low + missing * _SECOND
