"""A look at a group, decided: whom to tell, what to remember, which incident opens or ends, when to look again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from .alerts import Alert, Status
from .configuration import Compatibility, Configuration
from .cooldowns import Cooldown, cooldown_of, count_held, is_held
from .escalation import Roster, graver, hastened, revived, ways_to
from .grouping import Flush, Group, GroupState
from .incidents import (
    HELD,
    SYSTEM,
    Change,
    Incident,
    IncidentState,
    add,
    count,
    expire,
    has_expired,
    incident_id,
    reopen,
    resolve,
    take_policy,
)
from .labels import Fingerprint
from .matchers import matches_all
from .muting import Muters, find_mutes
from .notifications import gravest, highest_severity
from .policies import choose_before, choose_policy, is_immediate
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
    roster: Roster = field(default_factory=Roster)


# A silence is made before its incident is suppressed, and a look beside it may have read silences before that.
_SETTLING = timedelta(minutes=1)


def decide_flush(state: GroupState, incident: Incident | None, around: Surroundings, *, now: datetime) -> Flush:
    """Return what to tell and to remember about a group now; nothing where there is nothing to do."""
    group, planned = state.group, state.group.next_flush_at
    mutes = find_mutes(around.muters, around.route, state.alerts, group.muted, now=now)
    group = replace(group, muted=mutes)
    state = replace(state, group=group)
    firing = _view(state, around, incident, now=now).effective()
    is_hurried = not group.is_due(now) and _has_immediate(state, firing, around)
    if not group.is_due(now) and not is_hurried:
        telling = tell(_view(state, around, incident, now=now))
        after = replace(group, seq=telling.seq, sent={**group.sent, **telling.sent}, look_at=group.next_flush_at)
        return Flush(group=after, notifications=telling.notifications, withheld=telling.withheld)
    if is_hurried:
        group = replace(group, next_flush_at=now)
        state = replace(state, group=group)
    if incident is not None and _is_past(state, incident, firing, now=now):
        # Where no policy takes what fires now, nothing is open: it is told, and repeated, like anything else.
        incident, group = None, replace(group, incident=None)
        state = replace(state, group=group)
    opened = _opened(state, firing, around, now=now) if firing and incident is None else None
    changed = None if opened or not firing else _changed(state, incident, firing, around, now=now)
    if opened:
        group = _climb_anew(group, around.configuration)
        if set(firing) - group.told:
            # They hear of what is new as members, and no step tells them twice.
            opened = replace(opened, reached=tuple(sorted(group.escalated)))
    elif changed and changed.state in HELD and set(firing) - group.told:
        # Who has it hears of what is new, though no step has reached them.
        owner, instead = ways_to(changed.owner, changed, around.roster, is_important=False)
        group = replace(group, escalated={**dict.fromkeys(owner, 0), **group.escalated})
        if instead:
            changed = add(changed, Change.UNREACHED, SYSTEM, f"New alerts: {instead}", now=now)
    state = replace(state, group=group)
    telling = tell(_view(state, around, opened or changed or incident, now=now))
    over = {key: alert for key, alert in state.alerts.items() if alert.status_at(now) is Status.RESOLVED}
    is_over = over.keys() == state.alerts.keys() and not telling.kept
    # An end that has to wait is said later, to everybody who was told, as the end of their incident.
    is_owed = not firing and bool(telling.kept)
    next_flush_at = None if is_over else _next_flush_at(planned, around.route.group_interval, now)
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
        escalated=group.escalated if firing or is_owed else {},
        incident=(opened.id if opened else group.incident) if firing or is_owed else None,
        counted=frozenset(firing) if opened or changed or is_owed else None,
        muted={key: mute for key, mute in mutes.items() if key not in over or key in telling.kept},
    )
    return Flush(
        group=after,
        notifications=telling.notifications,
        dropped=tuple(alert for key, alert in over.items() if key not in telling.kept),
        cooldowns={} if is_way(around.route.key) else _cooldowns(state, telling, around.configuration, now=now),
        opened=opened,
        closed=None if firing else _closed(incident, over.values(), now=now),
        changed=changed if changed != incident else None,
        climbs_anew=changed is not None and incident is not None and changed.climb != incident.climb,
        withheld=telling.withheld,
    )


def _view(state: GroupState, around: Surroundings, incident: Incident | None, *, now: datetime) -> View:
    return View(
        state=state,
        route=around.route,
        receivers={**around.configuration.receivers, **around.configuration.contacts},
        incident=incident,
        external_url=around.external_url,
        is_compatible=around.configuration.compatibility is Compatibility.ALERTMANAGER,
        redaction=around.configuration.redaction,
        now=now,
    )


def _climb_anew(group: Group, configuration: Configuration) -> Group:
    """Return the group as a new incident finds it.

    Whom the last climb had reached, but not told, is told when this one reaches them; who was told is a member now.
    """
    told = {key for key, sent in group.sent.items() if sent.firing}
    known = {**configuration.receivers, **configuration.contacts}
    receivers = ((name, known.get(name)) for name in group.escalated)
    members = {
        name: 0
        for name, receiver in receivers
        if receiver and any(integration.key in told for integration in receiver.integrations)
    }
    sent = {key: replace(entry, step=0, standing=0) for key, entry in group.sent.items()}
    return replace(group, escalated=members, sent=sent)


def _changed(
    state: GroupState, incident: Incident | None, firing: list[Fingerprint], around: Surroundings, *, now: datetime
) -> Incident | None:
    """Return the incident that is open as this look leaves it.

    It is counted, as grave as the gravest that has fired, taken by the policy that stands first, open again where its
    quiet is over, and climbs by what its changed policy has earlier, or where its execution has failed.
    """
    if incident is None or incident.is_over:
        return None
    alerts = [state.alerts[key] for key in firing]
    told = state.group.told
    counted = told if state.group.counted is None else state.group.counted
    joined = [alert for alert in alerts if alert.fingerprint not in told]
    redaction = around.configuration.redaction
    changed = _as_grave(count(incident, alerts, counted), redaction.alerts(joined)[0])
    labels, fresh = ([each.labels for each in some] for some in (alerts, joined))
    if policy := choose_before(around.configuration.policies, incident.policy, labels, fresh):
        taken, _ = redaction.alerts([alert for alert in alerts if matches_all(policy.matchers, alert.labels)])
        return take_policy(changed, policy, f"it is the first to take {_title(taken)}", now=now)
    if incident.state is IncidentState.ACKNOWLEDGED and incident.terms.reopens and set(firing) - told:
        return reopen(changed, "new alerts fire", now=now)
    if incident.state is IncidentState.SUPPRESSED and not _is_silenced(state, firing, incident, now=now):
        is_over = incident.until is None or incident.until <= now
        why = "its silence has ended" if is_over else "what fires is not all silenced"
        return reopen(changed, why, now=now)
    changed = hastened(changed, around.roster, now=now)
    return revived(changed, now=now) if changed.climb == incident.climb else changed


def _as_grave(incident: Incident, joined: list[Alert]) -> Incident:
    severity = gravest([incident.severity, highest_severity(joined)])
    return incident if severity == incident.severity else graver(incident, severity)


def _is_silenced(state: GroupState, firing: list[Fingerprint], incident: Incident, *, now: datetime) -> bool:
    """Say whether what fires is muted; of a silence that has just been made, not every reader need know."""
    since = incident.changed_at or incident.opened_at
    return now < since + _SETTLING or all(key in state.group.muted for key in firing)


def _has_immediate(state: GroupState, firing: list[Fingerprint], around: Surroundings) -> bool:
    """Say whether something fires that nobody was told of, and that an immediate policy takes."""
    told = state.group.told
    fresh = (state.alerts[key].labels for key in firing if key not in told)
    return not is_way(around.route.key) and is_immediate(around.configuration.policies, fresh)


def _next_flush_at(planned: datetime | None, interval: timedelta, now: datetime) -> datetime:
    """Return the next point of the group's own grid: intervals counted from the planned time, so they don't drift."""
    planned = planned or now
    if planned > now:
        return planned
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


def _is_past(state: GroupState, incident: Incident, firing: list[Fingerprint], *, now: datetime) -> bool:
    """Say whether something fires that an incident which is over knows nothing of.

    What a person has closed has got company, or what fired in it has begun anew; or all had ended, untold so far.
    """
    if not (incident.is_over and firing):
        return False
    if set(firing) - state.group.told or state.group.counted == frozenset():
        return True
    over_at = incident.changed_at
    return over_at is not None and any(over_at < state.alerts[key].starts_at <= now for key in firing)


def _opened(state: GroupState, firing: list[Fingerprint], around: Surroundings, *, now: datetime) -> Incident | None:
    """Return the incident that opens where there is none; None where no policy takes what fires."""
    alerts = [state.alerts[key] for key in firing]
    policy = choose_policy(around.configuration.policies, [alert.labels for alert in alerts])
    if policy is None or is_way(around.route.key):
        return None
    identity = state.group.identity
    shown, _ = around.configuration.redaction.alerts(alerts)
    opened = Incident(
        id=incident_id(identity.id, now),
        group=identity.id,
        receiver=identity.receiver,
        policy=policy.name,
        steps=policy.steps,
        terms=policy.terms,
        title=_title(shown),
        severity=highest_severity(shown),
        opened_at=now,
    )
    return count(add(opened, Change.OPENED, SYSTEM, f"Opened by policy {policy.name}", now=now), alerts)


def _closed(incident: Incident | None, over: Iterable[Alert], *, now: datetime) -> Incident | None:
    if incident is None:
        return None
    ended = list(over)
    if ended and all(has_expired(alert) for alert in ended):
        closed = expire(incident, now=now)
    else:
        closed = resolve(incident, by=SYSTEM, comment="all alerts resolved", now=now)
    return closed if isinstance(closed, Incident) else None


def _title(alerts: list[Alert]) -> str:
    names = sorted({alert.name for alert in alerts})
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
