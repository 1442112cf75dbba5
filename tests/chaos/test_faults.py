"""The table of the neighbours' faults: every module of tests/faults is in it, and every row is in the document."""

from __future__ import annotations

import pytest

from tests.chaos.faults import NEIGHBOURS, ROOT, neighbour
from tests.chaos.figures import read_block, read_table

MODULES = sorted(file.stem for file in (ROOT / "tests" / "faults").glob("test_*.py"))


@pytest.mark.parametrize("module", MODULES)
def test_each_module_says_whom_it_lets_fail(module):
    assert neighbour(f"tests.faults.{module}") in NEIGHBOURS.values()


def test_a_module_that_nobody_knows_is_said():
    with pytest.raises(LookupError, match=r"whom does tests\.faults\.test_moons let fail"):
        neighbour("tests.faults.test_moons")


def test_the_document_has_every_neighbour_and_nothing_failed():
    rows = read_table(read_block("chaos:faults"))
    assert {row["neighbour"] for row in rows} == set(NEIGHBOURS.values())
    assert all(int(row["faults tried"]) > 0 for row in rows)
    assert {row["with anything lost, twice or untrue"] for row in rows} == {"0"}
