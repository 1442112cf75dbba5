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
from .grouping import GroupState
from .incidents import QUIET, Incident, IncidentState, Source
from .labels import Fingerprint
from .muting import MuteKind
from .notifications import Notification, Reason, Sent, Standing, compose, reason_to_notify
from .pagerduty import TOLD_STATES, dedup_key, first_ties, next_ties
from .receivers import Integration, IntegrationKey, Kind, Receiver
from .redaction import Redaction
from .routing import Route

# There is nothing to say by itself where an escalation step asks who was told before.
_WAITS_WHILE_MUTED = frozenset({Reason.REPEAT, Reason.NEW_RESOLVED, Reason.NONE})
_CALLS = frozenset({Reason.NEW_ALERTS, Reason.REPEAT, Reason.ESCALATED})
_ABOUT_ALERTS = frozenset({Reason.NEW_ALERTS, Reason.NEW_RESOLVED, Reason.REPEAT})
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
        last = group.sent.get(integration.key)
        told = last.firing if last else frozenset()
        firing, ended = view.known(told, Status.FIRING), view.known(told, Status.RESOLVED)
        resolved = frozenset(key for key in ended if not _has_heard_of_end(last, view.state.alerts[key]))
        reason = _reason(view, integration, firing, resolved, step=step)
        if reason in _NOTHING_SENT:
            if reason is not Reason.NONE:
                withheld[integration.key] = reason
            if reason is Reason.MUTED:
                kept |= resolved & told
            # What is not confirmed yet may be a page, whose place an update would take: it waits for the next look.
            may_update = bool(firing & told) and integration.key not in view.state.unconfirmed
            if not may_update or not is_behind(view.incident, integration, last):
                continue
            reason = Reason.UPDATE
        calls_again = _calls_again(view.incident, integration, last, reason)
        ties = _ties(view, integration, last, calls_again=calls_again)
        entry = Sent(firing, ended, at=view.now, seq=seq, step=step or (last.step if last else 0), ties=ties)
        if reason is Reason.UPDATE and last is not None:
            # No page: what was told of alerts, and when, stays as it was.
            firing, resolved = firing & told, ended & (told | last.resolved)
            entry = replace(last, seq=seq, ties=ties)
        if view.incident is not None:
            is_told = calls_again or not _says_nothing_of_it(integration, reason)
            entry = replace(entry, standing=view.incident.standing if last is None or is_told else last.standing)
        if firing or integration.send_resolved:
            notification = _compose(view, integration, firing, resolved, reason=reason, step=step, seq=seq, ties=ties)
            notifications.append(notification)
            entry = replace(entry, notification_id=notification.id)
        sent[integration.key] = entry
    return Telling(tuple(notifications), sent, withheld, kept, seq if sent else group.seq)


def _has_heard_of_end(last: Sent | None, alert: Alert) -> bool:
    """Say whether an integration was told of just this end: the alert is still there where dropping it failed."""
    if last is None or alert.ends_at is None or alert.fingerprint in last.firing:
        return False
    return alert.fingerprint in last.resolved and alert.ends_at <= last.at


def _ties(view: View, integration: Integration, last: Sent | None, *, calls_again: bool) -> tuple[str, ...]:
    """Return what tells apart the incidents that an integration has in PagerDuty, newest last; nothing elsewhere.

    What is open there, or may be, keeps its key. What is told next closes those before the newest, until it is
    confirmed.
    """
    if integration.kind is not Kind.PAGERDUTY:
        return ()
    is_unconfirmed = integration.key in view.state.unconfirmed
    if last is None or not (last.firing or is_unconfirmed):
        return first_ties(integration, view.receivers.get(integration.receiver))
    ties = last.ties if is_unconfirmed else last.ties[-1:]
    return next_ties(ties) if calls_again else ties


def _calls_again(incident: Incident | None, integration: Integration, last: Sent | None, reason: Reason) -> bool:
    """Say whether PagerDuty may show as acknowledged what nobody has any more, and is to call somebody again.

    A trigger would join the incident there and call nobody: it takes another one.
    """
    if incident is None or incident.state is not IncidentState.OPEN or last is None or not last.firing:
        return False
    is_there = integration.kind is Kind.PAGERDUTY and integration.follows_incidents
    return is_there and reason in _CALLS and last.standing < incident.lapsed


def _audience(view: View) -> list[tuple[Integration, int | None]]:
    """Return the integrations to look at, each with the escalation step that brought it in; the group's own first."""
    group, due = view.state.group, view.state.group.is_due(view.now)
    if view.is_silent:
        return []
    own = group.identity.receiver
    names: list[tuple[str, int | None]] = [] if group.escalated.get(own) else [(own, None)]
    escalated = sorted(group.escalated.items(), key=lambda item: (item[1], item[0]))
    names += [(name, step or None) for name, step in escalated]
    audience: dict[IntegrationKey, tuple[Integration, int | None]] = {}
    for name, step in names:
        receiver = view.receivers.get(name)
        for integration in receiver.integrations if receiver else ():
            last = group.sent.get(integration.key)
            if due or _is_asked(last, step) or is_behind(view.incident, integration, last):
                audience.setdefault(integration.key, (integration, step))
    return list(audience.values())


def _is_asked(last: Sent | None, step: int | None) -> bool:
    """Say whether an escalation step has reached an integration that was not told for it."""
    return step is not None and (last is None or not last.firing or step > last.step)


def is_behind(incident: Incident | None, integration: Integration, last: Sent | None) -> bool:
    """Say whether an integration that follows incidents, and knows of something firing, has missed a change."""
    if incident is None or last is None or not last.firing or not integration.follows_incidents:
        return False
    if integration.kind is Kind.PAGERDUTY:
        return last.standing < incident.state_number and _is_news_there(incident, integration, last)
    return last.standing < incident.standing


def _says_nothing_of_it(integration: Integration, reason: Reason) -> bool:
    """Say whether what an integration is told for a reason leaves out how the incident stands.

    PagerDuty is told so by an event of its own, and one about alerts does not take its place.
    """
    return integration.kind is Kind.PAGERDUTY and reason in _ABOUT_ALERTS


def _is_news_there(incident: Incident, integration: Integration, last: Sent) -> bool:
    """Say whether PagerDuty has a word for an incident's state, and was not the one to say so.

    To acknowledge is to stop whoever is being called there: neither a note nor anything else that leaves the state as
    it was may do that, and least of all what PagerDuty has said itself. Where it was done in one of its services, the
    others hear of it.
    """
    by, place = incident.state_by, dedup_key(incident.group, integration.receiver, last.ties)
    is_theirs = by.source is Source.PAGERDUTY and by.place in ("", place)
    return incident.state in TOLD_STATES and not is_theirs


def _reason(
    view: View,
    integration: Integration,
    firing: frozenset[Fingerprint],
    resolved: frozenset[Fingerprint],
    *,
    step: int | None,
) -> Reason:
    last = view.state.group.sent.get(integration.key)
    is_asked = _is_asked(last, step) and bool(firing)
    if not is_asked and not view.state.group.is_due(view.now):
        return Reason.NONE
    reason = reason_to_notify(
        last,
        firing,
        resolved,
        repeat_interval=view.route.repeat_interval,
        send_resolved=integration.send_resolved,
        now=view.now,
    )
    if reason is Reason.NONE and not is_asked:
        return reason
    if _is_muted(view, reason, firing):
        return Reason.MUTED
    state = view.incident.state if view.incident else IncidentState.OPEN
    if is_asked and reason is not Reason.NEW_ALERTS:
        if _may_ask(view.incident, step or 0):
            return Reason.ESCALATED
        if reason in (Reason.NONE, Reason.FIRST):
            return Reason.ACKNOWLEDGED
        # Who was told before is not asked again, and hears of the rest as everybody does.
    if reason is Reason.REPEAT and state in QUIET:
        return Reason.ACKNOWLEDGED
    return reason


def _may_ask(incident: Incident | None, step: int) -> bool:
    """Say whether an escalation step is still to be told: nobody has taken the incident, or it asks who has."""
    if incident is None:
        return True
    return step == incident.direct or (incident.state is IncidentState.OPEN and step > incident.floor)


def _is_muted(view: View, reason: Reason, firing: frozenset[Fingerprint]) -> bool:
    """Say whether what there is to say has to wait: for the route's time, or because all that still fires is muted.

    In the second case a partial resolution would read as if everything were over.
    """
    if view.is_muted_by_time:
        return True
    is_all_muted = firing <= view.state.group.muted.keys()
    return is_all_muted and reason in _WAITS_WHILE_MUTED


def _owed(view: View, integration: Integration, *, known: frozenset[Fingerprint]) -> list[Alert]:
    """Return ended alerts that may have been told to nobody: the group has forgotten them, this is the last word."""
    owed = view.state.owed.get(integration.key)
    return [alert for alert in owed.alerts if alert.fingerprint not in known] if owed else []


def _compose(
    view: View,
    integration: Integration,
    firing: frozenset[Fingerprint],
    resolved: frozenset[Fingerprint],
    *,
    reason: Reason,
    step: int | None,
    seq: int,
    ties: tuple[str, ...],
) -> Notification:
    # A silence on what fires is a change of the incident too, and its message shows what it is about all the same.
    audible = firing if reason is Reason.UPDATE else firing - view.state.group.muted.keys()
    listed = audible | resolved if integration.send_resolved else audible
    alerts = [view.state.alerts[key] for key in sorted(listed)]
    if integration.send_resolved:
        alerts += _owed(view, integration, known=firing | listed)
    owed = view.state.owed.get(integration.key)
    return compose(
        view.state.group.identity,
        integration,
        alerts,
        seq=seq,
        reason=reason,
        retry_after=view.route.group_interval,
        incident=view.incident.id if view.incident else None,
        standing=_standing(view.incident),
        step=step,
        external_url=view.external_url,
        route_labels=view.route.labels,
        is_compatible=view.is_compatible,
        redaction=view.redaction,
        follows_unconfirmed=integration.key in view.state.unconfirmed,
        unconfirmed_since=owed.since if owed else None,
        ties=ties,
        now=view.now,
    )


def _standing(incident: Incident | None) -> Standing | None:
    if incident is None:
        return None
    return Standing(
        state=incident.state.value,
        owner=incident.owner,
        changed_by=incident.changed_by,
        source=incident.source.value,
        comment=incident.comment,
        said=incident.said,
        number=incident.standing,
        is_acknowledgeable=incident.terms.is_acknowledgeable,
        fired=incident.counts.fired,
    )
