"""How things stand between an alert and those who may hear of it: the values of an explanation, and each verdict."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ..core.alerts import Alert, Status
from ..core.cooldowns import Cooldown, is_held
from ..core.grouping import GroupState
from ..core.incidents import Incident, IncidentState
from ..core.labels import Fingerprint, Labels, fingerprint
from ..core.muting import Mute, MuteKind
from ..core.notifications import Sent
from ..core.receivers import Integration
from ..core.routing import GroupIdentity, Route
from ..core.rules import ActiveAlert, Rule
from ..ports import Delivery, RuleRecord


class Verdict(StrEnum):
    """How things stand between an alert and an integration."""

    NOTIFIED = "notified"
    RESOLVED = "told that it is over"
    INHIBITED = "inhibited"
    SILENCED = "silenced"
    MUTED = "muted"
    COOLED_DOWN = "cooled down"
    ACKNOWLEDGED = "withheld: acknowledged"
    WAITING = "waits for the group's next look"
    AHEAD = "a later escalation step"
    PENDING = "the rule has not fired yet"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Attempt:
    """A notification that had the alert in it: why it was sent, and what came of it."""

    delivery: Delivery
    status: Status


@dataclass(frozen=True, slots=True)
class Told:
    """One integration: where it stands, since or until when, and every notification that it was sent of the alert."""

    integration: Integration
    verdict: Verdict
    at: datetime | None = None
    step: int | None = None
    notification_id: str = ""
    attempts: tuple[Attempt, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """One of an alert's groups, and each integration that may hear of it there; `muted_by` is said for people."""

    route: Route
    identity: GroupIdentity
    next_flush_at: datetime | None = None
    mute: Mute | None = None
    muted_by: tuple[str, ...] = ()
    cooldown: Cooldown | None = None
    incident: Incident | None = None
    told: tuple[Told, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """Where an alert comes from: a rule with its record, or somebody who sent it."""

    rule: Rule | None = None
    record: RuleRecord | None = None
    active: ActiveAlert | None = None
    received: Alert | None = None
    copy: Alert | None = None

    @property
    def is_firing(self) -> bool:
        return self.received is not None or (self.active is not None and self.active.fired_at is not None)


@dataclass(frozen=True, slots=True)
class Explanation:
    """One alert: its source and its places."""

    labels: Labels
    source: Source
    places: tuple[Place, ...]

    @property
    def fingerprint(self) -> Fingerprint:
        return fingerprint(self.labels)


_OF_MUTES = {
    MuteKind.INHIBITED: Verdict.INHIBITED,
    MuteKind.SILENCED: Verdict.SILENCED,
    MuteKind.MUTED: Verdict.MUTED,
}


def verdict_of(
    place: Place,
    source: Source,
    state: GroupState | None,
    key: Fingerprint,
    sent: Sent | None,
    step: int | None,
    *,
    now: datetime,
) -> tuple[Verdict, datetime | None]:
    """Return where an integration stands, and since or until when."""
    copy = state.alerts.get(key) if state else None
    if sent is not None and key in sent.firing:
        return Verdict.NOTIFIED, sent.at
    if source.active is not None and not source.is_firing:
        return Verdict.PENDING, None
    if sent is not None and key in sent.resolved and (copy is None or copy.status_at(now) is Status.RESOLVED):
        return Verdict.RESOLVED, sent.at
    if copy is None and not source.is_firing:
        return Verdict.OVER, None
    if place.mute is not None:
        return _OF_MUTES[place.mute.kind], place.mute.since
    if copy is not None and is_held(place.cooldown, copy, now=now):
        return Verdict.COOLED_DOWN, place.cooldown.until if place.cooldown else None
    return _of_incident(place, step)


def _of_incident(place: Place, step: int | None) -> tuple[Verdict, datetime | None]:
    incident = place.incident
    if step is None or incident is None:
        return Verdict.WAITING, place.next_flush_at
    if incident.state is not IncidentState.OPEN:
        return Verdict.ACKNOWLEDGED, incident.changed_at
    return Verdict.AHEAD, incident.opened_at + incident.steps[step - 1].after
