"""Incidents: one partition each, the incident itself and every change of it as an event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from ...core.incidents import Event, Incident, IncidentId
from .groups import escalate_action, start_action
from .incident_items import EVENT, HEAD, event_from, incident_from, partition, save_actions
from .table import Table, stored


class DynamoIncidents:
    """The `incident#…` partitions."""

    def __init__(self, table: Table) -> None:
        self._table = table

    @stored
    def load_incident(self, incident: IncidentId) -> Incident | None:
        item = self._table.get(partition(incident), HEAD)
        return incident_from(item) if item else None

    @stored
    def load_events(self, incident: IncidentId) -> Sequence[Event]:
        return [event_from(item) for item in self._table.query(partition(incident), prefix=EVENT)]

    def save_incident(self, incident: Incident, *, now: datetime) -> None:
        self._table.transact(save_actions(incident, now=now))

    def escalate(
        self, incident: Incident, receivers: Mapping[str, int], *, starts: bool = False, now: datetime
    ) -> None:
        actions = [*save_actions(incident, now=now), escalate_action(incident.group, receivers, now=now)]
        if starts:
            actions.append(start_action(incident.group, incident, seq=int(now.timestamp() * 1000), now=now))
        self._table.transact(actions)
