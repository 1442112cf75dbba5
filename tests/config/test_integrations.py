"""Every key of every integration: taken with what Alertmanager takes, and refused with anything else."""

from __future__ import annotations

from textwrap import dedent, indent
from typing import Any

import pytest
import yaml

from tests.config.files import read_all
from tests.config.integration_blocks import EITHER, FULL
from tocsin.config.integrations import INTEGRATIONS
from tocsin.core.durations import parse_duration
from tocsin.core.receivers import Kind

TAKES_ANYTHING = {("webhook_configs", "payload")}
NOTHING_OF_ANY_TYPE: list[Any] = [[{}]]
FIRST_LINE = 6


def read(key, block):
    """Return the one integration of a block, None where it is refused, and the problems."""
    text = f"route: {{receiver: a}}\nreceivers:\n- name: a\n  {key}:\n  -\n{indent(dedent(block).strip(), '    ')}\n"
    found, problems = read_all(text)
    integrations = found.receivers["a"].integrations
    return (integrations[0] if integrations else None), problems


def keys_of(block):
    return {line.partition(":")[0] for line in dedent(block).strip().splitlines()}


def test_every_kind_has_its_blocks_and_every_key_its_case():
    assert {model.kind for model in INTEGRATIONS.values()} == set(Kind) - {Kind.HEARTBEAT}
    for key, model in INTEGRATIONS.items():
        covered = keys_of(FULL[key]).union(*map(keys_of, EITHER.get(key, ())))
        assert covered == set(model.keys()), key


@pytest.mark.parametrize("key", INTEGRATIONS)
def test_a_block_with_every_key_is_taken_and_all_of_it_stands_in_the_settings(key):
    integration, problems = read(key, FULL[key])
    assert problems == []
    assert integration.kind is INTEGRATIONS[key].kind
    assert keys_of(FULL[key]) <= set(integration.settings)
    assert yaml.safe_load(yaml.safe_dump(dict(integration.settings))) == integration.settings, "plain values"


@pytest.mark.parametrize(("key", "block"), [(key, block) for key, blocks in EITHER.items() for block in blocks])
def test_what_stands_in_place_of_another_key_is_taken(key, block):
    integration, problems = read(key, block)
    assert problems == []
    assert keys_of(block) <= set(integration.settings)


@pytest.mark.parametrize(
    ("key", "name"),
    [(key, name) for key, model in INTEGRATIONS.items() for name in model.keys() if (key, name) not in TAKES_ANYTHING],  # noqa: SIM118
)
def test_a_key_with_something_of_another_type_is_refused_by_its_name_and_place(key, name):
    full = {**yaml.safe_load(dedent(FULL[key])), name: NOTHING_OF_ANY_TYPE}
    lines = [yaml.safe_dump({each: value}, default_flow_style=True, width=9999)[1:-2] for each, value in full.items()]
    _, problems = read(key, "\n".join(lines))
    place = f"am.yml:{FIRST_LINE + list(full).index(name)}:"
    assert any(problem.startswith(place) and name in problem for problem in problems), problems


@pytest.mark.parametrize("key", INTEGRATIONS)
def test_an_unknown_key_is_refused_with_the_one_that_was_meant(key):
    _, problems = read(key, dedent(FULL[key]) + "\nsend_resolve: true")
    assert len(problems) == 1
    assert problems[0].endswith("unknown key 'send_resolve', did you mean 'send_resolved'?")


def test_send_resolved_is_off_for_letters_and_rooms_that_were_there_first():
    off = {key for key, model in INTEGRATIONS.items() if not model.model_fields["send_resolved"].default}
    assert off == {"email_configs", "slack_configs", "wechat_configs", "rocketchat_configs"}


def test_times_are_texts_that_our_own_durations_understand():
    for key, name, text in (
        ("slack_configs", "timeout", "1s500ms"),
        ("pushover_configs", "expire", "1h30m"),
        ("jira_configs", "reopen_duration", "1w"),
    ):
        integration, _ = read(key, FULL[key])
        assert integration.settings[name] == text
        assert parse_duration(text)


def test_values_without_quotes_keep_their_types_where_any_may_stand():
    pagerduty, _ = read("pagerduty_configs", FULL["pagerduty_configs"])
    assert pagerduty.settings["details"]["a"] == {"b": [1, True, 1.5, None, "2"]}
    webhook, _ = read("webhook_configs", FULL["webhook_configs"])
    assert webhook.settings["payload"] == {"text": "{{ .Status }}", "tags": ["a", 1], "urgent": True, "left": None}


def test_a_bots_token_becomes_the_authorization_of_its_requests():
    integration, _ = read("slack_configs", "app_token_file: secret:slack#token")
    assert integration.settings["http_config"]["authorization"] == {
        "type": "Bearer",
        "credentials_file": "secret:slack#token",
    }
    assert integration.settings["api_url"] == "https://slack.com/api/chat.postMessage"


def test_jiras_fields_have_one_form_in_the_settings():
    integration, _ = read("jira_configs", FULL["jira_configs"])
    assert integration.settings["summary"] == {"template": "a"}
    assert integration.settings["description"] == {"template": "a", "enable_update": False}
    assert integration.settings["labels"] == {"values": ["a", "b"]}
    short, _ = read("jira_configs", "api_url: http://a\nproject: a\nissue_type: b\nsummary: {enable_update: false}")
    assert short.settings["summary"] == {"template": '{{ template "jira.default.summary" . }}', "enable_update": False}


@pytest.mark.parametrize(
    ("name", "key", "block", "expected"),
    [
        ("an action without a name", "slack_configs", "actions: [{type: a, text: b}]", "actions[0]: name is missing"),
        ("an action without a type", "slack_configs", "actions: [{text: b, url: c}]", "actions[0]: type is missing"),
        (
            "a question without words",
            "slack_configs",
            "actions: [{type: a, text: b, name: c, confirm: {title: d}}]",
            "actions[0].confirm: text is missing",
        ),
        ("a field without a value", "mattermost_configs", "fields: [{title: a}]", "fields[0]: value is missing"),
        ("an unknown key within", "slack_configs", "fields: [{title: a, value: b, long: a}]", "fields[0]: unknown key"),
        (
            "a token beside a webhook",
            "slack_configs",
            "api_url: http://a\napp_token: b",
            "at most one of api_url and app_token may be set",
        ),
        (
            "two ways to authorize",
            "slack_configs",
            "app_token: b\nhttp_config: {authorization: {credentials: a}}",
            "at most one of app_token and http_config.authorization",
        ),
        (
            "a thread without a bot",
            "slack_configs",
            "api_url: http://a\npost_updates_to_thread: true",
            "post_updates_to_thread needs a bot's token",
        ),
        ("a date nobody knows", "email_configs", "to: a\nthreading: {enabled: true}", "threading: thread_by_date"),
        (
            "a header that threading sets",
            "email_configs",
            "to: a\nheaders: {references: a}\nthreading: {enabled: true, thread_by_date: none}",
            "headers: References is set by threading",
        ),
        ("a host without a port", "email_configs", "to: a\nsmarthost: localhost", "smarthost: expected HOST:PORT"),
        ("half a key pair", "sns_configs", "topic_arn: a\nsigv4: {access_key: a}", "sigv4: access_key and secret_key"),
        ("a type of Jira", "jira_configs", "api_type: server", "api_type: expected auto, cloud or datacenter"),
        ("a bot without a token", "webex_configs", "room_id: a", "http_config.authorization is missing"),
        (
            "two tokens",
            "incidentio_configs",
            "url: http://a\nalert_source_token: a\nhttp_config: {authorization: {credentials: b}}",
            "at most one of alert_source_token and http_config.authorization",
        ),
        (
            "no token at all",
            "incidentio_configs",
            "url: http://a\nhttp_config: {proxy_url: b}",
            "alert_source_token_file is missing",
        ),
        ("two chats", "telegram_configs", "chat_id: 1\nchat_id_file: /a", "at most one of chat_id and chat_id_file"),
        ("no chat", "telegram_configs", "chat_id: 0", "chat_id is missing"),
        ("a text as a number", "telegram_configs", "chat_id: '1'", "chat_id: expected a whole number"),
        ("a type of WeChat", "wechat_configs", "message_type: html", "message_type: expected text or markdown"),
        ("a day in Go's durations", "webhook_configs", "url: http://a\ntimeout: 1d", "timeout: expected a duration"),
        ("a count too large", "webhook_configs", "url: http://a\nmax_alerts: 18446744073709551616", "a whole number"),
        ("an empty address", "slack_configs", "api_url: ''", "api_url: expected a URL"),
        ("a responder without a type", "opsgenie_configs", "responders: [{id: a}]", "responders[0]: type: expected"),
    ],
)
def test_a_block_is_refused_with_its_reason(name, key, block, expected):
    _, problems = read(key, block)
    assert any(expected in problem for problem in problems), problems


def test_what_is_wrong_within_a_block_and_between_its_keys_is_told_at_once():
    _, problems = read("slack_configs", "api_url: b\napp_token: a\ncolor: []\nactions: [{}]\nnope: 1")
    said = [problem.partition("slack_configs 1: ")[2] for problem in problems]
    for expected in ("api_url: expected a URL", "at most one", "color: expected text", "unknown key", "actions[0]"):
        assert any(each.startswith(expected) for each in said), said
