"""Stories of rule records that can no longer be read: what had been told is not forgotten, and nothing ends untruly."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.adapters.stores import dynamodb, new_table
from tests.stories.configurations import MINUTE, configuration, receiver, rule
from tests.stories.interruptions import Interruptions
from tests.stories.world import Died, World
from tocsin.core.alerts import Status
from tocsin.core.notifications import Reason
from tocsin.core.rules import RuleKey
from tocsin.ports import RuleRecord

DOWN = rule("Down", hold_for=5 * MINUTE)
SETTINGS = {
    "at once": DOWN,
    "kept firing": replace(DOWN, keep_firing_for=3 * MINUTE),
    "to a receiver of its own": replace(DOWN, receivers=("team",)),
}


def lose(world, name="Down"):
    """Leave of a record what the table's adapter makes of one that cannot be read."""
    key = next(key for key in world.store.rules if name in key)
    record = world.store.rules[key]
    world.store.rules[key] = RuleRecord(
        key, error="gone", receivers=record.receivers, is_lost=True, version=record.version
    )


def firing_world(*rules, **more):
    world = World(configuration(*(rules or (DOWN,)), **more))
    world.metric_goes_bad("Down", instance="a")
    world.metric_goes_bad("Down", instance="b")
    world.advance(minutes=8)
    world.expect_page("team", Status.FIRING, Reason.FIRST, alerts=["Down/a", "Down/b"])
    return world


def expect_the_end_and_nothing_left(world):
    world.advance(minutes=20)
    world.expect_page("team", Status.RESOLVED, Reason.ALL_RESOLVED)
    world.advance(hours=6)
    world.expect_silence()
    assert world.store.active_groups() == []
    assert not world.record("Down").active


@pytest.mark.parametrize("lost", SETTINGS.values(), ids=SETTINGS)
def test_what_has_recovered_meanwhile_ends_and_what_fires_goes_on(lost):
    world = firing_world(lost)
    lose(world)
    world.metric_recovers("Down", instance="a")
    world.advance(minutes=15)
    world.expect_page("team", Status.FIRING, Reason.NEW_RESOLVED, alerts=["Down/b"], resolved=["Down/a"])
    world.expect_silence()
    (kept,) = world.record("Down").active.values()
    assert kept.active_at == world.pages[0].notification.alerts[1].starts_at
    world.metric_recovers("Down", instance="b")
    expect_the_end_and_nothing_left(world)
    assert world.log.counts["RuleRecordsLost"] == 1


def test_what_still_fires_is_told_to_nobody():
    world = firing_world()
    lose(world)
    world.advance(minutes=30)
    world.expect_silence()
    for instance in "ab":
        world.metric_recovers("Down", instance=instance)
    expect_the_end_and_nothing_left(world)


def test_while_the_query_fails_nothing_ends():
    world = firing_world()
    lose(world)
    world.query_fails("Down")
    world.advance(minutes=4)
    world.query_works("Down")
    world.metric_recovers("Down", instance="a")
    world.metric_recovers("Down", instance="b")
    expect_the_end_and_nothing_left(world)


def test_until_the_rule_is_due_nothing_ends():
    world = firing_world()
    world.configure(configuration(DOWN, interval=timedelta(hours=1)))
    lose(world)
    world.advance(minutes=40)
    world.expect_silence()
    assert len(world.record("Down").active) == 2
    assert world.log.counts["RuleRecordsLost"] == 1
    for instance in "ab":
        world.metric_recovers("Down", instance=instance)
    world.advance(minutes=40)
    expect_the_end_and_nothing_left(world)


def test_a_rule_that_is_gone_too_ends():
    world = firing_world()
    lose(world)
    world.configure(configuration(rule("Other")))
    expect_the_end_and_nothing_left(world)


def test_what_other_rules_fire_and_what_was_sent_is_not_its_own():
    others = [rule("Other"), replace(rule("Down", severity="info"), key=RuleKey("rules.yml;stories;Down;1"))]
    world = World(configuration(DOWN, *others, receivers=[receiver("boss")]))
    world.metric_goes_bad("Down", instance="a")
    world.metric_goes_bad("Other", instance="a")
    world.source_fires("Down", instance="sent", severity="critical")
    world.advance(minutes=8)
    before = {key: record.active for key, record in world.store.rules.items()}
    lose(world)
    world.advance(minutes=1)
    after = {key: record.active for key, record in world.store.rules.items()}
    assert {key: set(each) for key, each in after.items()} == {key: set(each) for key, each in before.items()}


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_whatever_is_interrupted_then_is_taken_up_again(before):
    def dies():
        raise Died

    number, calls = 0, Interruptions()
    while number == 0 or number <= len(calls.calls):
        calls = Interruptions(number, **{"before" if before else "after": dies})
        world = firing_world()
        lose(world)
        world._wrap = calls.wrap
        world.metric_recovers("Down", instance="a")
        world.advance(minutes=1)
        world._wrap = lambda target: target
        world.advance(minutes=10)
        world.expect_page("team", Status.FIRING, Reason.NEW_RESOLVED, alerts=["Down/b"], resolved=["Down/a"])
        world.metric_recovers("Down", instance="b")
        expect_the_end_and_nothing_left(world)
        number += 1


def test_groups_that_cannot_be_read_either_leave_it_as_it_is_until_they_can():
    world = firing_world()
    lose(world)
    calls = Interruptions(1, before=lambda: 1 / 0)
    world._wrap = calls.wrap
    world.advance(minutes=1)
    assert calls.calls[1] == "active_groups"
    assert world.record("Down").is_lost
    world._wrap = lambda target: target
    world.advance(minutes=1)
    assert len(world.record("Down").active) == 2
    world.expect_silence()


def test_a_record_in_the_table_whose_data_is_not_what_was_written():
    with dynamodb() as client:
        store = new_table(client)
        world = World(configuration(DOWN), store=store)
        world.metric_goes_bad("Down", instance="a")
        world.advance(minutes=8)
        client.update_item(
            TableName=store.table_name,
            Key={"pk": {"S": "rules"}, "sk": {"S": DOWN.key}},
            UpdateExpression="SET #data = :data",
            ExpressionAttributeNames={"#data": "data"},
            ExpressionAttributeValues={":data": {"B": b"no such thing"}},
        )
        assert world.record("Down").is_lost
        world.metric_recovers("Down", instance="a")
        world.advance(minutes=15)
        world.expect_page("team", Status.FIRING, Reason.FIRST)
        world.expect_page("team", Status.RESOLVED, Reason.ALL_RESOLVED)
        world.expect_silence()
        assert store.active_groups() == []
