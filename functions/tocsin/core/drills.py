"""Drills: alerts that somebody fires on purpose carry the label `drill="true"`, and every message of them says so.

A notification is a drill where everything that fires in it is one, or, where nothing fires, everything that ended.
"""

from __future__ import annotations

from .alerts import Status
from .notifications import Notification

LABEL, YES = "drill", "true"
# No bracket: it must be plain text in every mark-up that a receiver knows.
MARK = "DRILL: "


def is_drill(notification: Notification) -> bool:
    """Say whether nobody needs to do anything about it."""
    now = notification.created_at
    burning = [alert for alert in notification.alerts if alert.status_at(now) is Status.FIRING]
    shown = burning or notification.alerts
    return bool(shown) and all(alert.labels.get(LABEL) == YES for alert in shown)


def marked(notification: Notification, text: str) -> str:
    """Return a text that a person sees, marked where it is a drill's; nothing stays nothing, and one mark is enough."""
    return f"{MARK}{text}" if text.strip() and MARK not in text and is_drill(notification) else text
