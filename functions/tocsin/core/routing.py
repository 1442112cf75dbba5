"""The route tree: which receivers an alert goes to, and how it is grouped there.

A child takes from its parent what it does not set itself, except for time intervals; its labels are put over its
parent's. An alert descends to the deepest routes that match; a route is used itself only if none of its children
matched. `continue` concerns siblings of the same level only.

Routes of one key and one receiver are twins: by day and by night, say. An alert that takes both is in a group of each,
and each group keeps its own times; receivers are shown one key, as Alertmanager shows it.

Source: https://github.com/prometheus/alertmanager/blob/main/dispatch/route.go
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import NewType

from .labels import Labels
from .matchers import Matcher, matches_all
from .watching import canary_way, digest_way, way_of

GroupId = NewType("GroupId", str)

NO_LABELS = Labels()
DEFAULT_GROUP_WAIT = timedelta(seconds=30)
DEFAULT_GROUP_INTERVAL = timedelta(minutes=5)
DEFAULT_REPEAT_INTERVAL = timedelta(hours=4)
# A route's key ends with its matchers, so nothing else looks like this.
_TWIN = re.compile(r"(?<=\})#[0-9]+$")


@dataclass(frozen=True, slots=True)
class RouteSpec:
    """A route as written: None where it takes its parent's; `group_by_all` is the `...` of the configuration."""

    receiver: str | None = None
    matchers: tuple[Matcher, ...] = ()
    group_by: tuple[str, ...] | None = None
    group_by_all: bool = False
    group_wait: timedelta | None = None
    group_interval: timedelta | None = None
    repeat_interval: timedelta | None = None
    continue_: bool = False
    routes: tuple[RouteSpec, ...] = ()
    mute_time_intervals: tuple[str, ...] = ()
    active_time_intervals: tuple[str, ...] = ()
    labels: Labels = NO_LABELS


@dataclass(frozen=True, slots=True)
class Route:
    """A route with everything it inherits; `group_by` is None where all labels are grouped by.

    `twin` counts the routes before it in the tree that have its key and its receiver.
    """

    key: str
    receiver: str
    matchers: tuple[Matcher, ...] = ()
    group_by: frozenset[str] | None = frozenset()
    group_wait: timedelta = DEFAULT_GROUP_WAIT
    group_interval: timedelta = DEFAULT_GROUP_INTERVAL
    repeat_interval: timedelta = DEFAULT_REPEAT_INTERVAL
    continue_: bool = False
    routes: tuple[Route, ...] = ()
    mute_time_intervals: tuple[str, ...] = ()
    active_time_intervals: tuple[str, ...] = ()
    labels: Labels = NO_LABELS
    twin: int = 0

    @property
    def own_key(self) -> str:
        """Return the key by which groups know their route: no other route of this receiver has it."""
        return f"{self.key}#{self.twin}" if self.twin else self.key


@dataclass(frozen=True, slots=True)
class GroupIdentity:
    """What makes a group: its receiver, its route's own key, and the group labels."""

    receiver: str
    route_key: str
    labels: Labels

    @property
    def key(self) -> str:
        """Return the key as it is shown, which twins share."""
        return self.shown_key(self.labels)

    def shown_key(self, labels: Labels) -> str:
        """Return the key as it is shown with other labels than the group's."""
        return f"{_TWIN.sub('', self.route_key)}:{labels}"

    @property
    def id(self) -> GroupId:
        """Return 32 hexadecimal digits; the receiver is part of it, so equal matchers don't share a group."""
        return GroupId(hashlib.sha256(f"{self.receiver}\0{self.route_key}:{self.labels}".encode()).hexdigest()[:32])


def build_tree(spec: RouteSpec) -> Route:
    """Return the whole tree below a root route, which must name a receiver."""
    if spec.receiver is None:
        raise ValueError("the root route needs a receiver")
    return _count_twins(_derive(spec, Route(key="", receiver=spec.receiver)), Counter())


def _count_twins(route: Route, seen: Counter[tuple[str, str]]) -> Route:
    twin = seen[route.receiver, route.key]
    seen[route.receiver, route.key] += 1
    return replace(route, twin=twin, routes=tuple(_count_twins(child, seen) for child in route.routes))


def _derive(spec: RouteSpec, parent: Route) -> Route:
    own = "{" + ",".join(str(matcher) for matcher in sorted(spec.matchers)) + "}"
    route = Route(
        key=f"{parent.key}/{own}" if parent.key else own,
        receiver=spec.receiver or parent.receiver,
        matchers=spec.matchers,
        group_by=_group_by(spec, parent),
        group_wait=parent.group_wait if spec.group_wait is None else spec.group_wait,
        group_interval=parent.group_interval if spec.group_interval is None else spec.group_interval,
        repeat_interval=parent.repeat_interval if spec.repeat_interval is None else spec.repeat_interval,
        continue_=spec.continue_,
        mute_time_intervals=spec.mute_time_intervals,
        active_time_intervals=spec.active_time_intervals,
        labels=parent.labels.with_(spec.labels),
    )
    return replace(route, routes=tuple(_derive(child, route) for child in spec.routes))


def _group_by(spec: RouteSpec, parent: Route) -> frozenset[str] | None:
    if spec.group_by_all:
        return None
    return parent.group_by if spec.group_by is None else frozenset(spec.group_by)


def match_routes(root: Route, labels: Mapping[str, str]) -> tuple[Route, ...]:
    """Return the routes that an alert takes, in order; none only if the root itself does not match."""
    if not matches_all(root.matchers, labels):
        return ()
    found: list[Route] = []
    for child in root.routes:
        matched = match_routes(child, labels)
        found.extend(matched)
        if matched and not child.continue_:
            break
    return tuple(found) or (root,)


def direct_route(root: Route, receiver: str) -> Route:
    """Return the route of a rule that names its receiver itself: the root's grouping and timers, that receiver.

    A rule of Tocsin's own may name a way instead (watching.py), which has a grouping and timers of its own.
    """
    route = replace(root, key=f"{root.key}/[{receiver}]", receiver=receiver, matchers=(), routes=())
    way = way_of(receiver)
    if way is None:
        return route
    return replace(
        route,
        receiver=way.receiver,
        group_by=None,
        group_wait=timedelta(0),
        group_interval=way.group_interval,
        repeat_interval=way.repeat_interval,
    )


def routes_for(root: Route, labels: Mapping[str, str], receivers: Sequence[str] = ()) -> tuple[Route, ...]:
    """Return where an alert goes: straight to the receivers its rule names, else through the tree."""
    if receivers:
        return tuple(direct_route(root, receiver) for receiver in dict.fromkeys(receivers))
    return match_routes(root, labels)


def find_route(root: Route, receiver: str, key: str) -> Route | None:
    """Return the route of a group that is stored, by its own key, or None when the configuration no longer has it."""
    names = (receiver, canary_way(receiver), digest_way(receiver))
    direct = (direct_route(root, name) for name in names)
    return next((route for route in direct if route.key == key), None) or _find_below(root, receiver, key)


def _find_below(route: Route, receiver: str, key: str) -> Route | None:
    if (route.receiver, route.own_key) == (receiver, key):
        return route
    return next((found for child in route.routes if (found := _find_below(child, receiver, key))), None)


def identify_group(route: Route, labels: Labels) -> GroupIdentity:
    """Return the group that an alert belongs to in a route; a label it lacks is left out of the group's."""
    grouped = labels if route.group_by is None else labels.only(sorted(route.group_by))
    return GroupIdentity(receiver=route.receiver, route_key=route.own_key, labels=grouped)
