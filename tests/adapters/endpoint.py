"""A small HTTP server in this process that answers queries as it is told to: a metrics endpoint in any mood."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it arrived."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.body.decode()).items()}


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer; the chunks are sent one after another, and fewer of them than `length` is a broken answer."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    length: int | None = None


Answer = Callable[[Asked], Answered]


def vector(*series: tuple[Mapping[str, str], float]) -> Answered:
    """Return Prometheus's answer to an instant query."""
    result = [{"metric": dict(labels), "value": [1_763_600_000.0, repr(value)]} for labels, value in series]
    return Answered(body=json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}}).encode())


class Endpoint:
    """The running server; `answer` may be replaced at any time."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        self.asked: list[Asked] = []
        self.answer: Answer = lambda asked: vector()

    def say(self, answers: Mapping[str, Answered]) -> None:
        """Answer by expression, and with nothing to those that are not listed."""
        self.answer = lambda asked: answers.get(asked.form["query"], vector())


@contextlib.contextmanager
def endpoint() -> Iterator[Endpoint]:
    """Run a server on a free port of 127.0.0.1."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1
        disable_nagle_algorithm = True
        timeout = 5

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked = Asked(self.path, dict(self.headers.items()), body)
            running.asked.append(asked)
            answered = running.answer(asked)
            self.send_response(answered.status)
            for name, value in answered.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(answered.length or len(answered.body)))
            self.end_headers()
            self.wfile.write(answered.body)
            self.close_connection = answered.length is not None

        def log_message(self, format: str, *arguments: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        running = Endpoint(server)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield running
        finally:
            server.shutdown()
            thread.join()
