"""Incidents: one partition each, the incident itself and every change of it as an event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from ...core.escalation import Incident, IncidentId, IncidentState, Step
from ...core.notifications import format_time, parse_time
from ...core.routing import GroupId
from . import groups
from .table import Item, Table, at_version, epoch, put_action, sortable

HEAD = "head"
KEPT_FOR = timedelta(days=365)


class DynamoIncidents:
    """The `incident#…` partitions."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def load_incident(self, incident: IncidentId) -> Incident | None:
        item = self._table.get(f"incident#{incident}", HEAD)
        return _incident(item) if item else None

    def save_incident(self, incident: Incident, *, now: datetime) -> None:
        self._table.transact(save_actions(incident, now=now))

    def escalate(self, incident: Incident, receivers: Mapping[str, int], *, now: datetime) -> None:
        write = groups.escalate_action(incident.group, receivers, now=now)
        self._table.transact([*save_actions(incident, now=now), write])


def save_actions(incident: Incident, *, now: datetime) -> list[dict[str, Any]]:
    """Return the writes of an incident under the version that was read, with the event that tells of the change."""
    written = replace(incident, version=incident.version + 1)
    event: Item = {
        "pk": f"incident#{incident.id}",
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
        "pk": f"incident#{incident.id}",
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


def _incident(item: Item) -> Incident:
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
