"""Timers and ticks: whole seconds, never early, at most what SQS can delay."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from tocsin.adapters.sqs import SqsActions, SqsTicks, SqsTimers
from tocsin.core.routing import GroupId
from tocsin.errors import StoreError
from tocsin.pipeline.events import parse_tick, parse_timer

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/timers"
GROUP = GroupId("0123456789abcdef0123456789abcdef")


class Client:
    """An SQS client that keeps what it is sent."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    def send_message(self, **arguments: Any) -> None:
        self.sent.append(arguments)

    def change_message_visibility(self, **arguments: Any) -> None:
        """Do it; the second time it is lost on its way."""
        self.sent.append(arguments)
        if len(self.sent) == 2:
            raise EndpointConnectionError(endpoint_url=URL)

    def send_message_batch(self, **arguments: Any) -> dict[str, Any]:
        """Take them; the second batch is lost on its way, and the first of the third is not taken."""
        self.sent.append(arguments)
        if len(self.sent) == 2:
            raise EndpointConnectionError(endpoint_url=URL)
        failed = {"Id": "0", "Code": "InternalError", "SenderFault": False}
        return {"Failed": [failed]} if len(self.sent) == 3 else {}


def announced(after: timedelta) -> dict[str, Any]:
    client: Any = Client()
    SqsTimers(URL, lambda: client).announce(GROUP, at=NOW + after, now=NOW)
    (sent,) = client.sent
    return dict(sent)


@pytest.mark.parametrize(
    ("seconds", "delay"),
    [
        pytest.param(30, 30, id="as long as it takes"),
        pytest.param(0, 0, id="at once"),
        pytest.param(-60, 0, id="at once where it is overdue"),
        pytest.param(0.001, 1, id="rounded up, so that nothing is early"),
        pytest.param(29.9, 30, id="rounded up"),
        pytest.param(900, 900, id="the longest"),
        pytest.param(901, 900, id="longer ones hop"),
        pytest.param(86_400, 900, id="days hop"),
    ],
)
def test_a_timer_is_delayed(seconds: float, delay: int):
    sent = announced(timedelta(seconds=seconds))
    assert (sent["QueueUrl"], sent["DelaySeconds"]) == (URL, delay)


def test_many_timers_take_a_call_for_ten_and_one_that_fails_keeps_no_other_from_it():
    client: Any = Client()
    groups = [GroupId(f"{number:032x}") for number in range(34)]
    with pytest.raises(StoreError, match="11 of 34 timers were not taken"):
        SqsTimers(URL, lambda: client).announce_all(groups, at=NOW + timedelta(seconds=5), now=NOW)
    assert [len(each["Entries"]) for each in client.sent] == [10, 10, 10, 4]
    entries = [entry for each in client.sent for entry in each["Entries"]]
    assert [parse_timer(entry["MessageBody"]) for entry in entries] == [(g, NOW + timedelta(seconds=5)) for g in groups]
    assert {entry["DelaySeconds"] for entry in entries} == {5}
    assert all(len({entry["Id"] for entry in each["Entries"]}) == len(each["Entries"]) for each in client.sent)


@pytest.mark.parametrize("seconds", [0, 30, 4000, 0.25])
def test_a_timer_says_for_which_group_and_when(seconds: float):
    sent = announced(timedelta(seconds=seconds))
    assert parse_timer(sent["MessageBody"]) == (GROUP, NOW + timedelta(seconds=seconds))


def test_a_tick_says_its_own_time():
    client: Any = Client()
    SqsTicks(URL, lambda: client).announce_tick(NOW + timedelta(seconds=20), now=NOW)
    (sent,) = client.sent
    assert sent["DelaySeconds"] == 20
    event = {"Records": [{"messageId": "1", "body": sent["MessageBody"]}]}
    assert parse_tick(event) == (NOW + timedelta(seconds=20), False)
    assert json.loads(sent["MessageBody"]) == {"now": "2026-11-20T03:00:20Z"}


def test_a_click_is_put_off_by_its_receipt() -> None:
    client: Any = Client()
    SqsActions(URL, lambda: client).put_off("receipt", timedelta(seconds=12))
    assert client.sent == [{"QueueUrl": URL, "ReceiptHandle": "receipt", "VisibilityTimeout": 12}]
    with pytest.raises(StoreError, match="put off"):
        SqsActions(URL, lambda: client).put_off("receipt", timedelta(seconds=12))
