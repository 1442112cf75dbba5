"""`global:`: every key, taken and refused, and what integrations take from it."""

from __future__ import annotations

from datetime import timedelta
from textwrap import dedent

import pytest
import yaml

from tests.config.files import ROUTE, read_all, refusal_of_all
from tocsin.config.global_settings import Global

GLOBAL = """
    resolve_timeout: 3m
    http_config: {follow_redirects: false}
    smtp_from: a@example.com
    smtp_hello: a
    smtp_smarthost: smtp.example.com:587
    smtp_auth_username: a
    smtp_auth_password_file: secret:mail#password
    smtp_auth_secret_file: secret:mail#secret
    smtp_auth_identity: a
    smtp_require_tls: false
    smtp_tls_config: {insecure_skip_verify: true}
    smtp_force_implicit_tls: true
    slack_api_url_file: secret:slack#a
    slack_app_url: https://slack.example.com
    pagerduty_url: https://pagerduty.example.com
    opsgenie_api_url: https://opsgenie.example.com
    opsgenie_api_key_file: secret:opsgenie#a
    wechat_api_url: https://wechat.example.com
    wechat_api_secret_file: secret:wechat#a
    wechat_api_corp_id: a
    victorops_api_url: https://victorops.example.com
    victorops_api_key_file: secret:victorops#a
    telegram_api_url: https://telegram.example.com
    telegram_bot_token_file: secret:telegram#a
    webex_api_url: https://webex.example.com
    rocketchat_api_url: https://rocketchat.example.com
    rocketchat_token_file: secret:rocketchat#token
    rocketchat_token_id_file: secret:rocketchat#id
    mattermost_webhook_url_file: secret:mattermost#a
    jira_api_url: https://jira.example.com
"""
SECRETS = """
    smtp_auth_password: a
    smtp_auth_secret: a
    slack_app_token: a
    opsgenie_api_key: a
    wechat_api_secret: a
    victorops_api_key: a
    telegram_bot_token: a
    rocketchat_token: a
    rocketchat_token_id: a
    mattermost_webhook_url: https://mattermost.example.com
"""
OTHERS = "slack_api_url: https://slack.example.com/a"
OTHER_TOKEN = "slack_app_token_file: secret:slack#token"
TEXTS = {"a": GLOBAL, "b": SECRETS, "c": OTHERS, "d": OTHER_TOKEN}


def as_global(text):
    return "global: " + yaml.safe_dump(yaml.safe_load(dedent(text)), default_flow_style=True, width=9999) + ROUTE


@pytest.mark.parametrize("name", TEXTS)
def test_global_takes_every_key(name):
    assert refusal_of_all(as_global(TEXTS[name])) == []


def test_every_key_of_global_has_its_case():
    assert {key for text in TEXTS.values() for key in yaml.safe_load(dedent(text))} == set(Global.keys())


@pytest.mark.parametrize("key", Global.keys())
def test_a_key_of_global_with_something_of_another_type_is_refused(key):
    assert any(key in problem for problem in refusal_of_all(f"global: {{{key}: [[{{}}]]}}\n{ROUTE}"))


@pytest.mark.parametrize("key", sorted(Global.secrets))
def test_a_secret_of_global_stands_once_and_in_clear_text_only_where_that_is_allowed(key):
    text = f"global: {{{key}: https://HIDDEN}}\n{ROUTE}"
    assert refusal_of_all(text) == []
    (problem,) = refusal_of_all(text, allow_inline_secrets=False)
    assert f"global: {key} is a secret in clear text" in problem
    assert "HIDDEN" not in problem
    both = f"global: {{{key}: https://a, {key}_file: /b}}\n{ROUTE}"
    assert any(f"at most one of {key} and {key}_file may be set" in problem for problem in refusal_of_all(both))


def test_what_is_left_open_in_a_block_comes_from_global():
    text = f"""
    global: {{opsgenie_api_url: http://ops, opsgenie_api_key_file: secret:ops#key, smtp_smarthost: 'mail:25',
              smtp_from: a@example.com, smtp_require_tls: false, http_config: {{enable_http2: false}}}}
    {ROUTE.splitlines()[0]}
    receivers:
      - name: a
        opsgenie_configs: [{{}}, {{api_key_file: secret:ops#mine, http_config: {{proxy_url: a}}}}]
        email_configs: [{{to: a@example.com}}, {{to: a@example.com, require_tls: true, smarthost: 'own:25'}}]
    """
    found, problems = read_all(text)
    assert problems == []
    email, own_email, opsgenie, own_opsgenie = found.receivers["a"].integrations
    assert (opsgenie.settings["api_url"], opsgenie.settings["api_key_file"]) == ("http://ops/", "secret:ops#key")
    assert opsgenie.settings["http_config"] == {"follow_redirects": True, "enable_http2": False}
    assert own_opsgenie.settings["api_key_file"] == "secret:ops#mine"
    assert own_opsgenie.settings["http_config"] == {"follow_redirects": True, "enable_http2": True, "proxy_url": "a"}
    assert (email.settings["smarthost"], email.settings["require_tls"]) == ("mail:25", False)
    assert (own_email.settings["smarthost"], own_email.settings["require_tls"]) == ("own:25", True)


def test_an_app_token_beside_the_apps_url_is_how_it_was_done_before():
    fine = "global: {slack_app_token: a, slack_api_url: 'https://slack.com/api/chat.postMessage'}\n"
    assert refusal_of_all(fine + ROUTE) == []
    (problem,) = refusal_of_all(f"global: {{slack_app_token: a, slack_api_url: 'https://hooks.slack.com/a'}}\n{ROUTE}")
    assert "at most one of slack_app_token and slack_api_url" in problem


def test_resolve_timeout_is_five_minutes_unless_it_is_said():
    assert read_all(ROUTE)[0].resolve_timeout == timedelta(minutes=5)
    assert read_all(f"global: {{resolve_timeout: 0s}}\n{ROUTE}")[0].resolve_timeout == timedelta(0)
