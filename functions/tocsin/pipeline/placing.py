"""Which groups alerts belong to, and how the groups come to know of them.

A timer is announced before a group is told (law 5): a crash between leaves a timer that finds nothing new.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from ..core.alerts import Alert, Status
from ..core.configuration import Configuration
from ..core.grouping import first_flush_at
from ..core.policies import EscalationPolicy, choose_policy
from ..core.routing import GroupIdentity, Route, identify_group, routes_for
from ..core.sizes import fit_link
from ..ports import Groups, Timers

Receivers = Sequence[str]


@dataclass(frozen=True, slots=True)
class Placed:
    """A group, the route that makes it, and alerts that belong to it."""

    identity: GroupIdentity
    route: Route
    alerts: tuple[Alert, ...]


def place(root: Route, alerts: Iterable[tuple[Alert, Receivers]]) -> Iterator[Placed]:
    """Yield the groups of alerts, by id; an alert with receivers of its own goes straight to these."""
    groups: dict[GroupIdentity, tuple[Route, list[Alert]]] = {}
    for alert, receivers in alerts:
        for route in routes_for(root, alert.labels, receivers):
            groups.setdefault(identify_group(route, alert.labels), (route, []))[1].append(alert)
    for identity in sorted(groups, key=lambda each: each.id):
        route, placed = groups[identity]
        yield Placed(identity, route, tuple(placed))


def tell_groups(
    timers: Timers,
    groups: Groups,
    placed: Iterable[Placed],
    policies: Sequence[EscalationPolicy] = (),
    *,
    now: datetime,
) -> None:
    """Announce each group's first flush, and put the alerts' copies into it.

    Alerts that an immediate policy takes do not wait for their route's group_wait.
    """
    for each in placed:
        firing = [alert.labels for alert in each.alerts if alert.status_at(now) is Status.FIRING]
        policy = choose_policy(policies, firing)
        is_immediate = policy is not None and policy.is_immediate
        at = min(first_flush_at(each.route, alert, now, is_immediate=is_immediate) for alert in each.alerts)
        timers.announce(each.identity.id, at=at, now=now)
        groups.tell(each.identity, each.alerts, first_flush_at=at)
        if at <= now:
            # That timer is due at once: it may have been looked at before there was anything to see.
            timers.announce(each.identity.id, at=at, now=now)


def receivers_of(configuration: Configuration, name: str) -> tuple[Receivers, ...]:
    """Return how alerts of a name are routed: as the rules of this name are; through the tree where there is none."""
    return configuration.receivers_of(name) or ((),)


def graph_link(graph_url: str, expr: str) -> str:
    """Return where a person can look at an expression; empty where there is no such place."""
    return fit_link(f"{graph_url}/graph?g0.expr={quote(expr, safe='')}&g0.tab=1") if graph_url and expr else ""
