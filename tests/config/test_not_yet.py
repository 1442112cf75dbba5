"""What Alertmanager knows and is not honoured yet: refused in those words, each at its place, and never sent."""

from __future__ import annotations

from textwrap import dedent
from typing import Any

import pytest
import yaml

from tests.config.files import ROUTE, load, refusal, refusal_of_all
from tests.config.integration_blocks import FULL
from tocsin.config import not_yet
from tocsin.config.alertmanager import _File
from tocsin.config.blocks import INLINE_SECRETS
from tocsin.config.global_settings import Global
from tocsin.config.integrations import INTEGRATIONS

WORDS = "known to Alertmanager, not honoured by Tocsin yet"
ENVIRONMENT = {INLINE_SECRETS: "true"}
WITH_SENDER = sorted(key for key, model in INTEGRATIONS.items() if model.kind.honoured)
WITHOUT_SENDER = sorted(set(INTEGRATIONS) - set(WITH_SENDER))


def in_receiver(key, block):
    value = yaml.safe_dump([block], default_flow_style=True, width=99999).strip()
    return f"route: {{receiver: a}}\nreceivers: [{{name: a, {key}: {value}}}]\n"


def test_only_keys_that_the_format_knows_stand_in_the_lists():
    assert set(not_yet.WITHOUT_EFFECT) <= set(_File.keys())
    assert set(not_yet.GLOBAL) <= set(Global.keys())
    assert all(kind.honoured for kind in not_yet.INTEGRATION), "what has no sender is in no list"
    for model in INTEGRATIONS.values():
        assert set(not_yet.INTEGRATION.get(model.kind, ())) <= set(model.keys())


@pytest.mark.parametrize("key", WITHOUT_SENDER)
def test_an_integration_without_a_sender_is_named_as_that(key):
    text = in_receiver(key, yaml.safe_load(dedent(FULL[key])))
    assert refusal_of_all(text) == []
    (problem,) = refusal(text, environment=ENVIRONMENT)
    assert problem.endswith(f'receiver "a": {key}: {WORDS}')


KEYS = [(key, name) for key in WITH_SENDER for name in sorted(not_yet.INTEGRATION.get(INTEGRATIONS[key].kind, ()))]


@pytest.mark.parametrize(("key", "name"), KEYS)
def test_a_key_that_is_not_honoured_yet_is_named_as_that(key, name):
    full = yaml.safe_load(dedent(FULL[key]))
    text = in_receiver(key, {name: full.get(name, "/a")})
    expected = f'receiver "a", {key} 1: {name}: {WORDS}'
    assert any(problem.endswith(expected) for problem in refusal(text, environment=ENVIRONMENT))
    # Alertmanager takes it, but perhaps not alone.
    assert not any("unknown key" in problem for problem in refusal_of_all(text))


@pytest.mark.parametrize("key", sorted(not_yet.GLOBAL))
def test_a_key_of_global_that_is_not_honoured_yet_is_named_as_that(key):
    value = {"http_config": "{follow_redirects: false}", "smtp_tls_config": "{server_name: a}"}.get(key, "https://a")
    problems = refusal(f"global: {{{key}: {value}}}\n{ROUTE}", environment=ENVIRONMENT)
    assert any(problem.endswith(f"global: {key}: {WORDS}") for problem in problems)


SECTIONS = {
    "inhibit_rules": "[{}]",
    "time_intervals": "[{name: a}]",
    "mute_time_intervals": "[{name: a}]",
    "templates": "[a]",
    "tracing": "{endpoint: a}",
    "event_recorder": "{outputs: [{type: stdout}]}",
}
SMALLEST: dict[str, dict[str, Any]] = {
    "slack_configs": {"api_url_file": "/a"},
    "pagerduty_configs": {"routing_key_file": "/a"},
    "email_configs": {"to": "a@example.com", "from": "b@example.com"},
    "sns_configs": {"topic_arn": "arn:aws:sns:eu-west-1:123456789012:a"},
    "webhook_configs": {"url": "http://a"},
    "discord_configs": {"webhook_url_file": "/a"},
    "msteamsv2_configs": {"webhook_url_file": "/a"},
    "telegram_configs": {"bot_token_file": "/a", "chat_id": 1},
    "opsgenie_configs": {"api_key_file": "/a"},
}


@pytest.mark.parametrize("key", sorted(not_yet.WITHOUT_EFFECT))
def test_a_section_about_alertmanagers_own_process_is_told_and_not_refused(key):
    text = f"{key}: {SECTIONS[key]}\n{ROUTE}"
    assert load(text).warnings == (
        f"alertmanager.yml:1:1: {key}: about an Alertmanager's own process; it has no effect here",
    )
    assert load(f"{key}:\n{ROUTE}").warnings == (), "nothing is said, so nothing is told"


def test_it_is_told_beside_what_is_wrong():
    problems = refusal(f"global: {{webex_api_url: 'http://a', resolve_timeout: x}}\n{ROUTE}")
    assert [problem.partition(" ")[0] for problem in problems] == ["alertmanager.yml:1:10:", "alertmanager.yml:1:54:"]


@pytest.mark.parametrize("key", WITH_SENDER)
def test_a_default_that_is_not_honoured_yet_reaches_no_sender(key):
    (integration,) = load(in_receiver(key, SMALLEST[key])).receivers["a"].integrations
    assert SMALLEST[key].items() <= integration.settings.items()
    assert not set(integration.settings) & not_yet.INTEGRATION.get(integration.kind, frozenset())


@pytest.mark.parametrize(
    ("key", "block"),
    [
        ("sns_configs", {"topic_arn": "topic"}),
        ("email_configs", {"to": "nobody", "from": "a@example.com"}),
        ("pagerduty_configs", {"routing_key_file": "/a", "severity": "page"}),
    ],
)
def test_a_value_that_no_receiver_takes_is_refused_though_alertmanager_takes_it(key, block):
    text = in_receiver(key, block)
    (problem,) = refusal(text)
    assert ": expected " in problem
    assert refusal_of_all(text) == []
