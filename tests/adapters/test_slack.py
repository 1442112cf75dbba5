"""Slack: what a message holds, that it stays within the limits, and how the webhook's answers are taken."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from dev.receivers import check_slack
from tests.adapters.samples import (
    CASES,
    NOW,
    alert,
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
from tocsin.adapters.memory import MemoryStore
from tocsin.adapters.slack import SlackSender, render
from tocsin.adapters.slack_text import escape
from tocsin.core.notifications import Notification
from tocsin.core.receivers import Kind
from tocsin.errors import DeliveryError, FailureReason

URL = "https://hooks.example.com/services/T/B/one"
OTHER = "https://hooks.example.com/services/T/B/two"
SLACK = Kind.SLACK


@pytest.mark.parametrize("name", CASES)
def test_golden(name: str) -> None:
    payload = render(CASES[name](SLACK))
    assert check_slack(encode(payload))[1] == []
    assert_golden_json(f"slack/{name}.json", payload)


@given(notifications(SLACK))
def test_slack_takes_whatever_is_said(given_: Notification) -> None:
    payload = render(given_)
    assert check_slack(encode(payload))[1] == []
    assert "could not be rendered" not in payload["text"]
    assert payload == render(given_)


def test_firing_and_resolved_have_their_own_colours() -> None:
    assert [each["color"] for each in render(grouped(SLACK))["attachments"]] == ["#c92a2a", "#2b8a3e"]


def test_what_is_to_page_is_as_red_as_what_is_critical() -> None:
    given_ = notification(SLACK, alert(labels={"severity": "page"}))
    assert [each["color"] for each in render(given_)["attachments"]] == ["#c92a2a"]


def test_there_is_no_link_without_a_url() -> None:
    assert "<" not in json.dumps(render(bare(SLACK)))


def test_the_title_leads_to_the_query_where_there_is_no_page_of_ours() -> None:
    payload = render(notification(SLACK, alert(), external_url=""))
    assert payload["blocks"][0]["text"]["text"].startswith("*<https://prometheus.example.com/graph?g0.expr=")


def test_what_is_left_out_is_counted() -> None:
    payload = render(CASES["truncated"](SLACK))
    sections = [block for each in payload["attachments"] for block in each["blocks"] if block["type"] == "section"]
    footer = payload["attachments"][-1]["blocks"][-1]["elements"][0]["text"]
    assert f"and {100 - len(sections)} more alerts not shown here" in footer


def test_an_escalation_says_its_step_and_how_to_stop_it() -> None:
    said = json.dumps(render(escalated(SLACK)))
    assert "escalation step 2 of incident 5f0c1d3b9a7e4c28: nobody has acknowledged it" in said
    assert "`tocsin alert ack 5f0c1d3b9a7e4c28`" in said


def test_nobody_is_mentioned_by_a_label() -> None:
    payload = render(notification(SLACK, alert(annotations={"summary": "<!channel> & <@U1>"})))
    assert "&lt;!channel&gt; &amp; &lt;@U1&gt;" in payload["text"]
    assert "<!channel>" not in json.dumps(payload)


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("a & b", 10, "a &amp; b"),
        ("&&&&", 11, "&amp;&amp;…"),
        ("x" * 10, 10, "x" * 10),
        ("x" * 11, 10, "x" * 9 + "…"),
        ("😀😀😀", 5, "😀😀…"),
        ("", 5, ""),
    ],
)
def test_a_cut_never_splits_an_escape(text: str, limit: int, expected: str) -> None:
    assert escape(text, limit) == expected


def deliver(*outcomes: Outcome, secrets: ListedSecrets | None = None, settings: dict[str, Any] | None = None) -> Any:
    work, transport = outlets(*outcomes, secrets=secrets or ListedSecrets(URL))
    sender = SlackSender(work, MemoryStore())
    given_ = firing_single(SLACK) if settings is None else notification(SLACK, alert(), settings=settings)
    return sender(given_, now=NOW), transport.requests


def test_a_delivery_returns_what_slack_said() -> None:
    answer, requests = deliver(Response(200, {}, b"ok"))
    assert answer == "ok"
    assert [request.url for request in requests] == [URL]
    assert json.loads(requests[0].body)["channel"] == "#warnings"


def test_a_url_in_the_settings_needs_no_secret() -> None:
    _, requests = deliver(Response(200, {}, b"ok"), settings={"api_url": OTHER})
    assert requests[0].url == OTHER


@pytest.mark.parametrize(
    ("outcome", "reason", "retryable"),
    [
        pytest.param(Response(400, {}, b"invalid_blocks"), FailureReason.CLIENT_ERROR, False, id="400 is final"),
        pytest.param(Response(404, {}, b"channel_not_found"), FailureReason.CLIENT_ERROR, False, id="no such channel"),
        pytest.param(Response(404, {}, b"no_service"), FailureReason.AUTH, False, id="no such webhook"),
        pytest.param(Response(403, {}, b"invalid_token"), FailureReason.AUTH, False, id="a revoked webhook"),
        pytest.param(Response(410, {}, b"channel_is_archived"), FailureReason.CLIENT_ERROR, False, id="archived"),
        pytest.param(Response(302, {}, b""), FailureReason.CLIENT_ERROR, False, id="a redirect"),
        pytest.param(Response(500, {}, b"rollup_error"), FailureReason.SERVER_ERROR, True, id="500 may pass"),
        pytest.param(Response(429, {}, b"rate_limited"), FailureReason.RATE_LIMITED, True, id="429 may pass"),
    ],
)
def test_refusals(outcome: Response, reason: FailureReason, retryable: bool) -> None:
    with pytest.raises(DeliveryError) as raised:
        deliver(outcome)
    assert (raised.value.reason, raised.value.retryable) == (reason, retryable)
    assert str(raised.value).startswith("https://hooks.example.com/… answered ")


def test_a_rotated_webhook_is_read_anew_once() -> None:
    secrets = ListedSecrets(URL, OTHER)
    answer, requests = deliver(Response(404, {}, b"no_service"), Response(200, {}, b"ok"), secrets=secrets)
    assert answer == "ok"
    assert [request.url for request in requests] == [URL, OTHER]
    assert secrets.readings == [("secret:slack#warnings", False), ("secret:slack#warnings", True)]


def test_a_webhook_that_did_not_change_is_not_tried_again() -> None:
    with pytest.raises(DeliveryError) as raised:
        deliver(Response(404, {}, b"no_service"), Response(200, {}, b"ok"), secrets=ListedSecrets(URL))
    assert raised.value.reason is FailureReason.AUTH


def test_settings_without_a_url_are_not_configured() -> None:
    with pytest.raises(DeliveryError, match="neither api_url_file nor api_url is set") as raised:
        deliver(Response(200), settings={})
    assert (raised.value.reason, raised.value.retryable) == (FailureReason.NOT_CONFIGURED, False)
