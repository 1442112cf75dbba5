"""Requests and responses of the HTTP API, as values, and how API Gateway writes them (payload 2.0).

Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote

from ..errors import EventError
from .identities import EVERYTHING, Identity, of_claims

JSON_TYPE = "application/json"
# What a route takes, unless it says otherwise; and what is taken at all: with base64 it must fit into Lambda's 6 MB.
BODY_BYTES = 64 * 1024
LARGEST_BODY_BYTES = 4 * 1024 * 1024

NOT_AN_EVENT = "expected an event of an HTTP API, payload format 2.0"


@dataclass(frozen=True, slots=True)
class Request:
    """A request; `path` is split and decoded.

    `identity` is who the gateway says is asking; None where it did not look. Then `authorization` has to say it.
    """

    method: str
    path: tuple[str, ...]
    query: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    body: bytes = b""
    identity: Identity | None = None
    authorization: str = ""
    content_type: str = JSON_TYPE

    def last(self, name: str) -> str:
        """Return the last value of a parameter; empty where it is not given."""
        return self.query.get(name, ("",))[-1]


@dataclass(frozen=True, slots=True)
class Response:
    """A response; `value` is its body, as JSON, and None an empty one."""

    status: int
    value: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Refused(Exception):
    """A request that is not answered as it wishes: the status, and one sentence for the caller.

    `code` is the number in the body, where it is not the status; `value` takes the place of the whole body.
    """

    def __init__(
        self,
        status: int,
        message: str,
        headers: Mapping[str, str] | None = None,
        *,
        code: int | None = None,
        value: Any = None,
    ) -> None:
        self.status = status
        self.headers = dict(headers or {})
        self.value = {"code": code or status, "message": message} if value is None else value
        super().__init__(message)

    @property
    def response(self) -> Response:
        return Response(self.status, self.value, self.headers)


def refusal(status: int, message: str) -> Response:
    """Return an error as Alertmanager's API writes those that are not about what is asked for."""
    return Refused(status, message).response


def split_path(path: str) -> tuple[str, ...]:
    """Return the decoded parts of a path; a slash at its end means nothing."""
    return tuple(unquote(part) for part in path.strip("/").split("/")) if path.strip("/") else ()


def parse_query(text: str) -> dict[str, tuple[str, ...]]:
    """Return every value of each parameter, in order."""
    return {name: tuple(values) for name, values in parse_qs(text, keep_blank_values=True).items()}


def parse_event(event: Any) -> Request:
    """Return the request in an event of the HTTP API. Raises EventError on others, Refused where it is too large."""
    try:
        context = event["requestContext"]
        method, path, stage = context["http"]["method"], event["rawPath"], context.get("stage") or "$default"
        query = event.get("rawQueryString") or ""
        body = event.get("body") or ""
        headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
        identity = _identity(context.get("authorizer") or {})
    except (KeyError, TypeError, AttributeError):
        raise EventError(NOT_AN_EVENT) from None
    authorization, content_type = headers.get("authorization", ""), headers.get("content-type", JSON_TYPE)
    if not all(isinstance(text, str) for text in (method, path, stage, query, body, authorization, content_type)):
        raise EventError(NOT_AN_EVENT)
    if stage != "$default":
        path = path.removeprefix(f"/{stage}")  # a stage with a name stands before the path
    return Request(
        method=method.upper(),
        path=split_path(path),
        query=parse_query(query),
        body=_body(body, is_encoded=bool(event.get("isBase64Encoded"))),
        identity=identity,
        authorization=authorization,
        content_type=content_type,
    )


def _identity(authorizer: Mapping[str, Any]) -> Identity | None:
    """Return who the gateway found to be asking. IAM has decided about method and path; a JWT says its scopes."""
    if iam := authorizer.get("iam"):
        return Identity(str(iam["userArn"]), EVERYTHING)
    if jwt := authorizer.get("jwt"):
        return of_claims(jwt["claims"])
    return None


def _body(text: str, *, is_encoded: bool) -> bytes:
    try:
        body = base64.b64decode(text, validate=True) if is_encoded else text.encode()
    except (binascii.Error, ValueError):
        raise Refused(400, "the body is not what its encoding says") from None
    check_size(body, LARGEST_BODY_BYTES)
    return body


def check_size(body: bytes, limit: int) -> None:
    """Raise Refused where a body is larger than what is taken."""
    if len(body) > limit:
        raise Refused(413, f"the body is larger than {limit // 1024} KiB")


def as_event(response: Response) -> dict[str, Any]:
    """Return a response as API Gateway reads it."""
    headers = {"cache-control": "no-store", **response.headers}
    if response.value is None:
        return {"statusCode": response.status, "headers": headers, "body": ""}
    return {
        "statusCode": response.status,
        "headers": {"content-type": JSON_TYPE, **headers},
        "body": json.dumps(response.value, ensure_ascii=False),
    }
