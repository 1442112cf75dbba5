"""How long a delivery took is observed, whatever became of it."""

from __future__ import annotations

from datetime import datetime
from itertools import count

import pytest

from tests.adapters.samples import NOW, alert, notification
from tocsin.adapters.memory import MemoryLog
from tocsin.adapters.timed import TimedSender
from tocsin.core.notifications import Notification
from tocsin.core.receivers import Kind
from tocsin.errors import DeliveryError, FailureReason


def sender(log: MemoryLog, *, fails: bool = False) -> TimedSender:
    def send(notification: Notification, *, now: datetime) -> str:
        if fails:
            raise DeliveryError("no", reason=FailureReason.AUTH, retryable=False)
        return "ok"

    ticks = count(100.0, 1.5)
    return TimedSender(send, log, lambda: next(ticks))


def test_a_delivery_is_timed():
    log = MemoryLog()
    assert sender(log)(notification(Kind.SLACK, alert()), now=NOW) == "ok"
    assert log.observed == {"NotificationLatency": [1.5]}


def test_a_delivery_that_fails_is_timed_too():
    log = MemoryLog()
    with pytest.raises(DeliveryError):
        sender(log, fails=True)(notification(Kind.SLACK, alert()), now=NOW)
    assert log.observed == {"NotificationLatency": [1.5]}


def test_the_watchdog_is_no_notification_of_anybodys():
    log = MemoryLog()
    sender(log)(notification(Kind.HEARTBEAT, alert(), settings={}), now=NOW)
    assert log.observed == {}
