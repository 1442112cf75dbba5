"""What a receiver may do to a request, on real sockets: all of it ends, and the error says what may have arrived."""

from __future__ import annotations

import gzip
import resource
from datetime import UTC, datetime
from typing import Any

import pytest
from urllib3.exceptions import ConnectTimeoutError

from tests.adapters.local import local_clients, local_transport
from tests.faults import rude
from tests.faults.authorities import Authority
from tests.faults.rude import Manner, answers, status
from tocsin.adapters.credentials import Credentials
from tocsin.adapters.http import Http, Request, Response, _transport_failure
from tocsin.adapters.secrets import Secrets
from tocsin.errors import DeliveryError, FailureReason

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
BODY = b'{"the": "notification"}'


def once(url: str, config: Any = None, *, seconds: float = 5.0) -> Response:
    """Send as an integration does, over its own `http_config`, and only once: a pause would be over the budget."""
    http = Http(
        local_transport(),
        sleep=lambda _: None,
        random=lambda: 0.0,
        monotonic=lambda: 0.0,
        timeout_seconds=seconds,
        budget_seconds=seconds,
        backoff_seconds=4 * seconds,
    )
    secrets = Secrets({}, secretsmanager=lambda: None, ssm=lambda: None)  # type: ignore[arg-type,return-value]
    connected = local_clients(http).connect(config, Credentials(secrets, now=NOW), now=NOW)
    return connected.send(Request(url, {"content-type": "application/json"}, BODY), now=NOW)


REASON = FailureReason
FAILURES: dict[str, tuple[Manner, FailureReason, bool]] = {
    "hangs up at once": (rude.hangs_up, REASON.CONNECTION, True),
    "hangs up after it has read the request": (rude.hangs_up_after_reading, REASON.CONNECTION, True),
    "resets the connection after it has read the request": (rude.resets_after_reading, REASON.CONNECTION, True),
    "closes its half of the connection": (rude.stops_talking, REASON.CONNECTION, True),
    "says nothing": (rude.says_nothing, REASON.TIMEOUT, True),
    "sends its headers byte by byte": (rude.drips_headers, REASON.TIMEOUT, True),
    "says 100 Continue again and again": (rude.continues_for_ever, REASON.TIMEOUT, True),
    "does not speak HTTP": (answers(b"SSH-2.0-OpenSSH_9.9\r\n"), REASON.CONNECTION, True),
    "sends noise": (answers(bytes(range(256)) * 40), REASON.CONNECTION, True),
    "sends a header without end": (answers(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000), REASON.CONNECTION, True),
    "sends thousands of headers": (
        answers(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 5000 + b"\r\n"),
        REASON.CONNECTION,
        True,
    ),
    "answers 500": (status(500), REASON.SERVER_ERROR, True),
    "answers 503 with Retry-After": (status(503, "Retry-After: 99"), REASON.SERVER_ERROR, True),
    "answers 429": (status(429), REASON.RATE_LIMITED, False),
    "answers 408": (status(408), REASON.TIMEOUT, False),
}

SLOW = (rude.says_nothing, rude.drips_headers, rude.continues_for_ever, rude.drips_body)


@pytest.mark.parametrize(("manner", "reason", "may_have_arrived"), FAILURES.values(), ids=FAILURES.keys())
def test_a_receiver_that(manner, reason, may_have_arrived):
    # Short where it has to run out; else nothing waits for it.
    with rude.rude(manner) as server, pytest.raises(DeliveryError) as raised:
        once(server.url, seconds=0.3 if manner in SLOW else 10)
    error = raised.value
    assert (error.reason, error.retryable, error.may_have_arrived) == (reason, True, may_have_arrived), str(error)
    assert "webhook" not in str(error), "the path may be a secret"


def test_nobody_listens():
    with rude.rude(rude.hangs_up) as server:
        url = server.url
    with pytest.raises(DeliveryError) as raised:
        once(url)
    error = raised.value
    assert (error.reason, error.retryable, error.may_have_arrived) == (REASON.CONNECTION, True, False)


def test_a_connection_that_takes_too_long():
    error = _transport_failure(ConnectTimeoutError(None, "timed out"), "https://receiver.test/x")
    assert (error.reason, error.retryable, error.may_have_arrived) == (REASON.TIMEOUT, True, False)


# What counts as an answer: the headers. What comes after them changes nothing of it.

ANSWERS: dict[str, tuple[Manner, int, bytes]] = {
    "it is as it should be": (answers(rude.OK), 200, b"ok"),
    "the body comes byte by byte": (rude.drips_body, 200, b"x"),
    "the body breaks off": (answers(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"), 200, b"half"),
    "the body's chunks are garbage": (
        answers(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n"),
        200,
        b"",
    ),
    "its compression is garbage": (
        answers(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello"),
        200,
        b"",
    ),
    "the length is garbage": (answers(b"HTTP/1.1 200 OK\r\nContent-Length: soon\r\n\r\nok"), 200, b"ok"),
    "a refusal breaks off": (answers(b"HTTP/1.1 400 Bad\r\nContent-Length: 100\r\n\r\nno_te"), 400, b"no_te"),
    "there is no body at all": (answers(b"HTTP/1.1 204 No Content\r\n\r\n"), 204, b""),
}


@pytest.mark.parametrize(("manner", "code", "begins"), ANSWERS.values(), ids=ANSWERS.keys())
def test_an_answer_is_one_though(manner, code, begins):
    with rude.rude(manner) as server:
        answer = once(server.url, seconds=0.3 if manner in SLOW else 10)
        assert (answer.status, answer.body[: len(begins) or None]) == (code, begins)
        assert server.requests == [BODY], "and it is asked once"


GIGABYTE = 1 << 30
HUGE = {
    "a gigabyte": rude.floods(GIGABYTE),
    "a gigabyte that was announced": rude.floods(GIGABYTE, b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n"),
    "a bomb": answers(
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(bytes(100 << 20), compresslevel=9)
    ),
}


@pytest.mark.parametrize("manner", HUGE.values(), ids=HUGE.keys())
def test_of_a_huge_answer_only_its_beginning_is_read(manner):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with rude.rude(manner) as server:
        answer = once(server.url)
    assert (answer.status, len(answer.body)) == (200, 64 * 1024)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 32 * 1024, f"{grown} KiB more memory"


def test_a_connection_is_kept_after_an_answer_and_not_after_half_of_one():
    transport = local_transport()

    def twice(visit: rude.Visit) -> None:
        while visit.read_request():
            visit.send(rude.OK)

    def half(visit: rude.Visit) -> None:
        visit.read_request()
        visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + b"x" * 100_000)
        visit.closing.wait(5)

    for manner, visits in ((twice, 1), (half, 3)):
        with rude.rude(manner) as server:
            for _ in range(3):
                transport(Request(server.url, {}, BODY), timeout_seconds=5)
            assert server.visits == visits
            transport.pool.clear()


# Redirects


@pytest.mark.parametrize("code", [301, 302, 307, 308])
def test_a_redirect_is_followed_with_the_whole_notification(code):
    with rude.rude(answers(rude.OK)) as target, rude.rude(status(code, f"Location: {target.url}")) as server:
        assert once(server.url).status == 200
        assert target.requests == [BODY]


REDIRECTS: dict[str, tuple[int, str]] = {
    "asks for a GET": (303, "{self}"),
    "leads nowhere": (302, ""),
    "leads to itself": (302, "{self}"),
}


@pytest.mark.parametrize(("code", "location"), REDIRECTS.values(), ids=REDIRECTS.keys())
def test_a_redirect_that(code, location):
    manners: list[Manner] = []

    def redirect(visit: rude.Visit) -> None:
        manners[0](visit)

    with rude.rude(redirect) as server:
        target = location.format(self=server.url)
        manners.append(status(code, *([f"Location: {target}"] if target else [])))
        answer = once(server.url)
    assert answer.status == code
    assert server.visits <= 10


@pytest.mark.parametrize(
    "target", ["http://169.254.169.254/latest/meta-data/", "http://[fd00:ec2::254]/", "http://0.0.0.0/", "gopher://x/"]
)
def test_a_redirect_to_what_is_nobodys_business_is_refused(target):
    with rude.rude(status(302, f"Location: {target}")) as server, pytest.raises(DeliveryError) as raised:
        once(server.url)
    assert (raised.value.reason, raised.value.retryable) == (REASON.NOT_CONFIGURED, False)
    assert not raised.value.may_have_arrived


# TLS


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("authority"))


def test_a_certificate_that_is_in_order_is_accepted(authority):
    with rude.rude(answers(rude.OK), tls=authority.context()) as server:
        assert once(server.url, {"tls_config": {"ca_file": str(authority.ca_file)}}).status == 200


CERTIFICATES: dict[str, tuple[dict[str, Any], bool]] = {
    "an authority that nobody knows": ({}, False),
    "one that signed itself": ({"self_signed": True}, False),
    "one that is over": ({"days": (-30, -1)}, True),
    "one that has not begun": ({"days": (1, 30)}, True),
    "one for another host": ({"host": "elsewhere.test"}, True),
}


@pytest.mark.parametrize(("made", "knows_authority"), CERTIFICATES.values(), ids=CERTIFICATES.keys())
def test_nothing_is_sent_to_whom_the_certificate_does_not_belong(authority, made, knows_authority):
    config = {"tls_config": {"ca_file": str(authority.ca_file)}} if knows_authority else {}
    with (
        rude.rude(answers(rude.OK), tls=authority.context(**made)) as server,
        pytest.raises(DeliveryError) as raised,
    ):
        once(server.url, config)
    assert server.requests == []
    error = raised.value
    assert (error.reason, error.retryable, error.may_have_arrived) == (REASON.CONNECTION, True, False), str(error)
    assert "certificate" in str(error).lower()


def test_a_server_without_tls_where_there_should_be_one():
    def plain(visit: rude.Visit) -> None:
        visit.connection.recv(65536)
        visit.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with rude.rude(plain) as server, pytest.raises(DeliveryError) as raised:
        once(server.url.replace("http:", "https:"))
    assert (raised.value.reason, raised.value.retryable) == (REASON.CONNECTION, True)


def test_a_handshake_that_never_ends():
    def handshake(visit: rude.Visit) -> None:
        visit.connection.recv(65536)
        # The beginning of a record of 16 KiB, and then a byte now and then.
        visit.send(b"\x16\x03\x03\x40\x00")
        visit.drip(b"\x02" * rude.DRIPS)

    with rude.rude(handshake) as server, pytest.raises(DeliveryError) as raised:
        once(server.url.replace("http:", "https:"), seconds=0.3)
    assert (raised.value.reason, raised.value.retryable) == (REASON.TIMEOUT, True)


def test_a_drip_over_tls_ends_too(authority):
    config = {"tls_config": {"ca_file": str(authority.ca_file)}}
    with rude.rude(rude.drips_headers, tls=authority.context()) as server, pytest.raises(DeliveryError) as raised:
        once(server.url, config, seconds=0.5)
    assert raised.value.reason is REASON.TIMEOUT
    with rude.rude(rude.drips_body, tls=authority.context()) as server:
        assert once(server.url, config, seconds=0.5).status == 200
