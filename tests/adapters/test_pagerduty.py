"""PagerDuty: what an event holds, that it stays within the limits, and how the API's answers are taken."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from dev.receivers import check_pagerduty
from tests.adapters.samples import (
    CASES,
    NOW,
    SETTINGS,
    alert,
    all_resolved,
    bare,
    escalated,
    firing_single,
    grouped,
    notification,
    notifications,
)
from tests.adapters.scripted import ListedSecrets, Outcome, outlets
from tests.golden import assert_golden_json
from tocsin.adapters.http import Response, encode
from tocsin.adapters.pagerduty import ENQUEUE_URL, PagerdutySender, render, render_change
from tocsin.core.notifications import Notification, Reason, Standing
from tocsin.core.receivers import Kind
from tocsin.errors import DeliveryError, FailureReason

PAGERDUTY = Kind.PAGERDUTY
KEY, OTHER = "a" * 32, "b" * 32
ACCEPTED = Response(202, {}, b'{"status":"success","message":"Event processed","dedup_key":"k"}')


def problems(event: dict[str, Any]) -> list[str]:
    return check_pagerduty(encode({**event, "routing_key": KEY}))[1]


@pytest.mark.parametrize("name", CASES)
def test_golden(name: str) -> None:
    event = render(CASES[name](PAGERDUTY))
    assert problems(event) == []
    assert_golden_json(f"pagerduty/{name}.json", event)


@given(notifications(PAGERDUTY))
def test_pagerduty_takes_whatever_is_said(given_: Notification) -> None:
    event = render(given_)
    assert problems(event) == []
    assert "message" not in event["payload"]["custom_details"]
    assert event == render(given_)


def test_a_resolution_closes_what_the_trigger_opened() -> None:
    opened, closed = render(firing_single(PAGERDUTY)), render(all_resolved(PAGERDUTY))
    assert (opened["event_action"], closed["event_action"]) == ("trigger", "resolve")
    assert opened["dedup_key"] == closed["dedup_key"] == render(escalated(PAGERDUTY))["dedup_key"]


def changed(state: str, **settings: str) -> Notification:
    told = notification(PAGERDUTY, alert(), reason=Reason.UPDATE, settings={**SETTINGS[PAGERDUTY], **settings})
    return replace(told, standing=Standing(state, owner="ann", changed_by="ann", source="slack", said="…"))


@pytest.mark.parametrize(("state", "action"), [("acknowledged", "acknowledge"), ("resolved", "resolve")])
def test_what_people_did_elsewhere_is_told_under_the_same_key(state: str, action: str) -> None:
    event = render_change(changed(state))
    assert event is not None
    assert problems(event) == []
    assert event == {"event_action": action, "dedup_key": render(firing_single(PAGERDUTY))["dedup_key"]}
    outlets_, transport = outlets(ACCEPTED, secrets=ListedSecrets(KEY))
    assert PagerdutySender(outlets_)(changed(state), now=NOW) == "Event processed (k)"
    (request,) = transport.requests
    assert json.loads(request.body) == {**event, "routing_key": KEY}


def test_what_takes_the_place_of_another_opens_first_and_closes_that_then() -> None:
    told = replace(firing_single(PAGERDUTY), ties=("", "0.1"))
    outlets_, transport = outlets(ACCEPTED, ACCEPTED, secrets=ListedSecrets(KEY))
    assert PagerdutySender(outlets_)(told, now=NOW) == "Event processed (k)"
    opened, closed = (json.loads(request.body) for request in transport.requests)
    assert problems(opened) == problems(closed) == []
    assert (opened["event_action"], opened["dedup_key"]) == ("trigger", render(told)["dedup_key"])
    old = render(firing_single(PAGERDUTY))["dedup_key"]
    assert closed == {"event_action": "resolve", "dedup_key": old, "routing_key": KEY}
    assert opened["dedup_key"] != old


@pytest.mark.parametrize("state", ["open", "snoozed", "suppressed", "expired", "", "teleported"])
def test_of_what_it_has_no_word_for_it_is_not_told(state: str) -> None:
    outlets_, transport = outlets(ACCEPTED)
    assert PagerdutySender(outlets_)(changed(state), now=NOW) == f"nothing to tell: {state or 'unknown'}"
    assert not transport.requests


def test_version_1_is_told_of_alerts_alone() -> None:
    assert render_change(changed("acknowledged", service_key_file="secret:pagerduty#old")) is None


def test_another_receiver_has_another_alert() -> None:
    given_ = firing_single(PAGERDUTY)
    other = replace(given_, integration=replace(given_.integration, receiver="executives"))
    assert render(given_)["dedup_key"] != render(other)["dedup_key"]


def test_a_long_receiver_name_still_has_a_stable_key() -> None:
    given_ = firing_single(PAGERDUTY)
    long = replace(given_, integration=replace(given_.integration, receiver="r" * 300))
    assert len(render(long)["dedup_key"]) == 64


@pytest.mark.parametrize(
    ("own", "settings", "expected"),
    [
        ("critical", {}, "critical"),
        ("ERROR", {}, "error"),
        ("high", {}, "error"),
        ("warning", {}, "warning"),
        ("medium", {}, "warning"),
        ("info", {}, "info"),
        ("low", {}, "info"),
        ("page", {}, "error"),
        ("none", {}, "error"),
        ("none", {"severity": "warning"}, "warning"),
        ("none", {"severity": "{{ .CommonLabels.severity }}"}, "critical"),
        ("none", {"severity": "{{ .CommonLabels.gravity }}"}, "error"),
        ("critical", {"severity": "{{ .Broken"}, "critical"),
        ("critical", {"severity": "info"}, "info"),
        ("critical", {"severity": "high"}, "error"),
    ],
)
def test_severities(own: str, settings: dict[str, str], expected: str) -> None:
    given_ = replace(notification(PAGERDUTY, alert(), settings=settings), severity=own)
    assert render(given_)["payload"]["severity"] == expected


def test_the_settings_name_class_component_and_group() -> None:
    settings = {"class": "errors", "component": "web", "group": "prod", "client": "Ops", "source": "eu-west-1"}
    event = render(notification(PAGERDUTY, alert(), settings=settings))
    said = {name: event["payload"][name] for name in ("class", "component", "group", "source")}
    assert said == {"class": "errors", "component": "web", "group": "prod", "source": "eu-west-1"}
    assert event["client"] == "Ops"


def test_without_them_the_labels_do() -> None:
    payload = render(notification(PAGERDUTY, alert(labels={"cluster": "eu"}), settings={}))["payload"]
    assert (payload["class"], payload["component"], payload["group"]) == ("HighErrorRate", "checkout", "eu")


def test_there_is_no_link_without_a_url() -> None:
    event = render(bare(PAGERDUTY))
    assert event["links"] == []
    assert "client_url" not in event


def test_too_many_alerts_are_left_out_and_counted() -> None:
    long = {"description": "x" * 4000, "summary": "s"}
    alerts = [alert(labels={"instance": f"host-{index}"}, annotations=long) for index in range(300)]
    event = render(notification(PAGERDUTY, *alerts))
    details = event["payload"]["custom_details"]
    assert problems(event) == []
    assert len(encode(event)) > 450 * 1024
    assert details["left_out"].startswith(f"{300 - len(details['firing'])} more alerts not shown here")
    assert details["num_firing"] == 300


def test_firing_and_resolved_are_told_apart() -> None:
    details = render(grouped(PAGERDUTY))["payload"]["custom_details"]
    assert (len(details["firing"]), len(details["resolved"])) == (2, 1)


def deliver(*outcomes: Outcome, secrets: ListedSecrets | None = None, settings: dict[str, Any] | None = None) -> Any:
    work, transport = outlets(*outcomes, secrets=secrets or ListedSecrets(KEY))
    sender = PagerdutySender(work)
    given_ = firing_single(PAGERDUTY) if settings is None else notification(PAGERDUTY, alert(), settings=settings)
    return sender(given_, now=NOW), transport.requests


def test_a_delivery_returns_what_pagerduty_said() -> None:
    answer, requests = deliver(ACCEPTED)
    assert answer == "Event processed (k)"
    assert requests[0].url == ENQUEUE_URL
    assert json.loads(requests[0].body)["routing_key"] == KEY


def test_a_key_and_a_url_of_the_settings_are_used() -> None:
    settings = {"routing_key": OTHER, "url": "http://127.0.0.1:9/v2/enqueue"}
    _, requests = deliver(ACCEPTED, settings=settings)
    assert requests[0].url == "http://127.0.0.1:9/v2/enqueue"
    assert json.loads(requests[0].body)["routing_key"] == OTHER


def refusal(*errors: str) -> Response:
    said = {"status": "invalid event", "message": "Event object is invalid", "errors": errors}
    return Response(400, {}, json.dumps(said).encode())


@pytest.mark.parametrize(
    ("outcome", "reason", "retryable", "said"),
    [
        pytest.param(
            refusal("'payload.summary' is missing", "'x' is bad"),
            FailureReason.CLIENT_ERROR,
            False,
            "answered 400: 'payload.summary' is missing; 'x' is bad",
            id="400 is final and lists the errors",
        ),
        pytest.param(
            refusal("Length of 'routing_key' is incorrect"), FailureReason.AUTH, False, "routing_key", id="a wrong key"
        ),
        pytest.param(Response(400, {}, b"[]"), FailureReason.CLIENT_ERROR, False, "answered 400: []", id="no object"),
        pytest.param(Response(413, {}, b"too big"), FailureReason.CLIENT_ERROR, False, "413: too big", id="too big"),
        pytest.param(Response(200, {}, b"hello"), FailureReason.CLIENT_ERROR, False, "200: hello", id="200 is not 202"),
        pytest.param(Response(429), FailureReason.RATE_LIMITED, True, "429", id="429 may pass"),
        pytest.param(Response(503), FailureReason.SERVER_ERROR, True, "503", id="5xx may pass"),
    ],
)
def test_refusals(outcome: Response, reason: FailureReason, retryable: bool, said: str) -> None:
    with pytest.raises(DeliveryError) as raised:
        deliver(outcome)
    assert (raised.value.reason, raised.value.retryable) == (reason, retryable)
    assert said in str(raised.value)


def test_a_key_that_is_repeated_by_the_api_is_not_shown() -> None:
    with pytest.raises(DeliveryError) as raised:
        deliver(refusal(f"routing key {KEY} is unknown"))
    assert KEY not in str(raised.value)


def test_a_rotated_key_is_read_anew_once() -> None:
    _, requests = deliver(refusal("Invalid routing key"), ACCEPTED, secrets=ListedSecrets(KEY, OTHER))
    assert [json.loads(request.body)["routing_key"] for request in requests] == [KEY, OTHER]


def test_settings_without_a_key_are_not_configured() -> None:
    with pytest.raises(DeliveryError, match="neither routing_key_file nor routing_key is set") as raised:
        deliver(ACCEPTED, settings={})
    assert (raised.value.reason, raised.value.retryable) == (FailureReason.NOT_CONFIGURED, False)
