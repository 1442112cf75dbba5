"""Drills: alerts that somebody fires on purpose carry the label `drill="true"`, and every message of them says so.

A notification is a drill where everything that fires in it is one, or, where nothing fires, everything that ended.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from .alerts import Alert, Status
from .notifications import Notification

LABEL, YES = "drill", "true"
# No bracket: it must be plain text in every mark-up that a receiver knows.
MARK = "DRILL: "


def are_drills(alerts: Collection[Alert], *, now: datetime) -> bool:
    """Say whether nobody needs to do anything about alerts; of none at all that is not known."""
    shown = [alert for alert in alerts if alert.status_at(now) is Status.FIRING] or alerts
    return bool(shown) and all(alert.labels.get(LABEL) == YES for alert in shown)


def is_drill(notification: Notification) -> bool:
    """Say whether nobody needs to do anything about it."""
    return are_drills(notification.alerts, now=notification.created_at)


def marked(notification: Notification, text: str) -> str:
    """Return a text that a person sees, marked where it is a drill's."""
    return mark(text) if is_drill(notification) else text


def mark(text: str) -> str:
    """Return a text of a drill; nothing stays nothing, and one mark is enough."""
    return f"{MARK}{text}" if text.strip() and MARK not in text else text
