"""What groups were told: each delivery, and how many alerts each integration has heard fire and heard end.

A drill asks it, to see that nothing was lost and nothing came twice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ..core.alerts import Status
from ..core.configuration import Configuration
from ..core.grouping import GroupState
from ..core.labels import Fingerprint
from ..core.matchers import Matcher, matches_all
from ..core.notifications import Sent
from ..core.receivers import Integration, IntegrationKey, Kind, Receiver
from ..core.routing import GroupId
from ..ports import Deliveries, Delivery, DeliveryState, Groups


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where it is read."""

    groups: Groups
    deliveries: Deliveries


@dataclass(frozen=True, slots=True)
class ToldDelivery:
    """One delivery; `firing` and `resolved` count the alerts in it that were asked for."""

    delivery: Delivery
    firing: int
    resolved: int


@dataclass(frozen=True, slots=True)
class ToldIntegration:
    """What one integration was told; `heard_firing` and `heard_resolved` count alerts, each once."""

    key: IntegrationKey
    send_resolved: bool
    deliveries: tuple[ToldDelivery, ...]
    heard_firing: int
    heard_resolved: int


@dataclass(frozen=True, slots=True)
class ToldGroup:
    """A group, the alerts in it that were asked for, and what its integrations were told of them."""

    group: GroupId
    receiver: str
    alerts: tuple[Fingerprint, ...]
    integrations: tuple[ToldIntegration, ...]


def told(
    shelf: Shelf,
    configuration: Configuration,
    groups: Sequence[GroupId],
    matchers: Sequence[Matcher] | None,
    *,
    now: datetime,
) -> Iterator[ToldGroup]:
    """Yield those of the groups that have an alert that matches; without matchers all, whatever is left of them."""
    for group in groups:
        state = shelf.groups.load_group(group, now=now)
        found = tuple(
            key
            for key, alert in sorted(state.alerts.items() if state else ())
            if matches_all(matchers or (), alert.labels)
        )
        if matchers is None or found:
            wanted = None if matchers is None else frozenset(found)
            integrations = tuple(_integrations(shelf, configuration, group, wanted))
            if state is not None:
                known = {each.key for each in integrations}
                integrations += tuple(_without_delivery(state, configuration, wanted, known))
            receiver = state.group.identity.receiver if state else ""
            yield ToldGroup(group, receiver, found, tuple(sorted(integrations, key=lambda each: each.key)))


def _without_delivery(
    state: GroupState,
    configuration: Configuration,
    wanted: frozenset[Fingerprint] | None,
    known: Collection[IntegrationKey],
) -> Iterator[ToldIntegration]:
    """Yield those that must hear of a group, or were sent something of it, and of which no function has taken anything.

    They have heard nothing, but for the topic's own subscribers: they confirm nothing, so the group's log has to do.
    """
    log = state.group.sent
    expected = _audience(state, configuration)
    every = {each.key: each for receiver in _receivers(configuration) for each in receiver.integrations} | expected
    for key in {*expected, *(key for key, sent in log.items() if sent.notification_id)} - {*known}:
        integration = every.get(key)
        tells_ends = integration is not None and integration.send_resolved
        if integration is not None and integration.kind is Kind.SNS and key in log and key not in state.unconfirmed:
            yield _published(integration, log[key], wanted)
        else:
            yield ToldIntegration(key, tells_ends, (), 0, 0)


def _audience(state: GroupState, configuration: Configuration) -> dict[IntegrationKey, Integration]:
    """Return the integrations that a group tells: its own receiver's, and those that steps have reached."""
    names = {state.group.identity.receiver, *state.group.escalated}
    found = (each for each in _receivers(configuration) if each.name in names)
    return {each.key: each for receiver in found for each in receiver.integrations}


def _receivers(configuration: Configuration) -> Iterator[Receiver]:
    yield from configuration.receivers.values()
    yield from configuration.contacts.values()


def _published(integration: Integration, sent: Sent, wanted: frozenset[Fingerprint] | None) -> ToldIntegration:
    """Return what was handed to the topic's own subscribers."""
    firing, resolved = (each if wanted is None else each & wanted for each in (sent.firing, sent.resolved))
    delivery = Delivery(
        notification_id=sent.notification_id,
        integration=integration.key,
        seq=sent.seq,
        state=DeliveryState.DELIVERED,
        attempts=1,
        at=sent.at,
        status=(Status.FIRING if sent.firing else Status.RESOLVED).value,
        reason="published",
        outcome="handed to the topic's own subscribers",
    )
    said = ToldDelivery(delivery, len(firing), len(resolved))
    return ToldIntegration(integration.key, integration.send_resolved, (said,), len(firing), len(resolved))


def _integrations(
    shelf: Shelf, configuration: Configuration, group: GroupId, wanted: frozenset[Fingerprint] | None
) -> Iterator[ToldIntegration]:
    by_key: dict[IntegrationKey, list[Delivery]] = {}
    for delivery in shelf.deliveries.load_deliveries(group):
        by_key.setdefault(delivery.integration, []).append(delivery)
    tells_ends = {
        each.key: each.send_resolved for receiver in _receivers(configuration) for each in receiver.integrations
    }
    for key, deliveries in sorted(by_key.items()):
        heard: dict[Status, set[Fingerprint]] = {Status.FIRING: set(), Status.RESOLVED: set()}
        found = []
        for delivery in sorted(deliveries, key=lambda each: each.seq):
            said = dict(_alerts_of(shelf, delivery, wanted))
            if delivery.state is DeliveryState.DELIVERED:
                for fingerprint, status in said.items():
                    heard[status].add(fingerprint)
            found.append(ToldDelivery(delivery, *(_count(said, status) for status in heard)))
        firing, resolved = (len(each) for each in heard.values())
        yield ToldIntegration(key, tells_ends.get(key, False), tuple(found), firing, resolved)


def _alerts_of(
    shelf: Shelf, delivery: Delivery, wanted: frozenset[Fingerprint] | None
) -> Iterable[tuple[Fingerprint, Status]]:
    full = shelf.groups.load_notification(delivery.notification_id)
    for alert in full["alerts"] if full else ():
        key = Fingerprint(alert["fingerprint"])
        if wanted is None or key in wanted:
            yield key, Status(alert["status"])


def _count(said: Mapping[Fingerprint, Status], status: Status) -> int:
    return sum(each is status for each in said.values())
