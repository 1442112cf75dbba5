"""Which groups alerts belong to, and how the groups come to know of them.

A timer is announced before a group is told (law 5): a crash between leaves a timer that finds nothing new.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import quote

from ..core.alerts import Alert, Status
from ..core.configuration import Configuration
from ..core.grouping import first_flush_at
from ..core.labels import Fingerprint
from ..core.policies import EscalationPolicy, is_immediate
from ..core.routing import GroupIdentity, Route, identify_group, routes_for
from ..core.sizes import fit_link
from ..ports import Groups, Timers

Receivers = Sequence[str]
# A few transactions' worth.
ALERTS_IN_PART = 500


@dataclass(frozen=True, slots=True)
class Placed:
    """A group, the route that makes it, and alerts that belong to it."""

    identity: GroupIdentity
    route: Route
    alerts: tuple[Alert, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """What a group is told at once, and when it is to be looked at first; at `look_at` whatever is planned."""

    identity: GroupIdentity
    alerts: tuple[Alert, ...]
    first_flush_at: datetime
    look_at: datetime | None


def place(root: Route, alerts: Iterable[tuple[Alert, Receivers]]) -> Iterator[Placed]:
    """Yield the groups of alerts, by id; an alert with receivers of its own goes straight to these.

    By however many ways an alert comes to a group, it is in it once: as it was given last.
    """
    groups: dict[GroupIdentity, tuple[Route, dict[Fingerprint, Alert]]] = {}
    for alert, receivers in alerts:
        for route in routes_for(root, alert.labels, receivers):
            groups.setdefault(identify_group(route, alert.labels), (route, {}))[1][alert.fingerprint] = alert
    for identity in sorted(groups, key=lambda each: each.id):
        route, placed = groups[identity]
        yield Placed(identity, route, tuple(placed.values()))


def tell_groups(
    timers: Timers,
    groups: Groups,
    placed: Iterable[Placed],
    policies: Sequence[EscalationPolicy] = (),
    *,
    now: datetime,
) -> None:
    """Announce each group's first flush, and put the alerts' copies into it.

    Where an immediate policy takes an alert, its group is looked at at once, whatever is planned for it.
    """
    for each in placed:
        tell_group(timers, groups, _in_one(each, policies, now=now), now=now)


def in_parts(placed: Placed, policies: Sequence[EscalationPolicy], *, now: datetime) -> Iterator[Part]:
    """Yield what a group is told in pieces that take a moment each: a large group is told in several."""
    whole = _in_one(placed, policies, now=now)
    for start in range(0, len(placed.alerts), ALERTS_IN_PART):
        yield replace(whole, alerts=placed.alerts[start : start + ALERTS_IN_PART])


def tell_group(timers: Timers, groups: Groups, part: Part, *, now: datetime) -> None:
    """Announce a group's first flush, and put copies of alerts into it."""
    timers.announce(part.identity.id, at=part.first_flush_at, now=now)
    groups.tell(part.identity, part.alerts, first_flush_at=part.first_flush_at, look_at=part.look_at)
    if part.first_flush_at <= now:
        # That timer is due at once: it may have been looked at before there was anything to see.
        timers.announce(part.identity.id, at=part.first_flush_at, now=now)


def _in_one(placed: Placed, policies: Sequence[EscalationPolicy], *, now: datetime) -> Part:
    firing = [alert.labels for alert in placed.alerts if alert.status_at(now) is Status.FIRING]
    is_hurried = is_immediate(policies, firing)
    at = min(first_flush_at(placed.route, alert, now, is_immediate=is_hurried) for alert in placed.alerts)
    return Part(placed.identity, placed.alerts, at, look_at=now if is_hurried else None)


def receivers_of(configuration: Configuration, name: str) -> tuple[Receivers, ...]:
    """Return how alerts of a name are routed: as the rules of this name are; through the tree where there is none."""
    return configuration.receivers_of(name) or ((),)


def graph_link(graph_url: str, expr: str) -> str:
    """Return where a person can look at an expression; empty where there is no such place."""
    return fit_link(f"{graph_url}/graph?g0.expr={quote(expr, safe='')}&g0.tab=1") if graph_url and expr else ""
