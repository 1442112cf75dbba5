"""The crash points of each life that fit into seconds; `make chaos` lives all of them."""

from __future__ import annotations

import pytest

from tests.chaos.__main__ import ALL, exceptions_table, points_table
from tests.chaos.broken import BREAKS
from tests.chaos.figures import read_block, read_table
from tests.chaos.points import choose_some, enumerate_points, live
from tests.chaos.scenarios import SCENARIOS, on_the_table, storm, storm_of_groups
from tests.chaos.ways import EXCEPTIONS

FEW = 60
LIVES = (*SCENARIOS, storm(1000, most_points=6), storm_of_groups(40, most_points=12), on_the_table(20, most_points=12))


@pytest.mark.parametrize("scenario", LIVES, ids=[each.name for each in LIVES])
def test_whatever_is_interrupted_nothing_is_lost_told_twice_or_stale(scenario):
    few = min(scenario.most_points or FEW, FEW)
    figures = enumerate_points(scenario, choose_some(few))
    assert figures.points == few
    assert figures.problems == []


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[each.name for each in SCENARIOS])
def test_an_undisturbed_life_tells_somebody_and_is_the_same_again(scenario):
    first, second = live(scenario), live(scenario)
    assert first.heard == second.heard != {}
    assert (first.left, first.calls) == (second.left, second.calls)


def test_the_document_has_the_figures_of_every_life_and_each_is_zero_that_must_be():
    rows = {row["life"]: row for row in read_table(read_block("chaos:crash-points"))}
    assert list(rows) == [*dict.fromkeys(each.row or each.name for each in ALL), "all"]
    for name, row in rows.items():
        wrong = {what: row[what] for what in ("lost", "twice", "stale", "otherwise wrong") if row[what] != "0"}
        assert wrong == {}, name
        assert row["points"] != "0"


def test_the_document_says_what_caught_each_break():
    rows = read_table(read_block("chaos:broken"))
    assert [(row["law"], row["how it was broken"]) for row in rows] == [(str(each.law), each.how) for each in BREAKS]
    assert all(row["what caught it"] != "nothing" for row in rows)


def test_the_document_names_every_exception():
    text = read_block("chaos:exceptions")
    assert text.startswith(exceptions_table())
    assert len(read_table(text)) == len(EXCEPTIONS)


def test_a_table_is_made_of_no_figures_too():
    assert read_table(points_table([]))[0]["points"] == "0"
