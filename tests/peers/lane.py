"""The whole stack, fresh for every script that is played to it: a program, since a process has one stack at a time.

A line of JSON on the standard input is a script; a line on the standard output is what its sink heard, or what failed.
It ends with its input.

    python -m tests.peers.lane
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from dev import build
from dev.stack import Stack, StackOptions
from tests.peers.playing import PLACEHOLDER, Sink, call, play

# As late as a request may come and still be the one that is waited for.
LINGER_SECONDS = 1.5
# Two of each, as in an account where something has happened in the last minutes.
WARM = 2
# What is warmed up with may be muted by the configuration.
WARM_SECONDS = 4.0
# Until a delivery that was heard is recorded.
SETTLE_SECONDS = 0.3


def main() -> None:
    # Whatever prints must not get between the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    artifacts = build.build()
    for line in sys.stdin:
        answer: dict[str, Any]
        try:
            answer = {"heard": perform(json.loads(line), artifacts)}
        except Exception:
            answer = {"failed": traceback.format_exc()}
        print(json.dumps(answer), file=answers, flush=True)


def perform(case: Mapping[str, Any], artifacts: build.Artifacts) -> list[dict[str, Any]]:
    """Play a script to a new stack."""
    with contextlib.ExitStack() as undo:
        sink = undo.enter_context(Sink())
        folder = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="lane-")))
        (folder / "alertmanager.yml").write_text(case["config"].replace(PLACEHOLDER, sink.url), encoding="utf-8")
        (folder / "tocsin.yml").write_text("compatibility: alertmanager\n", encoding="utf-8")
        options = StackOptions(
            config_dir=folder,
            tick_seconds=0,
            artifacts=artifacts,
            environment={"TOCSIN_ALLOW_INLINE_SECRETS": "true"},
        )
        stack = undo.enter_context(Stack(options))
        warm(stack, sink)
        return [heard.as_json() for heard in play(case, stack.api_url, sink, linger=LINGER_SECONDS)]


def warm(stack: Stack, sink: Sink) -> None:
    """Start every runtime, tell one alert all the way to the sink, and forget it: scripts are timed in tenths."""
    nothing = {"group": "0" * 32, "at": datetime.now(UTC).isoformat()}
    timer = {"messageId": "warm", "body": json.dumps(nothing), "eventSource": "aws:sqs"}
    with ThreadPoolExecutor(4) as threads:
        for _ in range(WARM):
            threads.submit(stack.invoke, "DispatchFunction", {"Records": [timer]})
            threads.submit(stack.invoke, "NotifyWebhookFunction", {"Records": []})
        call(f"{stack.api_url}/api/v2/alerts")
        call(f"{stack.api_url}/api/v2/silences")
    # It began long ago, so its group does not wait.
    old = {"labels": {"alertname": "Warm"}, "startsAt": (datetime.now(UTC) - timedelta(hours=1)).isoformat()}
    call(f"{stack.api_url}/api/v2/alerts", "POST", [old])
    deadline = time.monotonic() + WARM_SECONDS
    while not sink.heard(0.0) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(SETTLE_SECONDS)
    empty(stack)


def empty(stack: Stack) -> None:
    """Delete everything in the table; a timer of what was there then finds nothing."""
    table, client = stack.physical_id("Table"), stack.client("dynamodb")
    keys = [each["AttributeName"] for each in client.describe_table(TableName=table)["Table"]["KeySchema"]]
    for item in client.scan(TableName=table)["Items"]:
        client.delete_item(TableName=table, Key={name: item[name] for name in keys})


if __name__ == "__main__":
    main()
