"""What Tocsin's own API shows, as JSON values: alerts in Alertmanager's shape with more to say, and incidents.

Source: https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

from ..core.incidents import Event, Incident, IncidentState
from ..core.notifications import format_time
from ..core.policies import Step
from ..core.rules import AlertState
from ..core.wording import value_text
from ..pipeline.incidents import ListedAlert, ListedIncident
from ..ports import Delivery

# A firing alert has no end. Alertmanager's API must name one: its clients are told that of a source gone quiet.
RESOLVE_TIMEOUT = timedelta(minutes=5)


def gettable_alert(listed: ListedAlert, *, now: datetime) -> dict[str, Any]:
    """Return an alert in Alertmanager's shape; a pending one, which Alertmanager does not know, says so."""
    alert, copies = listed.alert, [each.copy for each in listed.groups]
    is_firing = alert.state is AlertState.FIRING
    view = {
        "annotations": dict(alert.annotations),
        "endsAt": _milliseconds(now + RESOLVE_TIMEOUT),
        "fingerprint": alert.fingerprint,
        "receivers": [{"name": name} for name in sorted({each.receiver for each in listed.groups})],
        "startsAt": _milliseconds(alert.fired_at or alert.active_at),
        "status": {
            "inhibitedBy": [],
            "mutedBy": [],
            "silencedBy": [],
            "state": "active" if is_firing else alert.state.value,
        },
        "updatedAt": _milliseconds(max([*(copy.updated_at for copy in copies), alert.fired_at or alert.active_at])),
        "labels": dict(alert.labels),
    }
    link = next((copy.generator_url for copy in copies if copy.generator_url), "")
    return {**view, "generatorURL": link} if link else view


def alert_view(listed: ListedAlert, *, now: datetime) -> dict[str, Any]:
    """Return an alert with what Alertmanager has no word for: its rule, its value, its incidents."""
    value = listed.alert.value
    return {
        **gettable_alert(listed, now=now),
        "rule": listed.rule,
        "activeAt": _milliseconds(listed.alert.active_at),
        "value": value if math.isfinite(value) else value_text(value),
        "incidents": [
            {"id": each.id, "state": each.state.value, "by": each.who} for each in _distinct(listed.incidents)
        ],
    }


def incident_view(listed: ListedIncident) -> dict[str, Any]:
    """Return an incident, the alerts that fire in its group, its deliveries and its events."""
    incident = listed.incident
    counts = incident.counts
    return {
        "id": incident.id,
        "title": incident.title,
        "severity": incident.severity,
        "state": incident.state.value,
        "owner": incident.owner,
        "until": _time(incident.until),
        "is_acknowledgeable": incident.terms.is_acknowledgeable,
        "receiver": incident.receiver,
        "group": incident.group,
        "policy": incident.policy,
        "opened_at": format_time(incident.opened_at),
        "changed_at": _time(incident.changed_at),
        "changed_by": incident.changed_by,
        "source": incident.source.value,
        "comment": incident.comment,
        "said": incident.said,
        "counts": {
            "fired": counts.fired,
            "first_at": _time(counts.first_at),
            "last_at": _time(counts.last_at),
            "last_value": None if counts.last_value is None else value_text(counts.last_value),
        },
        "turn": incident.turn,
        "repeat": incident.terms.repeat,
        "steps": [_step_view(step, is_taken=number < incident.position) for number, step in enumerate(incident.steps)],
        "next_step_at": _time(_next_step_at(incident)),
        "alerts": [
            {
                "fingerprint": alert.fingerprint,
                "labels": dict(alert.labels),
                "annotations": dict(alert.annotations),
                "starts_at": format_time(alert.starts_at),
            }
            for alert in listed.alerts
        ],
        "deliveries": [delivery_view(each) for each in listed.deliveries],
        "events": [event_view(each) for each in listed.events],
    }


def _step_view(step: Step, *, is_taken: bool) -> dict[str, Any]:
    return {
        "after_seconds": step.after.total_seconds(),
        "receivers": list(step.receivers),
        "users": list(step.users),
        "schedules": list(step.schedules),
        "is_important": step.is_important,
        "is_taken": is_taken,
    }


def event_view(event: Event) -> dict[str, Any]:
    """Return one thing that happened to an incident: when, what, who, from where, why."""
    return {
        "at": format_time(event.at),
        "change": event.change.value,
        "by": event.by,
        "source": event.source.value,
        "said": event.said,
        "comment": event.comment,
    }


def delivery_view(delivery: Delivery) -> dict[str, Any]:
    """Return what came of telling one integration."""
    return {
        "notification": delivery.notification_id,
        "integration": delivery.integration,
        "state": delivery.state.value,
        "status": delivery.status,
        "reason": delivery.reason,
        "attempts": delivery.attempts,
        "at": format_time(delivery.at),
        "outcome": delivery.outcome,
    }


def _next_step_at(incident: Incident) -> datetime | None:
    if incident.state is not IncidentState.OPEN or incident.position >= len(incident.steps):
        return None
    return incident.due_at(incident.position)


def _time(instant: datetime | None) -> str | None:
    return format_time(instant) if instant else None


def _distinct(incidents: tuple[Incident, ...]) -> list[Incident]:
    return list({each.id: each for each in incidents}.values())


def _milliseconds(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
