"""A receiver without manners: real sockets, on which each connection is treated as it is told to be.

with rude(drips_headers) as server:
    post(server.url)
    server.requests     # what arrived whole
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
# Between two bytes; and so many of them that a client who waits for the last is late, and then finds all well.
DRIP_SECONDS, DRIPS = 0.05, 60


@dataclass(slots=True)
class Visit:
    """One connection, from the server's side."""

    connection: socket.socket
    closing: threading.Event
    requests: list[bytes]

    def read_request(self) -> bytes:
        """Return head and body; empty where the client has gone."""
        data = b""
        while b"\r\n\r\n" not in data:
            piece = self.connection.recv(65536)
            if not piece:
                return b""
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        length = next(
            (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")), 0
        )
        while len(body) < length:
            body += self.connection.recv(65536)
        self.requests.append(body)
        return data

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def drip(self, data: bytes) -> None:
        """Send a byte now and then, until all is sent or the server stops."""
        for number in range(len(data)):
            if self.closing.wait(DRIP_SECONDS):
                return
            self.send(data[number : number + 1])

    def reset(self) -> None:
        """Close so that the client's kernel hears of an error."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


Manner = Callable[[Visit], object]


@dataclass(slots=True)
class RudeServer:
    """The running server; `requests` are the bodies of what arrived, `visits` counts connections."""

    port: int
    scheme: str
    requests: list[bytes] = field(default_factory=list)
    visits: int = 0

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/webhook/x"


@contextlib.contextmanager
def rude(*manners: Manner, tls: ssl.SSLContext | None = None) -> Iterator[RudeServer]:
    """Run a server on a free port of 127.0.0.1; the n-th connection has the n-th manner, later ones the last."""
    closing = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.05)
        server = RudeServer(listening.getsockname()[1], "https" if tls else "http")
        threads: list[threading.Thread] = []

        def visit(connection: socket.socket, manner: Manner) -> None:
            with contextlib.suppress(OSError, ValueError), contextlib.closing(connection):
                connection.settimeout(10)
                talking = tls.wrap_socket(connection, server_side=True) if tls else connection
                with contextlib.closing(talking):
                    manner(Visit(talking, closing, server.requests))

        def accept() -> None:
            while not closing.is_set():
                with contextlib.suppress(TimeoutError):
                    connection, _ = listening.accept()
                    manner = manners[min(server.visits, len(manners) - 1)]
                    server.visits += 1
                    threads.append(threading.Thread(target=visit, args=(connection, manner), daemon=True))
                    threads[-1].start()

        accepting = threading.Thread(target=accept, daemon=True)
        accepting.start()
        try:
            yield server
        finally:
            closing.set()
            accepting.join()
            for thread in threads:
                thread.join(timeout=10)


# Manners


def answers(data: bytes) -> Manner:
    """Read the request and answer with these bytes, and hang up."""

    def manner(visit: Visit) -> None:
        if visit.read_request():
            visit.send(data)

    return manner


def status(code: int, *headers: str, body: str = "") -> Manner:
    head = [f"HTTP/1.1 {code} X", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return answers(("\r\n".join(head) + "\r\n\r\n" + body).encode())


def hangs_up(visit: Visit) -> None:
    """Hang up before anything is read."""


def hangs_up_after_reading(visit: Visit) -> None:
    visit.read_request()


def resets_after_reading(visit: Visit) -> None:
    visit.read_request()
    visit.reset()


def stops_talking(visit: Visit) -> None:
    """Take the request, say no more, and keep the line open."""
    visit.read_request()
    with contextlib.suppress(OSError):
        visit.connection.shutdown(socket.SHUT_WR)
    visit.closing.wait(DRIP_SECONDS * DRIPS)


def says_nothing(visit: Visit) -> None:
    visit.read_request()
    visit.closing.wait(DRIP_SECONDS * DRIPS)


def drips_headers(visit: Visit) -> None:
    visit.read_request()
    visit.drip(b"HTTP/1.1 200 OK\r\nX-Padding: " + b"x" * DRIPS + b"\r\nContent-Length: 2\r\n\r\nok")


def drips_body(visit: Visit) -> None:
    visit.read_request()
    visit.send(f"HTTP/1.1 200 OK\r\nContent-Length: {DRIPS}\r\n\r\n".encode())
    visit.drip(b"x" * DRIPS)


def continues_for_ever(visit: Visit) -> None:
    visit.read_request()
    for _ in range(DRIPS):
        visit.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        if visit.closing.wait(DRIP_SECONDS):
            return
    visit.send(OK)


def floods(total: int, head: bytes = b"HTTP/1.1 200 OK\r\n\r\n") -> Manner:
    """Answer with so many bytes; `sent` of the visit's requests says how much went out."""

    def manner(visit: Visit) -> None:
        visit.read_request()
        visit.send(head)
        chunk = b"x" * 65536
        for _ in range(total // len(chunk)):
            if visit.closing.is_set():
                return
            visit.send(chunk)

    return manner
