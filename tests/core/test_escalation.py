"""Escalation: which steps are due, how long to wait, what ends the climb."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.core.escalation import Action, Decision, Methods, Roster, Why, decide
from tocsin.core.incidents import (
    Actor,
    Change,
    Incident,
    IncidentState,
    Refusal,
    acknowledge,
    escalate,
    incident_id,
    reassign,
    resolve,
    snooze,
    suppress,
)
from tocsin.core.intervals import TimeInterval, parse_times
from tocsin.core.matchers import Matcher, MatchType
from tocsin.core.policies import EscalationPolicy, Step, Terms, choose_policy
from tocsin.core.routing import GroupId

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
STEPS = tuple(Step(minutes * MINUTE, (name,)) for minutes, name in ((0, "oncall"), (5, "second"), (15, "boss")))
GROUP = GroupId("0" * 32)
ADA, BOB, NOBODY = Actor("ada"), Actor("bob"), Roster()
OPEN = Incident(incident_id(GROUP, NOW), GROUP, "team", "default", STEPS, "Down", "critical", opened_at=NOW)


def ask(incident: Incident | None, after: timedelta, roster: Roster = NOBODY, *, climb: int = 0) -> Decision:
    return decide(incident, roster, climb=climb, now=NOW + after)


def told(decision: Decision) -> list[str]:
    return sorted(decision.receivers)


def follow(incident: Incident, roster: Roster = NOBODY, *, at: timedelta = 0 * SECOND) -> list[tuple[int, str]]:
    """Return who is told in which minute, as an execution that asks whenever it was told to finds out."""
    found: list[tuple[int, str]] = []
    now = incident.opened_at + at
    while True:
        decision = decide(incident, roster, climb=incident.climb, now=now)
        found += [((now - incident.opened_at) // MINUTE, name) for name in sorted(decision.receivers)]
        incident = replace(decision.after, news=()) if decision.after else incident
        if decision.until is None:
            return found
        assert decision.until > now, "it asks for ever"
        now = decision.until


TAKEN = replace(OPEN, steps_done=1, position=1)
# The incident, when it is asked about, who is told, until which minute it waits, and why.
DECISIONS: dict[str, tuple[Incident | None, timedelta, list[str], int | None, Why]] = {
    "no such incident": (None, 0 * SECOND, [], None, Why.UNKNOWN),
    "at once the first step, and a wait for the second": (OPEN, 0 * SECOND, ["oncall"], 5, Why.STEP_AHEAD),
    "a step that was taken is not due again": (TAKEN, MINUTE, [], 5, Why.STEP_AHEAD),
    "a second before a step is due": (TAKEN, 5 * MINUTE - SECOND, [], 5, Why.STEP_AHEAD),
    "when a step is due": (TAKEN, 5 * MINUTE, ["second"], 15, Why.STEP_AHEAD),
    "steps that are overdue together": (OPEN, 6 * MINUTE, ["oncall", "second"], 15, Why.STEP_AHEAD),
    "the last step ends the climb": (
        replace(OPEN, steps_done=2, position=2),
        15 * MINUTE,
        ["boss"],
        None,
        Why.FINISHED,
    ),
    "after the last step": (replace(OPEN, steps_done=3, position=3), 99 * MINUTE, [], None, Why.FINISHED),
    "a policy without steps": (replace(OPEN, steps=()), 0 * SECOND, [], None, Why.FINISHED),
    "acknowledged": (replace(OPEN, state=IncidentState.ACKNOWLEDGED), 99 * MINUTE, [], None, Why.ACKNOWLEDGED),
    "resolved": (replace(OPEN, state=IncidentState.RESOLVED), 99 * MINUTE, [], None, Why.RESOLVED),
    "expired": (replace(OPEN, state=IncidentState.EXPIRED), 99 * MINUTE, [], None, Why.RESOLVED),
    "an execution of a climb that is over": (replace(OPEN, climb=1), 99 * MINUTE, [], None, Why.SUPERSEDED),
}


@pytest.mark.parametrize(("incident", "after", "receivers", "until", "why"), DECISIONS.values(), ids=DECISIONS)
def test_what_is_due(incident, after, receivers, until, why):
    decision = ask(incident, after)
    assert (told(decision), decision.why) == (receivers, why)
    assert decision.until == (None if until is None else NOW + until * MINUTE)
    assert (decision.action is Action.STOP) == (until is None)


def test_who_was_told_already_in_a_turn_is_not_told_by_its_next_step():
    steps = (Step(MINUTE, ("team", "oncall")), Step(2 * MINUTE, ("oncall", "boss")))
    assert follow(replace(OPEN, steps=steps)) == [(1, "oncall"), (2, "boss")]


def test_the_steps_begin_again_as_often_as_the_policy_has_it_and_then_stop():
    incident = replace(OPEN, terms=Terms(repeat=2, repeat_after=10 * MINUTE))
    first = [(0, "oncall"), (5, "second"), (15, "boss")]
    assert follow(incident) == [(turn * 25 + minute, name) for turn in range(3) for minute, name in first]


def test_a_later_turn_tells_the_groups_own_receiver_where_a_step_names_it():
    incident = replace(OPEN, steps=(Step(0 * MINUTE, ("team",)),), terms=Terms(repeat=1, repeat_after=5 * MINUTE))
    assert follow(incident) == [(5, "team")]


def test_a_step_for_other_severities_is_skipped_and_said_to_be():
    steps = (Step(0 * MINUTE, ("chat",), severities=("warning",)), Step(MINUTE, ("chat", "phone")))
    decision = ask(replace(OPEN, steps=steps), 0 * SECOND)
    assert told(decision) == []
    assert decision.after is not None
    assert [event.change for event in decision.after.news] == [Change.SKIPPED]
    assert decision.after.news[0].said == "Step 1 is skipped: it is for warning, and this is critical"
    assert follow(replace(OPEN, steps=steps)) == [(1, "chat"), (1, "phone")]


def test_a_step_is_taken_within_its_time_intervals_only():
    night = Roster(intervals={"night": (TimeInterval(times=(parse_times("00:00", "03:01"),)),)})
    steps = (Step(0 * MINUTE, ("phone",), during=("night",)), Step(MINUTE, ("late",), during=("night",)))
    assert follow(replace(OPEN, steps=steps), night) == [(0, "phone")]


def test_users_are_told_by_their_own_rules_until_somebody_acknowledges():
    ways: dict[tuple[str, bool], Methods] = {
        ("ann", False): ((0 * MINUTE, "user/ann/slack"), (2 * MINUTE, "user/ann/sms"))
    }
    ways["ann", True] = ((0 * MINUTE, "user/ann/sms"),)
    roster = Roster(methods=lambda user, important: ways.get((user, important), ()))
    steps = (Step(0 * MINUTE, users=("ann",)), Step(5 * MINUTE, ("boss",)))
    assert follow(replace(OPEN, steps=steps), roster) == [(0, "user/ann/slack"), (2, "user/ann/sms"), (5, "boss")]
    important = replace(OPEN, steps=(replace(steps[0], is_important=True),))
    assert follow(important, roster) == [(0, "user/ann/sms")]
    begun = ask(replace(OPEN, steps=steps), 0 * SECOND, roster).after
    assert begun is not None
    taken = acknowledge(begun, by=ADA, now=NOW + MINUTE)
    assert isinstance(taken, Incident)
    assert follow(taken, roster, at=2 * MINUTE) == []


def sooner(*, pressed: bool = False) -> list[tuple[int, str]]:
    """Return who is told where an important step names a user whose later way is still to come."""
    ways: dict[tuple[str, bool], Methods] = {
        ("ann", False): ((0 * MINUTE, "user/ann/slack"), (30 * MINUTE, "user/ann/sms")),
        ("ann", True): ((0 * MINUTE, "user/ann/slack"), (0 * MINUTE, "user/ann/sms")),
    }
    roster = Roster(methods=lambda user, important: ways.get((user, important), ()))
    steps = (Step(0 * MINUTE, users=("ann",)), Step(10 * MINUTE, users=("ann",), is_important=True))
    incident = replace(OPEN, steps=steps)
    if not pressed:
        return follow(incident, roster)
    begun = ask(incident, 0 * SECOND, roster).after
    assert begun is not None
    asked = escalate(begun, by=ADA, now=NOW + 4 * MINUTE)
    assert isinstance(asked, Incident)
    return follow(asked, roster, at=4 * MINUTE)


def test_a_way_that_is_still_to_come_is_taken_sooner_by_a_step_that_asks_for_it_and_only_then():
    assert sooner() == [(0, "user/ann/slack"), (10, "user/ann/sms")]
    assert sooner(pressed=True) == [(4, "user/ann/sms")]


def test_a_way_that_comes_sooner_anyway_stays_and_is_not_taken_twice():
    ways: dict[tuple[str, bool], Methods] = {("ann", False): ((5 * MINUTE, "user/ann/sms"),)}
    roster = Roster(methods=lambda user, important: ways.get((user, important), ()))
    steps = (Step(0 * MINUTE, users=("ann",)), Step(MINUTE, users=("ann",)))
    assert follow(replace(OPEN, steps=steps), roster) == [(5, "user/ann/sms")]


def test_who_is_on_call_when_the_step_is_due_is_told():
    shifts = {NOW: "ann", NOW + 5 * MINUTE: "bob"}
    roster = Roster(
        on_call=lambda schedule, at: shifts[at] if schedule == "primary" else None,
        methods=lambda user, important: ((0 * MINUTE, f"user/{user}/sms"),),
    )
    steps = (Step(0 * MINUTE, schedules=("primary",)), Step(5 * MINUTE, schedules=("primary",)))
    assert follow(replace(OPEN, steps=steps), roster) == [(0, "user/ann/sms"), (5, "user/bob/sms")]


@pytest.mark.parametrize(("terms", "instead"), [(Terms(fallback=("desk",)), "desk"), (Terms(), "team")])
def test_where_nobody_is_on_call_the_fallback_is_told_and_it_is_said(terms: Terms, instead: str):
    decision = ask(replace(OPEN, steps=(Step(0 * MINUTE, schedules=("primary",)),), terms=terms), 0 * SECOND)
    assert told(decision) == [instead]
    assert decision.after is not None
    assert decision.after.said == f"Nobody is on call in primary: told {instead} instead"


def test_a_user_without_any_way_is_no_dead_end():
    decision = ask(replace(OPEN, steps=(Step(0 * MINUTE, users=("ghost",)),)), 0 * SECOND)
    assert told(decision) == ["team"]


def test_an_acknowledgement_that_times_out_lets_it_climb_anew_after_a_reminder():
    terms = Terms(ack_timeout=30 * MINUTE, reminder=10 * MINUTE)
    roster = Roster(methods=lambda user, important: ((0 * MINUTE, f"user/{user}/slack"),))
    begun = ask(replace(OPEN, terms=terms), 0 * SECOND, roster).after
    assert begun is not None
    taken = acknowledge(replace(begun, news=()), by=ADA, now=NOW + 2 * MINUTE)
    assert isinstance(taken, Incident)
    assert (taken.until, taken.climb) == (NOW + 32 * MINUTE, 1)
    assert follow(taken, roster, at=2 * MINUTE) == [
        (22, "user/ada/slack"),
        (32, "oncall"),
        (37, "second"),
        (47, "boss"),
    ]


def test_a_changed_policy_counts_by_position():
    """The first step was taken: the second is the new policy's second, and what it says of the first is past."""
    steps = (Step(1 * MINUTE, ("other",)), Step(7 * MINUTE, ("new",)), Step(9 * MINUTE, ("newer",)))
    roster = Roster(policies={"default": EscalationPolicy("default", steps)})
    assert follow(TAKEN, roster, at=2 * MINUTE) == [(7, "new"), (9, "newer")]
    shorter = Roster(policies={"default": EscalationPolicy("default", steps[:1])})
    assert follow(TAKEN, shorter, at=2 * MINUTE) == []
    decision = ask(TAKEN, 2 * MINUTE, roster)
    assert decision.after is not None
    assert [event.change for event in decision.after.news] == [Change.POLICY]


def test_a_step_taken_by_hand_is_due_at_once_and_the_next_counts_from_there():
    raised = escalate(TAKEN, by=ADA, now=NOW + 2 * MINUTE)
    assert isinstance(raised, Incident)
    assert follow(raised, at=2 * MINUTE) == [(2, "second"), (12, "boss")]


def test_by_hand_after_the_last_step_the_first_is_next():
    ended = replace(OPEN, steps_done=3, position=3, reached=("oncall", "second", "boss"))
    raised = escalate(ended, by=ADA, now=NOW + 60 * MINUTE)
    assert isinstance(raised, Incident)
    assert follow(raised, at=60 * MINUTE) == [(60, "oncall"), (65, "second"), (75, "boss")]


def test_who_it_is_handed_to_is_told_though_it_is_acknowledged():
    roster = Roster(methods=lambda user, important: ((0 * MINUTE, f"user/{user}/slack"),))
    handed = reassign(TAKEN, by=ADA, to="bob", now=NOW + 2 * MINUTE)
    assert isinstance(handed, Incident)
    assert (handed.state, handed.owner) == (IncidentState.ACKNOWLEDGED, "bob")
    decision = ask(handed, 2 * MINUTE, roster, climb=1)
    assert decision.receivers == {"user/bob/slack": handed.direct}


@pytest.mark.parametrize("verb", [snooze, suppress])
def test_what_is_quiet_climbs_anew_when_that_is_over(verb: Callable[..., Incident | Refusal]):
    quiet = verb(TAKEN, by=ADA, until=NOW + 60 * MINUTE, now=NOW + 2 * MINUTE)
    assert isinstance(quiet, Incident)
    assert follow(quiet, at=2 * MINUTE) == [(60, "oncall"), (65, "second"), (75, "boss")]


def test_the_first_to_acknowledge_has_it():
    taken = acknowledge(OPEN, by=ADA, comment="on it", now=NOW + MINUTE)
    assert isinstance(taken, Incident)
    assert (taken.state, taken.changed_by, taken.changed_at) == (IncidentState.ACKNOWLEDGED, "ada", NOW + MINUTE)
    assert acknowledge(taken, by=BOB, now=NOW + 2 * MINUTE) is Refusal.ALREADY


def test_what_is_resolved_is_neither_acknowledged_nor_resolved_again():
    over = resolve(OPEN, by=ADA, now=NOW)
    assert isinstance(over, Incident)
    assert acknowledge(over, by=BOB, now=NOW) is Refusal.OVER
    assert resolve(over, by=BOB, now=NOW) is Refusal.OVER


def test_an_acknowledged_incident_can_be_resolved():
    taken = acknowledge(OPEN, by=ADA, now=NOW)
    assert isinstance(taken, Incident)
    over = resolve(taken, by=BOB, comment="done", now=NOW)
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
    taken: list[str] = []
    for minute in minutes:
        now = NOW + minute * MINUTE
        decision = decide(incident, NOBODY, climb=0, now=now)
        taken += sorted(decision.receivers, key=lambda name: decision.receivers[name])
        incident = decision.after or incident
        assert incident.position == sum(NOW + step.after <= now for step in steps)
        assert decision.until is None or decision.until > now
        assert (decision.action is Action.STOP) == (len(taken) == len(steps))
        again = decide(replace(incident, news=()), NOBODY, climb=0, now=now)
        assert (again.after, again.receivers) == (None, {}), "asked again at once, nothing more is due"
    assert taken == [name for step in steps[: len(taken)] for name in step.receivers]


@given(policies, st.integers(0, 3))
def test_following_the_waits_takes_every_step_when_it_is_due(steps, repeat):
    incident = replace(OPEN, steps=steps, terms=Terms(repeat=repeat, repeat_after=20 * MINUTE))
    turn = (steps[-1].after if steps else 0 * MINUTE) + 20 * MINUTE
    due = [
        ((number * turn + step.after) // MINUTE, name)
        for number in range(repeat + 1)
        for step in steps
        for name in step.receivers
    ]
    assert follow(incident) == due
