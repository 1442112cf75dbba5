"""Incidents: one partition each, the incident itself and every change of it as an event."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from ...core.escalation import Incident, IncidentId
from .groups import escalate_action
from .incident_items import HEAD, incident_from, partition, save_actions
from .table import Table, stored


class DynamoIncidents:
    """The `incident#…` partitions."""

    def __init__(self, table: Table) -> None:
        self._table = table

    @stored
    def load_incident(self, incident: IncidentId) -> Incident | None:
        item = self._table.get(partition(incident), HEAD)
        return incident_from(item) if item else None

    def save_incident(self, incident: Incident, *, now: datetime) -> None:
        self._table.transact(save_actions(incident, now=now))

    def escalate(self, incident: Incident, receivers: Mapping[str, int], *, now: datetime) -> None:
        write = escalate_action(incident.group, receivers, now=now)
        self._table.transact([*save_actions(incident, now=now), write])
