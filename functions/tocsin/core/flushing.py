"""A look at a group, decided: whom to tell, what to remember, which incident opens or ends, when to look again."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from .alerts import Alert, Status
from .configuration import Compatibility, Configuration
from .cooldowns import Cooldown, cooldown_of, count_held, is_held
from .escalation import SYSTEM, Incident, IncidentState, choose_policy, incident_id, resolve
from .grouping import Flush, Group, GroupState
from .labels import Fingerprint
from .muting import Muters, find_mutes
from .notifications import highest_severity
from .routing import Route
from .telling import Telling, View, tell
from .watching import is_way


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a flush depends on besides the group: its route, the configuration, what mutes, and where links lead."""

    route: Route
    configuration: Configuration
    external_url: str = ""
    muters: Muters = field(default_factory=Muters)


def decide_flush(state: GroupState, incident: Incident | None, around: Surroundings, *, now: datetime) -> Flush:
    """Return what to tell and to remember about a group now; nothing where there is nothing to do."""
    group = state.group
    mutes = find_mutes(around.muters, around.route, state.alerts, group.muted, now=now)
    group = replace(group, muted=mutes)
    state = replace(state, group=group)
    if not group.is_due(now):
        telling = tell(_view(state, around, incident, now=now))
        after = replace(group, seq=telling.seq, sent={**group.sent, **telling.sent}, look_at=group.next_flush_at)
        return Flush(group=after, notifications=telling.notifications, withheld=telling.withheld)
    firing = _view(state, around, incident, now=now).effective()
    opened = _opened(state, incident, firing, around, now=now) if firing else None
    if opened:
        # A new climb: whom the last one had reached, but not told, is told when this one reaches them.
        group = replace(group, escalated=_told_steps(group, around.configuration))
        state = replace(state, group=group)
    telling = tell(_view(state, around, opened or incident, now=now))
    over = {key: alert for key, alert in state.alerts.items() if alert.status_at(now) is Status.RESOLVED}
    is_over = over.keys() == state.alerts.keys() and not telling.kept
    next_flush_at = None if is_over else _next_flush_at(group, around.route.group_interval, now)
    sent = {**group.sent, **telling.sent}
    if is_over:
        # Who still believes that something fires is no receiver of this group any more: nobody will tell them.
        sent = {key: entry for key, entry in sent.items() if not entry.firing}
    after = replace(
        group,
        seq=telling.seq,
        sent=sent,
        next_flush_at=next_flush_at,
        look_at=next_flush_at,
        escalated=group.escalated if firing else {},
        incident=(opened.id if opened else group.incident) if firing else None,
        muted={key: mute for key, mute in mutes.items() if key not in over or key in telling.kept},
    )
    return Flush(
        group=after,
        notifications=telling.notifications,
        dropped=tuple(alert for key, alert in over.items() if key not in telling.kept),
        cooldowns={} if is_way(around.route.key) else _cooldowns(state, telling, around.configuration, now=now),
        opened=opened,
        closed=None if firing else _closed(incident, now=now),
        withheld=telling.withheld,
    )


def _view(state: GroupState, around: Surroundings, incident: Incident | None, *, now: datetime) -> View:
    return View(
        state=state,
        route=around.route,
        receivers=around.configuration.receivers,
        incident=incident,
        external_url=around.external_url,
        is_compatible=around.configuration.compatibility is Compatibility.ALERTMANAGER,
        redaction=around.configuration.redaction,
        now=now,
    )


def _told_steps(group: Group, configuration: Configuration) -> dict[str, int]:
    """Return the receivers that escalation added and that know of something firing."""
    told = {key for key, sent in group.sent.items() if sent.firing}
    receivers = ((name, configuration.receivers.get(name)) for name in group.escalated)
    return {
        name: group.escalated[name]
        for name, receiver in receivers
        if receiver and any(integration.key in told for integration in receiver.integrations)
    }


def _next_flush_at(group: Group, interval: timedelta, now: datetime) -> datetime:
    """Return the next point of the group's own grid: intervals counted from the planned time, so they don't drift."""
    planned = group.next_flush_at or now
    return planned + ((now - planned) // interval + 1) * interval


def _cooldowns(
    state: GroupState, telling: Telling, configuration: Configuration, *, now: datetime
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
    if incident is not None and not (incident.state is IncidentState.RESOLVED and set(firing) - state.group.told):
        return None
    alerts = [state.alerts[key] for key in firing]
    policy = choose_policy(around.configuration.policies, [alert.labels for alert in alerts])
    if policy is None or is_way(around.route.key):
        return None
    identity = state.group.identity
    shown, _ = around.configuration.redaction.alerts(alerts)
    return Incident(
        id=incident_id(identity.id, now),
        group=identity.id,
        receiver=identity.receiver,
        policy=policy.name,
        steps=policy.steps,
        title=_title(shown),
        severity=highest_severity(shown),
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
