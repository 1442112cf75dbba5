"""Posting with patience: what is tried again, for how long, and that no error shows a secret URL."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from dev.receivers import Receivers
from tests.adapters.local import local_transport
from tests.adapters.scripted import Outcome, scripted, timed_out, unreachable
from tocsin.adapters.http import Http, Request, Response, redact, refused, retry_after_seconds
from tocsin.errors import DeliveryError, FailureReason

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
SECRET = "T0000/B0000/XXXXSECRETXXXX"
URL = f"https://hooks.example.com/services/{SECRET}"
OK = Response(200, {}, b"ok")
DATE = "Fri, 20 Nov 2026 03:00:04 GMT"


@pytest.mark.parametrize(
    ("outcomes", "status", "slept"),
    [
        pytest.param([OK], 200, [], id="an answer is an answer"),
        pytest.param([Response(429, {"retry-after": "3"}), OK], 200, [3.0], id="429 waits for what it asks"),
        pytest.param(
            [Response(429, {"retry-after": "Fri, 20 Nov 2026 03:00:04 GMT"}), OK],
            200,
            [4.0],
            id="a date is awaited too",
        ),
        pytest.param([Response(429), OK], 200, [0.5], id="429 without Retry-After backs off"),
        pytest.param([Response(503, {"retry-after": "2"}), OK], 200, [2.0], id="503 may ask for patience too"),
        pytest.param([Response(500), Response(502), OK], 200, [0.5, 1.0], id="5xx backs off exponentially"),
        pytest.param([timed_out(), OK], 200, [0.5], id="a timeout is tried again"),
        pytest.param([Response(400, {}, b"no")], 400, [], id="400 is the sender's to judge, at once"),
        pytest.param([Response(302, {"location": "https://elsewhere"})], 302, [], id="a redirect is not followed"),
    ],
)
def test_posting(outcomes: list[Outcome], status: int, slept: list[float]) -> None:
    http, _, clock = scripted(*outcomes)
    assert http.post_json(URL, {"text": "x"}, now=NOW).status == status
    assert clock.slept == slept


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        pytest.param(Response(500, {}, b"oops"), FailureReason.SERVER_ERROR, id="a server that stays broken"),
        pytest.param(Response(429), FailureReason.RATE_LIMITED, id="a limit that stays"),
        pytest.param(unreachable(), FailureReason.CONNECTION, id="nobody there"),
    ],
)
def test_the_budget_ends_it(outcome: Outcome, reason: FailureReason) -> None:
    http, transport, clock = scripted(outcome, seconds=0.25)
    with pytest.raises(DeliveryError) as raised:
        http.post_json(URL, {}, now=NOW)
    assert (raised.value.reason, raised.value.retryable) == (reason, True)
    assert clock.seconds - 1000 <= 20
    assert 4 <= len(transport.requests) <= 8


def test_a_retry_after_beyond_the_budget_is_left_to_what_is_above() -> None:
    http, transport, clock = scripted(Response(429, {"retry-after": "120"}))
    with pytest.raises(DeliveryError) as raised:
        http.post_json(URL, {}, now=NOW)
    assert raised.value.retry_after_seconds == 120
    assert (clock.slept, len(transport.requests)) == ([], 1)


def test_a_try_takes_no_longer_than_what_is_left() -> None:
    http, transport, _ = scripted(unreachable(), seconds=5)
    with pytest.raises(DeliveryError):
        http.post_json(URL, {}, now=NOW)
    assert transport.timeouts[0] == 20
    assert transport.timeouts[-1] < 5


def test_who_does_not_answer_has_been_told_and_is_asked_only_once_more() -> None:
    http, transport, _ = scripted(timed_out(), seconds=0.1)
    with pytest.raises(DeliveryError) as raised:
        http.post_json(URL, {}, now=NOW)
    assert (len(transport.requests), raised.value.may_have_arrived) == (2, True)


ARRIVAL: dict[str, tuple[list[Outcome], bool]] = {
    "nobody was there": ([unreachable()], False),
    "nobody was there, and then nobody answered": ([unreachable(), timed_out(), unreachable()], True),
    "the server failed": ([Response(500)], True),
    "it was too much": ([Response(429)], False),
    "nobody answered, and then it was too much": ([timed_out(), Response(429)], True),
}


@pytest.mark.parametrize(("outcomes", "may_have_arrived"), ARRIVAL.values(), ids=ARRIVAL.keys())
def test_an_error_says_whether_the_message_may_have_arrived(outcomes: list[Outcome], may_have_arrived: bool) -> None:
    http, _, _ = scripted(*outcomes, seconds=1)
    with pytest.raises(DeliveryError) as raised:
        http.post_json(URL, {}, now=NOW)
    assert raised.value.may_have_arrived is may_have_arrived


def test_a_refusal_after_a_try_that_nobody_answered_says_so_too() -> None:
    http, _, _ = scripted(timed_out(), Response(400, {}, b"no"))
    assert refused(http.post_json(URL, {}, now=NOW), URL).may_have_arrived
    http, _, _ = scripted(Response(400, {}, b"no"))
    assert not refused(http.post_json(URL, {}, now=NOW), URL).may_have_arrived


def test_requests_that_belong_together_end_together() -> None:
    http, transport, clock = scripted(timed_out(), seconds=4)
    together = replace(http, until=clock.seconds + 10)
    for _ in range(2):
        with pytest.raises(DeliveryError):
            together.post_json(URL, {}, now=NOW)
    assert clock.seconds - 1000 <= 10 + 4
    assert transport.timeouts[-1] < 2


def test_an_error_that_is_final_is_not_tried_again() -> None:
    final = DeliveryError("the URL is not valid", reason=FailureReason.NOT_CONFIGURED, retryable=False)
    http, transport, _ = scripted(final)
    with pytest.raises(DeliveryError):
        http.post_json(URL, {}, now=NOW)
    assert len(transport.requests) == 1


def test_jitter_halves_the_wait_at_most() -> None:
    _, transport, clock = scripted(Response(500), OK)
    http = Http(transport, sleep=clock.sleep, random=lambda: 0.0, monotonic=clock.monotonic)
    http.post_json(URL, {}, now=NOW)
    assert clock.slept == [0.25]


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("Fri, 20 Nov 2026 03:01:00 GMT", 60.0),
        ("Fri, 20 Nov 2026 02:00:00 GMT", 0.0),
        ("soon", None),
        ("-1", None),
        ("1.5", None),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(value, now=NOW) == seconds


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (URL, "https://hooks.example.com/…"),
        ("http://user:password@127.0.0.1:8080/x?key=1", "http://127.0.0.1:8080/…"),
        ("xoxb-not-a-url", "(not a URL)"),
        ("https://[broken", "(not a URL)"),
        ("https://host:port/", "(not a URL)"),
        ("", "(not a URL)"),
    ],
)
def test_only_scheme_and_host_are_shown(url: str, shown: str) -> None:
    assert redact(url) == shown


@pytest.mark.parametrize("status", [301, 400, 403, 404, 429, 500])
def test_no_error_shows_the_url_even_if_the_receiver_repeats_it(status: int) -> None:
    body = f"cannot {URL} nor /services/{SECRET}".encode()
    http, _, _ = scripted(Response(status, {}, body))
    try:
        error = refused(http.post_json(URL, {}, now=NOW), URL)
    except DeliveryError as raised:
        error = raised
    assert "SECRET" not in str(error)
    assert "https://hooks.example.com/…" in str(error)


def real(timeout_seconds: float = 2.0) -> Http:
    # A budget below the first wait: one try.
    return Http(
        local_transport(),
        sleep=time.sleep,
        random=random.random,
        monotonic=time.monotonic,
        timeout_seconds=timeout_seconds,
        budget_seconds=0.2,
        backoff_seconds=1.0,
    )


def test_the_pool_posts_json_and_keeps_its_connection() -> None:
    transport = local_transport()
    with Receivers() as receivers:
        url = receivers.slack_url("warnings")
        for _ in range(3):
            request = Request(url, {"content-type": "application/json"}, b'{"text":"hello"}')
            answer = transport(request, timeout_seconds=2)
            assert (answer.status, answer.text) == (200, "ok")
        assert [each.payload for each in receivers.received] == [{"text": "hello"}] * 3
        assert transport.pool.connection_from_url(url).num_connections == 1
        transport.pool.clear()


def test_the_pool_reads_the_headers_of_a_refusal() -> None:
    with Receivers() as receivers:
        receivers.fail("/slack/warnings", status=429, headers={"Retry-After": "9"})
        with pytest.raises(DeliveryError) as raised:
            real().post_json(receivers.slack_url("warnings"), {"text": "x"}, now=NOW)
    assert (raised.value.reason, raised.value.retry_after_seconds) == (FailureReason.RATE_LIMITED, 9)


@pytest.mark.parametrize(
    ("url", "reason", "retryable"),
    [
        pytest.param(f"http://127.0.0.1:1/{SECRET}", FailureReason.CONNECTION, True, id="nobody listens"),
        pytest.param(f"http://[broken/{SECRET}", FailureReason.NOT_CONFIGURED, False, id="no URL"),
        pytest.param(f"ftp://127.0.0.1/{SECRET}", FailureReason.NOT_CONFIGURED, False, id="no web URL"),
        pytest.param(SECRET, FailureReason.NOT_CONFIGURED, False, id="no scheme"),
        pytest.param("", FailureReason.NOT_CONFIGURED, False, id="nothing"),
    ],
)
def test_the_pool_says_what_went_wrong_without_the_url(url: str, reason: FailureReason, retryable: bool) -> None:
    with pytest.raises(DeliveryError) as raised:
        real().post_json(url, {}, now=NOW)
    assert (raised.value.reason, raised.value.retryable) == (reason, retryable)
    assert "SECRET" not in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__ or raised.value.__context__ is None


def test_importing_the_senders_loads_no_heavy_library() -> None:
    program = (
        "import sys\n"
        "from tocsin.adapters import mail, pagerduty, plain, secrets, ses, slack\n"
        "print(*sorted({'boto3', 'botocore', 'pydantic', 'requests'} & set(sys.modules)))"
    )
    path = os.pathsep.join(entry for entry in sys.path if entry)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env={"PYTHONPATH": path}
    )
    assert done.stdout.split() == []
