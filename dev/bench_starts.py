"""Cold starts: INIT REPORT of each built function in Lambda's runtime, beside a bare handler with boto3 and a client.

Five of each, in turns so that what else the machine does hits all alike, and their median. Start and first event
together are measured as well: what a function does not build at its start, it builds then. AWS is the local one.
"""

from __future__ import annotations

import contextlib
import json
import re
import statistics
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from dev import build
from dev.emulator import Function, Worker, init_milliseconds
from dev.receivers import Receivers
from dev.stack import Stack, StackOptions

ROUNDS = 5
BARE = "(bare: boto3, a DynamoDB client)"
EVENTS = {
    "EvaluateFunction": "evaluate_schedule",
    "DispatchFunction": "dispatch_timer",
    "EscalateFunction": "escalate_first",
    "NotifySlackFunction": "notify_slack_firing",
    "NotifyPagerdutyFunction": "notify_pagerduty_firing",
    "NotifyEmailFunction": "notify_email_firing",
    "NotifyWebhookFunction": "notify_webhook_firing",
    "ApiFunction": "api_list",
    "ActFunction": "act_click",
}
# What the functions are compared with: a client at import, and one call.
BARE_HANDLER = """
import os
import boto3

client = boto3.client("dynamodb")

def handler(event, context):
    client.get_item(TableName=os.environ["TOCSIN_TABLE"], Key={"pk": {"S": "a"}, "sk": {"S": "b"}})
"""
_DURATION = re.compile(r"^REPORT RequestId: .*?\tDuration: ([0-9.]+) ms", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: milliseconds, medians; `ratio` is to the bare handler's start.

    `first_event` is what the emulator reports as the first event's duration: it holds the start.
    """

    function: str
    init: float
    ratio: float
    first_event: float
    problem: str = ""


@dataclass(frozen=True, slots=True)
class _Start:
    init: float
    first_event: float
    problem: str


def rows(rounds: int = ROUNDS) -> list[Row]:
    """Measure every function of the template."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, _stack() as (stack, python):
        functions = {name: function for name, function in stack._functions.items() if name in EVENTS}
        functions[BARE] = _bare(next(iter(functions.values())), Path(folder))
        measured: dict[str, list[_Start]] = {name: [] for name in functions}
        for number in range(rounds + 1):
            for name, function in functions.items():
                start = _start(function, python, _event(name, stack.pagerduty_url))
                if number:  # the first one of each compiles what it imports
                    measured[name].append(start)
    bare = statistics.median(start.init for start in measured[BARE])
    return [_row(name, measured[name], bare) for name in (BARE, *EVENTS) if name in measured]


def _row(name: str, starts: list[_Start], bare: float) -> Row:
    init = statistics.median(start.init for start in starts)
    first = statistics.median(start.first_event for start in starts)
    return Row(name, init, init / bare, first, next((start.problem for start in starts if start.problem), ""))


def _start(function: Function, python: Path, event: bytes) -> _Start:
    with tempfile.TemporaryFile("w+", encoding="utf-8") as log:
        worker = Worker(function, python, log, lambda source, text: None)
        try:
            invocation = worker.invoke(event)
        finally:
            worker.stop()
    inits, durations = init_milliseconds(invocation.logs), _DURATION.findall(invocation.logs)
    problem = str(invocation.payload.get("errorMessage", ""))[:200] if invocation.errored else ""
    return _Start(inits[-1] if inits else float("nan"), float(durations[-1]) if durations else float("nan"), problem)


def _event(name: str, pagerduty_url: str) -> bytes:
    if name == BARE:
        return b"{}"
    event = json.loads((build.PROJECT / "events" / f"{EVENTS[name]}.json").read_text(encoding="utf-8"))
    if name == "NotifyPagerdutyFunction":
        sns = event["Records"][0]["Sns"]
        message = json.loads(sns["Message"])
        message["settings"]["url"] = pagerduty_url
        sns["Message"] = json.dumps(message)
    return json.dumps(event).encode()


def _bare(like: Function, folder: Path) -> Function:
    (folder / "bare.py").write_text(BARE_HANDLER, encoding="utf-8")
    return replace(like, name="bare", logical_id="bare", handler="bare.handler", code=folder)


class _Stack:
    """The local AWS, and where PagerDuty is on this machine."""

    def __init__(self, stack: Stack, pagerduty_url: str) -> None:
        self._functions: Mapping[str, Function] = stack._functions
        self.pagerduty_url = pagerduty_url


@contextlib.contextmanager
def _stack() -> Iterator[tuple[_Stack, Path]]:
    artifacts = build.build()
    with Receivers() as receivers, _quiet_prometheus() as url:
        options = StackOptions(
            parameters={"PrometheusUrl": url, "EmailFrom": "tocsin@example.com"},
            secrets={
                "slack": {"warnings": receivers.slack_url("warnings")},
                "pagerduty": {"oncall": "0123456789abcdef0123456789abcdef"},
            },
            tick_seconds=0,
            artifacts=artifacts,
            delivers=False,
        )
        with Stack(options) as stack:
            yield _Stack(stack, receivers.pagerduty_url), artifacts.python


@contextlib.contextmanager
def _quiet_prometheus() -> Iterator[str]:
    """Run an endpoint that has no series: what is measured is our start, not its answer."""
    body = json.dumps({"status": "success", "data": {"resultType": "vector", "result": []}}).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
