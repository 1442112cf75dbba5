"""The escalation's state machine: sound as a graph, and without a policy of its own.

`sam validate` accepts a definition whose Next does not exist, so its structure is checked here.
Language: https://states-language.net/spec.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
MACHINE: dict[str, Any] = yaml.safe_load((ROOT / "statemachines" / "escalation.asl.yaml").read_text(encoding="utf-8"))
STATES: dict[str, dict[str, Any]] = MACHINE["States"]
TERMINAL = {"Succeed", "Fail"}


def _successors(state: dict[str, Any]) -> Iterator[str]:
    """Every state that may follow."""
    yield from (state[key] for key in ("Next", "Default") if key in state)
    for branch in (*state.get("Choices", []), *state.get("Catch", [])):
        yield branch["Next"]


def _reachable(start: str) -> set[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting.extend(_successors(STATES[name]))
    return seen


@pytest.mark.parametrize("name", STATES)
def test_every_transition_leads_to_a_state(name: str) -> None:
    assert set(_successors(STATES[name])) <= set(STATES)


def test_every_state_can_be_reached() -> None:
    assert _reachable(MACHINE["StartAt"]) == set(STATES)


@pytest.mark.parametrize("name", STATES)
def test_from_every_state_there_is_an_end(name: str) -> None:
    assert any(STATES[other]["Type"] in TERMINAL for other in _reachable(name))


@pytest.mark.parametrize("name", STATES)
def test_every_state_ends_or_goes_on(name: str) -> None:
    state = STATES[name]
    if state["Type"] in TERMINAL:
        assert list(_successors(state)) == []
    else:
        assert list(_successors(state))


@pytest.mark.parametrize("name", [name for name, state in STATES.items() if state["Type"] == "Choice"])
def test_every_choice_has_a_way_out_for_what_nobody_thought_of(name: str) -> None:
    assert STATES[STATES[name]["Default"]]["Type"] == "Fail"


def test_the_function_is_asked_about_the_incident_at_a_time_that_its_retries_share() -> None:
    decide = STATES["Decide"]
    assert decide["Parameters"] == {
        "incident.$": "$.incident",
        "climb.$": "$.climb",
        "now.$": "$$.State.EnteredTime",
    }
    assert decide["ResultPath"] == "$.decision"


def test_the_incident_survives_every_turn() -> None:
    for state in STATES.values():
        assert state.get("ResultPath", "$.decision") == "$.decision"
        assert "OutputPath" not in state
        assert "InputPath" not in state


def test_a_failing_function_is_asked_again_later_and_not_all_at_once() -> None:
    retries = STATES["Decide"]["Retry"]
    for retry in retries:
        assert retry["BackoffRate"] > 1
        assert retry["JitterStrategy"] == "FULL"
        assert retry["MaxDelaySeconds"] >= retry["IntervalSeconds"]
    # States.ALL stands alone and last: the language demands it.
    assert [retry["ErrorEquals"] for retry in retries][-1] == ["States.ALL"]
    assert "Lambda.TooManyRequestsException" in retries[0]["ErrorEquals"]


@pytest.mark.parametrize("retry", STATES["Decide"]["Retry"], ids=lambda retry: retry["ErrorEquals"][0])
def test_an_outage_of_hours_does_not_end_the_climb(retry: dict[str, Any]) -> None:
    delays = (
        min(retry["IntervalSeconds"] * retry["BackoffRate"] ** number, retry["MaxDelaySeconds"])
        for number in range(retry["MaxAttempts"])
    )
    hours = sum(delays) / 2 / 3600  # full jitter draws half of each on average
    assert hours >= 3
    # Three events an attempt, of the 25,000 that an execution may have; it must last for many questions.
    assert 3 * retry["MaxAttempts"] <= 25_000 / 20


def test_a_function_that_stays_broken_fails_the_execution() -> None:
    # No Catch: the execution fails with the function's own error, which is what the alarm counts.
    assert all("Catch" not in state for state in STATES.values())


def test_it_waits_exactly_until_it_was_told() -> None:
    waits = {name: state for name, state in STATES.items() if state["Type"] == "Wait"}
    assert {name: {k: v for k, v in state.items() if k not in {"Type", "Next"}} for name, state in waits.items()} == {
        "WaitUntil": {"TimestampPath": "$.decision.until"}
    }
    assert waits["WaitUntil"]["Next"] == "Decide"


def test_there_is_no_policy_in_it() -> None:
    """The only numbers are those of the retry and the task's own timeout."""
    for state in STATES.values():
        rest = {key: value for key, value in state.items() if key not in {"Retry", "TimeoutSeconds"}}
        assert not re.search(r"\d", str(rest))


def test_it_asks_the_function_that_the_template_gives_it() -> None:
    assert set(re.findall(r"\$\{(\w+)\}", str(MACHINE))) == {"EscalateFunctionArn"}
