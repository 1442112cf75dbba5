"""What rules would have seen: their expressions over a stretch of the past, fetched once and kept as timelines.

Prometheus answers at most 11,000 points a series, so longer stretches are asked for in chunks; a chunk that is too much
for the endpoint (samples, time, size) is halved. A chunk that fails is an error, and with `keep_going` a stretch of
which nothing is known: never one without samples (law 1).

Source: https://prometheus.io/docs/prometheus/latest/querying/api/#range-queries
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from ..core.notifications import format_time
from ..core.rules import Rule
from ..core.series import RangeQuery, Series
from ..errors import QueryError
from .feeds import Feed, Feeds, feed_of
from .timelines import Timeline
from .wakes import next_tick

MOST_POINTS = 11_000
FEWEST_POINTS = 60
# As many as the adapter asks beside each other; after each such handful a failure is noticed.
QUERIES_AT_ONCE = 8
BUDGET_SECONDS = 600.0
_TOO_MUCH = re.compile(
    r"too many samples|maximum resolution|larger than|timed out|no answer within|limit", re.IGNORECASE
)


class Ranges(Protocol):
    """A Prometheus query endpoint."""

    def query_range_all(
        self, queries: Sequence[RangeQuery], *, budget_seconds: float
    ) -> Sequence[Sequence[Series] | QueryError]: ...


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch (both ends included) that could not be fetched, whose rules' alerts stay as they were in it."""

    rules: tuple[str, ...]
    start: datetime
    end: datetime
    error: str

    def __str__(self) -> str:
        stretch = f"{format_time(self.start)} to {format_time(self.end)}"
        return f"{', '.join(self.rules)}: no data for {stretch}: {self.error}"


class HistoryError(QueryError):
    """The past of a rule could not be fetched."""


@dataclass(slots=True)
class History:
    """The feeds, what is missing from them, and what fetching them took."""

    feeds: Feeds = field(default_factory=Feeds)
    gaps: list[Gap] = field(default_factory=list)
    queries: int = 0


@dataclass(slots=True)
class _Wanted:
    """One feed, the names of the rules that want it, and the stretch that they want of it."""

    feed: Feed
    start: datetime
    end: datetime
    rules: dict[str, None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Chunk:
    wanted: _Wanted
    query: RangeQuery

    def halves(self) -> tuple[_Chunk, _Chunk]:
        query, middle = self.query, self.query.start + (self.query.points // 2) * self.query.step
        return (
            _Chunk(self.wanted, RangeQuery(query.expr, query.start, middle - query.step, query.step)),
            _Chunk(self.wanted, RangeQuery(query.expr, middle, query.end, query.step)),
        )


@dataclass(frozen=True, slots=True)
class Fetcher:
    """How history is fetched; `progress` is told how many of all chunks are there."""

    ranges: Ranges
    keep_going: bool = False
    progress: Callable[[int, int], None] = lambda done, total: None
    budget_seconds: float = BUDGET_SECONDS

    def fetch(self, rules: Iterable[Rule], start: datetime, end: datetime, *, tick: timedelta) -> History:
        """Return what the rules give at every tick from `start` (included) to `end` (not included).

        Raises HistoryError where a query fails and it is not to keep going.
        """
        history = History()
        chunks = [chunk for wanted in _wanted(rules, start, end, tick=tick) for chunk in _chunks(wanted)]
        for position in range(0, len(chunks), QUERIES_AT_ONCE):
            self.progress(position, len(chunks))
            handful = chunks[position : position + QUERIES_AT_ONCE]
            for chunk, answer in zip(handful, self._ask(history, handful), strict=True):
                self._take(history, chunk, answer)
        self.progress(len(chunks), len(chunks))
        return history

    def _ask(self, history: History, chunks: Sequence[_Chunk]) -> Sequence[Sequence[Series] | QueryError]:
        history.queries += len(chunks)
        return self.ranges.query_range_all([each.query for each in chunks], budget_seconds=self.budget_seconds)

    def _take(self, history: History, chunk: _Chunk, answer: Sequence[Series] | QueryError) -> None:
        timeline = history.feeds.timelines.get(chunk.wanted.feed)
        if timeline is None:
            timeline = Timeline(chunk.wanted.feed.step, phase=chunk.wanted.feed.phase)
            history.feeds.put(chunk.wanted.feed, timeline)
        if not isinstance(answer, QueryError):
            timeline.add(answer)
        elif _TOO_MUCH.search(str(answer)) and chunk.query.points >= 2 * FEWEST_POINTS:
            for half in chunk.halves():
                self._take(history, half, self._ask(history, [half])[0])
        else:
            gap = Gap(tuple(chunk.wanted.rules), chunk.query.start, chunk.query.end, str(answer))
            if not self.keep_going:
                raise HistoryError(str(gap))
            history.gaps.append(gap)
            timeline.add_unknown(gap.start, gap.end)


def _wanted(rules: Iterable[Rule], start: datetime, end: datetime, *, tick: timedelta) -> list[_Wanted]:
    first = next_tick(start, tick=tick)
    last = next_tick(end, tick=tick) - tick
    found: dict[Feed, _Wanted] = {}
    for rule in rules:
        feed, offset = feed_of(rule, tick=tick), rule.query_offset
        wanted = found.setdefault(feed, _Wanted(feed, first - offset, last - offset))
        wanted.start, wanted.end = min(wanted.start, first - offset), max(wanted.end, last - offset)
        wanted.rules[rule.name] = None
    return list(found.values())


def _chunks(wanted: _Wanted) -> Iterator[_Chunk]:
    start, step = wanted.start, wanted.feed.step
    while start <= wanted.end:
        end = min(start + (MOST_POINTS - 1) * step, wanted.end)
        yield _Chunk(wanted, RangeQuery(wanted.feed.expr, start, end, step))
        start = end + step
