"""Log lines and metrics as CloudWatch takes them, and that the template's alarms look at metrics that are counted."""

from __future__ import annotations

import ast
import json
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from tests.functions.deployment import FUNCTIONS, TEMPLATE, reset_powertools
from tests.functions.happenings import ROOT
from tocsin.adapters.powertools import PowertoolsLog
from tocsin.core.redaction import Redaction

SOURCE = ROOT / "functions" / "tocsin"


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    reset_powertools()
    yield
    reset_powertools()


def new_log() -> PowertoolsLog:
    """Return a log; it writes to what is standard output now, which is another one for each phase of a test."""
    return PowertoolsLog("evaluate", namespace="Tocsin/test")


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize("level", ["info", "warning", "error"])
def test_a_line_is_json_with_its_fields(capsys: pytest.CaptureFixture[str], level: str):
    getattr(new_log(), level)("rule_failing", rule="HighErrorRate", error='say "no"\nagain', groups=["a", "b"])
    (line,) = lines(capsys)
    assert (line["level"], line["message"], line["service"]) == (level.upper(), "rule_failing", "evaluate")
    assert (line["rule"], line["error"], line["groups"]) == ("HighErrorRate", 'say "no"\nagain', ["a", "b"])


def test_a_line_says_where_it_was_logged(capsys: pytest.CaptureFixture[str]):
    new_log().info("here")
    assert lines(capsys)[0]["location"].startswith("test_a_line_says_where_it_was_logged:")


def test_no_line_holds_what_must_not_be_shown(capsys: pytest.CaptureFixture[str]):
    log = PowertoolsLog("evaluate", redaction=lambda: Redaction(hidden=frozenset({"customer"})))
    log.info("alert_changed", labels={"customer": "ann", "dsn": "pg://a:hunter2@db"}, error="password=hunter2")
    (line,) = lines(capsys)
    assert line["labels"] == {"customer": "[redacted]", "dsn": "pg://a:[redacted]@db"}
    assert line["error"] == "password=[redacted]"


TAKEN = [*logging.makeLogRecord({}).__dict__, "message", "asctime", "level", "location", "timestamp", "service"]


@pytest.mark.parametrize("name", TAKEN)
def test_a_field_may_bear_any_name(capsys: pytest.CaptureFixture[str], name: str):
    new_log().error("timer_failed", **{name: "what the field holds"})
    (line,) = lines(capsys)
    assert (line["message"], line["level"], line["service"]) == ("timer_failed", "ERROR", "evaluate")
    assert line[f"{name}_"] == "what the field holds"


def test_metrics_are_written_once_an_invocation_under_the_service(capsys: pytest.CaptureFixture[str]):
    log = new_log()
    log.count("RuleEvaluations", 6)
    log.count("TickCompleted")
    log.count("OverdueGroups")
    log.count("OverdueGroups", 2)
    assert lines(capsys) == []
    log.flush()
    (emitted,) = lines(capsys)
    (metrics,) = emitted["_aws"]["CloudWatchMetrics"]
    assert (metrics["Namespace"], metrics["Dimensions"]) == ("Tocsin/test", [["service"]])
    assert {each["Name"]: each["Unit"] for each in metrics["Metrics"]} == {
        "RuleEvaluations": "Count",
        "TickCompleted": "Count",
        "OverdueGroups": "Count",
    }
    assert (emitted["service"], emitted["RuleEvaluations"], emitted["OverdueGroups"]) == ("evaluate", [6.0], [1.0, 2.0])
    assert isinstance(emitted["_aws"]["Timestamp"], int)
    log.flush()
    assert lines(capsys) == []


def test_a_count_with_dimensions_is_one_without_as_well(capsys: pytest.CaptureFixture[str]):
    log = new_log()
    log.count("NotificationsFailed", integration="slack", reason="auth")
    log.flush()
    fine, coarse = lines(capsys)
    assert fine["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["service", "integration", "reason"]]
    assert (fine["service"], fine["integration"], fine["reason"]) == ("evaluate", "slack", "auth")
    assert coarse["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["service"]]
    assert fine["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Tocsin/test"
    assert (fine["NotificationsFailed"], coarse["NotificationsFailed"]) == ([1.0], [1.0])


def test_a_duration_is_in_seconds_and_so_are_its_dimensions(capsys: pytest.CaptureFixture[str]):
    log = new_log()
    log.observe("NotificationLatency", 0.25, integration="slack")
    log.observe("NotificationLatency", 1.5, integration="slack")
    log.flush()
    first, second, coarse = lines(capsys)
    for each in (first, second, coarse):
        assert each["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Unit"] == "Seconds"
    assert (first["integration"], first["NotificationLatency"]) == ("slack", [0.25])
    assert coarse["NotificationLatency"] == [0.25, 1.5]


def test_an_invocation_that_counts_nothing_writes_nothing(capsys: pytest.CaptureFixture[str]):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        new_log().flush()
    assert capsys.readouterr() == ("", "")


def counted() -> dict[str, list[str]]:
    """Return the metrics that the code counts, each with the modules that do."""
    found: dict[str, list[str]] = {}
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Attribute(attr="count"), args=[ast.Constant(value=str(metric)), *_]) if metric[
                    0
                ].isupper():
                    found.setdefault(metric, []).append(path.stem)
    return found


def watched() -> list[tuple[str, str, dict[str, Any]]]:
    """Return alarm, metric and dimensions of everything of ours that an alarm of the template looks at."""
    found = []
    for name, resource in TEMPLATE["Resources"].items():
        if resource["Type"] == "AWS::CloudWatch::Alarm":
            properties = resource["Properties"]
            parts = [each["MetricStat"]["Metric"] for each in properties.get("Metrics", []) if "MetricStat" in each]
            for each in parts or [properties]:
                if "Tocsin" in json.dumps(each.get("Namespace")):
                    dimensions = {pair["Name"]: pair["Value"] for pair in each["Dimensions"]}
                    found.append((name, each["MetricName"], dimensions))
    return found


def test_alarms_look_at_what_is_counted():
    assert {metric for _, metric, _ in watched()} <= set(counted())
    assert {metric for _, metric, _ in watched()} >= {
        "TickCompleted",
        "RuleEvaluationFailures",
        "ConfigRefused",
        "NotificationsFailed",
    }


def test_alarms_look_at_it_under_the_service_of_a_function():
    assert {tuple(dimensions) for *_, dimensions in watched()} == {("service",)}
    assert {dimensions["service"] for *_, dimensions in watched()} <= set(FUNCTIONS)


def test_each_notifiers_failures_are_watched():
    failures = {dimensions["service"] for _, metric, dimensions in watched() if metric == "NotificationsFailed"}
    assert failures == {name for name in FUNCTIONS if name.startswith("notify_")}


def test_alarms_and_functions_agree_on_the_namespace():
    namespaces = {
        json.dumps(each["Namespace"])
        for resource in TEMPLATE["Resources"].values()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
        for each in _metrics_of(resource["Properties"])
        if "Tocsin" in json.dumps(each["Namespace"])
    }
    variables = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]
    assert namespaces == {json.dumps(variables["POWERTOOLS_METRICS_NAMESPACE"])}


def _metrics_of(properties: dict[str, Any]) -> list[dict[str, Any]]:
    parts = [each["MetricStat"]["Metric"] for each in properties.get("Metrics", []) if "MetricStat" in each]
    return parts or [properties]
