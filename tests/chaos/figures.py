"""The figures of docs/reliability.md: each block is written by the command that makes it, never by hand.

<!-- chaos:crash-points -->
…
<!-- /chaos:crash-points -->
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"


def write_block(name: str, text: str, *, command: str, document: Path = DOCUMENT) -> None:
    """Replace a block's content by a text and the command that made it. Raises LookupError where there is no block."""
    content = f"{text.strip()}\n\nMade by `{command}`."
    before, after = _pattern(name).subn(lambda found: f"{found[1]}\n{content}\n{found[3]}", document.read_text())
    if after != 1:
        raise LookupError(f"{document.name} has {after} blocks named {name}, not one")
    document.write_text(before)


def read_block(name: str, *, document: Path = DOCUMENT) -> str:
    """Return a block's content. Raises LookupError where there is no block."""
    found = _pattern(name).search(document.read_text())
    if found is None:
        raise LookupError(f"{document.name} has no block named {name}")
    return found[2].strip()


def table(heads: Sequence[str], rows: Iterable[Sequence[object]], *, numbers_from: int = 1) -> str:
    """Return a Markdown table; columns are aligned right from the one of that number on."""
    marks = ["---" if number < numbers_from else "--:" for number in range(len(heads))]
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in (heads, marks, *rows))


def read_table(text: str) -> list[dict[str, str]]:
    """Return the rows of the first Markdown table in a text."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    heads, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    return [dict(zip(heads, row, strict=True)) for row in rows]


def _pattern(name: str) -> re.Pattern[str]:
    return re.compile(rf"(<!-- {re.escape(name)} -->)(.*?)(<!-- /{re.escape(name)} -->)", re.DOTALL)
