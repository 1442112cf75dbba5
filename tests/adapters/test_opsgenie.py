"""Opsgenie: the calls that open, update and close an alert, their limits, and how answers are taken."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from dev.receivers import check_opsgenie
from tests.adapters.samples import CASES, NOW, alert, all_resolved, firing_single, notification, notifications
from tests.adapters.scripted import ListedSecrets, Outcome, outlets
from tests.golden import assert_golden_json
from tocsin.adapters.http import Response, encode
from tocsin.adapters.opsgenie import Call, OpsgenieSender, render
from tocsin.core.notifications import Notification
from tocsin.core.receivers import Kind
from tocsin.errors import DeliveryError, FailureReason

OPSGENIE = Kind.OPSGENIE
KEY, OTHER = "key-one", "key-two"
ACCEPTED = Response(202, {}, b'{"result":"Request will be processed"}')


def problems(calls: tuple[Call, ...]) -> list[str]:
    found = (check_opsgenie(call.method, f"/v2/alerts{call.path}", encode(call.body))[1] for call in calls)
    return [problem for each in found for problem in each]


def as_json(calls: tuple[Call, ...]) -> list[Any]:
    return [{"method": call.method, "path": call.path, "body": call.body} for call in calls]


@pytest.mark.parametrize("name", CASES)
def test_golden(name: str) -> None:
    calls = render(CASES[name](OPSGENIE))
    assert problems(calls) == []
    assert_golden_json(f"opsgenie/{name}.json", as_json(calls))


@given(notifications(OPSGENIE))
def test_opsgenie_takes_whatever_is_said(given_: Notification) -> None:
    calls = render(given_)
    assert problems(calls) == []
    assert "could not be rendered" not in str(calls)
    assert calls == render(given_)


def test_a_resolution_closes_what_was_opened() -> None:
    (opened,), (closed,) = render(firing_single(OPSGENIE)), render(all_resolved(OPSGENIE))
    alias = opened.body["alias"].replace("/", "%2F")
    assert closed.path == f"/{alias}/close?identifierType=alias"


SETTINGS = {
    "message": "{{ .CommonLabels.service }} is {{ .Status }}",
    "description": "{{ len .Alerts }} alerts",
    "source": "ops",
    "entity": "{{ .CommonLabels.service }}",
    "tags": "{{ .CommonLabels.severity }}, shop,,shop",
    "actions": "restart,scale",
    "note": "see the runbook",
    "priority": "{{ if true }}p2{{ end }}",
    "details": {"team": "{{ .CommonLabels.team }}x"},
    "responders": [
        {"name": "{{ .CommonLabels.team }}", "type": "team"},
        {"name": "a, b", "type": "teams"},
        {"username": "{{ .CommonLabels.service }}@example.com", "type": "User"},
        {"id": "42", "type": "schedule"},
    ],
    "update_alerts": True,
}


def test_the_settings_fill_every_field() -> None:
    calls = render(notification(OPSGENIE, alert(), settings=SETTINGS))
    assert problems(calls) == []
    assert_golden_json("opsgenie/settings.json", as_json(calls))


@pytest.mark.parametrize(("severity", "priority"), [("critical", "P1"), ("Page", "P1"), ("warning", "P3")])
def test_the_priority_is_the_severitys(severity: str, priority: str) -> None:
    (call,) = render(notification(OPSGENIE, alert(labels={"severity": severity})))
    assert call.body["priority"] == priority


def test_a_text_that_fails_says_so_and_what_there_is_to_say() -> None:
    settings = {"message": "{{ .Nothing }", "priority": "{{ nothing }}", "details": {"x": "{{ nothing }}"}}
    calls = render(notification(OPSGENIE, alert(), settings=settings))
    assert problems(calls) == []
    assert calls[0].body["message"].startswith("[FIRING:1] HighErrorRate")
    assert calls[0].body["priority"] == "P1"
    assert "error expanding template" in calls[0].body["details"]["x"]
    assert_golden_json("opsgenie/broken_template.json", as_json(calls))


def deliver(*outcomes: Outcome, settings: dict[str, Any] | None = None) -> Any:
    work, transport = outlets(*outcomes, secrets=ListedSecrets(KEY, OTHER))
    given_ = firing_single(OPSGENIE) if settings is None else notification(OPSGENIE, alert(), settings=settings)
    return OpsgenieSender(work)(given_, now=NOW), transport.requests


def test_a_delivery_makes_every_call() -> None:
    settings = {"api_key_file": "secret:webhook#og", "api_url": "https://api.eu.opsgenie.com/", "update_alerts": True}
    _, requests = deliver(ACCEPTED, settings=settings)
    assert [request.method for request in requests] == ["POST", "PUT", "PUT"]
    assert requests[0].url == "https://api.eu.opsgenie.com/v2/alerts"
    assert {request.headers["authorization"] for request in requests} == {f"GenieKey {KEY}"}


def test_a_rotated_key_is_read_anew_once() -> None:
    _, requests = deliver(Response(401, {}, b'{"message":"Could not authenticate"}'), ACCEPTED)
    assert [request.headers["authorization"] for request in requests] == [f"GenieKey {KEY}", f"GenieKey {OTHER}"]


@pytest.mark.parametrize(
    ("response", "reason", "retryable"),
    [
        (Response(422, {}, b'{"message":"Request body is not processable"}'), FailureReason.CLIENT_ERROR, False),
        (Response(422, {}, b'{"message":"Key format is not valid!"}'), FailureReason.AUTH, False),
        (Response(403), FailureReason.AUTH, False),
        (Response(429), FailureReason.RATE_LIMITED, True),
        (Response(503), FailureReason.SERVER_ERROR, True),
    ],
)
def test_refusals(response: Response, reason: FailureReason, retryable: bool) -> None:
    with pytest.raises(DeliveryError) as raised:
        deliver(response)
    assert (raised.value.reason, raised.value.retryable) == (reason, retryable)
