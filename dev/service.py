"""A small web service with real metrics and real traffic, which can be told to fail and to be slow.

with Service() as service, Traffic(service.address):
    service.degrade(failing=0.4, delay_seconds=0.6)
    service.recover()

Its metrics bear the names that client libraries' examples give them; the platform rules look for the same ones.

Source: https://prometheus.github.io/client_python/
"""

from __future__ import annotations

import contextlib
import http.client
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest

CLIENTS = 6
PAUSE_SECONDS = 0.15


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How the service answers: the share of requests that get a 500, and how long each takes."""

    failing: float = 0.0
    delay_seconds: float = 0.0


class Service:
    """A context manager: the service answers inside, on 127.0.0.1 and a free port."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "http_requests_total", "Requests by their answer's status.", ["status"], registry=self.registry
        )
        self._seconds = Histogram(
            "http_request_duration_seconds",
            "How long requests took.",
            registry=self.registry,
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0),
        )
        for status in ("200", "500"):
            self._requests.labels(status=status)  # a series that is born with its first error hides that error
        self._behaviour = Behaviour()
        self._lock = threading.Lock()
        self._owed = 0.0
        self._server: _Server | None = None

    def __enter__(self) -> Self:
        self._server = _Server(("127.0.0.1", 0), self)
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    @property
    def address(self) -> str:
        """Host and port, as a scrape target is written."""
        if self._server is None:
            raise RuntimeError("the service is not running: use it in a with statement")
        return f"127.0.0.1:{self._server.server_address[1]}"

    def degrade(self, *, failing: float = 0.0, delay_seconds: float = 0.0) -> None:
        """Fail this share of all requests from now on, and take this long for each."""
        self._behaviour = Behaviour(failing, delay_seconds)

    def recover(self) -> None:
        """Answer as a healthy service does."""
        self._behaviour = Behaviour()

    def answer(self) -> int:
        """Work on one request and return its status."""
        begun = time.monotonic()
        behaviour = self._behaviour
        time.sleep(behaviour.delay_seconds)
        status = 500 if self._fails(behaviour.failing) else 200
        self._requests.labels(status=str(status)).inc()
        self._seconds.observe(time.monotonic() - begun)
        return status

    def _fails(self, share: float) -> bool:
        """Say whether this request fails: evenly spread, so that the share holds for few requests too."""
        with self._lock:
            self._owed += share
            if self._owed < 1:
                return False
            self._owed -= 1
            return True


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], service: Service) -> None:
        self.service = service
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that went away."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Without a write buffer and with Nagle's delay, each answer would take 44 ms.
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        assert isinstance(self.server, _Server)
        service = self.server.service
        if self.path == "/metrics":
            self._send(200, CONTENT_TYPE_LATEST, generate_latest(service.registry))
        else:
            status = service.answer()
            self._send(status, "text/plain", b"ok\n" if status == 200 else b"the database does not answer\n")

    def _send(self, status: int, kind: str, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the metrics say it."""


class Traffic:
    """A context manager: clients that send requests inside, each waiting for its answer before the next."""

    def __init__(self, address: str, *, clients: int = CLIENTS, pause_seconds: float = PAUSE_SECONDS) -> None:
        self._address = address
        self._clients = clients
        self._pause_seconds = pause_seconds
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        for number in range(self._clients):
            thread = threading.Thread(target=self._send_requests, name=f"client-{number}", daemon=True)
            thread.start()
            self._threads.append(thread)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join(timeout=5)

    def _send_requests(self) -> None:
        connection = http.client.HTTPConnection(self._address, timeout=10)
        while not self._stopped.wait(self._pause_seconds):
            try:
                connection.request("GET", "/checkout")
                connection.getresponse().read()
            except (OSError, http.client.HTTPException):
                connection.close()  # the next request opens it again
        with contextlib.suppress(OSError):
            connection.close()
