"""Escalation: which steps are due, how long to wait, what ends the climb."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.core.escalation import (
    Action,
    Decision,
    EscalationPolicy,
    Incident,
    IncidentState,
    Refusal,
    Step,
    Why,
    acknowledge,
    choose_policy,
    decide,
    incident_id,
    resolve,
    take,
)
from tocsin.core.matchers import Matcher, MatchType
from tocsin.core.routing import GroupId

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
STEPS = tuple(Step(minutes * MINUTE, (name,)) for minutes, name in ((0, "oncall"), (5, "second"), (15, "boss")))
GROUP = GroupId("0" * 32)
OPEN = Incident(incident_id(GROUP, NOW), GROUP, "team", "default", STEPS, "Down", "critical", opened_at=NOW)


def wait(minutes: int, *due: int) -> Decision:
    until = NOW + minutes * MINUTE
    return Decision(Action.WAIT, Why.STEP_AHEAD, until=until, due=tuple(STEPS[number] for number in due))


def stop(why: Why, *due: int) -> Decision:
    return Decision(Action.STOP, why, due=tuple(STEPS[number] for number in due))


DECISIONS = {
    "no such incident": (None, 0 * SECOND, stop(Why.UNKNOWN)),
    "at once the first step, and a wait for the second": (OPEN, 0 * SECOND, wait(5, 0)),
    "a step that was taken is not due again": (replace(OPEN, steps_done=1), MINUTE, wait(5)),
    "a second before a step is due": (replace(OPEN, steps_done=1), 5 * MINUTE - SECOND, wait(5)),
    "when a step is due": (replace(OPEN, steps_done=1), 5 * MINUTE, wait(15, 1)),
    "steps that are overdue together are taken together": (OPEN, 6 * MINUTE, wait(15, 0, 1)),
    "the last step ends the climb": (replace(OPEN, steps_done=2), 15 * MINUTE, stop(Why.FINISHED, 2)),
    "after the last step there is nothing": (replace(OPEN, steps_done=3), 99 * MINUTE, stop(Why.FINISHED)),
    "a policy without steps is finished": (replace(OPEN, steps=()), 0 * SECOND, stop(Why.FINISHED)),
    "acknowledged stops": (replace(OPEN, state=IncidentState.ACKNOWLEDGED), 99 * MINUTE, stop(Why.ACKNOWLEDGED)),
    "resolved stops": (replace(OPEN, state=IncidentState.RESOLVED), 99 * MINUTE, stop(Why.RESOLVED)),
}


@pytest.mark.parametrize(("incident", "after", "expected"), DECISIONS.values(), ids=DECISIONS)
def test_what_is_due(incident, after, expected):
    assert decide(incident, now=NOW + after) == expected


def test_the_first_to_acknowledge_has_it():
    taken = acknowledge(OPEN, by="ada", comment="on it", now=NOW + MINUTE)
    assert isinstance(taken, Incident)
    assert (taken.state, taken.changed_by, taken.changed_at) == (IncidentState.ACKNOWLEDGED, "ada", NOW + MINUTE)
    assert acknowledge(taken, by="bob", comment="", now=NOW + 2 * MINUTE) is Refusal.ALREADY


def test_what_is_resolved_is_neither_acknowledged_nor_resolved_again():
    over = resolve(OPEN, by="ada", comment="", now=NOW)
    assert isinstance(over, Incident)
    assert acknowledge(over, by="bob", comment="", now=NOW) is Refusal.OVER
    assert resolve(over, by="bob", comment="", now=NOW) is Refusal.OVER


def test_an_acknowledged_incident_can_be_resolved():
    taken = acknowledge(OPEN, by="ada", comment="", now=NOW)
    assert isinstance(taken, Incident)
    over = resolve(taken, by="bob", comment="done", now=NOW)
    assert isinstance(over, Incident)
    assert (over.state, over.changed_by, over.comment) == (IncidentState.RESOLVED, "bob", "done")


def test_the_first_policy_that_any_alert_matches_is_chosen():
    critical = EscalationPolicy("critical", STEPS, (Matcher("severity", MatchType.EQUAL, "critical"),))
    rest = EscalationPolicy("rest", STEPS)
    info, grave = {"severity": "info"}, {"severity": "critical"}
    assert choose_policy([critical, rest], [info, grave]) is critical
    assert choose_policy([critical, rest], [info]) is rest
    assert choose_policy([critical], [info]) is None
    assert choose_policy([rest], []) is None


def test_an_incidents_id_names_its_group_and_its_beginning():
    assert incident_id(GROUP, NOW) == incident_id(GROUP, NOW)
    others = {incident_id(GROUP, NOW + SECOND), incident_id(GroupId("1" * 32), NOW)}
    assert incident_id(GROUP, NOW) not in others
    assert len(others) == 2


policies = st.lists(st.integers(0, 90), max_size=6).map(
    lambda minutes: tuple(Step(m * MINUTE, (f"r{number}",)) for number, m in enumerate(sorted(minutes)))
)
looks = st.lists(st.integers(0, 100), max_size=8).map(sorted)


@given(policies, looks)
def test_deciding_is_monotonic(steps, minutes):
    """However often and late it is asked: every step is taken once, in order, never early, and waits lead ahead."""
    incident = replace(OPEN, steps=steps)
    taken: list[Step] = []
    for minute in minutes:
        now = NOW + minute * MINUTE
        decision = decide(incident, now=now)
        taken += decision.due
        incident = take(incident, decision.due)
        assert all(NOW + step.after <= now for step in decision.due)
        assert decision.until is None or decision.until > now
        assert (decision.action is Action.STOP) == (len(taken) == len(steps))
        assert decide(incident, now=now).due == (), "asked again at once, nothing more is due"
    assert taken == list(steps[: len(taken)])


@given(policies)
def test_following_the_waits_takes_every_step_when_it_is_due(steps):
    incident, now, taken = replace(OPEN, steps=steps), NOW, []
    while True:
        decision = decide(incident, now=now)
        taken += [(step, now) for step in decision.due]
        incident = take(incident, decision.due)
        if decision.until is None:
            break
        now = decision.until
    assert taken == [(step, NOW + step.after) for step in steps]
