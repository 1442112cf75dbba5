"""Webhooks: Alertmanager's body or one's own, where it is sent, and how answers are taken."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from dev.receivers import check_webhook
from tests.adapters.samples import CASES, NOW, alert, firing_single, grouped, notification, notifications
from tests.adapters.scripted import ListedSecrets, Outcome, outlets
from tests.golden import assert_golden
from tocsin.adapters.http import Response
from tocsin.adapters.webhook import WebhookSender, render
from tocsin.core.notifications import Notification
from tocsin.core.receivers import Kind
from tocsin.errors import DeliveryError, FailureReason

WEBHOOK = Kind.WEBHOOK
URL = "https://hooks.example.com/alerts/one"


@pytest.mark.parametrize("name", CASES)
def test_golden(name: str) -> None:
    body = render(CASES[name](WEBHOOK))
    assert check_webhook(body)[1] == [] or name == "broken"
    # One line, as it is sent, is more than a reader takes.
    assert_golden(f"webhook/{name}.json", json.dumps(json.loads(body), indent=2, ensure_ascii=False) + "\n")


@given(notifications(WEBHOOK))
def test_a_body_is_alertmanager_s_whatever_is_said(given_: Notification) -> None:
    body = render(given_)
    message, problems = check_webhook(body)
    assert problems == []
    # Half a character has no fingerprint: what can be said is said all the same.
    assert len(message["alerts"]) == len(given_.alerts) or message["error"]


def test_the_bytes_are_alertmanager_s() -> None:
    body = render(firing_single(WEBHOOK))
    assert body.startswith(b'{"receiver":"oncall","status":"firing","alerts":[{"status":"firing","labels":{"alertname"')
    assert body.endswith(b',"truncatedAlerts":0}\n')
    assert b"\\u003cinstances\\u003e" in body


def test_alerts_beyond_the_most_that_are_asked_for_are_counted() -> None:
    message = json.loads(
        render(notification(WEBHOOK, alert(), alert("Two"), alert("Three"), settings={"max_alerts": 1}))
    )
    assert (len(message["alerts"]), message["truncatedAlerts"]) == (1, 2)


def test_a_body_of_one_s_own_has_texts_numbers_and_lists() -> None:
    payload = {
        "title": "{{ .Status | toUpper }}",
        "count": "{{ len .Alerts }}",
        "labels": "{{ .CommonLabels | toJson }}",
        "nested": [{"{{ .Status }}": True}, 7, None],
        "text": '"quoted"',
    }
    message = json.loads(render(notification(WEBHOOK, alert(), settings={"payload": payload})))
    assert message["labels"].pop("alertname") == "HighErrorRate"
    assert message == {
        "title": "FIRING",
        "count": 1,
        "labels": {"service": "checkout", "severity": "critical"},
        "nested": [{"firing": True}, 7, None],
        "text": '"quoted"',
    }


def test_a_text_of_it_that_fails_says_so_in_its_place() -> None:
    payload = {"ok": "{{ .Status }}", "broken": "{{ .Status }"}
    body = render(notification(WEBHOOK, alert(), settings={"payload": payload}))
    assert_golden("webhook/broken_template.json", json.dumps(json.loads(body), indent=2) + "\n")


def deliver(*outcomes: Outcome, settings: dict[str, Any] | None = None, secret: str = URL) -> Any:
    work, transport = outlets(*outcomes, secrets=ListedSecrets(secret))
    given_ = grouped(WEBHOOK) if settings is None else notification(WEBHOOK, alert(), settings=settings)
    return WebhookSender(work)(given_, now=NOW), transport


def test_a_delivery_returns_what_was_answered() -> None:
    said, transport = deliver(Response(200, {}, b"thanks"))
    assert (said, transport.requests[0].url) == ("thanks", URL)
    assert transport.requests[0].headers["content-type"] == "application/json"
    assert deliver(Response(204))[0] == "204"


def test_labels_may_choose_the_path() -> None:
    settings = {"url": "https://hooks.example.com/{{ .CommonLabels.service }}"}
    assert deliver(Response(200), settings=settings)[1].requests[0].url == "https://hooks.example.com/checkout"


@pytest.mark.parametrize(("timeout", "seconds"), [("0s", 15.0), (None, 15.0), ("2s", 2.0), ("30s", 30.0), ("1h", 40.0)])
def test_a_timeout_is_kept_as_far_as_a_function_may_run(timeout: str | None, seconds: float) -> None:
    _, transport = deliver(Response(200), settings={"url": URL, "timeout": timeout})
    assert transport.timeouts == [seconds]


@pytest.mark.parametrize(
    ("outcome", "reason", "retryable"),
    [
        (Response(400, {}, b"no"), FailureReason.CLIENT_ERROR, False),
        (Response(401), FailureReason.AUTH, False),
        (Response(500), FailureReason.SERVER_ERROR, True),
        (Response(303, {"location": "https://hooks.example.com/two"}), FailureReason.CLIENT_ERROR, False),
    ],
)
def test_refusals(outcome: Outcome, reason: FailureReason, retryable: bool) -> None:
    with pytest.raises(DeliveryError) as raised:
        deliver(outcome)
    assert (raised.value.reason, raised.value.retryable) == (reason, retryable)
    assert "alerts/one" not in str(raised.value)


def test_the_labels_of_the_route_are_filled_in_and_sent():
    told = replace(firing_single(Kind.WEBHOOK), route_labels={"team": "storage", "who": "{{ .Receiver }}"})
    assert json.loads(render(told))["routeLabels"] == {"team": "storage", "who": told.receiver}


def test_a_compatible_body_says_the_status_of_what_it_lists():
    told = firing_single(Kind.WEBHOOK)
    over = replace(told.alerts[0], labels=told.alerts[0].labels.with_({"job": "a"}), ends_at=told.created_at)
    settings = {**told.integration.settings, "max_alerts": 1}
    told = replace(told, alerts=(over, *told.alerts), integration=replace(told.integration, settings=settings))
    said = [json.loads(render(replace(told, is_compatible=each)))["status"] for each in (False, True)]
    assert said == ["firing", "resolved"]
