"""The shipped rules, run by a real promtool over the file that they compile to."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tocsin import config

SHIPPED = Path(__file__).resolve().parents[2] / "functions" / "config"
PROMTOOL = shutil.which("promtool")

pytestmark = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not on PATH")


@dataclass(frozen=True)
class Case:
    """Series per minute, and the value that the rule says at twenty minutes; None where it must stay silent."""

    rule: str
    name: str
    series: dict[str, str]
    value: str | None


def requests(*, failed: str | None, good: str) -> dict[str, str]:
    series = {'http_requests_total{status="200",job="web"}': good}
    return series if failed is None else {**series, 'http_requests_total{status="503",job="web"}': failed}


def durations(*, fast: int, medium: int, slow: int) -> dict[str, str]:
    """Requests a minute that took up to 1 s, up to 2.5 s and up to 5 s, in the histogram's cumulative buckets."""
    per_bucket = {"1": fast, "2.5": fast + medium, "5": fast + medium + slow, "+Inf": fast + medium + slow}
    return {f'http_request_duration_seconds_bucket{{le="{le}"}}': f"0+{count}x30" for le, count in per_bucket.items()}


def pool(used: str, maximum: str) -> dict[str, str]:
    common = 'job="web",instance="a",db_client_connection_pool_name="main"'
    return {
        f'db_client_connection_count{{{common},db_client_connection_state="used"}}': used,
        f'db_client_connection_count{{{common},db_client_connection_state="idle"}}': "0x30",
        f"db_client_connection_max{{{common}}}": maximum,
    }


def celery(*, failed: str | None = None, succeeded: str | None = None) -> dict[str, str]:
    series = {'celery_task_failed_total{name="t"}': failed, 'celery_task_succeeded_total{name="t"}': succeeded}
    return {name: values for name, values in series.items() if values is not None}


CASES = [
    Case("high_error_rate", "one in ten requests fails", requests(failed="0+10x30", good="0+90x30"), "10%"),
    Case("high_error_rate", "every request fails", {'http_requests_total{status="500"}': "0+10x30"}, "100%"),
    Case("high_error_rate", "exactly the threshold is not above it", requests(failed="0+5x30", good="0+95x30"), None),
    Case("high_error_rate", "nothing has ever failed", requests(failed=None, good="0+100x30"), None),
    Case("high_error_rate", "no traffic is no error", requests(failed="5x30", good="5x30"), None),
    Case("high_error_rate", "nothing is scraped at all", {"unrelated": "1x30"}, None),
    Case("high_error_rate", "the errors are over", requests(failed="0+50x8 400x30", good="0+50x30"), None),
    Case("slow_response_time", "a tenth needs up to five seconds", durations(fast=90, medium=0, slow=10), "3750"),
    Case("slow_response_time", "all is fast", durations(fast=100, medium=0, slow=0), None),
    Case("slow_response_time", "only one in fifty is slow", durations(fast=96, medium=2, slow=2), None),
    Case("slow_response_time", "no traffic has no latency", durations(fast=0, medium=0, slow=0), None),
    Case("slow_response_time", "nothing is scraped at all", {"unrelated": "1x30"}, None),
    Case("db_pool_exhaustion", "95 of 100 connections are used", pool("95x30", "100x30"), "95%"),
    Case("db_pool_exhaustion", "90 of 100 is not above the threshold", pool("90x30", "100x30"), None),
    Case("db_pool_exhaustion", "an unlimited pool is never full", pool("95x30", "0x30"), None),
    Case(
        "db_pool_exhaustion",
        "an application's own gauges",
        {"db_pool_connections_used": "19x30", "db_pool_connections_max": "20x30"},
        "95%",
    ),
    Case("db_pool_exhaustion", "nothing is scraped at all", {"unrelated": "1x30"}, None),
    Case("celery_task_failures", "a fifth of the tasks fails", celery(failed="0+2x30", succeeded="0+8x30"), "20%"),
    Case("celery_task_failures", "every task fails, none ever succeeded", celery(failed="0+2x30"), "100%"),
    Case("celery_task_failures", "one in twenty fails", celery(failed="0+1x30", succeeded="0+19x30"), None),
    Case("celery_task_failures", "nothing has ever failed", celery(succeeded="0+19x30"), None),
    Case("celery_task_failures", "no task ran", celery(failed="3x30", succeeded="3x30"), None),
    Case("celery_task_failures", "nothing is scraped at all", {"unrelated": "1x30"}, None),
    Case(
        "celery_task_failures",
        "an exporter that counts by state",
        {'celery_tasks_total{state="FAILURE"}': "0+3x30", 'celery_tasks_total{state="SUCCESS"}': "0+7x30"},
        "30%",
    ),
]


@pytest.fixture(scope="module")
def compiled():
    groups = config.load(config.read_folder(SHIPPED), environment={}).rule_groups
    rules = {rule.name: rule for group in groups for rule in group.rules}
    return config.compiled_rule_file(groups), rules


def test_promtool_accepts_the_compiled_file(compiled, tmp_path):
    path = tmp_path / "rules.yml"
    path.write_text(compiled[0], encoding="utf-8")
    assert PROMTOOL is not None
    done = subprocess.run([PROMTOOL, "check", "rules", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_shipped_rule_is_tested_firing_and_silent(compiled):
    for silent in (True, False):
        assert {case.rule for case in CASES if (case.value is None) is silent} == set(compiled[1])


@pytest.mark.parametrize("case", [pytest.param(case, id=f"{case.rule}: {case.name}") for case in CASES])
def test_a_shipped_rule_says_what_it_should(case, compiled, tmp_path):
    text, rules = compiled
    (tmp_path / "rules.yml").write_text(text, encoding="utf-8")
    alerts = [] if case.value is None else [expected_alert(rules[case.rule], case.value)]
    unit = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in case.series.items()],
                "alert_rule_test": [{"eval_time": "20m", "alertname": case.rule, "exp_alerts": alerts}],
            }
        ],
    }
    path = tmp_path / "test.yml"
    path.write_text(yaml.safe_dump(unit, sort_keys=False), encoding="utf-8")
    assert PROMTOOL is not None
    done = subprocess.run([PROMTOOL, "test", "rules", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def expected_alert(rule, value):
    annotations = {
        name: text.replace("{{ $value | humanizePercentage }}", value).replace('{{ $value | printf "%.0f" }}', value)
        for name, text in rule.annotations.items()
    }
    return {"exp_labels": dict(rule.labels), "exp_annotations": annotations}
