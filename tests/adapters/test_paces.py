"""Turns at a distance: those in memory and those of the table alike, and Slack's one message a second for a channel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dev.slack_workspace import Workspace
from tests.adapters.local import local_transport
from tests.adapters.samples import NOW as SAID_AT
from tests.adapters.samples import alert, notification
from tests.adapters.scripted import ListedSecrets
from tests.adapters.stores import dynamodb, new_table
from tocsin.adapters.channel import Outlets
from tocsin.adapters.dynamodb import DynamoPaces
from tocsin.adapters.http import Http
from tocsin.adapters.http_config import HttpClients
from tocsin.adapters.memory import MemoryStore
from tocsin.adapters.memory_receipts import MemoryPaces
from tocsin.adapters.slack import SlackSender
from tocsin.adapters.slack_pace import PATIENCE, SlackPace
from tocsin.core.notifications import Notification, Reason, Standing
from tocsin.core.receivers import Kind
from tocsin.errors import DeliveryError, FailureReason, StoreError
from tocsin.ports import Paces

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


@pytest.fixture(params=["memory", "dynamodb"])
def paces(request: pytest.FixtureRequest) -> Iterator[Paces]:
    if request.param == "memory":
        yield MemoryPaces()
        return
    with dynamodb() as client:
        yield DynamoPaces(new_table(client).table)


def turns(paces: Paces, times: int, name: str = "a", *, now: datetime = NOW) -> list[float | None]:
    """Return how many seconds from now each turn is."""
    found = [paces.reserve(name, every=SECOND, within=3 * SECOND, now=now) for _ in range(times)]
    return [None if each is None else (each - now).total_seconds() for each in found]


def test_turns_follow_each_other_and_who_is_too_far_behind_takes_none(paces: Paces) -> None:
    assert turns(paces, 6) == [0.0, 1.0, 2.0, 3.0, None, None]
    assert turns(paces, 2, now=NOW + 2 * SECOND) == [2.0, 3.0]


def test_each_name_has_its_own(paces: Paces) -> None:
    assert turns(paces, 2) == turns(paces, 2, "b") == [0.0, 1.0]


def test_after_a_while_nobody_waits(paces: Paces) -> None:
    turns(paces, 4)
    assert turns(paces, 1, now=NOW + MINUTE) == [0.0]


def test_a_clock_that_is_behind_takes_its_turn_behind(paces: Paces) -> None:
    turns(paces, 1)
    assert turns(paces, 1, now=NOW - SECOND) == [2.0]


@dataclass(slots=True)
class Crowded:
    """A table at which somebody else is quicker, so many times: after the reading, and before the writing."""

    table: Any
    others: int
    taken: list[datetime | None] = field(default_factory=list)

    def get(self, pk: str, sk: str) -> Any:
        item = self.table.get(pk, sk)
        if self.others:
            self.others -= 1
            self.taken.append(DynamoPaces(self.table).reserve("a", every=SECOND, within=MINUTE, now=NOW))
        return item

    def update(self, *arguments: Any) -> None:
        self.table.update(*arguments)


@pytest.mark.parametrize("others", [0, 1, 3])
def test_those_who_come_at_once_have_a_turn_each(others: int) -> None:
    with dynamodb() as client:
        crowd: Any = Crowded(new_table(client).table, others)
        ours = DynamoPaces(crowd).reserve("a", every=SECOND, within=MINUTE, now=NOW)
        assert [*crowd.taken, ours] == [NOW + number * SECOND for number in range(others + 1)]


def test_who_is_never_the_quickest_takes_no_turn() -> None:
    with dynamodb() as client:
        crowd: Any = Crowded(new_table(client).table, others=99)
        assert DynamoPaces(crowd).reserve("a", every=SECOND, within=MINUTE, now=NOW) is None


class Line:
    """A workspace, and a sender that waits on a clock of its own."""

    def __init__(self, slack: Workspace, paces: Any) -> None:
        self.slept: list[float] = []
        bot = {"authorization": {"type": "Bearer", "credentials": slack.token}}
        self.settings = {"api_url": slack.api_url, "channel": "#ops", "http_config": bot}
        http = Http(local_transport(), lambda _: None, lambda: 0.0, lambda: 0.0)
        outlets = Outlets(ListedSecrets(slack.token), HttpClients(http))
        self.sender = SlackSender(outlets, MemoryStore(), SlackPace(paces, self.sleep))

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def tell(self, severity: str = "warning", *, incident: str | None = None, **more: Any) -> None:
        self.sender(self.about(severity, incident=incident, **more), now=SAID_AT)

    def about(self, severity: str, *, incident: str | None = None, **more: Any) -> Notification:
        told = notification(Kind.SLACK, alert(), incident=incident, settings=self.settings)
        return replace(told, severity=severity, **more)


def test_a_channel_gets_one_message_a_second_and_what_is_behind_is_tried_again() -> None:
    with Workspace(seconds_a_message=0) as slack:
        line = Line(slack, MemoryPaces())
        for _ in range(int(PATIENCE.total_seconds()) + 1):
            line.tell()
        assert line.slept == [float(second) for second in range(16)]
        with pytest.raises(DeliveryError) as raised:
            line.tell()
        assert (raised.value.reason, raised.value.retryable) == (FailureReason.RATE_LIMITED, True)
        assert (raised.value.retry_after_seconds, raised.value.may_have_arrived) == (15.0, False)
        assert len(slack.messages) == 16


def test_what_is_critical_waits_for_nobody() -> None:
    with Workspace(seconds_a_message=0) as slack:
        line = Line(slack, MemoryPaces())
        for _ in range(16):
            line.tell()
        line.slept.clear()
        line.tell("critical")
        line.tell("Critical")
        line.tell("page")
        assert line.slept == []


def test_an_edit_takes_no_turn_and_its_thread_takes_one_of_the_channel() -> None:
    with Workspace(seconds_a_message=0) as slack:
        line = Line(slack, MemoryPaces())
        line.tell(incident="inc-1")
        line.tell(incident="inc-1", reason=Reason.UPDATE, standing=Standing("acknowledged", said="Acknowledged"))
        assert line.slept == [0.0, 1.0]
        (message,) = slack.messages
        assert (message.edits, len(message.thread)) == (1, 1)


def test_where_turns_cannot_be_kept_nobody_waits() -> None:
    class Broken:
        def reserve(self, *_: Any, **__: Any) -> None:
            raise StoreError("throttled")

    with Workspace(seconds_a_message=0) as slack:
        line = Line(slack, Broken())
        line.tell()
        assert (line.slept, len(slack.messages)) == ([], 1)
