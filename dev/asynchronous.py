"""Asynchronous invocation: accepted at once, tried again on failure, and handed to a queue when it finally failed.

Lambda's own behaviour (https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html) with shorter
waits: AWS waits one minute, then two.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from dev.emulator import EmulatorError, Invocation

RETRIES = 2
RETRY_SECONDS = (0.5, 1.0)
THREADS = 16


@dataclass(frozen=True, slots=True)
class Policy:
    """How often a function's event is tried again, and the queue (ARN) that takes it in the end."""

    retries: int = RETRIES
    on_failure: str | None = None


class AsynchronousInvocations:
    """Events that were accepted and are being worked off."""

    def __init__(
        self,
        invoke: Callable[[str, bytes], Invocation],
        policies: Mapping[str, Policy],
        send: Callable[[str, str], None],
        log: Callable[[str, str], None],
        *,
        function_arn: Callable[[str], str],
        stopped: threading.Event,
        retry_seconds: Sequence[float] = RETRY_SECONDS,
    ) -> None:
        self._invoke = invoke
        self._policies = policies
        self._send = send
        self._log = log
        self._function_arn = function_arn
        self._retry_seconds = retry_seconds
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="async")
        self._stopped = stopped

    def accept(self, function: str, event: bytes) -> None:
        """Take an event; it is run as soon as a worker is free."""
        self._submit(_Attempt(function, event, str(uuid.uuid4()), 1))

    def stop(self) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _submit(self, attempt: _Attempt) -> None:
        if not self._stopped.is_set():
            self._threads.submit(self._run, attempt)

    def _run(self, attempt: _Attempt) -> None:
        try:
            invocation = self._invoke(attempt.function, attempt.event)
        except EmulatorError as error:
            invocation = Invocation({"errorType": "EmulatorError", "errorMessage": str(error)}, True, "")
        if invocation.errored and not self._stopped.is_set():
            self._failed(attempt, invocation)

    def _failed(self, attempt: _Attempt, invocation: Invocation) -> None:
        policy = self._policies.get(attempt.function, Policy())
        reason = f"{invocation.payload.get('errorType')}: {invocation.payload.get('errorMessage')}"
        if attempt.number <= policy.retries:
            self._log(
                "lambda", f"{attempt.function} failed, attempt {attempt.number} of {policy.retries + 1} ({reason})"
            )
            self._later(attempt)
        else:
            self._log("lambda", f"{attempt.function} finally failed ({reason})")
            if policy.on_failure is not None:
                self._send(policy.on_failure, json.dumps(self._record(attempt, invocation)))

    def _later(self, attempt: _Attempt) -> None:
        delay = self._retry_seconds[min(attempt.number, len(self._retry_seconds)) - 1]
        following = _Attempt(attempt.function, attempt.event, attempt.request_id, attempt.number + 1)
        timer = threading.Timer(delay, self._submit, [following])
        timer.daemon = True
        timer.start()

    def _record(self, attempt: _Attempt, invocation: Invocation) -> dict[str, Any]:
        """What Lambda sends to an on-failure destination."""
        return {
            "version": "1.0",
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "requestContext": {
                "requestId": attempt.request_id,
                "functionArn": f"{self._function_arn(attempt.function)}:$LATEST",
                "condition": "RetriesExhausted",
                "approximateInvokeCount": attempt.number,
            },
            "requestPayload": json.loads(attempt.event),
            "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
            "responsePayload": invocation.payload,
        }


@dataclass(frozen=True, slots=True)
class _Attempt:
    function: str
    event: bytes
    request_id: str
    number: int
