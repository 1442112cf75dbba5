"""Columns, as Go's tabwriter sets them for amtool: two spaces between cells, each row ended by a cell of its own."""

from __future__ import annotations

from collections.abc import Sequence

PADDING = 2


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a line for each row; every row has as many cells."""
    cells = [[_on_one_line(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) + PADDING for column in zip(*cells, strict=True)]
    return ["".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells]


def _on_one_line(text: str) -> str:
    return text.replace("\r", r"\r").replace("\n", r"\n").replace("\t", " ")
