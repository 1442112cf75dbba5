"""What Alertmanager knows and is not honoured yet: refused in those words, each at its place, and never sent."""

from __future__ import annotations

from textwrap import dedent

import pytest
import yaml

from tests.config.files import ROUTE, load, refusal, refusal_of_all
from tests.config.integration_blocks import EITHER, FULL
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


@pytest.mark.parametrize("key", WITHOUT_SENDER)
def test_an_integration_without_a_sender_is_named_as_that(key):
    text = in_receiver(key, yaml.safe_load(dedent(FULL[key])))
    assert refusal_of_all(text) == []
    (problem,) = refusal(text, environment=ENVIRONMENT)
    assert problem.endswith(f'receiver "a": {key}: {WORDS}')


BLOCKS = [
    *((key, FULL[key]) for key in WITH_SENDER),
    *((key, block) for key in WITH_SENDER for block in EITHER.get(key, ())),
    ("sns_configs", "{topic_arn: 'arn:aws:sns:eu-west-1:123456789012:a', use_aws_http_client: false}"),
]


@pytest.mark.parametrize(("key", "block"), BLOCKS)
def test_every_key_of_an_integration_with_a_sender_is_honoured(key, block):
    given = yaml.safe_load(dedent(block))
    problems = refusal(in_receiver(key, given), environment=ENVIRONMENT)
    assert not any(WORDS in problem for problem in problems)
    if not problems:
        (integration,) = load(in_receiver(key, given), environment=ENVIRONMENT).receivers["a"].integrations
        assert set(given) - {"send_resolved"} <= set(integration.settings)


@pytest.mark.parametrize("key", sorted(not_yet.GLOBAL))
def test_a_key_of_global_that_is_not_honoured_yet_is_named_as_that(key):
    value = {"http_config": "{follow_redirects: false}", "smtp_tls_config": "{server_name: a}"}.get(key, "https://a")
    problems = refusal(f"global: {{{key}: {value}}}\n{ROUTE}", environment=ENVIRONMENT)
    assert any(problem.endswith(f"global: {key}: {WORDS}") for problem in problems)


ASSERTION = "{client_id: a, token_url: b, grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer'}"
PLACES = [
    ("global", f"global: {{http_config: {{oauth2: {ASSERTION}}}}}\n{ROUTE}"),
    (
        'receiver "a", webhook_configs 2',
        f"""route: {{receiver: a}}
receivers:
- name: a
  webhook_configs: [{{url: 'http://b'}}, {{url: 'http://b', http_config: {{oauth2: {ASSERTION}}}}}]
""",
    ),
]


@pytest.mark.parametrize(("place", "text"), PLACES)
def test_a_client_that_signs_assertions_is_named_as_that(place, text):
    assert refusal_of_all(text) == []
    (problem,) = refusal(text)
    assert f"{place}: http_config.oauth2: grant_type: {WORDS}" in problem
    assert refusal(text.replace("urn:ietf:params:oauth:grant-type:jwt-bearer", "client_credentials")) == []


SECTIONS = {
    "inhibit_rules": "[{}]",
    "time_intervals": "[{name: a}]",
    "mute_time_intervals": "[{name: a}]",
    "templates": "[a]",
    "tracing": "{endpoint: a}",
    "event_recorder": "{outputs: [{type: stdout}]}",
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
