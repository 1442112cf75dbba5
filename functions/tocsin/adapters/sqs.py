"""Timers and ticks as delayed messages; a delay of SQS is at most 900 seconds, so longer ones hop. And clicks, at once.

Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-delay-queues.html
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from ..core.clicks import Click, as_json
from ..core.notifications import format_time
from ..core.routing import GroupId
from ..errors import StoreError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

LONGEST_DELAY_SECONDS = 900


class SqsTimers:
    """The timer queue."""

    def __init__(self, url: str, client: Callable[[], SQSClient]) -> None:
        self._url = url
        self._client = client

    def announce(self, group: GroupId, *, at: datetime, now: datetime) -> None:
        _send(self._client(), self._url, {"group": group, "at": format_time(at)}, at=at, now=now)


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


def _send(client: SQSClient, url: str, body: Mapping[str, str], *, at: datetime, now: datetime) -> None:
    delay = min(max(math.ceil((at - now).total_seconds()), 0), LONGEST_DELAY_SECONDS)
    client.send_message(QueueUrl=url, MessageBody=json.dumps(body, sort_keys=True), DelaySeconds=delay)
