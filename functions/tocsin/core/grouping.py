"""A group of alerts: what is remembered of it, and what a look at it (a flush) decides.

A group is looked at after group_wait, then every group_interval while anything in it fires. In between, a flush only
tells receivers that an escalation step has added, or all that there is to tell where an alert may not wait. Each
integration is decided on its own record.

Source: https://github.com/prometheus/alertmanager/blob/main/dispatch/dispatch.go
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from .alerts import Alert
from .cooldowns import Cooldown
from .incidents import Incident, IncidentId
from .labels import Fingerprint
from .muting import Mute
from .notifications import Notification, Reason, Sent
from .receivers import IntegrationKey
from .routing import GroupIdentity, Route


@dataclass(frozen=True, slots=True)
class Group:
    """What is remembered of a group; `version` guards writes, `seq` orders notifications for ever.

    `look_at` is when somebody has to look: at the next flush, or earlier when an escalation step waits to be told.
    `counted` is what fired when its incident was counted last: nothing where that is over, and its end waits to be
    told; None where that is not known.
    """

    identity: GroupIdentity
    version: int = 0
    seq: int = 0
    next_flush_at: datetime | None = None
    look_at: datetime | None = None
    sent: Mapping[IntegrationKey, Sent] = field(default_factory=dict)
    escalated: Mapping[str, int] = field(default_factory=dict)
    incident: IncidentId | None = None
    muted: Mapping[Fingerprint, Mute] = field(default_factory=dict)
    counted: frozenset[Fingerprint] | None = None

    def is_due(self, now: datetime) -> bool:
        return self.next_flush_at is not None and self.next_flush_at <= now

    @property
    def told(self) -> frozenset[Fingerprint]:
        """Return what any integration was told of and believes to fire."""
        return frozenset[Fingerprint]().union(*(sent.firing for sent in self.sent.values()))


@dataclass(frozen=True, slots=True)
class Owed:
    """Ended alerts that an integration may not have heard of; `since` it has confirmed nothing.

    So many were given up: they ended too long ago, or are too many.
    """

    alerts: Sequence[Alert]
    since: datetime
    given_up: int = 0


@dataclass(frozen=True, slots=True)
class GroupState:
    """A group as loaded: its record, its alerts, their cooldowns.

    `unconfirmed` names the newest notification that an integration is not known to have, `owed` holds the ended alerts
    in it: what the integration is told next takes that notification's place.
    """

    group: Group
    alerts: Mapping[Fingerprint, Alert]
    cooldowns: Mapping[Fingerprint, Cooldown] = field(default_factory=dict)
    unconfirmed: Mapping[IntegrationKey, str] = field(default_factory=dict)
    owed: Mapping[IntegrationKey, Owed] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Flush:
    """What a look at a group decided; everything but the sending is one transaction.

    An incident is opened, closed, or changed: counted, or climbing anew, which starts a state machine for it.
    """

    group: Group
    notifications: tuple[Notification, ...] = ()
    dropped: tuple[Alert, ...] = ()
    cooldowns: Mapping[Fingerprint, Cooldown] = field(default_factory=dict)
    opened: Incident | None = None
    closed: Incident | None = None
    changed: Incident | None = None
    climbs_anew: bool = False
    withheld: Mapping[IntegrationKey, Reason] = field(default_factory=dict)

    @property
    def incidents(self) -> tuple[Incident, ...]:
        """Return the incidents to write."""
        return tuple(each for each in (self.opened, self.closed, self.changed) if each is not None)

    @property
    def climbing(self) -> Incident | None:
        """Return the incident whose state machine is to be started."""
        return self.opened or (self.changed if self.climbs_anew else None)


def first_flush_at(route: Route, alert: Alert, now: datetime, *, is_immediate: bool = False) -> datetime:
    """Return when a new group is first looked at: at once if the alert is older than group_wait, or may not wait."""
    if is_immediate:
        return now
    # What is taken away is ours: an alert may begin at the end of time.
    return now if alert.starts_at <= now - route.group_wait else now + route.group_wait
