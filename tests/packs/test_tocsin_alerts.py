"""The alerts about Tocsin, by a real promtool; that each is tested, and that what they look at exists."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.stories.configurations import configuration
from tests.stories.world import World
from tests.test_metrics_documented import counted
from tests.web.asking import ask

ROOT = Path(__file__).parents[2]
RULES, TESTS = ROOT / "docs" / "tocsin-alerts.yml", Path(__file__).with_name("tocsin_alerts_test.yml")
PROMTOOL = shutil.which("promtool")
# What of AWS is looked at, as yet-another-cloudwatch-exporter calls it.
OF_AWS = {"aws_lambda_errors_sum", "aws_sqs_approximate_number_of_messages_visible_maximum"}


def alerts() -> dict[str, dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


def metrics(expr: str) -> set[str]:
    """Return the metrics of an expression; those whose name holds a stack's without that part."""
    named = re.findall(r'__name__=~"aws_tocsin_\.\+_(\w+)"', expr)
    return {*named, *re.findall(r"\b((?:tocsin|alertmanager|aws)_[a-z_]+)(?=[{ )]|$)", expr)}


def as_exporter_says(metric: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", metric).lower() + "_sum"


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not on PATH")
@pytest.mark.parametrize("command", [["check", "rules", str(RULES)], ["test", "rules", str(TESTS)]])
def test_promtool_agrees(command: list[str]) -> None:
    done = subprocess.run([str(PROMTOOL), *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_fires_in_one_test_and_stays_silent_in_another() -> None:
    fires: set[str] = set()
    silent: set[str] = set()
    for case in yaml.safe_load(TESTS.read_text(encoding="utf-8"))["tests"]:
        for each in case["alert_rule_test"]:
            (fires if each.get("exp_alerts") else silent).add(each["alertname"])
    assert fires == silent == set(alerts())


@pytest.mark.parametrize("name", sorted(alerts()))
def test_what_an_alert_looks_at_exists(name: str) -> None:
    served = set(re.findall(r"(?m)^(\w+)[{ ]", ask(World(configuration()), "GET", "/metrics").text))
    found = metrics(alerts()[name]["expr"])
    assert found
    assert found <= served | OF_AWS | {as_exporter_says(metric) for metric in counted()}
    assert set(alerts()[name]["annotations"]) == {"summary", "description"}


def test_a_metric_that_nobody_has_would_be_found() -> None:
    found = metrics('tocsin_rules > 0 or sum({__name__=~"aws_tocsin_.+_imagined_sum"}) or aws_lambda_errors_sum{a="b"}')
    assert found == {"tocsin_rules", "imagined_sum", "aws_lambda_errors_sum"}
