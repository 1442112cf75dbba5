"""Timers and ticks as delayed messages; a delay of SQS is at most 900 seconds, so longer ones hop. And clicks, at once.

Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-delay-queues.html
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ..core.clicks import Click, as_json
from ..core.notifications import format_time
from ..core.routing import GroupId
from ..errors import StoreError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

LONGEST_DELAY_SECONDS = 900
BATCH_MESSAGES = 10


class SqsTimers:
    """The timer queue."""

    def __init__(self, url: str, client: Callable[[], SQSClient]) -> None:
        self._url = url
        self._client = client

    def announce(self, group: GroupId, *, at: datetime, now: datetime) -> None:
        _send(self._client(), self._url, _timer(group, at), at=at, now=now)

    def announce_all(self, groups: Sequence[GroupId], *, at: datetime, now: datetime) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        failures: list[str] = []
        for start in range(0, len(groups), BATCH_MESSAGES):
            entries: list[SendMessageBatchRequestEntryTypeDef] = [
                {
                    "Id": str(number),
                    "MessageBody": _body(_timer(group, at)),
                    "DelaySeconds": _delay_seconds(at=at, now=now),
                }
                for number, group in enumerate(groups[start : start + BATCH_MESSAGES])
            ]
            try:
                answer = self._client().send_message_batch(QueueUrl=self._url, Entries=entries)
            except (BotoCoreError, ClientError) as error:
                failures += [type(error).__name__] * len(entries)
            else:
                failures += [each["Code"] for each in answer.get("Failed", ())]
        if failures:
            raise StoreError(f"{len(failures)} of {len(groups)} timers were not taken: {failures[0]}")


class SqsTicks:
    """The queue of ticks between the scheduled ones."""

    def __init__(self, url: str, client: Callable[[], SQSClient]) -> None:
        self._url = url
        self._client = client

    def announce_tick(self, at: datetime, *, now: datetime) -> None:
        _send(self._client(), self._url, {"now": format_time(at)}, at=at, now=now)


class SqsActions:
    """The queue of what people press in a chat."""

    def __init__(self, url: str, client: Callable[[], SQSClient]) -> None:
        self._url = url
        self._client = client

    def hand_over(self, click: Click) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._client().send_message(QueueUrl=self._url, MessageBody=json.dumps(as_json(click), sort_keys=True))
        except (BotoCoreError, ClientError) as error:
            raise StoreError(f"a click could not be put into its queue: {type(error).__name__}") from None

    def put_off(self, receipt: str, wait: timedelta) -> None:
        """Have what was received come again after a while. Raises StoreError."""
        from botocore.exceptions import BotoCoreError, ClientError

        seconds = math.ceil(wait.total_seconds())
        try:
            self._client().change_message_visibility(
                QueueUrl=self._url, ReceiptHandle=receipt, VisibilityTimeout=seconds
            )
        except (BotoCoreError, ClientError) as error:
            raise StoreError(f"a click could not be put off: {type(error).__name__}") from None


def _timer(group: GroupId, at: datetime) -> dict[str, str]:
    return {"group": group, "at": format_time(at)}


def _send(client: SQSClient, url: str, body: Mapping[str, str], *, at: datetime, now: datetime) -> None:
    client.send_message(QueueUrl=url, MessageBody=_body(body), DelaySeconds=_delay_seconds(at=at, now=now))


def _body(body: Mapping[str, str]) -> str:
    return json.dumps(body, sort_keys=True)


def _delay_seconds(*, at: datetime, now: datetime) -> int:
    return min(max(math.ceil((at - now).total_seconds()), 0), LONGEST_DELAY_SECONDS)
