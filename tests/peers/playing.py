"""A timed script of alerts and silences, played to whatever speaks Alertmanager's API v2; and a sink for its webhooks.

The scripts are those of the recorded scenarios (tests/conformance/test_e2e.py plays them in virtual time).
"""

from __future__ import annotations

import json
import re
import threading
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

_TIMER = re.compile(r"((?:group_wait|group_interval|repeat_interval|resolve_timeout):\s*)(\d+)(ms|s|m|h)\b")
PLACEHOLDER = "__SINK__"


@dataclass(frozen=True, slots=True)
class Heard:
    """A request that the sink got, `at` seconds from the start of the script."""

    at: float
    path: str
    answered: int
    payload: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class Sink:
    """A context manager: takes every POST on 127.0.0.1 and a free port, and answers as it was told, else 200."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._codes: dict[str, list[int]] = {}
        self._heard: list[Heard] = []
        sink = self

        class Handler(_Handler):
            take = staticmethod(lambda path, body: sink.take(path, body))

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer_next(self, path: str, codes: list[int]) -> None:
        with self._lock:
            self._codes[path] = list(codes)

    def take(self, path: str, body: bytes) -> int:
        with self._lock:
            code = self._codes[path].pop(0) if self._codes.get(path) else 200
            self._heard.append(Heard(time.monotonic(), path, code, json.loads(body)))
            return code

    def heard(self, since: float) -> list[Heard]:
        """Return all requests since a moment of time.monotonic(), with times from it."""
        with self._lock:
            return [Heard(round(h.at - since, 3), h.path, h.answered, h.payload) for h in self._heard if h.at >= since]


class _Handler(BaseHTTPRequestHandler):
    take: Any

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(self.take(self.path.removeprefix("/"), body))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        return None


def play(case: Mapping[str, Any], url: str, sink: Sink, *, linger: float) -> list[Heard]:
    """Play a script to the API at `url`; return what the sink heard until `linger` seconds after its end."""
    player = _Player(url, sink)
    start = time.monotonic()
    for step in case["script"]:
        _sleep_until(start + step["at_s"])
        getattr(player, f"do_{step['action']}")(step)
    _sleep_until(start + case["duration_s"] + linger)
    return sink.heard(start)


def slower(case: Mapping[str, Any], times: int) -> dict[str, Any]:
    """Return a scenario in which everything takes so many times as long: its steps, its timers, what was observed."""

    def stretched(value: Any, key: str = "") -> Any:
        if isinstance(value, list):
            return [stretched(each) for each in value]
        if isinstance(value, dict):
            return {name: stretched(each, name) for name, each in value.items()}
        return value * times if key.endswith("_s") else value

    parts = {name: stretched(case[name], name) for name in ("script", "duration_s", "observed", "tolerance_s")}
    config = _TIMER.sub(lambda found: f"{found[1]}{int(found[2]) * times}{found[3]}", case["config"])
    return {**case, **parts, "config": config}


def call(url: str, method: str = "GET", body: Any = None) -> Any:
    """Ask an API, and return the JSON that it answers."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=20) as answer:
        text = answer.read()
    return json.loads(text) if text.strip() else None


class _Player:
    def __init__(self, url: str, sink: Sink) -> None:
        self._url = f"{url}/api/v2"
        self._sink = sink
        self._silence = ""

    def do_alerts(self, step: Mapping[str, Any]) -> None:
        now = datetime.now(UTC)
        call(f"{self._url}/alerts", "POST", [_with_times(alert, now) for alert in step["alerts"]])

    def do_silence(self, step: Mapping[str, Any]) -> None:
        body = _with_times({key: value for key, value in step.items() if key not in ("at_s", "action")})
        answer = call(f"{self._url}/silences", "POST", {**body, "createdBy": "test", "comment": "test"})
        self._silence = answer["silenceID"]

    def do_expire_silence(self, step: Mapping[str, Any]) -> None:
        call(f"{self._url}/silence/{self._silence}", "DELETE")

    def do_sink_status(self, step: Mapping[str, Any]) -> None:
        self._sink.answer_next(step["receiver"], step["codes"])


def _with_times(body: Mapping[str, Any], now: datetime | None = None) -> dict[str, Any]:
    """Return a body with the moments in the place of the seconds from now."""
    now = now or datetime.now(UTC)
    return {
        key.removesuffix("_s"): (now + timedelta(seconds=value)).isoformat() if key.endswith("_s") else value
        for key, value in body.items()
    }


def _sleep_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))
