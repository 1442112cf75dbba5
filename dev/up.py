"""`make up`: the local stack in a terminal, until Ctrl-C.

python -m dev.stack [Parameter=value …] [--tick-seconds N] [--config FOLDER] [--secrets FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import signal
import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from dev import build, expand
from dev.cloud import CloudError
from dev.emulator import EmulatorError
from dev.parameters import ParameterError
from dev.resources import UnknownResourceTypesError
from dev.stack import Stack, StackOptions

# Every way in which starting can go wrong that is about what was given, not about this code.
EXPECTED_ERRORS = (
    build.BuildError,
    expand.TemplateError,
    CloudError,
    EmulatorError,
    ParameterError,
    UnknownResourceTypesError,
)


def main(arguments: list[str]) -> int:
    """Keep the stack up until interrupted."""
    try:
        options = _options(arguments)
        until = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: until.set())
        print("Building and starting the local stack …", flush=True)
        with Stack(options) as stack:
            print(_welcome(stack), flush=True)
            until.wait()
            print("\nStopping …", flush=True)
    except EXPECTED_ERRORS as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _options(arguments: list[str]) -> StackOptions:
    parser = argparse.ArgumentParser(prog="python -m dev.stack", description="Keep the local stack up until Ctrl-C.")
    parser.add_argument("parameters", nargs="*", metavar="Parameter=value", help="parameters of template.yaml")
    parser.add_argument("--tick-seconds", type=float, help="evaluate every N seconds instead of by the schedule")
    parser.add_argument("--config", type=Path, metavar="FOLDER", help="configuration to run with")
    parser.add_argument("--secrets", type=Path, metavar="FILE", help='JSON: {"slack": {"name": "url"}, …}')
    parsed = parser.parse_args(arguments)
    return StackOptions(
        parameters=given_parameters(parsed.parameters, os.environ),
        tick_seconds=parsed.tick_seconds,
        config_dir=parsed.config,
        secrets=json.loads(parsed.secrets.read_text(encoding="utf-8")) if parsed.secrets else {},
        on_event=_print_event,
    )


def given_parameters(pairs: list[str], environ: Mapping[str, str]) -> dict[str, str]:
    """Read `Name=value` arguments; PROMETHEUS_URL in the environment is the default of PrometheusUrl."""
    wrong = [pair for pair in pairs if "=" not in pair]
    if wrong:
        raise ParameterError([f"{pair!r} is not of the form Name=value" for pair in wrong])
    default = {"PrometheusUrl": environ["PROMETHEUS_URL"]} if environ.get("PROMETHEUS_URL") else {}
    return {**default, **dict(pair.split("=", 1) for pair in pairs)}


def _print_event(source: str, text: str) -> None:
    # In one write: threads tell of events, and print() would write the newline apart.
    sys.stdout.write(f"{datetime.now(UTC):%H:%M:%S} {source:24} {text}\n")
    sys.stdout.flush()


def _welcome(stack: Stack) -> str:
    without = ", ".join(sorted({kind.removeprefix("AWS::") for kind in stack.inert.values()}))
    lines = [
        "The local stack is up. Ctrl-C stops it.",
        f"  HTTP API          {stack.api_url}",
        f"  AWS (every one)   {stack.endpoint}",
        f"  function logs     {stack.logs_dir}",
        f"  without effect    {without}; permissions, encryption and TTL's deletion",
        "",
        "For another terminal:",
        *(f"  export {name}={shlex.quote(value)}" for name, value in sorted(stack.environment.items())),
        "",
    ]
    return "\n".join(lines)
