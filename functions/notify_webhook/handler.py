"""SNS → one notification delivered to whatever has no function of its own."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tocsin import wiring
from tocsin.pipeline import events, notify

app = wiring.lazy("notify_webhook")


def handler(event: Mapping[str, Any], context: object) -> dict[str, str]:
    """Deliver the notifications of an event; what can be helped by a retry is raised."""
    now = datetime.now(UTC)
    with app.invocation():
        return {
            notification.id: notify.run(app.notifier, notification, now=now).value
            for notification in events.parse_notifications(event)
        }
