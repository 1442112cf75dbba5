"""Events as values; an event of another shape says what was expected and what was found."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.functions.happenings import queue_event, read
from tocsin.core.incidents import IncidentId
from tocsin.errors import EventError
from tocsin.pipeline.events import (
    parse_notifications,
    parse_question,
    parse_queue,
    parse_received,
    parse_tick,
    parse_timer,
)

AT = datetime(2025, 11, 20, 3, 1, tzinfo=UTC)
PARSERS = {
    "tick": parse_tick,
    "queue": lambda event: list(parse_queue(event)),
    "a queue's messages": lambda event: list(parse_received(event)),
    "question": parse_question,
    "notifications": lambda event: list(parse_notifications(event)),
}


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        pytest.param("2025-11-20T03:01:00Z", AT, id="as the scheduler writes it"),
        pytest.param("2025-11-20T03:01:00.000Z", AT, id="as Step Functions write it"),
        pytest.param("2025-11-20T04:01:00+01:00", AT, id="with another zone"),
    ],
)
def test_a_time_is_read(text: str, instant: datetime):
    assert parse_tick({"now": text}) == (instant, True)


def test_the_schedule_and_the_queue_are_told_apart():
    assert parse_tick(read("evaluate_schedule"))[1] is True
    assert parse_tick(read("evaluate_tick"))[1] is False


def test_a_timer_is_read():
    ((_, body),) = parse_queue(read("dispatch_timer"))
    group, at = parse_timer(body)
    assert len(group) == 32
    assert at.tzinfo is UTC


def test_how_often_a_message_has_come_is_read():
    event = read("act_click")
    record = event["Records"][0]
    record["attributes"]["ApproximateReceiveCount"] = "3"
    (received,) = parse_received(event)
    assert (received.id, received.receipt, received.receives) == (record["messageId"], record["receiptHandle"], 3)
    for attributes in ({}, None, {"ApproximateReceiveCount": "many"}):
        record["attributes"] = attributes
        assert [each.receives for each in parse_received(event)] == [1]


def test_a_question_is_read():
    asked = {"incident": "inc-1", "now": "2025-11-20T03:01:00.000Z"}
    assert parse_question(asked) == (IncidentId("inc-1"), 0, AT), "as executions ask that an older version started"
    assert parse_question({**asked, "climb": 3}) == (IncidentId("inc-1"), 3, AT)


@pytest.mark.parametrize("climb", ["1", None, True, 1.5])
def test_a_climb_is_a_whole_number(climb: object):
    with pytest.raises(EventError, match="whole number"):
        parse_question({"incident": "inc-1", "now": "2025-11-20T03:01:00.000Z", "climb": climb})


def test_a_notification_is_read():
    (notification,) = parse_notifications(read("notify_slack_firing"))
    assert (notification.receiver, notification.severity) == ("slack-warnings", "critical")
    assert notification.alerts[0].name == "high_error_rate"


def refusal(parse: Callable[[], Any]) -> str | None:
    """Return why an event is refused, None where it is not; any other error is a failure."""
    try:
        parse()
    except EventError as error:
        return str(error)
    return None


LOST = "the field is not there"
WRONG: list[Any] = [LOST, None, 5, [], {}]


@pytest.mark.parametrize("wrong", WRONG, ids=repr)
@pytest.mark.parametrize("name", sorted(json.loads(read("notify_slack_firing")["Records"][0]["Sns"]["Message"])))
def test_a_notification_with_a_wrong_field_is_refused_or_read(name: str, wrong: Any):
    event = read("notify_slack_firing")
    message = json.loads(event["Records"][0]["Sns"]["Message"])
    if wrong == LOST:
        del message[name]
    else:
        message[name] = wrong
    event["Records"][0]["Sns"]["Message"] = json.dumps(message)
    said = refusal(lambda: list(parse_notifications(event)))
    assert said is None or said.startswith("not a notification of this version: ")


def test_a_long_event_is_not_shown_whole():
    with pytest.raises(EventError) as raised:
        parse_tick({"now": "x" * 10_000})
    assert len(str(raised.value)) < 400


@pytest.mark.parametrize("parse", PARSERS.values(), ids=PARSERS.keys())
@given(
    event=st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["Records", "now", "incident", "Sns", "Message", "messageId", "body"]) | st.text(),
                inner,
            )
        ),
    )
)
def test_whatever_comes_is_read_or_refused(parse: Any, event: Any):
    assert refusal(lambda: parse(event)) != ""


@given(body=st.text())
def test_whatever_a_timer_holds_is_read_or_refused(body: str):
    with pytest.raises(EventError):
        parse_timer(body)


@given(value=st.recursive(st.none() | st.text() | st.integers(), st.lists, max_leaves=3))
def test_a_timer_of_any_group_and_time_is_read_or_refused(value: Any):
    for body in ({"group": value, "at": "2025-11-20T03:01:00Z"}, {"group": "a", "at": value}):
        said = refusal(partial(parse_timer, json.dumps(body)))
        assert said is None or "a timer needs" in said


def test_records_keep_their_order():
    event = queue_event("TimerQueue", "first", "second")
    assert [body for _, body in parse_queue(event)] == ["first", "second"]
