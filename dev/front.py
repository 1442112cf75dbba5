"""A front for the HTTP API: a request becomes a payload-2.0 event for the function behind its route.

The authorizers do here what they do in a deployment, with two exceptions: a signature is never checked, neither AWS's
nor a JWT's, and a request that is not signed at all is somebody's on this machine: whoever reaches the port, which is
on the loopback address, may call.

Format: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

from __future__ import annotations

import base64
import json
import re
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from dev.emulator import EmulatorError, Invocation

# Bodies of these types are handed on as text, others as base64.
_TEXT = re.compile(r"^(text/|application/(json|javascript|xml|x-www-form-urlencoded|yaml|.*\+(json|xml)))", re.I)
_FUNCTION = re.compile(r":function:([^/:]+)")
_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "upgrade", "content-length"})

Invoke = Callable[[str, bytes], Invocation]

_CREDENTIAL = re.compile(r"AWS4-HMAC-SHA256 .*Credential=([^/,]+)/")
_ACCOUNT = "123456789012"
SOMEBODY = "local"


@dataclass(frozen=True, slots=True)
class Authorizer:
    """What a gateway looks at before it calls a function: nothing, AWS's signature, or a JWT of an issuer."""

    kind: str = "NONE"
    issuer: str = ""
    audience: tuple[str, ...] = ()

    def admit(self, authorization: str, now: float) -> dict[str, Any] | None:
        """Return what the event's context says of who asks; raise PermissionError with the gateway's answer."""
        if self.kind == "AWS_IAM":
            return {"iam": _iam(authorization)}
        if self.kind == "JWT":
            return {"jwt": {"claims": self._claims(authorization, now), "scopes": None}}
        return None

    def _claims(self, authorization: str, now: float) -> dict[str, str]:
        try:
            payload = authorization.removeprefix("Bearer ").split(".")[1]
            claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
            audience = claims.get("aud", claims.get("client_id"))
            audiences = audience if isinstance(audience, list) else [audience]
            is_ours = claims["iss"] == self.issuer and bool(set(audiences) & set(self.audience))
            is_valid = is_ours and float(claims["exp"]) > now
        except (IndexError, ValueError, KeyError, TypeError, AttributeError):
            is_valid = False
        if not is_valid:
            raise PermissionError(401, "Unauthorized")
        return {name: _claim_text(value) for name, value in claims.items()}


OPEN, IAM = Authorizer(), Authorizer("AWS_IAM")


def _claim_text(value: Any) -> str:
    return f"[{' '.join(map(str, value))}]" if isinstance(value, list) else str(value)


def _iam(authorization: str) -> dict[str, Any]:
    found = _CREDENTIAL.match(authorization)
    if authorization and found is None:
        raise PermissionError(403, "Forbidden")
    name = found[1] if found else SOMEBODY
    return {"accessKey": name, "accountId": _ACCOUNT, "userArn": f"arn:aws:iam::{_ACCOUNT}:user/{name}", "userId": name}


@dataclass(frozen=True, slots=True)
class Route:
    """A route of the API and the function (by name) behind it."""

    method: str
    path: str
    function: str
    authorizer: Authorizer = OPEN

    @property
    def key(self) -> str:
        return "$default" if self.path == "$default" else f"{self.method} {self.path}"

    def match(self, method: str, path: str) -> dict[str, str] | None:
        """Return the path parameters, or None where the route is not meant."""
        if self.method not in ("ANY", method):
            return None
        if self.path == "$default":
            return {}
        found = re.fullmatch(_pattern(self.path), path)
        return None if found is None else {name: found[f"p{i}"] for i, name in enumerate(_names(self.path))}

    @property
    def rank(self) -> tuple[bool, bool, int, bool]:
        """The most specific first: no wildcard before `{name}` before `{name+}` before $default."""
        return (self.path == "$default", "+}" in self.path, self.path.count("{"), self.method == "ANY")


def routes(body: Mapping[str, Any]) -> list[Route]:
    """Read the routes of an AWS::ApiGatewayV2::Api out of its OpenAPI body."""
    found = []
    for path, operations in body.get("paths", {}).items():
        for method, operation in operations.items():
            uri = operation.get("x-amazon-apigateway-integration", {}).get("uri", "")
            function = _FUNCTION.search(uri)
            if function is not None:
                verb = "ANY" if method == "x-amazon-apigateway-any-method" else method.upper()
                is_signed = {"AWS_IAM": []} in operation.get("security", [])
                name = path.removeprefix("/") if path == "/$default" else path
                found.append(Route(verb, name, function[1], IAM if is_signed else OPEN))
    return sorted(found, key=lambda route: route.rank)


def default_routes(
    integrations: Iterable[Mapping[str, Any]],
    routes: Iterable[Mapping[str, Any]],
    authorizers: Iterable[Mapping[str, Any]],
) -> list[Route]:
    """Read the $default routes of an API that is made of single resources, out of these resources' properties."""
    functions = [found[1] for each in integrations if (found := _FUNCTION.search(str(each.get("IntegrationUri", ""))))]
    made = [
        Authorizer("JWT", each["JwtConfiguration"]["Issuer"], tuple(each["JwtConfiguration"]["Audience"]))
        for each in authorizers
    ]
    by_kind = {"JWT": made[0]} if made else {}
    return [
        Route("ANY", "$default", functions[0], by_kind.get(each.get("AuthorizationType", "NONE"), OPEN))
        for each in routes
        if each["RouteKey"] == "$default" and functions
    ]


class Front:
    """The HTTP server. It has its address at once and answers 503 until it is connected."""

    def __init__(self) -> None:
        self._routes: list[Route] = []
        self._invoke: Invoke | None = None
        front = self

        class Handler(_Handler):
            answer = staticmethod(lambda request: front.answer(request))

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="http-api", daemon=True
        )
        self._thread.start()

    def connect(self, found: list[Route], invoke: Invoke) -> None:
        self._routes, self._invoke = found, invoke

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join(timeout=5)
        self._server.server_close()

    def answer(self, request: Request) -> Answer:
        """Find the route, run its function, and make a response of what it returns."""
        if self._invoke is None:
            return Answer(503, {}, b'{"message":"Service Unavailable"}')
        for route in self._routes:
            parameters = route.match(request.method, request.path)
            if parameters is not None:
                break
        else:
            return Answer(404, {"content-type": "application/json"}, b'{"message":"Not Found"}')
        try:
            caller = route.authorizer.admit(request.headers.get("authorization", ""), time.time())
        except PermissionError as refusal:
            status, message = refusal.args
            return Answer(status, {"content-type": "application/json"}, json.dumps({"message": message}).encode())
        event = json.dumps(to_event(request, route, parameters, caller)).encode()
        try:
            invocation = self._invoke(route.function, event)
        except EmulatorError:
            return Answer(503, {}, b'{"message":"Service Unavailable"}')
        return to_answer(invocation)


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    source_ip: str


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes
    cookies: tuple[str, ...] = ()


def to_event(
    request: Request, route: Route, parameters: Mapping[str, str], caller: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the payload-2.0 event of a request; `caller` is what the authorizer found."""
    now = datetime.now(UTC)
    headers = {name: value for name, value in request.headers.items() if name != "cookie"}
    host = headers.get("host", "")
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route.key,
        "rawPath": request.path,
        "rawQueryString": request.query,
        "headers": {**headers, "x-forwarded-for": request.source_ip, "x-forwarded-proto": "http"},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "local",
            "domainName": host,
            "domainPrefix": host.split(".")[0],
            "http": {
                "method": request.method,
                "path": request.path,
                "protocol": "HTTP/1.1",
                "sourceIp": request.source_ip,
                "userAgent": headers.get("user-agent", ""),
            },
            "requestId": uuid.uuid4().hex,
            "routeKey": route.key,
            "stage": "$default",
            "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "timeEpoch": int(time.time() * 1000),
        },
        "isBase64Encoded": False,
    }
    if caller is not None:
        event["requestContext"]["authorizer"] = dict(caller)
    if "cookie" in request.headers:
        event["cookies"] = request.headers["cookie"].split("; ")
    if request.query:
        event["queryStringParameters"] = _joined(parse_qsl(request.query, keep_blank_values=True))
    if parameters:
        event["pathParameters"] = dict(parameters)
    if request.body:
        is_text = bool(_TEXT.match(headers.get("content-type", "text/plain")))
        event["body"] = request.body.decode(errors="replace") if is_text else base64.b64encode(request.body).decode()
        event["isBase64Encoded"] = not is_text
    return event


def to_answer(invocation: Invocation) -> Answer:
    """Return the response that API Gateway makes of a function's answer."""
    if invocation.errored:
        return Answer(500, {"content-type": "application/json"}, b'{"message":"Internal Server Error"}')
    payload = invocation.payload
    if not isinstance(payload, dict) or "statusCode" not in payload:
        return Answer(200, {"content-type": "application/json"}, json.dumps(payload).encode())
    text = payload.get("body") or ""
    body = base64.b64decode(text) if payload.get("isBase64Encoded") else text.encode()
    headers = {str(name).lower(): str(value) for name, value in (payload.get("headers") or {}).items()}
    for name, values in (payload.get("multiValueHeaders") or {}).items():
        headers[name.lower()] = ",".join(map(str, values))
    headers.setdefault("content-type", "text/plain; charset=utf-8")
    return Answer(int(payload["statusCode"]), headers, body, tuple(payload.get("cookies") or ()))


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def server_bind(self) -> None:
        # With Nagle's delay the last segment of an answer waits some 40 ms for the client's acknowledgement.
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().server_bind()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and body in one write.
    wbufsize = -1
    disable_nagle_algorithm = True
    answer: Callable[[Request], Answer]

    def _serve(self) -> None:
        url = urlsplit(self.path)
        request = Request(
            method=self.command,
            path=url.path,
            query=url.query,
            headers=_joined([(name.lower(), value) for name, value in self.headers.items()]),
            body=self.rfile.read(int(self.headers.get("Content-Length") or 0)),
            source_ip=self.client_address[0],
        )
        self._send(self.answer(request))

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _serve

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            if name not in _HOP_BY_HOP:
                self.send_header(name, value)
        for cookie in answer.cookies:
            self.send_header("set-cookie", cookie)
        self.send_header("content-length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        return None


def _joined(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Several values of one name become one, with commas between them."""
    joined: dict[str, str] = {}
    for name, value in pairs:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _names(path: str) -> list[str]:
    return [name.removesuffix("+") for name in re.findall(r"{([^}]+)}", path)]


def _pattern(path: str) -> str:
    parts = []
    for i, part in enumerate(re.split(r"({[^}]+})", path)):
        if not part.startswith("{"):
            parts.append(re.escape(part))
        else:
            parts.append(f"(?P<p{i // 2}>{'.+' if part.endswith('+}') else '[^/]+'})")
    return "".join(parts)
