"""Timer queue → look at each group; messages whose group could not be looked at come back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tocsin import wiring
from tocsin.pipeline import dispatch, events

app = wiring.lazy("dispatch")


def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """Look at the groups of a batch of timers; one group's failure is not another's."""
    now = datetime.now(UTC)
    with app.invocation() as log:
        failed = []
        for message_id, body in events.parse_queue(event):
            try:
                group, at = events.parse_timer(body)
                dispatch.run(app.dispatcher, group, at=at, now=now)
            except Exception as error:  # the bulkhead between messages
                log.error("timer_failed", message_id=message_id, body=body, error=f"{type(error).__name__}: {error}")
                failed.append({"itemIdentifier": message_id})
        return {"batchItemFailures": failed}
