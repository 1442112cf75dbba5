"""How long something may still take.

A clock measures patience only: what is decided never depends on it, just whether it is done now or next time.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace


def _stands_still() -> float:
    return 0.0


@dataclass(frozen=True, slots=True)
class Patience:
    """An end, in seconds of a clock that is handed in; without one, for ever."""

    monotonic: Callable[[], float] = _stands_still
    until: float = math.inf

    @property
    def seconds_left(self) -> float:
        return self.until - self.monotonic()

    @property
    def is_over(self) -> bool:
        return self.seconds_left <= 0

    def within(self, seconds: float) -> Patience:
        """Return what is over after so many seconds from now, or with this one."""
        return replace(self, until=min(self.until, self.monotonic() + seconds))


UNHURRIED = Patience()
