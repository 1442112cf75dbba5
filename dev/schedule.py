"""EventBridge Scheduler: ticks at a schedule's rate, or at another one for a story in a hurry.

The scheduled time goes into the input as AWS puts it there, so a late or repeated tick still names its own moment:
https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
"""

from __future__ import annotations

import re
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_UNIT_SECONDS = {"minute": 60.0, "hour": 3600.0, "day": 86400.0}


@dataclass(frozen=True, slots=True)
class Schedule:
    """What is sent where, how often. `input` is a template with <aws.scheduler.…> in it."""

    arn: str
    target_arn: str
    input: str
    seconds: float

    @classmethod
    def of(cls, arn: str, properties: dict[str, Any], *, seconds: float | None) -> Schedule:
        """Read the properties of an AWS::Scheduler::Schedule; `seconds` replaces its own rate."""
        target = properties["Target"]
        period = period_seconds(properties["ScheduleExpression"]) if seconds is None else seconds
        return cls(arn, target["Arn"], target.get("Input", "{}"), period)

    def rendered(self, at: datetime) -> str:
        """Return the input of the tick at this time."""
        values = {
            "scheduled-time": rfc3339(at),
            "schedule-arn": self.arn,
            "execution-id": str(uuid.uuid4()),
            "attempt-number": "1",
        }
        return re.sub(r"<aws\.scheduler\.([a-z-]+)>", lambda found: values.get(found[1], found[0]), self.input)


class Ticker:
    """The thread that fires one schedule: at once, and then every period, without drifting."""

    def __init__(self, schedule: Schedule, fire: Callable[[str, str], None]) -> None:
        self._schedule = schedule
        self._fire = fire
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._tick, name="schedule", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join(timeout=5)

    def _tick(self) -> None:
        # Whole seconds, as AWS has them, unless the period is finer.
        start = datetime.now(UTC).replace(microsecond=0)
        begun, count = time.monotonic(), 0
        while not self._stopped.is_set():
            at = start + timedelta(seconds=count * self._schedule.seconds)
            self._fire(self._schedule.target_arn, self._schedule.rendered(at))
            count += 1
            self._stopped.wait(max(0.0, begun + count * self._schedule.seconds - time.monotonic()))


def period_seconds(expression: str) -> float:
    """Return the period of a rate expression; a cron expression has none, and needs one given."""
    found = _RATE.fullmatch(expression)
    if found is None:
        raise ValueError(
            f"the local stack needs tick_seconds for the schedule {expression!r}: only rates are understood"
        )
    return int(found[1]) * _UNIT_SECONDS[found[2]]


def rfc3339(at: datetime) -> str:
    precision = "seconds" if at.microsecond == 0 else "milliseconds"
    return at.isoformat(timespec=precision).replace("+00:00", "Z")
