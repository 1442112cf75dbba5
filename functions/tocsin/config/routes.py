"""`route:`: the tree, narrow where Alertmanager is: a root without conditions, names that exist, no zero intervals.

Source: https://prometheus.io/docs/alerting/latest/configuration/#route
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from ..core.labels import Labels
from ..core.routing import RouteSpec
from .blocks import Block, Reading, did_you_mean, spell
from .documents import Path, Scalar
from .matching import read_all_matchers
from .values import Blocks, Duration, FilledText, Flag, LabelMap, PositiveDuration, TextMap, Texts

_ALL_LABELS = "..."
_INTERVALS = ("mute_time_intervals", "active_time_intervals")
_NOT_FOR_THE_ROOT = {
    **dict.fromkeys(("matchers", "match", "match_re"), "the root route takes every alert"),
    **dict.fromkeys(_INTERVALS, "the root route is what is always there"),
}


class _Route(Block):
    receiver: FilledText | None = None
    matchers: Blocks = None
    match: TextMap = Field(default_factory=dict)
    match_re: Blocks = None
    group_by: Texts | None = None
    group_wait: Duration | None = None
    group_interval: PositiveDuration | None = None
    repeat_interval: PositiveDuration | None = None
    continue_: Flag = Field(default=False, alias="continue")
    mute_time_intervals: Texts = Field(default_factory=list)
    active_time_intervals: Texts = Field(default_factory=list)
    labels: LabelMap = Field(default_factory=dict)
    routes: Blocks = None


@dataclass(frozen=True, slots=True)
class RouteReader:
    """Reads the route tree; a route with problems stands for an empty one, so that its children are still read."""

    reading: Reading
    receivers: Collection[str]
    intervals: Collection[str]

    def read(self, path: Path) -> RouteSpec:
        """Return the route at a path with everything below it."""
        context = spell(path)
        block = self.reading.block(_Route, path, context=context)
        value = self.reading.document.at(path)
        if not isinstance(value, dict):
            return RouteSpec()
        self._check_names(value, path, context)
        matchers = read_all_matchers(self.reading, path, context)
        if len(path) == 1:
            self._check_root(value, path, context)
        children = self.reading.items((*path, "routes"), context=context) if "routes" in value else ()
        routes = tuple(self.read(child) for child in children)
        if block is None:
            return RouteSpec(routes=routes)
        group_by = self._group_by(block, path, context)
        return RouteSpec(
            receiver=block.receiver,
            matchers=matchers,
            group_by=group_by,
            group_by_all=group_by is not None and _ALL_LABELS in group_by,
            group_wait=block.group_wait,
            group_interval=block.group_interval,
            repeat_interval=block.repeat_interval,
            continue_=block.continue_,
            routes=routes,
            mute_time_intervals=tuple(block.mute_time_intervals),
            active_time_intervals=tuple(block.active_time_intervals),
            labels=Labels(block.labels),
        )

    def _check_names(self, value: Mapping[str, Any], path: Path, context: str) -> None:
        receiver = value.get("receiver")
        if isinstance(receiver, Scalar) and receiver and str(receiver) not in self.receivers:
            message = f'there is no receiver "{receiver}"{did_you_mean(receiver, self.receivers)}'
            self.reading.problem((*path, "receiver"), message, context=context)
        for at, name in self._interval_names(value, path):
            if str(name) not in self.intervals:
                message = f'{at[-2]}: there is no time interval "{name}"{did_you_mean(name, self.intervals)}'
                self.reading.problem(at, message, context=context)

    def _interval_names(self, value: Mapping[str, Any], path: Path) -> Iterator[tuple[Path, Scalar]]:
        for key in _INTERVALS:
            names = value.get(key)
            for index, name in enumerate(names if isinstance(names, list) else ()):
                if isinstance(name, Scalar) and name:
                    yield (*path, key, index), name

    def _check_root(self, value: Mapping[str, Any], path: Path, context: str) -> None:
        if not value.get("receiver"):
            self.reading.problem(path, "the root route must name a receiver", context=context)
        for key, reason in _NOT_FOR_THE_ROOT.items():
            if value.get(key):
                message = f"{reason}: it must not have {key}"
                self.reading.problem((*path, key), message, context=context, at_key=True)
        if str(value.get("continue") or "false").lower() in ("true", "yes", "on"):
            message = "the root route has no siblings: it must not have continue"
            self.reading.problem((*path, "continue"), message, context=context, at_key=True)

    def _group_by(self, block: _Route, path: Path, context: str) -> tuple[str, ...] | None:
        if block.group_by is None:
            return None
        names = set(block.group_by)
        at = (*path, "group_by")
        if _ALL_LABELS in names and len(names) > 1:
            message = f"group_by: {_ALL_LABELS!r} means all labels, so no other may stand beside it"
            self.reading.problem(at, message, context=context)
        for name in sorted(name for name in names if name != _ALL_LABELS and block.group_by.count(name) > 1):
            self.reading.problem(at, f"group_by: the label {name!r} stands twice", context=context)
        return tuple(block.group_by)
