"""`slack` in tocsin.yml: references to the app's secrets, and which messages get buttons by it."""

from __future__ import annotations

import pytest

from tests.config.files import load, refusal
from tocsin.core.slack import BUTTONS, SlackApp

BOTH = "slack: {bot_token: 'secret:slack#bot_token', signing_secret: 'secret:slack#signing_secret'}"
ALERTMANAGER = """
route: {receiver: ops}
receivers:
  - name: ops
    slack_configs: [{app_token_file: 'secret:slack#bot_token', channel: '#ops'}]
    webhook_configs: [{url_file: 'secret:webhook#ops'}]
"""


def test_secrets_are_references():
    assert load(tocsin=BOTH).slack == SlackApp("secret:slack#bot_token", "secret:slack#signing_secret")


def test_without_it_there_is_no_app():
    assert load(tocsin="").slack is None


def buttons(tocsin):
    receivers = load(alertmanager=ALERTMANAGER, tocsin=tocsin).receivers
    return [(each.kind.value, bool(each.settings.get(BUTTONS))) for each in receivers["ops"].integrations]


def test_buttons_are_for_slack_and_for_those_whose_clicks_are_taken():
    assert sorted(buttons(BOTH)) == [("slack", True), ("webhook", False)]
    assert sorted(buttons("slack: {bot_token: 'secret:slack#bot_token'}")) == [("slack", False), ("webhook", False)]
    assert sorted(buttons("")) == [("slack", False), ("webhook", False)]


@pytest.mark.parametrize(
    ("name", "tocsin", "expected"),
    [
        ("a secret in clear", "slack: {signing_secret: 8f742231b10e8888}", "expected a reference to a secret"),
        ("a token in clear", "slack: {bot_token: xoxb-8f742231b10e8888}", "expected a reference to a secret"),
        ("nothing said", "slack: {}", "signing_secret is missing"),
        ("a wrong key", "slack: {signing_secrets: 'secret:a#b'}", "did you mean 'signing_secret'?"),
        ("no mapping", "slack: [a]", "expected a mapping, found a list"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(name, tocsin, expected):
    problems = refusal(tocsin=tocsin)
    assert any(problem.startswith("tocsin.yml:1:") and expected in problem for problem in problems), problems
    assert "8f742231b10e8888" not in "".join(problems)
