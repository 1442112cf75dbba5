"""`links` in tocsin.yml: what is read, what is refused, and who gets them."""

from __future__ import annotations

from datetime import timedelta
from textwrap import dedent

import pytest

from tests.config.files import load, refusal
from tocsin.core.action_links import LinkSettings, addressee_of, settings_of
from tocsin.core.receivers import LINKS, Kind, Receiver

ALERTMANAGER = """
route: {receiver: people}
receivers:
  - name: people
    email_configs: [{to: ann@example.com, from: tocsin@example.com}]
    slack_configs: [{api_url_file: 'secret:slack#a'}]
    sns_configs:
      - {phone_number: '+441234567890', sigv4: {region: eu-west-1}}
      - {topic_arn: 'arn:aws:sns:eu-west-1:123456789012:other', sigv4: {}}
    discord_configs: [{webhook_url_file: 'secret:webhook#d'}]
    telegram_configs: [{bot_token_file: 'secret:webhook#t', chat_id: 1}]
    msteamsv2_configs: [{webhook_url_file: 'secret:webhook#m'}]
  - name: programs
    webhook_configs: [{url_file: 'secret:webhook#w'}]
    pagerduty_configs: [{routing_key_file: 'secret:pagerduty#p'}]
    opsgenie_configs: [{api_key_file: 'secret:webhook#o'}]
"""
FULL = """
links:
  secret: secret:links#key
  valid_for: 12h
  url: https://alerts.example.com/tocsin
"""


def test_everything_is_read() -> None:
    assert load(tocsin=FULL).links == LinkSettings(
        "secret:links#key", timedelta(hours=12), "https://alerts.example.com/tocsin"
    )


def test_the_key_is_enough() -> None:
    assert load(tocsin="links: {secret: 'ssm:/tocsin/links'}").links == LinkSettings("ssm:/tocsin/links")
    assert load().links is None


def test_what_people_read_has_links_and_what_programs_read_has_none() -> None:
    receivers = load(ALERTMANAGER, FULL).receivers
    has_links = {each.key for each in receivers["people"].integrations if settings_of(each)}
    assert {key.split("/", 1)[1] for key in has_links} == {
        *("email/0", "slack/0", "sns/0", "discord/0", "telegram/0", "msteamsv2/0")
    }
    assert not any(LINKS in each.settings for each in receivers["programs"].integrations)


def test_settings_hold_no_secret_and_read_back() -> None:
    (email, *_) = load(ALERTMANAGER, FULL).receivers["people"].integrations
    found = {each.kind: each for each in load(ALERTMANAGER, FULL).receivers["people"].integrations}[Kind.EMAIL]
    assert email.settings[LINKS]["secret"] == "secret:links#key"
    assert settings_of(found) == load(tocsin=FULL).links


def test_without_links_integrations_are_as_they_were() -> None:
    assert not any(LINKS in each.settings for each in load(ALERTMANAGER).receivers["people"].integrations)


def test_a_changed_key_does_not_move_alerts() -> None:
    assert load(ALERTMANAGER).routes_digest == load(ALERTMANAGER, FULL).routes_digest


REFUSED = {
    "no key": ("links: {valid_for: 1h}", ["tocsin.yml:1:1: links: secret is missing"]),
    "a key in clear": (
        "links: {secret: 0123456789abcdef0123456789abcdef}",
        [
            "tocsin.yml:1:17: links: secret: expected a reference to a secret such as secret:slack#warnings,"
            " secretsmanager:NAME#KEY, ssm:NAME or the path of a file"
        ],
    ),
    "too long": (
        "links: {secret: 'ssm:k', valid_for: 31d}",
        ["tocsin.yml:1:37: links: valid_for: expected 1m to 30d"],
    ),
    "too short": (
        "links: {secret: 'ssm:k', valid_for: 59s}",
        ["tocsin.yml:1:37: links: valid_for: expected 1m to 30d"],
    ),
    "no address": (
        "links: {secret: 'ssm:k', url: alerts.example.com}",
        [
            "tocsin.yml:1:31: links: url: expected http(s)://… of at most 200 characters, without user and parameters,"
            " found 'alerts.example.com'"
        ],
    ),
    "a user": (
        "links: {secret: 'ssm:k', url: 'https://me@example.com'}",
        [
            "tocsin.yml:1:31: links: url: expected http(s)://… of at most 200 characters, without user and parameters,"
            " found 'https://me@example.com'"
        ],
    ),
    "a list": ("links: []", ["tocsin.yml:1:1: links: expected a mapping, found a list"]),
    "another key": (
        "links: {secret: 'ssm:k', valid: 1h}",
        ["tocsin.yml:1:26: links: unknown key 'valid', did you mean 'valid_for'?"],
    ),
}


@pytest.mark.parametrize(("text", "problems"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_wrong_is_told(text: str, problems: list[str]) -> None:
    assert refusal(tocsin=text) == problems


def test_users_ways_have_links_that_are_theirs() -> None:
    users = """
    users: [{name: ann, email: ann@example.com, phone: '+441234567890', pagerduty: 'secret:pagerduty#ann'}]
    """
    alertmanager = f"global: {{smtp_from: t@example.com}}\n{ALERTMANAGER.lstrip()}"
    contacts = load(alertmanager, FULL + dedent(users)).contacts
    found = {name: addressee_of(*contact.integrations) for name, contact in contacts.items() if _has_links(contact)}
    assert found == {"user/ann/email": "ann", "user/ann/sms": "ann"}


def _has_links(contact: Receiver) -> bool:
    return all(settings_of(each) is not None for each in contact.integrations)
