"""A sender whose deliveries are timed, whatever becomes of them: Alertmanager's notification_latency_seconds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from ..core.notifications import Notification
from ..core.receivers import Kind
from ..ports import Log, Sender


@dataclass(frozen=True, slots=True)
class TimedSender:
    """Delivers as another sender does; `monotonic` gives seconds."""

    sender: Sender
    log: Log
    monotonic: Callable[[], float]

    def __call__(self, notification: Notification, *, now: datetime) -> str:
        kind, started = notification.integration.kind, self.monotonic()
        try:
            return self.sender(notification, now=now)
        finally:
            if kind is not Kind.HEARTBEAT:
                self.log.observe("NotificationLatency", self.monotonic() - started, integration=kind.value)
