"""A link on the whole stack: an alert comes in, its mail has a link, the link a page, and the page a button."""

from __future__ import annotations

import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from typing import Any, TypeVar

import pytest
from moto.sns.models import sns_backends

from dev.cloud import ACCOUNT
from dev.mail import Email
from dev.stack import Stack, StackOptions
from tocsin.adapters.sms import segments

pytestmark = [pytest.mark.runtime, pytest.mark.stack]

PATIENCE_SECONDS = 60.0
KEY = "a-key-for-links-of-more-than-32-characters"
ALERTMANAGER = """
route: {receiver: people, group_wait: 0s}
receivers:
  - name: people
    email_configs: [{to: ann@example.org, from: tocsin@example.org}]
    sns_configs: [{phone_number: '+441234567890', sigv4: {}}]
"""
TOCSIN = """
links: {secret: 'secret:links#key', valid_for: 2h}
escalation:
  policies:
    - name: everything
      steps: [{after: 0s, receivers: [people]}, {after: 1h, receivers: [people]}]
"""
Found = TypeVar("Found")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder: Path = tmp_path_factory.mktemp("config")
    (folder / "alertmanager.yml").write_text(ALERTMANAGER, encoding="utf-8")
    (folder / "tocsin.yml").write_text(TOCSIN, encoding="utf-8")
    options = StackOptions(
        parameters={"EmailFrom": "tocsin@example.org"},
        environment={"TOCSIN_SECRET_LINKS": "links"},
        config_dir=folder,
        tick_seconds=0,
    )
    with Stack(options) as running:
        running.client("secretsmanager").create_secret(Name="links", SecretString=json.dumps({"key": KEY}))
        yield running


def eventually(look: Callable[[], Found]) -> Found:
    """Return what is found, as soon as there is something."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := look()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


def ask(url: str, method: str = "GET", body: bytes | None = None, kind: str = "application/json") -> tuple[int, str]:
    """Ask as a person's browser does, without a credential of any kind."""
    request = urllib.request.Request(url, body, {"content-type": kind}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def incidents(stack: Stack) -> list[dict[str, Any]]:
    status, text = ask(f"{stack.api_url}/api/tocsin/v1/incidents")
    assert status == 200, text
    found: list[dict[str, Any]] = json.loads(text)["incidents"]
    return found


def link_in(mail: Email) -> str:
    """Return where the button in a mail leads, which is what its plain part says too."""
    (found,) = re.findall(r'<a href="([^"]+)"[^>]*>Acknowledge</a>', mail.html)
    url = unescape(found)
    assert f"To acknowledge: {url}\n" in mail.text
    return url


def text_messages() -> list[str]:
    """Return the text messages that SNS was asked for."""
    backends = sns_backends[ACCOUNT].values()
    return [text for backend in backends for _, text, *_ in backend.sms_messages.values()]


def test_from_the_alert_to_the_acknowledgement(stack: Stack) -> None:
    alert = {"labels": {"alertname": "DiskFull", "severity": "critical"}, "annotations": {"summary": "97% full"}}
    status, _ = ask(f"{stack.api_url}/api/v2/alerts", "POST", json.dumps([alert]).encode())
    assert status == 200
    mail = eventually(stack.emails)[0]
    url = link_in(mail)
    assert url.startswith(f"{stack.api_url}/act?t=")

    # A mail scanner follows it, and so does a person, who reads what it is about.
    assert ask(url, "HEAD") == (200, "")
    status, page = ask(url)
    assert status == 200
    assert "DiskFull" in page
    assert incidents(stack)[0]["state"] == "open"

    # Nobody else's link opens anything.
    turned = url[:-1] + ("A" if url[-1] != "A" else "B")
    assert ask(turned, "POST")[0] == 403

    # The form has no address of its own: it goes to the page's.
    assert '<form method="post">' in page
    status, page = ask(url, "POST", b"", "application/x-www-form-urlencoded")
    assert status == 200
    assert "people has it" in page
    (incident,) = incidents(stack)
    assert (incident["state"], incident["changed_by"]) == ("acknowledged", "people")

    status, page = ask(url, "POST", b"", "application/x-www-form-urlencoded")
    assert (status, "people has it" in page) == (200, True)

    # The text message said the same in two segments, and its link is another one to the same incident.
    (text,) = eventually(text_messages)
    assert text.startswith("CRITICAL: DiskFull - 97% full\nAck: ")
    assert segments(text) <= 2
    by_sms = text.rpartition("Ack: ")[2]
    assert by_sms != url
    assert "people has it" in ask(by_sms)[1]

    # The capability is in no log.
    token = url.rpartition("=")[2]
    logs = [path.read_text(encoding="utf-8") for path in stack.logs_dir.iterdir() if path.is_file()]
    assert any("link_refused" in text for text in logs)
    assert not any(token in text for text in logs)
