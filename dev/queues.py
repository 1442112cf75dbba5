"""SQS → Lambda: event source mappings, polled as Lambda polls them.

A batch is deleted when the function succeeds. What it reports as failed, or the whole batch when it fails, stays
in the queue until its visibility timeout is over, and goes to the dead-letter queue after maxReceiveCount receptions.
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
The batching window is not waited for: it only makes batches larger and later.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from moto.sqs.exceptions import ReceiptHandleIsInvalid
from moto.sqs.models import Message, SQSBackend

from dev.emulator import EmulatorError, Invocation

IDLE_SECONDS = 0.05
CONCURRENCY = 4
# A batch from a standard queue has at most ten messages unless a window is given.
MAXIMUM_BATCH = 10


@dataclass(frozen=True, slots=True)
class Mapping:
    """A queue (by ARN) and the function (by name) that reads it."""

    queue_arn: str
    function: str
    batch_size: int
    reports_failures: bool
    concurrency: int = CONCURRENCY

    @classmethod
    def of(cls, properties: dict[str, Any]) -> Mapping:
        """Read the properties of an AWS::Lambda::EventSourceMapping."""
        return cls(
            queue_arn=properties["EventSourceArn"],
            function=properties["FunctionName"].rpartition(":")[2],
            batch_size=min(int(properties.get("BatchSize", MAXIMUM_BATCH)), MAXIMUM_BATCH),
            reports_failures="ReportBatchItemFailures" in properties.get("FunctionResponseTypes", []),
            concurrency=int(properties.get("ScalingConfig", {}).get("MaximumConcurrency", CONCURRENCY)),
        )


class Poller:
    """The thread that reads one queue for one function."""

    def __init__(
        self,
        mapping: Mapping,
        backend: SQSBackend,
        invoke: Callable[[str, bytes], Invocation],
        log: Callable[[str, str], None],
        stopped: threading.Event,
        *,
        comes_twice: Callable[[], bool] = lambda: False,
    ) -> None:
        self._mapping = mapping
        self._comes_twice = comes_twice
        self._backend = backend
        self._queue = mapping.queue_arn.rpartition(":")[2]
        self._invoke = invoke
        self._log = log
        self._stopped = stopped
        self._free = threading.BoundedSemaphore(mapping.concurrency)
        self._threads = ThreadPoolExecutor(mapping.concurrency, thread_name_prefix=f"sqs-{self._queue}")
        self._thread = threading.Thread(target=self._poll, name=f"poll-{self._queue}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._thread.join(timeout=5)
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _poll(self) -> None:
        visibility = int(self._backend.get_queue(self._queue).attributes["VisibilityTimeout"])
        while not self._stopped.is_set():
            # Nothing is received that nobody could work on: its visibility timeout would run out.
            if not self._free.acquire(timeout=IDLE_SECONDS):
                continue
            batch = self._backend.receive_message(self._queue, self._mapping.batch_size, 0, visibility, ["All"])
            if batch:
                self._threads.submit(self._work, batch)
            else:
                self._free.release()
                self._stopped.wait(IDLE_SECONDS)

    def _work(self, batch: list[Message]) -> None:
        try:
            event = {"Records": [record(message, self._mapping.queue_arn) for message in batch]}
            invocation = self._invoke(self._mapping.function, json.dumps(event).encode())
            if self._comes_twice():  # as a standard queue may deliver it
                invocation = self._invoke(self._mapping.function, json.dumps(event).encode())
            failed = failures(invocation, [message.id for message in batch], reports=self._mapping.reports_failures)
            for message in batch:
                if message.id not in failed:
                    self._delete(message)
            if failed and not self._stopped.is_set():
                self._log("sqs", f"{len(failed)} of {len(batch)} messages of {self._queue} failed")
        except EmulatorError as error:
            if not self._stopped.is_set():
                self._log("sqs", f"a batch of {self._queue} was not delivered: {error}")
        finally:
            self._free.release()

    def _delete(self, message: Message) -> None:
        try:
            self._backend.delete_message(self._queue, str(message.receipt_handle))
        except ReceiptHandleIsInvalid:
            self._log("sqs", f"a message of {self._queue} took longer than its visibility timeout")


def failures(invocation: Invocation, message_ids: list[str], *, reports: bool) -> set[str]:
    """Return the messages that count as failed, by Lambda's rules for partial batch responses."""
    everything = set(message_ids)
    if invocation.errored:
        return everything
    if not reports or not invocation.payload:
        return set()
    answer = invocation.payload
    items = answer.get("batchItemFailures") if isinstance(answer, dict) else None
    if isinstance(answer, dict) and not items:
        return set()
    # A malformed answer fails the whole batch.
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        return everything
    named = {item.get("itemIdentifier") for item in items}
    return named if named <= everything else everything


def record(message: Message, queue_arn: str) -> dict[str, Any]:
    """Return one record of the event. https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html"""
    return {
        "messageId": message.id,
        "receiptHandle": message.receipt_handle,
        "body": message.body,
        "attributes": {
            "ApproximateReceiveCount": str(message.approximate_receive_count),
            "SentTimestamp": str(message.sent_timestamp),
            "SenderId": message.sender_id,
            "ApproximateFirstReceiveTimestamp": str(message.approximate_first_receive_timestamp),
        },
        "messageAttributes": {
            name: {
                "stringValue": value.get("StringValue") or value.get("string_value"),
                "stringListValues": [],
                "binaryListValues": [],
                "dataType": value.get("DataType") or value.get("data_type"),
            }
            for name, value in message.message_attributes.items()
        },
        "md5OfBody": message.body_md5,
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": queue_arn.split(":")[3],
    }
