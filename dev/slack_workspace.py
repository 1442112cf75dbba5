"""A Slack on this machine: a workspace that keeps its messages, and whose people press buttons and type commands.

with Workspace(token="xoxb-1", signing_secret="…", channels=("#ops",)) as slack:
    slack.api_url                       # chat.postMessage; chat.update is beside it
    slack.messages                      # as they are now, edited; each with its thread
    slack.press(message, "Acknowledge", user="U1", name="ann", at=url)     # a signed click, as Slack would send it
    slack.type("ack inc-1", user="U1", name="ann", at=url)                 # the slash command
    slack.answers                       # what came to the response_urls
    slack.events                        # what people saw, in order: posted, edited, replied

Its rules are Slack's: the token, blocks and their limits (receivers_slack.py), channels that exist, messages that can
be edited, one message a second for each channel, fifty edits a minute for all of an app (tier 3), response_urls that
take five answers in half an hour.

Sources: https://docs.slack.dev/reference/methods/chat.postMessage, .../chat.update
https://docs.slack.dev/apis/web-api/rate-limits, https://docs.slack.dev/interactivity/handling-user-interaction
https://docs.slack.dev/authentication/verifying-requests-from-slack
"""

from __future__ import annotations

import hashlib
import hmac
import json
import math
import threading
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

from dev.receivers_slack import Refusal, check_slack_app

ANSWERS, ANSWER_SECONDS = 5, 30 * 60
SECONDS_A_MESSAGE = 1.0
EDITS_A_MINUTE = 50
_MINUTE = 60.0
_TEAM = {"id": "T0TOCSIN", "domain": "tocsin"}


@dataclass(slots=True)
class Message:
    """A message as the channel shows it."""

    channel: str
    ts: str
    content: dict[str, Any]
    thread: list[Message] = field(default_factory=list)
    edits: int = 0

    @property
    def blocks(self) -> list[dict[str, Any]]:
        """Return all blocks, those of attachments too."""
        attachments = self.content.get("attachments") or []
        return [*(self.content.get("blocks") or []), *(b for each in attachments for b in each.get("blocks") or [])]

    @property
    def text(self) -> str:
        """Return everything that can be read in it."""
        return json.dumps(self.content, ensure_ascii=False)

    @property
    def buttons(self) -> dict[str, dict[str, Any]]:
        """Return what can be pressed, by its words; an option of a list by its own."""
        found: dict[str, dict[str, Any]] = {}
        for element in (e for b in self.blocks if b["type"] == "actions" for e in b["elements"]):
            if "options" in element:
                found |= {o["text"]["text"]: {**element, "selected_option": o} for o in element["options"]}
            else:
                found[element["text"]["text"]] = element
        return found


@dataclass(frozen=True, slots=True)
class Event:
    """Something that people saw: what was done (posted, edited, replied), in which channel, and what it said then."""

    at: datetime
    what: str
    channel: str
    content: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Signed:
    """A request as Slack sends it."""

    headers: Mapping[str, str]
    body: bytes


def sign(secret: str, body: bytes, *, at: float, version: str = "v0") -> Signed:
    """Return a form's body with the headers that say it is Slack's."""
    base = f"{version}:{int(at)}:".encode() + body
    digest = hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()
    return Signed(
        {
            "content-type": "application/x-www-form-urlencoded",
            "user-agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
            "x-slack-request-timestamp": str(int(at)),
            "x-slack-signature": f"{version}={digest}",
        },
        body,
    )


def click_body(
    element: Mapping[str, Any],
    message: Message | None,
    *,
    user: str,
    name: str,
    reply_to: str = "",
    block_id: str = "tocsin",
    at: float = 0.0,
) -> bytes:
    """Return the form of a block_actions interaction."""
    action = {key: element[key] for key in ("type", "action_id", "value", "selected_option", "text") if key in element}
    place = {"channel_id": message.channel, "message_ts": message.ts} if message else {}
    payload = {
        "type": "block_actions",
        "user": {"id": user, "username": name, "name": name, "team_id": _TEAM["id"]},
        "api_app_id": "A0TOCSIN",
        "token": "no longer used",
        "container": {"type": "message", "is_ephemeral": False, **place},
        "trigger_id": f"{int(at * 1000)}.1.x",
        "team": _TEAM,
        "channel": {"id": message.channel if message else "C0", "name": "ops"},
        "message": {"type": "message", "ts": message.ts, **message.content} if message else {},
        "response_url": reply_to,
        "actions": [{**action, "block_id": block_id, "action_ts": f"{at:.6f}"}],
    }
    return urlencode({"payload": json.dumps(payload)}).encode()


def command_body(text: str, *, user: str, name: str, reply_to: str = "", command: str = "/tocsin") -> bytes:
    """Return the form of a slash command."""
    fields = {
        "token": "no longer used",
        "team_id": _TEAM["id"],
        "team_domain": _TEAM["domain"],
        "channel_id": "C0",
        "channel_name": "ops",
        "user_id": user,
        "user_name": name,
        "command": command,
        "text": text,
        "api_app_id": "A0TOCSIN",
        "response_url": reply_to,
        "trigger_id": "1.1.x",
    }
    return urlencode(fields).encode()


class Workspace:
    """A context manager: the server runs inside, on 127.0.0.1 and a free port. `clock` gives epoch seconds."""

    def __init__(
        self,
        *,
        token: str = "xoxb-local",
        signing_secret: str = "local-signing-secret",
        channels: tuple[str, ...] = (),
        seconds_a_message: float = SECONDS_A_MESSAGE,
        edits_a_minute: int = EDITS_A_MINUTE,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.token, self.signing_secret = token, signing_secret
        self.refusals: list[str] = []
        self.answers: list[dict[str, Any]] = []
        self._channels, self._clock, self._seconds = channels, clock, seconds_a_message
        self._messages: dict[tuple[str, str], Message] = {}
        self._events: list[Event] = []
        self._edits_a_minute = edits_a_minute
        self._posted_at: dict[str, float] = {}
        self._edited_at: deque[float] = deque()
        self._replies: dict[str, tuple[float, int]] = {}
        self._lock = threading.Lock()
        self._server: ThreadingHTTPServer | None = None

    def __enter__(self) -> Self:
        workspace = self

        class Handler(_Handler):
            answer = staticmethod(lambda path, headers, body: workspace.take(path, headers, body))

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        assert self._server is not None, "the workspace is not running: use it in a with statement"
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def api_url(self) -> str:
        return f"{self.url}/api/chat.postMessage"

    @property
    def messages(self) -> tuple[Message, ...]:
        """Return the channels' messages in the order in which they were posted, without the threads'."""
        with self._lock:
            return tuple(self._messages.values())

    @property
    def events(self) -> tuple[Event, ...]:
        with self._lock:
            return tuple(self._events)

    def _note(self, what: str, message: Message) -> None:
        self._events.append(Event(datetime.now(UTC), what, message.channel, message.content))

    # ---------------------------------------------------------------- what people do

    def press(self, message: Message, words: str, *, user: str, name: str, at: str) -> tuple[int, str]:
        """Press a button, or choose an option, and return what the app answered: status and body."""
        element, now = message.buttons[words], self._clock()
        body = click_body(element, message, user=user, name=name, reply_to=self.reply_url(), at=now)
        return self.send(at, sign(self.signing_secret, body, at=now))

    def type(self, text: str, *, user: str, name: str, at: str) -> tuple[int, str]:
        """Type `/tocsin …`, and return what the app answered."""
        body = command_body(text, user=user, name=name, reply_to=self.reply_url())
        return self.send(at, sign(self.signing_secret, body, at=self._clock()))

    def reply_url(self) -> str:
        """Return a new response_url."""
        with self._lock:
            path = f"/actions/{_TEAM['id']}/{len(self._replies) + 1}/secret"
            self._replies[path] = (self._clock(), 0)
        return self.url + path

    def send(self, url: str, signed: Signed) -> tuple[int, str]:
        """Send a request and return status and body; Slack waits three seconds."""
        request = urllib.request.Request(url, signed.body, dict(signed.headers), method="POST")
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    # ---------------------------------------------------------------- what apps do

    def take(self, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, dict[str, str], str]:
        """Answer a request of an app's: status, headers and body."""
        if path in ("/api/chat.postMessage", "/api/chat.update"):
            return self._method(path.removeprefix("/api/"), headers.get("authorization", ""), body)
        if path.startswith("/actions/"):
            return self._reply(path, body)
        return 404, {}, "not_found"

    def _method(self, method: str, token: str, body: bytes) -> tuple[int, dict[str, str], str]:
        payload, refusals = check_slack_app(method, token, body)
        with self._lock:
            refusals = [*self._refuse(method, token, payload), *refusals]
            if refusals:
                self.refusals.extend(map(str, refusals))
                said = {"ok": False, "error": refusals[0].code}
                if refusals[0].code == "ratelimited":
                    return 429, {"Retry-After": str(self._wait_seconds(method, payload))}, json.dumps(said)
                return 200, {}, json.dumps({**said, "response_metadata": {"messages": [str(r) for r in refusals]}})
            message = self._post(payload) if method == "chat.postMessage" else self._edit(payload)
        return 200, {}, json.dumps({"ok": True, "channel": message.channel, "ts": message.ts})

    def _refuse(self, method: str, token: str, payload: Any) -> Iterator[Refusal]:
        if token and token != f"Bearer {self.token}":
            yield Refusal("invalid_auth", "Authorization")
            return
        if not isinstance(payload, dict) or not payload.get("channel"):
            return
        channel = _id(str(payload["channel"]))
        if self._channels and channel not in map(_id, self._channels):
            yield Refusal("channel_not_found", f"channel: {payload['channel']}")
        if method == "chat.update" and (channel, payload.get("ts")) not in self._messages:
            yield Refusal("message_not_found", f"ts: {payload.get('ts')}")
        if payload.get("thread_ts") and (channel, payload["thread_ts"]) not in self._messages:
            yield Refusal("thread_not_found", f"thread_ts: {payload['thread_ts']}")
        if self._wait_seconds(method, payload):
            yield Refusal("ratelimited", f"channel: {payload['channel']}")

    def _wait_seconds(self, method: str, payload: Mapping[str, Any]) -> int:
        """Return after how many whole seconds a method may be asked again; 0 where it may be now."""
        now, left = self._clock(), 0.0
        if method == "chat.postMessage":
            left = self._posted_at.get(_id(payload["channel"]), -1e9) + self._seconds - now
        else:
            while self._edited_at and self._edited_at[0] <= now - _MINUTE:
                self._edited_at.popleft()
            if len(self._edited_at) >= self._edits_a_minute:
                left = self._edited_at[0] + _MINUTE - now
        return max(0, math.ceil(left))

    def _post(self, payload: Mapping[str, Any]) -> Message:
        channel, now = _id(payload["channel"]), self._clock()
        self._posted_at[channel] = now
        number = len(self._messages) + sum(len(each.thread) for each in self._messages.values())
        message = Message(channel, f"{int(now)}.{number:06d}", dict(payload))
        if parent := self._messages.get((channel, payload.get("thread_ts", ""))):
            parent.thread.append(message)
            self._note("replied", message)
        else:
            self._messages[channel, message.ts] = message
            self._note("posted", message)
        return message

    def _edit(self, payload: Mapping[str, Any]) -> Message:
        message = self._messages[_id(payload["channel"]), payload["ts"]]
        self._edited_at.append(self._clock())
        message.content, message.edits = dict(payload), message.edits + 1
        self._note("edited", message)
        return message

    def _reply(self, path: str, body: bytes) -> tuple[int, dict[str, str], str]:
        with self._lock:
            made_at, used = self._replies.get(path, (0.0, ANSWERS))
            if used >= ANSWERS or self._clock() - made_at > ANSWER_SECONDS:
                return 404, {}, "used_url" if used >= ANSWERS else "expired_url"
            try:
                answer = json.loads(body)
            except ValueError:
                return 400, {}, "invalid_payload"
            if not isinstance(answer, dict) or not (answer.get("text") or answer.get("blocks")):
                return 400, {}, "no_text"
            self._replies[path] = (made_at, used + 1)
            self.answers.append(answer)
        return 200, {}, "ok"


def _id(channel: str) -> str:
    return channel.replace("#", "C")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    answer: Callable[[str, Mapping[str, str], bytes], tuple[int, dict[str, str], str]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        status, more, text = self.answer(self.path, headers, body)
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **more}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: what came is remembered."""
