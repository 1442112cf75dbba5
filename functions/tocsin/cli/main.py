"""The `tocsin` command: parse, run the command's module, turn errors into one line each and an exit status.

0  done                1  it failed, or something was found            2  wrong usage, or wrong configuration
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from .parser import build_parser

__all__ = ["build_parser", "main"]

FAILED, WRONG, INTERRUPTED = 1, 2, 130


def main(
    arguments: Sequence[str] | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    now: datetime | None = None,
) -> int:
    """Run a command and return its exit status; tests hand in the environment and the time."""
    parsed = build_parser().parse_args(arguments)
    module, _, function = parsed.run.partition(":")
    try:
        from .session import Session

        command = getattr(importlib.import_module(f"{__package__}.{module}"), function)
        status: int = command(parsed, Session(environment, now or datetime.now(UTC)))
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        # What reads our output has gone; Python must not complain about it at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:  # the bulkhead between our errors and a person
        return say(error)


def say(error: Exception) -> int:
    """Print an error, and return the exit status that it means."""
    from .failures import lines_of, status_of

    for line in lines_of(error):
        print(f"tocsin: {line}", file=sys.stderr)
    return status_of(error)
