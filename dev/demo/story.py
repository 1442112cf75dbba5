"""The story's steps, for the demo and for the stack test: what is done, what must be true afterwards, and by when."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dev.demo.audience import (
    ALERTS,
    EMAIL_MANAGER,
    EMAIL_ONCALL,
    ERRORS,
    PAGERDUTY_EXECUTIVES,
    PAGERDUTY_ONCALL,
    SLACK_CRITICAL,
    SLACK_WARNINGS,
    SLOW,
    SUBSCRIBERS,
    TOLD,
    surplus,
    untold,
)
from dev.demo.world import World
from tocsin.core.escalation import Why
from tocsin.core.incidents import IncidentState
from tocsin.core.rules import Change
from tocsin.ports import Health

LIMIT_SECONDS = 400.0
LOOK_SECONDS = 0.05
ACKNOWLEDGED_BY = "ada"

Missing = Callable[[World], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Step:
    """One step: `missing` says what has not happened yet, and nothing when all of it has.

    It has `within` seconds for it, several times of what it takes: a machine may be busy. `holds` says for how many
    seconds it must then stay so.
    """

    name: str
    within: float
    missing: Missing
    begin: Callable[[World], None] = lambda world: None
    holds: float = 0.0


@dataclass(frozen=True, slots=True)
class Result:
    """How a step went; without anything missing it happened."""

    step: Step
    seconds: float
    missing: tuple[str, ...] = ()

    @property
    def happened(self) -> bool:
        return not self.missing


def take(world: World, step: Step, *, left: float = LIMIT_SECONDS) -> Result:
    """Begin a step and wait until it has happened, at most until its deadline or the story's."""
    begun = time.monotonic()
    try:
        step.begin(world)
    except Exception as error:  # the story goes on, and the summary says what went wrong
        return Result(step, time.monotonic() - begun, (f"{type(error).__name__}: {error}",))
    deadline = begun + min(step.within, left)
    while missing := tuple(step.missing(world)):
        if time.monotonic() > deadline:
            return Result(step, time.monotonic() - begun, missing)
        time.sleep(LOOK_SECONDS)
    until = time.monotonic() + step.holds
    while time.monotonic() < until:
        time.sleep(LOOK_SECONDS)
        if missing := tuple(step.missing(world)):
            break
    return Result(step, time.monotonic() - begun, missing)


def run(world: World, before: Callable[[Step], None], after: Callable[[Result], None]) -> list[Result]:
    """Take the steps, up to one that does not happen: those after it could only fail of the same cause."""
    begun, results = time.monotonic(), []
    for step in STEPS:
        before(step)
        result = take(world, step, left=max(1.0, begun + LIMIT_SECONDS - time.monotonic()))
        after(result)
        results.append(result)
        if not result.happened:
            break
    return results


# -------------------------------------------------------------------- what is missing


def _not_healthy(world: World) -> list[str]:
    missing = [] if world.is_scraped() else ["Prometheus has no samples of the service yet"]
    missing += [] if world.has_ticked() else ["no tick has completed yet"]
    return missing + [f"{alert} is above its threshold before anything happened" for alert in _above(world)]


def _above(world: World) -> list[str]:
    return [alert for alert in ALERTS if world.above.get(alert)]


def _not_crossed(world: World) -> list[str]:
    return [f"the metric of {alert} did not cross its threshold" for alert in ALERTS if not world.above.get(alert)]


def _not_fallen(world: World) -> list[str]:
    return [f"the metric of {alert} is still above its threshold" for alert in _above(world)]


def _not_changed(change: Change, word: str) -> Missing:
    return lambda world: [f"{alert} is not {word}" for alert in ALERTS if len(world.changes(alert, change)) != 1]


def _not_told(alert: str, status: str, *channels: str) -> Missing:
    return lambda world: [*untold(world.messages, alert, status, channels), *surplus(world.messages)]


def _all(*parts: Missing) -> Missing:
    return lambda world: [missing for part in parts for missing in part(world)]


def _no_incident(world: World) -> list[str]:
    return [f"no incident is open for {alert}" for alert in ALERTS if world.incident_id(alert) is None]


def _not_acknowledged(world: World) -> list[str]:
    incident = world.incident(SLOW)
    if incident is None or incident.state is not IncidentState.ACKNOWLEDGED:
        return [f"the incident of {SLOW} is not acknowledged"]
    return [] if incident.changed_by == ACKNOWLEDGED_BY else [f"it was acknowledged by {incident.changed_by!r}"]


def _not_edited(world: World) -> list[str]:
    post = world.post_of(SLOW)
    if post is None or f"Acknowledged by {ACKNOWLEDGED_BY} (slack)" not in post.text:
        return [f"the message of {SLOW} does not say who has it"]
    return ["it can be acknowledged once more"] if "Acknowledge" in post.buttons else []


def _not_stopped(alert: str, why: Why) -> Missing:
    def missing(world: World) -> list[str]:
        ends = world.journal.logs("escalation_decided", incident=world.incident_id(alert), action="stop")
        if not ends:
            return [f"the escalation of {alert} goes on"]
        found = ends[0].fields["reason"]
        if found != why.value:
            return [f"the escalation of {alert} ended because of {found!r}, not {why.value!r}"]
        status = world.execution_status(alert)
        return [] if status == "SUCCEEDED" else [f"the state machine of {alert} is {status or 'unknown'}"]

    return missing


def _not_closed(world: World) -> list[str]:
    incidents = {alert: world.incident(alert) for alert in ALERTS}
    return [
        f"the incident of {alert} is {incident.state.value if incident else 'unknown'}"
        for alert, incident in incidents.items()
        if incident is None or incident.state is not IncidentState.RESOLVED
    ]


def _unresolved(world: World) -> list[str]:
    return [*(each for alert in ALERTS for each in _not_told(alert, "resolved", *TOLD[alert])(world))]


def _not_once(world: World) -> list[str]:
    messages = world.messages
    missing = [each for alert in ALERTS for each in untold(messages, alert, "firing", TOLD[alert])]
    missing += [each for alert in ALERTS for each in untold(messages, alert, "resolved", TOLD[alert])]
    return missing + surplus(messages)


def _unhealthy(world: World) -> list[str]:
    records = world.rule_records()
    missing = [
        f"the health of {name} is {record.health.value}: {record.error}"
        for name, record in records.items()
        if record.health is not Health.OK
    ]
    return missing + [
        f"{name} still has {len(record.active)} alerts" for name, record in records.items() if record.active
    ]


STEPS = (
    Step("The service is healthy, Prometheus scrapes it, and the rules are quiet", 80, _not_healthy),
    Step(
        "The service answers 5xx and slows down: both metrics cross their thresholds",
        40,
        _not_crossed,
        begin=World.break_service,
    ),
    Step("Both rules are pending", 32, _not_changed(Change.PENDING, "pending")),
    Step("Both rules fire when their `for` is over", 40, _not_changed(Change.FIRED, "firing")),
    Step(
        "SNS fans out: who subscribed to the topic gets a mail of each",
        40,
        _all(*(_not_told(alert, "firing", SUBSCRIBERS) for alert in ALERTS)),
    ),
    Step(
        "An incident opens for each, and the first escalation step reaches Slack",
        40,
        _all(_no_incident, *(_not_told(alert, "firing", SLACK_WARNINGS) for alert in ALERTS)),
    ),
    Step(
        "Somebody presses Acknowledge on the slow responses, in Slack; the message says who has them",
        40,
        _all(_not_acknowledged, _not_edited),
        begin=lambda world: world.acknowledge(SLOW, by=ACKNOWLEDGED_BY),
    ),
    Step(
        "Nobody has acknowledged the errors: step 2 reaches who is on call and Slack's critical channel",
        48,
        _not_told(ERRORS, "firing", EMAIL_ONCALL, SLACK_CRITICAL),
    ),
    Step(
        "Step 3 of the errors reaches PagerDuty and the manager",
        48,
        _not_told(ERRORS, "firing", PAGERDUTY_ONCALL, EMAIL_MANAGER),
    ),
    Step(
        "The state machine of the acknowledged incident ends without a further step",
        100,
        _not_stopped(SLOW, Why.ACKNOWLEDGED),
    ),
    Step(
        "Step 4 reaches the executives' PagerDuty, and the climb is at its end",
        56,
        _all(_not_told(ERRORS, "firing", PAGERDUTY_EXECUTIVES), _not_stopped(ERRORS, Why.FINISHED)),
    ),
    Step(
        "The service recovers: both metrics fall below their thresholds",
        60,
        _not_fallen,
        begin=World.repair_service,
    ),
    Step("Both rules resolve", 32, _not_changed(Change.RESOLVED, "resolved")),
    Step("Everybody who was told is told that it is over", 48, _all(_unresolved, _not_closed)),
    Step("Each channel was told exactly once per state, and nothing more comes", 8, _not_once, holds=5),
    Step("The rules are healthy and have no alerts", 16, _unhealthy),
)
