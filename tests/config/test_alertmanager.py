"""alertmanager.yml: what is taken, and what is refused with which words."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from tests.config.files import load, refusal
from tocsin.core.receivers import Kind

WITH_INTEGRATIONS = """
global:
  smtp_from: tocsin@example.com
  slack_api_url_file: secret:slack#default
  pagerduty_url: https://pagerduty.example.com/v2/enqueue
route:
  receiver: all
  group_by: [alertname]
receivers:
  - name: all
    slack_configs:
      - channel: '#alerts'
      - api_url_file: secretsmanager:arn:aws:secretsmanager:eu-west-1:123456789012:secret:x#url
        send_resolved: true
    pagerduty_configs:
      - routing_key_file: ssm:/tocsin/pagerduty
        class: web
        details: {team: a}
    email_configs:
      - to: a@example.com, B <b@example.com>
    sns_configs:
      - topic_arn: ${TOCSIN_TOPIC_ARN:-arn:aws:sns:eu-west-1:123456789012:alerts}
"""


def test_integrations_carry_their_settings_and_what_they_fall_back_to():
    slack, other_slack, pagerduty, email, sns = load(WITH_INTEGRATIONS).receivers["all"].integrations
    told = {"send_resolved": False, "channel": "#alerts", "api_url_file": "secret:slack#default"}
    assert told.items() <= slack.settings.items()
    assert other_slack.key == "all/slack/1"
    assert pagerduty.settings["url"] == "https://pagerduty.example.com/v2/enqueue"
    assert (pagerduty.settings["routing_key_file"], pagerduty.settings["class"]) == ("ssm:/tocsin/pagerduty", "web")
    assert pagerduty.settings["details"]["team"] == "a"
    assert (email.settings["from"], email.settings["to"]) == ("tocsin@example.com", "a@example.com, B <b@example.com>")
    assert sns.settings["topic_arn"] == "arn:aws:sns:eu-west-1:123456789012:alerts"


def test_send_resolved_is_off_for_email_and_slack_unless_it_is_asked_for():
    integrations = load(WITH_INTEGRATIONS).receivers["all"].integrations
    assert {(each.kind, each.index): each.send_resolved for each in integrations} == {
        (Kind.SLACK, 0): False,
        (Kind.SLACK, 1): True,
        (Kind.PAGERDUTY, 0): True,
        (Kind.EMAIL, 0): False,
        (Kind.SNS, 0): True,
    }


def test_settings_are_plain_json_values():
    for each in load(WITH_INTEGRATIONS).receivers["all"].integrations:
        assert json.loads(json.dumps(each.settings)) == each.settings


def test_only_variables_of_ours_are_replaced():
    text = """
    route: {receiver: "${TOCSIN_NAME:-a}-${HOME}", group_by: ["${TOCSIN_LABEL:-b}"]}
    receivers: [{name: "x-${HOME}"}]
    """
    environment = {"TOCSIN_NAME": "x", "HOME": "never", "TOCSIN_LABEL": ""}
    root = load(text, environment=environment).root
    assert root.receiver == "x-${HOME}"
    assert root.group_by == frozenset({"b"}), "an empty variable counts as unset"


def test_an_amp_definition_is_unwrapped_and_its_lines_are_those_of_the_file():
    wrapped = """
    # the definition that AMP takes
    alertmanager_config: |
      route:
        receiver: default
        group_wait: {wait}
      receivers:
        - name: default
    """
    assert load(wrapped.format(wait="10s")).root.group_wait == timedelta(seconds=10)
    assert refusal(wrapped.format(wait="soon")) == [
        "alertmanager.yml:5:17: route: group_wait: not a valid duration: 'soon' (expected for example 30s, 5m or 1h30m)"
    ]


def route(text):
    return f"route: {{receiver: default, {text}}}\nreceivers: [{{name: default}}]\n"


def child(text):
    return route(f"routes: [{{{text}}}]")


def receiver(text):
    return f"route: {{receiver: a}}\nreceivers: [{{name: a, {text}}}]\n"


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("an empty file", "", "alertmanager.yml:1:1: expected a mapping, found nothing"),
        ("no route", "receivers: [{name: a}]", "1:1: route is missing"),
        (
            "an unknown receiver in a route, with the one that was meant",
            "route: {receiver: defualt}\nreceivers: [{name: default}]",
            "1:19: route: there is no receiver \"defualt\", did you mean 'default'?",
        ),
        ("the root with matchers", route("matchers: ['a=b']"), "1:28: route: the root route takes every alert"),
        ("the root with continue", route("continue: true"), "the root route has no siblings"),
        ("the root without a receiver", "route: {}\nreceivers: []", "the root route must name a receiver"),
        ("an interval of zero", route("group_interval: 0s"), "group_interval: expected a duration above zero"),
        ("a label grouped by twice", route("group_by: [a, a]"), "group_by: the label 'a' stands twice"),
        ("all labels and another", route("group_by: [a, '...']"), "no other may stand beside it"),
        ("a child that is nothing", route("routes: [null]"), "route.routes[0]: expected a mapping, found nothing"),
        ("an unknown key of a child", child("recevier: a"), "route.routes[0]: unknown key 'recevier'"),
        ("a matcher that is none", child("matchers: [severity]"), "matchers: bad matcher format"),
        ("a matcher that is a mapping", child("matchers: [{a: b}]"), "found a mapping"),
        ("a pattern that does not compile", child("match_re: {a: '('}"), "match_re.a: not a valid RE2 pattern"),
        ("a pattern that is nothing", child("match_re: {a: }"), "match_re.a: expected a regular expression"),
        ("patterns that are no mapping", child("match_re: [a]"), "match_re: expected a mapping, found a list"),
        ("a legacy matcher with a newer name", child("match: {a-b: c}"), "not a valid label name: 'a-b'"),
        ("a truth in quotes", child("continue: 'yes'"), "continue: expected true or false, found 'yes'"),
        (
            "a reference that is none",
            receiver("slack_configs: [{api_url_file: hooks}]"),
            "api_url_file: expected a reference to a secret",
        ),
        ("no secret at all", receiver("slack_configs: [{channel: a}]"), "api_url_file is missing"),
        ("no routing key", receiver("pagerduty_configs: [{client: a}]"), "routing_key_file is missing"),
        ("no sender", receiver("email_configs: [{to: a@b.example}]"), "from is missing, and global has no smtp_from"),
        ("no address", receiver("email_configs: [{to: nobody, from: a@b.example}]"), "expected e-mail addresses"),
        ("no topic", receiver("sns_configs: [{topic_arn: topic}]"), "expected the ARN of an SNS topic"),
        (
            "a severity that PagerDuty has not",
            receiver("pagerduty_configs: [{routing_key_file: /key, severity: page}]"),
            "severity: expected critical, error, warning or info",
        ),
        (
            "a variable that is not set",
            receiver("email_configs: [{to: '${TOCSIN_EMAIL_ONCALL}', from: a@b.example}]"),
            "the environment variable TOCSIN_EMAIL_ONCALL is not set",
        ),
        ("an integration that is nothing", receiver("slack_configs: [null]"), "expected a mapping, found nothing"),
        ("an AMP definition that is no text", "alertmanager_config: {a: b}", "expected a text"),
    ],
)
def test_a_file_is_refused_with_its_place_and_reason(name, text, expected):
    problems = refusal(text)
    assert all(problem.startswith("alertmanager.yml:") for problem in problems)
    assert any(expected in problem for problem in problems), problems


def test_a_receivers_labels_are_its_own_and_its_name():
    found = load(receiver("labels: {team: web, kind: pager, name: a}")).receivers["a"]
    assert dict(found.labels) == {"name": "a", "team": "web", "kind": "pager"}
    assert dict(load().receivers["pager"].labels) == {"name": "pager"}


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ("{name: b}", "2:23: receiver \"a\": labels: name is always the receiver's own name, 'a'"),
        ("{'': b}", "not a valid label name: ''"),
        ("{team: [b]}", "labels.team: expected text, found a list"),
        ("[team]", "labels: expected a mapping, found a list"),
    ],
)
def test_labels_of_a_receiver_are_refused_with_their_reason(labels, expected):
    (problem,) = refusal(receiver(f"labels: {labels}"))
    assert problem.endswith(expected)


def test_a_receivers_name_stands_once():
    problems = refusal("route: {receiver: a}\nreceivers: [{name: a}, {name: a}]")
    assert problems == ['alertmanager.yml:2:31: the receiver name "a" is not unique']


def test_sections_that_say_nothing_are_no_reason_to_refuse():
    assert load("inhibit_rules: []\ntemplates:\n" + route("routes: [], matchers: []")).root.receiver == "default"


@pytest.mark.parametrize(
    ("name", "block", "key"),
    [
        ("Slack's webhook", "slack_configs: [{api_url: 'https://hooks.slack.example/SECRET'}]", "api_url"),
        ("PagerDuty's key", "pagerduty_configs: [{routing_key: SECRET}]", "routing_key"),
    ],
)
def test_a_secret_in_clear_text_is_refused_without_being_repeated(name, block, key):
    (problem,) = refusal(receiver(block))
    assert f"write `{key}_file: secret:NAME#KEY`" in problem
    assert "SECRET" not in problem.replace("TOCSIN_ALLOW_INLINE_SECRETS", "")
    allowed = load(receiver(block), environment={"TOCSIN_ALLOW_INLINE_SECRETS": "true"})
    assert allowed.receivers["a"].integrations[0].settings[key].endswith("SECRET")


def test_a_secret_stands_once():
    block = "pagerduty_configs: [{routing_key: a, routing_key_file: /b}]"
    (problem,) = refusal(receiver(block), environment={"TOCSIN_ALLOW_INLINE_SECRETS": "true"})
    assert "at most one of routing_key and routing_key_file may be set" in problem


def test_one_mistake_never_hides_another():
    text = """
    global: {resolve_time: 5m}
    route:
      receiver: nobody
      group_wait: soon
      routes:
        - matchers: ['a=~"("']
          receiver: no-one
    receivers:
      - name: a
        slack_configs: [{api_url_file: x}]
    """
    lines = [int(problem.split(":")[1]) for problem in refusal(text)]
    assert lines == [1, 3, 4, 6, 7, 10]
