"""The local front's authorizers: what a gateway lets through, and what it says of who asks."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from dev.emulator import Invocation
from dev.front import IAM, OPEN, Authorizer, Front, Request, Route, default_routes, routes

JWT = Authorizer("JWT", "https://issuer.example", ("tocsin", "other"))
CLAIMS = {"iss": "https://issuer.example", "aud": "tocsin", "exp": 4_000_000_000, "sub": "ann", "scope": "read"}
INTEGRATION = {"uri": "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/arn:x:function:api/invocations"}


def token(**changes: Any) -> str:
    payload = base64.urlsafe_b64encode(json.dumps({**CLAIMS, **changes}).encode()).decode().rstrip("=")
    return f"Bearer header.{payload}.signature"


def ask(authorizer: Authorizer, authorization: str) -> tuple[int, Any]:
    """Return the status, and what the function is told of who asks; or the gateway's own words."""
    events: list[Any] = []

    def invoke(function: str, event: bytes) -> Invocation:
        events.append(json.loads(event))
        return Invocation({"statusCode": 200, "body": ""}, False, "")

    front = Front()
    try:
        front.connect([Route("ANY", "$default", "api", authorizer)], invoke)
        headers = {"authorization": authorization} if authorization else {}
        answer = front.answer(Request("GET", "/x", "", headers, b"", "127.0.0.1"))
    finally:
        front.stop()
    return answer.status, events[0]["requestContext"].get("authorizer") if events else json.loads(answer.body)


def arn(name: str) -> str:
    return f"arn:aws:iam::123456789012:user/{name}"


def test_an_open_route_says_nothing_of_who_asks() -> None:
    assert ask(OPEN, "Bearer x") == (200, None)


def test_a_signature_names_its_key_and_no_signature_somebody_here() -> None:
    signed = (
        "AWS4-HMAC-SHA256 Credential=AKIAX/20261120/eu-west-1/execute-api/aws4_request, SignedHeaders=host, Signature=0"
    )
    assert [ask(IAM, header)[1]["iam"]["userArn"] for header in (signed, "")] == [arn("AKIAX"), arn("local")]
    assert ask(IAM, "Bearer x") == (403, {"message": "Forbidden"})


REFUSED = {
    "nothing": "",
    "no JWT": "Bearer x",
    "a name and a password": "Basic YTpi",
    "another issuer": token(iss="https://other.example"),
    "another audience": token(aud="somebody"),
    "one that has expired": token(exp=1),
}


@pytest.mark.parametrize("header", REFUSED.values(), ids=REFUSED.keys())
def test_a_jwt_is_refused(header: str) -> None:
    assert ask(JWT, header) == (401, {"message": "Unauthorized"})


def test_a_jwt_s_claims_are_texts() -> None:
    status, caller = ask(JWT, token(aud=["tocsin"], roles=["a", "b"]))
    assert (status, caller["jwt"]["scopes"]) == (200, None)
    assert (
        caller["jwt"]["claims"] | {"aud": "[tocsin]", "roles": "[a b]", "exp": "4000000000"} == caller["jwt"]["claims"]
    )


def test_routes_come_with_their_authorizers() -> None:
    signed = {"x-amazon-apigateway-integration": INTEGRATION, "security": [{"AWS_IAM": []}]}
    body = {"paths": {"/a": {"get": signed}, "/b": {"get": {"x-amazon-apigateway-integration": INTEGRATION}}}}
    assert {route.path: route.authorizer for route in routes(body)} == {"/a": IAM, "/b": OPEN}
    jwt = {"JwtConfiguration": {"Issuer": JWT.issuer, "Audience": list(JWT.audience)}}
    integration = {"IntegrationUri": "arn:aws:lambda:eu-west-1:1:function:api"}
    for kind, authorizers, expected in (("JWT", [jwt], JWT), ("NONE", [], OPEN)):
        properties = {"RouteKey": "$default", "AuthorizationType": kind}
        assert default_routes([integration], [properties], authorizers) == [Route("ANY", "$default", "api", expected)]
