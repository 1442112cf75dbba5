"""From alertmanager.yml to the receivers: what a person configures arrives, by every integration that can be sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from dev.receivers import Receivers
from dev.receivers_smtp import SmtpServer
from tests.adapters.samples import NOW, alert, notification
from tocsin import config
from tocsin.core.receivers import Integration, Kind
from tocsin.wiring import Application

ENVIRONMENT = {
    "TOCSIN_TABLE": "table",
    "TOCSIN_ALLOW_INLINE_SECRETS": "true",
    "TOCSIN_ALLOWED_TARGETS": "127.0.0.1",
    "TOCSIN_TOPIC_ARN": "arn:aws:sns:eu-west-1:123456789012:own",
    "AWS_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "a",
    "AWS_SECRET_ACCESS_KEY": "b",
}
FILE = """
global:
  smtp_from: tocsin@example.com
  smtp_smarthost: {mail}
  smtp_require_tls: false
  http_config: {{authorization: {{credentials: global}}}}
templates: ["templates/*.tmpl"]
route: {{receiver: everybody}}
receivers:
  - name: everybody
    slack_configs:
      - api_url: {slack}
      - api_url: {slack}
        title: '{{{{ template "mine" . }}}}'
    pagerduty_configs:
      - routing_key: {key}
        url: {pagerduty}
        description: '{{{{ template "mine" . }}}}'
    email_configs:
      - to: oncall@example.com
        headers: {{Subject: '{{{{ template "mine" . }}}}'}}
    webhook_configs:
      - url: {webhook}
        http_config: {{basic_auth: {{username: u, password: p}}}}
      - url: {webhook}
        payload: {{text: '{{{{ template "mine" . }}}}', count: '{{{{ len .Alerts }}}}'}}
    discord_configs:
      - webhook_url: {discord}
    msteamsv2_configs:
      - webhook_url: {teams}
        title: '{{{{ template "mine" . }}}}'
    telegram_configs:
      - api_url: {telegram}
        bot_token: "1:a"
        chat_id: -100
    opsgenie_configs:
      - api_key: k
        api_url: {opsgenie}
        message: '{{{{ template "mine" . }}}}'
        update_alerts: true
  - name: app
    slack_configs:
      - api_url: {slack_app}
        channel: '#ops'
        http_config: {{authorization: {{credentials: xoxb-1}}}}
"""
TEMPLATE = '{{ define "mine" }}mine: {{ .CommonLabels.service }}{{ end }}'


@pytest.fixture
def receivers() -> Iterator[Receivers]:
    with Receivers() as running:
        yield running


@pytest.fixture
def mail() -> Iterator[SmtpServer]:
    with SmtpServer() as running:
        yield running


class Folder:
    """Configuration that is in memory."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = files
        self.readings = 0

    def revision(self) -> str:
        return "1"

    def read(self) -> Mapping[str, bytes]:
        self.readings += 1
        return self.files


class Sending:
    """An application whose configuration leads to this machine's receivers."""

    def __init__(self, receivers: Receivers, mail: SmtpServer) -> None:
        text = FILE.format(
            mail=mail.address,
            slack=receivers.slack_url("ops"),
            slack_app=receivers.slack_app_url,
            key="a" * 32,
            pagerduty=receivers.pagerduty_url,
            webhook=receivers.webhook_url("ops"),
            discord=receivers.discord_url("ops"),
            teams=receivers.teams_url("ops"),
            telegram=receivers.telegram_url,
            opsgenie=receivers.opsgenie_url,
        )
        self.folder = Folder({"alertmanager.yml": text.encode(), "templates/mine.tmpl": TEMPLATE.encode()})
        self.application = Application("notify_webhook", ENVIRONMENT)
        self.application.__dict__["source"] = self.folder
        loaded = config.load(self.folder.files, environment=ENVIRONMENT)
        self.integrations = [each for name in ("everybody", "app") for each in loaded.receivers[name].integrations]

    def send(self, integration: Integration) -> str:
        # Where an incident's message is, is in the table, and here is none.
        told = notification(integration.kind, alert(), settings=integration.settings, incident=None)
        return self.application.senders.of_kind(integration.kind.value)(told, now=NOW)


def test_everybody_is_told(receivers: Receivers, mail: SmtpServer) -> None:
    sending = Sending(receivers, mail)
    for integration in sending.integrations:
        assert sending.send(integration)
    assert {each.integration: each.problems for each in receivers.received if each.problems} == {}
    came = [each.integration for each in receivers.received]
    assert sorted(came) == sorted(
        ["slack", "slack", "slack_app", "pagerduty", "webhook", "webhook", "discord", "msteamsv2", "telegram"]
        + ["opsgenie"] * 3
    )
    assert [str(letter.message["Subject"]) for letter in mail.letters] == ["mine: checkout"]
    texts: dict[str, Any] = {each.integration: each.payload for each in receivers.received}
    assert texts["pagerduty"]["payload"]["summary"] == "mine: checkout"
    assert texts["webhook"] == {"text": "mine: checkout", "count": 1}
    assert texts["msteamsv2"]["attachments"][0]["content"]["body"][0]["text"] == "mine: checkout"
    assert texts["opsgenie"] == {"description": texts["opsgenie"]["description"]}
    who = {each.integration: each.headers.get("authorization") for each in receivers.received}
    assert who["slack_app"] == "Bearer xoxb-1"
    assert who["discord"] == "Bearer global"
    assert receivers.accepted("webhook")[0].headers["authorization"].startswith("Basic ")


def test_configuration_is_read_only_where_a_text_has_a_template(receivers: Receivers, mail: SmtpServer) -> None:
    sending = Sending(receivers, mail)
    for integration in sending.integrations:
        if integration.kind in (Kind.DISCORD, Kind.TELEGRAM, Kind.SLACK) and integration.index == 0:
            sending.send(integration)
    assert sending.folder.readings == 0
    sending.send(next(each for each in sending.integrations if each.kind is Kind.PAGERDUTY))
    assert sending.folder.readings == 1


def test_every_kind_that_configuration_takes_has_a_sender() -> None:
    senders = Application("notify_webhook", ENVIRONMENT).senders
    for kind in Kind:
        if kind.honoured:
            assert callable(senders.of_kind(kind.value))
        else:
            with pytest.raises(ValueError, match="no sender delivers"):
                senders.of_kind(kind.value)
