"""A mail server on this machine: it takes what it is sent, remembers it, and can ask for TLS and a login.

with SmtpServer(tls=context, users={"ops": "secret"}) as server:
    server.address     # 127.0.0.1:PORT, for `smarthost`
    server.letters     # everything that was taken

Source: https://www.rfc-editor.org/rfc/rfc5321, https://www.rfc-editor.org/rfc/rfc4954
"""

from __future__ import annotations

import base64
import hmac
import socketserver
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from types import TracebackType
from typing import Self, cast

CHALLENGE = "<1896.697170952@receivers.test>"


@dataclass(frozen=True, slots=True)
class Letter:
    """What was taken: the envelope, and the message in it."""

    sender: str
    recipients: tuple[str, ...]
    message: EmailMessage
    was_encrypted: bool
    user: str


@dataclass(slots=True)
class SmtpServer:
    """A context manager; `answers` are given instead of the usual one, by the verb: {"MAIL": "451 later"}."""

    tls: ssl.SSLContext | None = None
    is_implicit: bool = False
    users: Mapping[str, str] = field(default_factory=dict)
    ways: str = "PLAIN LOGIN CRAM-MD5"
    answers: dict[str, str] = field(default_factory=dict)
    refused: frozenset[str] = frozenset()
    letters: list[Letter] = field(default_factory=list)
    _server: _Server | None = None

    def __enter__(self) -> Self:
        self._server = _Server(self)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
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
        if self._server is None:
            raise RuntimeError("the mail server is not running: use it in a with statement")
        return f"127.0.0.1:{self._server.server_address[1]}"


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, owner: SmtpServer) -> None:
        self.owner = owner
        super().__init__(("127.0.0.1", 0), _Conversation)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that went away."""


class _Conversation(socketserver.StreamRequestHandler):
    timeout = 5

    def setup(self) -> None:
        self.owner = cast(_Server, self.server).owner
        self.is_encrypted = False
        self.user = ""
        self.sender, self.recipients = "", cast(list[str], [])
        if self.owner.is_implicit:
            self._encrypt()
        super().setup()

    def _encrypt(self) -> None:
        assert self.owner.tls is not None
        self.request = self.owner.tls.wrap_socket(self.request, server_side=True)
        self.is_encrypted = True

    def finish(self) -> None:
        super().finish()
        # What the server closes is the socket below TLS.
        self.request.close()

    def handle(self) -> None:
        self._say("220 receivers.test ESMTP")
        while line := self._line():
            verb, _, rest = line.partition(" ")
            verb = verb.upper()
            if verb in self.owner.answers:
                self._say(self.owner.answers[verb])
                continue
            if verb == "QUIT":
                self._say("221 bye")
                return
            self._answer(verb, rest)

    def _answer(self, verb: str, rest: str) -> None:
        match verb:
            case "EHLO" | "HELO":
                self._say(*self._offers())
            case "STARTTLS" if self.owner.tls and not self.is_encrypted:
                self._say("220 go ahead")
                self._encrypt()
                super().setup()
            case "AUTH":
                self._log_in(*rest.split(" ", 1))
            case "MAIL" if self.owner.users and not self.user:
                self._say("530 5.7.0 Authentication required")
            case "MAIL":
                self.sender, self.recipients = _address(rest), []
                self._say("250 ok")
            case "RCPT" if _address(rest) in self.owner.refused:
                self._say("550 5.1.1 no such user")
            case "RCPT":
                self.recipients.append(_address(rest))
                self._say("250 ok")
            case "DATA":
                self._take()
            case "RSET" | "NOOP":
                self._say("250 ok")
            case _:
                self._say("502 not implemented")

    def _offers(self) -> list[str]:
        offers = ["receivers.test", "8BITMIME", "SIZE 10485760"]
        if self.owner.tls and not self.is_encrypted:
            offers.append("STARTTLS")
        if self.owner.users:
            offers.append(f"AUTH {self.owner.ways}")
        return [f"250{'-' if index < len(offers) - 1 else ' '}{offer}" for index, offer in enumerate(offers)]

    def _log_in(self, way: str, initial: str = "") -> None:
        if way.upper() == "CRAM-MD5":
            answer = self._ask(base64.b64encode(CHALLENGE.encode()).decode())
            user, _, digest = answer.partition(" ")
            secret = self.owner.users.get(user, "")
            is_right = hmac.new(secret.encode(), CHALLENGE.encode(), "md5").hexdigest() == digest
        elif way.upper() == "PLAIN":
            _, user, password = (_decode(initial) if initial else self._ask("")).split("\0")
            is_right = self.owner.users.get(user) == password
        else:
            user = _decode(initial) if initial else self._ask(base64.b64encode(b"Username:").decode())
            is_right = self.owner.users.get(user) == self._ask(base64.b64encode(b"Password:").decode())
        self.user = user if is_right else ""
        self._say("235 2.7.0 accepted" if is_right else "535 5.7.8 wrong user or password")

    def _take(self) -> None:
        self._say("354 go on")
        lines: list[bytes] = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line[1:] if line.startswith(b"..") else line)
        message = message_from_bytes(b"".join(lines), policy=policy.default)
        letter = Letter(self.sender, tuple(self.recipients), message, self.is_encrypted, self.user)
        self.owner.letters.append(letter)
        self._say(f"250 2.0.0 taken as {len(self.owner.letters)}")

    def _ask(self, text: str) -> str:
        self._say(f"334 {text}")
        return _decode(self._line())

    def _line(self) -> str:
        return self.rfile.readline().decode("utf-8", "replace").rstrip("\r\n")

    def _say(self, *lines: str) -> None:
        self.wfile.write("".join(f"{line}\r\n" for line in lines).encode())


def _address(rest: str) -> str:
    return rest.partition("<")[2].partition(">")[0]


def _decode(text: str) -> str:
    return base64.b64decode(text).decode()
