"""State machine → what an incident needs now, and until when to wait."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tocsin import wiring
from tocsin.pipeline import escalate, events

app = wiring.lazy("escalate")


def handler(event: Mapping[str, Any], context: object) -> dict[str, str]:
    """Answer one question; `now` is the instant at which the state machine asked."""
    with app.invocation():
        incident, climb, now = events.parse_question(event)
        return escalate.as_json(escalate.run(app.escalator, incident, climb=climb, now=now))
