"""One question of the state machine: which steps of an incident are due, and until when to wait.

Taking a step adds its receivers to the incident's group and has the group looked at; what they are told, and that they
hear of the resolution, is the group's business. Receivers that were told already are not added twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from ..core.escalation import Decision, Incident, IncidentId, decide, take
from ..core.notifications import format_time
from ..errors import ConflictError
from ..ports import Incidents, Log, Timers

ATTEMPTS = 5
SAFETY = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Escalator:
    """What escalation works with."""

    incidents: Incidents
    timers: Timers
    log: Log


def run(world: Escalator, incident: IncidentId, *, now: datetime) -> Decision:
    """Take the steps that are due and return what the state machine does next."""
    for _ in range(ATTEMPTS):
        try:
            return _run_once(world, incident, now=now)
        except ConflictError:
            world.log.info("incident_changed_meanwhile", incident=incident)
    raise ConflictError(f"incident {incident} changed {ATTEMPTS} times while a step was taken")


def _run_once(world: Escalator, incident_id: IncidentId, *, now: datetime) -> Decision:
    incident = world.incidents.load_incident(incident_id)
    decision = decide(incident, now=now)
    if incident is None:
        world.log.error("incident_unknown", incident=incident_id)
    elif decision.due:
        after = take(incident, decision.due)
        receivers = _receivers_of(incident, decision)
        # For a crash after the write. Where there is none it finds nothing left, and is not beside the one below.
        world.timers.announce(incident.group, at=now + SAFETY, now=now)
        world.incidents.escalate(after, receivers, now=now)
        world.log.info("escalated", incident=incident.id, step=after.steps_done, receivers=sorted(receivers))
        world.log.count("EscalationSteps", len(decision.due))
        world.timers.announce(incident.group, at=now, now=now)
    world.log.info("escalation_decided", incident=incident_id, action=decision.action.value, reason=decision.why.value)
    return decision


def _receivers_of(incident: Incident, decision: Decision) -> dict[str, int]:
    """Return the receivers that the due steps add, each with the number of its step (from 1)."""
    taken = {name for step in incident.steps[: incident.steps_done] for name in step.receivers} | {incident.receiver}
    added: dict[str, int] = {}
    for number, step in enumerate(decision.due, start=incident.steps_done + 1):
        for name in step.receivers:
            if name not in taken:
                added.setdefault(name, number)
    return added


def as_json(decision: Decision) -> dict[str, str]:
    """Return the decision as the state machine reads it."""
    answer = {"action": decision.action.value, "reason": decision.why.value}
    if decision.until is not None:
        answer["until"] = format_time(_whole_seconds(decision.until))
    return answer


def _whole_seconds(until: datetime) -> datetime:
    """Return the next whole second: the state machine cuts fractions off, and would ask too early, again and again.

    Source: https://docs.aws.amazon.com/step-functions/latest/dg/state-wait.html
    """
    return until if until.microsecond == 0 else until.replace(microsecond=0) + timedelta(seconds=1)
