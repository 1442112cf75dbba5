"""Action queue → what people pressed or typed in a chat; messages that could not be done come back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tocsin import wiring
from tocsin.pipeline import clicks, events

app = wiring.lazy("act")


def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """Do the clicks of a batch; one's failure is not another's."""
    now = datetime.now(UTC)
    with app.invocation() as log:
        failed = []
        for message in events.parse_received(event):
            try:
                clicks.run(app.performer, events.parse_click(message.body), now=now)
            except Exception as error:  # the bulkhead between messages
                # The body is not logged: it holds a response_url.
                log.error("click_failed", message_id=message.id, error=f"{type(error).__name__}: {error}")
                failed.append({"itemIdentifier": message.id})
                clicks.not_done(app.performer, message, now=now)
        return {"batchItemFailures": failed}
