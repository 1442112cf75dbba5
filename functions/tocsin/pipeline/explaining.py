"""Why an alert was told to somebody, or was not: from its rule to what the receivers answered.

Everything here is read from what the pipeline remembers; nothing is decided again. An alert that nobody remembers any
more is explained by where its labels lead, and by what its groups were told of it before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ..core.alerts import Status
from ..core.configuration import Configuration
from ..core.grouping import GroupState
from ..core.labels import Fingerprint, Labels, fingerprint
from ..core.muting import Mute, MuteKind
from ..core.receivers import IntegrationKey
from ..core.routing import GroupIdentity, Route, identify_group, routes_for
from ..core.silences import SilenceId
from ..ports import Deliveries, Groups, Incidents, Ingested, Inhibitors, Rules, Silences
from .explanations import Attempt, Explanation, Place, Source, Told, verdict_of
from .placing import Receivers, receivers_of


@dataclass(frozen=True, slots=True)
class Explainer:
    """Where what happened is read."""

    rules: Rules
    groups: Groups
    incidents: Incidents
    deliveries: Deliveries
    silences: Silences
    ingested: Ingested
    inhibitors: Inhibitors


Wanted = Callable[[Fingerprint, Labels], bool]


def explain(
    world: Explainer, configuration: Configuration, wanted: Wanted, *, given: Labels | None = None, now: datetime
) -> tuple[Explanation, ...]:
    """Return the explanation of each alert that is wanted; where none is known, of the one with the `given` labels."""
    states = [state for group in world.groups.active_groups() if (state := world.groups.load_group(group, now=now))]
    found = _sources(world, configuration, states, wanted, now=now)
    if not found and given is not None:
        found = {fingerprint(given): (given, Source())}
    known = {state.group.identity: state for state in states}
    return tuple(
        Explanation(labels, source, tuple(_places(world, configuration, labels, source, known, now=now)))
        for _, (labels, source) in sorted(found.items())
    )


def _sources(
    world: Explainer, configuration: Configuration, states: Iterable[GroupState], wanted: Wanted, *, now: datetime
) -> dict[Fingerprint, tuple[Labels, Source]]:
    found: dict[Fingerprint, tuple[Labels, Source]] = {}
    for state in states:
        for key, alert in state.alerts.items():
            if wanted(key, alert.labels):
                found[key] = (alert.labels, Source(copy=alert))
    for each in world.ingested.load_ingested(now=now):
        alert = each.alert
        if wanted(alert.fingerprint, alert.labels):
            is_firing = alert.status_at(now) is Status.FIRING
            found[alert.fingerprint] = (alert.labels, Source(received=alert if is_firing else None, copy=alert))
    rules = {rule.key: rule for rule in configuration.rules()}
    for rule_key, record in world.rules.load_rules(now=now).items():
        for key, active in record.active.items():
            if wanted(key, active.labels):
                known = found.get(key)
                copy = known[1].copy if known else None
                found[key] = (active.labels, Source(rules.get(rule_key), record, active, copy=copy))
    return found


def _places(
    world: Explainer,
    configuration: Configuration,
    labels: Labels,
    source: Source,
    known: Mapping[GroupIdentity, GroupState],
    *,
    now: datetime,
) -> Iterable[Place]:
    for route, identity in _routed(configuration, labels, source):
        state = known.get(identity) or world.groups.load_group(identity.id, now=now)
        yield _place(world, configuration, labels, source, route, identity, state, now=now)


def _routed(configuration: Configuration, labels: Labels, source: Source) -> list[tuple[Route, GroupIdentity]]:
    names: Sequence[Receivers] = receivers_of(configuration, labels.get("alertname", ""))
    if source.record is not None:
        names = (source.record.receivers,)
    routes = dict.fromkeys(route for each in names for route in routes_for(configuration.root, labels, each))
    return [(route, identify_group(route, labels)) for route in routes]


def _place(
    world: Explainer,
    configuration: Configuration,
    labels: Labels,
    source: Source,
    route: Route,
    identity: GroupIdentity,
    state: GroupState | None,
    *,
    now: datetime,
) -> Place:
    key = fingerprint(labels)
    group = state.group if state else None
    incident = world.incidents.load_incident(group.incident) if group and group.incident else None
    mute = group.muted.get(key) if group else None
    place = Place(
        route=route,
        identity=identity,
        next_flush_at=group.next_flush_at if group else None,
        mute=mute,
        muted_by=_muted_by(world, mute, now=now),
        cooldown=state.cooldowns.get(key) if state else None,
        incident=incident,
    )
    attempts = _attempts(world, identity, key)
    return _with_told(place, configuration, source, state, key, attempts, now=now)


def _with_told(
    place: Place,
    configuration: Configuration,
    source: Source,
    state: GroupState | None,
    key: Fingerprint,
    attempts: Mapping[IntegrationKey, Sequence[Attempt]],
    *,
    now: datetime,
) -> Place:
    told = []
    for name, step in _audience(place, state):
        receiver = configuration.receivers.get(name)
        for integration in receiver.integrations if receiver else ():
            sent = state.group.sent.get(integration.key) if state else None
            verdict, at = verdict_of(place, source, state, key, sent, step, now=now)
            is_in = sent is not None and key in (sent.firing | sent.resolved)
            told.append(
                Told(
                    integration,
                    verdict,
                    at,
                    step=step,
                    notification_id=sent.notification_id if sent and is_in else "",
                    attempts=tuple(attempts.get(integration.key, ())),
                )
            )
    return replace(place, told=tuple(told))


def _audience(place: Place, state: GroupState | None) -> list[tuple[str, int | None]]:
    """Return who may hear of it: the group's receiver, whom escalation has reached, and whom it would reach."""
    names: dict[str, int | None] = {place.identity.receiver: None}
    for name, step in sorted(state.group.escalated.items(), key=lambda each: (each[1], each[0])) if state else ():
        names.setdefault(name, step)
    for number, ahead in enumerate(place.incident.steps if place.incident else (), start=1):
        for name in ahead.receivers:
            names.setdefault(name, number)
    return list(names.items())


def _attempts(world: Explainer, identity: GroupIdentity, key: Fingerprint) -> dict[IntegrationKey, list[Attempt]]:
    """Return the notifications that had the alert in them, as far as they are still kept, oldest first."""
    found: dict[IntegrationKey, list[Attempt]] = {}
    for delivery in sorted(world.deliveries.load_deliveries(identity.id), key=lambda each: (each.at, each.seq)):
        full = world.groups.load_notification(delivery.notification_id)
        for alert in full["alerts"] if full else ():
            if alert["fingerprint"] == key:
                found.setdefault(delivery.integration, []).append(Attempt(delivery, Status(alert["status"])))
    return found


def _muted_by(world: Explainer, mute: Mute | None, *, now: datetime) -> tuple[str, ...]:
    """Return what mutes in words: an alert by its labels, a silence by its author and comment."""
    if mute is None:
        return ()
    if mute.kind is MuteKind.SILENCED:
        silences = {each.id: each for each in world.silences.load_silences(now=now)}
        return tuple(
            f"{each.id} by {each.created_by}: {each.comment}"
            for silence_id in mute.by
            if (each := silences.get(SilenceId(silence_id))) is not None
        ) or tuple(mute.by)
    if mute.kind is MuteKind.INHIBITED:
        firing = {str(alert.fingerprint): str(alert.labels) for alert in world.inhibitors.load_inhibitors(now=now)}
        return tuple(f"{each} {firing.get(each, 'which is over')}" for each in mute.by)
    return tuple(mute.by)
