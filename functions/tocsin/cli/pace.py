"""Time as a drill sees it: what time it is, and waiting; a clock's, or one that only counts."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Pace(Protocol):
    """How a drill's time goes."""

    def now(self) -> datetime: ...

    def wait(self, seconds: float) -> None: ...


class RealPace:
    """The clock's."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def wait(self, seconds: float) -> None:
        time.sleep(max(0.0, seconds))


class CountedPace:
    """Time that goes by only while somebody waits for it; `then` is done after each wait."""

    def __init__(self, start: datetime, then: Callable[[datetime], None] = lambda now: None) -> None:
        self._now = start
        self._then = then

    def now(self) -> datetime:
        return self._now

    def wait(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
        self._then(self._now)


class Working:
    """A pace at which work is done beside the waiting, every second: what a deployment's functions would do."""

    def __init__(self, pace: Pace, work: Callable[[datetime], None], *, step_seconds: float = 1.0) -> None:
        self._pace = pace
        self._work = work
        self._step_seconds = step_seconds

    def now(self) -> datetime:
        return self._pace.now()

    def wait(self, seconds: float) -> None:
        left = seconds
        while left > 0:
            self._pace.wait(min(left, self._step_seconds))
            self._work(self._pace.now())
            left -= self._step_seconds
