"""PagerDuty on the whole stack, one round in each direction: what is done in one place is done in the other, once."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from dev.pagerduty_account import BOB, Account, Incident, post
from dev.stack import Stack, StackOptions

pytestmark = [pytest.mark.runtime, pytest.mark.stack]

PATIENCE_SECONDS = 60.0
KEY, SECRET = "k" * 32, "a-webhook-secret"
ALERTMANAGER = """
route: {{receiver: pager, group_by: [alertname], group_wait: 0s}}
receivers:
  - name: pager
    pagerduty_configs: [{{routing_key_file: 'secret:pagerduty#key', url: '{url}'}}]
"""
TOCSIN = """
pagerduty: {webhook_secrets: ['secret:pagerduty#webhook']}
escalation:
  policies:
    - name: everything
      steps: [{after: 0s, receivers: [pager]}, {after: 1h, receivers: [pager]}]
"""
Found = TypeVar("Found")


@dataclass(frozen=True)
class Both:
    """The running stack, and the PagerDuty that it pages."""

    stack: Stack
    there: Account

    def ask(self, path: str, body: Any = None) -> tuple[int, Any]:
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.stack.api_url + path, content, {"content-type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                text = answer.read().decode()
                return answer.status, json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def fires(self, name: str) -> tuple[Incident, dict[str, Any]]:
        """Have an alert fire; return its incident there and here."""
        assert self.ask("/api/v2/alerts", [{"labels": {"alertname": name, "severity": "critical"}}])[0] == 200
        there = eventually(lambda: next((each for each in self.there.open if name in each.title), None))
        assert there is not None, self.there.refusals
        self.there.deliver()
        return there, self.here(name)

    def here(self, name: str) -> dict[str, Any]:
        status, answer = self.ask("/api/tocsin/v1/incidents")
        assert status == 200, answer
        (found,) = (each for each in answer["incidents"] if name in json.dumps(each))
        return dict(found)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    folder: Path = tmp_path_factory.mktemp("config")
    # PagerDuty's minutes between two tries are seconds here.
    with Account(webhook_secrets=("another", SECRET), wait=lambda seconds: time.sleep(min(seconds, 5.0))) as there:
        (folder / "alertmanager.yml").write_text(ALERTMANAGER.format(url=there.enqueue_url), encoding="utf-8")
        (folder / "tocsin.yml").write_text(TOCSIN, encoding="utf-8")
        options = StackOptions(
            secrets={"pagerduty": {"key": KEY, "webhook": SECRET}}, config_dir=folder, tick_seconds=0
        )
        with Stack(options) as stack:
            there.subscribe(f"{stack.api_url}/pagerduty/webhook")
            yield Both(stack, there)


def eventually(look: Callable[[], Found]) -> Found:
    """Return what is found, as soon as there is something."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := look()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


def is_taken(both: Both) -> bool:
    """Send what PagerDuty has to tell; say whether all of it was taken in the end."""
    return all(each.answers[-1] == 202 for each in both.there.deliver())


def told(both: Both, there: Incident) -> list[str]:
    """Return what PagerDuty was told of an incident: nothing of what was done there."""
    return [action for key, action in both.there.told if key == there.key]


def test_taken_there_and_resolved_here(both: Both) -> None:
    there, here = both.fires("DiskFull")
    assert here["state"] == "open"

    both.there.acknowledge(there, by=BOB)
    webhook = both.there._queue[0][1]
    assert post(both.there._urls[0], {**webhook.headers(("guessed",))}, webhook.body) == 401
    assert both.here("DiskFull")["state"] == "open"
    assert is_taken(both)
    here = both.here("DiskFull")
    assert (here["state"], here["changed_by"]) == ("acknowledged", "Bob")
    assert both.there.send_again(webhook) == 202

    assert both.ask(f"/api/tocsin/v1/incidents/{here['id']}/resolve", {"by": "ann"})[0] == 200
    assert eventually(lambda: there.status == "resolved")
    assert is_taken(both)
    assert both.there.open == []
    assert both.here("DiskFull")["changed_by"] == "ann"
    assert told(both, there) == ["trigger", "resolve"]


def test_taken_here_and_resolved_there(both: Both) -> None:
    there, here = both.fires("Memory")
    assert both.ask(f"/api/tocsin/v1/incidents/{here['id']}/acknowledge", {"by": "ann"})[0] == 200
    assert eventually(lambda: there.status == "acknowledged")
    assert is_taken(both)
    assert both.here("Memory")["changed_by"] == "ann"

    both.there.resolve(there, by=BOB)
    assert is_taken(both)
    here = both.here("Memory")
    assert (here["state"], here["changed_by"]) == ("resolved", "Bob")
    assert told(both, there) == ["trigger", "acknowledge"]
    assert both.there.refusals == []
    logs = "".join(path.read_text(encoding="utf-8") for path in both.stack.logs_dir.iterdir() if path.is_file())
    assert "pagerduty_event" in logs
    assert SECRET not in logs
