"""Dead letters are read as what they are, and handed in only where that is still of use."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from tests.adapters.letters import AT, GROUP, click, notification, of_lambda, of_sns, sns_event, text_of, tick, timer
from tocsin.adapters.memory import MemoryStore
from tocsin.core.dead_letters import Letter, Queue, Raw, Verdict, What
from tocsin.core.grouping import Flush
from tocsin.core.receivers import Kind
from tocsin.pipeline.dead_letters import read, redrive

TOLD = notification()


def raw(body: str, queue: Queue = Queue.DELIVERIES, **more: Any) -> Raw:
    return Raw(queue, "id", body, AT, **more)


LETTERS: dict[str, tuple[Raw, What, str]] = {
    "a timer": (
        raw(timer(), Queue.TIMERS, attempts=5),
        What.TIMER,
        "received 5 times without success",
    ),
    "a timer without a group": (
        raw('{"group": 7}', Queue.TIMERS),
        What.UNKNOWN,
        "received too often without success; a timer needs the text `group`, found 7",
    ),
    "a tick of the queue": (raw(json.dumps(tick()), Queue.TICKS, attempts=3), What.TICK, "received 3 times"),
    "a tick of the schedule": (
        raw(of_lambda("evaluate", tick(), error="TimeoutError", message="55 seconds"), Queue.TICKS),
        What.TICK,
        "TimeoutError: 55 seconds",
    ),
    "a tick of the queue that Lambda gave up": (
        raw(of_lambda("evaluate", {"Records": [{"messageId": "m", "body": json.dumps(tick())}]}), Queue.TICKS),
        What.UNKNOWN,
        "DeliveryError: answered 503",
    ),
    "a notification that a function could not deliver": (
        raw(of_lambda("notify-slack", sns_event(text_of(TOLD)))),
        What.NOTIFICATION,
        "DeliveryError: answered 503",
    ),
    "a notification that SNS could not hand over": (
        raw(of_sns(TOLD, "arn:topic"), attributes={"ErrorMessage": "no permission"}),
        What.NOTIFICATION,
        "no permission",
    ),
    "what AMP says": (
        raw(of_lambda("api", sns_event("Alerts Firing:\nLabels:\n"), error="EventError", message="names no alert")),
        What.ALERTS,
        "EventError: names no alert",
    ),
    "a click": (raw(click(), Queue.ACTIONS, attempts=6), What.CLICK, "received 6 times without success"),
    "no click": (raw('{"id": 7}', Queue.ACTIONS), What.UNKNOWN, "received too often without success; not a click"),
    "no JSON": (raw("hello"), What.UNKNOWN, "no JSON"),
    "another JSON": (raw("[1]"), What.UNKNOWN, "no JSON"),
    "an event of nobody's": (raw(of_lambda("x", {"a": 1})), What.UNKNOWN, "DeliveryError: answered 503"),
    "a record without anything": (
        raw(json.dumps({"requestPayload": None, "requestContext": None})),
        What.UNKNOWN,
        "no reason given",
    ),
}


@pytest.mark.parametrize(("given", "what", "why"), LETTERS.values(), ids=LETTERS.keys())
def test_a_letter_is_read_as(given, what, why):
    letter = read(given)
    assert letter.what is what
    assert letter.why.startswith(why)


def test_a_letter_of_a_function_says_which_and_how_often_it_was_tried():
    letter = read(raw(of_lambda("notify-slack", sns_event(text_of(TOLD)))))
    assert letter.function.endswith(":function:notify-slack")
    assert (letter.attempts, letter.group, letter.notification) == (3, GROUP.id, TOLD)


@dataclass(slots=True)
class Hands:
    """What was handed in where."""

    timers: list[Letter] = field(default_factory=list)
    invoked: list[Letter] = field(default_factory=list)
    clicks: list[Letter] = field(default_factory=list)

    def send_timer(self, letter: Letter) -> None:
        self.timers.append(letter)

    def send_click(self, letter: Letter) -> None:
        self.clicks.append(letter)

    def invoke(self, letter: Letter) -> None:
        self.invoked.append(letter)


def awaiting(*notifications: Any) -> MemoryStore:
    """Return a store whose outbox waits for these."""
    store = MemoryStore()
    store.tell(GROUP, TOLD.alerts, first_flush_at=AT)
    for each in notifications:
        before = store.groups[GROUP.id].group
        store.commit(before, Flush(group=replace(before, seq=each.seq), notifications=(each,)), now=AT)
    return store


OTHER = notification(kind=Kind.WEBHOOK, seq=9)
VERDICTS: dict[str, tuple[Raw, MemoryStore, bool, int, Verdict]] = {
    "a timer": (raw(timer(), Queue.TIMERS), awaiting(), False, 10**6, Verdict.TIMER),
    "a click, by itself": (raw(click(), Queue.ACTIONS), awaiting(), False, 1, Verdict.NOT_BY_ITSELF),
    "a click, by name": (raw(click(), Queue.ACTIONS), awaiting(), True, 60, Verdict.ACTION),
    "an old click": (raw(click(), Queue.ACTIONS), awaiting(), True, 61, Verdict.TOO_LATE),
    "a fresh tick": (raw(of_lambda("evaluate", tick()), Queue.TICKS), awaiting(), False, 4, Verdict.FUNCTION),
    "an old tick": (raw(of_lambda("evaluate", tick()), Queue.TICKS), awaiting(), False, 5, Verdict.OLD),
    "a tick of the queue": (raw(json.dumps(tick()), Queue.TICKS), awaiting(), False, 1, Verdict.OLD),
    "a notification that is awaited": (
        raw(of_lambda("notify-slack", sns_event(text_of(TOLD)))),
        awaiting(TOLD, OTHER),
        False,
        60,
        Verdict.FUNCTION,
    ),
    "a notification that was delivered": (
        raw(of_lambda("notify-slack", sns_event(text_of(TOLD)))),
        awaiting(),
        True,
        60,
        Verdict.SETTLED,
    ),
    "a notification whose place a newer one has taken": (
        raw(of_lambda("notify-slack", sns_event(text_of(TOLD)))),
        awaiting(TOLD, notification(seq=2)),
        True,
        60,
        Verdict.SETTLED,
    ),
    "alerts of AMP, by themselves": (
        raw(of_lambda("api", sns_event("Alerts Firing:"))),
        awaiting(),
        False,
        1,
        Verdict.NOT_BY_ITSELF,
    ),
    "alerts of AMP, by name": (
        raw(of_lambda("api", sns_event("Alerts Firing:"))),
        awaiting(),
        True,
        1,
        Verdict.FUNCTION,
    ),
    "what nobody knows": (raw("hello"), awaiting(), True, 1, Verdict.KEPT),
}


@pytest.mark.parametrize(("given", "store", "is_named", "minutes", "verdict"), VERDICTS.values(), ids=VERDICTS.keys())
def test_what_becomes_of(given, store, is_named, minutes, verdict):
    hands = Hands()
    letter = read(given)
    now = AT + timedelta(minutes=minutes)
    assert redrive(hands, store, letter, is_named=is_named, now=now) is verdict
    assert hands.timers == ([letter] if verdict is Verdict.TIMER else [])
    assert hands.invoked == ([letter] if verdict is Verdict.FUNCTION else [])
    assert hands.clicks == ([letter] if verdict is Verdict.ACTION else [])
