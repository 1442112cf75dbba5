"""The function `query` of rule templates: answered from the endpoint, bounded, never in the way of an alert."""

from datetime import UTC, datetime

import pytest

from tests.stories.configurations import configuration, rule
from tests.stories.world import World
from tocsin.adapters.memory import MemoryMetrics
from tocsin.core.alerts import Status
from tocsin.core.notifications import Reason
from tocsin.core.rules import Sample
from tocsin.core.templates import TemplateError
from tocsin.errors import QueryError
from tocsin.pipeline.template_queries import MOST_FAILURES, TemplateQueries

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


def test_the_same_question_is_asked_once_in_a_tick():
    metrics = MemoryMetrics()
    metrics.results["up"] = [Sample({}, 1.0)]
    queries = TemplateQueries(metrics)
    assert queries("up", NOW) == queries("up", NOW)
    assert len(metrics.queries) == 1


def test_after_a_few_failures_nothing_more_is_asked_in_this_tick():
    metrics = MemoryMetrics()
    metrics.results = {f"q{number}": QueryError("down") for number in range(10)}
    queries = TemplateQueries(metrics)
    for number in range(10):
        with pytest.raises(TemplateError):
            queries(f"q{number}", NOW)
    assert len(metrics.queries) == MOST_FAILURES
