"""Stories of incidents whose policy changes under them: by an alert that joins, and by a new configuration."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.stories.configurations import MINUTE, configuration, equal, receiver, rule
from tests.stories.world import START, World
from tocsin.core.alerts import Status
from tocsin.core.configuration import Configuration
from tocsin.core.incidents import Change, IncidentState, Refusal
from tocsin.core.intervals import TimeInterval, TimeRange
from tocsin.core.notifications import Reason
from tocsin.core.policies import EscalationPolicy, Step, Terms
from tocsin.core.receivers import Kind
from tocsin.core.routing import RouteSpec
from tocsin.pipeline.incidents import Verb

HOUR = timedelta(hours=1)
OPENED = START + MINUTE + timedelta(seconds=30)
PEOPLE = [receiver("oncall"), receiver("second"), receiver("desk", Kind.EMAIL), receiver("boss", Kind.PAGERDUTY)]
SECURITY = EscalationPolicy(
    "security",
    (Step(0 * MINUTE, ("oncall",)), Step(10 * MINUTE, ("boss",))),
    (equal("severity", "critical"),),
    terms=Terms(is_acknowledgeable=False),
)
LOW = EscalationPolicy("low", (Step(0 * MINUTE, ("desk",)), Step(5 * MINUTE, ("second",))))


def world_of(*policies: EscalationPolicy) -> World:
    """Return a world in which three rules of one group fire: critical, warning and info."""
    return World(configured(*policies))


def configured(*policies: EscalationPolicy, **route: Any) -> Configuration:
    rules = (rule("Grave"), rule("Warn", severity="warning"), rule("Info", severity="info"))
    spec = RouteSpec(receiver="team", group_by=("service",), repeat_interval=24 * HOUR, **route)
    return configuration(*rules, route=spec, receivers=PEOPLE, policies=policies)


def told(world: World) -> list[tuple[float, str]]:
    """Return who was paged how many minutes after the incident opened, besides the group's own receiver."""
    return [((page.at - OPENED) / MINUTE, page.receiver) for page in world.pages if page.receiver != "team"]


def said(world: World, change: Change) -> list[str]:
    return [event.said for event in world.store.load_events(world.incident().id) if event.change is change]


@pytest.mark.parametrize("verb", [None, Verb.ACKNOWLEDGE, Verb.SNOOZE, Verb.SUPPRESS])
def test_a_graver_alert_that_joins_brings_its_policy_which_climbs_from_its_first_step(verb: Verb | None):
    world = world_of(SECURITY, LOW)
    world.metric_goes_bad("Warn")
    world.advance(minutes=3)
    if verb is not None:
        world.act(verb, by="ann", minutes=None if verb is Verb.ACKNOWLEDGE else 600)
    world.metric_goes_bad("Grave")
    world.advance(hours=3)
    climb = [(minute, name) for minute, name in told(world) if name in ("oncall", "boss")]
    assert climb == [(5, "oncall"), (15, "boss")]
    assert (world.incident().policy, world.incident().state) == ("security", IncidentState.OPEN)
    assert said(world, Change.POLICY) == ["Policy security instead of low: it is the first to take Grave"]
    assert len(world.escalations.started) == 1, "it is the same incident"


def test_what_joins_by_a_later_policy_or_by_none_changes_nothing():
    info = EscalationPolicy("info", (Step(0 * MINUTE, ("desk",)),), (equal("severity", "info"),))
    world = world_of(SECURITY, info)
    world.metric_goes_bad("Grave")
    world.advance(minutes=3)
    world.metric_goes_bad("Info")
    world.metric_goes_bad("Warn")
    world.advance(minutes=30)
    world.metric_recovers("Grave")
    world.advance(hours=2)
    assert world.incident().policy == "security"
    assert Change.POLICY not in [event.change for event in world.store.load_events(world.incident().id)]
    assert "desk" not in [name for _, name in told(world)]


def test_a_policy_that_is_gone_stays_until_an_alert_joins_that_takes_another():
    world = world_of(LOW)
    world.metric_goes_bad("Warn")
    world.advance(minutes=3)
    world.configure(configured(SECURITY))
    world.advance(minutes=10)
    assert (world.incident().policy, told(world)) == ("low", [(0, "desk"), (5, "second")])
    world.metric_goes_bad("Grave")
    world.advance(minutes=10)
    assert world.incident().policy == "security"


@pytest.mark.parametrize("minute", [3, 8], ids=["long before", "a minute before the step is due"])
def test_a_step_that_a_changed_policy_has_earlier_is_taken_on_time(minute: int):
    world = world_of(EscalationPolicy("all", (Step(0 * MINUTE, ("desk",)), Step(HOUR, ("second",)))))
    world.metric_goes_bad("Warn")
    world.advance(minutes=minute)
    steps = (Step(0 * MINUTE, ("desk",)), Step(10 * MINUTE, ("second",)), Step(20 * MINUTE, ("boss",)))
    world.configure(configured(EscalationPolicy("all", steps)))
    world.advance(hours=3)
    assert told(world) == [(0, "desk"), (10, "second"), (20, "boss")]
    assert said(world, Change.POLICY) == ["The policy all was changed: its steps ahead count from now on"]
    assert world.escalations.executions == [(world.incident().id, 0), (world.incident().id, 1)]


def test_a_step_that_a_changed_policy_has_later_needs_no_other_execution():
    world = world_of(EscalationPolicy("all", (Step(0 * MINUTE, ("desk",)), Step(10 * MINUTE, ("second",)))))
    world.metric_goes_bad("Warn")
    world.advance(minutes=3)
    steps = (Step(0 * MINUTE, ("desk",)), Step(HOUR, ("second",)))
    world.configure(configured(EscalationPolicy("all", steps)))
    world.advance(hours=3)
    assert told(world) == [(0, "desk"), (60, "second")]
    assert len(world.escalations.executions) == 1


def test_an_earlier_reminder_comes_on_time():
    steps = (Step(0 * MINUTE, ("desk",)),)
    world = world_of(EscalationPolicy("all", steps, terms=Terms(ack_timeout=2 * HOUR, reminder=5 * MINUTE)))
    world.metric_goes_bad("Warn")
    world.advance(minutes=3)
    world.acknowledge("ann")
    terms = Terms(ack_timeout=2 * HOUR, reminder=HOUR)
    world.configure(configured(EscalationPolicy("all", steps, terms=terms)))
    world.advance(hours=1, minutes=5)
    assert len(said(world, Change.REMINDED)) == 1


IMMEDIATE = replace(SECURITY, is_immediate=True)


def test_an_alert_that_may_not_wait_is_told_at_once_in_a_group_that_was_told_and_moves_no_flush():
    world = world_of(IMMEDIATE, LOW)
    world.metric_goes_bad("Warn")
    world.advance(minutes=3)
    world.metric_goes_bad("Grave")
    world.advance(minutes=1)  # that tick sees it
    world.metric_goes_bad("Info")
    world.advance(minutes=30)
    found = {name: page.at - OPENED for page in reversed(world.pages) for name in page.names(Status.FIRING)}
    assert found == {
        "Warn": 0 * MINUTE,
        "Grave": timedelta(minutes=2, seconds=30),
        "Info": 5 * MINUTE,
    }
    climb = [(minute, name) for minute, name in told(world) if name in ("oncall", "boss")]
    assert climb == [(2.5, "oncall"), (5, "oncall"), (12.5, "boss")]


def test_an_alert_that_may_not_wait_does_not_wait_for_others_that_do():
    world = World(configured(replace(LOW, matchers=(equal("severity", "warning"),)), IMMEDIATE, group_wait=3 * MINUTE))
    world.metric_goes_bad("Warn")
    world.advance(minutes=2)
    world.metric_goes_bad("Grave")
    world.advance(minutes=1)
    world.expect_page("team", Status.FIRING, Reason.FIRST, alerts=["Grave", "Warn"], at=START + 3 * MINUTE)
    world.metric_goes_bad("Info")
    world.advance(minutes=2)
    later = [page.at for page in world.pages if "Info" in page.names(Status.FIRING)]
    assert later[:1] == [START + 4 * MINUTE], "as it was planned"


def test_an_alert_that_may_not_wait_is_told_soon_though_every_timer_is_lost():
    world = World(configured(IMMEDIATE, group_interval=HOUR))
    world.metric_goes_bad("Warn")
    world.advance(minutes=3)
    world.loses_timers = True
    world.metric_goes_bad("Grave")
    world.advance(minutes=1, seconds=30)
    world.loses_timers = False
    world.advance(minutes=3)
    assert "Grave" in world.pages[-1].names(Status.FIRING), world.told()


def test_an_alert_that_may_not_wait_is_silenced_all_the_same():
    world = world_of(IMMEDIATE, LOW)
    world.metric_goes_bad("Warn")
    world.advance(minutes=3)
    world.silence(minutes=60, alertname="Grave")
    world.metric_goes_bad("Grave")
    world.advance(minutes=30)
    assert told(world) == [(0, "desk"), (5, "second")]


def test_a_step_for_critical_alerts_is_taken_once_one_has_joined():
    graver = Step(15 * MINUTE, ("boss",), severities=("critical",))
    world = world_of(EscalationPolicy("all", (Step(0 * MINUTE, ("desk",)), graver)))
    world.metric_goes_bad("Warn")
    world.advance(minutes=3)
    world.metric_goes_bad("Grave")
    world.advance(minutes=10)
    assert world.incident().severity == "critical"
    world.metric_goes_bad("Info")
    world.advance(hours=1)
    assert ("boss" in [name for _, name in told(world)], world.incident().severity) == (True, "critical")


def test_a_step_that_was_skipped_before_the_group_heard_of_what_is_critical_is_taken_then():
    graver = Step(4 * MINUTE, ("boss",), severities=("critical",))
    steps = (Step(0 * MINUTE, ("desk",)), Step(2 * MINUTE, ("second",), severities=("critical",)), graver)
    world = world_of(EscalationPolicy("all", (*steps, Step(HOUR, ("oncall",)))))
    world.metric_goes_bad("Warn")
    world.advance(minutes=4, seconds=30)
    world.metric_goes_bad("Grave")  # fires half a minute before the last step is due, and is told a minute after it
    world.advance(hours=2)
    assert told(world) == [(0, "desk"), (5, "desk"), (5, "boss"), (5, "second"), (60, "oncall")]


def test_a_step_that_was_skipped_long_ago_is_taken_when_something_graver_joins_and_nobody_is_told_twice():
    steps = (Step(0 * MINUTE, ("desk",)), Step(5 * MINUTE, ("boss",), severities=("critical",)))
    world = world_of(EscalationPolicy("all", (*steps, Step(7 * MINUTE, ("second",)))))
    world.metric_goes_bad("Warn")
    world.advance(minutes=20)
    assert told(world) == [(0, "desk"), (7, "second")]
    world.metric_goes_bad("Grave")
    world.advance(hours=3)
    assert sorted(told(world)[2:]) == [(20, "boss"), (20, "desk"), (20, "second")]
    assert [page.notification.reason for page in world.pages if page.receiver == "boss"] == [Reason.ESCALATED]
    assert said(world, Change.STEP) == ["Step 1: desk", "Step 3: second", "Step 2: boss"]
    world.metric_goes_bad("Grave", instance="b")
    world.advance(hours=3)
    assert [name for _, name in told(world)].count("boss") == 2, "of the new alert, and no step again"


def test_escalating_by_hand_takes_the_next_step_that_applies_and_says_so_where_there_is_none():
    steps = (Step(0 * MINUTE, ("desk",)), Step(30 * MINUTE, ("boss",), severities=("critical",)))
    world = world_of(EscalationPolicy("all", (*steps, Step(5 * HOUR, ("oncall",)))))
    world.metric_goes_bad("Warn")
    world.advance(minutes=5)
    world.act(Verb.ESCALATE, by="ann")
    world.advance(minutes=1)
    assert [name for _, name in told(world)] == ["desk", "oncall"]
    assert said(world, Change.SKIPPED) == ["Step 2 is skipped: it is for critical, and this is warning"]
    world.act(Verb.ESCALATE, by="ann")  # none is left: they begin again
    world.advance(minutes=1)
    assert [name for _, name in told(world)] == ["desk", "oncall", "desk"]


def test_escalating_by_hand_where_no_step_applies_is_refused():
    world = world_of(EscalationPolicy("all", (Step(0 * MINUTE, ("boss",), severities=("critical",)),)))
    world.metric_goes_bad("Warn")
    world.advance(minutes=5)
    acted = world.act(Verb.ESCALATE, by="ann")
    assert (acted.refusal, acted.sentence) == (Refusal.NO_STEP, "no step of its escalation policy is for it now")
    assert told(world) == []


def test_escalating_by_hand_passes_over_a_step_outside_its_time():
    steps = (Step(0 * MINUTE, ("desk",)), Step(30 * MINUTE, ("boss",), during=("day",)), Step(HOUR, ("oncall",)))
    day = {"day": (TimeInterval(times=(TimeRange(12 * 60, 18 * 60),)),)}
    world = World(replace(configured(EscalationPolicy("all", steps)), time_intervals=day))
    world.metric_goes_bad("Warn")
    world.advance(minutes=5)
    world.act(Verb.ESCALATE, by="ann")
    world.advance(minutes=1)
    assert [name for _, name in told(world)] == ["desk", "oncall"]


@pytest.mark.parametrize(
    ("severity", "named"), [("page", "page"), ("page", "Page"), ("Critical", "critical"), ("critical", "CRITICAL")]
)
def test_a_step_for_what_is_to_page_is_taken_though_something_slighter_fires_too(severity: str, named: str):
    steps = (Step(0 * MINUTE, ("desk",)), Step(5 * MINUTE, ("boss",), severities=(named,)))
    rules = (rule("Page", severity=severity), rule("Info", severity="info"))
    route = RouteSpec(receiver="team", group_by=("service",), repeat_interval=24 * HOUR)
    world = World(configuration(*rules, route=route, receivers=PEOPLE, policies=[EscalationPolicy("all", steps)]))
    world.metric_goes_bad("Info")
    world.metric_goes_bad("Page")
    world.advance(hours=1)
    assert told(world) == [(0, "desk"), (5, "boss")]
    assert world.incident().severity == severity


def test_a_step_for_critical_alerts_is_skipped_while_none_has_joined():
    graver = Step(15 * MINUTE, ("boss",), severities=("critical",))
    world = world_of(EscalationPolicy("all", (Step(0 * MINUTE, ("desk",)), graver)))
    world.metric_goes_bad("Warn")
    world.advance(hours=1)
    assert said(world, Change.SKIPPED) == ["Step 2 is skipped: it is for critical, and this is warning"]
