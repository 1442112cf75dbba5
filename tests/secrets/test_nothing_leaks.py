"""The whole path with a marked secret in every place, against neighbours that repeat what they hear, in every mood."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from dev.pagerduty_account import sign
from dev.slack_workspace import click_body, command_body
from dev.slack_workspace import sign as sign_slack
from tests.adapters.endpoint import endpoint, vector
from tests.cli.commands import Shell
from tests.functions.deployment import reset_powertools
from tests.functions.happenings import queue_event
from tests.secrets.neighbours import MOODS, Echo, MailEcho, echo, mail_echo
from tests.secrets.stack import BEGIN, Stack
from tocsin.core.notifications import format_time
from tocsin.web.api import ROUTES


@pytest.fixture
def receivers() -> Iterator[Echo]:
    with echo() as running:
        yield running


@pytest.fixture
def mail() -> Iterator[MailEcho]:
    with mail_echo() as running:
        yield running


@pytest.fixture
def stack(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    receivers: Echo,
    mail: MailEcho,
) -> Iterator[Stack]:
    with endpoint() as metrics, mock_aws():
        metrics.answer = lambda asked: vector(({}, 1.0))
        yield Stack(monkeypatch, capsys, tmp_path, receivers=receivers, mail=mail, prometheus=metrics.url)
    reset_powertools()


KINDS = {*("slack", "pagerduty", "email", "webhook", "discord", "msteamsv2", "telegram", "opsgenie", "heartbeat")}


def test_no_delivery_tells_a_secret(stack: Stack) -> None:
    told = stack.fire()
    assert {each["integration"] for each in told} >= KINDS
    for mood in MOODS:
        stack.receivers.mood = mood
        stack.wait_for_answers(0.1 if mood == "too late" else 5.0)
        for each in told:
            is_tls = each["settings"].get("url_file") == "secret:webhook#tls"
            # A mail server has a test of its own, and TLS fails before there is a mood.
            if each["integration"] != "email" and not (is_tls and mood != MOODS[0]):
                stack.deliver(each)
        stack.sweep()
    # The neighbours have heard the secrets, so there was something to repeat.
    heard = {place for place, _ in stack.marks.found_in(stack.receivers.asked)}
    assert heard >= {"slack hook", "slack app", "routing key", "service key", "webhook path", "webhook parameter"}
    assert heard >= {"basic password", "bearer", "header", "client secret", "password in a URL", "proxied path"}
    assert heard >= {"discord", "teams", "telegram", "opsgenie", "routing key of a user"}
    everything = list(stack.everything())
    assert "notification_failed" in "".join(everything)
    assert "notification_delivered" in "".join(everything)
    assert stack.marks.found_in(everything) == set()


def test_no_mail_server_makes_us_tell_one(stack: Stack, mail: MailEcho) -> None:
    (told,) = [each for each in stack.fire() if each["integration"] == "email"]
    for refused in ("AUTH", "MAIL", "RCPT", "DATA", "nothing"):
        mail.refuses = refused
        stack.deliver(told)
    assert {place for place, form in stack.marks.found_in(mail.asked)} == {"mail password"}
    assert stack.marks.found_in(stack.everything()) == set()


def test_no_metrics_endpoint_makes_us_tell_one(stack: Stack) -> None:
    module: Any = stack._module("evaluate")
    for minute, mood in enumerate(MOODS):
        with echo() as metrics:
            metrics.mood = mood
            module.app.__dict__.pop("evaluator", None)
            module.app.__dict__["metrics"] = _elsewhere(
                module.app.metrics, metrics.url, stack.marks("prometheus password")
            )
            stack.run("evaluate", {"now": format_time(BEGIN + timedelta(minutes=minute))})
            assert {place for place, _ in stack.marks.found_in(metrics.asked)} == {"prometheus password"}
        stack.run("api", request("GET", "/api/v1/rules"))
        assert "lastError" in stack.out[-3]
        assert stack.marks.found_in(stack.written()) == set(), mood
    assert "rule_failing" in "".join(stack.out)
    assert stack.marks.found_in(stack.everything()) == set()


def _elsewhere(metrics: Any, url: str, password: str) -> Any:
    return replace(metrics, url=url.replace("://", f"://ann:{password}@"))


SECRETS_THAT_ARE_NONE = {
    "no JSON": "{mark}",
    "no object": '["{mark}"]',
    "another key": '{{"other": "{mark}"}}',
    "a number": '{{"hook": 1, "routing": 1, "password": 1, "x": "{mark}"}}',
    "an object": '{{"hook": {{"a": "{mark}"}}, "routing": {{"a": "{mark}"}}, "password": {{"a": "{mark}"}}}}',
    "no URL": '{{"hook": "{mark}", "user": "{mark}", "discord": "{mark}", "teams": "{mark}", "tls": "ftp://x/{mark}"}}',
    "a URL that is none": '{{"hook": "http://[{mark}/", "discord": "http://{mark}:x/", "teams": "http:///{mark}"}}',
    "line breaks": '{{"hook": "http://x/a\\n{mark}", "opsgenie": "a\\r\\nX: {mark}", "bearer": "a\\n{mark}"}}',
    "other letters": '{{"bearer": "{mark}ü→", "opsgenie": "{mark}ü→", "header": "{mark}ü→", "app": "{mark}ü→"}}',
}


def test_no_secret_that_is_none_is_repeated(stack: Stack) -> None:
    told = stack.fire()
    for number, text in enumerate(SECRETS_THAT_ARE_NONE.values()):
        for name in ("slack", "pagerduty", "email", "webhook"):
            mark = stack.marks(f"{name} as it should not be {number}")
            stack.manager.put_secret_value(SecretId=f"marked-{name}", SecretString=text.format(mark=mark))
        stack.forget_secrets()
        stack.keep(f"---- {number}")
        for each in told:
            stack.deliver(each)
        assert "notification_failed" in "".join(stack.out).rpartition(f"---- {number}")[2]
        stack.sweep()
    assert stack.marks.found_in(stack.everything()) == set()


def test_no_heartbeat_tells_where_it_goes(stack: Stack) -> None:
    told = [each for each in stack.fire() if each["integration"] == "heartbeat"]
    assert told
    for minute, mood in enumerate(MOODS, start=1):
        stack.receivers.mood = mood
        stack.wait_for_answers(0.1 if mood == "too late" else 5.0)
        stack.run("evaluate", {"now": format_time(BEGIN + timedelta(minutes=minute))})
        stack.deliver(told[0])
    heard = {place for place, _ in stack.marks.found_in(stack.receivers.asked)}
    assert heard == {"heartbeat of ticks", "heartbeat of arrivals", "heartbeat key"}
    said = "".join(stack.out)
    for expected in ("heartbeat_failed", '"heartbeat"', "notification_failed"):
        assert expected in said, expected
    assert stack.marks.found_in(stack.everything()) == set()


# The API


def request(method: str, path: str, body: str = "", query: str = "", **headers: str) -> dict[str, Any]:
    context = {"http": {"method": method, "path": path, "sourceIp": "203.0.113.1"}, "stage": "$default"}
    if "authorization" not in headers:
        context["authorizer"] = {"iam": {"userArn": "arn:aws:iam::123456789012:user/ann"}}
    return {"rawPath": path, "rawQueryString": query, "requestContext": context, "headers": headers, "body": body}


# All that there is, with these for the ids, and something that is not there.
IDS = {"/oncall/{id}": "/oncall/primary", "{id}": "inc-0"}
PATHS = (*((method, path) for path, methods in ROUTES.items() for method in methods), ("PUT", "/nothing"))
BODIES = {
    "/overrides": {"user": "ann", "from": "2190-01-01T00:00:00Z", "until": "2190-01-02T00:00:00Z"},
    "/swaps": {"first": "2190-01-01T00:00:00Z", "second": "2190-02-01T00:00:00Z"},
    "/suppress": {"by": "ann", "for": "1h"},
    "/snooze": {"by": "ann", "for": "1h"},
}


def path_of(path: str, **more: str) -> str:
    for placeholder, name in {**more, **IDS}.items():
        path = path.replace(placeholder, name)
    return path


def body_of(path: str) -> str:
    """Return what a path takes, as far as that is known here."""
    return json.dumps(next((body for end, body in BODIES.items() if path.endswith(end)), {"by": "ann", "comment": "x"}))


def test_no_answer_of_the_api_holds_one(stack: Stack) -> None:
    told = stack.fire()
    stack.receivers.mood = "400 text"
    for each in told:
        stack.deliver(each)
    for method, path in PATHS:
        asked = path_of(path, **{"/incidents/{id}": f"/incidents/{stack.incident()}"})
        stack.run("api", request(method, asked, body_of(path), query="filter=alertname=Fires"))
    said = "".join(stack.out)
    for expected in ("incident_action", "override_added", "tocsin_build_info"):
        assert expected in said, expected
    assert "secret:webhook#basic" in said  # status shows where secrets are
    assert "client error" in said  # explanations show what came of deliveries
    assert stack.marks.found_in(stack.everything()) == set()


def test_no_token_is_told_whatever_is_wrong_with_a_request(stack: Stack) -> None:
    token, wrong, jwt = (stack.marks(each) for each in ("an API token", "a wrong API token", "a JWT"))
    entry = {"hash": hashlib.sha256(token.encode()).hexdigest(), "scopes": ["read"]}
    stack.deployment.keep_secret("ApiTokensSecret", grafana=entry)
    basic = base64.b64encode(f"grafana:{token}".encode()).decode()
    for header in (f"Bearer {token}", f"Bearer {wrong}", f"Basic {basic}", f"Digest {wrong}", wrong, f"Basic {wrong}"):
        for method, path in PATHS:
            stack.run("api", request(method, path_of(path), body="{", authorization=header))
    event = request("GET", "/api/v2/alerts", authorization=f"Bearer {jwt}")
    event["requestContext"]["authorizer"] = {"jwt": {"claims": {"sub": "ann", "scope": "write"}}}
    stack.run("api", event)
    stack.run("api", {**event, "requestContext": {"authorizer": {"jwt": f"Bearer {jwt}"}}})
    stack.run("api", {"headers": {"authorization": f"Bearer {jwt}"}})
    stack.manager.put_secret_value(SecretId=stack.deployment["ApiTokensSecret"], SecretString=f'{{"a": "{token}"')
    stack._modules.pop("api")
    stack.run("api", request("GET", "/api/v2/alerts", authorization=f"Bearer {token}"))
    said = "".join(stack.out)
    assert "request_refused" in said
    assert "tokens_refused" in said
    assert stack.marks.found_in(stack.everything()) == set()


def test_no_webhook_tells_what_it_was_signed_with(stack: Stack) -> None:
    stack.fire()
    secret, guess = stack.marks("PagerDuty's webhook"), stack.marks("a wrong webhook secret")
    event = {"id": "1", "event_type": "incident.acknowledged", "occurred_at": format_time(BEGIN)}
    for number, content in enumerate((json.dumps({"event": event}).encode(), b"{", b"", b"[" * 100)):
        signed, forged = sign(content, secret), sign(content, guess)
        for signature in (signed, forged, f"{forged},{signed}", signed[:-1], secret, f"v1={secret}", ""):
            headers = {"x-pagerduty-signature": signature, "x-webhook-id": f"{number} {secret}"}
            stack.run("api", request("POST", "/pagerduty/webhook", content.decode(), **headers, authorization=""))
    for text in ("{", f'{{"webhook": {{"a": "{secret}"}}}}', f'{{"webhook": "", "x": "{secret}"}}'):
        stack.manager.put_secret_value(SecretId="marked-pagerduty", SecretString=text)
        stack._modules.pop("api")
        stack.run("api", request("POST", "/pagerduty/webhook", "{}", **{"x-pagerduty-signature": sign(b"{}", secret)}))
    said = "".join(stack.out)
    for expected in ("forged", "malformed", "replayed", "stale", "pagerduty_secret_unreadable"):
        assert expected in said
    assert stack.marks.found_in(stack.everything()) == set()


def test_no_click_tells_what_it_was_signed_with(stack: Stack) -> None:
    stack.fire()
    secret, guess = stack.marks("signing secret"), stack.marks("a wrong signing secret")
    reply = f"{stack.receivers.url}/actions/{stack.marks('response_url')}"
    button = {"type": "button", "value": "acknowledge 0 inc-0"}
    bodies = {
        "/slack/interactions": (click_body(button, None, user="U1", name="ann", reply_to=reply), b"payload={", b""),
        "/slack/commands": (command_body("list", user="U1", name="ann", reply_to=reply), b"command=%", b""),
    }
    now = time.time()
    for path, contents in bodies.items():
        for content in contents:
            for key, at in ((secret, now), (secret, now), (stack.marks("old signing secret"), now), (guess, now)):
                stack.run(
                    "api", request("POST", path, content.decode(), authorization="", **sign_click(key, content, at))
                )
        for signature in (secret, f"v0={secret}", ""):
            headers = {**sign_click(secret, contents[0], now), "x-slack-signature": signature}
            stack.run("api", request("POST", path, contents[0].decode(), authorization="", **headers))
        stack.run("api", request("POST", path, "", authorization="", **sign_click(secret, b"", now - 600)))
    queued = [json.dumps(each) for each in stack.deployment.messages("ActionQueue")]
    assert queued
    # A response_url is in the queue, which is encrypted; from there it goes to nobody.
    stack.run("act", queue_event("ActionQueue", *queued, *queued, f"x{queued[0]}"))
    stack.deployment.client("sqs").purge_queue(QueueUrl=stack.deployment["ActionQueue"])
    for text in ("{", f'{{"signing": {{"a": "{secret}"}}}}', f'{{"signing": "", "x": "{secret}"}}'):
        stack.manager.put_secret_value(SecretId="marked-slack", SecretString=text)
        stack._modules.pop("api")
        stack.run("api", request("POST", "/slack/commands", "a", **sign_click(secret, b"a", now)))
    said = "".join(stack.out)
    for expected in (
        "forged",
        "malformed",
        "replayed",
        "stale",
        "slack_secret_unreadable",
        "click_done",
        "click_failed",
    ):
        assert expected in said, expected
    assert stack.marks.found_in(stack.everything()) == set()


def sign_click(secret: str, content: bytes, at: float) -> dict[str, str]:
    """Return the headers of a request of Slack's."""
    return dict(sign_slack(secret, content, at=at).headers)


def test_no_link_is_told_but_to_who_it_is_for_and_its_key_to_nobody(stack: Stack, mail: MailEcho) -> None:
    told = [each for each in stack.fire() if each["integration"] in ("slack", "email", "discord", "telegram")]
    for mood in MOODS[:3]:
        stack.receivers.mood = mood
        for each in told:
            stack.deliver(each)
    tokens = set(re.findall(r"act\?t=([A-Za-z0-9_-]{20,})", "".join([*stack.receivers.asked, *mail.asked])))
    assert tokens
    for token in tokens:
        for asked in (token, token[:-1], f"{token}A", f"{token}%0a"):
            for method in ("GET", "POST", "PUT"):
                stack.run("api", request(method, "/act", query=f"t={asked}", authorization=""))
    # The answer of a page holds no link either: its form has no address.
    everything = "\n".join(stack.everything())
    assert "link_refused" in everything
    assert "incident_action" in everything
    assert not any(token in everything for token in tokens)
    for text in ("{", '{"key": "short"}', '{"key": 1}'):
        stack.manager.put_secret_value(SecretId="marked-links", SecretString=text)
        stack.forget_secrets()
        stack.deliver(told[0])
        stack.run("api", request("POST", "/act", query=f"t={min(tokens)}", authorization=""))
    said = "".join(stack.out)
    assert "link_not_made" in said
    assert "links_unreadable" in said
    assert stack.marks.found_in(stack.everything()) == set()


# AWS and the environment


def test_no_failure_of_aws_tells_the_keys(stack: Stack) -> None:
    told = stack.fire()
    stack.deployment.client("dynamodb").delete_table(TableName=stack.deployment["Table"])
    for function, event in (
        ("evaluate", {"now": format_time(BEGIN)}),
        ("api", request("GET", "/api/v2/alerts")),
        ("escalate", {"incident": "inc-0", "now": format_time(BEGIN)}),
    ):
        stack.run(function, event)
    for each in told[:3]:
        stack.deliver(each)
    assert "StoreError" in "".join(stack.out)
    assert stack.marks.found_in(stack.out) == set()


def test_no_event_that_is_none_is_repeated_at_length(stack: Stack) -> None:
    """What is wrong is shown, and what looks like a credential in it is not."""
    mark = stack.marks("in an event")
    stack.deployment._overrides["CONFIG_URI"] = ""  # as shipped: credentials are redacted
    for function in ("evaluate", "dispatch", "escalate", "notify_slack", "notify_webhook", "api", "act"):
        for event in ({"url": f"https://ann:{mark}@example.org"}, {"Records": [{"body": f"password={mark}"}]}):
            stack.run(function, event)
    # A raised error is logged by Lambda's runtime, not by us.
    lines = [line for text in stack.out for line in text.splitlines() if line.startswith('{"level"')]
    assert len(lines) >= 8
    assert stack.marks.found_in(lines) == set()


# The command line


COMMANDS = (
    ("env",),
    ("check", "config", "CONFIG"),
    ("config", "routes", "--config", "CONFIG"),
    ("config", "routes", "test", "--config", "CONFIG", "severity=critical"),
    ("evaluate", "--config", "CONFIG", "--dry-run"),
    ("evaluate", "--config", "CONFIG", "--prometheus", "PROMETHEUS", "--dry-run"),
    ("evaluate", "--config", "CONFIG", "--prometheus", "PROMETHEUS"),
    ("channels", "test", "--config", "CONFIG"),
    ("alert", "query"),
    ("alert", "query", "--url", "API"),
    ("silence", "query"),
    ("explain", "Fires", "--config", "CONFIG"),
    ("simulate", "Fires", "--config", "CONFIG"),
    ("backtest", "--from", "1h", "--config", "CONFIG", "--prometheus", "PROMETHEUS"),
    ("template", "render", "--config", "CONFIG", "--template.text", "{{ .Receiver }}"),
    ("evaluate", "--config", "CONFIG", "--prometheus", "BROKEN", "--dry-run"),
    ("alert", "query", "--url", "BROKEN"),
)


UNREACHABLE = re.compile("webhook#(tls|proxied)")


def test_no_command_prints_one(stack: Stack, tmp_path: Path) -> None:
    stack.receivers.mood = "400 text"
    stack.mail.refuses = "AUTH"
    # What no answer comes from is tried again and again, and a command has the patience of a function.
    file = stack.config / "alertmanager.yml"
    file.write_text("".join(line for line in file.read_text().splitlines(True) if not UNREACHABLE.search(line)))
    environment = {
        **stack.deployment.environment("evaluate"),
        **stack.deployment._overrides,
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "TOCSIN_TABLE": "",
        "AWS_REGION": "eu-west-1",
    }
    shell = Shell(stack._capture, environment, tmp_path)
    password = stack.marks("password in an option")
    places = {
        "CONFIG": str(stack.config),
        "PROMETHEUS": stack.prometheus,
        "API": stack.receivers.url.replace("://", f"://ann:{password}@"),
        "BROKEN": f"http://ann:{password}@[::1",
    }
    for command in COMMANDS:
        ran = shell.run(*(places.get(word, word) for word in command))
        stack.keep(f"$ tocsin {command[0]}", ran.out, ran.err)
    said = "\n".join(stack.out)
    assert "not sent" in said or "refused" in said or "answered 400" in said
    assert stack.marks.found_in(stack.out) == set()
    kept = [path.read_text(encoding="utf-8") for path in (tmp_path / "state").rglob("*") if path.is_file()]
    assert stack.marks.found_in(kept) == set()


def test_the_search_would_have_found_one(stack: Stack) -> None:
    assert stack.marks.found_in(stack.everything()) == set()
    stack.keep(json.dumps({"error": f"https://hooks.example.com/{stack.marks('slack hook')}"}))
    assert {place for place, _ in stack.marks.found_in(stack.everything())} == {"slack hook"}
