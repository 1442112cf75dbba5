"""Slack by an app, with the real sender: a message that is edited, in a Slack that keeps what was posted.

Each request of a delivery and each look at where its message is are calls of their own. A person sees a message when it
is posted, and when an edit changes it; what is said in a thread is the same news once more.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from tests.adapters.scripted import Clock, ListedSecrets
from tests.stories.outside import ServiceError
from tests.stories.world import World
from tocsin.adapters.channel import Outlets
from tocsin.adapters.http import Http, Request, Response
from tocsin.adapters.http_config import HttpClients
from tocsin.adapters.slack import SlackSender
from tocsin.core.configuration import Configuration
from tocsin.core.notifications import Notification
from tocsin.core.receivers import Kind
from tocsin.errors import DeliveryError, FailureReason

URL = "https://slack.example.org/api/chat.postMessage"


def edits_messages(configuration: Configuration) -> Configuration:
    """Return a configuration whose receivers are told by an app that edits its messages."""
    settings = {"update_message": True, "api_url": URL, "channel": "alerts"}
    receivers = {
        name: replace(each, integrations=tuple(replace(one, settings=settings) for one in each.integrations))
        for name, each in configuration.receivers.items()
    }
    return replace(configuration, receivers=receivers)


def use_app(world: World) -> Slack:
    """Have a world's notifications delivered by the real sender; return the workspace that they go to."""
    slack = Slack(world)
    world.sender = slack.deliver
    return slack


@dataclass(slots=True)
class Slack:
    """The workspace: its messages by their time stamps."""

    world: World
    messages: dict[str, Any] = field(default_factory=dict)
    replies: list[str] = field(default_factory=list)

    def deliver(self, notification: Notification, *, now: datetime) -> str:
        if notification.integration.kind is not Kind.SLACK:
            return self.world.own_sender()(notification, now=now)
        clock = Clock()
        http = Http(
            _Transport(self.world._wrap(self), notification),
            sleep=clock.sleep,
            random=lambda: 1.0,
            monotonic=clock.monotonic,
        )
        sender = SlackSender(Outlets(ListedSecrets(URL), HttpClients(http)), self.world._wrap(self.world.store))
        return sender(notification, now=now)

    def post(self, method: str, message: dict[str, Any], told: Notification) -> dict[str, Any]:
        """Do what a method of Slack's API does; who sees it change has heard what is told by it."""
        assert method in ("chat.postMessage", "chat.update"), method
        content = {name: value for name, value in message.items() if name not in ("ts", "channel")}
        if "thread_ts" in message:
            if message["thread_ts"] not in self.messages:
                return {"ok": False, "error": "thread_not_found"}
            self.replies.append(message["text"])
            return {"ok": True, "channel": "C1", "ts": f"{message['thread_ts']}.{len(self.replies)}"}
        key = message["ts"] if method == "chat.update" else f"{len(self.messages)}.0"
        if method == "chat.update" and key not in self.messages:
            return {"ok": False, "error": "message_not_found"}
        if self.messages.get(key) != content:
            self.messages[key] = content
            self.world.hear(told)
        return {"ok": True, "channel": "C1", "ts": key}


@dataclass(frozen=True, slots=True)
class _Transport:
    slack: Any
    told: Notification

    def __call__(self, request: Request, *, timeout_seconds: float) -> Response:
        try:
            answer = self.slack.post(request.url.rpartition("/")[2], json.loads(request.body), self.told)
        except ServiceError as error:
            raise DeliveryError(str(error), reason=FailureReason.TIMEOUT, retryable=True) from None
        return Response(200, {}, json.dumps(answer).encode())
