"""Queries: whatever the endpoint does, a query gives a vector or says why it has none (law 1)."""

from __future__ import annotations

import base64
import json
import math
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import pytest
import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.adapters.endpoint import Answered, Endpoint, endpoint, vector
from tests.adapters.scripted import Clock as VirtualClock
from tocsin.adapters import prometheus
from tocsin.adapters.prometheus import Clock, Prometheus, sigv4, without_credentials
from tocsin.core.rules import Sample
from tocsin.errors import QueryError
from tocsin.ports import MOST_SERIES, MOST_SERIES_IN_ALL, Query

AT = datetime(2026, 11, 20, 3, 0, 0, 250_000, UTC)
URL = "https://prometheus.example.org/prefix"
SHOWN = "(https://prometheus.example.org/…)"
ONE = [Sample({"job": "a"}, 1.0)]
SERIES = [({"job": "a"}, 1.0)]


@dataclass(slots=True)
class Answer:
    """An answer of the fake pool: headers come after `seconds`, each chunk after `chunk_seconds` more."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    chunk_seconds: float = 0.0
    chunk_bytes: int = 1 << 30
    clock: VirtualClock | None = None
    is_closed: bool = False
    is_released: bool = False

    def read1(self, amount: int) -> bytes:
        assert self.clock is not None
        self.clock.seconds += self.chunk_seconds
        size = min(amount, self.chunk_bytes)
        chunk, self.body = self.body[:size], self.body[size:]
        return chunk

    def close(self) -> None:
        self.is_closed = True

    def release_conn(self) -> None:
        self.is_released = True


class Endless(Answer):
    """An answer without an end."""

    def read1(self, amount: int) -> bytes:
        return bytes(amount)


Outcome = Answer | Exception


@dataclass(slots=True)
class ScriptedPool:
    """Gives each expression its outcomes in order, the last one for ever; keeps what it was asked."""

    script: Mapping[str, list[Outcome]]
    clock: VirtualClock
    requests: list[dict[str, Any]] = field(default_factory=list)

    def request(self, method: str, url: str, **arguments: Any) -> Any:
        expr = parse_qs(arguments["body"].decode())["query"][0]
        self.requests.append({"method": method, "url": url, "expr": expr, "at": self.clock.seconds, **arguments})
        outcomes = self.script[expr]
        outcome = outcomes.pop(0) if len(outcomes) > 1 else outcomes[0]
        if isinstance(outcome, Exception):
            raise outcome
        self.clock.seconds += outcome.seconds
        outcome.clock = self.clock
        return outcome


def good(*, seconds: float = 0.0) -> Answer:
    return Answer(vector(({"job": "a"}, 1.0)).body, seconds=seconds)


def ask(
    *outcomes: Outcome, budget: float = 25.0, url: str = URL, **options: Any
) -> tuple[Any, ScriptedPool, VirtualClock]:
    """Ask one query of a scripted endpoint; returns what came of it."""
    clock = VirtualClock(seconds=1000.0)
    pool = ScriptedPool({"up": list(outcomes)}, clock)
    # Jitter is between half and one and a half; this is the middle.
    patience = Clock(clock.monotonic, clock.sleep, lambda: 0.5)
    (result,) = Prometheus(url, pool, patience, **options).query_all([Query("up", AT)], budget_seconds=budget)
    return result, pool, clock


def problem(result: Any) -> str:
    assert isinstance(result, QueryError)
    return str(result)


class TestAsking:
    def test_it_posts_the_expression_and_its_time(self):
        result, pool, _ = ask(good())
        assert result == ONE
        (request,) = pool.requests
        assert (request["method"], request["url"]) == ("POST", f"{URL}/api/v1/query")
        assert parse_qs(request["body"].decode()) == {"query": ["up"], "time": [f"{AT.timestamp():.3f}"]}
        assert request["headers"] == {"Content-Type": "application/x-www-form-urlencoded"}
        assert (request["retries"], request["redirect"]) == (False, False)

    def test_nothing_to_ask_asks_nothing(self):
        assert list(Prometheus(URL, None, None).query_all([], budget_seconds=1)) == []  # type: ignore[arg-type]

    def test_a_user_and_a_password_are_sent_and_stand_in_no_url(self):
        _, pool, _ = ask(good(), url="https://ada:p%40ss@prometheus.example.org/prefix")
        assert pool.requests[0]["url"] == f"{URL}/api/v1/query"
        sent = pool.requests[0]["headers"]["Authorization"]
        assert base64.b64decode(sent.removeprefix("Basic ")).decode() == "ada:p@ss"

    @pytest.mark.parametrize(
        ("url", "expected"),
        [
            ("https://ada:secret@host:9090/x", "https://host:9090/x"),
            ("https://host:9090/x", "https://host:9090/x"),
            ("http://a@b@[::1]:9090", "http://[::1]:9090"),
        ],
    )
    def test_a_link_holds_no_credentials(self, url: str, expected: str):
        assert without_credentials(url) == expected

    def test_a_connection_is_given_back(self):
        answer = good()
        ask(answer)
        assert (answer.is_released, answer.is_closed) == (True, False)


def values(result: Any) -> list[float]:
    assert not isinstance(result, QueryError), result
    return [sample.value for sample in result]


def answer_of(data: Any) -> Answer:
    return Answer(json.dumps({"status": "success", "data": data}).encode())


def test_every_value_that_prometheus_writes_is_read():
    texts = ["1", "-0.5", "1e+300", "+Inf", "-Inf", "NaN", "0"]
    result, *_ = ask(
        answer_of({"resultType": "vector", "result": [{"metric": {"i": t}, "value": [1.5, t]} for t in texts]})
    )
    found = values(result)
    assert found[:3] == [1.0, -0.5, 1e300]
    assert (found[3], found[4], found[6]) == (math.inf, -math.inf, 0.0)
    assert math.isnan(found[5])


def test_a_scalar_is_one_sample_without_labels():
    result, *_ = ask(answer_of({"resultType": "scalar", "result": [1763607600.25, "2.5"]}))
    assert result == [Sample({}, 2.5)]


def test_a_native_histogram_counts_as_zero_as_in_prometheus_own_rules():
    histogram = {"count": "10", "sum": "5", "buckets": []}
    result, *_ = ask(
        answer_of({"resultType": "vector", "result": [{"metric": {"job": "a"}, "histogram": [1.0, histogram]}]})
    )
    assert result == [Sample({"job": "a"}, 0.0)]


def test_an_empty_vector_is_an_answer():
    assert ask(answer_of({"resultType": "vector", "result": []}))[0] == []


# Final: trying again changes nothing.
FINAL = {
    "the expression is wrong": (
        Answer(b'{"status":"error","errorType":"bad_data","error":"1:3: parse error"}', status=400),
        f"HTTP 400: bad_data: 1:3: parse error {SHOWN}",
    ),
    "the execution failed": (
        Answer(b'{"status":"error","errorType":"execution","error":"many-to-many matching"}', status=422),
        f"HTTP 422: execution: many-to-many matching {SHOWN}",
    ),
    "the role may not query": (
        Answer(b'{"Message":"User is not authorized to perform: aps:QueryMetrics"}', status=403),
        f'HTTP 403: {{"Message":"User is not authorized to perform: aps:QueryMetrics"}} {SHOWN}',
    ),
    "the path is wrong": (Answer(b"404 page not found\n", status=404), f"HTTP 404: 404 page not found {SHOWN}"),
    "it is redirected": (Answer(b"", status=302, headers={"Location": "/login"}), f"HTTP 302:  {SHOWN}"),
    "it is 200 and an error all the same": (
        Answer(b'{"status":"error","errorType":"timeout","error":"query timed out"}'),
        f"timeout: query timed out {SHOWN}",
    ),
    "the expression is a range": (
        answer_of({"resultType": "matrix", "result": []}),
        f"the expression gives a matrix; an alert needs an instant vector {SHOWN}",
    ),
    "the expression is a text": (
        answer_of({"resultType": "string", "result": [1, "a"]}),
        f"the expression gives a string; an alert needs an instant vector {SHOWN}",
    ),
    "the URL is none": (
        urllib3.exceptions.LocationParseError("https://ada:secret@host"),
        f"the URL is not valid {SHOWN}",
    ),
    "something happens that nobody thought of": (ZeroDivisionError("oh"), f"ZeroDivisionError: oh {SHOWN}"),
}


@pytest.mark.parametrize(("outcome", "expected"), FINAL.values(), ids=FINAL.keys())
def test_it_is_said_at_once_that(outcome: Outcome, expected: str):
    result, pool, _ = ask(outcome)
    assert problem(result) == expected
    assert len(pool.requests) == 1


def refused() -> Exception:
    error = urllib3.exceptions.NewConnectionError(_connection(), "Failed to establish a new connection")
    error.__cause__ = ConnectionRefusedError(111, "Connection refused")
    return error


def reset() -> Exception:
    error = urllib3.exceptions.ProtocolError("Connection aborted.", ConnectionResetError(104, "reset by peer"))
    error.__cause__ = ConnectionResetError(104, "Connection reset by peer")
    return error


def _unknown_host() -> socket.gaierror:
    return socket.gaierror(-2, "Name or service not known")


def _connection() -> urllib3.connection.HTTPConnection:
    return urllib3.connection.HTTPConnection("prometheus.example.org")


TRANSIENT = {
    "too many requests": (lambda: Answer(b"slow down", status=429), f"HTTP 429: slow down {SHOWN}"),
    "throttled by AMP": (
        lambda: Answer(b'{"message":"Rate exceeded"}', status=429),
        f'HTTP 429: {{"message":"Rate exceeded"}} {SHOWN}',
    ),
    "an error of the server": (lambda: Answer(b"", status=500), f"HTTP 500:  {SHOWN}"),
    "a bad gateway": (lambda: Answer(b"<html>bad</html>", status=502), f"HTTP 502: <html>bad</html> {SHOWN}"),
    "unavailable": (lambda: Answer(b"", status=503), f"HTTP 503:  {SHOWN}"),
    "a gateway's timeout": (lambda: Answer(b"", status=504), f"HTTP 504:  {SHOWN}"),
    "connection refused": (refused, f"connection refused {SHOWN}"),
    "connection reset": (reset, f"connection reset {SHOWN}"),
    "no such host": (
        lambda: urllib3.exceptions.NameResolutionError(
            "x", _connection(), socket.gaierror(-2, "Name or service not known")
        ),
        f"Failed to resolve 'x' ([Errno -2] Name or service not known) {SHOWN}",
    ),
    "a certificate of nobody": (
        lambda: urllib3.exceptions.SSLError("certificate verify failed: self-signed certificate"),
        f"self-signed certificate {SHOWN}",
    ),
    "no answer in time": (
        lambda: urllib3.exceptions.ReadTimeoutError(None, "/", "Read timed out."),  # type: ignore[arg-type]
        f"no answer within 10.0 s {SHOWN}",
    ),
    "nothing at all": (lambda: Answer(b""), f"not an answer of Prometheus: '' (JSONDecodeError) {SHOWN}"),
    "a page for people": (
        lambda: Answer(b"<!DOCTYPE html><title>Sign in</title>"),
        f"not an answer of Prometheus: '<!DOCTYPE html><title>Sign in</title>' (JSONDecodeError) {SHOWN}",
    ),
    "half an answer": (
        lambda: Answer(vector(({"job": "a"}, 1.0)).body[:60]),
        'not an answer of Prometheus: \'{"status": "success", ',
    ),
    "an answer that is a list": (lambda: Answer(b"[]"), f"not an answer of Prometheus: '[]' (TypeError) {SHOWN}"),
    "null": (lambda: Answer(b"null"), f"not an answer of Prometheus: 'null' (TypeError) {SHOWN}"),
    "another JSON": (
        lambda: Answer(b'{"hello": 1}'),
        f"not an answer of Prometheus: '{{\"hello\": 1}}' (KeyError) {SHOWN}",
    ),
    "no data": (lambda: Answer(b'{"status":"success"}'), "not an answer of Prometheus: "),
    "a sample without a value": (
        lambda: answer_of({"resultType": "vector", "result": [{"metric": {}}]}),
        "not an answer of Prometheus: ",
    ),
    "a value that is no number": (
        lambda: answer_of({"resultType": "vector", "result": [{"metric": {}, "value": [1, "x"]}]}),
        "not an answer of Prometheus: ",
    ),
    "bytes that are no text": (lambda: Answer(b"\xff\xfe\x00"), "not an answer of Prometheus: "),
    "labels that are no texts": (
        lambda: answer_of({"resultType": "vector", "result": [{"metric": ["a"], "value": [1, "1"]}]}),
        "not an answer of Prometheus: ",
    ),
}


@pytest.mark.parametrize(("outcome", "expected"), TRANSIENT.values(), ids=TRANSIENT.keys())
def test_it_is_tried_again_after(outcome: Any, expected: str):
    result, pool, clock = ask(outcome(), good())
    assert result == ONE
    assert len(pool.requests) == 2
    assert clock.slept == [0.25]
    result, _, _ = ask(outcome(), budget=0.1)
    assert problem(result).startswith(expected.replace("10.0 s", "0.1 s"))


class TestPatience:
    def test_waits_grow_and_end(self):
        result, pool, clock = ask(Answer(status=503))
        assert problem(result).startswith("HTTP 503")
        assert clock.slept == [0.25 * 2.0**n for n in range(prometheus.ATTEMPTS - 1)]
        assert len(pool.requests) == prometheus.ATTEMPTS

    def test_retry_after_is_waited_for(self):
        result, _, clock = ask(Answer(status=429, headers={"Retry-After": "7"}), good())
        assert result == ONE
        assert clock.slept == [7.0]

    @pytest.mark.parametrize("text", ["-1", "soon", "Fri, 20 Nov 2026 03:00:07 GMT", "", "²"])
    def test_a_retry_after_that_is_no_number_is_not(self, text: str):
        result, _, clock = ask(Answer(status=429, headers={"Retry-After": text}), good())
        assert result == ONE
        assert clock.slept == [0.25]

    def test_a_retry_after_beyond_the_budget_is_not_waited_for(self):
        result, pool, clock = ask(Answer(status=429, headers={"Retry-After": "3600"}), good())
        assert problem(result).startswith("HTTP 429")
        assert (len(pool.requests), clock.slept) == (1, [])

    def test_the_budget_is_never_exceeded(self):
        result, pool, clock = ask(Answer(status=503, seconds=4.0), budget=10.0)
        assert problem(result).startswith("HTTP 503")
        assert clock.seconds - 1000.0 <= 10.0 + 4.0
        assert all(request["at"] + request["timeout"] <= 1010.0 for request in pool.requests)

    def test_a_timeout_is_no_longer_than_what_is_left(self):
        _, pool, _ = ask(good(), budget=3.0)
        assert pool.requests[0]["timeout"] == 3.0
        _, pool, _ = ask(good(), budget=30.0)
        assert pool.requests[0]["timeout"] == 10.0

    def test_without_time_nothing_is_asked(self):
        result, pool, _ = ask(good(), budget=0.0)
        assert problem(result) == f"no time left in this tick's budget {SHOWN}"
        assert pool.requests == []

    def test_a_trickle_ends_with_its_timeout(self):
        trickle = Answer(good().body, chunk_seconds=3.0, chunk_bytes=4)
        result, _, clock = ask(trickle, budget=10.0)
        assert problem(result) == f"no answer within 10.0 s {SHOWN}"
        assert clock.seconds - 1000.0 <= 13.0
        assert (trickle.is_closed, trickle.is_released) == (True, True)

    def test_an_answer_that_is_too_large_is_refused_before_it_is_all_read(self):
        large = Endless()
        result, pool, _ = ask(large)
        assert problem(result) == f"the answer is larger than 16 MiB {SHOWN}"
        assert (len(pool.requests), large.is_closed) == (1, True)

    def test_more_series_than_a_tick_can_take_are_an_error_that_says_how_many(self):
        result, pool, _ = ask(Answer(vector(*SERIES * (MOST_SERIES + 1)).body))
        assert problem(result) == f"exceeded limit of {MOST_SERIES} with {MOST_SERIES + 1} series {SHOWN}"
        assert len(pool.requests) == 1, "the next tick asks again"
        as_many_as_it_can, *_ = ask(Answer(vector(*SERIES * MOST_SERIES).body))
        assert len(as_many_as_it_can) == MOST_SERIES

    def test_where_all_answers_together_are_too_many_the_largest_makes_way(self):
        sizes = {"small": 1, "large": MOST_SERIES, "larger": MOST_SERIES - 1, "other": 11_000, "last": 2}
        clock = VirtualClock(seconds=1000.0)
        script: dict[str, list[Outcome]] = {expr: [Answer(vector(*SERIES * size).body)] for expr, size in sizes.items()}
        endpoint = Prometheus(URL, ScriptedPool(script, clock), Clock(clock.monotonic, clock.sleep, lambda: 0.5))
        results = endpoint.query_all([Query(expr, AT) for expr in script], budget_seconds=10)
        kept = {expr: len(each) for expr, each in zip(script, results, strict=True) if isinstance(each, list)}
        assert kept == {expr: size for expr, size in sizes.items() if expr != "large"}
        expected = f"exceeded limit of {MOST_SERIES_IN_ALL} series in all queries of a tick; this one has {MOST_SERIES}"
        assert problem(results[1]) == expected

    def test_one_query_s_failure_is_not_another_s(self):
        clock = VirtualClock(seconds=1000.0)
        script: dict[str, list[Outcome]] = {
            "good": [good()],
            "wrong": [Answer(b"no", status=400)],
            "surprise": [ZeroDivisionError("oh")],
            "also good": [good()],
        }
        endpoint = Prometheus(URL, ScriptedPool(script, clock), Clock(clock.monotonic, clock.sleep, lambda: 0.5))
        results = endpoint.query_all([Query(expr, AT) for expr in script], budget_seconds=10)
        assert [isinstance(result, QueryError) for result in results] == [False, True, True, False]
        assert (results[0], results[3]) == (ONE, ONE)

    def test_whoever_is_asked_again_waits_behind_those_who_were_not_asked_yet(self, monkeypatch):
        monkeypatch.setattr(prometheus, "CONCURRENCY", 1)
        clock = VirtualClock(seconds=1000.0)
        bad: dict[str, list[Outcome]] = {f"bad{number}": [Answer(b"slow down", status=503)] for number in range(2)}
        script: dict[str, list[Outcome]] = {**bad, **{f"good{number}": [good()] for number in range(9)}}
        pool = ScriptedPool(script, clock)
        endpoint = Prometheus(URL, pool, Clock(clock.monotonic, clock.sleep, lambda: 0.5))
        results = endpoint.query_all([Query(expr, AT) for expr in script], budget_seconds=10)
        assert [isinstance(result, QueryError) for result in results] == [True] * 2 + [False] * 9
        asked = [request["expr"] for request in pool.requests]
        assert set(asked[: len(script)]) == set(script)
        assert asked.count("bad0") == asked.count("bad1") == prometheus.ATTEMPTS

    def test_what_is_asked_again_too_late_says_what_was_wrong_before(self):
        class Oversleeping(VirtualClock):
            def sleep(self, seconds: float) -> None:
                self.seconds += seconds + 100.0

        clock = Oversleeping(seconds=1000.0)
        pool = ScriptedPool({"up": [Answer(b"slow down", status=503)]}, clock)
        endpoint = Prometheus(URL, pool, Clock(clock.monotonic, clock.sleep, lambda: 0.5))
        (result,) = endpoint.query_all([Query("up", AT)], budget_seconds=10)
        assert problem(result) == f"HTTP 503: slow down {SHOWN}"
        assert len(pool.requests) == 1


SECRETS = ["hunter2", "ada", "workspaces/ws-1"]


@pytest.mark.parametrize(
    "outcome",
    [
        pytest.param(Answer(b"no", status=503), id="refused"),
        pytest.param(Answer(b"<html>"), id="garbage"),
        pytest.param(urllib3.exceptions.LocationParseError("https://ada:hunter2@x/workspaces/ws-1"), id="no URL"),
        pytest.param(
            ValueError("cannot do https://ada:hunter2@prometheus.example.org/workspaces/ws-1"), id="a surprise"
        ),
        pytest.param(
            urllib3.exceptions.HTTPError("at https://ada:hunter2@prometheus.example.org/workspaces/ws-1: no"),
            id="an error of the library",
        ),
    ],
)
def test_no_error_shows_the_path_or_the_credentials_of_the_url(outcome: Outcome):
    result, *_ = ask(outcome, url="https://ada:hunter2@prometheus.example.org/workspaces/ws-1", budget=0.1)
    said = problem(result)
    assert said.endswith("(https://prometheus.example.org/…)")
    assert [secret for secret in SECRETS if secret in said] == []


class TestSigning:
    CREDENTIALS = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "a session's token")

    def test_the_signature_is_what_botocore_computes_of_what_was_sent(self):
        _, pool, _ = ask(good(), sign=sigv4("aps", "eu-west-1", lambda: self.CREDENTIALS))
        (request,) = pool.requests
        sent = request["headers"]
        again = AWSRequest(
            method="POST",
            url=request["url"],
            data=request["body"],
            headers={"Content-Type": sent["Content-Type"], "X-Amz-Security-Token": sent["X-Amz-Security-Token"]},
        )
        again.context["timestamp"] = sent["X-Amz-Date"]
        signer = SigV4Auth(self.CREDENTIALS, "aps", "eu-west-1")
        text = signer.string_to_sign(again, signer.canonical_request(_dated(again, sent["X-Amz-Date"])))
        assert sent["Authorization"].endswith(f"Signature={signer.signature(text, again)}")
        assert "/eu-west-1/aps/aws4_request" in sent["Authorization"]
        assert "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token" in sent["Authorization"]

    def test_each_attempt_is_signed_anew_with_the_credentials_of_then(self):
        given = iter([Credentials("AKIDONE", "one"), Credentials("AKIDTWO", "two")])
        _, pool, _ = ask(Answer(status=503), good(), sign=sigv4("aps", "eu-west-1", lambda: next(given)))
        keys = [r["headers"]["Authorization"].partition("Credential=")[2].partition("/")[0] for r in pool.requests]
        assert keys == ["AKIDONE", "AKIDTWO"]

    def test_a_signed_query_sends_no_password(self):
        sign = sigv4("aps", "eu-west-1", lambda: self.CREDENTIALS)
        _, pool, _ = ask(good(), url="https://ada:secret@prometheus.example.org", sign=sign)
        assert pool.requests[0]["headers"]["Authorization"].startswith("AWS4-HMAC-SHA256 ")

    def test_without_credentials_the_error_says_so(self):
        result, pool, _ = ask(good(), sign=sigv4("aps", "eu-west-1", lambda: None))
        assert problem(result) == "no AWS credentials to sign the query with"
        assert pool.requests == []


def _dated(request: AWSRequest, date: str) -> AWSRequest:
    request.headers["X-Amz-Date"] = date
    return request


@pytest.fixture
def served() -> Iterator[Endpoint]:
    with endpoint() as running:
        yield running


@pytest.fixture
def pool() -> Iterator[urllib3.PoolManager]:
    manager = urllib3.PoolManager(maxsize=8)
    yield manager
    manager.clear()


class TestOverSockets:
    """The same over urllib3's own pool and a server of this process."""

    def query(self, served: Endpoint, pool: urllib3.PoolManager, *exprs: str, **options: Any) -> list[Any]:
        clock = VirtualClock()
        client = Prometheus(served.url, pool, Clock(clock.monotonic, clock.sleep, lambda: 0.5), **options)
        return list(client.query_all([Query(expr, AT) for expr in exprs], budget_seconds=10))

    def test_many_queries_keep_their_order(self, served: Endpoint, pool: urllib3.PoolManager):
        served.answer = lambda asked: vector(({"q": asked.form["query"]}, 1.0))
        exprs = [f"q{number}" for number in range(100)]
        results = self.query(served, pool, *exprs)
        assert [result[0].labels["q"] for result in results] == exprs
        assert {asked.form["time"] for asked in served.asked} == {f"{AT.timestamp():.3f}"}

    def test_an_answer_that_breaks_off_is_no_answer(self, served: Endpoint, pool: urllib3.PoolManager):
        body = vector(({"job": "a"}, 1.0)).body
        served.say({"up": Answered(body=body, length=len(body) + 100), "good": vector(({"job": "a"}, 1.0))})
        (broken,) = self.query(served, pool, "up")
        assert "IncompleteRead" in problem(broken)
        assert self.query(served, pool, "good", "good") == [ONE, ONE]

    def test_a_refused_query_leaves_its_connection_usable(self, served: Endpoint, pool: urllib3.PoolManager):
        served.say({"wrong": Answered(status=400, body=b"x" * 100_000), "good": vector(({"job": "a"}, 1.0))})
        for _ in range(3):
            assert isinstance(self.query(served, pool, "wrong")[0], QueryError)
            assert self.query(served, pool, "good") == [ONE]

    def test_nobody_there(self, pool: urllib3.PoolManager):
        with endpoint() as gone:
            pass
        (result,) = self.query(gone, pool, "up")
        assert problem(result) == f"connection refused ({gone.url}/…)"

    def test_a_redirect_is_not_followed(self, served: Endpoint, pool: urllib3.PoolManager):
        served.answer = lambda asked: Answered(status=302, headers={"Location": f"{served.url}/elsewhere"})
        assert problem(self.query(served, pool, "up")[0]).startswith("HTTP 302")
        assert len(served.asked) == 1
