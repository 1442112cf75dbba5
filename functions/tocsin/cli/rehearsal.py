"""A store that reads the real one and writes nowhere: what a dry run on a table would have happen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from ..adapters.memory import MemoryStore, _Group
from ..core.alerts import Alert
from ..core.grouping import GroupState
from ..core.incidents import Incident, IncidentId
from ..core.routing import GroupId, GroupIdentity
from ..ports import Groups, Incidents, Rules

GROUPS = 1000


class Rehearsal(MemoryStore):
    """Takes what is due from the real store, and any other group or incident when it is first asked for."""

    def __init__(self, rules: Rules, groups: Groups, incidents: Incidents, *, now: datetime) -> None:
        super().__init__()
        self._real_groups = groups
        self._real_incidents = incidents
        self._now = now
        self.rules.update(rules.load_rules(now=now))
        for group in groups.overdue(before=now, limit=GROUPS):
            self._fetch(group)

    def tell(
        self,
        identity: GroupIdentity,
        alerts: Sequence[Alert],
        *,
        first_flush_at: datetime,
        look_at: datetime | None = None,
    ) -> None:
        self._fetch(identity.id)
        super().tell(identity, alerts, first_flush_at=first_flush_at, look_at=look_at)

    def load_group(self, group: GroupId, *, now: datetime) -> GroupState | None:
        self._fetch(group)
        return super().load_group(group, now=now)

    def load_incident(self, incident: IncidentId) -> Incident | None:
        if incident not in self.incidents:
            found = self._real_incidents.load_incident(incident)
            if found is not None:
                self.incidents[incident] = found
        return super().load_incident(incident)

    def _fetch(self, group: GroupId) -> None:
        if group in self.groups:
            return
        state = self._real_groups.load_group(group, now=self._now)
        if state is not None:
            self.groups[group] = _Group(state.group, dict(state.alerts), dict(state.cooldowns))
