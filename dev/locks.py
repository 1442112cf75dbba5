"""Locks around what moto's state needs and does not have: it is written for one thread.

Without them its DynamoDB loses updates under concurrency, its SQS loses a message that is sent while another is
deleted (the list is rebuilt and replaced), and two starts of one execution can both pass the check of the name.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable
from typing import Any

from moto.dynamodb.responses import DynamoHandler
from moto.sqs.models import SQSBackend
from moto.stepfunctions.parser.models import StepFunctionsParserBackend

Patch = Callable[[Any, str, Any], None]

_QUEUE_METHODS = (
    "send_message",
    "send_message_batch",
    "delete_message",
    "delete_message_batch",
    "change_message_visibility",
    "change_message_visibility_batch",
    "purge_queue",
)
_POLL_SECONDS = 0.02


def install(patch: Patch) -> None:
    """Put the locks in; `patch(owner, name, value)` replaces an attribute and undoes it later."""
    _serialize(patch, DynamoHandler, ("call_action",))
    _serialize(patch, StepFunctionsParserBackend, ("start_execution",))
    lock = _serialize(patch, SQSBackend, _QUEUE_METHODS)
    patch(SQSBackend, "receive_message", _receiving(SQSBackend.receive_message, lock))


def _serialize(patch: Patch, owner: Any, names: tuple[str, ...]) -> threading.RLock:
    lock = threading.RLock()
    for name in names:
        patch(owner, name, _locked(getattr(owner, name), lock))
    return lock


def _locked(method: Callable[..., Any], lock: threading.RLock) -> Callable[..., Any]:
    @functools.wraps(method)
    def locked(*args: Any, **kwargs: Any) -> Any:
        with lock:
            return method(*args, **kwargs)

    return locked


def _receiving(method: Callable[..., Any], lock: threading.RLock) -> Callable[..., Any]:
    """Long polling as many short polls, so that nobody holds the lock while waiting."""

    @functools.wraps(method)
    def receive(
        backend: SQSBackend, queue_name: str, count: int, wait_seconds_timeout: int, *args: Any, **kwargs: Any
    ) -> list[Any]:
        deadline = time.monotonic() + wait_seconds_timeout
        while True:
            with lock:
                messages: list[Any] = method(backend, queue_name, count, 0, *args, **kwargs)
            if messages or time.monotonic() >= deadline:
                return messages
            time.sleep(_POLL_SECONDS)

    return receive
