"""Whom a group tells what, now: each integration on its own record of what it was told.

What an integration was told of stays known to it, muted or not, until it has heard of its end. What is held by its
cooldown, or muted and was never told, does not exist for it. With `compatibility: alertmanager` the muted alerts are
taken away before anything is looked at, as Alertmanager does.

Source: https://github.com/prometheus/alertmanager/blob/main/notify/notify.go
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from .alerts import Alert, Status
from .cooldowns import is_held
from .escalation import Incident, IncidentState
from .grouping import GroupState
from .labels import Fingerprint
from .muting import MuteKind
from .notifications import Notification, Reason, Sent, compose, reason_to_notify
from .receivers import Integration, IntegrationKey, Receiver
from .redaction import Redaction
from .routing import Route

_NOTHING_SENT = frozenset({Reason.NONE, Reason.ACKNOWLEDGED, Reason.MUTED})


@dataclass(frozen=True, slots=True)
class View:
    """A group at an instant, with all that decides whom it tells; the group's mutes are this instant's."""

    state: GroupState
    route: Route
    receivers: Mapping[str, Receiver]
    incident: Incident | None
    external_url: str
    is_compatible: bool
    redaction: Redaction
    now: datetime

    def known(self, told: frozenset[Fingerprint], status: Status) -> frozenset[Fingerprint]:
        """Return what fires, or is resolved, for somebody who was told of these alerts."""
        return frozenset(
            key
            for key, alert in self.state.alerts.items()
            if alert.status_at(self.now) is status and self._is(key, alert, told)
        )

    def effective(self) -> list[Fingerprint]:
        """Return what fires and was told to anybody, or is neither held nor muted."""
        return sorted(self.known(self.state.group.told, Status.FIRING))

    def _is(self, key: Fingerprint, alert: Alert, told: frozenset[Fingerprint]) -> bool:
        muted = self.state.group.muted
        if self.is_compatible and key in muted:
            return False
        return key in told or (key not in muted and not is_held(self.state.cooldowns.get(key), alert, now=self.now))

    @property
    def is_muted_by_time(self) -> bool:
        return any(mute.kind is MuteKind.MUTED for mute in self.state.group.muted.values())

    @property
    def is_silent(self) -> bool:
        """Say whether Alertmanager would not even look: every alert is muted."""
        return (
            self.is_compatible and bool(self.state.alerts) and self.state.alerts.keys() <= self.state.group.muted.keys()
        )


@dataclass(frozen=True, slots=True)
class Telling:
    """What is said, what to remember of it, what is withheld and why, and which ended alerts must wait for that."""

    notifications: tuple[Notification, ...]
    sent: Mapping[IntegrationKey, Sent]
    withheld: Mapping[IntegrationKey, Reason]
    kept: frozenset[Fingerprint]
    seq: int


def tell(view: View) -> Telling:
    """Return what each integration of the group is told now."""
    group = view.state.group
    seq = max(group.seq + 1, int(view.now.timestamp() * 1000))
    notifications: list[Notification] = []
    sent: dict[IntegrationKey, Sent] = {}
    withheld: dict[IntegrationKey, Reason] = {}
    kept: frozenset[Fingerprint] = frozenset()
    for integration, step in _audience(view):
        told = group.sent[integration.key].firing if integration.key in group.sent else frozenset()
        firing, resolved = view.known(told, Status.FIRING), view.known(told, Status.RESOLVED)
        reason = _reason(view, integration, firing, resolved, step=step)
        if reason in _NOTHING_SENT:
            if reason is not Reason.NONE:
                withheld[integration.key] = reason
            if reason is Reason.MUTED:
                kept |= resolved & told
            continue
        entry = Sent(firing, resolved, at=view.now, seq=seq)
        if firing or integration.send_resolved:
            notification = _compose(view, integration, firing, resolved, reason=reason, step=step, seq=seq)
            notifications.append(notification)
            entry = replace(entry, notification_id=notification.id)
        sent[integration.key] = entry
    return Telling(tuple(notifications), sent, withheld, kept, seq if sent else group.seq)


def _audience(view: View) -> list[tuple[Integration, int | None]]:
    """Return the integrations to look at, each with the escalation step that brought it in; the group's own first."""
    group, due = view.state.group, view.state.group.is_due(view.now)
    if view.is_silent:
        return []
    names: list[tuple[str, int | None]] = [(group.identity.receiver, None)] if due else []
    names += [(name, step) for name, step in sorted(group.escalated.items(), key=lambda item: (item[1], item[0]))]
    audience = []
    for name, step in names:
        receiver = view.receivers.get(name)
        for integration in receiver.integrations if receiver else ():
            last = group.sent.get(integration.key)
            if due or last is None or not last.firing:
                audience.append((integration, step))
    return audience


def _reason(
    view: View,
    integration: Integration,
    firing: frozenset[Fingerprint],
    resolved: frozenset[Fingerprint],
    *,
    step: int | None,
) -> Reason:
    reason = reason_to_notify(
        view.state.group.sent.get(integration.key),
        firing,
        resolved,
        repeat_interval=view.route.repeat_interval,
        send_resolved=integration.send_resolved,
        now=view.now,
    )
    if reason is Reason.NONE:
        return reason
    if _is_muted(view, reason, firing):
        return Reason.MUTED
    state = view.incident.state if view.incident else IncidentState.OPEN
    if step is not None and reason is Reason.FIRST:
        return Reason.ESCALATED if state is IncidentState.OPEN else Reason.ACKNOWLEDGED
    if reason is Reason.REPEAT and state is IncidentState.ACKNOWLEDGED:
        return Reason.ACKNOWLEDGED
    return reason


def _is_muted(view: View, reason: Reason, firing: frozenset[Fingerprint]) -> bool:
    """Say whether what there is to say has to wait: for the route's time, or because all that still fires is muted.

    In the second case a partial resolution would read as if everything were over.
    """
    if view.is_muted_by_time:
        return True
    is_all_muted = firing <= view.state.group.muted.keys()
    return is_all_muted and reason in (Reason.REPEAT, Reason.NEW_RESOLVED)


def _owed(view: View, integration: Integration, *, known: frozenset[Fingerprint]) -> list[Alert]:
    """Return ended alerts that may have been told to nobody: the group has forgotten them, this is the last word."""
    return [alert for alert in view.state.owed.get(integration.key, ()) if alert.fingerprint not in known]


def _compose(
    view: View,
    integration: Integration,
    firing: frozenset[Fingerprint],
    resolved: frozenset[Fingerprint],
    *,
    reason: Reason,
    step: int | None,
    seq: int,
) -> Notification:
    audible = firing - view.state.group.muted.keys()
    listed = audible | resolved if integration.send_resolved else audible
    alerts = [view.state.alerts[key] for key in sorted(listed)]
    if integration.send_resolved:
        alerts += _owed(view, integration, known=firing | listed)
    return compose(
        view.state.group.identity,
        integration,
        alerts,
        seq=seq,
        reason=reason,
        retry_after=view.route.group_interval,
        incident=view.incident.id if view.incident else None,
        step=step,
        external_url=view.external_url,
        route_labels=view.route.labels,
        is_compatible=view.is_compatible,
        redaction=view.redaction,
        follows_unconfirmed=integration.key in view.state.unconfirmed,
        now=view.now,
    )
