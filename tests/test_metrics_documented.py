"""The metrics that docs/operations.md names are those that the code counts, all of them and no others."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
_COUNTED = re.compile(r'\.(?:count|observe)\(\s*"([A-Z]\w+)"')
_NAMED = re.compile(r"`([A-Z]\w+)`")


def counted() -> set[str]:
    sources = (ROOT / "functions").rglob("*.py")
    return {name for path in sources for name in _COUNTED.findall(path.read_text(encoding="utf-8"))}


def documented(text: str) -> set[str]:
    """Return the names in the first column of the table whose head is `metric`."""
    rows = text.partition("| metric |")[2].partition("\n\n")[0].splitlines()[2:]
    return {name for row in rows for name in _NAMED.findall(row.split("|")[1])}


def test_every_metric_is_documented_and_every_documented_one_is_counted():
    assert documented((ROOT / "docs/operations.md").read_text(encoding="utf-8")) == counted()


def test_a_metric_that_nobody_counts_would_be_found():
    text = "| metric | counts |\n|---|---|\n| `TickCompleted`, `Imagined` | x |\n\nMore."
    assert documented(text) - counted() == {"Imagined"}
