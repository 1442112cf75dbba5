"""A group of alerts, and what a look at it (a flush) does: whom to tell, what to remember, when to look again.

A group is looked at after group_wait, then every group_interval while anything in it fires. In between, a flush only
tells receivers that an escalation step has added. Each integration is decided on its own record.

Source: https://github.com/prometheus/alertmanager/blob/main/dispatch/dispatch.go
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from .alerts import Alert, Status
from .configuration import Configuration
from .cooldowns import Cooldown, cooldown_of, count_held, is_held
from .escalation import Incident, IncidentId, IncidentState, choose_policy, incident_id, resolve
from .labels import Fingerprint
from .notifications import Notification, Reason, Sent, compose, highest_severity, reason_to_notify
from .receivers import Integration, IntegrationKey
from .routing import GroupIdentity, Route

SYSTEM = "tocsin"


@dataclass(frozen=True, slots=True)
class Group:
    """What is remembered of a group; `version` guards writes, `seq` orders notifications for ever.

    `look_at` is when somebody has to look: at the next flush, or earlier when an escalation step waits to be told.
    """

    identity: GroupIdentity
    version: int = 0
    seq: int = 0
    next_flush_at: datetime | None = None
    look_at: datetime | None = None
    sent: Mapping[IntegrationKey, Sent] = field(default_factory=dict)
    escalated: Mapping[str, int] = field(default_factory=dict)
    incident: IncidentId | None = None

    def is_due(self, now: datetime) -> bool:
        return self.next_flush_at is not None and self.next_flush_at <= now


@dataclass(frozen=True, slots=True)
class GroupState:
    """A group as loaded: its record, its alerts, their cooldowns."""

    group: Group
    alerts: Mapping[Fingerprint, Alert]
    cooldowns: Mapping[Fingerprint, Cooldown] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Flush:
    """What a look at a group decided; everything but the sending is one transaction."""

    group: Group
    notifications: tuple[Notification, ...] = ()
    dropped: tuple[Alert, ...] = ()
    cooldowns: Mapping[Fingerprint, Cooldown] = field(default_factory=dict)
    opened: Incident | None = None
    closed: Incident | None = None
    withheld: Mapping[IntegrationKey, Reason] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a flush depends on besides the group: its route, the configuration, and where links lead."""

    route: Route
    configuration: Configuration
    external_url: str = ""


def first_flush_at(route: Route, alert: Alert, now: datetime) -> datetime:
    """Return when a new group is first looked at: at once if the alert is older than group_wait."""
    return now if alert.starts_at + route.group_wait <= now else now + route.group_wait


def decide_flush(state: GroupState, incident: Incident | None, around: Surroundings, *, now: datetime) -> Flush:
    """Return what to tell and to remember about a group now; nothing where there is nothing to do."""
    group, due = state.group, state.group.is_due(now)
    if not due:
        telling = _tell(state, incident, around, due=False, now=now)
        after = replace(group, seq=telling.seq, sent={**group.sent, **telling.sent}, look_at=group.next_flush_at)
        return Flush(group=after, notifications=telling.notifications, withheld=telling.withheld)
    firing = _effective(state, now=now)
    opened = _opened(state, incident, firing, around, now=now) if firing else None
    if opened:
        # A new climb: whom the last one had reached, but not told, is told when this one reaches them.
        group = replace(group, escalated=_told_steps(group, around.configuration))
        state = replace(state, group=group)
    telling = _tell(state, opened or incident, around, due=True, now=now)
    remaining = any(alert.status_at(now) is Status.FIRING for alert in state.alerts.values())
    next_flush_at = _next_flush_at(group, around.route.group_interval, now) if remaining else None
    after = replace(
        group,
        seq=telling.seq,
        sent={**group.sent, **telling.sent},
        next_flush_at=next_flush_at,
        look_at=next_flush_at,
        escalated=group.escalated if firing else {},
        incident=(opened.id if opened else group.incident) if firing else None,
    )
    return Flush(
        group=after,
        notifications=telling.notifications,
        dropped=tuple(alert for alert in state.alerts.values() if alert.status_at(now) is Status.RESOLVED),
        cooldowns=_cooldowns(state, telling, around.configuration, now=now),
        opened=opened,
        closed=None if firing else _closed(incident, now=now),
        withheld=telling.withheld,
    )


@dataclass(frozen=True, slots=True)
class _Telling:
    notifications: tuple[Notification, ...]
    sent: Mapping[IntegrationKey, Sent]
    withheld: Mapping[IntegrationKey, Reason]
    seq: int


def _tell(state: GroupState, incident: Incident | None, around: Surroundings, *, due: bool, now: datetime) -> _Telling:
    group = state.group
    seq = max(group.seq + 1, int(now.timestamp() * 1000))
    notifications: list[Notification] = []
    sent: dict[IntegrationKey, Sent] = {}
    withheld: dict[IntegrationKey, Reason] = {}
    for integration, step in _audience(group, around.configuration, due=due):
        last = group.sent.get(integration.key)
        firing = frozenset(_known_to(state, last, Status.FIRING, now=now))
        resolved = frozenset(_known_to(state, last, Status.RESOLVED, now=now))
        reason = _reason(last, firing, resolved, integration, incident, step=step, around=around, now=now)
        if reason is Reason.ACKNOWLEDGED:
            withheld[integration.key] = reason
            continue
        if reason is Reason.NONE:
            continue
        entry = Sent(firing, resolved, at=now, seq=seq)
        if firing or integration.send_resolved:
            listed = firing | resolved if integration.send_resolved else firing
            notification = compose(
                group.identity,
                integration,
                [state.alerts[key] for key in sorted(listed)],
                seq=seq,
                reason=reason,
                retry_after=around.route.group_interval,
                incident=incident.id if incident else None,
                step=step,
                external_url=around.external_url,
                now=now,
            )
            notifications.append(notification)
            entry = replace(entry, notification_id=notification.id)
        sent[integration.key] = entry
    return _Telling(tuple(notifications), sent, withheld, seq if sent else group.seq)


def _audience(group: Group, configuration: Configuration, *, due: bool) -> list[tuple[Integration, int | None]]:
    """Return the integrations to look at, each with the escalation step that brought it in; the group's own first."""
    names: list[tuple[str, int | None]] = [(group.identity.receiver, None)] if due else []
    names += [(name, step) for name, step in sorted(group.escalated.items(), key=lambda item: (item[1], item[0]))]
    audience = []
    for name, step in names:
        receiver = configuration.receivers.get(name)
        for integration in receiver.integrations if receiver else ():
            last = group.sent.get(integration.key)
            if due or last is None or not last.firing:
                audience.append((integration, step))
    return audience


def _known_to(state: GroupState, last: Sent | None, status: Status, *, now: datetime) -> list[Fingerprint]:
    """Return what fires, or is resolved, for an integration: what it was told of stays, what is held does not count."""
    told = last.firing if last else frozenset()
    return [
        key
        for key, alert in state.alerts.items()
        if alert.status_at(now) is status and (key in told or not is_held(state.cooldowns.get(key), alert, now=now))
    ]


def _effective(state: GroupState, *, now: datetime) -> list[Fingerprint]:
    """Return what fires and was told to anybody, or is not held."""
    everything = Sent(firing=_told(state.group), resolved=frozenset(), at=now)
    return _known_to(state, everything, Status.FIRING, now=now)


def _told_steps(group: Group, configuration: Configuration) -> dict[str, int]:
    """Return the receivers that escalation added and that know of something firing."""
    told = {key for key, sent in group.sent.items() if sent.firing}
    receivers = ((name, configuration.receivers.get(name)) for name in group.escalated)
    return {
        name: group.escalated[name]
        for name, receiver in receivers
        if receiver and any(integration.key in told for integration in receiver.integrations)
    }


def _told(group: Group) -> frozenset[Fingerprint]:
    return frozenset[Fingerprint]().union(*(sent.firing for sent in group.sent.values()))


def _reason(
    last: Sent | None,
    firing: frozenset[Fingerprint],
    resolved: frozenset[Fingerprint],
    integration: Integration,
    incident: Incident | None,
    *,
    step: int | None,
    around: Surroundings,
    now: datetime,
) -> Reason:
    reason = reason_to_notify(
        last,
        firing,
        resolved,
        repeat_interval=around.route.repeat_interval,
        send_resolved=integration.send_resolved,
        now=now,
    )
    is_taken = incident is not None and incident.state is not IncidentState.OPEN
    if step is not None and reason is Reason.FIRST:
        return Reason.ACKNOWLEDGED if is_taken else Reason.ESCALATED
    if reason is Reason.REPEAT and incident is not None and incident.state is IncidentState.ACKNOWLEDGED:
        return Reason.ACKNOWLEDGED
    return reason


def _next_flush_at(group: Group, interval: timedelta, now: datetime) -> datetime:
    """Return the next point of the group's own grid: intervals counted from the planned time, so they don't drift."""
    planned = group.next_flush_at or now
    return planned + ((now - planned) // interval + 1) * interval


def _cooldowns(
    state: GroupState, telling: _Telling, configuration: Configuration, *, now: datetime
) -> dict[Fingerprint, Cooldown]:
    changed: dict[Fingerprint, Cooldown] = {}
    receiver = state.group.identity.receiver
    for integration_key, sent in telling.sent.items():
        before = state.group.sent.get(integration_key)
        for key in sent.firing - (before.firing if before else frozenset()):
            alert = state.alerts[key]
            length = cooldown_of(
                configuration.cooldowns, alert.labels, receiver, default=configuration.default_cooldown
            )
            if length:
                changed[key] = Cooldown(starts_at=alert.starts_at, until=now + length)
    for key, alert in state.alerts.items():
        before_held = state.cooldowns.get(key)
        if key in changed or before_held is None or alert.status_at(now) is Status.RESOLVED:
            continue
        if is_held(before_held, alert, now=now) and count_held(before_held, alert) != before_held:
            changed[key] = count_held(before_held, alert)
    return changed


def _opened(
    state: GroupState, incident: Incident | None, firing: list[Fingerprint], around: Surroundings, *, now: datetime
) -> Incident | None:
    """Return the incident that opens: where there is none, or where what a person has closed gets company."""
    if incident is not None and not (incident.state is IncidentState.RESOLVED and set(firing) - _told(state.group)):
        return None
    alerts = [state.alerts[key] for key in firing]
    policy = choose_policy(around.configuration.policies, [alert.labels for alert in alerts])
    if policy is None:
        return None
    identity = state.group.identity
    return Incident(
        id=incident_id(identity.id, now),
        group=identity.id,
        receiver=identity.receiver,
        policy=policy.name,
        steps=policy.steps,
        title=_title(alerts),
        severity=highest_severity(alerts),
        opened_at=now,
    )


def _closed(incident: Incident | None, *, now: datetime) -> Incident | None:
    if incident is None:
        return None
    closed = resolve(incident, by=SYSTEM, comment="all alerts resolved", now=now)
    return closed if isinstance(closed, Incident) else None


def _title(alerts: list[Alert]) -> str:
    names = sorted({alert.name for alert in alerts})
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
