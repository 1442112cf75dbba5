"""Blocks of figures are replaced as a whole, and nothing else is."""

from __future__ import annotations

import pytest

from tests.chaos.figures import read_block, read_table, table, write_block


def test_a_block_is_replaced_and_what_stands_around_it_stays(tmp_path):
    document = tmp_path / "reliability.md"
    document.write_text("before\n<!-- a -->\nold\n<!-- /a -->\nbetween\n<!-- b -->\n<!-- /b -->\nafter\n")
    for _ in range(2):
        write_block("a", "| \\1 |\n", command="make a", document=document)
    assert document.read_text() == (
        "before\n<!-- a -->\n| \\1 |\n\nMade by `make a`.\n<!-- /a -->\nbetween\n<!-- b -->\n<!-- /b -->\nafter\n"
    )
    assert read_block("b", document=document) == ""


def test_a_block_that_is_not_there_is_said(tmp_path):
    document = tmp_path / "reliability.md"
    document.write_text("nothing")
    with pytest.raises(LookupError, match="has 0 blocks named a, not one"):
        write_block("a", "text", command="make a", document=document)
    with pytest.raises(LookupError, match="no block named a"):
        read_block("a", document=document)


def test_a_table_is_read_as_it_was_written():
    text = table(["scenario", "lost"], [["fires", 0], ["resolves", 2]])
    assert text.splitlines()[:2] == ["| scenario | lost |", "| --- | --: |"]
    assert read_table(text) == [{"scenario": "fires", "lost": "0"}, {"scenario": "resolves", "lost": "2"}]
