"""The local receivers refuse what the real ones refuse, remember everything, and fail when they are told to."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

import pytest

from dev.receivers import Receivers, check_email, check_pagerduty, check_slack

SECTION = {"type": "section", "text": {"type": "mrkdwn", "text": "x"}}
PAYLOAD = {"summary": "s", "source": "here", "severity": "critical"}
EVENT: dict[str, Any] = {
    "routing_key": "a" * 32,
    "event_action": "trigger",
    "dedup_key": "k",
    "payload": PAYLOAD,
}


def section(text: str, **rest: Any) -> dict[str, Any]:
    return {"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": text}, **rest}]}


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        pytest.param(b"{", "invalid_payload", id="no JSON"),
        pytest.param([], "invalid_payload", id="no object"),
        pytest.param({"txt": "x", "text": "x"}, "invalid_payload", id="a key that Slack does not know"),
        pytest.param({}, "no_text", id="nothing"),
        pytest.param({"text": " "}, "no_text", id="only space"),
        pytest.param({"text": "x" * 40_001}, "msg_too_long", id="too long a text"),
        pytest.param({"blocks": [SECTION] * 51}, "invalid_blocks", id="too many blocks"),
        pytest.param({"blocks": [{"type": "sektion"}]}, "invalid_blocks", id="an unknown block"),
        pytest.param({"blocks": [{"type": "section"}]}, "invalid_blocks", id="an empty section"),
        pytest.param(section("x" * 3001), "invalid_blocks", id="too long a section"),
        pytest.param(section("x", fields=[SECTION["text"]] * 11), "invalid_blocks", id="too many fields"),
        pytest.param(section("x", fields=[{"type": "mrkdwn", "text": "x" * 2001}]), "invalid_blocks", id="long field"),
        pytest.param(section("a < b"), "invalid_blocks", id="an unescaped sign"),
        pytest.param(section("a & b"), "invalid_blocks", id="an unescaped ampersand"),
        pytest.param(section("<!channel>"), "invalid_blocks", id="a mention"),
        pytest.param(
            {"blocks": [{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}]},
            "invalid_blocks",
            id="too long a header",
        ),
        pytest.param({"text": "x", "attachments": [{"text": "x"}] * 101}, "too_many_attachments", id="attachments"),
        pytest.param({"attachments": [{"color": "reddish", "text": "x"}]}, "invalid_attachments", id="no colour"),
        pytest.param({"attachments": [{"color": "#ff0000"}]}, "no_text", id="an empty attachment"),
        pytest.param({"blocks": [section("x" * 2900)["blocks"][0]] * 5}, "msg_blocks_too_long", id="too much in all"),
    ],
)
def test_slack_refuses(payload: Any, code: str) -> None:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    assert [refusal.code for refusal in check_slack(body)[1]][:1] == [code]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param({"routing_key": None}, "'routing_key' is missing", id="no key"),
        pytest.param({"routing_key": "short"}, "Length of 'routing_key' is incorrect", id="a short key"),
        pytest.param({"event_action": "fire"}, "'event_action' is missing or invalid", id="another action"),
        pytest.param({"event_action": "resolve", "dedup_key": None}, "'dedup_key' is missing", id="resolving nothing"),
        pytest.param({"dedup_key": "k" * 256}, "Length of 'dedup_key'", id="too long a key"),
        pytest.param({"payload": None}, "'payload' is missing", id="no payload"),
        pytest.param({"payload": {**PAYLOAD, "summary": ""}}, "'payload.summary' is missing", id="no summary"),
        pytest.param({"payload": {**PAYLOAD, "summary": "s" * 1025}}, "'payload.summary' is incorrect", id="long"),
        pytest.param({"payload": {**PAYLOAD, "severity": "high"}}, "'payload.severity' is invalid", id="severity"),
        pytest.param({"payload": {**PAYLOAD, "timestamp": "now"}}, "not an ISO 8601 time", id="no time"),
        pytest.param({"payload": {**PAYLOAD, "custom_details": "x"}}, "is not an object", id="details"),
        pytest.param({"links": [{"href": "runbook"}]}, "'links[0].href' is not a URL", id="no link"),
        pytest.param({"client_url": ""}, "'client_url' is not a URL", id="an empty client URL"),
        pytest.param({"colour": "red"}, "'colour' is not a field of an event", id="an unknown field"),
        pytest.param({"client": "x" * 600_000}, "bytes, 524288 allowed", id="too big"),
    ],
)
def test_pagerduty_refuses(change: dict[str, Any], said: str) -> None:
    found = check_pagerduty(json.dumps({**EVENT, **change}).encode())[1]
    assert any(said in problem for problem in found), found


def message(**change: Any) -> dict[str, Any]:
    parts: dict[str, Any] = {"subject": "s", "html": "<p>h</p>", "text": "t", "to": ["a@x.org"], **change}
    body = {"Text": {"Data": parts["text"]}, "Html": {"Data": parts["html"]}}
    return {
        "FromEmailAddress": "tocsin@x.org",
        "Destination": {"ToAddresses": parts["to"]},
        "Content": {"Simple": {"Subject": {"Data": parts["subject"]}, "Body": body}},
    }


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"subject": "a\nb"}, "subject: a line break"),
        ({"subject": ""}, "subject: empty"),
        ({"to": []}, "Destination: 0 addresses"),
        ({"to": ["nobody"]}, "is no address"),
        ({"text": ""}, "text part: empty"),
        ({"html": "<p>h"}, "<p> is not closed"),
        ({"html": "<b><i></b></i>"}, "</b> closes nothing"),
        ({"html": "<script>x</script>"}, "<script>"),
        ({"html": '<a href="javascript:x">x</a>'}, "a link to"),
        ({"html": '<p onclick="x">x</p>'}, "<p onclick>"),
    ],
)
def test_a_mail_program_objects(change: dict[str, Any], said: str) -> None:
    assert any(said in problem for problem in check_email(message(**change)))


def test_a_good_message_is_a_good_message() -> None:
    assert check_slack(json.dumps({"text": "hi <https://x.org/?a=1&amp;b=2|there>"}).encode())[1] == []
    assert check_pagerduty(json.dumps(EVENT).encode())[1] == []
    assert check_email(message()) == []


def post(url: str, body: Any) -> tuple[int, str, dict[str, str]]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    try:
        connection.request("POST", parts.path, json.dumps(body))
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), dict(answer.headers)
    finally:
        connection.close()


def test_the_server_answers_as_slack_and_pagerduty_do_and_remembers() -> None:
    with Receivers() as receivers:
        assert post(receivers.slack_url("warnings"), {"text": "x"})[:2] == (200, "ok")
        assert post(receivers.slack_url("warnings"), {})[:2] == (400, "no_text")
        status, body, _ = post(receivers.pagerduty_url, EVENT)
        assert (status, json.loads(body)["dedup_key"]) == (202, "k")
        status, body, _ = post(receivers.pagerduty_url, {})
        assert (status, json.loads(body)["message"]) == (400, "Event object is invalid")
        assert post(receivers.url + "/elsewhere", {})[:2] == (404, "no_service")
        received = receivers.received
        assert [(each.integration, each.target, each.status) for each in received] == [
            ("slack", "warnings", 200),
            ("slack", "warnings", 400),
            ("pagerduty", "a" * 32, 202),
            ("pagerduty", "", 400),
        ]
        assert [each.payload for each in receivers.accepted("slack", "warnings")] == [{"text": "x"}]
        assert received[1].problems == ("no_text: neither text nor blocks nor attachments",)


def test_failures_are_given_as_often_as_asked() -> None:
    with Receivers() as receivers:
        receivers.fail("/slack/warnings", status=429, headers={"Retry-After": "3"}, times=2)
        answers = [post(receivers.slack_url("warnings"), {"text": "x"}) for _ in range(3)]
        assert [answer[0] for answer in answers] == [429, 429, 200]
        assert answers[0][2]["Retry-After"] == "3"
        assert [each.accepted for each in receivers.received] == [False, False, True]


def test_receivers_that_do_not_run_have_no_address() -> None:
    with pytest.raises(RuntimeError, match="not running"):
        _ = Receivers().url
