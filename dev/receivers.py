"""Receivers on this machine: a small server that checks what it gets as they would, and remembers it.

with Receivers() as receivers:
    receivers.slack_url("warnings")     # a webhook's URL
    receivers.pagerduty_url             # the Events API's; pagerduty_v1_url is that of its older version
    receivers.slack_app_url             # the method that posts as an app; discord_url("ops"), teams_url("ops"),
                                        # telegram_url, opsgenie_url and webhook_url("ops") are the others'
    receivers.fail("/slack/warnings", status=429, headers={"Retry-After": "1"}, times=2)
    receivers.received                  # everything that came, with what was wrong with it
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from dev.receivers_answers import (
    DISCORD_PATH,
    OPSGENIE_PATH,
    PAGERDUTY_PATH,
    PAGERDUTY_V1_PATH,
    SLACK_APP_PATH,
    SLACK_PATH,
    TAKERS,
    TEAMS_PATH,
    TELEGRAM_PATH,
    WEBHOOK_PATH,
    Answer,
    Request,
)
from dev.receivers_chat import check_discord, check_teams, check_telegram
from dev.receivers_email import check_email, check_parts
from dev.receivers_opsgenie import check_opsgenie
from dev.receivers_pagerduty import check_pagerduty, check_pagerduty_v1
from dev.receivers_slack import check_slack, check_slack_app
from dev.receivers_webhook import check_webhook

__all__ = [
    "Received",
    "Receivers",
    "check_discord",
    "check_email",
    "check_opsgenie",
    "check_pagerduty",
    "check_pagerduty_v1",
    "check_parts",
    "check_slack",
    "check_slack_app",
    "check_teams",
    "check_telegram",
    "check_webhook",
]


@dataclass(frozen=True, slots=True)
class Received:
    """One request: `target` is a channel, a routing key, a bot or a path; refused ones say why."""

    integration: str
    target: str
    payload: Any
    at: datetime
    status: int
    accepted: bool
    problems: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Planned:
    """Failures that are still to be given."""

    answer: Answer
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

    @property
    def pagerduty_v1_url(self) -> str:
        return self.url + PAGERDUTY_V1_PATH

    def slack_url(self, channel: str) -> str:
        return f"{self.url}{SLACK_PATH}{channel}"

    @property
    def slack_app_url(self) -> str:
        return f"{self.url}{SLACK_APP_PATH}chat.postMessage"

    def discord_url(self, name: str) -> str:
        return f"{self.url}{DISCORD_PATH}{name}"

    def teams_url(self, name: str) -> str:
        return f"{self.url}{TEAMS_PATH}{name}"

    @property
    def telegram_url(self) -> str:
        return self.url + TELEGRAM_PATH.removesuffix("/bot")

    @property
    def opsgenie_url(self) -> str:
        return f"{self.url}{OPSGENIE_PATH}/"

    def webhook_url(self, name: str) -> str:
        return f"{self.url}{WEBHOOK_PATH}{name}"

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
            self._planned.setdefault(path, []).append(_Planned(Answer(status, body, dict(headers or {})), times))

    def take(self, request: Request) -> Answer:
        """Check, remember and answer one request."""
        with self._lock:
            planned = self._next_failure(request.path)
            number = len(self._received) + 1
        taken = _take(request, number)
        if taken is None:
            return Answer(404, "no_service")
        received, answer = taken
        if planned is not None:
            received, answer = _failed(received, planned), planned
        with self._lock:
            self._received.append(received)
        return answer

    def _next_failure(self, path: str) -> Answer | None:
        for planned in self._planned.get(path, []):
            if planned.left > 0:
                planned.left -= 1
                return planned.answer
        return None


def _failed(received: Received, answer: Answer) -> Received:
    return Received(
        integration=received.integration,
        target=received.target,
        payload=received.payload,
        at=received.at,
        status=answer.status,
        accepted=answer.status < 300,
        problems=(*received.problems, f"told to answer {answer.status}"),
        headers=received.headers,
    )


def _take(request: Request, number: int) -> tuple[Received, Answer] | None:
    """Return what came of a request, None where nobody is at its path; `number` counts requests."""
    at = datetime.now(UTC)
    for prefix, take in TAKERS.items():
        if request.path.startswith(prefix):
            taken = take(request.path.removeprefix(prefix), request, number)
            ok, problems = not taken.problems, tuple(taken.problems)
            headers = {name.lower(): value for name, value in request.headers.items()}
            received = Received(
                taken.integration, taken.target, taken.payload, at, taken.answer.status, ok, problems, headers
            )
            return received, taken.answer
    return None


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
        headers = {name.title(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, body)
        answer = self.server.receivers.take(request)
        content = answer.body.encode()
        self.send_response(answer.status)
        for name, value in {"Content-Type": "text/plain", **answer.headers}.items():
            self.send_header(name, value)
        if answer.status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()

    do_PUT = do_POST

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: what came is remembered."""
