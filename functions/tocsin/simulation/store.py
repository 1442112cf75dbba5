"""The store of virtual time: memory, without what only reality needs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from ..adapters.memory import MemoryStore
from ..core.alerts import Alert, Status
from ..core.routing import GroupId
from ..core.rules import RuleKey, interval_of
from ..ports import RuleRecord


class Store(MemoryStore):
    """Nothing is lost in virtual time, so that no group is ever overdue: looking for them costs every tick.

    A tick sees the records of the rules that are `awake` alone: the others are not gone, they are left out.
    """

    awake: Collection[RuleKey] = ()

    def load_rules(self, *, now: datetime) -> Mapping[RuleKey, RuleRecord]:
        return {key: self.rules[key] for key in self.awake if key in self.rules}

    def save_rule(self, record: RuleRecord, *, now: datetime) -> RuleRecord:
        """Write it, unless it says when groups were evaluated: in virtual time no tick is late or lost."""
        return record if interval_of(record.key) else super().save_rule(record, now=now)

    def overdue(self, *, before: datetime, limit: int) -> Sequence[GroupId]:
        return ()

    def save_inhibitors(self, alerts: Sequence[Alert], *, now: datetime) -> None:
        """Keep what fires alone: every flush reads all there are."""
        super().save_inhibitors(alerts, now=now)
        for alert in alerts:
            if alert.status_at(now) is Status.RESOLVED:
                del self.inhibitors[alert.fingerprint]
