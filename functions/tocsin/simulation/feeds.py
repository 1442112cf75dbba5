"""The metrics endpoint of virtual time: answers queries from timelines that are already there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ..core.rules import Rule, Sample
from ..errors import QueryError
from ..ports import Query
from .timelines import Timeline


@dataclass(frozen=True, slots=True)
class Feed:
    """Which timeline answers a rule: its expression at the tick, moved back by its offset.

    `phase` is how far the instants asked for are from whole steps.
    """

    expr: str
    step: timedelta
    phase: timedelta = timedelta(0)


def feed_of(rule: Rule, *, tick: timedelta) -> Feed:
    """Return the feed that a rule needs when it is evaluated at every tick."""
    return Feed(rule.expr, tick, -rule.query_offset % tick)


@dataclass(slots=True)
class Feeds:
    """Timelines by feed; a Metrics port that never asks anybody."""

    timelines: dict[Feed, Timeline] = field(default_factory=dict)
    _by_expr: dict[str, list[Timeline]] = field(default_factory=dict)

    def put(self, feed: Feed, timeline: Timeline) -> None:
        self.timelines[feed] = timeline
        self._by_expr.setdefault(feed.expr, []).append(timeline)

    def timeline_of(self, rule: Rule, *, tick: timedelta) -> Timeline | None:
        return self.timelines.get(feed_of(rule, tick=tick))

    def query_all(self, queries: Sequence[Query], *, budget_seconds: float) -> Sequence[Sequence[Sample] | QueryError]:
        """Return what each expression gave then; an error for what was never fetched."""
        return [self._answer(query.expr, query.at) for query in queries]

    def _answer(self, expr: str, at: datetime) -> Sequence[Sample] | QueryError:
        for timeline in self._by_expr.get(expr, ()):
            if timeline.fits(at):
                return timeline.samples_at(at) if timeline.is_known(at) else QueryError("nothing is known of this time")
        return QueryError("only the expressions of rules are known in virtual time")


def feeds_of(timelines: Mapping[Feed, Timeline] | Iterable[tuple[Feed, Timeline]]) -> Feeds:
    """Return feeds of these timelines."""
    feeds = Feeds()
    for feed, timeline in dict(timelines).items():
        feeds.put(feed, timeline)
    return feeds
