"""What the state machine reads: its waits know whole seconds, and must never end before the step is due."""

from __future__ import annotations

from datetime import datetime

import pytest

from tocsin.core.escalation import Action, Decision, Why
from tocsin.pipeline.escalate import as_json

CASES = {
    "a whole second stays": ("2026-11-20T03:00:05+00:00", "2026-11-20T03:00:05Z"),
    "a fraction becomes the next second": ("2026-11-20T03:00:05.000001+00:00", "2026-11-20T03:00:06Z"),
    "a fraction before midnight becomes the next day": ("2026-11-20T23:59:59.5+00:00", "2026-11-21T00:00:00Z"),
    "no second comes after the last one": ("9999-12-31T23:59:59.999999+00:00", "9999-12-31T23:59:59Z"),
}


@pytest.mark.parametrize(("due", "until"), CASES.values(), ids=CASES)
def test_a_wait_ends_when_the_step_is_due(due: str, until: str) -> None:
    decision = Decision(Action.WAIT, Why.STEP_AHEAD, until=datetime.fromisoformat(due))
    assert as_json(decision) == {"action": "wait", "reason": "the next step is not due yet", "until": until}


def test_a_stop_has_no_moment() -> None:
    assert as_json(Decision(Action.STOP, Why.ACKNOWLEDGED)) == {"action": "stop", "reason": "acknowledged"}
