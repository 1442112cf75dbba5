"""What came of a stretch of virtual time: who was told what, what was held back and why, what fired, and how long."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ..core.alerts import Alert, Status
from ..core.incidents import Incident, IncidentId
from ..core.labels import ALERTNAME, Fingerprint, Labels
from ..core.notifications import Notification, Reason
from ..core.receivers import Integration, IntegrationKey
from ..core.routing import GroupId
from ..core.rules import RuleKey

COOLED_DOWN = "cooled down"
NAMES_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Page:
    """One notification at one integration."""

    at: datetime
    notification: Notification

    @property
    def integration(self) -> Integration:
        return self.notification.integration

    @property
    def receiver(self) -> str:
        return self.notification.receiver

    @property
    def is_firing(self) -> bool:
        return self.notification.status is Status.FIRING

    @property
    def reason(self) -> Reason:
        return self.notification.reason

    def alerts(self, status: Status) -> list[Alert]:
        """Return its alerts that fire, or that are resolved."""
        told = self.notification
        return [alert for alert in told.alerts if alert.status_at(told.created_at) is status]

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of all its alerts, each once."""
        return tuple(sorted({alert.name for alert in self.notification.alerts}))

    @property
    def what(self) -> str:
        """Return its alerts and what else it is grouped by, for people: DiskFull {cluster="a"}."""
        labels = self.notification.group_labels
        others = Labels({name: value for name, value in labels.items() if name != ALERTNAME})
        more = f" and {len(self.names) - NAMES_SHOWN} more" if len(self.names) > NAMES_SHOWN else ""
        names = ", ".join(self.names[:NAMES_SHOWN]) + more
        return f"{names} {others}" if others else names


@dataclass(frozen=True, slots=True)
class Withheld:
    """A notification that was not sent, and why."""

    at: datetime
    group: GroupId
    integration: IntegrationKey
    reason: str


@dataclass(frozen=True, slots=True)
class Quiet:
    """A firing alert that began to be kept from its receivers: inhibited, silenced, muted by time or cooling down."""

    at: datetime
    receiver: str
    labels: Labels
    why: str
    by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Firing:
    """One alert of one rule from when it fired to when it resolved; None where it still did at the end."""

    rule: RuleKey
    name: str
    labels: Labels
    began: datetime
    ended: datetime | None = None

    def lasted(self, *, until: datetime) -> timedelta:
        return (self.ended or until) - self.began


@dataclass(slots=True)
class Chronicle:
    """Everything that happened, in order; `troubles` is what went wrong inside and must not be overlooked."""

    pages: list[Page] = field(default_factory=list)
    withheld: list[Withheld] = field(default_factory=list)
    quiet: list[Quiet] = field(default_factory=list)
    firings: list[Firing] = field(default_factory=list)
    incidents: dict[IncidentId, Incident] = field(default_factory=dict)
    failing: dict[RuleKey, str] = field(default_factory=dict)
    acknowledged: list[tuple[datetime, Incident]] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    ticks: int = 0
    evaluations: int = 0
    open_firings: dict[tuple[RuleKey, Fingerprint], int] = field(default_factory=dict)

    def fired(self, firing: Firing, key: Fingerprint) -> None:
        self.open_firings[firing.rule, key] = len(self.firings)
        self.firings.append(firing)

    def resolved(self, rule: RuleKey, key: Fingerprint, *, now: datetime) -> None:
        position = self.open_firings.pop((rule, key), None)
        if position is not None:
            before = self.firings[position]
            self.firings[position] = Firing(before.rule, before.name, before.labels, before.began, now)


class Silent:
    """A Log that keeps only errors: what the pipeline's bulkheads catch must not be lost in a simulation."""

    def __init__(self, chronicle: Chronicle) -> None:
        self._chronicle = chronicle

    def info(self, event: str, **fields: object) -> None:
        return None

    def warning(self, event: str, **fields: object) -> None:
        return None

    def error(self, event: str, **fields: object) -> None:
        self._chronicle.troubles.append(f"{event}: {_shown(fields)}")

    def count(self, metric: str, value: float = 1, **dimensions: str) -> None:
        return None

    def observe(self, metric: str, seconds: float, **dimensions: str) -> None:
        return None


def _shown(fields: Mapping[str, object]) -> str:
    return ", ".join(f"{name}={value}" for name, value in fields.items())
