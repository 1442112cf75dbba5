"""alertmanager.yml as the API shows it: no secret in it, nothing else changed, and clients can load it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.functions.happenings import ROOT
from tocsin.config.showing import showable

SECRETS = {
    "a URL": "global: {slack_api_url: https://hooks.example/SECRET}",
    "another": "global: {mattermost_webhook_url: https://hooks.example/SECRET}",
    "a password": "global:\n  smtp_auth_password: SECRET word",
    "a token's name": "global: {rocketchat_token: SECRET, rocketchat_token_id: SECRET}",
    "in double quotes": 'receivers: [{slack_configs: [{api_url: "https://x/SECRET#1"}]}]',
    "in single quotes": "receivers: [{pagerduty_configs: [{routing_key: 'it''s SECRET'}]}]",
    "a webhook": "receivers: [{webhook_configs: [{url: https://x/SECRET}]}]",
    "Discord": "receivers: [{discord_configs: [{webhook_url: https://x/SECRET}]}]",
    "Teams": "receivers: [{msteams_configs: [{webhook_url: https://x/SECRET}]}]",
    "Teams now": "receivers: [{msteamsv2_configs: [{webhook_url: https://x/SECRET}]}]",
    "Rocket.Chat": "receivers: [{rocketchat_configs: [{token: SECRET, token_id: SECRET}]}]",
    "Pushover": "receivers: [{pushover_configs: [{user_key: SECRET, token: SECRET}]}]",
    "incident.io": "receivers: [{incidentio_configs: [{alert_source_token: SECRET}]}]",
    "an integration of tomorrow": "receivers: [{pigeon_configs: [{url: https://x/SECRET, api_url: https://x/SECRET}]}]",
    "a key that signs mail": "receivers: [{email_configs: [{auth_secret: SECRET, auth_password: SECRET}]}]",
    "AWS's": "receivers: [{sns_configs: [{sigv4: {access_key: SECRET, secret_key: SECRET}}]}]",
    "nested": "global:\n  http_config:\n    basic_auth:\n      password: SECRET\n",
    "credentials": "global: {http_config: {authorization: {credentials: SECRET}, bearer_token: SECRET}}",
    "a certificate's key": "global: {http_config: {tls_config: {key: SECRET}}}",
    "in a block": "global:\n  http_config:\n    authorization:\n      credentials: |\n        SECRET\n        SECRET\n",
    "in JSON": '{"receivers": [{"telegram_configs": [{"bot_token": "SECRET"}]}]}',
    "that signs": "global: {http_config: {oauth2: {client_certificate_key: SECRET, client_secret: SECRET}}}",
    "a header's": "global: {http_config: {http_headers: {X: {values: [a], secrets: [SECRET, 'S]SECRET']}}}}",
    "an exporter's header": "tracing: {headers: {X: {secrets: [SECRET]}}}",
    "a recorder's": "event_recorder: {outputs: [{type: webhook, url: https://x/SECRET}]}",
    "in an address": "global: {http_config: {proxy_url: 'http://ann:SECRET@proxy:3128'}}",
    "in an address that is shown": "receivers: [{opsgenie_configs: [{api_url: 'https://ann:SECRET@x/'}]}]",
    "by an alias": "receivers: [{slack_configs: [{api_url: &a https://SECRET}, {title: x, api_url: *a}]}]",
    "merged": "x: &x {token: SECRET}\nreceivers: [{pushover_configs: [{<<: *x}]}]",
    "a comment": "# api_url: https://x/SECRET\nroute: {receiver: a} # SECRET",
    "of AMP": "alertmanager_config: |\n  global:\n    slack_api_url: https://x/SECRET\ntemplate_files: {a: SECRET}",
    "of no YAML": "global: {slack_api_url: https://x/SECRET",
    "of a text": "https://x/SECRET",
}
SHOWN = """\
global:
  opsgenie_api_url: https://api.eu.opsgenie.com/
  slack_api_url_file: secret:slack#a
  resolve_timeout: 5m
route:
  receiver: a
  group_by: ['...']
  routes:
  - match: {key: prod, token: x, 'on': 'yes', port: 5}
  - match_re: {api_url: 'http.*'}
  - matchers: ['team="x"', "password='b'"]
    continue: true
receivers:
- name: a
  opsgenie_configs: [{api_key_file: /run/x, api_url: 'https://api.eu.opsgenie.com/', message: "two\\nlines"}]
  pagerduty_configs: [{routing_key_file: /run/x, url: 'https://events.eu.pagerduty.com/v2/enqueue'}]
  telegram_configs: [{bot_token_file: /run/x, api_url: 'https://telegram.example', chat_id: -5}]
  webex_configs: [{api_url: 'https://webex.example', room_id: '5'}]
  victorops_configs: [{api_url: 'https://victorops.example'}]
inhibit_rules:
- source_match: {token: x}
  target_matchers: [key=y]
time_intervals:
- name: n
  time_intervals: [{times: [{start_time: 09:00, end_time: '17:00'}], weekdays: ['monday:friday']}]
"""


@pytest.mark.parametrize("text", SECRETS.values(), ids=SECRETS.keys())
def test_a_secret_is_not_shown(text: str) -> None:
    shown = showable(text.encode())
    assert "SECRET" not in shown


@pytest.mark.parametrize("text", [SHOWN, (ROOT / "functions/config/alertmanager.yml").read_text(encoding="utf-8")])
def test_references_and_everything_else_are_shown(text: str) -> None:
    assert _read(showable(text.encode())) == _read(text)


def test_a_definition_of_amp_is_shown_without_its_wrapper() -> None:
    wrapped = "alertmanager_config: |\n" + re.sub("^", "  ", SHOWN, flags=re.MULTILINE)
    assert showable(wrapped.encode()) == showable(SHOWN.encode())


def test_a_file_that_cannot_be_read_is_not_shown() -> None:
    assert showable(b"global: {").startswith("# alertmanager.yml is not shown")


@pytest.mark.skipif(shutil.which("amtool") is None, reason="amtool is not installed")
def test_amtool_shows_the_routes_of_what_is_shown(tmp_path: Path) -> None:
    file = tmp_path / "alertmanager.yml"
    text = (
        "global: {slack_api_url: https://x/SECRET, http_config: {proxy_url: 'http://ann:SECRET@proxy:3128'}}\n"
        "route: {receiver: a, routes: [{receiver: b, match: {key: prod, token: x}}]}\n"
        "receivers:\n"
        "- name: a\n"
        "  opsgenie_configs: [{api_key: SECRET, api_url: https://api.eu.opsgenie.com/}]\n"
        "  pagerduty_configs: [{routing_key: SECRET, url: https://events.eu.pagerduty.com/v2/enqueue}]\n"
        "- {name: b, slack_configs: [{channel: '#a'}]}\n"
    )
    file.write_text(showable(text.encode()))
    command = ["amtool", "config", "routes", "test", "--config.file", str(file), "key=prod", "token=x"]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (said.returncode, said.stdout.strip()) == (0, "b")


def _read(text: str) -> Any:
    return yaml.safe_load(text)
