"""HTTP API → alerts, silences, rules, incidents; SNS → the notifications of Amazon's own alert manager."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tocsin import wiring
from tocsin.errors import EventError
from tocsin.web import api, topic
from tocsin.web.audit import note_refusal
from tocsin.web.http import Refused, as_event, parse_event, refusal

app = wiring.lazy("api")


def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """Answer one request; what nobody expected is logged, and told as no more than that."""
    now = datetime.now(UTC)
    with app.invocation() as log:
        if topic.is_topic_event(event):
            # What this raises, Lambda tries again; in the end the event is in the dead-letter queue.
            return topic.take_topic_event(app.api, event, now=now)
        try:
            response = api.answer(app.api, parse_event(event), now=now)
        except (Refused, EventError) as error:
            response = error.response if isinstance(error, Refused) else refusal(400, str(error))
            note_refusal(log, response)
        except Exception as error:  # the bulkhead: no detail of it leaves
            log.error("request_failed", error=f"{type(error).__name__}: {error}")
            log.count("RequestsFailed")
            response = refusal(500, "this failed; the function's log says why")
        return as_event(response)
