"""The command as a person runs it, in this process: what it prints, and its exit status."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tocsin.cli.main import main

NOW = datetime(2026, 1, 1, 12, 30, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Ran:
    """What came of a command."""

    status: int
    out: str
    err: str

    @property
    def all(self) -> str:
        """Everything in one text for a golden file."""
        err = f"--- standard error ---\n{self.err}" if self.err else ""
        return f"{self.out}{err}--- exit status {self.status} ---\n"


@dataclass(frozen=True, slots=True)
class Shell:
    """Runs commands in one environment, at one time after another."""

    capture: pytest.CaptureFixture[str]
    environment: dict[str, str]
    folder: Path

    def run(self, *words: str, now: datetime = NOW, env: Mapping[str, str] | None = None, **variables: str) -> Ran:
        """Run `tocsin` with these words; variables are put over the environment."""
        try:
            status = main(words, environment={**self.environment, **(env or {}), **variables}, now=now)
        except SystemExit as ended:  # argparse ends the process itself
            status = ended.code if isinstance(ended.code, int) else 1
        captured = self.capture.readouterr()
        return Ran(status, *(text.replace(str(self.folder), "FOLDER") for text in captured))


def write_files(folder: Path, files: Mapping[str, str]) -> Path:
    """Write files by their names inside a folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder
