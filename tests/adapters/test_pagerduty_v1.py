"""PagerDuty's Events API v1: what an event holds, when it is the one that is spoken, and how answers are taken."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from dev.receivers import Receivers, check_pagerduty_v1
from tests.adapters.local import local_transport
from tests.adapters.samples import CASES, NOW, alert, all_resolved, firing_single, notification, notifications
from tests.adapters.scripted import ListedSecrets, Outcome, outlets
from tests.golden import assert_golden_json
from tocsin.adapters import pagerduty
from tocsin.adapters.http import Http, Response, encode
from tocsin.adapters.pagerduty import PagerdutySender
from tocsin.adapters.pagerduty_v1 import CREATE_EVENT_URL, render
from tocsin.core.notifications import Notification
from tocsin.core.receivers import Kind
from tocsin.errors import DeliveryError, FailureReason

PAGERDUTY = Kind.PAGERDUTY
KEY, OTHER = "a" * 32, "b" * 32
ACCEPTED = Response(200, {}, b'{"status":"success","message":"Event processed","incident_key":"k"}')
OLD: dict[str, Any] = {"service_key_file": "secret:pagerduty#old"}
SETTINGS: dict[str, Any] = {
    **OLD,
    "description": "{{ .CommonLabels.service }} is {{ .Status }}",
    "client": "Ops",
    "client_url": "https://example.com/{{ .CommonLabels.service }}",
    "details": {"runbook": "{{ .CommonAnnotations.runbook_url }}", "count": "{{ len .Alerts }}"},
}


def problems(event: dict[str, Any]) -> list[str]:
    return check_pagerduty_v1(encode({**event, "service_key": KEY}))[1]


@pytest.mark.parametrize("name", CASES)
def test_golden(name: str) -> None:
    event = render(CASES[name](PAGERDUTY))
    assert problems(event) == []
    assert_golden_json(f"pagerduty_v1/{name}.json", event)


def test_the_settings_fill_every_field() -> None:
    event = render(notification(PAGERDUTY, alert(), settings=SETTINGS))
    assert problems(event) == []
    assert_golden_json("pagerduty_v1/settings.json", event)


def test_a_text_that_fails_says_so_and_what_there_is_to_say() -> None:
    settings = {**dict.fromkeys(SETTINGS, "{{ .Broken }"), "details": {"x": "{{ nothing }}"}}
    event = render(notification(PAGERDUTY, alert(), settings=settings))
    assert problems(event) == []
    assert event["description"].startswith("[FIRING:1] HighErrorRate")
    assert_golden_json("pagerduty_v1/broken_template.json", event)


@given(notifications(PAGERDUTY))
def test_pagerduty_takes_whatever_is_said(given_: Notification) -> None:
    event = render(given_)
    assert problems(event) == []
    assert "message" not in event["details"]
    assert event == render(given_)


def test_a_resolution_closes_what_the_trigger_opened_by_either_api() -> None:
    opened, closed = render(firing_single(PAGERDUTY)), render(all_resolved(PAGERDUTY))
    assert (opened["event_type"], closed["event_type"]) == ("trigger", "resolve")
    assert opened["incident_key"] == closed["incident_key"]
    assert opened["incident_key"] == pagerduty.render(firing_single(PAGERDUTY))["dedup_key"]
    assert "client" in opened
    assert "client" not in closed


def test_a_long_description_has_1024_characters() -> None:
    settings = {**OLD, "description": "x" * 5000}
    assert len(render(notification(PAGERDUTY, alert(), settings=settings))["description"]) == 1024


def test_too_many_alerts_are_left_out_and_counted() -> None:
    long = {"description": "x" * 4000, "summary": "s"}
    alerts = [alert(labels={"instance": f"host-{index}"}, annotations=long) for index in range(300)]
    event = render(notification(PAGERDUTY, *alerts))
    assert problems(event) == []
    assert event["details"]["left_out"].startswith(f"{300 - len(event['details']['firing'])} more alerts")


def deliver(*outcomes: Outcome, settings: dict[str, Any] = OLD, secrets: ListedSecrets | None = None) -> Any:
    work, transport = outlets(*outcomes, secrets=secrets or ListedSecrets(KEY))
    given_ = notification(PAGERDUTY, alert(labels={"key": OTHER}), settings=settings)
    return PagerdutySender(work)(given_, now=NOW), transport


def test_a_delivery_returns_what_pagerduty_said() -> None:
    answer, transport = deliver(ACCEPTED)
    (request,) = transport.requests
    assert (answer, request.url) == ("Event processed (k)", CREATE_EVENT_URL)
    assert json.loads(request.body)["service_key"] == KEY
    assert check_pagerduty_v1(request.body)[1] == []


@pytest.mark.parametrize(
    ("settings", "key", "url"),
    [
        pytest.param({"service_key": OTHER}, OTHER, CREATE_EVENT_URL, id="a key in clear"),
        pytest.param({"service_key": "{{ .CommonLabels.key }}"}, OTHER, CREATE_EVENT_URL, id="labels choose"),
        pytest.param(
            {**OLD, "url": pagerduty.ENQUEUE_URL}, KEY, CREATE_EVENT_URL, id="API v2's address is not this one"
        ),
        pytest.param(
            {**OLD, "url": "http://pd/create_event.json"}, KEY, "http://pd/create_event.json", id="an address"
        ),
        pytest.param(
            {**OLD, "routing_key": OTHER}, KEY, CREATE_EVENT_URL, id="a service key goes before a routing key"
        ),
    ],
)
def test_where_an_event_goes_and_as_what(settings: dict[str, Any], key: str, url: str) -> None:
    _, transport = deliver(ACCEPTED, settings=settings)
    body = json.loads(transport.requests[0].body)
    assert (body["service_key"], transport.requests[0].url) == (key, url)
    assert "routing_key" not in body


def test_a_key_that_is_empty_when_it_is_filled_in_is_not_configured() -> None:
    with pytest.raises(DeliveryError, match="service_key is empty") as raised:
        deliver(ACCEPTED, settings={"service_key": "{{ .CommonLabels.nothing }}"})
    assert (raised.value.reason, raised.value.retryable) == (FailureReason.NOT_CONFIGURED, False)


def refusal(*errors: str) -> Response:
    said = {"status": "invalid event", "message": "Event object is invalid", "errors": errors}
    return Response(400, {}, json.dumps(said).encode())


@pytest.mark.parametrize(
    ("outcome", "reason", "retryable", "said"),
    [
        pytest.param(
            refusal("Description is missing or blank", "x"),
            FailureReason.CLIENT_ERROR,
            False,
            "answered 400: Description is missing or blank; x",
            id="400 is final and lists the errors",
        ),
        pytest.param(refusal("Service key is unknown"), FailureReason.AUTH, False, "Service key", id="a wrong key"),
        pytest.param(Response(403), FailureReason.RATE_LIMITED, True, "403", id="403 is too much at once"),
        pytest.param(Response(404), FailureReason.CLIENT_ERROR, False, "404", id="404 is final"),
        pytest.param(Response(500), FailureReason.SERVER_ERROR, True, "500", id="5xx may pass"),
    ],
)
def test_refusals(outcome: Response, reason: FailureReason, retryable: bool, said: str) -> None:
    with pytest.raises(DeliveryError, match=said) as raised:
        deliver(outcome)
    assert (raised.value.reason, raised.value.retryable) == (reason, retryable)
    assert KEY not in str(raised.value)


def test_who_sent_too_much_tries_again() -> None:
    answer, transport = deliver(Response(403), ACCEPTED)
    assert answer == "Event processed (k)"
    assert transport.clock.slept == [0.5]


def test_a_rotated_key_is_read_anew_once() -> None:
    _, transport = deliver(refusal("Service key is invalid"), ACCEPTED, secrets=ListedSecrets(KEY, OTHER))
    assert [json.loads(request.body)["service_key"] for request in transport.requests] == [KEY, OTHER]


def test_it_arrives_at_a_service_that_checks_it() -> None:
    with Receivers() as receivers:
        work, transport = outlets(ACCEPTED, secrets=ListedSecrets(KEY))
        clock = transport.clock
        http = Http(local_transport(), clock.sleep, lambda: 1.0, clock.monotonic)
        work.clients.http = http
        settings = {**SETTINGS, "url": receivers.pagerduty_v1_url}
        answer = PagerdutySender(work)(notification(PAGERDUTY, alert(), settings=settings), now=NOW)
        (received,) = receivers.accepted("pagerduty_v1", KEY)
    assert answer == f"Event processed ({received.payload['incident_key']})"
    assert received.payload["description"] == "checkout is firing"
