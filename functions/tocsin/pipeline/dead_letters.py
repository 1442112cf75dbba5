"""Dead letters read as what they are, and handed in again where they belong.

Four things write them: SQS after too many receptions (timers, ticks, clicks), Lambda when an asynchronous invocation
has failed for good (ticks, notifications), SNS when it cannot reach a function (notifications).

Sources: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from ..core.dead_letters import Letter, Queue, Raw, Verdict, What, decide
from ..errors import EventError
from ..ports import DeadLetters, Groups, OutboxKind
from . import events


def read(raw: Raw) -> Letter:
    """Return what a message is; one that is not understood says so. Raises nothing."""
    body = _object(raw.body)
    if body is None:
        return Letter(raw, What.UNKNOWN, "no JSON", raw.attempts)
    if "requestPayload" in body and "requestContext" in body:
        return _of_lambda(raw, body)
    if body.get("Type") == "Notification" and "Message" in body:
        return _of_sns(raw, body)
    return _of_queue(raw, body)


def redrive(office: DeadLetters, groups: Groups, letter: Letter, *, is_named: bool, now: datetime) -> Verdict:
    """Hand a letter in where it belongs, and say what became of it. Raises StoreError where it was not accepted."""
    verdict = decide(letter, awaited=_awaited(groups, letter), is_named=is_named, now=now)
    if verdict is Verdict.TIMER:
        office.send_timer(letter)
    elif verdict is Verdict.ACTION:
        office.send_click(letter)
    elif verdict is Verdict.FUNCTION:
        office.invoke(letter)
    return verdict


def _awaited(groups: Groups, letter: Letter) -> str | None:
    """Return the newest notification that the outbox has for a letter's integration."""
    told = letter.notification
    if told is None:
        return None
    waiting = [
        each
        for each in groups.load_outbox(told.group)
        if each.kind is OutboxKind.NOTIFICATION and each.integration == told.key
    ]
    return max(waiting, key=lambda each: each.seq).subject if waiting else None


def _of_lambda(raw: Raw, body: Mapping[str, Any]) -> Letter:
    context, response = _mapping(body["requestContext"]), _mapping(body.get("responsePayload"))
    kind, message = response.get("errorType"), response.get("errorMessage")
    why = ": ".join(str(part) for part in (kind, message) if part) or str(context.get("condition") or "no reason given")
    count = context.get("approximateInvokeCount")
    function = str(context.get("functionArn") or "").removesuffix(":$LATEST")
    letter = Letter(raw, What.UNKNOWN, why, count if isinstance(count, int) else None, function)
    return _with_event(letter, body["requestPayload"])


def _of_sns(raw: Raw, body: Mapping[str, Any]) -> Letter:
    """Return a letter of SNS: the event is made as SNS would have made it."""
    why = raw.attributes.get("ErrorMessage") or raw.attributes.get("ErrorCode") or "SNS could not hand it over"
    record = {"EventSource": "aws:sns", "EventVersion": "1.0", "EventSubscriptionArn": "", "Sns": dict(body)}
    letter = Letter(raw, What.UNKNOWN, why, raw.attempts, topic=str(body.get("TopicArn") or ""))
    return _with_event(letter, {"Records": [record]})


def _of_queue(raw: Raw, body: Mapping[str, Any]) -> Letter:
    why = f"received {raw.attempts} times without success" if raw.attempts else "received too often without success"
    letter = Letter(raw, What.UNKNOWN, why, raw.attempts)
    if raw.queue is Queue.ACTIONS:
        return _of_actions(letter, body)
    if "group" in body:
        try:
            group, at = events.parse_timer(raw.body)
        except EventError as error:
            return _unknown(letter, str(error))
        return replace(letter, what=What.TIMER, group=group, at=at)
    return _with_event(letter, body)


def _of_actions(letter: Letter, body: Mapping[str, Any]) -> Letter:
    """Return a letter of a click; where it is answered is a capability, and not for people's eyes."""
    letter = replace(letter, event={name: value for name, value in body.items() if name != "reply_to"})
    try:
        click = events.parse_click(letter.raw.body)
    except EventError as error:
        return _unknown(letter, str(error))
    return replace(letter, what=What.CLICK, at=click.at)


def _with_event(letter: Letter, event: Any) -> Letter:
    """Return a letter with what its event is about: one that is given to a function."""
    letter = replace(letter, event=event)
    if isinstance(event, Mapping) and "now" in event:
        try:
            at, _ = events.parse_tick(event)
        except EventError as error:
            return _unknown(letter, str(error))
        return replace(letter, what=What.TICK, at=at)
    try:
        (notification,) = events.parse_notifications(event)
    except EventError:
        return replace(letter, what=What.ALERTS) if _is_of_another(event) else letter
    except ValueError:
        return letter  # not one notification
    return replace(letter, what=What.NOTIFICATION, notification=notification, group=notification.group)


def _is_of_another(event: Any) -> bool:
    """Say whether an event of SNS holds something that is no notification of ours: what AMP says of its alerts."""
    records = event.get("Records") if isinstance(event, Mapping) else None
    if not isinstance(records, list) or len(records) != 1:
        return False
    text = _mapping(_mapping(records[0]).get("Sns")).get("Message")
    ours = _object(text) if isinstance(text, str) else None
    return isinstance(text, str) and not (ours is not None and "integration" in ours)


def _unknown(letter: Letter, problem: str) -> Letter:
    return replace(letter, why=f"{letter.why}; {problem}")


def _object(text: str) -> Mapping[str, Any] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
