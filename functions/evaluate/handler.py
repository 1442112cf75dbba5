"""Schedule → evaluate every rule that is due; the minute's ticks in between are sent as delayed messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tocsin import wiring
from tocsin.pipeline import evaluate, events, heartbeat

app = wiring.lazy("evaluate")


def handler(event: Mapping[str, Any], context: object) -> dict[str, object]:
    """Evaluate at the schedule's own time, so that a retried invocation sees the same instant."""
    patience = app.patience(context)
    with app.invocation():
        now, is_scheduled = events.parse_tick(event)
        if is_scheduled:
            evaluate.announce_ticks(app.ticks, tick=app.settings.tick, now=now)
        world = replace(app.evaluator, patience=patience)
        loaded = app.configurations.current(now=now)
        outcome = evaluate.run(world, loaded, now=now)
    if is_scheduled:
        with app.invocation() as log:  # another one: what the tick counted is written by now
            heartbeat.beat_after(outcome, loaded.configuration.heartbeat, app.beat, log, now=now)
    return outcome.as_json()
