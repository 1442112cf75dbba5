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

BODY_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """A request; `path` is split and decoded, `caller` is who signed it, empty where nobody did."""

    method: str
    path: tuple[str, ...]
    query: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    body: bytes = b""
    caller: str = ""


@dataclass(frozen=True, slots=True)
class Response:
    """A response; `value` is its body, as JSON."""

    status: int
    value: Any
    headers: Mapping[str, str] = field(default_factory=dict)


class Refused(Exception):
    """A request that is not answered as it wishes: the status, and one sentence for the caller."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        self.status = status
        self.headers = dict(headers or {})
        super().__init__(message)

    @property
    def response(self) -> Response:
        return refusal(self.status, str(self), self.headers)


def refusal(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return an error as Alertmanager's API writes them."""
    return Response(status, {"code": status, "message": message}, headers or {})


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
        caller = ((context.get("authorizer") or {}).get("iam") or {}).get("userArn") or ""
        query = event.get("rawQueryString") or ""
        body = event.get("body") or ""
    except (KeyError, TypeError, AttributeError):
        raise EventError("expected an event of an HTTP API, payload format 2.0") from None
    if not all(isinstance(text, str) for text in (method, path, stage, caller, query, body)):
        raise EventError("expected an event of an HTTP API, payload format 2.0")
    if stage != "$default":
        path = path.removeprefix(f"/{stage}")  # a stage with a name stands before the path
    return Request(
        method=method.upper(),
        path=split_path(path),
        query=parse_query(query),
        body=_body(body, is_encoded=bool(event.get("isBase64Encoded"))),
        caller=caller,
    )


def _body(text: str, *, is_encoded: bool) -> bytes:
    try:
        body = base64.b64decode(text, validate=True) if is_encoded else text.encode()
    except (binascii.Error, ValueError):
        raise Refused(400, "the body is not what its encoding says") from None
    if len(body) > BODY_BYTES:
        raise Refused(413, f"the body is larger than {BODY_BYTES // 1024} KiB")
    return body


def as_event(response: Response) -> dict[str, Any]:
    """Return a response as API Gateway reads it."""
    return {
        "statusCode": response.status,
        "headers": {"content-type": "application/json", "cache-control": "no-store", **response.headers},
        "body": json.dumps(response.value, ensure_ascii=False),
    }
