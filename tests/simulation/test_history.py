"""The past of rules: chunks, halves, gaps; a failed query is never an empty one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import pytest

from tests.simulation.feeding import series
from tests.stories.configurations import MINUTE, rule
from tests.stories.world import START
from tocsin.core.series import RangeQuery, Series
from tocsin.errors import QueryError
from tocsin.simulation.feeds import feed_of
from tocsin.simulation.history import MOST_POINTS, Fetcher, HistoryError

Answer = Sequence[Series] | QueryError


class Asked:
    """Answers range queries by a function, and keeps them."""

    def __init__(self, answer: Callable[[RangeQuery], Answer]) -> None:
        self._answer = answer
        self.queries: list[RangeQuery] = []

    def query_range_all(self, queries: Sequence[RangeQuery], *, budget_seconds: float) -> Sequence[Answer]:
        self.queries.extend(queries)
        return [self._answer(query) for query in queries]


def ones(query: RangeQuery) -> Answer:
    return [series({"instance": "a"}, [1.0] * query.points, start=query.start, step=query.step)]


def days(count: float) -> datetime:
    return START + timedelta(days=count)


def test_a_month_is_asked_for_in_chunks_without_a_hole():
    asked = Asked(ones)
    history = Fetcher(asked).fetch([rule("Disk")], START, days(30), tick=MINUTE)
    assert [query.points for query in asked.queries] == [11_000, 11_000, 11_000, 10_200]
    assert max(query.points for query in asked.queries) <= MOST_POINTS
    timeline = history.feeds.timeline_of(rule("Disk"), tick=MINUTE)
    assert timeline is not None
    assert timeline.points == 30 * 24 * 60
    assert timeline.next_change(START) == days(30)


def test_the_same_expression_is_asked_for_once():
    asked = Asked(ones)
    Fetcher(asked).fetch([rule("Disk"), rule("DISK", hold_for=MINUTE)], START, days(1), tick=MINUTE)
    assert len(asked.queries) == 1


def test_an_offset_moves_the_range():
    asked = Asked(ones)
    late = rule("Disk", query_offset=timedelta(seconds=90))
    history = Fetcher(asked).fetch([late], START, days(1), tick=MINUTE)
    (query,) = asked.queries
    assert query.start == START - timedelta(seconds=90)
    assert query.points == 24 * 60
    timeline = history.feeds.timelines[feed_of(late, tick=MINUTE)]
    assert timeline.samples_at(START - timedelta(seconds=90))


def test_what_is_too_much_is_halved():
    def answer(query: RangeQuery) -> Answer:
        return ones(query) if query.points <= 1000 else QueryError("query processing would load too many samples")

    history = Fetcher(Asked(answer)).fetch([rule("Disk")], START, days(2), tick=MINUTE)
    timeline = history.feeds.timeline_of(rule("Disk"), tick=MINUTE)
    assert timeline is not None
    assert timeline.points == 2 * 24 * 60
    assert timeline.next_change(START) == days(2)


def broken(query: RangeQuery) -> Answer:
    return QueryError("HTTP 422: unknown function")


def test_a_failed_query_stops_everything_and_says_which_rule():
    with pytest.raises(HistoryError, match=r"Disk: no data for .*: HTTP 422: unknown function"):
        Fetcher(Asked(broken)).fetch([rule("Disk")], START, days(1), tick=MINUTE)


def test_to_keep_going_is_to_know_nothing_of_that_time():
    history = Fetcher(Asked(broken), keep_going=True).fetch([rule("Disk")], START, days(1), tick=MINUTE)
    (gap,) = history.gaps
    assert gap.rules == ("Disk",)
    timeline = history.feeds.timeline_of(rule("Disk"), tick=MINUTE)
    assert timeline is not None
    assert not timeline.is_known(START)
    assert not timeline.is_known(days(1) - MINUTE)
    assert timeline.is_known(days(1))


def test_progress_is_told():
    seen: list[tuple[int, int]] = []
    Fetcher(Asked(ones), progress=lambda done, total: seen.append((done, total))).fetch(
        [rule(f"R{number}") for number in range(9)], START, days(1), tick=MINUTE
    )
    assert seen == [(0, 9), (8, 9), (9, 9)]
