"""What is shipped: it loads as it is, amtool accepts it, and the environment moves its thresholds."""

from __future__ import annotations

import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from tocsin import config
from tocsin.core.policies import choose_policy
from tocsin.core.receivers import Kind
from tocsin.core.thresholds import render_threshold, render_value

SHIPPED = Path(__file__).resolve().parents[2] / "functions" / "config"
AMTOOL = shutil.which("amtool")
THRESHOLDS = {
    "high_error_rate": ("ALERT_THRESHOLD_ERROR_RATE", "0.05", "0.1", "10.0%"),
    "slow_response_time": ("ALERT_THRESHOLD_RESPONSE_TIME", "2000", "500", "500ms"),
    "db_pool_exhaustion": ("ALERT_THRESHOLD_DB_POOL", "0.9", "0.8", "80%"),
    "celery_task_failures": ("ALERT_THRESHOLD_CELERY_FAILURES", "0.1", "0.25", "25.0%"),
}


def shipped(environment=None):
    return config.load(config.read_folder(SHIPPED), environment=environment or {})


def test_the_four_platform_rules_are_shipped_with_what_a_person_needs():
    rules = {rule.name: rule for rule in shipped().rules()}
    assert list(rules) == list(THRESHOLDS)
    for rule in rules.values():
        assert {"summary", "description", "recommendations", "runbook_url", "value", "threshold"} <= set(
            rule.annotations
        )
    assert rules["high_error_rate"].labels == {"severity": "critical"}
    assert rules["celery_task_failures"].expr.count("[15m]") == rules["celery_task_failures"].expr.count("[")


@pytest.mark.parametrize("name", THRESHOLDS)
def test_a_variable_moves_a_threshold(name):
    variable, default, other, said = THRESHOLDS[name]

    def rule(environment):
        return next(rule for rule in shipped(environment).rules() if rule.name == name)

    for environment in ({}, {variable: ""}):
        assert rule(environment).expr.endswith(f" > {default}")
    moved = rule({variable: other})
    assert moved.expr.endswith(f" > {other}")
    assert moved.threshold is not None
    assert render_threshold(moved.threshold) == said


def test_the_rules_say_their_values_as_the_command_line_shows_them():
    rules = {rule.name: rule.threshold for rule in shipped().rules()}
    assert render_value(rules["high_error_rate"], 0.072) == "7.2% error rate"
    assert render_value(rules["slow_response_time"], 1234.4) == "p95=1234ms"
    assert render_value(rules["db_pool_exhaustion"], 0.45) == "45% utilization"


def test_critical_alerts_climb_to_the_executives_within_an_hour():
    policy = next(policy for policy in shipped().policies if policy.name == "default")
    assert [str(matcher) for matcher in policy.matchers] == ['severity="critical"', 'environment!~"dev|development"']
    assert [(step.after, step.receivers) for step in policy.steps] == [
        (timedelta(0), ("slack-warnings",)),
        (timedelta(minutes=5), ("email-oncall", "slack-critical")),
        (timedelta(minutes=15), ("pagerduty-oncall", "email-manager")),
        (timedelta(hours=1), ("pagerduty-executives",)),
    ]


def test_everybody_who_subscribes_to_the_topic_is_told_without_further_set_up():
    configuration = shipped({"TOCSIN_TOPIC_ARN": "arn:aws:sns:eu-central-1:123456789012:mine"})
    (integration,) = configuration.receivers[configuration.root.receiver].integrations
    assert integration.kind is Kind.SNS
    assert integration.settings["topic_arn"] == "arn:aws:sns:eu-central-1:123456789012:mine"


def test_secrets_are_references_and_recoveries_are_told():
    for receiver in shipped().receivers.values():
        for integration in receiver.integrations:
            assert integration.send_resolved
            assert not {"api_url", "routing_key"} & set(integration.settings)


@pytest.mark.skipif(AMTOOL is None, reason="amtool is not on PATH")
def test_amtool_accepts_the_shipped_file():
    assert AMTOOL is not None
    path = SHIPPED / "alertmanager.yml"
    done = subprocess.run([AMTOOL, "check-config", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("labels", "name"),
    [
        ({"severity": "critical"}, "default"),
        ({"severity": "critical", "priority": "high"}, "high-priority"),
        ({"severity": "critical", "priority": "high", "environment": "dev"}, "development"),
        ({"severity": "critical", "environment": "development-eu"}, "default"),
        ({"severity": "warning", "category": "security", "environment": "dev"}, "security"),
    ],
)
def test_which_policy_takes_an_alert(labels: dict[str, str], name: str):
    policy = choose_policy(shipped().policies, [labels])
    assert policy is not None
    assert policy.name == name


@pytest.mark.parametrize("grave", [{}, {"environment": "production"}])
def test_one_alert_from_development_does_not_take_production_down_with_it(grave: dict[str, str]):
    developed = {"severity": "critical", "environment": "dev", "priority": "high"}
    policy = choose_policy(shipped().policies, [developed, {"severity": "critical", **grave}])
    assert policy is not None
    assert policy.name == "default"


def test_security_is_told_to_everybody_at_once_and_cannot_be_made_quiet():
    (policy,) = (policy for policy in shipped().policies if policy.name == "security")
    (step,) = policy.steps
    kinds = {each.kind for name in step.receivers for each in shipped().receivers[name].integrations}
    assert kinds == {Kind.PAGERDUTY, Kind.SLACK, Kind.EMAIL}
    assert (step.after, policy.is_immediate, policy.terms.is_acknowledgeable) == (timedelta(0), True, False)


def test_what_is_being_developed_calls_nobody():
    (policy,) = (policy for policy in shipped().policies if policy.name == "development")
    kinds = {
        each.kind for step in policy.steps for name in step.receivers for each in shipped().receivers[name].integrations
    }
    assert kinds == {Kind.SLACK}
