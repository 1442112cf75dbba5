"""Escalation: an incident that nobody acknowledges is told to the next people, step by step.

An incident is what is open for a group that an escalation policy applies to. It carries its policy's steps as they were
when it opened. Acknowledging or resolving it ends the climb; steps that are overdue together are taken together.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType

from .matchers import Matcher, matches_all
from .routing import GroupId

IncidentId = NewType("IncidentId", str)

SYSTEM = "tocsin"  # who acts where no person does


@dataclass(frozen=True, slots=True)
class Step:
    """Who is told when an incident has been open for `after` without an acknowledgement."""

    after: timedelta
    receivers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EscalationPolicy:
    """Steps in ascending order, and the alerts that they are for; without matchers, for all."""

    name: str
    steps: tuple[Step, ...]
    matchers: tuple[Matcher, ...] = ()


class IncidentState(StrEnum):
    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Incident:
    """What is open for a group; `steps_done` counts the policy's steps that were taken."""

    id: IncidentId
    group: GroupId
    receiver: str
    policy: str
    steps: tuple[Step, ...]
    title: str
    severity: str
    opened_at: datetime
    state: IncidentState = IncidentState.OPEN
    steps_done: int = 0
    changed_at: datetime | None = None
    changed_by: str = ""
    comment: str = ""
    version: int = 0


class Action(StrEnum):
    """What the state machine is to do next."""

    WAIT = "wait"
    STOP = "stop"


class Why(StrEnum):
    """The reason of a decision."""

    STEP_AHEAD = "the next step is not due yet"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"
    FINISHED = "every step was taken"
    UNKNOWN = "there is no such incident"


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do about an incident now: steps to take, and whether and until when to wait."""

    action: Action
    why: Why
    until: datetime | None = None
    due: tuple[Step, ...] = ()


def incident_id(group: GroupId, opened_at: datetime) -> IncidentId:
    """Return the id of the incident that a group opens at an instant; it names the escalation's execution too."""
    digest = hashlib.sha256(f"{group}\0{opened_at.isoformat()}".encode()).hexdigest()[:16]
    return IncidentId(f"inc-{digest}")


def choose_policy(policies: Sequence[EscalationPolicy], alerts: Iterable[Mapping[str, str]]) -> EscalationPolicy | None:
    """Return the first policy that any of the alerts matches."""
    labels = list(alerts)
    return next((policy for policy in policies if any(matches_all(policy.matchers, each) for each in labels)), None)


def decide(incident: Incident | None, *, now: datetime) -> Decision:
    """Return which steps are due and how long to wait for the one after them."""
    if incident is None:
        return Decision(Action.STOP, Why.UNKNOWN)
    if incident.state is IncidentState.ACKNOWLEDGED:
        return Decision(Action.STOP, Why.ACKNOWLEDGED)
    if incident.state is IncidentState.RESOLVED:
        return Decision(Action.STOP, Why.RESOLVED)
    ahead = incident.steps[incident.steps_done :]
    due = tuple(step for step in ahead if incident.opened_at + step.after <= now)
    if len(due) == len(ahead):
        return Decision(Action.STOP, Why.FINISHED, due=due)
    return Decision(Action.WAIT, Why.STEP_AHEAD, until=incident.opened_at + ahead[len(due)].after, due=due)


def take(incident: Incident, due: Sequence[Step]) -> Incident:
    """Return the incident with these steps taken."""
    return replace(incident, steps_done=incident.steps_done + len(due))


class Refusal(StrEnum):
    """Why an incident does not change."""

    ALREADY = "already acknowledged"
    OVER = "already resolved"


def acknowledge(incident: Incident, *, by: str, comment: str, now: datetime) -> Incident | Refusal:
    """Return the acknowledged incident, or why nothing changes; the first one to acknowledge has it."""
    if incident.state is IncidentState.RESOLVED:
        return Refusal.OVER
    if incident.state is IncidentState.ACKNOWLEDGED:
        return Refusal.ALREADY
    return _change(incident, IncidentState.ACKNOWLEDGED, by=by, comment=comment, now=now)


def resolve(incident: Incident, *, by: str, comment: str, now: datetime) -> Incident | Refusal:
    """Return the resolved incident, or why nothing changes."""
    if incident.state is IncidentState.RESOLVED:
        return Refusal.OVER
    return _change(incident, IncidentState.RESOLVED, by=by, comment=comment, now=now)


def _change(incident: Incident, state: IncidentState, *, by: str, comment: str, now: datetime) -> Incident:
    return replace(incident, state=state, changed_at=now, changed_by=by, comment=comment)
