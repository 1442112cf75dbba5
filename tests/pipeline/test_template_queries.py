"""The function `query` of rule templates: answered from the endpoint, bounded, never in the way of an alert."""

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from tests.stories.configurations import configuration, rule
from tests.stories.world import World
from tocsin.adapters.memory import MemoryMetrics
from tocsin.core.alerts import Status
from tocsin.core.notifications import Reason
from tocsin.core.rules import Sample
from tocsin.core.templates import Query, TemplateError
from tocsin.errors import QueryError
from tocsin.pipeline.patience import Patience
from tocsin.pipeline.template_queries import (
    BUDGET_SECONDS,
    MOST_FAILURES,
    QUERIES_A_RULE,
    QUERIES_A_TICK,
    SECONDS_A_TICK,
    SERIES_A_TICK,
    TemplateQueries,
)

NOW = datetime(2026, 11, 20, 3, tzinfo=UTC)
OWNER = '{{ range query "owner" }}{{ .Labels.team }}={{ .Value }}{{ end }}'


def summary_of(metrics_result):
    world = World(configuration(rule("DiskFull", annotations={"summary": OWNER})))
    world.metric_goes_bad("DiskFull", instance="a")
    world.metrics.results["owner"] = metrics_result
    world.advance(minutes=2)
    return world.expect_page("team", Status.FIRING, Reason.FIRST).alerts[0].annotations["summary"]


def test_a_template_asks_the_metrics_endpoint():
    assert summary_of([Sample({"team": "storage"}, 2.0)]) == "storage=2"


def test_a_query_that_fails_stands_in_the_text_and_the_alert_is_told():
    assert "endpoint is gone" in summary_of(QueryError("endpoint is gone"))


def answering(count: int) -> MemoryMetrics:
    metrics = MemoryMetrics()
    metrics.results = {f"q{number}": [Sample({}, 1.0)] for number in range(count)}
    return metrics


def refusals(query: Query, count: int) -> list[str]:
    """Ask so many questions; return why some were not answered."""
    said = []
    for number in range(count):
        try:
            query(f"q{number}", NOW)
        except TemplateError as error:
            said.append(str(error))
    return said


@dataclass
class Slow(MemoryMetrics):
    """Answers everything, so many seconds later."""

    seconds: float = 1.9
    clock: float = 0.0
    budgets: list[float] = field(default_factory=list)

    def query_all(self, queries, *, budget_seconds):
        self.clock += self.seconds
        self.budgets.append(budget_seconds)
        return [[Sample({}, 1.0)] for _ in queries]


def test_the_same_question_is_asked_once_in_a_tick():
    metrics = answering(1)
    queries = TemplateQueries(metrics)
    assert queries.of_a_rule()("q0", NOW) == queries.of_a_rule()("q0", NOW)
    assert len(metrics.queries) == 1


def test_after_a_few_failures_nothing_more_is_asked_in_this_tick():
    metrics = MemoryMetrics()
    metrics.results = {f"q{number}": QueryError("down", retryable=True) for number in range(10)}
    queries = TemplateQueries(metrics)
    assert len(refusals(queries.of_a_rule(), 10)) == 10
    assert len(refusals(queries.of_a_rule(), 10)) == 10
    assert len(metrics.queries) == MOST_FAILURES


def test_what_is_refused_costs_no_other_its_answer_and_is_asked_once():
    metrics = answering(10)
    metrics.results |= {f"q{number}": QueryError("parse error") for number in range(5)}
    queries = TemplateQueries(metrics)
    assert refusals(queries.of_a_rule(), 10) == [f"query 'q{number}': parse error" for number in range(5)]
    assert refusals(queries.of_a_rule(), 10) == [f"query 'q{number}': parse error" for number in range(5)]
    assert len(metrics.queries) == 10


def test_a_rule_with_too_many_questions_leaves_some_to_the_others():
    metrics = answering(2 * QUERIES_A_RULE)
    queries = TemplateQueries(metrics)
    said = refusals(queries.of_a_rule(), 2 * QUERIES_A_RULE)
    assert len(metrics.queries) == QUERIES_A_RULE
    assert len(said) == queries.not_asked == QUERIES_A_RULE
    assert said[0] == "query 'q100': not asked, as the rule's templates have asked 100 others"
    assert len(refusals(queries.of_a_rule(), 2 * QUERIES_A_RULE)) == 0, "the second rule asks for the other half"


def test_all_rules_together_have_only_so_many():
    metrics = answering(QUERIES_A_TICK + 50)
    queries = TemplateQueries(metrics)
    for start in range(0, QUERIES_A_TICK + 50, 50):
        query = queries.of_a_rule()
        for number in range(start, start + 50):
            with suppress(TemplateError):
                query(f"q{number}", NOW)
    assert len(metrics.queries) == QUERIES_A_TICK
    assert queries.not_asked == 50


def test_slow_answers_cost_a_rule_only_so_long_and_a_tick_too():
    metrics = Slow()
    queries = TemplateQueries(metrics, Patience(lambda: metrics.clock))
    (first, *_) = refusals(queries.of_a_rule(), 500)
    assert first == "query 'q2': not asked, as the rule's templates have asked for 3 seconds"
    assert metrics.clock == pytest.approx(2 * 1.9)
    assert metrics.budgets == [2.0, pytest.approx(1.1)]
    for number in range(10):
        with suppress(TemplateError):
            queries.of_a_rule()(f"other{number}", NOW)
    assert metrics.clock < SECONDS_A_TICK + BUDGET_SECONDS
    (last,) = refusals(queries.of_a_rule(), 3)[-1:]
    assert last.endswith("not asked, as no time is left for queries of templates in this tick")


def test_a_tick_that_has_no_time_asks_nothing():
    metrics = Slow()
    queries = TemplateQueries(metrics, Patience(lambda: metrics.clock, until=0.0))
    assert len(refusals(queries.of_a_rule(), 5)) == 5
    assert metrics.budgets == []


def test_answers_that_are_kept_have_room_for_so_many_series():
    metrics = MemoryMetrics()
    metrics.results = {f"q{number}": [Sample({}, 1.0)] * (SERIES_A_TICK // 2) for number in range(4)}
    queries = TemplateQueries(metrics)
    assert len(refusals(queries.of_a_rule(), 4)) == 2


def test_hundreds_of_alerts_with_a_question_each_are_all_told_and_another_rule_has_its_answer():
    each = "{{ with query (printf `owner{instance=%q}` $labels.instance) }}{{ . | first | value }}{{ end }}"
    rules = rule("DiskFull", annotations={"summary": each}), rule("Other", annotations={"summary": OWNER})
    world = World(configuration(*rules))
    for number in range(300):
        world.metric_goes_bad("DiskFull", instance=str(number))
        world.metrics.results[f'owner{{instance="{number}"}}'] = [Sample({}, 1.0)]
    world.metric_goes_bad("Other", instance="a")
    world.metrics.results["owner"] = [Sample({"team": "storage"}, 2.0)]
    world.advance(minutes=1, seconds=40)
    texts = {
        page.notification.alerts[0].name: [a.annotations["summary"] for a in page.notification.alerts]
        for page in world.pages
    }
    assert texts["Other"] == ["storage=2"]
    assert len(texts["DiskFull"]) == 300
    assert texts["DiskFull"].count("1") == QUERIES_A_RULE
    assert sum("not asked" in text for text in texts["DiskFull"]) == 200
    assert world.log.counts["TemplateQueriesNotAsked"] == 200
