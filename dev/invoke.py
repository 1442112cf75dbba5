"""`make invoke`: one built function, in Lambda's runtime emulator, on one event, with the local AWS behind it.

    python -m dev.invoke EvaluateFunction events/evaluate_schedule.json [Parameter=value …]

The function's log goes to stderr and its answer to stdout. The exit status is 1 when the function failed, 2 when there
was nothing sensible to run. What the function sends stays in the local queues and topics: no other function runs.
"""

from __future__ import annotations

import argparse
import difflib
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

from dev import build, expand
from dev.stack import Stack, StackOptions
from dev.up import EXPECTED_ERRORS, given_parameters


class UsageError(Exception):
    """What was asked for does not exist or cannot be read."""


def main(arguments: list[str]) -> int:
    """Run the function and show what came of it."""
    parser = argparse.ArgumentParser(prog="python -m dev.invoke", description="Run one function on one event.")
    parser.add_argument("function", help="logical id in template.yaml, e.g. EvaluateFunction")
    parser.add_argument("event", help="a JSON file, or - for stdin")
    parser.add_argument("parameters", nargs="*", metavar="Parameter=value", help="parameters of template.yaml")
    parsed = parser.parse_args(arguments)
    try:
        options = StackOptions(
            parameters=given_parameters(parsed.parameters, os.environ), tick_seconds=0, delivers=False
        )
        check_function(options.template, parsed.function)
        return _run(options, parsed.function, read_event(parsed.event))
    except (UsageError, *EXPECTED_ERRORS) as error:
        print(error, file=sys.stderr)
        return 2


def check_function(template: Path, name: str) -> None:
    """Raise UsageError, with the nearest name, unless the template has this function."""
    known = sorted(build.functions(expand.read(template)))
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
        meant = f" Did you mean {near[0]}?" if near else ""
        raise UsageError(f"There is no function {name!r}.{meant} {template.name} has: {', '.join(known)}")


def read_event(source: str) -> Any:
    """Read the event, or raise UsageError that says where it is wrong."""
    try:
        return json.loads(sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8"))
    except OSError as error:
        near = _events_beside(Path(source))
        raise UsageError(f"The event {source} cannot be read: {error.strerror}.{near}") from error
    except json.JSONDecodeError as error:
        raise UsageError(f"{source}:{error.lineno}:{error.colno}: not JSON: {error.msg}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{source}: not UTF-8 text: {error.reason} at byte {error.start}") from error


def _events_beside(path: Path) -> str:
    folder = build.PROJECT / "events"
    names = [file.relative_to(build.PROJECT).as_posix() for file in sorted(folder.rglob("*.json"))]
    near = difflib.get_close_matches(path.as_posix(), names, n=3, cutoff=0.4)
    return f" Did you mean {' or '.join(near)}?" if near else ""


def _without_emulator(logs: str) -> str:
    """Leave out the emulator's own lines, which Lambda does not write, and its wrong figure of the start-up."""
    lines = [line for line in logs.splitlines() if "(rapid)" not in line]
    return re.sub(r"Init Duration: [0-9.]+ ms\t", "", "\n".join(lines))


def _run(options: StackOptions, function: str, event: Any) -> int:
    with Stack(options) as stack:
        invocation = stack.invoke(function, event)
        print(_without_emulator(invocation.logs), file=sys.stderr)
        print(json.dumps(invocation.payload, indent=2, ensure_ascii=False))
    return 1 if invocation.errored else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
