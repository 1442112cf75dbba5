"""Stories of schedules: slow ones, late ones, and ticks that are lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.adapters.stores import dynamodb, new_table
from tests.stories.configurations import MINUTE, configuration, rule
from tests.stories.interruptions import Interruptions
from tests.stories.world import START, Died, World
from tocsin.core.alerts import Status
from tocsin.core.notifications import Reason
from tocsin.errors import StoreError
from tocsin.pipeline import evaluate
from tocsin.pipeline.patience import Patience
from tocsin.ports import RuleRecord

DISK = rule("DiskFull")
MISSED = "RuleGroupIterationsMissed"


def evaluations(world, *minutes):
    """Run ticks at these minutes after the start, and return those in which the rule was evaluated."""
    found = []
    for minute in minutes:
        before = world.log.counts.get("RuleEvaluations", 0)
        world.run_tick(at=START + minute * MINUTE)
        # Tocsin's own rules are evaluated in every tick.
        found += [minute] if world.log.counts["RuleEvaluations"] - before > OWN else []
    return found


OWN = 3


SCHEDULES = {
    "every minute, on the interval's grid": (5, range(1, 21), [5, 10, 15, 20]),
    "a schedule as slow as the interval, begun beside its grid": (5, range(3, 30, 5), [8, 13, 18, 23, 28]),
    "a schedule that is faster, but not as fast as a tick": (10, range(3, 60, 5), [13, 23, 33, 43, 53]),
    "a schedule that is slower than the interval": (5, range(3, 60, 15), [18, 33, 48]),
    "a lost tick is caught up at the next": (5, [1, 2, 3, 4, 6, 7, 8, 9, 10, 11], [6, 10]),
    "a tick that comes late is no other": (5, [4, 5, 4, 5, 6], [5]),
}


@pytest.mark.parametrize(("interval", "minutes", "due"), SCHEDULES.values(), ids=SCHEDULES)
def test_a_group_is_evaluated_once_in_each_of_its_intervals_in_which_there_is_a_tick(interval, minutes, due):
    assert evaluations(World(configuration(DISK, interval=interval * MINUTE)), *minutes) == due


def test_the_iterations_that_never_were_are_counted():
    world = World(configuration(DISK, interval=5 * MINUTE))
    assert evaluations(world, *range(1, 11)) == [5, 10]
    assert MISSED not in world.log.counts
    assert evaluations(world, 26, 27) == [26]
    assert world.log.counts[MISSED] == 2
    assert evaluations(world, 30) == [30]
    assert world.log.counts[MISSED] == 2


def _dies():
    raise Died


def test_a_tick_that_fails_before_its_end_is_caught_up_with_at_the_next():
    world = World(configuration(DISK, interval=10 * MINUTE))
    world.metric_goes_bad("DiskFull", instance="a")
    evaluations(world, 9)
    world._wrap = Interruptions(1, before=_dies).wrap
    assert world.run_tick(at=START + 10 * MINUTE) is None
    world._wrap = lambda target: target
    assert evaluations(world, 11, 12) == [11]
    assert MISSED not in world.log.counts


def _is_throttled():
    raise StoreError("throttled")


def test_a_rule_that_could_not_be_written_is_evaluated_again_at_the_next_tick():
    world = World(configuration(DISK, rule("Other"), interval=60 * MINUTE))
    world.metric_goes_bad("DiskFull", instance="a")
    assert evaluations(world, 58, 59) == []
    world._wrap = Interruptions(1, before=_is_throttled).wrap
    assert evaluations(world, 60) == [60]
    assert world.log.events("rule_not_written") != []
    world._wrap = lambda target: target
    assert evaluations(world, *range(61, 70)) == [61]
    world.now = START + 69 * MINUTE
    world.advance(minutes=1)
    world.expect_page("team", Status.FIRING, Reason.FIRST, alerts=["DiskFull/a"])
    assert MISSED not in world.log.counts


def test_what_is_announced_and_what_is_pending_are_both_looked_at_again_where_only_the_first_was_written():
    world = World(configuration(rule("DiskFull", hold_for=60 * MINUTE), interval=60 * MINUTE))
    world.metric_goes_bad("DiskFull", instance="a")
    assert evaluations(world, 59, 60) == [60]
    world.metric_goes_bad("DiskFull", instance="b")
    world._wrap = Interruptions(2, before=_is_throttled).wrap  # a's group is not told, and b is not pending
    assert evaluations(world, 120) == [120]
    assert [alert.labels["instance"] for alert in world.record("DiskFull").active.values()] == ["a"]
    world._wrap = lambda target: target
    assert evaluations(world, 121, 122) == [121]
    assert [alert.labels["instance"] for alert in world.record("DiskFull").active.values()] == ["a", "b"]


def test_a_rule_that_did_not_have_its_turn_is_evaluated_again_at_the_next_tick():
    world = World(configuration(DISK, rule("Other"), interval=60 * MINUTE))
    for name in ("DiskFull", "Other"):
        world.metric_goes_bad(name, instance="a")
    assert evaluations(world, 59) == []
    in_time = world.evaluate

    def out_of_time(world, loaded, *, now, only=None):
        return evaluate.run(replace(world, patience=Patience(until=0.0)), loaded, now=now, only=only)

    world.evaluate = out_of_time
    assert evaluations(world, 60) == [60]
    assert world.log.counts["RulesToldInPart"] == 1
    world.evaluate = in_time
    assert evaluations(world, 61, 62) == [61]
    world.now = START + 62 * MINUTE
    world.advance(minutes=1)
    assert sorted(page.notification.alerts[0].name for page in world.pages) == ["DiskFull", "Other"]


def test_a_rule_that_waits_for_its_record_is_evaluated_as_soon_as_that_is_there():
    world = World(configuration(DISK, interval=60 * MINUTE))
    world.metric_goes_bad("DiskFull", instance="a")
    assert evaluations(world, 59) == []
    key = DISK.key
    world.store.rules[key] = RuleRecord(key, is_lost=True)
    world._wrap = Interruptions(1, before=_is_throttled).wrap
    assert evaluations(world, 60) == []
    assert world.log.events("rule_records_not_restored") != []
    world._wrap = lambda target: target
    assert evaluations(world, 61, 62) == [61]
    assert [alert.labels["instance"] for alert in world.record("DiskFull").active.values()] == ["a"]


def test_a_rule_of_the_first_iteration_ever_is_evaluated_again_too():
    world = World(configuration(DISK, interval=60 * MINUTE))
    world.metric_goes_bad("DiskFull", instance="a")
    world._wrap = Interruptions(1, before=_is_throttled).wrap
    assert evaluations(world, 60) == [60]
    assert world.log.events("rule_not_written") != []
    world._wrap = lambda target: target
    assert evaluations(world, 61, 62, 120, 121) == [61, 120]
    assert MISSED not in world.log.counts


def test_a_slow_schedule_holds_for_and_tells():
    with dynamodb() as client:
        slow = configuration(rule("DiskFull", hold_for=15 * MINUTE), interval=10 * MINUTE)
        world = World(slow, store=new_table(client), tick=5 * MINUTE, start=START + 3 * MINUTE)
        world.metric_goes_bad("DiskFull", instance="a")
        world.advance(hours=1)
        world.expect_page("team", Status.FIRING, Reason.FIRST, alerts=["DiskFull/a"])
        world.metric_recovers("DiskFull", instance="a")
        world.advance(minutes=30)
        world.expect_page("team", Status.RESOLVED, Reason.ALL_RESOLVED)


def test_groups_that_are_due_in_every_tick_cost_no_write():
    world = World(configuration(DISK))
    world.advance(minutes=10)
    assert world.store.writes == 0
    world.configure(configuration(DISK, interval=5 * MINUTE))
    world.advance(minutes=20)
    assert 0 < world.store.writes <= 5, "one for each iteration, and for the first look"


def test_intervals_of_many_days_are_not_forgotten():
    with dynamodb() as client:
        world = World(configuration(DISK, interval=timedelta(days=3)), store=new_table(client))
        days = [day * 24 * 60 + 3 for day in range(13)]
        assert len(evaluations(world, *days)) == 4
