"""The drills on the whole stack, with a short storm; `make drill` has the long one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dev.drill import runs
from dev.drill.stage import Stage, open_stage

pytestmark = [pytest.mark.runtime, pytest.mark.stack]


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with open_stage(storm_wait_seconds=15) as running:
        yield running


def test_an_escalation_comes_step_by_step(stage: Stage) -> None:
    assert runs.escalation(stage) == []


def test_what_others_send_comes_once(stage: Stage) -> None:
    assert runs.prometheus(stage) == []


def test_nothing_of_a_storm_is_lost(stage: Stage) -> None:
    # However slow this machine is: what comes in late is told in a second message.
    assert runs.storm(stage, alerts=500, seconds=2, groups=40, at_once=False) == []
    assert stage.problems == []
