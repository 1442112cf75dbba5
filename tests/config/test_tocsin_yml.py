"""tocsin.yml: threshold rules and what they compile to, cooldowns, escalation."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.config.files import ALERTMANAGER, load, refusal
from tocsin.core.configuration import Compatibility
from tocsin.core.cooldowns import DEFAULT_COOLDOWN, cooldown_of
from tocsin.core.policies import Step, Terms
from tocsin.core.redaction import Redaction
from tocsin.core.silences import BroadnessRule

FULL = """
cooldown: 10m
external_labels: {cluster: eu}
rules:
  - name: high_error_rate
    description: More than $threshold failed within $window.
    severity: critical
    expr: sum(rate(errors[$window])) / sum(rate(requests[$window]))
    condition: gte
    threshold: ${ALERT_THRESHOLD:-0.05}
    window: 5
    for: 2m
    display: "{value:.1%} error rate"
    labels: {team: web}
    channels: [pager]
    recommendations: [Look, Act]
    runbook_url: https://runbooks.example.com/errors
    cooldown: 30s
  - name: queue_length
    metric: queue_length{job="worker"}
    condition: ">"
    threshold: 100
    window: 0.5
cooldowns:
  - matchers: ['severity="warning"']
    receiver: pager
    cooldown: 1h
escalation:
  policies:
    - name: default
      matchers: ['severity="critical"']
      steps:
        - receivers: [default]
        - {after: 5m, receivers: [pager, default]}
"""


def test_a_threshold_rule_compiles_to_a_prometheus_rule():
    configuration = load(tocsin=FULL)
    rule, by_metric = configuration.rules()
    assert rule.expr == "(sum(rate(errors[5m])) / sum(rate(requests[5m]))) >= 0.05"
    assert rule.hold_for == timedelta(minutes=2)
    assert rule.labels == {"team": "web", "severity": "critical"}
    assert rule.receivers == ("pager",)
    assert rule.annotations == {
        "summary": "high_error_rate: {{ $value | humanizePercentage }} error rate (threshold: 5.0%)",
        "description": "More than 5.0% failed within 5m.",
        "recommendations": "- Look\n- Act",
        "runbook_url": "https://runbooks.example.com/errors",
        "value": "{{ $value | humanizePercentage }} error rate",
        "threshold": "5.0%",
    }
    assert rule.key == "tocsin.yml;thresholds;high_error_rate;0"
    assert by_metric.expr == '(avg_over_time(queue_length{job="worker"}[30s])) > 100'
    assert by_metric.labels == {"severity": "warning"}


@pytest.mark.parametrize(("text", "expected"), [("", "tocsin"), ("compatibility: alertmanager", "alertmanager")])
def test_faults_of_alertmanager_are_repeated_only_where_that_is_asked_for(text, expected):
    assert load(tocsin=text).compatibility is Compatibility(expected)


@pytest.mark.parametrize(
    ("name", "written", "sign"),
    [
        ("greater", "gt", ">"),
        ("greater or equal", "gte", ">="),
        ("less", "lt", "<"),
        ("less or equal", "lte", "<="),
        ("equal", "eq", "=="),
        ("not equal", "ne", "!="),
        ("the sign itself", "'<='", "<="),
    ],
)
def test_conditions_become_signs(name, written, sign):
    (rule,) = load(tocsin=f"rules: [{{name: a, metric: m, condition: {written}, threshold: 1}}]").rules()
    assert rule.expr == f"(avg_over_time(m[5m])) {sign} 1"


@pytest.mark.parametrize(
    ("name", "environment", "expected"),
    [
        ("the default counts when nothing is set", {}, 0.05),
        ("an empty variable counts as unset", {"ALERT_THRESHOLD": ""}, 0.05),
        ("a variable overrides it", {"ALERT_THRESHOLD": "0.2"}, 0.2),
        ("exponents are numbers", {"ALERT_THRESHOLD": "1e-3"}, 0.001),
    ],
)
def test_a_threshold_comes_from_the_environment(name, environment, expected):
    rule = load(tocsin=FULL, environment=environment).rules()[0]
    assert rule.threshold is not None
    assert rule.threshold.threshold == expected
    assert rule.expr.endswith(f">= {expected}")


def test_a_comment_at_the_end_of_an_expression_does_not_swallow_the_comparison():
    (rule,) = load(tocsin="rules: [{name: a, expr: 'up # all', threshold: 1}]").rules()
    assert rule.expr == "(up # all\n) > 1"


def test_cooldowns_of_a_rule_come_before_those_by_matchers():
    configuration = load(tocsin=FULL)

    def length(labels, receiver):
        return cooldown_of(configuration.cooldowns, labels, receiver, default=configuration.default_cooldown)

    assert length({"alertname": "high_error_rate", "severity": "warning"}, "pager") == timedelta(seconds=30)
    assert length({"alertname": "other", "severity": "warning"}, "pager") == timedelta(hours=1)
    assert length({"alertname": "other", "severity": "warning"}, "default") == timedelta(minutes=10)


def test_escalation_steps_are_read_in_their_order():
    (policy,) = load(tocsin=FULL).policies
    assert [(step.after, step.receivers) for step in policy.steps] == [
        (timedelta(0), ("default",)),
        (timedelta(minutes=5), ("pager", "default")),
    ]


WHOLE_POLICY = """
users:
  - {name: ann, phone: "+441234567890", notify: [{by: sms}]}
schedules:
  - {name: primary, layers: [{name: all, users: [ann], start: 2026-01-05 09:00}]}
escalation:
  policies:
    - name: a
      repeat: 2
      repeat_after: 20m
      acknowledge_timeout: 1h
      reminder: 10m
      reopen_on_new_alerts: true
      acknowledgeable: false
      immediate: true
      fallback: [pager]
      steps:
        - {schedules: [primary], during: [night], severities: [critical]}
        - {after: 5m, users: [ann], important: true}
"""
NIGHT = "time_intervals: [{name: night, time_intervals: [{times: [{start_time: '00:00', end_time: '06:00'}]}]}]\n"


def test_everything_that_a_policy_may_say():
    (policy,) = load(tocsin=WHOLE_POLICY, alertmanager=ALERTMANAGER + NIGHT).policies
    hour, minute = timedelta(hours=1), timedelta(minutes=1)
    assert policy.is_immediate
    assert policy.terms == Terms(
        2, 20 * minute, hour, 10 * minute, is_acknowledgeable=False, reopens=True, fallback=("pager",)
    )
    assert policy.steps == (
        Step(0 * minute, schedules=("primary",), during=("night",), severities=("critical",)),
        Step(5 * minute, users=("ann",), is_important=True),
    )


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}", "rules:\ncooldowns:\nescalation:\n"])
def test_every_key_has_a_default(text):
    configuration = load(tocsin=text)
    assert configuration.rules() == ()
    assert configuration.policies == ()
    assert configuration.default_cooldown == DEFAULT_COOLDOWN


def rule(text):
    return f"rules: [{{name: a, {text}}}]"


def policy(steps):
    return f"escalation: {{policies: [{{name: a, steps: {steps}}}]}}"


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("not a mapping", "- a", "tocsin.yml:1:1: expected a mapping, found a list"),
        ("an unknown key", "rule: []", "unknown key 'rule', did you mean 'rules'?"),
        ("no expression", rule("threshold: 1"), 'rule "a": one of expr or metric must be set'),
        ("both", rule("expr: up, metric: up, threshold: 1"), "only one of expr and metric may be set"),
        ("no threshold", rule("expr: up"), "threshold is missing"),
        ("no number", rule("expr: up, threshold: much"), "threshold: expected a number, found 'much'"),
        ("more than any number", rule("expr: up, threshold: 1e999"), "threshold: expected a number"),
        ("no condition", rule("expr: up, threshold: 1, condition: about"), "condition: expected one of gt, gte"),
        ("a window of nothing", rule("metric: a, threshold: 1, window: 0"), "window: expected minutes above zero"),
        ("a window beyond time", rule("metric: a, threshold: 1, window: 1e300"), "window: "),
        ("a window that nothing uses", rule("expr: up, threshold: 1, window: 5"), "window: expr has no $window"),
        ("a metric that is an expression", rule("metric: a + b, threshold: 1"), "metric: expected a metric such as"),
        ("a bracket", rule("expr: sum(up, threshold: 1"), "expr: the bracket ( is never closed"),
        ("a display", rule("expr: up, threshold: 1, display: much"), "display: expected one placeholder"),
        ("a display that is a list", rule("expr: up, threshold: 1, display: []"), "display: expected text"),
        ("severity as a label", rule("expr: up, threshold: 1, labels: {severity: a}"), "is a key of the rule itself"),
        ("a template", rule("expr: up, threshold: 1, description: '{{ $x }}'"), "description: invalid template"),
        ("an unknown channel", rule("expr: up, threshold: 1, channels: [pagr]"), "did you mean 'pager'?"),
        ("a link", rule("expr: up, threshold: 1, runbook_url: wiki"), "runbook_url: expected a URL"),
        ("a variable without a value", rule("expr: up, threshold: '${LIMIT}'"), "variable LIMIT is not set"),
        ("a rule's name twice", "rules: [{name: a}, {name: a}]", 'rule "a": the name stands twice'),
        ("a cooldown of nobody", "cooldowns: [{receiver: b, cooldown: 1m}]", 'cooldown 1: there is no receiver "b"'),
        ("a cooldown without length", "cooldowns: [{}]", "cooldown 1: cooldown is missing"),
        ("a policy without steps", policy("[]"), 'escalation policy "a": steps is missing'),
        ("a step without receivers", policy("[{after: 1m}]"), "step 1: a step must say who is told"),
        ("a step with no receiver", policy("[{receivers: []}]"), "a step must say who is told"),
        ("a step to nobody", policy("[{receivers: [b]}]"), 'step 1: there is no receiver "b"'),
        ("a step to no user", policy("[{users: [ann]}]"), 'step 1: there is no user "ann"'),
        ("a step to no schedule", policy("[{schedules: [a]}]"), 'step 1: there is no schedule "a"'),
        ("a step at no time", policy("[{receivers: [pager], during: [a]}]"), 'there is no time interval "a"'),
        ("a fallback to nobody", policy("[{receivers: [pager]}], fallback: [b]"), 'there is no receiver "b"'),
        (
            "a reminder of nothing",
            policy("[{receivers: [pager]}], reminder: 5m"),
            "reminder: there is nothing to be reminded of without acknowledge_timeout",
        ),
        (
            "a reminder before the beginning",
            policy("[{receivers: [pager]}], reminder: 5m, acknowledge_timeout: 5m"),
            "reminder: expected less than acknowledge_timeout",
        ),
        ("a policy's unknown key", policy("[{receivers: [pager]}], ack_timeout: 5m"), "unknown key 'ack_timeout'"),
        (
            "steps out of order",
            policy("[{after: 5m, receivers: [pager]}, {after: 1m, receivers: [pager]}]"),
            "step 2: after: steps must be in ascending order",
        ),
        ("a compatibility with something else", "compatibility: grafana", "expected tocsin or alertmanager"),
        ("policies that are no list", "escalation: {policies: a}", "policies: expected a list, found a text"),
    ],
)
def test_a_file_is_refused_with_its_place_and_reason(name, text, expected):
    problems = refusal(tocsin=text)
    assert all(problem.startswith("tocsin.yml:1:") for problem in problems), problems
    assert any(expected in problem for problem in problems), problems


def test_which_silences_are_too_broad():
    assert load(tocsin="").silence_breadth == BroadnessRule()
    found = load(tocsin="silences: {required_labels: [team, service], max_alerts: 50}").silence_breadth
    assert found == BroadnessRule(("team", "service"), 50)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("silences: 1", "silences: expected a mapping"),
        ("silences: {max_alerts: -1}", "max_alerts"),
        ("silences: {required_labels: team}", "required_labels"),
        ("silences: {max: 1}", "unknown key"),
    ],
)
def test_a_rule_about_silences_is_refused(text, message):
    assert message in str(refusal(tocsin=text))


def test_what_is_redacted():
    text = """
redaction:
  kinds: [passwords, cards]
  patterns: ['EMP-[0-9]{4}']
  labels: [customer]
  keep: [dsn]
"""
    redaction = load(tocsin=text).redaction
    assert redaction.pairs({"customer": "ann", "dsn": "password=hunter2", "a": "EMP-1234 ghp_" + "a1" * 18}) == {
        "customer": "[redacted]",
        "dsn": "password=hunter2",
        "a": "[redacted] ghp_" + "a1" * 18,
    }
    assert load(tocsin="").redaction == Redaction()
    assert load(tocsin="redaction: {kinds: []}").redaction.text("password=hunter2") == "password=hunter2"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[a]", "tocsin.yml:1:1: redaction: expected a mapping, found a list"),
        (
            "{kinds: [password]}",
            "tocsin.yml:1:21: redaction: kinds: there is no kind 'password', did you mean 'passwords'?",
        ),
        ("{patterns: ['[']}", "tocsin.yml:1:24: redaction: patterns: not a valid RE2 pattern: '[' (missing ]: [)"),
        ("{patterns: ['a*']}", "tocsin.yml:1:24: redaction: patterns: 'a*' also matches a text that is empty"),
        ("{labels: [a], keep: [a]}", "tocsin.yml:1:26: redaction: keep: a is hidden by `labels` too"),
        ("{pattern: [a]}", "tocsin.yml:1:13: redaction: unknown key 'pattern', did you mean 'patterns'?"),
    ],
)
def test_redaction_that_cannot_be_read(text, said):
    assert refusal(tocsin=f"redaction: {text}") == [said]
