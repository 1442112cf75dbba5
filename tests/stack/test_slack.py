"""Slack on the whole stack: an alert, its message, a signed click on a button of it, and the same message edited."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from dev.slack_workspace import Message, Workspace, click_body, sign
from dev.stack import Stack, StackOptions

pytestmark = [pytest.mark.runtime, pytest.mark.stack]

PATIENCE_SECONDS = 60.0
TOKEN, SECRET = "xoxb-a-token-of-ours", "a-signing-secret"
ALERTMANAGER = """
route: {{receiver: ops, group_by: [alertname], group_wait: 0s, group_interval: 1s}}
receivers:
  - name: ops
    slack_configs:
      - {{app_token_file: 'secret:slack#bot_token', app_url: '{url}', channel: '#ops', send_resolved: true}}
"""
TOCSIN = """
slack: {bot_token: 'secret:slack#bot_token', signing_secret: 'secret:slack#signing_secret'}
users: [{name: ann, slack: U1ANN0001}]
escalation:
  policies:
    - name: everything
      steps: [{after: 0s, receivers: [ops]}, {after: 1h, receivers: [ops]}]
"""
ANN = {"user": "U1ANN0001", "name": "annie"}
Found = TypeVar("Found")


@dataclass(frozen=True)
class Both:
    """The running stack, and the workspace that it posts to."""

    stack: Stack
    slack: Workspace

    @property
    def clicks(self) -> str:
        return f"{self.stack.api_url}/slack/interactions"

    @property
    def commands(self) -> str:
        return f"{self.stack.api_url}/slack/commands"

    def ask(self, path: str, body: Any = None) -> Any:
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.stack.api_url + path, content, {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            text = answer.read().decode()
        return json.loads(text) if text else None

    def say(self, name: str, **more: str) -> None:
        """Say that an alert fires, or that it ended."""
        labels = {"alertname": name, "severity": "warning"}
        self.ask("/api/v2/alerts", [{"labels": labels, "annotations": {"runbook_url": "https://r/x"}, **more}])

    def fires(self, name: str) -> Message:
        """Have an alert fire; return its message."""
        self.say(name)
        message = eventually(lambda: next((each for each in self.slack.messages if name in each.text), None))
        assert message is not None, self.slack.refusals
        return message

    def here(self, name: str) -> dict[str, Any]:
        (found,) = (each for each in self.ask("/api/tocsin/v1/incidents")["incidents"] if name in json.dumps(each))
        return dict(found)

    def answered(self, words: str) -> bool:
        return bool(eventually(lambda: any(words in each["text"] for each in list(self.slack.answers))))


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    folder: Path = tmp_path_factory.mktemp("config")
    with Workspace(token=TOKEN, signing_secret=SECRET, channels=("#ops",)) as slack:
        (folder / "alertmanager.yml").write_text(ALERTMANAGER.format(url=slack.api_url), encoding="utf-8")
        (folder / "tocsin.yml").write_text(TOCSIN, encoding="utf-8")
        secrets = {"slack": {"bot_token": TOKEN, "signing_secret": f"another {SECRET}"}}
        with Stack(StackOptions(secrets=secrets, config_dir=folder, tick_seconds=0)) as stack:
            yield Both(stack, slack)


def eventually(look: Callable[[], Found]) -> Found:
    """Return what is found, as soon as there is something."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := look()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


def test_a_click_acknowledges_and_the_message_says_so(both: Both) -> None:
    message = both.fires("DiskFull")
    assert set(message.buttons) == {"Acknowledge", "Resolve", "Escalate", "Runbook", *SILENCES}

    forged = sign(
        "guessed", click_body(message.buttons["Acknowledge"], message, user="U1ANN0001", name="annie"), at=time.time()
    )
    assert both.slack.send(both.clicks, forged)[0] == 401
    assert both.here("DiskFull")["state"] == "open"

    began = time.monotonic()
    assert both.slack.press(message, "Acknowledge", **ANN, at=both.clicks) == (200, "")
    waited = time.monotonic() - began
    assert both.answered("acknowledged by ann at "), waited
    incident = both.here("DiskFull")
    assert (incident["state"], incident["changed_by"]) == ("acknowledged", "ann")
    assert eventually(lambda: message.edits > 0)
    assert "Acknowledged by ann (slack)" in message.text
    assert "Acknowledge" not in message.buttons
    assert eventually(lambda: [each for each in message.thread if "Acknowledged by ann" in each.text])

    assert both.slack.press(message, "Resolve", **ANN, at=both.clicks)[0] == 200
    assert eventually(lambda: message.buttons == {})
    assert "Resolved by ann (slack)" in message.text
    assert [each.ts for each in both.slack.messages if "DiskFull" in each.text] == [message.ts]


SILENCES = {"for 1 hour", "for 4 hours", "for 1 day"}


def test_a_command_acknowledges_and_lists(both: Both) -> None:
    message = both.fires("Memory")
    incident = both.here("Memory")["id"]
    assert both.slack.type("help", **ANN, at=both.commands)[0] == 200
    assert both.slack.type(f"ack {incident} on it", **ANN, at=both.commands) == (200, "")
    assert eventually(lambda: "on it" in message.text)
    assert both.slack.type("list", **ANN, at=both.commands) == (200, "")
    assert both.answered("acknowledged by ann, since")


def test_a_silence_by_a_click_is_one_and_the_end_of_the_alert_ends_it_all(both: Both) -> None:
    message = both.fires("Latency")
    assert both.slack.press(message, "for 1 hour", **ANN, at=both.clicks)[0] == 200
    assert eventually(lambda: "Suppressed by ann (slack) until" in message.text)
    silences = [each for each in both.ask("/api/v2/silences") if each["createdBy"] == "ann"]
    assert [each["status"]["state"] for each in silences] == ["active"]


def test_slack_took_everything_and_no_log_holds_a_secret(both: Both) -> None:
    assert [each for each in both.slack.refusals if not each.startswith("ratelimited")] == []
    logs = "".join(path.read_text(encoding="utf-8") for path in both.stack.logs_dir.iterdir() if path.is_file())
    assert "click_done" in logs
    for secret in (TOKEN, SECRET, "/actions/"):
        assert secret not in logs
