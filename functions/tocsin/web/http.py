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

from ..core.json_text import whole_text
from ..errors import EventError
from .identities import EVERYTHING, Identity, of_claims

JSON_TYPE = "application/json"
# What a route takes, unless it says otherwise; and what is taken at all: with base64 it must fit into Lambda's 6 MB.
BODY_BYTES = 64 * 1024
LARGEST_BODY_BYTES = 4 * 1024 * 1024
# What else of a request is taken; API Gateway's own limits are above these.
PATH_LENGTH, QUERY_LENGTH, HEADER_LENGTH = 2_048, 8_192, 8_192
PARAMETERS, HEADERS = 200, 100
# Lambda hands 6 MB back, as JSON in which quotes are escaped once more.
ANSWER_BYTES = 5_000_000

# What those send who have no token and sign instead: no other header goes on.
SIGNED_HEADERS = frozenset({"x-pagerduty-signature", "x-webhook-id", "x-slack-signature", "x-slack-request-timestamp"})

NOT_AN_EVENT = "expected an event of an HTTP API, payload format 2.0"


@dataclass(frozen=True, slots=True)
class Request:
    """A request; `path` is split and decoded.

    `identity` is who the gateway says is asking; None where it did not look. Then `authorization` has to say it.
    `source` is the address that asks. `headers` are those whose senders sign what they send, by lower-case name.
    """

    method: str
    path: tuple[str, ...]
    query: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    body: bytes = b""
    identity: Identity | None = None
    authorization: str = ""
    content_type: str = JSON_TYPE
    source: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def caller(self) -> str:
        """The name of who has shown that they are asking; empty where nobody has."""
        return self.identity.name if self.identity else ""

    def last(self, name: str) -> str:
        """Return the last value of a parameter; empty where it is not given."""
        return self.query.get(name, ("",))[-1]


@dataclass(frozen=True, slots=True)
class Response:
    """A response; `value` is its body, as JSON, and None an empty one. `text` is a body that is not JSON.

    `reason` says to the log alone why nothing came of the request (audit.Refusal), where the status does not say it.
    """

    status: int
    value: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    reason: str = ""


class Refused(Exception):
    """A request that is not answered as it wishes: the status, and one sentence for the caller.

    `code` is the number in the body, where it is not the status; `value` takes the place of the whole body. `reason`
    is Response's.
    """

    def __init__(
        self,
        status: int,
        message: str,
        headers: Mapping[str, str] | None = None,
        *,
        code: int | None = None,
        value: Any = None,
        reason: str = "",
    ) -> None:
        self.status = status
        self.reason = reason
        self.headers = dict(headers or {})
        self.value = {"code": code or status, "message": message} if value is None else value
        super().__init__(message)

    @property
    def response(self) -> Response:
        return Response(self.status, self.value, self.headers, reason=self.reason)


def refusal(status: int, message: str) -> Response:
    """Return an error as Alertmanager's API writes those that are not about what is asked for."""
    return Refused(status, message).response


def split_path(path: str) -> tuple[str, ...]:
    """Return the decoded parts of a path; a slash at its end means nothing."""
    return tuple(unquote(part) for part in path.strip("/").split("/")) if path.strip("/") else ()


def parse_query(text: str) -> dict[str, tuple[str, ...]]:
    """Return every value of each parameter, in order. Raises Refused where there are too many."""
    try:
        found = parse_qs(text, keep_blank_values=True, max_num_fields=PARAMETERS)
    except ValueError:
        raise Refused(414, f"more than {PARAMETERS} parameters") from None
    return {name: tuple(values) for name, values in found.items()}


def parse_event(event: Any) -> Request:
    """Return the request in an event of the HTTP API. Raises EventError on others, Refused where it is too large."""
    try:
        context = event["requestContext"]
        http, path, stage = context["http"], event["rawPath"], context.get("stage") or "$default"
        method, source = http["method"], http.get("sourceIp") or ""
        query = event.get("rawQueryString") or ""
        body = event.get("body") or ""
        headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
        identity = _identity(context.get("authorizer") or {})
    except (KeyError, TypeError, AttributeError):
        raise EventError(NOT_AN_EVENT) from None
    texts = (method, source, path, stage, query, body, *headers.values())
    if not all(isinstance(text, str) for text in texts):
        raise EventError(NOT_AN_EVENT)
    _check_head(path, query, headers)
    if stage != "$default":
        path = path.removeprefix(f"/{stage}")  # a stage with a name stands before the path
    return Request(
        method=method.upper(),
        path=split_path(path),
        query=parse_query(query),
        body=_body(body, is_encoded=bool(event.get("isBase64Encoded"))),
        identity=identity,
        authorization=headers.get("authorization", ""),
        content_type=headers.get("content-type", JSON_TYPE),
        source=source,
        headers={name: value for name, value in headers.items() if name in SIGNED_HEADERS},
    )


def _check_head(path: str, query: str, headers: Mapping[str, str]) -> None:
    """Raise Refused where what comes before the body is more than any client of ours sends."""
    if len(path) > PATH_LENGTH or len(query) > QUERY_LENGTH:
        raise Refused(414, f"the address is longer than {PATH_LENGTH} characters, or {QUERY_LENGTH} of parameters")
    if len(headers) > HEADERS or any(len(value) > HEADER_LENGTH for value in headers.values()):
        raise Refused(431, f"more than {HEADERS} headers, or one that is longer than {HEADER_LENGTH} characters")
    encoding = headers.get("content-encoding", "").strip().lower()
    if encoding not in ("", "identity"):
        # Nothing that sends alerts compresses them, and a small body may unfold into a large one.
        raise Refused(415, "a body that is compressed is not taken", {"accept-encoding": "identity"})


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
    """Return a response as API Gateway reads it; one that is larger than Lambda can hand over says so."""
    headers = {"cache-control": "no-store", **response.headers}
    if response.value is None:
        return {"statusCode": response.status, "headers": headers, "body": response.text}
    body = whole_text(json.dumps(response.value, ensure_ascii=False))
    if len(body.encode()) > ANSWER_BYTES:
        return as_event(refusal(507, "the answer is larger than what can be sent: ask for less, with filter"))
    return {"statusCode": response.status, "headers": {"content-type": JSON_TYPE, **headers}, "body": body}
