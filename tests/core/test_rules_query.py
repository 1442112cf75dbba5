"""A rule's templates may ask the metrics endpoint: `query`."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tocsin.core.rules import Rule, RuleError, RuleKey, Sample, TemplateContext, evaluate_rule
from tocsin.core.templates import QueryResult

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
TEMPLATE = '{{ with query "sum(up)" }}{{ . | first | value }} of them are up{{ end }}'
RULE = Rule(RuleKey("rules.yml;hosts;Down;0"), "Down", "hosts", "up == 0", annotations={"summary": TEMPLATE})


def _summary(query):
    evaluation = evaluate_rule(
        RULE, {}, [Sample({"instance": "a"}, 0.0)], now=NOW, context=TemplateContext(query=query)
    )
    (alert,) = evaluation.active.values()
    return alert.annotations["summary"]


def test_a_template_is_given_the_result_of_its_query_at_the_time_of_the_evaluation():
    asked = []

    def query(expression, now):
        asked.append((expression, now))
        return [QueryResult({}, 7.0)]

    assert _summary(query) == "7 of them are up"
    assert asked == [("sum(up)", NOW)]


def _failing(expression, now):
    raise ValueError("the endpoint did not answer")


@pytest.mark.parametrize(
    ("query", "said"),
    [
        pytest.param(_failing, "the endpoint did not answer", id="a query that fails"),
        pytest.param(None, "queries are not available here", id="nobody to ask"),
    ],
)
def test_what_cannot_be_queried_is_said_in_the_text_and_the_alert_still_fires(query, said):
    assert "<error expanding template: " in _summary(query)
    assert said in _summary(query)


def _labelled(template, query):
    rule = replace(RULE, labels={"team": template}, annotations={})
    context = TemplateContext(query=query)
    return evaluate_rule(rule, {}, [Sample({"instance": "a"}, 0.0)], now=NOW, context=context)


@pytest.mark.parametrize("template", [TEMPLATE, 'x{{ with query "sum(up)" }}{{ . | first | value }}{{ end }}'])
def test_a_label_whose_query_is_not_answered_fails_the_rule(template):
    with pytest.raises(RuleError, match="a query in its labels was not answered: the endpoint did not answer"):
        _labelled(template, _failing)


def test_another_error_of_a_labels_template_is_its_value():
    (alert,) = _labelled('{{ query "sum(up)" | first | value }}', lambda expression, now: []).active.values()
    assert alert.labels["team"].startswith("<error expanding template: ")
