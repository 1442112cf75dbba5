"""Slack, by an app's token: a message that is edited as its group changes (`update_message`), with what is new in its
thread (`post_updates_to_thread`).

An incident has one message, whatever the settings say, and what is new of it stands in its thread unless
`post_updates_to_thread` is false. Where a message is, is kept for each group and integration: until the group is
resolved, or until there is another incident. A message that is gone is replaced by a new one. The token stands in
`http_config.authorization`, as in Alertmanager.

Sources: https://docs.slack.dev/reference/methods/chat.postMessage, https://docs.slack.dev/reference/methods/chat.update
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from ..core.alerts import Status
from ..errors import DeliveryError, FailureReason
from ..ports import Thread, Threads
from .channel import Channel
from .http import Response, redact, refused
from .slack_news import news
from .slack_pace import SlackPace

_POST, _UPDATE = "/chat.postMessage", "/chat.update"
_AUTH = frozenset(
    {
        "access_denied",
        "account_inactive",
        "invalid_auth",
        "missing_scope",
        "no_permission",
        "not_allowed_token_type",
        "not_authed",
        "token_expired",
        "token_revoked",
    }
)
_LATER = frozenset({"fatal_error", "internal_error", "request_timeout", "service_unavailable", "team_added_to_org"})
_RATE_LIMITED = frozenset({"rate_limited", "ratelimited", "message_limit_exceeded"})
# A message that cannot be edited any more.
_GONE = frozenset({"cant_update_message", "channel_not_found", "edit_window_closed", "message_not_found"})
# An edited message keeps these.
_ONLY_WHEN_NEW = ("channel", "username", "icon_emoji", "icon_url")


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a method answered; `error` is empty where it did what it was asked."""

    thread: Thread | None
    error: str
    response: Response


@dataclass(frozen=True, slots=True)
class Line:
    """How Slack is spoken to in one delivery: the URL of the method that posts, and the pace of whom it is for."""

    url: str
    channel: Channel
    pace: SlackPace | None = None
    to: str = ""

    def ask(self, method: str, payload: Mapping[str, Any]) -> _Answer:
        """Return what a method answers. Raises DeliveryError where it is no answer of a method."""
        if method == _POST and self.pace is not None:
            # Before what is said in a thread, the message itself was edited.
            has_begun = "thread_ts" in payload
            name = f"{self.url} {self.to}"
            self.pace.wait(name, self.channel.notification, now=self.channel.now, may_have_arrived=has_begun)
        return _ask(self.url.removesuffix(_POST) + method, payload, self.channel)


def is_app(url: str) -> bool:
    """Say whether a URL is the method that posts a message, and no webhook."""
    return urlsplit(url).path.endswith(_POST)


def send(message: Mapping[str, Any], line: Line, threads: Threads) -> str:
    """Post or edit, and return where the message is. Raises DeliveryError."""
    channel, url = line.channel, line.url
    settings, notification = channel.settings, channel.notification
    if notification.incident and not notification.is_compatible:
        return _tell_incident(message, line, threads, notification.incident)
    edits, replies = bool(settings.get("update_message")), bool(settings.get("post_updates_to_thread"))
    if not edits and not replies:
        return _said(_done(line.ask(_POST, message), url))
    thread = threads.load_thread(notification, now=channel.now)
    thread = None if thread and thread.incident else thread
    if thread and edits:
        thread = _edit(message, line, thread)
    is_new = thread is None
    if thread is None:
        thread = _done(line.ask(_POST, message), url).thread
        threads.save_thread(notification, thread, now=channel.now)
    # The first message would be lost when it is edited: a copy of it opens its thread.
    if thread and replies and (edits or not is_new):
        _done(line.ask(_POST, _moved(message, thread, "thread_ts")), url)
    if notification.status is Status.RESOLVED:
        # What fires next is news: it gets a message of its own.
        threads.save_thread(notification, None, now=channel.now)
    return _place(thread)


def _tell_incident(message: Mapping[str, Any], line: Line, threads: Threads, incident: str) -> str:
    """Keep the incident's one message as it should be, and say what is new in its thread."""
    channel, url = line.channel, line.url
    notification = channel.notification
    thread = threads.load_thread(notification, now=channel.now)
    if thread and thread.incident in ("", incident):
        is_noted = bool(thread.incident)
        thread = _edit(message, line, thread)
        if thread and not is_noted:  # posted before incidents had messages of their own
            threads.save_thread(notification, replace(thread, incident=incident), now=channel.now)
        if thread and channel.settings.get("post_updates_to_thread") is not False:
            _done(line.ask(_POST, _moved(news(notification), thread, "thread_ts")), url)
    else:
        thread = None
    if thread is None:
        posted = _done(line.ask(_POST, message), url).thread
        thread = replace(posted, incident=incident) if posted else None
        threads.save_thread(notification, thread, now=channel.now)
    return _place(thread)


def _place(thread: Thread | None) -> str:
    return f"message {thread.message} in {thread.channel}" if thread else "ok"


def _edit(message: Mapping[str, Any], line: Line, thread: Thread) -> Thread | None:
    """Return where the edited message is, None where it is gone."""
    answer = line.ask(_UPDATE, _moved(message, thread, "ts"))
    if answer.error in _GONE:
        return None
    _done(answer, line.url)
    return thread


def _moved(message: Mapping[str, Any], thread: Thread, key: str) -> dict[str, Any]:
    dropped = _ONLY_WHEN_NEW if key == "ts" else ()
    kept = {name: value for name, value in message.items() if name not in dropped}
    return {**kept, "channel": thread.channel, key: thread.message}


def _ask(url: str, payload: Mapping[str, Any], channel: Channel) -> _Answer:
    response = channel.post(url, payload)
    try:
        answer = json.loads(response.body)
    except ValueError:
        answer = None
    if response.status != 200 or not isinstance(answer, dict):
        raise refused(response, url)
    if not answer.get("ok"):
        return _Answer(None, str(answer.get("error") or "no reason given"), response)
    place = (str(answer.get("channel") or ""), str(answer.get("ts") or ""))
    return _Answer(Thread(*place) if all(place) else None, "", response)


def _done(answer: _Answer, url: str) -> _Answer:
    """Return an answer that is none of an error. Raises DeliveryError."""
    if not answer.error:
        return answer
    reason, retryable = FailureReason.CLIENT_ERROR, False
    if answer.error in _AUTH:
        reason = FailureReason.AUTH
    elif answer.error in _RATE_LIMITED:
        reason, retryable = FailureReason.RATE_LIMITED, True
    elif answer.error in _LATER:
        reason, retryable = FailureReason.SERVER_ERROR, True
    raise DeliveryError(f"{redact(url)} answered {answer.error[:200]}", reason=reason, retryable=retryable)


def _said(answer: _Answer) -> str:
    return _place(answer.thread)
