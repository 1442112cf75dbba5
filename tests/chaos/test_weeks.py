"""A few random weeks, and that they see what is broken; `make chaos` tells a thousand of them."""

from __future__ import annotations

import pytest

from tests.chaos.broken import BREAKS
from tests.chaos.model import BrokenError
from tests.chaos.week import Week
from tests.chaos.weeks import STEPS, Telling, tell

RUNS, LENGTH = 15, 60
SEEN = ("told first, then committed", "delivered without a claim", "no sweep")


def test_nobody_loses_anything_in_a_few_random_weeks():
    figures = tell(RUNS, LENGTH)
    assert figures["runs"] >= RUNS
    assert figures["pages"] > RUNS
    assert figures["ticks"] > RUNS * LENGTH / 2


@pytest.mark.parametrize("how", SEEN)
def test_a_law_that_is_broken_is_seen(how):
    """And the story that is told of it is a short one."""
    change = next(each.change for each in BREAKS if each.how == how)

    def make(situation: str, *, warm: bool) -> Week:
        week = Week(situation, warm=warm)
        change(week)
        return week

    with pytest.raises(BrokenError) as raised:
        tell(60, 80, telling=Telling(make))
    told = [line for line in str(raised.value).splitlines() if line.startswith("week.")]
    assert 0 < len(told) <= 20


def test_every_step_of_a_week_can_be_told():
    assert [verb for verb in STEPS if not callable(getattr(Week, verb, None))] == []
