"""What people ask and do: which alerts there are, which incidents, who has them; acknowledge, resolve, snooze and more.

The first to acknowledge has the incident: a second acknowledgement changes nothing and says who it is. Every change is
written under the version that was read, and decided again where somebody else was there first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from ..core.alerts import Alert, Status
from ..core.escalation import skipped
from ..core.grouping import GroupState
from ..core.incidents import (
    Actor,
    Change,
    Event,
    Incident,
    IncidentId,
    IncidentState,
    Refusal,
    acknowledge,
    escalate,
    note,
    ordered,
    reassign,
    resolve,
    snooze,
    suppress,
)
from ..core.intervals import NamedIntervals
from ..core.labels import Fingerprint
from ..core.matchers import Matcher, matches_all
from ..core.notifications import format_time
from ..core.rules import ActiveAlert, AlertState, RuleKey
from ..core.silences import SilenceId, expire
from ..core.suppressing import silences_on, suppressing
from ..core.users import User
from ..errors import ConflictError
from ..ports import (
    Deliveries,
    Delivery,
    Groups,
    Incidents,
    Ingested,
    Log,
    Rules,
    SilenceChange,
    Silences,
    Timers,
)

ATTEMPTS = 5
SAFETY = timedelta(seconds=5)


def _no_users(now: datetime) -> Mapping[str, User]:
    return {}


def _no_intervals(now: datetime) -> NamedIntervals:
    return {}


@dataclass(frozen=True, slots=True)
class Desk:
    """What people's questions and actions work with; `users` and `intervals` give those that there are by name."""

    rules: Rules
    groups: Groups
    incidents: Incidents
    deliveries: Deliveries
    silences: Silences
    timers: Timers
    log: Log
    ingested: Ingested | None = None
    users: Callable[[datetime], Mapping[str, User]] = _no_users
    intervals: Callable[[datetime], NamedIntervals] = _no_intervals


@dataclass(frozen=True, slots=True)
class Membership:
    """An alert in one of its groups: the copy that the group has, and the incident that is open for it."""

    receiver: str
    copy: Alert
    incident: Incident | None


@dataclass(frozen=True, slots=True)
class ListedAlert:
    """An alert that is pending or firing, by the rule it comes from; a pending one is in no group yet.

    One that was sent to us comes from no rule.
    """

    rule: str
    alert: ActiveAlert
    groups: tuple[Membership, ...] = ()

    @property
    def incidents(self) -> tuple[Incident, ...]:
        return tuple(each.incident for each in self.groups if each.incident is not None)


@dataclass(frozen=True, slots=True)
class ListedIncident:
    """An incident, what fires in its group, whom it was told to, and what happened to it."""

    incident: Incident
    alerts: tuple[Alert, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    events: tuple[Event, ...] = ()


def list_alerts(desk: Desk, matchers: Sequence[Matcher], *, now: datetime) -> tuple[ListedAlert, ...]:
    """Return the pending and the firing alerts that match, by fingerprint."""
    groups: dict[Fingerprint, list[Membership]] = {}
    for state, incident in _active_groups(desk, now=now):
        for key, copy in state.alerts.items():
            if copy.status_at(now) is Status.FIRING:
                groups.setdefault(key, []).append(Membership(state.group.identity.receiver, copy, incident))
    found = {
        (fingerprint, key): ListedAlert(_rule_name(key), alert, _in_order(groups.get(fingerprint, [])))
        for key, record in desk.rules.load_rules(now=now).items()
        for fingerprint, alert in record.active.items()
        if matches_all(matchers, alert.labels)
    }
    ours = {fingerprint for fingerprint, _ in found}
    for record in desk.ingested.load_ingested(now=now) if desk.ingested else ():
        alert = record.alert
        is_wanted = alert.status_at(now) is Status.FIRING and matches_all(matchers, alert.labels)
        if is_wanted and alert.fingerprint not in ours:
            memberships = _in_order(groups.get(alert.fingerprint, []))
            found[alert.fingerprint, RuleKey("")] = ListedAlert("", _as_active(alert), memberships)
    return tuple(found[key] for key in sorted(found))


def _as_active(alert: Alert) -> ActiveAlert:
    return ActiveAlert(
        alert.labels, alert.annotations, math.nan, AlertState.FIRING, alert.starts_at, fired_at=alert.starts_at
    )


def list_incidents(desk: Desk, matchers: Sequence[Matcher], *, now: datetime) -> tuple[ListedIncident, ...]:
    """Return the incidents of groups that still fire, oldest first; with matchers, those with an alert that matches."""
    found = []
    for state, incident in _active_groups(desk, now=now):
        alerts = _firing(state, now=now)
        if incident is None or (incident.is_over and not alerts):
            continue  # the end of it waits to be told
        if not matchers or any(matches_all(matchers, each.labels) for each in alerts):
            found.append(ListedIncident(incident, alerts))
    return tuple(sorted(found, key=lambda each: (each.incident.opened_at, each.incident.id)))


def find_incident(desk: Desk, incident_id: IncidentId, *, now: datetime) -> ListedIncident | None:
    """Return one incident, over or not, with the deliveries since it opened."""
    incident = desk.incidents.load_incident(incident_id)
    if incident is None:
        return None
    state = desk.groups.load_group(incident.group, now=now)
    is_current = state is not None and state.group.incident == incident.id
    deliveries = (each for each in desk.deliveries.load_deliveries(incident.group) if each.at >= incident.opened_at)
    return ListedIncident(
        incident,
        alerts=_firing(state, now=now) if state is not None and is_current else (),
        deliveries=tuple(sorted(deliveries, key=lambda each: (each.at, each.seq, each.integration))),
        events=tuple(desk.incidents.load_events(incident_id)),
    )


class Verb(StrEnum):
    """What a person can do about an incident."""

    ACKNOWLEDGE = "acknowledge"
    RESOLVE = "resolve"
    SNOOZE = "snooze"
    SUPPRESS = "suppress"
    ESCALATE = "escalate"
    REASSIGN = "reassign"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody asks for: `until` when a snooze or a suppression ends, `to` whom an incident is handed.

    What may come again though it was done has an `id`: whatever happened meanwhile, it is not done twice.
    """

    verb: Verb
    incident: IncidentId
    actor: Actor
    comment: str = ""
    until: datetime | None = None
    to: str = ""
    id: str = ""


# What was done is the state that it is in.
_STATES_SAY_ALL = frozenset({Change.ACKNOWLEDGED, Change.RESOLVED})


# Somebody is to be told at once, and hears nothing of what is silenced: whatever the state, what is left of a
# suppression ends.
_CALLS = frozenset({Verb.ESCALATE, Verb.REASSIGN})
# What takes the place of a suppression, with an end of its own.
_TAKES_ITS_PLACE = frozenset({Verb.ACKNOWLEDGE, Verb.SNOOZE})


@dataclass(frozen=True, slots=True)
class Acted:
    """The incident as it is now; `refusal` says why the order changed nothing."""

    incident: Incident
    refusal: Refusal | None = None

    @property
    def sentence(self) -> str:
        """Return what to tell people, without a full stop: what was done, or why nothing was."""
        incident = self.incident
        if self.refusal is None and not (incident.news and incident.news[-1].change in _STATES_SAY_ALL):
            return f"{incident.said[0].lower()}{incident.said[1:]}"
        comment = f" ({incident.comment})" if incident.comment and self.refusal is not Refusal.NO_COMMENT else ""
        at = f" at {format_time(incident.changed_at.replace(microsecond=0))}" if incident.changed_at else ""
        if self.refusal in (None, Refusal.ALREADY, Refusal.OVER):
            said = f"already {incident.state.value}" if self.refusal else incident.state.value
            return f"{said} by {incident.who or 'nobody'}{at}{comment}"
        return str(self.refusal)


def act(desk: Desk, order: Order, *, now: datetime) -> Acted | None:
    """Do what is ordered; None where there is no such incident. Raises ConflictError if it never stands still."""
    for _ in range(ATTEMPTS):
        incident = desk.incidents.load_incident(order.incident)
        if incident is None:
            return None
        if order.id and order.id in incident.orders:
            return Acted(incident, Refusal.AGAIN)
        changed = _decide(desk, incident, order, now=now)
        if isinstance(changed, Refusal):
            return Acted(incident, changed)
        try:
            _save(desk, incident, ordered(changed, order.id), order, now=now)
        except ConflictError:
            desk.log.info("incident_changed_meanwhile", incident=order.incident)
            continue
        desk.log.count("IncidentActions", verb=order.verb.value, source=order.actor.source.value)
        return Acted(changed)
    raise ConflictError(f"incident {order.incident} changed {ATTEMPTS} times while it was to be changed")


def _decide(desk: Desk, incident: Incident, order: Order, *, now: datetime) -> Incident | Refusal:
    by, comment, until = order.actor, order.comment, order.until or now
    match order.verb:
        case Verb.ACKNOWLEDGE:
            return acknowledge(incident, by=by, comment=comment, now=now)
        case Verb.RESOLVE:
            # Only where it decides: most may be resolved whatever fires.
            is_firing = not incident.terms.is_acknowledgeable and bool(_firing_in(desk, incident, now=now))
            return resolve(incident, by=by, comment=comment, is_firing=is_firing, now=now)
        case Verb.SNOOZE:
            return snooze(incident, by=by, until=until, comment=comment, now=now)
        case Verb.SUPPRESS:
            return suppress(incident, by=by, until=until, comment=comment, now=now)
        case Verb.ESCALATE:
            intervals = desk.intervals(now)
            return escalate(
                incident,
                by=by,
                comment=comment,
                applies=lambda step: not skipped(step, incident.severity, intervals, now=now),
                now=now,
            )
        case Verb.REASSIGN:
            user = desk.users(now).get(order.to)
            if user is None:
                return Refusal.NO_USER
            if not user.can_be_told:
                return Refusal.NO_WAY
            return reassign(incident, by=by, to=order.to, comment=comment, now=now)
        case Verb.NOTE:
            return note(incident, by=by, comment=comment, now=now)


def _save(desk: Desk, before: Incident, after: Incident, order: Order, *, now: datetime) -> None:
    """Write a change, and have its group looked at: those who follow the incident are told (law 5)."""
    if after.is_over and before.is_over:
        desk.incidents.save_incident(after, now=now)  # a note about what is over: nobody is told any more
        return
    # For a crash after the write. Where there is none it finds nothing left, and is not beside the one below.
    desk.timers.announce(after.group, at=now + SAFETY, now=now)
    is_replaced = before.state is IncidentState.SUPPRESSED and order.verb in _TAKES_ITS_PLACE
    if order.verb is Verb.SUPPRESS:
        made = _silence(desk, before, order, now=now)
        _end_silences(desk, before, but=made, now=now)  # the newest time counts
    elif order.verb in _CALLS or is_replaced:
        _end_silences(desk, before, now=now)
    desk.incidents.escalate(after, {}, starts=after.climb != before.climb, now=now)
    desk.timers.announce(after.group, at=now, now=now)


def _silence(desk: Desk, incident: Incident, order: Order, *, now: datetime) -> frozenset[SilenceId]:
    """Silence exactly what fires in an incident's group, and return by what; the same order again makes the same."""
    firing = _firing_in(desk, incident, now=now)
    if not firing or order.until is None:
        return frozenset()
    by, comment = order.actor.name, order.comment
    silences = silences_on(incident, firing, by=by, comment=comment, until=order.until, now=now)
    for silence in silences:
        try:
            desk.silences.save_silences([SilenceChange(silence)])
        except ConflictError:
            desk.log.info("silence_is_there", silence=silence.id)  # an attempt before this one made it
    return frozenset(silence.id for silence in silences)


def _end_silences(desk: Desk, incident: Incident, *, but: Collection[SilenceId] = frozenset(), now: datetime) -> None:
    """End what suppresses an incident, but for some silences: whoever is to be told hears nothing of the silenced."""
    for silence in suppressing(desk.silences.load_silences(now=now), incident.id, now=now):
        if silence.id in but:
            continue
        desk.silences.save_silences([SilenceChange(expire(silence, now=now), silence)])


def _active_groups(desk: Desk, *, now: datetime) -> Iterator[tuple[GroupState, Incident | None]]:
    for group in desk.groups.active_groups():
        state = desk.groups.load_group(group, now=now)
        if state is not None:
            incident = state.group.incident
            yield state, desk.incidents.load_incident(incident) if incident else None


def _firing_in(desk: Desk, incident: Incident, *, now: datetime) -> tuple[Alert, ...]:
    state = desk.groups.load_group(incident.group, now=now)
    return _firing(state, now=now) if state is not None else ()


def _firing(state: GroupState, *, now: datetime) -> tuple[Alert, ...]:
    return tuple(state.alerts[key] for key in sorted(state.alerts) if state.alerts[key].status_at(now) is Status.FIRING)


def _in_order(memberships: list[Membership]) -> tuple[Membership, ...]:
    return tuple(sorted(memberships, key=lambda each: each.receiver))


def _rule_name(key: str) -> str:
    """Return the rule's name, which stands before the number at the end of its key."""
    return key.rsplit(";", 2)[-2]
