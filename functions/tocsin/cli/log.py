"""Log lines on standard error: what a cron job's log wants, and a person at a terminal sees in the output anyway."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TextIO

from ..core.labels import quote
from ..core.redaction import Redaction

# What the command itself says in its answer: a line of it beside that would be the same thing twice.
_SAID_BY_THE_COMMAND = frozenset({"request_refused"})


class StreamLog:
    """Warnings and errors, one line each, where the stream is not a terminal."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._is_quiet = self._stream.isatty()

    def info(self, event: str, **fields: object) -> None:
        return None

    def warning(self, event: str, **fields: object) -> None:
        self._write("WARNING", event, fields)

    def error(self, event: str, **fields: object) -> None:
        self._write("ERROR", event, fields)

    def count(self, metric: str, value: float = 1, **dimensions: str) -> None:
        return None

    def observe(self, metric: str, seconds: float, **dimensions: str) -> None:
        return None

    def _write(self, level: str, event: str, fields: dict[str, object]) -> None:
        if self._is_quiet or event in _SAID_BY_THE_COMMAND:
            return
        shown = Redaction().value(fields)
        said = "".join(f" {name}={_shown(value)}" for name, value in shown.items())
        print(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {level} {event}{said}", file=self._stream, flush=True)


def _shown(value: object) -> str:
    text = str(value)
    return text if text and not set(text) & set(' "=\n') else quote(text)
