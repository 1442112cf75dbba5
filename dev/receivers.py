"""Slack and PagerDuty on this machine: a small server that checks what it gets as they would, and remembers it.

with Receivers() as receivers:
    receivers.slack_url("warnings")     # a webhook's URL
    receivers.pagerduty_url             # the Events API's
    receivers.fail("/slack/warnings", status=429, headers={"Retry-After": "1"}, times=2)
    receivers.received                  # everything that came, with what was wrong with it
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from dev.receivers_email import check_email, check_parts
from dev.receivers_pagerduty import check_pagerduty
from dev.receivers_slack import check_slack

__all__ = ["Received", "Receivers", "check_email", "check_pagerduty", "check_parts", "check_slack"]

PAGERDUTY_PATH = "/pagerduty/v2/enqueue"
_SLACK_PATH = "/slack/"


@dataclass(frozen=True, slots=True)
class Received:
    """One request: `target` is Slack's channel or PagerDuty's routing key; refused ones say why."""

    integration: str
    target: str
    payload: Any
    at: datetime
    status: int
    accepted: bool
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Planned:
    """Failures that are still to be given."""

    answer: _Answer
    left: int


class Receivers:
    """A context manager: the server runs inside, on 127.0.0.1 and a free port."""

    def __init__(self, port: int = 0) -> None:
        self._port = port
        self._lock = threading.Lock()
        self._received: list[Received] = []
        self._planned: dict[str, list[_Planned]] = {}
        self._server: _Server | None = None

    def __enter__(self) -> Self:
        self._server = _Server(("127.0.0.1", self._port), self)
        # Half a second is the default between looks at whether to stop.
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.close_connections()
            self._server.server_close()
            self._server = None

    @property
    def url(self) -> str:
        if self._server is None:
            raise RuntimeError("the receivers are not running: use them in a with statement")
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def pagerduty_url(self) -> str:
        return self.url + PAGERDUTY_PATH

    def slack_url(self, channel: str) -> str:
        return f"{self.url}{_SLACK_PATH}{channel}"

    @property
    def received(self) -> tuple[Received, ...]:
        """Return every request so far, in the order of arrival."""
        with self._lock:
            return tuple(self._received)

    def accepted(self, integration: str, target: str | None = None) -> tuple[Received, ...]:
        """Return what was taken by an integration, and by one channel or routing key of it."""
        return tuple(
            each
            for each in self.received
            if each.accepted and each.integration == integration and target in (None, each.target)
        )

    def fail(
        self, path: str, *, status: int, headers: Mapping[str, str] | None = None, times: int = 1, body: str = ""
    ) -> None:
        """Have the next requests to a path answered with a status, whatever they hold."""
        with self._lock:
            self._planned.setdefault(path, []).append(_Planned(_Answer(status, body, dict(headers or {})), times))

    def take(self, path: str, body: bytes) -> _Answer:
        """Check, remember and answer one request."""
        at = datetime.now(UTC)
        with self._lock:
            planned = self._next_failure(path)
        if path == PAGERDUTY_PATH:
            received, answer = _take_pagerduty(body, at)
        elif path.startswith(_SLACK_PATH):
            received, answer = _take_slack(path.removeprefix(_SLACK_PATH), body, at)
        else:
            return _Answer(404, "no_service")
        if planned is not None:
            received, answer = _failed(received, planned), planned
        with self._lock:
            self._received.append(received)
        return answer

    def _next_failure(self, path: str) -> _Answer | None:
        for planned in self._planned.get(path, []):
            if planned.left > 0:
                planned.left -= 1
                return planned.answer
        return None


def _failed(received: Received, answer: _Answer) -> Received:
    return Received(
        integration=received.integration,
        target=received.target,
        payload=received.payload,
        at=received.at,
        status=answer.status,
        accepted=answer.status < 300,
        problems=(*received.problems, f"told to answer {answer.status}"),
    )


def _take_slack(channel: str, body: bytes, at: datetime) -> tuple[Received, _Answer]:
    payload, refusals = check_slack(body)
    answer = _Answer(400, refusals[0].code) if refusals else _Answer(200, "ok")
    problems = tuple(str(refusal) for refusal in refusals)
    return Received("slack", channel, payload, at, answer.status, not refusals, problems), answer


def _take_pagerduty(body: bytes, at: datetime) -> tuple[Received, _Answer]:
    event, problems = check_pagerduty(body)
    known = event if isinstance(event, dict) else {}
    if problems:
        refusal = {"status": "invalid event", "message": "Event object is invalid", "errors": problems}
        answer = _Answer(400, json.dumps(refusal), {"Content-Type": "application/json"})
    else:
        taken = {"status": "success", "message": "Event processed", "dedup_key": known.get("dedup_key")}
        answer = _Answer(202, json.dumps(taken), {"Content-Type": "application/json"})
    target = str(known.get("routing_key", ""))
    return Received("pagerduty", target, event, at, answer.status, not problems, tuple(problems)), answer


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], receivers: Receivers) -> None:
        self.receivers = receivers
        self._connections: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        """End the connections that clients keep open."""
        for connection in tuple(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that went away."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Without a write buffer and with Nagle's delay, each answer would take 44 ms.
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        assert isinstance(self.server, _Server)
        answer = self.server.receivers.take(self.path, body)
        content = answer.body.encode()
        self.send_response(answer.status)
        for name, value in {"Content-Type": "text/plain", **answer.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: what came is remembered."""
