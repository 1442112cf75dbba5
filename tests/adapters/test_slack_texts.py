"""Slack with texts of the settings' own, and as an app: messages that are edited, and their threads."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from dev.receivers import Receivers, check_slack
from tests.adapters.local import local_transport
from tests.adapters.samples import NOW, alert, all_resolved, firing_single, notification
from tests.adapters.scripted import ListedSecrets, Outcome, outlets
from tests.golden import assert_golden_json
from tocsin.adapters.channel import Outlets
from tocsin.adapters.http import Http, Response, encode
from tocsin.adapters.http_config import HttpClients
from tocsin.adapters.memory import MemoryStore
from tocsin.adapters.slack import SlackSender, render
from tocsin.core.notifications import Notification
from tocsin.core.receivers import Kind
from tocsin.errors import DeliveryError, FailureReason
from tocsin.ports import Thread

SLACK = Kind.SLACK
APP = "https://slack.com/api/chat.postMessage"
SETTINGS: dict[str, Any] = {
    "channel": "#{{ .CommonLabels.service }}",
    "username": "Ops",
    "icon_emoji": ":fire:",
    "icon_url": "https://example.com/icon.png",
    "color": '{{ if eq .Status "firing" }}#ff0000{{ else }}good{{ end }}',
    "title": "{{ .Status }}: {{ .CommonLabels.alertname }}",
    "title_link": "https://example.com/{{ .CommonLabels.service }}",
    "pretext": "before",
    "text": "{{ range .Alerts }}*{{ .Labels.alertname }}*{{ end }}",
    "message_text": "on the phone",
    "footer": "foot",
    "fallback": "plain",
    "callback_id": "tocsin",
    "image_url": "https://example.com/graph.png",
    "thumb_url": "https://example.com/thumb.png",
    "link_names": True,
    "mrkdwn_in": ["text"],
    "short_fields": True,
    "fields": [
        {"title": "Service", "value": "{{ .CommonLabels.service }}"},
        {"title": "b", "value": "2", "short": False},
    ],
    "actions": [
        {"type": "button", "text": "Open", "url": "https://example.com", "name": "dropped"},
        {"type": "button", "text": "Ack", "name": "ack", "value": "1", "confirm": {"text": "Sure?", "ok_text": "Yes"}},
    ],
}


def test_the_settings_fill_every_field() -> None:
    payload = render(notification(SLACK, alert(), settings=SETTINGS))
    assert check_slack(encode(payload))[1] == []
    assert_golden_json("slack/settings.json", payload)


def test_what_decorates_leaves_our_message() -> None:
    payload = render(notification(SLACK, alert(), settings={"color": "#123456", "title_link": "https://example.com"}))
    assert payload["attachments"][0]["color"] == "#123456"
    assert payload["attachments"][0]["blocks"]


def test_the_defaults_that_alertmanager_sets_leave_our_message() -> None:
    keys = ("username", "color", "title", "title_link", "pretext", "text", "fallback", "callback_id", "footer")
    defaults = {key: f'{{{{ template "slack.default.{key.replace("_", "")}" . }}}}' for key in keys}
    assert render(notification(SLACK, alert(), settings=defaults)) == render(notification(SLACK, alert(), settings={}))


def test_a_text_that_fails_says_so_and_what_there_is_to_say() -> None:
    settings = {"title": "{{ .Broken }", "text": "{{ .Status | nothing }}", "color": "{{ .Broken }"}
    payload = render(notification(SLACK, alert(), settings=settings))
    assert_golden_json("slack/broken_template.json", payload)
    assert payload["attachments"][0]["title"].startswith("[FIRING:1] HighErrorRate")
    assert payload["attachments"][0]["color"] == "danger"


def test_templates_that_cannot_be_read_break_no_message() -> None:
    work, transport = outlets(Response(200, {}, b"ok"))

    def broken(now: Any) -> Any:
        raise OSError("the bucket is gone")

    given_ = notification(SLACK, alert(), settings={"api_url": "https://hooks.example.com/x", "title": "{{ .Status }}"})
    assert SlackSender(Outlets(work.secrets, work.clients, broken), MemoryStore())(given_, now=NOW) == "ok"
    assert "the bucket is gone" in json.loads(transport.requests[0].body)["attachments"][0]["title"]


def said(**answer: Any) -> Response:
    return Response(200, {}, json.dumps({"ok": True, **answer}).encode())


def wrong(error: str) -> Response:
    return Response(200, {}, json.dumps({"ok": False, "error": error}).encode())


POSTED = said(channel="C1", ts="1.5")
TOKEN = {"http_config": {"authorization": {"type": "Bearer", "credentials_file": "secret:slack#bot"}}}


def app(**settings: Any) -> dict[str, Any]:
    return {"api_url": APP, "channel": "#ops", **TOKEN, **settings}


class Talk:
    """One integration's conversation with Slack, delivery after delivery."""

    def __init__(self, **settings: Any) -> None:
        self.settings = app(**settings)
        self.store = MemoryStore()
        self.requests: list[tuple[str, dict[str, Any]]] = []

    def tell(self, given_: Notification, *outcomes: Outcome) -> str:
        work, transport = outlets(*outcomes, secrets=ListedSecrets("xoxb-1"))
        told = notification(SLACK, *given_.alerts, settings=self.settings, incident=None)
        try:
            return SlackSender(work, self.store)(told, now=NOW)
        finally:
            self.requests = [
                (request.url.rpartition("/")[2], json.loads(request.body)) for request in transport.requests
            ]
            assert {request.headers["authorization"] for request in transport.requests} == {"Bearer xoxb-1"}

    @property
    def calls(self) -> list[tuple[str, str, str | None]]:
        return [(method, body["channel"], body.get("ts") or body.get("thread_ts")) for method, body in self.requests]


FIRING, RESOLVED = firing_single(SLACK), all_resolved(SLACK)


def test_without_more_every_notification_is_a_message() -> None:
    talk = Talk()
    for _ in range(2):
        assert talk.tell(FIRING, POSTED) == "message 1.5 in C1"
        assert talk.calls == [("chat.postMessage", "#ops", None)]


def test_a_message_is_edited_as_its_group_changes_and_the_next_is_new() -> None:
    talk = Talk(update_message=True)
    talk.tell(FIRING, POSTED)
    assert talk.calls == [("chat.postMessage", "#ops", None)]
    talk.tell(FIRING, POSTED)
    assert talk.calls == [("chat.update", "C1", "1.5")]
    talk.tell(RESOLVED, POSTED)
    assert talk.calls == [("chat.update", "C1", "1.5")]
    talk.tell(FIRING, said(channel="C1", ts="2.5"))
    assert talk.calls == [("chat.postMessage", "#ops", None)]


def test_what_is_new_stands_in_the_thread() -> None:
    talk = Talk(post_updates_to_thread=True)
    talk.tell(FIRING, POSTED)
    assert talk.calls == [("chat.postMessage", "#ops", None)]
    talk.tell(RESOLVED, POSTED)
    assert talk.calls == [("chat.postMessage", "C1", "1.5")]
    assert talk.requests[0][1]["thread_ts"] == "1.5"


def test_with_both_the_thread_begins_with_a_copy_of_what_is_edited_later() -> None:
    talk = Talk(update_message=True, post_updates_to_thread=True)
    talk.tell(FIRING, POSTED)
    assert talk.calls == [("chat.postMessage", "#ops", None), ("chat.postMessage", "C1", "1.5")]
    talk.tell(FIRING, POSTED)
    assert talk.calls == [("chat.update", "C1", "1.5"), ("chat.postMessage", "C1", "1.5")]


@pytest.mark.parametrize("error", ["message_not_found", "edit_window_closed", "cant_update_message"])
def test_a_message_that_is_gone_is_replaced(error: str) -> None:
    talk = Talk(update_message=True)
    talk.tell(FIRING, POSTED)
    assert talk.tell(FIRING, wrong(error), said(channel="C1", ts="9.5")) == "message 9.5 in C1"
    assert talk.store.load_thread(notification(SLACK, alert(), settings={}), now=NOW) == Thread("C1", "9.5")


@pytest.mark.parametrize(
    ("outcome", "reason", "retryable"),
    [
        (wrong("channel_not_found"), FailureReason.CLIENT_ERROR, False),
        (wrong("not_in_channel"), FailureReason.CLIENT_ERROR, False),
        (wrong("invalid_auth"), FailureReason.AUTH, False),
        (wrong("token_revoked"), FailureReason.AUTH, False),
        (wrong("ratelimited"), FailureReason.RATE_LIMITED, True),
        (wrong("internal_error"), FailureReason.SERVER_ERROR, True),
        (Response(429), FailureReason.RATE_LIMITED, True),
        (Response(200, {}, b"<html>"), FailureReason.CLIENT_ERROR, False),
    ],
)
def test_refusals(outcome: Outcome, reason: FailureReason, retryable: bool) -> None:
    with pytest.raises(DeliveryError) as raised:
        Talk().tell(FIRING, outcome)
    assert (raised.value.reason, raised.value.retryable) == (reason, retryable)


def test_slack_s_methods_take_it() -> None:
    with Receivers() as receivers:
        store = MemoryStore()
        http = Http(local_transport(), lambda _: None, lambda: 0.0, lambda: 0.0, timeout_seconds=2)
        sender = SlackSender(Outlets(ListedSecrets("xoxb-1"), HttpClients(http)), store)
        settings = app(api_url=receivers.slack_app_url, update_message=True, post_updates_to_thread=True)
        for given_ in (FIRING, FIRING, RESOLVED):
            told = notification(SLACK, *given_.alerts, settings=settings, incident=None)
            sender(told, now=NOW + timedelta(minutes=1))
        assert [each.problems for each in receivers.received] == [()] * 6
        methods = [each.target for each in receivers.received]
    assert methods == ["chat.postMessage", "chat.postMessage", *["chat.update", "chat.postMessage"] * 2]
