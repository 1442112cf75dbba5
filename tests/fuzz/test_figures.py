"""The table of what was fuzzed in docs/reliability.md: it names the doors that there are."""

from __future__ import annotations

from tests.chaos.figures import read_block, read_table
from tests.fuzz.targets import TARGETS


def test_the_figures_name_every_door_and_no_other() -> None:
    rows = read_table(read_block("fuzz"))
    assert [row["door"] for row in rows] == [*TARGETS, "together"]
    assert all(int(row["inputs"].replace(",", "")) > 0 for row in rows)


def test_nothing_that_was_found_is_left() -> None:
    assert {row["findings"] for row in read_table(read_block("fuzz"))} == {"0"}
