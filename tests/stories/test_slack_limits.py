"""Slack takes so many edits a minute for all of an app: what it refuses is shown when there is room again."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from urllib.parse import urlsplit

from dev.slack_workspace import Workspace
from tests.adapters.scripted import Clock, ListedSecrets
from tests.stories.configurations import configuration, policy, receiver, rule
from tests.stories.world import World
from tocsin.adapters.channel import Outlets
from tocsin.adapters.http import Http, Request, Response
from tocsin.adapters.http_config import HttpClients
from tocsin.adapters.slack import SlackSender
from tocsin.core.notifications import Notification
from tocsin.errors import DeliveryError
from tocsin.pipeline.incidents import Verb

URL = "https://slack.example.org/api/chat.postMessage"
NAMES = tuple(f"Down{number}" for number in range(6))


class Busy:
    """An installation with an incident for each of some rules, and a Slack that takes two edits a minute."""

    def __init__(self) -> None:
        channel = receiver("team")
        bot = {"authorization": {"type": "Bearer", "credentials": "xoxb-local"}}
        settings = {"api_url": URL, "channel": "#ops", "http_config": bot}
        channel = replace(
            channel, integrations=tuple(replace(each, settings=settings) for each in channel.integrations)
        )
        rules = [rule(name) for name in NAMES]
        self.world = World(configuration(*rules, receivers=[channel], policies=[policy((0, "team"))]))
        self.slack = Workspace(
            seconds_a_message=0, edits_a_minute=2, clock=lambda: self.world.now.timestamp(), channels=("#ops",)
        )
        self.refused: list[DeliveryError] = []
        self.world.sender = self.send
        for name in NAMES:
            self.world.metric_goes_bad(name, instance="a")
        self.world.advance(minutes=2)

    def send(self, notification: Notification, *, now: datetime) -> str:
        clock = Clock()
        http = Http(self.ask, sleep=clock.sleep, random=lambda: 1.0, monotonic=clock.monotonic)
        sender = SlackSender(Outlets(ListedSecrets("xoxb-local"), HttpClients(http)), self.world.store)
        try:
            return sender(notification, now=now)
        except DeliveryError as error:
            self.refused.append(error)
            raise

    def ask(self, request: Request, *, timeout_seconds: float) -> Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        status, more, text = self.slack.take(urlsplit(request.url).path, headers, request.body or b"")
        return Response(status, {name.lower(): value for name, value in more.items()}, text.encode())

    def act(self, verb: Verb) -> None:
        for incident in dict.fromkeys(self.world.escalations.started):
            self.world.act(verb, incident, by="ann", comment=f"{verb}d")


def test_every_message_shows_the_last_state_in_the_end() -> None:
    busy = Busy()
    assert [message.edits for message in busy.slack.messages] == [0] * 6
    busy.act(Verb.ACKNOWLEDGE)
    busy.world.advance(seconds=1)
    assert sum("Acknowledged by ann" in message.text for message in busy.slack.messages) == 2
    assert {error.retry_after_seconds for error in busy.refused} == {60.0}
    assert not any(error.may_have_arrived for error in busy.refused)
    busy.world.advance(minutes=30)
    for message in busy.slack.messages:
        assert "Acknowledged by ann" in message.text
        assert [reply.text.count("Acknowledged by ann") for reply in message.thread] == [1]


def test_what_came_after_it_is_shown_and_not_what_was_refused() -> None:
    busy = Busy()
    busy.act(Verb.ACKNOWLEDGE)
    busy.world.advance(seconds=1)
    busy.act(Verb.RESOLVE)
    busy.world.advance(minutes=30)
    for message in busy.slack.messages:
        assert "Resolved by ann" in message.text
        assert "Acknowledged by ann" not in message.text
