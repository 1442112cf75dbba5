"""The dead-letter queues themselves: looked at without taking anything away, and what is handed in from them.

Whoever looks makes messages invisible to others for a while; they are given back at the end.

Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ..core.dead_letters import Letter, Queue, Raw
from ..errors import StoreError

_LOOKED_AT_SECONDS = 60
_BATCH = 10


@dataclass(frozen=True, slots=True)
class Opened:
    """A message that is ours for a minute."""

    raw: Raw
    receipt: str


@dataclass(frozen=True, slots=True)
class Counted:
    """How many messages a queue is said to hold; those that somebody looks at just now are among them."""

    queue: Queue
    number: int


class DeadLetterOffice:
    """The queues by their URLs; `client` makes the client of a service when it is first needed.

    The timer queue is the one whose dead letters are kept, where no other is named. An answer of SQS may leave messages
    out; it leaves out none if it may take a second.
    """

    def __init__(
        self, urls: Mapping[Queue, str], client: Callable[[str], Any], *, timer_queue: str = "", wait_seconds: int = 1
    ) -> None:
        self.urls = urls
        self._wait_seconds = wait_seconds
        self._client = client
        self._timer_queue = timer_queue

    def count(self, queue: Queue) -> Counted:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self._sqs.get_queue_attributes(QueueUrl=self.urls[queue], AttributeNames=names)["Attributes"]
        return Counted(queue, sum(int(answer.get(name, 0)) for name in names))

    @contextmanager
    def opened(self, queue: Queue, *, limit: int) -> Iterator[list[Opened]]:
        """Lend a queue's messages, the oldest first; what is not deleted is everybody's again afterwards."""
        found: dict[str, Opened] = {}
        attempts = self._attempts(queue)
        try:
            while len(found) < limit:
                taken = self._take(queue, attempts, min(_BATCH, limit - len(found)))
                new = {each.raw.id: each for each in taken}
                if new.keys() <= found.keys():
                    break
                found |= new
                if len(found) >= self.count(queue).number:
                    break
            yield sorted(found.values(), key=lambda each: (each.raw.sent_at, each.raw.id))
        finally:
            for each in found.values():
                self._give_back(each)

    def delete(self, opened: Opened) -> None:
        self._sqs.delete_message(QueueUrl=self.urls[opened.raw.queue], ReceiptHandle=opened.receipt)

    def send_timer(self, letter: Letter) -> None:
        source = self._timer_queue or self._source(letter.raw.queue)
        if not source:
            raise StoreError("the timer queue is not known: set TOCSIN_TIMER_QUEUE_URL, or name the stack")
        with _accepted():
            self._sqs.send_message(QueueUrl=source, MessageBody=letter.raw.body)

    def send_click(self, letter: Letter) -> None:
        source = self._source(letter.raw.queue)
        if not source:
            raise StoreError("the action queue is not known: no queue has this one for its dead letters")
        with _accepted():
            self._sqs.send_message(QueueUrl=source, MessageBody=letter.raw.body)

    def invoke(self, letter: Letter) -> None:
        payload = json.dumps(letter.event).encode()
        with _accepted():
            function = letter.function or self._subscriber(letter)
            answer = self._client("lambda").invoke(FunctionName=function, InvocationType="Event", Payload=payload)
        if answer["StatusCode"] != 202:
            raise StoreError(f"{function} did not accept the event: {answer['StatusCode']}")

    @property
    def _sqs(self) -> Any:
        return self._client("sqs")

    def _take(self, queue: Queue, attempts: int | None, number: int) -> list[Opened]:
        answer = self._sqs.receive_message(
            QueueUrl=self.urls[queue],
            MaxNumberOfMessages=number,
            VisibilityTimeout=_LOOKED_AT_SECONDS,
            WaitTimeSeconds=self._wait_seconds,
            AttributeNames=["SentTimestamp"],
            MessageAttributeNames=["All"],
        )
        return [_opened(queue, message, attempts) for message in answer.get("Messages", ())]

    def _give_back(self, opened: Opened) -> None:
        try:
            self._sqs.change_message_visibility(
                QueueUrl=self.urls[opened.raw.queue], ReceiptHandle=opened.receipt, VisibilityTimeout=0
            )
        except ClientError:
            return  # deleted, or another's by now

    def _source(self, queue: Queue) -> str:
        answer = self._sqs.list_dead_letter_source_queues(QueueUrl=self.urls[queue])
        return next(iter(answer.get("queueUrls", ())), "")

    def _attempts(self, queue: Queue) -> int | None:
        """Return how often a message is received before it becomes a dead letter; None where no queue is the source."""
        source = self._source(queue)
        if not source:
            return None
        answer = self._sqs.get_queue_attributes(QueueUrl=source, AttributeNames=["RedrivePolicy"])
        count = json.loads(answer.get("Attributes", {}).get("RedrivePolicy", "{}")).get("maxReceiveCount")
        return int(count) if count else None

    def _subscriber(self, letter: Letter) -> str:
        """Return the function that the topic's filters choose for a message. Raises StoreError."""
        attributes = letter.event["Records"][0]["Sns"].get("MessageAttributes") or {}
        values = {name: str(value.get("Value", "")) for name, value in attributes.items()}
        pages = self._client("sns").get_paginator("list_subscriptions_by_topic").paginate(TopicArn=letter.topic)
        for each in (each for page in pages for each in page["Subscriptions"] if each["Protocol"] == "lambda"):
            subscription = self._client("sns").get_subscription_attributes(SubscriptionArn=each["SubscriptionArn"])
            policy = json.loads(subscription["Attributes"].get("FilterPolicy") or "{}")
            if all(values.get(name) in allowed for name, allowed in policy.items()):
                return str(each["Endpoint"])
        raise StoreError(f"no function is subscribed to {letter.topic} for such a message")


@contextmanager
def _accepted() -> Iterator[None]:
    """Say as a StoreError what AWS did not accept."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise StoreError(f"not accepted: {error}") from error


def _opened(queue: Queue, message: Mapping[str, Any], attempts: int | None) -> Opened:
    sent = int(message.get("Attributes", {}).get("SentTimestamp", 0))
    given = message.get("MessageAttributes", {})
    raw = Raw(
        queue,
        message["MessageId"],
        message["Body"],
        datetime.fromtimestamp(sent / 1000, UTC),
        attempts,
        {name: str(value.get("StringValue", "")) for name, value in given.items()},
    )
    return Opened(raw, message["ReceiptHandle"])
