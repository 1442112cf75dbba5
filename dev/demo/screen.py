"""The timeline as it happens: rich in a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import TextIO

from rich.console import Console
from rich.status import Status
from rich.table import Table
from rich.text import Text

from dev.demo.journal import Entry, Kind
from dev.demo.story import Result, Step

PLAIN_WIDTH = 150
_STYLES = {
    Kind.STORY: "bold magenta",
    Kind.METRIC: "yellow",
    Kind.RULE: "bold yellow",
    Kind.TIMER: "dim cyan",
    Kind.GROUP: "cyan",
    Kind.STEP: "bold blue",
    Kind.MESSAGE: "green",
    Kind.ACTION: "bold magenta",
    Kind.PROBLEM: "bold red",
}
_KIND_WIDTH = max(len(kind.value) for kind in Kind)


class Screen:
    """Writes entries and steps; times are counted from the moment at which the service went bad."""

    def __init__(self, file: TextIO | None = None) -> None:
        out = file or sys.stdout
        self.is_live = out.isatty()
        self.console = Console(file=out, width=None if self.is_live else PLAIN_WIDTH, highlight=False)
        self._status: Status | None = None

    def say(self, text: str) -> None:
        self.console.print(Text(text, style="bold"))

    def show(self, entry: Entry) -> None:
        """Write one line of the timeline."""
        self._row(clock(entry.seconds), entry.kind.value, entry.text, entry.why, _STYLES[entry.kind])

    def step_begins(self, step: Step) -> None:
        if self._status is not None:
            seconds = step.within + step.holds
            line = Text(f"{seconds:.0f} s at most: {step.name}")
            line.truncate(self.console.width - 3, overflow="ellipsis")
            self._status.update(line)

    def step_ended(self, result: Result) -> None:
        mark, style = ("✓", "bold green") if result.happened else ("✗", "bold red")
        self._row("", mark, result.step.name, f"{result.seconds:.1f} s", style)
        for missing in result.missing:
            self._row("", "", missing, "", "red")

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Keep a line at the bottom that says what is waited for; nothing where lines stay."""
        if not self.is_live:
            yield
            return
        with self.console.status("Starting …") as status:
            self._status = status
            try:
                yield
            finally:
                self._status = None

    def _row(self, clock: str, label: str, text: str, why: str, style: str) -> None:
        if not self.is_live:
            reason = f"  ({why})" if why else ""
            print(f"{clock:>7} {label:<{_KIND_WIDTH}} {text}{reason}", file=self.console.file, flush=True)
            return
        row = Table.grid(padding=(0, 1))
        row.add_column(width=7, justify="right", style="dim")
        row.add_column(width=_KIND_WIDTH)
        row.add_column()
        said = Text(text, style=style if label in "✓✗" else "")
        if why:
            said.append(f"  {why}", style="dim")
        row.add_row(clock, Text(label, style=style), said)
        self.console.print(row)


def clock(seconds: float | None) -> str:
    """Return seconds as the timeline shows them; empty where there are none."""
    return "" if seconds is None else f"{seconds:+.1f}s"
