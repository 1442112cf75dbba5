"""What the fuzzed code works in: installations in memory, and functions with such an installation inside."""

from __future__ import annotations

import importlib
import json
import os
import sys
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from tests.cli.states import api_of, burning
from tests.stories.configurations import configuration, receiver, rule
from tests.stories.world import World
from tocsin.adapters.memory import FixedConfigurations
from tocsin.adapters.memory_receipts import MemoryReceipts
from tocsin.core.notifications import Notification, as_json, from_json
from tocsin.core.receivers import Kind
from tocsin.pipeline.clicks import Performer
from tocsin.web.api import answer
from tocsin.web.http import Refused, as_event, parse_event
from tocsin.web.identities import EVERYTHING, Identity
from tocsin.wiring import Application, compile_pattern


@cache
def told() -> Notification:
    """Return a notification with three alerts, one of which is resolved."""
    world = World(configuration(rule("DiskFull"), receivers=[receiver("team", Kind.SLACK)]))
    for instance in ("a", "b", "c"):
        world.metric_goes_bad("DiskFull", instance=instance, value=0.97)
    world.advance(minutes=2)
    world.metric_recovers("DiskFull", instance="b")
    world.advance(minutes=6)
    return from_json(json.loads(world.topic.messages[-1]))


def message() -> dict[str, Any]:
    """Return the message of SNS that `told` came as."""
    return as_json(told())


@dataclass(slots=True)
class Functions:
    """The functions' handlers, each over an installation in memory; a fresh one after so many events."""

    world: World
    runs: int = 0

    def run(self, function: str, event: Any) -> Any:
        self.runs += 1
        if self.runs % 200 == 0:
            self.world = burning()
        module = _module(function)
        module.app = self._application(function)
        return module.handler(event, None)

    def _application(self, function: str) -> Application:
        world = self.world
        app = Application(function, _ENVIRONMENT)
        configurations = FixedConfigurations(world.loaded)
        parts: dict[str, Any] = {
            "log": _Quiet(),
            "configurations": configurations,
            "evaluator": world.evaluator(),
            "dispatcher": world.dispatcher(),
            "escalator": world.escalator(),
            "notifier": world.notifier(),
            "performer": Performer(world.desk(), configurations, MemoryReceipts(), _no_reply, world.store),
            "ticks": _NoTicks(),
            "api": replace(api_of(world), compile_pattern=compile_pattern),
        }
        app.__dict__.update(parts)
        return app


_ENVIRONMENT = {
    "TOCSIN_TABLE": "t",
    "TOCSIN_TOPIC_ARN": "arn:aws:sns:eu-west-1:123456789012:t",
    "TOCSIN_TIMER_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/t",
    "TOCSIN_STATE_MACHINE_ARN": "arn:aws:states:eu-west-1:123456789012:stateMachine:t",
    "TOCSIN_PROMETHEUS_URL": "http://127.0.0.1:1",
    "AWS_REGION": "eu-west-1",
}


def _no_reply(url: str, text: str, *, now: object) -> None:
    """Tell nobody."""


class _NoTicks:
    """A queue of ticks that forgets them."""

    def announce_tick(self, at: object, *, now: object) -> None:
        """Announce nothing."""


class _Quiet:
    """A log that nobody reads; what is logged has to be JSON all the same."""

    def info(self, event: str, **fields: object) -> None:
        json.dumps(fields, default=repr)

    warning = error = info

    def count(self, metric: str, value: float = 1, **dimensions: str) -> None:
        """Count nothing."""

    def observe(self, metric: str, seconds: float, **dimensions: str) -> None:
        """Measure nothing."""

    def flush(self) -> None:
        """Write nothing."""


@cache
def _module(function: str) -> Any:
    os.environ.setdefault("AWS_REGION", "eu-west-1")
    functions = str(Path(__file__).parents[2] / "functions")
    if functions not in sys.path:
        sys.path.insert(0, functions)
    return importlib.import_module(f"{function}.handler")


def ask(world: World, event: Any) -> dict[str, Any]:
    """Return what the API answers to an event, as its function does, of somebody who may do everything."""
    try:
        request = parse_event(event)
        request = replace(request, identity=request.identity or Identity("ann", EVERYTHING))
        return as_event(answer(replace(api_of(world), compile_pattern=compile_pattern), request, now=world.now))
    except Refused as refused:
        return as_event(refused.response)
