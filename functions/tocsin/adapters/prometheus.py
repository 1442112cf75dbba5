"""Queries to Prometheus, Amazon Managed Service for Prometheus, or anything else with that API.

A query either gives an instant vector, a range query its series, or a QueryError; there is no other thing (law 1).
Queries run beside each other on pooled connections, each with a timeout, and are tried again on 429, 5xx and lost
connections while the budget lasts, but not before every other was asked once. Large answers are read one after
another, so that eight of them need no more memory than one; and only so many series are kept, of a query and of all.

Source: https://prometheus.io/docs/prometheus/latest/querying/api/
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any, Generic, Protocol, TypeVar
from urllib.parse import unquote, urlencode, urlsplit, urlunsplit

from ..core.json_text import whole_value
from ..core.rules import Sample
from ..core.series import RangeQuery, Series
from ..core.wording import clip
from ..errors import QueryError
from ..ports import MOST_SERIES, MOST_SERIES_IN_ALL, Query
from .hiding import hide
from .http import redact
from .matrices import series_of

CONCURRENCY = 8
# With a doubling backoff from a quarter of a second: about 4 s of waiting; the next tick asks again anyway.
ATTEMPTS = 5
# What a function of 1 GB can read, evaluate and write down; a range's series are read where there is more.
LARGEST_ANSWER_BYTES = 16 * 1024 * 1024
LARGEST_RANGE_BYTES = 64 * 1024 * 1024
# What is larger is read by one at a time.
LARGE_BYTES = 1024 * 1024
# An error stands in the rule's record, in an alert and in answers of the API.
_ERROR_LENGTH = 2_000
_CHUNK_BYTES = 256 * 1024
_RETRIED = frozenset({429, 500, 502, 503, 504})
_SECRET_HEADERS = frozenset({"authorization", "x-amz-security-token"})
_GARBAGE = (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError, RecursionError)
# Also FIPS, IPv6, China, and from inside of a VPC.
_AMP_HOST = re.compile(
    r"(?:^|\.)aps-workspaces(?:-fips)?\.([a-z0-9-]+)\.(?:vpce\.)?(?:amazonaws\.com(?:\.cn)?|api\.aws)\.?$"
)
# What may be half a surrogate pair, which nothing can be written with.
_HALF_A_PAIR = re.compile(rb"\\u[dD][89a-fA-F]")


Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


class Pool(Protocol):
    """What is needed of urllib3's PoolManager."""

    def request(self, method: str, url: str, **arguments: Any) -> Any: ...


class Signer(Protocol):
    """Returns the headers of a request, signed."""

    def __call__(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Mapping[str, str]: ...


@dataclass(frozen=True, slots=True)
class Clock:
    """Patience: what passes, what waits, and what spreads the waits; `monotonic` and `sleep` in seconds."""

    monotonic: Callable[[], float]
    sleep: Callable[[float], None]
    random: Callable[[], float]


@dataclass(frozen=True, slots=True)
class _Turn(Generic[Asked]):
    """A query that is to be asked: which time it is, not before when, and what came of the time before."""

    number: int
    query: Asked
    attempt: int = 0
    at: float = 0.0
    error: QueryError | None = None


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A query endpoint; `url` is the base to which /api/v1/query is appended.

    A user and a password in it are sent as Basic authentication, unless queries are signed.
    """

    url: str
    pool: Pool
    clock: Clock
    sign: Signer | None = None
    timeout_seconds: float = 10.0
    backoff_seconds: float = 0.25
    _large: Lock = field(default_factory=Lock, init=False, repr=False, compare=False)

    def query_all(self, queries: Sequence[Query], *, budget_seconds: float) -> Sequence[Sequence[Sample] | QueryError]:
        """Return each query's vector or error, in order, when all are there or the budget is used up.

        Where they are more than MOST_SERIES_IN_ALL together, the largest are errors.
        """
        return self._all(queries, self._ask, budget_seconds=budget_seconds, room=MOST_SERIES_IN_ALL)

    def query_range_all(
        self, queries: Sequence[RangeQuery], *, budget_seconds: float
    ) -> Sequence[Sequence[Series] | QueryError]:
        """Return each range query's series or error, as `query_all` does; each is one request."""
        return self._all(queries, self._ask_range, budget_seconds=budget_seconds)

    def _all(
        self,
        queries: Sequence[Asked],
        ask: Callable[[Asked, float], Answer],
        *,
        budget_seconds: float,
        room: float = math.inf,
    ) -> list[Answer | QueryError]:
        if not queries:
            return []
        deadline = self.clock.monotonic() + budget_seconds
        turns = deque(_Turn(number, query) for number, query in enumerate(queries))
        answers: dict[int, Answer | QueryError] = {}
        kept = _Kept(answers, room)

        def work(_: int) -> None:
            while turns:
                try:
                    turn = turns.popleft()
                except IndexError:  # another took the last one
                    return
                answer = self._take(turn, ask, deadline)
                if isinstance(answer, _Turn):
                    turns.append(answer)
                else:
                    kept.keep(turn.number, answer)

        workers = min(CONCURRENCY, len(queries))
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(work, range(workers)))
        return [answers[number] for number in range(len(queries))]

    def _take(
        self, turn: _Turn[Asked], ask: Callable[[Asked, float], Answer], deadline: float
    ) -> Answer | QueryError | _Turn[Asked]:
        """Return what a query came to, or its next turn."""
        if (wait := turn.at - self.clock.monotonic()) > 0:
            self.clock.sleep(wait)
        left = deadline - self.clock.monotonic()
        if left <= 0:
            return turn.error or QueryError(f"no time left in this tick's budget ({self._shown})")
        try:
            return ask(turn.query, min(self.timeout_seconds, left))
        except QueryError as error:
            at = self.clock.monotonic() + self._wait_seconds(error, turn.attempt)
            if not error.retryable or turn.attempt + 1 >= ATTEMPTS or at >= deadline:
                return error
            return replace(turn, attempt=turn.attempt + 1, at=at, error=error)
        except Exception as error:  # one query's surprise is not another's
            return QueryError(f"{type(error).__name__}: {hide(str(error), self.url)} ({self._shown})")

    def _wait_seconds(self, error: QueryError, attempt: int) -> float:
        backoff = self.backoff_seconds * 2.0**attempt * (0.5 + self.clock.random())
        return max(backoff, error.retry_after_seconds or 0.0)

    def _ask(self, query: Query, timeout_seconds: float) -> Sequence[Sample]:
        form = {"query": query.expr, "time": f"{query.at.timestamp():.3f}"}
        return self._answer("query", form, timeout_seconds, self._samples, LARGEST_ANSWER_BYTES)

    def _ask_range(self, query: RangeQuery, timeout_seconds: float) -> Sequence[Series]:
        form = {
            "query": query.expr,
            "start": f"{query.start.timestamp():.3f}",
            "end": f"{query.end.timestamp():.3f}",
            "step": f"{query.step.total_seconds():.3f}",
        }
        return self._answer("query_range", form, timeout_seconds, self._series, LARGEST_RANGE_BYTES)

    def _answer(
        self, path: str, form: Mapping[str, str], timeout_seconds: float, read: Callable[[bytes], Answer], largest: int
    ) -> Answer:
        body = urlencode(form).encode()
        headers: Mapping[str, str] = {"Content-Type": "application/x-www-form-urlencoded"}
        url = f"{without_credentials(self.url)}/api/v1/{path}"
        headers = {**headers, **_basic(self.url)} if self.sign is None else self.sign("POST", url, headers, body)
        try:
            with ExitStack() as alone:
                status, answer_headers, text = self._post(url, headers, body, timeout_seconds, alone, largest)
                if status != 200:
                    raise self._refusal(status, answer_headers, text)
                return read(text)
        except QueryError as error:
            raise _discreet(error, self.url, headers) from None

    def _post(
        self, url: str, headers: Mapping[str, str], body: bytes, timeout_seconds: float, alone: ExitStack, largest: int
    ) -> tuple[int, Mapping[str, str], bytes]:
        import urllib3

        from .guarded import ForbiddenAddressError

        until = self.clock.monotonic() + timeout_seconds
        try:
            answer = self.pool.request(
                "POST",
                url,
                headers=dict(headers),
                body=body,
                timeout=timeout_seconds,
                retries=False,
                redirect=False,
                preload_content=False,
            )
            try:
                content = self._read(answer, alone, largest, until=until)
            except BaseException:
                answer.close()  # what is left of the answer must not be taken for the next one's
                raise
            finally:
                answer.release_conn()
        # A connection that cannot be made is a timeout by inheritance only: most are refused.
        except urllib3.exceptions.NewConnectionError as error:
            raise QueryError(f"{_cause(error, self.url)} ({self._shown})", retryable=True) from None
        except urllib3.exceptions.TimeoutError:
            raise QueryError(f"no answer within {timeout_seconds:.1f} s ({self._shown})", retryable=True) from None
        except urllib3.exceptions.LocationValueError:
            raise QueryError(f"the URL is not valid ({self._shown})") from None
        except urllib3.exceptions.HTTPError as error:
            is_refused = isinstance(error, ForbiddenAddressError)  # by ourselves, and not for a moment
            raise QueryError(f"{_cause(error, self.url)} ({self._shown})", retryable=not is_refused) from None
        return answer.status, answer.headers, content

    def _read(self, answer: Any, alone: ExitStack, largest: int, *, until: float) -> bytes:
        """Return the whole body; the pool's timeout is one chunk's, and a trickle must not outlast the tick.

        A large one waits until no other is being read, and holds that turn as long as `alone` is open.
        """
        import urllib3

        content = bytearray()
        is_alone = False
        while chunk := answer.read1(_CHUNK_BYTES):
            content += chunk
            if len(content) > LARGE_BYTES and not is_alone:
                is_alone = self._large.acquire(timeout=max(until - self.clock.monotonic(), 0.0))
                if not is_alone:
                    raise urllib3.exceptions.TimeoutError
                alone.callback(self._large.release)
            if len(content) > largest:
                raise QueryError(f"the answer is larger than {largest >> 20} MiB ({self._shown})")
            if self.clock.monotonic() > until:
                raise urllib3.exceptions.TimeoutError
        return bytes(content)

    def _refusal(self, status: int, headers: Mapping[str, str], text: bytes) -> QueryError:
        try:
            data = json.loads(text)
            detail = f"{data['errorType']}: {data['error']}"
        except (ValueError, KeyError, TypeError):
            detail = text[:200].decode(errors="replace").strip()
        return QueryError(
            f"HTTP {status}: {detail} ({self._shown})",
            retryable=status in _RETRIED,
            retry_after_seconds=_retry_after(headers.get("Retry-After")),
        )

    def _samples(self, text: bytes) -> list[Sample]:
        try:
            kind, result = self._result(text)
            if kind == "scalar":
                return [Sample({}, float(result[1]))]
            if kind != "vector":
                raise QueryError(f"the expression gives a {kind}; an alert needs an instant vector ({self._shown})")
            if len(result) > MOST_SERIES:
                raise QueryError(f"exceeded limit of {MOST_SERIES} with {len(result)} series ({self._shown})")
            return [_sample(each) for each in result]
        except _GARBAGE as error:
            raise self._not_an_answer(text, error) from None

    def _series(self, text: bytes) -> list[Series]:
        try:
            kind, result = self._result(text)
            if kind != "matrix":
                raise QueryError(f"the expression gives a {kind}; expected a matrix ({self._shown})")
            return [series_of(each) for each in result]
        except _GARBAGE as error:
            raise self._not_an_answer(text, error) from None

    def _result(self, text: bytes) -> tuple[str, Any]:
        data = json.loads(text)
        if _HALF_A_PAIR.search(text):
            data = whole_value(data)
        if data["status"] != "success":
            raise QueryError(f"{data.get('errorType')}: {data.get('error')} ({self._shown})")
        return data["data"]["resultType"], data["data"]["result"]

    def _not_an_answer(self, text: bytes, error: Exception) -> QueryError:
        start = text[:80].decode(errors="replace")
        return QueryError(
            f"not an answer of Prometheus: {start!r} ({type(error).__name__}) ({self._shown})", retryable=True
        )

    @property
    def _shown(self) -> str:
        return redact(self.url)


class _Kept:
    """Keeps answers while there is room for all their series; where there is none, the largest make way."""

    def __init__(self, answers: dict[int, Any], room: float) -> None:
        self._answers = answers
        self._room = room
        self._sizes: dict[int, int] = {}
        self._lock = Lock()

    def keep(self, number: int, answer: Any) -> None:
        """Keep a list of series, or an error."""
        with self._lock:
            self._answers[number] = answer
            if not isinstance(answer, QueryError):
                self._sizes[number] = len(answer)
            while sum(self._sizes.values()) > self._room:
                largest = max(self._sizes, key=lambda each: (self._sizes[each], each))
                series = self._sizes.pop(largest)
                self._answers[largest] = QueryError(
                    f"exceeded limit of {self._room} series in all queries of a tick; this one has {series}"
                )


def without_credentials(url: str) -> str:
    """Return a URL without its user and password: what may stand in a link."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _discreet(error: QueryError, url: str, headers: Mapping[str, str]) -> QueryError:
    """Return an error without what the endpoint repeats of a password, or of what signs a query."""
    sent = [value for name, value in headers.items() if name.lower() in _SECRET_HEADERS]
    said = hide(str(error), *_passwords(url), *(value.partition(" ")[2] or value for value in sent))
    return QueryError(
        clip(said, _ERROR_LENGTH), retryable=error.retryable, retry_after_seconds=error.retry_after_seconds
    )


def _passwords(url: str) -> list[str]:
    password = urlsplit(url).password
    return [unquote(password)] if password else []


def _basic(url: str) -> dict[str, str]:
    """Return the header of the user and password that a URL holds, nothing where it holds none."""
    found, separator, _ = urlsplit(url).netloc.rpartition("@")
    if not separator:
        return {}
    user, _, password = found.partition(":")
    text = f"{unquote(user)}:{unquote(password)}"
    return {"Authorization": f"Basic {base64.b64encode(text.encode()).decode()}"}


def _sample(each: Mapping[str, Any]) -> Sample:
    """Return one series; a native histogram has no value, and Prometheus's rules take it for 0."""
    labels = each["metric"]
    if not isinstance(labels, dict) or not all(isinstance(text, str) for text in labels.values()):
        raise TypeError("labels are an object of texts")
    return Sample(labels, 0.0 if "histogram" in each else float(each["value"][1]))


def _retry_after(value: str | None) -> float | None:
    """Return the seconds of a Retry-After header; a date is not waited for, the next tick comes anyway."""
    return float(value) if value is not None and value.isdecimal() else None


def _cause(error: BaseException, url: str) -> str:
    """Return what went wrong below urllib3 in few words, without addresses of objects or the URL."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ConnectionRefusedError):
            return "connection refused"
        if isinstance(seen, ConnectionResetError):
            return "connection reset"
        seen = seen.__cause__ or seen.__context__ or getattr(seen, "reason", None)
    text = str(error).rsplit(": ", 1)[-1]
    return hide(text, url) or type(error).__name__


def region_of(host: str) -> str:
    """Return the region that an AMP workspace's host names; empty where it is another host."""
    found = _AMP_HOST.search(host.lower())
    return found[1] if found else ""


def sigv4(service: str, region: str, credentials: Callable[[], Any]) -> Signer:
    """Return a signer for an AWS service; `credentials` returns botocore's, which refresh themselves."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest

    def sign(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Mapping[str, str]:
        found = credentials()
        if found is None:
            raise QueryError("no AWS credentials to sign the query with")
        request = AWSRequest(method=method, url=url, headers=dict(headers), data=body)
        SigV4Auth(found.get_frozen_credentials(), service, region).add_auth(request)
        return dict(request.headers.items())

    return sign
