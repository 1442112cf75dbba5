"""One question of the state machine: what an incident needs now, and until when to wait.

A step adds its receivers to the incident's group and has the group looked at; what they are told, and that they hear of
the resolution, is the group's business.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ..core.escalation import Decision, Roster, decide
from ..core.incidents import IncidentId
from ..core.notifications import format_time
from ..core.rosters import roster_of
from ..errors import ConflictError
from ..ports import Configurations, Incidents, Log, Overrides, Timers

ATTEMPTS = 5
SAFETY = timedelta(seconds=5)
_LATEST = datetime.max.replace(microsecond=0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Escalator:
    """What escalation works with."""

    configurations: Configurations
    incidents: Incidents
    overrides: Overrides
    timers: Timers
    log: Log


def run(world: Escalator, incident: IncidentId, *, climb: int = 0, now: datetime) -> Decision:
    """Do what is due and return what the state machine does next; `climb` numbers the execution that asks."""
    for _ in range(ATTEMPTS):
        try:
            return _run_once(world, incident, climb=climb, now=now)
        except ConflictError:
            world.log.info("incident_changed_meanwhile", incident=incident)
    raise ConflictError(f"incident {incident} changed {ATTEMPTS} times while a step was taken")


def _run_once(world: Escalator, incident_id: IncidentId, *, climb: int, now: datetime) -> Decision:
    incident = world.incidents.load_incident(incident_id)
    is_climbing = incident is not None and not incident.is_over and incident.climb == climb
    decision = decide(incident, _roster(world, now=now) if is_climbing else Roster(), climb=climb, now=now)
    after = decision.after
    if incident is None:
        world.log.error("incident_unknown", incident=incident_id)
    elif after is not None:
        # For a crash after the write. Where there is none it finds nothing left, and is not beside the one below.
        world.timers.announce(incident.group, at=now + SAFETY, now=now)
        world.incidents.escalate(after, decision.receivers, now=now)
        receivers = sorted(decision.receivers)
        world.log.info("escalated", incident=incident.id, step=after.steps_done, receivers=receivers)
        world.log.count("EscalationSteps", after.steps_done - incident.steps_done)
        world.timers.announce(incident.group, at=now, now=now)
    world.log.info("escalation_decided", incident=incident_id, action=decision.action.value, reason=decision.why.value)
    return decision


def _roster(world: Escalator, *, now: datetime) -> Roster:
    """Return whom there is to tell. What cannot be read is asked again: by guessing, the wrong ones would be told."""
    configuration = world.configurations.current(now=now).configuration
    overrides = world.overrides.load_overrides(now=now) if configuration.schedules else {}
    return roster_of(configuration, overrides)


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
    whole = until.replace(microsecond=0)
    return whole if whole in (until, _LATEST) else whole + timedelta(seconds=1)
