"""`users` in tocsin.yml: who they are, each of their ways as a receiver, and every mistake with its line."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.config.files import load, refusal
from tocsin.core.receivers import LINKS, Kind
from tocsin.core.users import ContactRule, Method, contact_name

ALERTMANAGER = """
global: {smtp_from: tocsin@example.com, smtp_smarthost: "mail.example.com:587"}
route: {receiver: default}
receivers: [{name: default}]
"""
ANN = """
slack: {bot_token: "secret:slack#bot_token"}
users:
  - name: ann
    slack: U012ABC
    email: ann@example.com
    phone: "+441234567890"
    pagerduty: secret:pagerduty#ann
    pagerduty_id: PABC123
"""
RULES = """
    notify: [{by: sms, after: 2m}, {by: slack}, {by: email, after: 5m}]
    notify_important: [{by: sms}, {by: pagerduty, after: 1m}]
"""


def settings(configuration, method: Method):
    (integration,) = configuration.contacts[contact_name("ann", method)].integrations
    return integration.kind, integration.send_resolved, integration.settings


def test_a_user_is_told_by_rules_in_the_order_of_their_time():
    ann = load(ALERTMANAGER, tocsin=ANN + RULES).users["ann"]
    assert ann.rules == (
        ContactRule(Method.SLACK),
        ContactRule(Method.SMS, timedelta(minutes=2)),
        ContactRule(Method.EMAIL, timedelta(minutes=5)),
    )
    assert ann.rules_for(is_important=True) == (
        ContactRule(Method.SMS),
        ContactRule(Method.PAGERDUTY, timedelta(minutes=1)),
    )
    assert ann.rules_for(is_important=False) == ann.rules


def test_without_rules_a_user_is_told_at_once_by_every_way_that_works():
    ann = load(ALERTMANAGER, tocsin=ANN).users["ann"]
    assert ann.rules == tuple(map(ContactRule, (Method.SLACK, Method.SMS, Method.EMAIL, Method.PAGERDUTY)))
    assert ann.rules_for(is_important=True) == ann.rules
    without_app = load(ALERTMANAGER, tocsin=ANN.replace("slack: {bot_token", "external_labels: {bot_token"))
    assert [rule.by for rule in without_app.users["ann"].rules] == [Method.SMS, Method.EMAIL, Method.PAGERDUTY]
    assert contact_name("ann", Method.SLACK) not in without_app.contacts


def test_each_way_is_a_receiver_as_alertmanager_yml_would_have_it():
    configuration = load(ALERTMANAGER, tocsin=ANN)
    assert set(configuration.contacts) == {contact_name("ann", method) for method in Method}
    kind, _, found = settings(configuration, Method.SLACK)
    assert (kind, found["api_url"]) == (Kind.SLACK, "https://slack.com/api/chat.postMessage")
    assert found["channel"] == "U012ABC"
    bearer = {"type": "Bearer", "credentials_file": "secret:slack#bot_token"}
    assert found["http_config"]["authorization"] == bearer
    kind, send_resolved, found = settings(configuration, Method.SMS)
    assert (kind, send_resolved, found["phone_number"]) == (Kind.SNS, False, "+441234567890")
    kind, _, found = settings(configuration, Method.EMAIL)
    assert (kind, found["to"], found["from"]) == (Kind.EMAIL, "ann@example.com", "tocsin@example.com")
    assert found["smarthost"] == "mail.example.com:587"
    kind, _, found = settings(configuration, Method.PAGERDUTY)
    assert (kind, found["routing_key_file"]) == (Kind.PAGERDUTY, "secret:pagerduty#ann")
    for receiver in configuration.contacts.values():
        assert receiver.integrations[0].key.startswith(receiver.name)
        assert configuration.has_integration(receiver.integrations[0].key)


def test_ways_know_the_users_own_templates_and_links_as_receivers_do():
    links = 'links: {secret: "secret:links#key"}\n'
    with_links, without = load(ALERTMANAGER, tocsin=links + ANN), load(ALERTMANAGER, tocsin=ANN)
    name = contact_name("ann", Method.EMAIL)
    more = with_links.contacts[name].integrations[0].settings.keys() - without.contacts[name].integrations[0].settings
    assert more == {LINKS}


def test_the_token_of_global_serves_where_tocsin_yml_names_none():
    alertmanager = ALERTMANAGER.replace("global: {", "global: {slack_app_token_file: secret:slack#app, ")
    configuration = load(alertmanager, tocsin=ANN[ANN.index("users") :])
    _, _, found = settings(configuration, Method.SLACK)
    assert found["http_config"]["authorization"]["credentials_file"] == "secret:slack#app"


def test_users_and_their_ways_route_nothing_anew():
    assert load(ALERTMANAGER, tocsin=ANN).routes_digest == load(ALERTMANAGER).routes_digest


@pytest.mark.parametrize(
    "known",
    [{"slack_id": "U012ABC"}, {"email": "Ann@Example.com"}, {"pagerduty_id": "PABC123"}, {"phone": "+441234567890"}],
)
def test_a_user_is_found_by_what_they_are_known_by_elsewhere(known):
    configuration = load(ALERTMANAGER, tocsin=ANN + "  - {name: bob, email: bob@example.com}")
    assert configuration.user_by(**known) == configuration.users["ann"]
    assert configuration.user_by(**dict.fromkeys(known, "somebody")) is None
    assert configuration.user_by(**dict.fromkeys(known, "")) is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param(
            "users: [{name: ann, slak: U1}]",
            """tocsin.yml:1:21: user "ann": unknown key 'slak', did you mean 'slack'?""",
            id="a key that nobody knows",
        ),
        pytest.param(
            "users: [{slack: U012ABC}]", "tocsin.yml:1:9: user 1: name is missing", id="a user without a name"
        ),
        pytest.param(
            "users:\n- {name: a/b}",
            "tocsin.yml:2:10: user \"a/b\": name: expected a name of up to 64 characters, without '/', found 'a/b'",
            id="a name that would be a path",
        ),
        pytest.param(
            "users:\n- {name: ann}\n- {name: ann}",
            'tocsin.yml:3:10: user "ann": the name stands twice',
            id="a name that stands twice",
        ),
        pytest.param(
            "users: [{name: tocsin}]",
            """tocsin.yml:1:16: user "tocsin": 'tocsin' is the name for what no person does""",
            id="our own name",
        ),
        pytest.param(
            "users: [{name: ann, slack: ann}]",
            """tocsin.yml:1:28: user "ann": slack: expected a member's id in Slack such as U012ABC, found 'ann'""",
            id="a name in the place of Slack's id",
        ),
        pytest.param(
            "users: [{name: ann, phone: 0123 456}]",
            "tocsin.yml:1:28: user \"ann\": phone: expected a telephone number such as +441234567890, found '0123 456'",
            id="a number of one country only",
        ),
        pytest.param(
            "users: [{name: ann, email: ann}]",
            """tocsin.yml:1:28: user "ann": email: expected an address such as ann@example.com, found 'ann'""",
            id="no address",
        ),
        pytest.param(
            "users:\n- {name: ann, email: a@b.c}\n- {name: bob, email: A@b.c}",
            'tocsin.yml:3:22: user "bob": email: it is that of user "ann" already',
            id="an address that another one has",
        ),
        pytest.param(
            "users: [{name: ann, email: a@b.c, notify: [{by: sms}]}]",
            'tocsin.yml:1:49: user "ann", notify: by sms: ann has no phone',
            id="a way that leads nowhere",
        ),
        pytest.param(
            "users: [{name: ann, slack: U012ABC, notify_important: [{by: slack}]}]",
            'tocsin.yml:1:61: user "ann", notify_important: by slack: slack.bot_token is missing:'
            " a person is told by the app, not by a webhook",
            id="Slack without an app",
        ),
        pytest.param(
            "users: [{name: ann, email: a@b.c, notify: [{by: mail}]}]",
            "tocsin.yml:1:49: user \"ann\", notify 1: by: expected slack, sms, email or pagerduty, found 'mail'"
            ", did you mean 'email'?",
            id="a way that nobody knows",
        ),
        pytest.param(
            "users: [{name: ann, email: a@b.c, notify: [{by: email, after: soon}]}]",
            "tocsin.yml:1:63: user \"ann\", notify 1: after: not a valid duration: 'soon'"
            " (expected for example 30s, 5m or 1h30m)",
            id="no duration",
        ),
        pytest.param("users: {}", "tocsin.yml:1:1: users: expected a list, found a mapping", id="no list"),
    ],
)
def test_what_is_wrong_with_a_user_is_told_with_its_place(text, problem):
    assert refusal(ALERTMANAGER, tocsin=text) == [problem]


def test_a_routing_key_in_clear_text_is_refused_and_not_repeated():
    (problem,) = refusal(ALERTMANAGER, tocsin="users: [{name: ann, pagerduty: 0123456789abcdef}]")
    assert "expected a reference to a secret" in problem
    assert "0123456789abcdef" not in problem


def test_mail_needs_a_sender_as_in_alertmanager_yml():
    tocsin = "users: [{name: ann, email: a@b.c, notify: [{by: email}]}]"
    (problem,) = refusal(tocsin=tocsin)
    assert problem == 'tocsin.yml:1:49: user "ann", notify: by email: from is missing, and global has no smtp_from'


def test_a_receiver_must_not_be_called_as_users_ways_are():
    (problem,) = refusal("route: {receiver: user/ann/sms}\nreceivers: [{name: user/ann/sms}]")
    assert "the name is Tocsin's own" in problem


def test_neither_phone_nor_key_is_shown_where_a_user_is_printed():
    shown = repr(load(ALERTMANAGER, tocsin=ANN).users["ann"])
    assert "+44" not in shown
    assert "secret:" not in shown
