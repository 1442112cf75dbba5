"""What people ask and do: which alerts there are, which incidents, who has them; acknowledge, resolve.

The first to acknowledge has the incident: a second acknowledgement changes nothing and says who it is. Every change is
written under the version that was read, and decided again where somebody else was there first.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ..core.alerts import Alert, Status
from ..core.escalation import Incident, IncidentId, Refusal, acknowledge, resolve
from ..core.grouping import GroupState
from ..core.labels import Fingerprint
from ..core.matchers import Matcher, matches_all
from ..core.rules import ActiveAlert, AlertState, RuleKey
from ..errors import ConflictError
from ..ports import Deliveries, Delivery, Groups, Incidents, Ingested, Log, Rules

ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Desk:
    """What people's questions and actions work with."""

    rules: Rules
    groups: Groups
    incidents: Incidents
    deliveries: Deliveries
    log: Log
    ingested: Ingested | None = None


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
    """An incident, what fires in its group, and whom it was told to."""

    incident: Incident
    alerts: tuple[Alert, ...] = ()
    deliveries: tuple[Delivery, ...] = ()


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
        if incident is not None and (not matchers or any(matches_all(matchers, each.labels) for each in alerts)):
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
    )


class Verb(StrEnum):
    """What a person can do about an incident."""

    ACKNOWLEDGE = "acknowledge"
    RESOLVE = "resolve"


@dataclass(frozen=True, slots=True)
class Acted:
    """The incident as it is now; `refusal` says why the action changed nothing."""

    incident: Incident
    refusal: Refusal | None = None


def act(desk: Desk, verb: Verb, incident_id: IncidentId, *, by: str, comment: str, now: datetime) -> Acted | None:
    """Acknowledge or resolve; None where there is no such incident. Raises ConflictError if it never stands still."""
    for _ in range(ATTEMPTS):
        incident = desk.incidents.load_incident(incident_id)
        if incident is None:
            return None
        decide = acknowledge if verb is Verb.ACKNOWLEDGE else resolve
        changed = decide(incident, by=by, comment=comment, now=now)
        if isinstance(changed, Refusal):
            return Acted(incident, changed)
        try:
            desk.incidents.save_incident(changed, now=now)
        except ConflictError:
            desk.log.info("incident_changed_meanwhile", incident=incident_id)
            continue
        return Acted(changed)
    raise ConflictError(f"incident {incident_id} changed {ATTEMPTS} times while it was to be changed")


def _active_groups(desk: Desk, *, now: datetime) -> Iterator[tuple[GroupState, Incident | None]]:
    for group in desk.groups.active_groups():
        state = desk.groups.load_group(group, now=now)
        if state is not None:
            incident = state.group.incident
            yield state, desk.incidents.load_incident(incident) if incident else None


def _firing(state: GroupState, *, now: datetime) -> tuple[Alert, ...]:
    return tuple(state.alerts[key] for key in sorted(state.alerts) if state.alerts[key].status_at(now) is Status.FIRING)


def _in_order(memberships: list[Membership]) -> tuple[Membership, ...]:
    return tuple(sorted(memberships, key=lambda each: each.receiver))


def _rule_name(key: str) -> str:
    """Return the rule's name, which stands before the number at the end of its key."""
    return key.rsplit(";", 2)[-2]
