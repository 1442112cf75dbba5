"""Dead letters: what was given up, why, and what becomes of it when it is handed in again.

Nothing is told for having been here: a notification is handed in only while the outbox still waits for it, and the
function claims it as always. A tick that is older than the next ones' work is dropped, and so is a click that nobody
can want any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from .clicks import OLDEST
from .notifications import Notification
from .routing import GroupId

# The tick queue keeps them no longer; the ticks since have done their work.
TICKS_OLD_AFTER = timedelta(minutes=5)


class Queue(StrEnum):
    """A dead-letter queue, by what it holds."""

    TIMERS = "timers"
    TICKS = "ticks"
    DELIVERIES = "deliveries"
    ACTIONS = "actions"


class What(StrEnum):
    """What a dead letter is."""

    TIMER = "timer"
    TICK = "tick"
    NOTIFICATION = "notification"
    ALERTS = "alerts of another alert manager"
    CLICK = "click"
    UNKNOWN = "not understood"


@dataclass(frozen=True, slots=True)
class Raw:
    """A message as it lies in its queue, with its attributes; `attempts` is what the queue it comes from allows."""

    queue: Queue
    id: str
    body: str
    sent_at: datetime
    attempts: int | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Letter:
    """A message, understood: what it is, where it failed (a function's ARN; empty where SNS or SQS gave up), and why.

    `event` is what that function was given, `topic` the ARN of the topic that could not hand it over.
    """

    raw: Raw
    what: What
    why: str
    attempts: int | None = None
    function: str = ""
    topic: str = ""
    event: Any = None
    group: GroupId | None = None
    at: datetime | None = None
    notification: Notification | None = None


class Verdict(StrEnum):
    """What becomes of a letter that is handed in again."""

    TIMER = "handed to the timer queue"
    FUNCTION = "handed to the function that failed"
    OLD = "dropped: the ticks since have done its work"
    ACTION = "handed to the action queue"
    TOO_LATE = "dropped: nobody wants any more what was pressed an hour ago"
    SETTLED = "dropped: delivered, given up, or replaced by something newer"
    NOT_BY_ITSELF = "kept: name it by its id, what it says may be over"
    KEPT = "kept: nobody knows whose it is"


def decide(letter: Letter, *, awaited: str | None, is_named: bool, now: datetime) -> Verdict:
    """Return what to do with a letter.

    `awaited` is the id of the newest notification that the letter's integration is still to get of its group;
    `is_named` says that somebody asked for this letter by its id.
    """
    match letter.what:
        case What.TIMER:
            return Verdict.TIMER
        case What.TICK:
            is_old = letter.at is None or now - letter.at >= TICKS_OLD_AFTER
            return Verdict.OLD if is_old or not letter.function else Verdict.FUNCTION
        case What.NOTIFICATION:
            told = letter.notification
            return Verdict.FUNCTION if told is not None and told.id == awaited else Verdict.SETTLED
        case What.ALERTS:
            return Verdict.FUNCTION if is_named else Verdict.NOT_BY_ITSELF
        case What.CLICK:
            if letter.at is None or now - letter.at > OLDEST:
                return Verdict.TOO_LATE
            return Verdict.ACTION if is_named else Verdict.NOT_BY_ITSELF
    return Verdict.KEPT
