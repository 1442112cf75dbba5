"""Receivers, a metrics endpoint and a mail server that repeat whatever they are sent, in every mood there is."""

from __future__ import annotations

import contextlib
import json
import socketserver
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

# The status and how the echo is written; what is no number is no answer.
MOODS = (
    "400 text",
    "401 json",
    "200 text",
    "200 json",
    "302 text",
    "404 json",
    "429 json",
    "503 text",
    "silence",
    "half an answer",
    "garbage",
    "too late",
)


class Echo:
    """A server on a free port of 127.0.0.1; `asked` holds every request as it came."""

    def __init__(self) -> None:
        self.mood = MOODS[0]
        self.asked: list[str] = []
        self.url = ""

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        said = f"{handler.requestline}\n{handler.headers}\n{body.decode(errors='replace')}"
        self.asked.append(said)
        if self.mood == "too late":
            time.sleep(0.4)
            return
        if self.mood in ("silence", "garbage"):
            if self.mood == "garbage":
                handler.wfile.write(said.encode())
            handler.close_connection = True
            return
        status, _, form = self.mood.partition(" ")
        is_half = not status.isdecimal()
        content = _as_json(said) if form == "json" else said.encode()
        handler.send_response(200 if is_half else int(status))
        handler.send_header("Content-Type", "application/json" if form == "json" else "text/plain")
        handler.send_header("Content-Length", str(len(content) + (100 if is_half else 0)))
        if status == "302":
            handler.send_header(
                "Location", f"https://other.invalid{handler.path}?{handler.headers.get('Authorization')}"
            )
        handler.end_headers()
        handler.wfile.write(content)
        handler.close_connection = is_half


def _as_json(said: str) -> bytes:
    """Return an echo in every key that any receiver's answer has its reasons in."""
    keys = ("error", "errorType", "message", "description", "status", "access_token", "token_type", "error_description")
    answer: dict[str, Any] = dict.fromkeys(keys, said)
    return json.dumps({"ok": False, "errors": [said], **answer}).encode()


@contextlib.contextmanager
def echo() -> Iterator[Echo]:
    running = Echo()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 1

        def handle_one_request(self) -> None:
            with contextlib.suppress(OSError):
                super().handle_one_request()

        def do_POST(self) -> None:
            with contextlib.suppress(OSError):
                running.answer(self)

        do_GET = do_PUT = do_CONNECT = do_POST

        def log_message(self, format: str, *arguments: Any) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Clients that went away are no surprise."""

    with Server(("127.0.0.1", 0), Handler) as server, serving(server):
        running.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield running


@contextlib.contextmanager
def serving(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()


class MailEcho:
    """A mail server that takes no login, or no letter, and says what it was sent."""

    def __init__(self) -> None:
        self.refuses = "AUTH"
        self.asked: list[str] = []
        self.address = ""


@contextlib.contextmanager
def mail_echo() -> Iterator[MailEcho]:
    running = MailEcho()

    class Handler(socketserver.StreamRequestHandler):
        timeout = 5

        def say(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

        def hear(self) -> str:
            line = self.rfile.readline().decode(errors="replace").rstrip("\r\n")
            running.asked.append(line)
            return line

        def handle(self) -> None:
            self.say("220 echo")
            seen: list[str] = []
            while line := self.hear():
                verb = line.split(" ")[0].upper()
                seen.append(line)
                if verb == "EHLO":
                    self.say("250-echo\r\n250 AUTH PLAIN LOGIN")
                elif verb == "AUTH" and line.count(" ") == 1:
                    self.say("334 ")
                    seen.append(self.hear())
                    self.say(f"535 you said {' '.join(seen)}")
                elif verb == running.refuses:
                    self.say(f"{535 if verb == 'AUTH' else 550} you said {' '.join(seen)}")
                elif verb == "DATA":
                    self.say("354 go on")
                    while self.hear() != ".":
                        pass
                    self.say(f"250 you said {' '.join(seen)}")
                elif verb == "QUIT":
                    self.say("221 bye")
                    return
                else:
                    self.say("235 ok" if verb == "AUTH" else "250 ok")

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Clients that went away are no surprise."""

    with Server(("127.0.0.1", 0), Handler) as server, serving(server):
        running.address = f"127.0.0.1:{server.server_address[1]}"
        yield running
