"""An incident as items of the table, and the writes that change it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from ...core.escalation import Incident, IncidentId, IncidentState, Step
from ...core.notifications import format_time, parse_time
from ...core.routing import GroupId
from .table import Item, at_version, epoch, put_action, sortable

HEAD = "head"
KEPT_FOR = timedelta(days=365)


def partition(incident: IncidentId) -> str:
    return f"incident#{incident}"


def save_actions(incident: Incident, *, now: datetime) -> list[dict[str, Any]]:
    """Return the writes of an incident under the version that was read, with the event that tells of the change."""
    written = replace(incident, version=incident.version + 1)
    event: Item = {
        "pk": partition(incident.id),
        "sk": f"event#{sortable(now)}#{written.version:06d}",
        "state": incident.state.value,
        "steps_done": incident.steps_done,
        "by": incident.changed_by,
        "comment": incident.comment,
        "expires_at": epoch(now + KEPT_FOR),
    }
    return [put_action(_item(written, now=now), at_version(incident.version)), put_action(event)]


def _item(incident: Incident, *, now: datetime) -> Item:
    is_over = incident.state is IncidentState.RESOLVED
    return {
        "pk": partition(incident.id),
        "sk": HEAD,
        "id": incident.id,
        "group": incident.group,
        "receiver": incident.receiver,
        "policy": incident.policy,
        "steps": [
            {"after_seconds": step.after.total_seconds(), "receivers": list(step.receivers)} for step in incident.steps
        ],
        "title": incident.title,
        "severity": incident.severity,
        "opened_at": format_time(incident.opened_at),
        "state": incident.state.value,
        "steps_done": incident.steps_done,
        "changed_at": format_time(incident.changed_at) if incident.changed_at else None,
        "changed_by": incident.changed_by,
        "comment": incident.comment,
        "version": incident.version,
        "expires_at": epoch(now + KEPT_FOR) if is_over else None,
    }


def incident_from(item: Item) -> Incident:
    return Incident(
        id=IncidentId(item["id"]),
        group=GroupId(item["group"]),
        receiver=item["receiver"],
        policy=item["policy"],
        steps=tuple(Step(timedelta(seconds=step["after_seconds"]), tuple(step["receivers"])) for step in item["steps"]),
        title=item["title"],
        severity=item["severity"],
        opened_at=parse_time(item["opened_at"]),
        state=IncidentState(item["state"]),
        steps_done=item["steps_done"],
        changed_at=parse_time(item["changed_at"]) if "changed_at" in item else None,
        changed_by=item["changed_by"],
        comment=item["comment"],
        version=item["version"],
    )
