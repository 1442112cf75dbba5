"""Between Tocsin and a real Prometheus: what answers as it is told to, for the queries that it is told about.

with metrics_proxy(prometheus.url) as proxy:
    proxy.faults["down"] = cuts_off       # any query that has this word in it
    proxy.url
"""

from __future__ import annotations

import contextlib
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote_plus

MEGABYTE = b" " * (1 << 20)
Fault = Callable[["Visit"], None]


class Visit(BaseHTTPRequestHandler):
    """One query, from the proxy's side."""

    proxy: Proxy

    def do_POST(self) -> None:
        self.asked = self.rfile.read(int(self.headers["content-length"]))
        query = unquote_plus(self.asked.decode())
        fault = next((fault for word, fault in self.proxy.faults.items() if word in query), passes)
        self.proxy.asked.append(query)
        with contextlib.suppress(OSError):  # who asked has gone
            fault(self)

    def true_answer(self) -> bytes:
        """Return what Prometheus says."""
        request = urllib.request.Request(f"{self.proxy.target}{self.path}", self.asked, method="POST")
        with urllib.request.urlopen(request, timeout=10) as answer:
            content: bytes = answer.read()
        return content

    def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None, *, length: int = -1) -> None:
        self.send_response_only(status)
        for name, value in {"content-type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body) if length < 0 else length))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


@dataclass(slots=True)
class Proxy:
    """Where it is, what it is told to do by a word of the query, and what was asked."""

    target: str
    url: str = ""
    faults: dict[str, Fault] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)


def passes(visit: Visit) -> None:
    visit.answer(200, visit.true_answer())


def hangs_up(visit: Visit) -> None:
    visit.close_connection = True


def is_slow(visit: Visit) -> None:
    visit.proxy.closing.wait(30)


def trickles(visit: Visit) -> None:
    visit.answer(200, b"", length=1000)
    while not visit.proxy.closing.wait(0.05):
        visit.wfile.write(b" ")


def cuts_off(visit: Visit) -> None:
    whole = visit.true_answer()
    visit.answer(200, whole[: len(whole) // 2], length=len(whole))
    visit.close_connection = True


def never_ends(visit: Visit) -> None:
    """Begin a hundred megabytes; count how many were taken."""
    visit.answer(200, b'{"status":"success","data":{"resultType":"vector","result":[', length=100 << 20)
    for _ in range(100):
        visit.wfile.write(MEGABYTE)
        visit.proxy.asked.append("a megabyte")


def answers(status: int, body: bytes, **headers: str) -> Fault:
    return lambda visit: visit.answer(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


@contextmanager
def metrics_proxy(target: str) -> Iterator[Proxy]:
    """Run a proxy before a Prometheus."""
    proxy = Proxy(target)
    handler = type("Visit", (Visit,), {"proxy": proxy})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    proxy.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()
