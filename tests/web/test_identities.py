"""Who may ask what: tokens, names and passwords, JWTs, signatures; scopes of every route."""

from __future__ import annotations

import base64
import hashlib
import inspect
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest

from tests.cli.states import api_of, burning
from tests.stories.world import World
from tocsin.errors import SecretUnavailableError
from tocsin.web.api import ROUTES, answer
from tocsin.web.http import Request, Response, parse_event, split_path
from tocsin.web.identities import EVERYTHING, Identity, Scope, identify, of_claims, read_tokens

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)


def entry(token: str, *scopes: str, **more: Any) -> dict[str, Any]:
    return {"hash": hashlib.sha256(token.encode()).hexdigest(), "scopes": list(scopes), **more}


SECRET = json.dumps(
    {
        "grafana": entry("token-g", "read"),
        "prometheus": {**entry("token-p", "ingest"), "hash": "sha256:" + hashlib.sha256(b"token-p").hexdigest()},
        "amtool": entry("token-a", "read", "write", "ingest"),
        "intern": entry("token-i", "read", expires="2026-11-20T03:00:00Z"),
        "later": entry("token-l", "read", not_before="2026-11-20T03:00:01Z"),
        "now": entry("token-w", "read", not_before="2026-11-20T03:00:00Z"),
        "rotated": {
            "scopes": ["read"],
            "hashes": [
                {"hash": hashlib.sha256(b"token-old").hexdigest(), "expires": "2026-11-21T03:00:00Z"},
                {"hash": hashlib.sha256(b"token-new").hexdigest(), "not_before": "2026-11-19T03:00:00Z"},
            ],
        },
        "guest": entry("token-n", "read", expires="2026-11-20T03:00:01Z"),
    }
)


def basic(name: str, token: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{token}".encode()).decode()


PRESENTED = {
    "a token": ("Bearer token-g", "grafana"),
    "a token, in other letters": ("bearer token-g", "grafana"),
    "a token whose hash names its kind": ("Bearer token-p", "prometheus"),
    "a name and its token": (basic("grafana", "token-g"), "grafana"),
    "a token that is about to expire": ("Bearer token-n", "guest"),
    "a token that has expired": ("Bearer token-i", None),
    "a token whose time has not come": ("Bearer token-l", None),
    "a token whose time has just come": ("Bearer token-w", "now"),
    "the old one of two": ("Bearer token-old", "rotated"),
    "the new one of two": (basic("rotated", "token-new"), "rotated"),
    "another's name": (basic("prometheus", "token-g"), None),
    "no name": (basic("", "token-g"), None),
    "a token that nobody has": ("Bearer token-x", None),
    "the beginning of a token": ("Bearer token", None),
    "the hash of a token": ("Bearer " + hashlib.sha256(b"token-g").hexdigest(), None),
    "an empty token": ("Bearer ", None),
    "a name alone": (basic("grafana", ""), None),
    "no base64": ("Basic ???", None),
    "another kind": ("Digest token-g", None),
    "a lone surrogate": ("Bearer \udc80", None),
    "nothing": ("", None),
}


@pytest.mark.parametrize(("header", "name"), PRESENTED.values(), ids=PRESENTED.keys())
def test_whose_token_it_is(header: str, name: str | None) -> None:
    found = identify(read_tokens(SECRET), header, now=NOW)
    assert (found.name if found else None) == name


PROBLEMS = {
    "no JSON": ("{", ["the secret is not JSON"]),
    "no object": ("[]", ["the secret is not a JSON object"]),
    "no entry": ('{"a": 1}', ["a: expected an object with hash, scopes and perhaps not_before and expires"]),
    "a strange key": (
        json.dumps({"a": entry("x", "read", scope="read")}),
        ["a: expected an object with hash, scopes and perhaps not_before and expires"],
    ),
    "a token in clear": (
        json.dumps({"a": {"hash": "token", "scopes": ["read"]}}),
        ["a: `hash` is not the SHA-256 of a token (64 hexadecimal digits)"],
    ),
    "a scope that is none": (
        json.dumps({"a": entry("x", "admin")}),
        ["a: `scopes` is not a list of some of read, write, ingest"],
    ),
    "no hashes": (
        json.dumps({"a": {"hashes": [], "scopes": ["read"]}}),
        ["a: `hashes` is not a list of 1 to 4 objects"],
    ),
    "a wrong one of several hashes": (
        json.dumps({"a": {"hashes": [entry("x"), {"hash": "x"}], "scopes": ["read"]}}),
        ["a: `scopes` is not a list of some of read, write, ingest"],
    ),
    "hashes beside a hash": (
        json.dumps({"a": {**entry("x", "read"), "hashes": [{"hash": "x"}]}}),
        ["a: beside `hashes` stands `scopes` and nothing else"],
    ),
    "hashes that are texts": (
        json.dumps({"a": {"hashes": ["x"], "scopes": ["read"]}}),
        ["a: expected an object with hash, scopes and perhaps not_before and expires"],
    ),
    "scopes in a list": (
        json.dumps({"a": {**entry("x"), "scopes": [["read"]]}}),
        ["a: `scopes` is not a list of some of read, write, ingest"],
    ),
    "a name that stands twice": ('{"a": {}, "a": {}}', ["the secret is not JSON"]),
    "a time that is none": (
        json.dumps({"a": entry("x", "read", expires="soon")}),
        ["a: `expires` is not a time such as 2027-01-02T03:04:05Z"],
    ),
}


@pytest.mark.parametrize(("text", "problems"), PROBLEMS.values(), ids=PROBLEMS.keys())
def test_what_is_wrong_is_said_and_keeps_no_other_out(text: str, problems: list[str]) -> None:
    assert list(read_tokens(text).problems) == problems
    if text.startswith('{"') and problems[0].startswith("a: "):
        both = json.dumps({**json.loads(text), "grafana": entry("token-g", "read")})
        assert identify(read_tokens(both), "Bearer token-g", now=NOW) is not None


CLAIMS: dict[str, tuple[dict[str, str], set[str], str]] = {
    "plain words": ({"scope": "read write", "sub": "ann"}, {"read", "write"}, "ann"),
    "words with a server's name": ({"scope": "openid tocsin/read", "sub": "ann"}, {"read"}, "ann"),
    "words with an address": ({"scp": "[api://tocsin/ingest]", "client_id": "p"}, {"ingest"}, "p"),
    "a scope of something else": ({"scope": "mail.read readonly", "sub": "ann"}, set(), "ann"),
    "no scope": ({"sub": "ann", "email": "ann@example.org"}, set(), "ann@example.org"),
}


@pytest.mark.parametrize(("claims", "scopes", "name"), CLAIMS.values(), ids=CLAIMS.keys())
def test_what_a_jwt_may_do(claims: dict[str, str], scopes: set[str], name: str) -> None:
    assert of_claims(claims) == Identity(name, frozenset(map(Scope, scopes)))


def event(authorizer: Any = None, **headers: str) -> dict[str, Any]:
    context: dict[str, Any] = {"http": {"method": "GET", "path": "/"}, "stage": "$default"}
    if authorizer is not None:
        context["authorizer"] = authorizer
    return {"rawPath": "/api/v2/status", "requestContext": context, "headers": headers}


def test_what_the_gateway_says_counts() -> None:
    assert parse_event(event({"iam": {"userArn": "arn:x"}})).identity == Identity("arn:x", EVERYTHING)
    jwt = {"jwt": {"claims": {"sub": "ann", "scope": "read"}, "scopes": None}}
    assert parse_event(event(jwt)).identity == Identity("ann", frozenset({Scope.READ}))
    assert parse_event(event(authorization="Bearer x")).identity is None
    assert parse_event(event(Authorization="Bearer x")).authorization == "Bearer x"


# The API


@pytest.fixture(scope="module")
def world() -> World:
    return burning()


def ask(world: World, method: str, path: str, header: str = "", *, secret: str | None = SECRET) -> Response:
    api = api_of(world)
    if secret is not None:
        api = replace(api, tokens_text=lambda now: secret)
    return answer(api, Request(method, split_path(path), authorization=header), now=NOW)


def test_nobody_gets_in_without_a_token(world: World) -> None:
    for secret in (SECRET, "{}", "no JSON", None):
        refused = ask(world, "GET", "/api/v2/alerts", "Bearer nothing", secret=secret)
        assert (refused.status, refused.value) == (401, {"code": 401, "message": "a valid token is needed"})
        assert refused.headers == {"www-authenticate": 'Basic realm="tocsin", Bearer'}
    assert ask(world, "GET", "/api/v2/alerts", "Bearer token-g").status == 200


# These look at a signature of their own, and at no token.
SIGNED = {"/act", "/pagerduty/webhook", "/slack/commands", "/slack/interactions"}


@pytest.mark.parametrize(
    ("method", "path"), [(method, path) for path in sorted(SIGNED) for method in ROUTES[path]], ids=str
)
def test_no_token_opens_what_wants_a_signature(world: World, method: str, path: str) -> None:
    secret = json.dumps({"all": entry("token-1", "read", "write", "ingest")})
    opened, closed = (ask(world, method, path, header, secret=secret) for header in ("Bearer token-1", ""))
    assert opened == closed
    assert opened.status in (401, 403)


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        (method, path, endpoint.scope)
        for path, methods in ROUTES.items()
        for method, endpoint in methods.items()
        if path not in SIGNED
    ],
)
def test_each_route_wants_its_scope(world: World, method: str, path: str, scope: Scope | None) -> None:
    tokens = {"read": "token-1", "write": "token-2", "ingest": "token-3"}
    secret = json.dumps({name: entry(token, name) for name, token in tokens.items()})
    for name, token in tokens.items():
        response = ask(world, method, path.replace("{id}", "x"), f"Bearer {token}", secret=secret)
        is_let_in = scope is None or name == scope.value
        assert (response.status != 403) is is_let_in, (name, response)
        if not is_let_in:
            assert response.value == {"code": 403, "message": f"this needs the scope {scope}"}
    assert (ask(world, method, path.replace("{id}", "x")).status == 401) is (scope is not None)


def test_what_changes_something_is_not_for_readers() -> None:
    for path, methods in ROUTES.items():
        for method, endpoint in methods.items():
            is_signed = path in SIGNED and endpoint.scope is None
            assert is_signed or (endpoint.scope in (Scope.READ, None)) is (method in ("GET", "HEAD"))


def test_a_secret_that_cannot_be_read_is_not_the_caller_s_fault(world: World) -> None:
    def unreadable(now: datetime) -> str:
        raise SecretUnavailableError("secret:api-tokens: it did not answer")

    api = replace(api_of(world), tokens_text=unreadable)
    response = answer(api, Request("GET", ("api", "v2", "alerts"), authorization="Bearer token-g"), now=NOW)
    assert (response.status, response.value["message"]) == (503, "the tokens could not be read: try again")


def test_a_token_is_exchanged_without_a_gap(world: World) -> None:
    old, new = "token-old", "token-new"
    for hours, valid in {-2 * 24: (True, False), 0: (True, True), 23: (True, True), 24: (False, True)}.items():
        now = NOW + timedelta(hours=hours)
        found = [identify(read_tokens(SECRET), f"Bearer {token}", now=now) is not None for token in (old, new)]
        assert tuple(found) == valid, hours


STRANGERS = {
    "no token": "",
    "an unknown token": "Bearer token-x",
    "an expired token": "Bearer token-i",
    "a token whose time has not come": "Bearer token-l",
    "another's token under a name": basic("prometheus", "token-g"),
    "no base64": "Basic ???",
    "another kind": "Digest token-g",
}


@pytest.mark.parametrize("header", STRANGERS.values(), ids=STRANGERS.keys())
@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/api/v2/alerts"), ("POST", "/api/v2/alerts"), ("DELETE", "/api/v2/alerts"), ("GET", "/nothing/here")],
)
def test_a_stranger_learns_nothing(world: World, method: str, path: str, header: str) -> None:
    """Not whether a path is there, nor a method, nor what is wrong with a token."""
    refused = ask(world, method, path, header)
    assert refused == ask(world, "GET", "/api/v2/alerts", "")
    assert refused.status == 401


class Watching(str):
    """A digest that notes what it is compared with, were it compared as texts are."""

    compared: ClassVar[list[str]] = []

    def __eq__(self, other: object) -> bool:
        self.compared.append(str(other))
        return super().__eq__(other)

    __hash__ = str.__hash__


def test_every_token_is_compared_and_none_as_texts_are() -> None:
    tokens = read_tokens(SECRET)
    watched = tuple(replace(token, digest=Watching(token.digest)) for token in tokens.tokens)
    identify(replace(tokens, tokens=watched), "Bearer token-g", now=NOW)
    assert Watching.compared == []
    source = inspect.getsource(identify)
    assert "compare_digest" in source
    assert "break" not in source
    assert source.count("return") == 1
