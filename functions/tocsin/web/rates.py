"""How often a caller may ask: so many requests of a scope a minute, over all the sandboxes together.

A sandbox counts by itself, and adds what it has counted to the table a block at a time: a twentieth of the limit. So
who asks rarely costs no write, who asks much costs one for each block, and each sandbox that works at the same moment
lets at most one block more through. Where the table cannot count, nobody is refused.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta

from ..errors import StoreError
from ..ports import Counters, Log
from .identities import Scope

WINDOW = timedelta(minutes=1)
BLOCKS = 20
# More callers than these at once are not told apart for a moment: nothing may grow without end.
CALLERS = 10_000


@dataclass(frozen=True, slots=True)
class Rates:
    """The most requests of a caller a minute, by what they may do."""

    read: int = 1_200
    write: int = 300
    ingest: int = 1_200

    def of(self, scope: Scope) -> int:
        limits: Mapping[Scope, int] = {Scope.READ: self.read, Scope.WRITE: self.write, Scope.INGEST: self.ingest}
        return limits[scope]


def read_rates(text: str) -> Rates:
    """Return rates such as `read=600,ingest=6000`; what is not named keeps its default. Raises ValueError."""
    known = {each.name for each in fields(Rates)}
    given: dict[str, int] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, number = part.partition("=")
        if name not in known or not number.isdecimal() or len(number) > 9 or int(number) == 0:
            raise ValueError(f"{part!r} (expected for example read=600; known are {', '.join(sorted(known))})")
        given[name] = int(number)
    return Rates(**given)


@dataclass(slots=True)
class _Window:
    """What one caller has asked in this minute, and whether that is too much."""

    seen: int = 0
    is_over: bool = False


@dataclass(slots=True)
class RateLimiter:
    """Counts the requests of one sandbox; lives as long as it does."""

    counters: Counters
    log: Log
    rates: Rates = field(default_factory=Rates)
    _minute: int = -1
    _windows: dict[str, _Window] = field(default_factory=dict)

    def wait_seconds(self, caller: str, scope: Scope, *, now: datetime) -> int:
        """Count a request; return 0 where it may be answered, else in how many seconds the next one may be."""
        minute = int(now.timestamp() // WINDOW.total_seconds())
        if minute != self._minute or len(self._windows) >= CALLERS:
            self._minute, self._windows = minute, {}
        key = counter_name(caller, scope)
        window = self._windows.setdefault(key, _Window())
        window.seen += 1
        if not window.is_over:
            window.is_over = self._is_over(f"{key}#{minute}", window.seen, self.rates.of(scope), now)
        ends_at = (minute + 1) * WINDOW.total_seconds()
        return max(1, math.ceil(ends_at - now.timestamp())) if window.is_over else 0

    def _is_over(self, name: str, seen: int, limit: int, now: datetime) -> bool:
        if seen > limit:
            return True
        block = max(1, limit // BLOCKS)
        if seen % block:
            return False
        try:
            # The table forgets it long after the minute; it is never read again.
            return self.counters.add(name, block, expires_at=now.astimezone(UTC) + 10 * WINDOW) > limit
        except StoreError as error:
            self.log.error("requests_not_counted", error=str(error))
            return False


def counter_name(caller: str, scope: Scope) -> str:
    """Return what a caller is counted under: names may be long, and are nobody's business in the table."""
    return f"{scope.value}#{hashlib.sha256(caller.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"
