"""Requests that are refused: the limits of what is taken, what the caller is told of it, and what the log says."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest

from tests.cli.states import api_of, burning
from tests.golden import assert_golden_json
from tests.stories.world import World
from tocsin.errors import ConflictError, SecretUnavailableError, StoreError
from tocsin.web.api import answer
from tocsin.web.audit import note_refusal
from tocsin.web.http import ANSWER_BYTES, Refused, Response, as_event, parse_event
from tocsin.web.rates import RateLimiter, Rates

TOKEN, READER = "s3cr3t-of-ann", "s3cr3t-of-bob"
TOKENS = json.dumps(
    {
        "ann": {"hash": hashlib.sha256(TOKEN.encode()).hexdigest(), "scopes": ["read", "write", "ingest"]},
        "bob": {"hash": hashlib.sha256(READER.encode()).hexdigest(), "scopes": ["read"]},
    }
)
ALERTS, SILENCES = "/api/v2/alerts", "/api/v2/silences"


def event(
    method: str = "GET", path: str = ALERTS, query: str = "", *, token: str = TOKEN, **more: Any
) -> dict[str, Any]:
    headers = {"authorization": f"Bearer {token}", **more.pop("headers", {})}
    context = {"http": {"method": method, "path": path, "sourceIp": "203.0.113.9"}, "stage": "$default"}
    return {"rawPath": path, "rawQueryString": query, "requestContext": context, "headers": headers, **more}


class Failing:
    """A store in which whatever is called fails."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __getattr__(self, name: str) -> Any:
        def call(*_: Any, **__: Any) -> Any:
            raise self._error

        return call


def unreadable(now: Any) -> str:
    raise SecretUnavailableError("secret:api-tokens: could not be read: ThrottlingException")


def deep(depth: int) -> str:
    return '[{"labels":' + "[" * depth + "]" * depth + "}]"


INTERNAL = "TransactWriteItems on tocsin-prod-Table-1QX"
CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "no token": (event(token=""), {}),
    "a token that nobody has": (event(token="x"), {}),
    "a path that is none, with no token": (event(path="/x", token=""), {}),
    "a path that is none": (event(path="/x"), {}),
    "a method that is none": (event("PUT"), {}),
    "a scope that is missing": (event("POST", token=READER, body="[]"), {}),
    "an address that is too long": (event(path="/" + "a" * 3000), {}),
    "parameters that are too long": (event(query="filter=" + "a" * 9000), {}),
    "too many parameters": (event(query="&".join(["a=1"] * 201)), {}),
    "too many headers": (event(headers={f"x-{number}": "" for number in range(100)}), {}),
    "a header that is too long": (event(headers={"cookie": "a" * 9000}), {}),
    "a body that is too large": (event("POST", SILENCES, body="a" * 70_000), {}),
    "a body that is far too large": (event("POST", body="a" * (4 * 1024 * 1024 + 1)), {}),
    "a body that is compressed": (
        event(
            "POST",
            body=base64.b64encode(gzip.compress(b"[]" + b" " * 1_000_000)).decode(),
            isBase64Encoded=True,
            headers={"Content-Encoding": "gzip"},
        ),
        {},
    ),
    "a body of another kind": (event("POST", body="a=1", headers={"content-type": "text/plain"}), {}),
    "no JSON": (event("POST", body="[{"), {}),
    "a key twice": (event("POST", body='[{"labels": {"alertname": "a", "alertname": "b"}}]'), {}),
    "a body that is too deep": (event("POST", body=deep(40)), {}),
    "a body as deep as a stack": (event("POST", body=deep(50_000)), {}),
    "a number without end": (event("POST", body='[{"startsAt": ' + "9" * 100_000 + "}]"), {}),
    "more values than a request holds": (event("POST", body="[" + "{}," * 100_001 + "{}]"), {}),
    "more alerts than a request holds": (
        event("POST", body=json.dumps([{"labels": {"alertname": "a", "n": str(n)}} for n in range(2001)])),
        {},
    ),
    "an alert without a name": (event("POST", body='[{"labels": {}}]'), {}),
    "a filter that is none": (event(query="filter=%7B%7B"), {}),
    "too many requests": (event(), {"limiter": 0}),
    "tokens that cannot be read": (event(), {"tokens_text": unreadable}),
    "a table that fails": (event(), {"store": StoreError(f"query failed: {INTERNAL}")}),
    "a lost write": (event("POST", SILENCES, body="SILENCE"), {"store": ConflictError(INTERNAL)}),
}
SILENCE = {
    "matchers": [{"name": "a", "value": "b", "isRegex": False}],
    "startsAt": "2026-11-20T03:00:00Z",
    "endsAt": "2026-11-21T03:00:00Z",
    "createdBy": "ann",
    "comment": "x",
}


def respond(world: World, asked: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """Return what the function answers, as its handler does it."""
    if asked.get("body") == "SILENCE":
        asked = {**asked, "body": json.dumps(SILENCE)}
    api = replace(api_of(world), tokens_text=change.get("tokens_text", lambda now: TOKENS))
    if "limiter" in change:
        api = replace(api, limiter=RateLimiter(world.store, world.log, Rates(read=change["limiter"])))
    if "store" in change:
        failing: Any = Failing(change["store"])
        api = replace(api, board=replace(api.board, rules=failing), keeper=replace(api.keeper, silences=failing))
    try:
        return as_event(answer(api, parse_event(asked), now=world.now))
    except Refused as refused:
        note_refusal(world.log, refused.response)
        return as_event(refused.response)


def test_what_is_refused_is_told_in_a_sentence() -> None:
    told = {}
    for name, (asked, change) in CASES.items():
        answered = respond(burning(), asked, change)
        body = json.loads(answered["body"])
        headers = {
            key: each for key, each in answered["headers"].items() if key not in ("content-type", "cache-control")
        }
        told[name] = {"status": answered["statusCode"], "body": body, **({"headers": headers} if headers else {})}
    assert_golden_json("web/refusals.json", told)


@pytest.mark.parametrize(("asked", "change"), CASES.values(), ids=CASES.keys())
def test_a_refusal_tells_nothing_of_the_inside(asked: dict[str, Any], change: dict[str, Any]) -> None:
    text = json.dumps(respond(burning(), asked, change))
    for inside in (INTERNAL, "tocsin-prod", "Traceback", "Throttling", "secret:", TOKEN, READER, "/functions/"):
        assert inside not in text


@pytest.mark.parametrize(("asked", "change"), CASES.values(), ids=CASES.keys())
def test_every_refusal_is_logged_and_counted(asked: dict[str, Any], change: dict[str, Any]) -> None:
    world = burning()
    status = respond(world, asked, change)["statusCode"]
    (line,) = [fields for _, name, fields in world.log.lines if name == "request_refused"]
    assert line["status"] == status >= 400
    assert world.log.counts["RequestsRefused"] == 1
    said = repr(world.log.lines)
    assert TOKEN not in said
    assert READER not in said
    assert "a" * 100 not in said


def test_the_log_says_who_asked_for_what() -> None:
    world = burning()
    respond(world, event("POST", token=READER, body="[]"), {})
    respond(world, event("BREW", "/password=hunter2", token="hunter2"), {})
    lines = [fields for _, name, fields in world.log.lines if name == "request_refused"]
    assert lines == [
        {
            "status": 403,
            "reason": "not allowed",
            "method": "POST",
            "path": "/api/v2/alerts",
            "caller": "bob",
            "source": "203.0.113.9",
        },
        {
            "status": 401,
            "reason": "not authenticated",
            "method": "",
            "path": "",
            "caller": "",
            "source": "203.0.113.9",
        },
    ]


def test_what_is_answered_is_no_refusal() -> None:
    world = burning()
    assert respond(world, event(), {})["statusCode"] == 200
    assert "RequestsRefused" not in world.log.counts


def test_a_broken_byte_loses_no_alert() -> None:
    world = burning()
    body = b'[{"labels": {"alertname": "Theirs", "path": "/data/\xff", "half": "\\ud800"}}]'
    asked = event("POST", body=base64.b64encode(body).decode(), isBase64Encoded=True)
    assert respond(world, asked, {})["statusCode"] == 200
    listed = json.loads(respond(world, event(query="filter=alertname=Theirs"), {})["body"])
    assert listed[0]["labels"] == {"alertname": "Theirs", "path": "/data/\ufffd", "half": "\ufffd"}


def test_an_answer_that_lambda_cannot_hand_over_says_so() -> None:
    answered = as_event(Response(200, ["ü" * (ANSWER_BYTES // 2)]))
    assert answered["statusCode"] == 507
    assert json.loads(answered["body"])["message"] == (
        "the answer is larger than what can be sent: ask for less, with filter"
    )
