"""The local stack with receivers that remember what came, and the command as a person would run it against them."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dev.receivers import Received, Receivers
from dev.stack import Stack, StackOptions

CONFIG = Path(__file__).parent / "config"
SECRET = "drill-webhooks"
ROUTING_KEY = "0" * 31 + "1"
# A storm's alerts come in at least so fast, whatever the machine: its groups wait until they are all there.
SECONDS_AN_ALERT = 0.03
LEAST_WAIT_SECONDS = 10


@dataclass
class Stage:
    """Everything that runs, and what went wrong in it."""

    receivers: Receivers
    stack: Stack
    problems: list[str] = field(default_factory=list)

    def run(self, *words: str, limit_seconds: float) -> int:
        """Run the command, which prints to where this prints; return its exit status."""
        command = [str(Path(sys.executable).parent / "tocsin"), *words]
        done = subprocess.run(
            command, env={**os.environ, **self.stack.environment}, check=False, timeout=limit_seconds, text=True
        )
        return done.returncode


@contextlib.contextmanager
def open_stage(*, storm_wait_seconds: float) -> Iterator[Stage]:
    """Start everything; what was started is stopped in the opposite order."""
    with contextlib.ExitStack() as running:
        receivers = running.enter_context(Receivers())
        problems: list[str] = []
        options = StackOptions(
            config_dir=CONFIG,
            parameters={"EmailFrom": "tocsin@example.com", "PrometheusUrl": "http://127.0.0.1:9"},
            tick_seconds=60,  # nothing is evaluated here: ticks only look for what is overdue
            secrets={
                "slack": {name: receivers.slack_url(name) for name in ("warnings", "critical")},
                "pagerduty": {"oncall": ROUTING_KEY},
            },
            environment={
                "TOCSIN_DRILL_WAIT": f"{storm_wait_seconds:.0f}s",
                "TOCSIN_PAGERDUTY_URL": receivers.pagerduty_url,
                "TOCSIN_SECRET_WEBHOOK": SECRET,
            },
            on_event=lambda source, text: problems.extend(_problem(source, text)),
        )
        stack = running.enter_context(Stack(options))
        stack.client("secretsmanager").create_secret(
            Name=SECRET, SecretString=json.dumps({"archive": receivers.webhook_url("archive")})
        )
        yield Stage(receivers, stack, problems)


def wait_for(alerts: int) -> float:
    """Return the group_wait of a storm's groups, in seconds."""
    return max(LEAST_WAIT_SECONDS, alerts * SECONDS_AN_ALERT)


def _problem(source: str, text: str) -> Iterator[str]:
    if source == "aws" or (source == "lambda" and "finally failed" in text):
        yield f"{source}: {text}"


# What came, as the receivers know it


def of_drill(received: Sequence[Received], name: str) -> list[Received]:
    """Return what came of the alerts of a drill; each receiver says it in its own way."""
    return [each for each in received if name in json.dumps(each.payload)]


def refused(received: Sequence[Received]) -> list[str]:
    """Return what a receiver had against what it got."""
    return [f"{each.integration} {each.target}: {problem}" for each in received for problem in each.problems]


def archived(received: Sequence[Received], status: str) -> Counter[str]:
    """Return how often each alert came to the archive in that state, by its fingerprint."""
    return Counter(
        alert["fingerprint"]
        for each in received
        if each.integration == "webhook"
        for alert in each.payload["alerts"]
        if alert["status"] == status
    )
