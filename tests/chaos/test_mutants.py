"""Every law is broken somewhere, each break still finds its place in the code, and the document says what caught it."""

from __future__ import annotations

import pytest

from tests.chaos.broken import BREAKS
from tests.chaos.figures import read_block, read_table
from tests.chaos.mutants import MUTANTS, ROOT

LAWS = range(1, 13)


def test_every_law_is_broken_once_at_least():
    assert {each.law for each in (*BREAKS, *MUTANTS)} == set(LAWS)


@pytest.mark.parametrize("mutant", MUTANTS, ids=[each.how for each in MUTANTS])
def test_what_is_broken_is_still_there_and_so_is_its_test(mutant):
    assert (ROOT / "functions" / "tocsin" / mutant.file).read_text(encoding="utf-8").count(mutant.old) == 1
    file, *_, test = mutant.test.split("::")
    assert f"def {test}(" in (ROOT / file).read_text(encoding="utf-8")


def test_the_document_says_what_caught_each():
    rows = read_table(read_block("chaos:mutants"))
    caught = [(str(each.law), each.how, f"`{each.test.rpartition('::')[2]}`") for each in MUTANTS]
    assert [tuple(row.values()) for row in rows] == caught
