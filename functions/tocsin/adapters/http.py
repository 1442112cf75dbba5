"""Asking a receiver something: pooled, verified, and tried again in place where that can help.

Rules:
- 429, 408, 5xx, timeouts and broken connections are tried again with exponential backoff and jitter, or after what
  `Retry-After` asks for (seconds or a date), as long as the budget of the whole call allows; then the error is
  retryable, and what is above (Lambda's own retry, the group's next flush) goes on.
- Who does not answer is waited for with all that is left, and asked once more at most: who is slow has the message,
  and asking again tells it twice. A connection that cannot be made is given up earlier, and tried again and again.
- Every other answer is the sender's to judge, redirects too (http_config.py follows those that may be followed).
- An answer is read up to 64 KiB, and never longer than the request may take (deadlines.py).
- A URL may be a secret: errors name its scheme and host only.

A timeout is ambiguous (the receiver may have taken the message): told twice is better than never. Errors say whether
the message may have arrived.

Source: https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
"""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Protocol
from urllib.parse import urlsplit

import urllib3
import urllib3.exceptions

from ..core.wording import clip, one_line
from ..errors import DeliveryError, FailureReason
from .deadlines import read_beginning
from .guarded import ForbiddenAddressError, guarded
from .hiding import HIDDEN, hide

# A connection is made quickly, or not at all.
CONNECT_SECONDS = 5.0
# Said of a host to which nothing is sent (targets.py).
LEADS_INSIDE = (
    "leads inside the machine or the cloud, or to where TOCSIN_ALLOWED_TARGETS does not allow: nothing is sent there"
)
_TIMED_OUT = 408
_ANSWER_LENGTH = 300
_ANSWER_BYTES = 64 * 1024
_NO_URL = "(not a URL)"


@dataclass(frozen=True, slots=True)
class Request:
    """One request, a POST if nothing else is said."""

    url: str
    headers: Mapping[str, str]
    body: bytes
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class Response:
    """An answer; the names of `headers` are lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    # An earlier try of the same may have been taken, though it had no answer.
    is_second_try: bool = False

    @property
    def text(self) -> str:
        """Return the body's beginning on one line."""
        return clip(one_line(self.body[: 4 * _ANSWER_LENGTH].decode("utf-8", "replace")), _ANSWER_LENGTH)


class Transport(Protocol):
    """One request, one answer, no retries. Raises DeliveryError (timeout, connection) with the URL redacted."""

    def __call__(self, request: Request, *, timeout_seconds: float) -> Response: ...


@dataclass(frozen=True, slots=True)
class PooledTransport:
    """urllib3's pool: connections stay open between invocations, lead where they may, and certificates are verified."""

    pool: urllib3.PoolManager = field(default_factory=lambda: guarded(urllib3.PoolManager(num_pools=8, maxsize=4)))

    def __call__(self, request: Request, *, timeout_seconds: float) -> Response:
        if redact(request.url) == _NO_URL:
            raise _not_a_url(request.url)
        until = time.monotonic() + timeout_seconds
        try:
            answer = self.pool.request(
                request.method,
                request.url,
                body=request.body,
                headers=dict(request.headers),
                timeout=urllib3.Timeout(connect=min(CONNECT_SECONDS, timeout_seconds), total=timeout_seconds),
                retries=False,
                redirect=False,
                preload_content=False,
            )
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            # Not chained: urllib3's errors carry the URL, and tracebacks are logged.
            raise _transport_failure(error, request.url) from None
        headers = {name.lower(): value for name, value in answer.headers.items()}
        body = read_beginning(answer, _ANSWER_BYTES, until=until)
        return Response(status=answer.status, headers=headers, body=body)


@dataclass(frozen=True, slots=True)
class Http:
    """A transport with patience; `sleep`, `random` (0 to 1) and `monotonic` (seconds) are handed in.

    Every request has a budget of its own; `until`, in monotonic seconds, is where all of them have to be over. For
    receivers with manners of their own, `rate_limited` are the statuses that say "too much", and `asked_wait` reads the
    seconds to wait from an answer without Retry-After.
    """

    transport: Transport
    sleep: Callable[[float], None]
    random: Callable[[], float]
    monotonic: Callable[[], float]
    timeout_seconds: float = 20.0
    budget_seconds: float = 20.0
    backoff_seconds: float = 0.5
    until: float | None = None
    rate_limited: frozenset[int] = frozenset({429})
    asked_wait: Callable[[Response], float | None] = lambda response: None

    def post_json(
        self, url: str, payload: Mapping[str, Any], *, now: datetime, headers: Mapping[str, str] | None = None
    ) -> Response:
        """Post JSON as `send` does."""
        return self.send(Request(url, {**JSON_HEADERS, **(headers or {})}, encode(payload)), now=now)

    def send(self, request: Request, *, now: datetime) -> Response:
        """Return an answer that trying again would not change. Raises DeliveryError, retryable, if there was none."""
        started, attempt, unanswered, may_have_arrived = self.monotonic(), 0, 0, False
        budget = self.budget_seconds if self.until is None else min(self.budget_seconds, self.until - started)
        if self.until is not None and self.until <= started:
            message = f"{redact(request.url)}: no time was left to ask"
            raise DeliveryError(message, reason=FailureReason.TIMEOUT, retryable=True, may_have_arrived=False)
        while True:
            left = budget - (self.monotonic() - started)
            outcome = self._attempt(request, timeout_seconds=max(0.1, min(self.timeout_seconds, left)), now=now)
            if isinstance(outcome, Response):
                return replace(outcome, is_second_try=True) if may_have_arrived else outcome
            unanswered += _is_unanswered(outcome)
            may_have_arrived = outcome.may_have_arrived = may_have_arrived or outcome.may_have_arrived
            wait = self._wait_seconds(outcome, attempt)
            if unanswered > 1 or self.monotonic() - started + wait >= budget:
                raise outcome
            self.sleep(wait)
            attempt += 1

    def within(self, timeout_seconds: float) -> Http:
        """Return the same with another timeout; a long one widens the budget, so that one try has it."""
        return replace(
            self, timeout_seconds=timeout_seconds, budget_seconds=max(self.budget_seconds, timeout_seconds + 0.1)
        )

    def _attempt(self, request: Request, *, timeout_seconds: float, now: datetime) -> Response | DeliveryError:
        try:
            response = self.transport(request, timeout_seconds=timeout_seconds)
        except DeliveryError as error:
            if not error.retryable:
                raise
            return error
        return self._passing(response, request.url, now=now) or response

    def _passing(self, response: Response, url: str, *, now: datetime) -> DeliveryError | None:
        """Return the error of an answer that may be another one in a moment."""
        reason = FailureReason.SERVER_ERROR
        if response.status in self.rate_limited:
            reason = FailureReason.RATE_LIMITED
        elif response.status == _TIMED_OUT:
            reason = FailureReason.TIMEOUT
        elif response.status < 500:
            return None
        wait = retry_after_seconds(response.headers.get("retry-after"), now=now)
        return DeliveryError(
            f"{redact(url)} answered {response.status}: {hide(response.text, url)}",
            reason=reason,
            retryable=True,
            retry_after_seconds=self.asked_wait(response) if wait is None else wait,
            may_have_arrived=response.status >= 500,
        )

    def _wait_seconds(self, error: DeliveryError, attempt: int) -> float:
        ceiling = self.backoff_seconds * 2.0 ** min(attempt, 10)
        backoff = ceiling * (0.5 + self.random() / 2)
        # Who asks for no wait at all would otherwise be asked without end, as fast as they answer.
        return error.retry_after_seconds or backoff


JSON_HEADERS = {"content-type": "application/json; charset=utf-8", "user-agent": "tocsin", "accept": "*/*"}


def encode(payload: Mapping[str, Any]) -> bytes:
    """Return the same bytes for the same payload."""
    return json.dumps(payload, sort_keys=True, separators=(",", ":")).encode()


def redact(url: str) -> str:
    """Return a URL's scheme and host: all of it that may be shown."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https"):
        return _NO_URL
    return f"{parts.scheme}://{host}{f':{port}' if port else ''}/{HIDDEN}"


def refused(
    response: Response, url: str, *, said: str | None = None, reason: FailureReason | None = None
) -> DeliveryError:
    """Return the final error of an answer that is neither success nor worth another try."""
    answer = hide(response.text if said is None else said, url)
    if 300 <= response.status < 400:
        answer = "a redirect, which is not followed"
    return DeliveryError(
        f"{redact(url)} answered {response.status}{f': {answer}' if answer else ''}",
        reason=reason or (FailureReason.AUTH if response.status in (401, 403) else FailureReason.CLIENT_ERROR),
        retryable=False,
        # An answer that says yes, though not as it should, may mean it.
        may_have_arrived=response.is_second_try or 200 <= response.status < 300,
    )


def retry_after_seconds(value: str | None, *, now: datetime) -> float | None:
    """Return what a Retry-After header asks for, in seconds from now; None where it says nothing that can be read."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value.strip()[:9])
    try:
        instant = parsedate_to_datetime(value)
    except ValueError:
        return None
    aware = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
    return max(0.0, (aware - now).total_seconds())


def _transport_failure(error: Exception, url: str) -> DeliveryError:
    if isinstance(error, ForbiddenAddressError):
        return forbidden(url)
    if isinstance(error, (urllib3.exceptions.LocationValueError, ValueError)):
        return _not_a_url(url)
    # NewConnectionError is a timeout by inheritance only: most are refused connections.
    timed_out = isinstance(error, urllib3.exceptions.TimeoutError) and not isinstance(
        error, urllib3.exceptions.NewConnectionError
    )
    return DeliveryError(
        f"{redact(url)}: {'no answer in time' if timed_out else _cause(error, url)}",
        reason=FailureReason.TIMEOUT if timed_out else FailureReason.CONNECTION,
        retryable=True,
        may_have_arrived=not _was_never_sent(error),
    )


def _is_unanswered(error: DeliveryError) -> bool:
    return error.may_have_arrived and error.reason in (FailureReason.TIMEOUT, FailureReason.CONNECTION)


def _was_never_sent(error: Exception) -> bool:
    """Say whether a request failed before anything of it was sent."""
    if isinstance(error, urllib3.exceptions.ProxyError):
        error = error.original_error
    if isinstance(error, urllib3.exceptions.SSLError):
        return any(isinstance(each, ssl.SSLCertVerificationError) for each in error.args)
    return isinstance(error, urllib3.exceptions.NewConnectionError | urllib3.exceptions.ConnectTimeoutError)


def forbidden(url: str) -> DeliveryError:
    """Return the error of a URL that leads where nothing may be sent."""
    message = f"{redact(url)} {LEADS_INSIDE}"
    return DeliveryError(message, reason=FailureReason.NOT_CONFIGURED, retryable=False)


def _not_a_url(url: str) -> DeliveryError:
    message = f"{redact(url)} cannot be posted to: the URL is not valid"
    return DeliveryError(message, reason=FailureReason.NOT_CONFIGURED, retryable=False)


def _cause(error: Exception, url: str) -> str:
    # The text after the connection's own description, such as `[Errno 111] Connection refused`.
    said = str(error).rpartition("): ")[2] if isinstance(error, urllib3.exceptions.NewConnectionError) else str(error)
    return clip(one_line(hide(f"{type(error).__name__}: {said}", url)), _ANSWER_LENGTH)
