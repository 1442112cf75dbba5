"""Stories of rules that share an alert, and of rules that are moved: nobody is told of an end that is none."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.adapters.stores import dynamodb, new_table
from tests.stories.configurations import MINUTE, configuration, equal, receiver, rule
from tests.stories.interruptions import Interruptions
from tests.stories.world import Died, World
from tocsin import config
from tocsin.core.alerts import Status
from tocsin.core.inhibition import InhibitRule, InhibitSource
from tocsin.core.notifications import Reason
from tocsin.core.rules import RuleGroup, RuleKey, Sample
from tocsin.errors import StoreError

ALERTMANAGER = b"""
route: {receiver: team, group_by: [alertname], group_wait: 10s, group_interval: 2m, repeat_interval: 20m}
receivers: [{name: team, slack_configs: [{api_url_file: 'secret:slack#team', send_resolved: true}]}]
"""
LOW, HIGH = "disk > 80", "disk > 95"


def at(name, where, *, expr, **more):
    """Return a rule of this name and expression under a key of its own: file;group;ordinal."""
    file, group, ordinal = where.split(";")
    return replace(rule(name, **more), key=RuleKey(f"{file};{group};{name};{ordinal}"), expr=expr)


ONE = at("DiskFull", "a.yml;disks;0", expr=LOW)
OTHER = at("DiskFull", "a.yml;disks;1", expr=HIGH, annotations={"summary": "nearly nothing left"})


def fires(world, *exprs):
    for each in exprs:
        world.metrics.results[each] = (Sample({"instance": "a"}, 99.0),)


def recovers(world, *exprs):
    for each in exprs:
        world.metrics.results[each] = ()


def sharing_world(*rules, **more):
    world = World(configuration(*(rules or (ONE, OTHER))), **more)
    fires(world, LOW, HIGH)
    world.advance(minutes=5)
    return world


def expect_one_end_and_nothing_left(world):
    recovers(world, LOW, HIGH)
    world.advance(minutes=20)
    world.expect_page("team", Status.RESOLVED, Reason.ALL_RESOLVED, resolved=["DiskFull/a"])
    world.advance(hours=1)
    world.expect_silence()
    assert world.store.active_groups() == []
    assert not any(record.active or record.owed for record in world.store.load_rules(now=world.now).values())


# One alert by two rules


def test_while_another_rule_fires_the_same_alert_its_recovery_by_one_is_no_end():
    world = sharing_world()
    world.expect_page("team", Status.FIRING, Reason.FIRST, alerts=["DiskFull/a"])
    recovers(world, LOW)
    world.advance(hours=5)
    note = world.expect_page("team", Status.FIRING, Reason.REPEAT, alerts=["DiskFull/a"])
    assert note.alerts[0].annotations["summary"] == "nearly nothing left", "in the words of the rule that fires it"
    world.expect_silence()
    expect_one_end_and_nothing_left(world)


def test_a_rule_that_recovered_and_fires_it_again_owes_no_end():
    world = sharing_world()
    recovers(world, LOW)
    world.advance(minutes=5)
    fires(world, LOW)
    world.advance(minutes=5)
    recovers(world, HIGH)
    world.advance(minutes=15)
    world.expect_page("team", Status.FIRING, Reason.FIRST)
    world.expect_silence()
    expect_one_end_and_nothing_left(world)


def test_both_may_recover_at_once():
    world = sharing_world()
    world.expect_page("team", Status.FIRING, Reason.FIRST)
    expect_one_end_and_nothing_left(world)


def test_a_rule_that_fires_it_later_speaks_of_the_alert_that_began_earlier():
    world = World(configuration(ONE, OTHER))
    fires(world, LOW)
    world.advance(minutes=5)
    began = world.expect_page("team", Status.FIRING, Reason.FIRST).alerts[0].starts_at
    fires(world, HIGH)
    world.advance(minutes=5)
    recovers(world, LOW)
    world.advance(hours=5)
    assert world.expect_page("team", Status.FIRING, Reason.REPEAT).alerts[0].starts_at == began
    world.expect_silence()


def test_what_the_other_rule_fires_stays_told_while_its_query_fails():
    world = sharing_world()
    world.expect_page("team", Status.FIRING, Reason.FIRST)
    world.query_fails(HIGH)
    recovers(world, LOW)
    world.advance(minutes=4)
    world.expect_silence()
    recovers(world, HIGH)
    world.advance(minutes=20)
    world.expect_page("team", Status.RESOLVED, Reason.ALL_RESOLVED, resolved=["DiskFull/a"])
    world.expect_silence()


def test_it_stays_told_while_the_other_rule_is_not_due():
    base = configuration(ONE)
    slow = RuleGroup("slow", "a.yml", (OTHER,), interval=30 * MINUTE)
    world = World(replace(base, rule_groups=(*base.rule_groups, slow)))
    fires(world, LOW, HIGH)
    world.advance(minutes=32)
    world.expect_page("team", Status.FIRING, Reason.FIRST)
    recovers(world, LOW)
    world.advance(minutes=20)
    world.expect_silence()
    world.advance(minutes=90)
    recovers(world, HIGH)
    world.advance(minutes=50)
    world.expect_page("team", Status.RESOLVED, Reason.ALL_RESOLVED, resolved=["DiskFull/a"])
    world.expect_silence()
    assert world.store.active_groups() == []


def test_rules_that_tell_different_receivers_each_tell_their_own():
    rules = [replace(ONE, receivers=("dba",)), replace(OTHER, receivers=("team",))]
    world = World(configuration(*rules, receivers=[receiver("dba")]))
    fires(world, LOW, HIGH)
    world.advance(minutes=5)
    recovers(world, LOW)
    world.advance(minutes=20)
    assert {(page.receiver, page.notification.status) for page in world.pages[:2]} == {
        ("dba", Status.FIRING),
        ("team", Status.FIRING),
    }
    assert [(page.receiver, page.notification.status) for page in world.pages[2:]] == [("dba", Status.RESOLVED)]


def test_what_ends_for_one_receiver_and_fires_for_another_still_inhibits():
    source = InhibitSource((equal("alertname", "DiskFull"),), equal=("instance",))
    inhibits = InhibitRule(sources=(source,), targets=(equal("alertname", "Slow"),))
    rules = [replace(ONE, receivers=("dba",)), replace(OTHER, receivers=("boss",)), rule("Slow")]
    receivers = [receiver("dba"), receiver("boss")]
    world = World(replace(configuration(*rules, receivers=receivers), inhibit_rules=(inhibits,)))
    fires(world, LOW, HIGH)
    world.advance(minutes=5)
    recovers(world, LOW)
    world.advance(minutes=20)
    world.metric_goes_bad("Slow", instance="a")
    world.advance(minutes=20)
    assert "team" not in {page.receiver for page in world.pages}
    recovers(world, HIGH)
    world.advance(minutes=20)
    assert world.pages[-1].receiver == "team"


def test_a_rule_that_is_deleted_ends_nothing_that_another_fires():
    world = sharing_world()
    world.expect_page("team", Status.FIRING, Reason.FIRST)
    world.configure(configuration(OTHER))
    world.advance(hours=3)
    world.expect_silence()
    expect_one_end_and_nothing_left(world)


# A death before or after each call


def _dies():
    raise Died


def _fails():
    raise StoreError("the table answered 500")


@pytest.mark.parametrize("happens", [_dies, _fails])
@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("change", ["deleted", "recovers", "the other fires first now"])
def test_whatever_is_interrupted_nobody_hears_an_untrue_end(happens, before, change):
    number, calls = 0, Interruptions()
    while number == 0 or number <= len(calls.calls):
        calls = Interruptions(number, **{"before" if before else "after": happens})
        world = World(configuration(ONE, OTHER))
        fires(world, LOW) if change == "the other fires first now" else fires(world, LOW, HIGH)
        world.advance(minutes=5)
        world._wrap = calls.wrap
        fires(world, HIGH)
        if change == "deleted":
            world.configure(configuration(OTHER))
        else:
            recovers(world, LOW)
        world.advance(minutes=3)
        world._wrap = lambda target: target
        world.advance(minutes=15)
        world.expect_page("team", Status.FIRING, Reason.FIRST, alerts=["DiskFull/a"])
        world.expect_silence()
        expect_one_end_and_nothing_left(world)
        number += 1


# Rules that are moved


SLOW = timedelta(minutes=5)


def moved(before, after):
    """Return a world in which the rules of the first configuration, which fire, have become those of the second."""
    world = World(configuration(*before))
    fires(world, LOW, HIGH)
    world.advance(minutes=8)
    world.configure(configuration(*after))
    return world


def states(world):
    """Return what fires, by key, with when it was first seen and told."""
    return {
        key: [(alert.active_at, alert.fired_at) for alert in record.active.values()]
        for key, record in world.store.load_rules(now=world.now).items()
        if record.active and "DiskFull" in key
    }


WARNING = at("DiskFull", "a.yml;disks;0", expr=LOW, severity="warning", hold_for=SLOW)
CRITICAL = at("DiskFull", "a.yml;disks;0", expr=HIGH, severity="critical", hold_for=SLOW)


def under(rule_, where):
    file, group, ordinal = where.split(";")
    return replace(rule_, group=group, key=RuleKey(f"{file};{group};{rule_.name};{ordinal}"))


MOVES = {
    "the file is renamed": ([CRITICAL], [under(CRITICAL, "b.yml;disks;0")]),
    "the group is renamed": ([CRITICAL], [under(CRITICAL, "a.yml;storage;0")]),
    "another is put before it": ([CRITICAL], [WARNING, under(CRITICAL, "a.yml;disks;1")]),
    "the one before it is deleted": ([WARNING, under(CRITICAL, "a.yml;disks;1")], [CRITICAL]),
    "two change places": ([WARNING, under(CRITICAL, "a.yml;disks;1")], [CRITICAL, under(WARNING, "a.yml;disks;1")]),
    "its texts change too": ([CRITICAL], [under(replace(CRITICAL, annotations={"summary": "x"}), "b.yml;disks;0")]),
}
MOVED = pytest.mark.parametrize(("before", "after"), MOVES.values(), ids=MOVES)


@MOVED
def test_a_rule_that_is_moved_keeps_its_state_and_tells_nobody(before, after):
    world = moved(before, after)
    kept = {rule_.definition for rule_ in before} & {rule_.definition for rule_ in after}
    was, told = states(world), len(world.pages)
    world.advance(minutes=3)
    now = states(world)
    for old in before:
        for new in after:
            if old.definition == new.definition and new.definition in kept:
                assert now[new.key] == was[old.key]
    ended = [alert.labels["severity"] for page in world.pages for alert in page.notification.alerts if alert.ends_at]
    gone = {each.labels["severity"] for each in before} - {each.labels["severity"] for each in after}
    assert set(ended) <= gone
    assert len(world.pages) == told or gone
    world.advance(hours=3)
    assert len(world.store.active_groups()) == 1, "and what fires is looked at"
    recovers(world, LOW, HIGH)
    world.advance(minutes=20)
    assert world.pages[-1].notification.status is Status.RESOLVED
    assert world.store.active_groups() == []
    assert not states(world)


@MOVED
@pytest.mark.parametrize("happens", [_dies, _fails])
@pytest.mark.parametrize("before_it", [True, False], ids=["before", "after"])
def test_whatever_interrupts_a_move_what_fires_never_ends(before, after, happens, before_it):
    number, calls = 0, Interruptions()
    while number == 0 or number <= len(calls.calls):
        calls = Interruptions(number, **{"before" if before_it else "after": happens})
        world = moved(before, after)
        world._wrap = calls.wrap
        world.advance(minutes=2)
        world._wrap = lambda target: target
        world.advance(minutes=15)
        gone = {each.labels["severity"] for each in before} - {each.labels["severity"] for each in after}
        ended = {
            alert.labels["severity"] for page in world.pages for alert in page.notification.alerts if alert.ends_at
        }
        assert ended <= gone, f"\n{world.told()}"
        assert sorted({alert.labels["severity"] for alert in _in_groups(world)}) == sorted(
            {each.labels["severity"] for each in after}
        )
        recovers(world, LOW, HIGH)
        world.advance(minutes=20)
        assert world.pages[-1].notification.status is Status.RESOLVED
        assert (world.store.active_groups(), states(world)) == ([], {})
        number += 1


def _in_groups(world):
    for group in world.store.active_groups():
        yield from world.store.load_group(group, now=world.now).alerts.values()


def test_a_pending_alert_of_a_rule_that_is_moved_goes_on_waiting():
    world = World(configuration(CRITICAL))
    fires(world, HIGH)
    world.advance(minutes=3)
    (before,) = states(world).values()
    world.configure(configuration(under(CRITICAL, "b.yml;disks;0")))
    world.advance(minutes=1)
    assert states(world) == {under(CRITICAL, "b.yml;disks;0").key: before}
    world.advance(minutes=3)
    assert world.expect_page("team", Status.FIRING, Reason.FIRST).alerts[0].starts_at == before[0][0] + SLOW
    world.expect_silence()


def test_a_rule_that_is_moved_there_and_back_keeps_its_state():
    there = under(CRITICAL, "b.yml;disks;0")
    world = moved([CRITICAL], [there])
    (was,) = states(world).values()
    world.advance(minutes=5)
    world.configure(configuration(CRITICAL))
    world.advance(minutes=5)
    assert states(world) == {CRITICAL.key: was}
    world.expect_page("team", Status.FIRING, Reason.FIRST)
    world.expect_silence()


def test_a_rule_that_is_moved_while_its_query_fails_or_it_is_not_due_keeps_its_state():
    world = moved([CRITICAL], [])
    (was,) = states(world).values()
    renamed = under(CRITICAL, "b.yml;disks;0")
    world.configure(configuration(renamed, interval=timedelta(hours=1)))
    world.advance(minutes=4)
    assert states(world) == {renamed.key: was}
    world.configure(configuration(renamed))
    world.query_fails(HIGH)
    world.advance(minutes=4)
    assert states(world) == {renamed.key: was}
    world.expect_page("team", Status.FIRING, Reason.FIRST)
    world.expect_silence()


def test_a_record_of_an_older_version_moves_once_a_tick_has_seen_it():
    world = World(configuration(CRITICAL))
    fires(world, HIGH)
    world.advance(minutes=8)
    (was,) = states(world).values()
    world.store.rules[CRITICAL.key] = replace(world.store.rules[CRITICAL.key], definition="")
    world.advance(minutes=1)
    writes = world.store.writes
    world.advance(minutes=1)
    assert world.store.writes == writes
    world.configure(configuration(under(CRITICAL, "b.yml;disks;0")))
    world.advance(minutes=5)
    assert states(world) == {under(CRITICAL, "b.yml;disks;0").key: was}
    world.expect_page("team", Status.FIRING, Reason.FIRST)
    world.expect_silence()


def test_an_expression_that_is_changed_in_place_keeps_the_state_of_its_key():
    world = moved([CRITICAL], [replace(CRITICAL, expr=LOW)])
    was = states(world)
    world.advance(minutes=5)
    assert states(world) == was


def test_more_rules_than_are_moved_in_a_tick_wait_as_they_are(monkeypatch):
    monkeypatch.setattr("tocsin.pipeline.moving.MOST_MOVES", 1)
    both = [WARNING, under(CRITICAL, "a.yml;disks;1")]
    world = moved(both, [under(each, f"b.yml;disks;{number}") for number, each in enumerate(both)])
    was = sorted(states(world).values())
    for _ in range(4):
        world.advance(minutes=1)
        assert sorted(states(world).values()) == was
    assert all(key.startswith("b.yml") for key in states(world))
    world.expect_page("team", Status.FIRING, Reason.FIRST)
    world.expect_silence()


def test_a_rule_file_that_is_renamed_changes_nothing_for_anybody():
    """As it is read and kept in the table."""

    def read(name, group):
        text = (
            f"groups:\n  - name: {group}\n    rules:\n"
            "      - {alert: DiskFull, expr: disk > 80, for: 5m, labels: {severity: warning}}\n"
            "      - {alert: DiskFull, expr: disk > 95, labels: {severity: critical}}\n"
        )
        files = {"alertmanager.yml": ALERTMANAGER, "tocsin.yml": b"cooldown: 0s\n", name: text.encode()}
        return config.load(files, environment={})

    with dynamodb() as client:
        world = World(read("rules/a.yml", "disks"), store=new_table(client))
        fires(world, LOW, HIGH)
        world.advance(minutes=8)
        was, told = sorted(states(world).values()), len(world.pages)
        world.configure(read("rules/b.yml", "storage"))
        world.advance(minutes=10)
        assert sorted(states(world).values()) == was
        assert all(key.startswith("rules/b.yml;storage;") for key in states(world))
        assert len(world.pages) == told


# Whatever happens


PLACES = ["a.yml;disks;0", "a.yml;disks;1", "b.yml;disks;0"]
happenings = st.lists(
    st.tuples(
        st.sampled_from(["fires", "recovers", "fails", "is there", "is moved", "is deleted"]),
        st.sampled_from([LOW, HIGH]),
        st.sampled_from(PLACES),
        st.integers(min_value=1, max_value=4),
    ),
    min_size=2,
    max_size=14,
)


@given(happenings)
def test_an_alert_is_told_as_firing_as_long_as_a_rule_fires_it_and_ends_once(script):
    """Two rules speak of one alert; `seen` is what each saw when it was last evaluated."""
    where, bad, seen = {LOW: PLACES[0], HIGH: PLACES[1]}, {LOW, HIGH}, {LOW, HIGH}
    failing: set[str] = set()
    world = sharing_world()
    for what, expr, place, minutes in script:
        if what in ("fires", "recovers"):
            (bad.add if what == "fires" else bad.discard)(expr)
            failing.discard(expr)
        elif what == "fails":
            failing.add(expr)
            world.query_fails(expr)
        elif what == "is deleted":
            where.pop(expr, None)
        elif place not in where.values():
            where[expr] = place
        for each in {LOW, HIGH} - failing:
            (fires if each in bad else recovers)(world, each)
        world.configure(configuration(*(at("DiskFull", key, expr=each) for each, key in where.items())))
        world.advance(minutes=minutes)
        seen = {each for each in where if (each in seen if each in failing else each in bad)}
        assert _says(world) is bool(seen), f"{seen} {world.told()}"
        world.advance(minutes=11)
        assert _is_told(world) is bool(seen), f"{seen} {world.told()}"


def _says(world):
    return any(alert.name == "DiskFull" and alert.ends_at is None for alert in _in_groups(world))


def _is_told(world):
    """Say whether people know of the alert as firing; they hear of its beginning and of its end in turn."""
    pages = [page for page in world.pages if "DiskFull/a" in page.names(page.notification.status)]
    changes = [page.notification.status for page in pages if page.notification.reason is not Reason.REPEAT]
    assert changes == [Status.FIRING, Status.RESOLVED] * (len(changes) // 2) + [Status.FIRING] * (len(changes) % 2)
    return len(changes) % 2 == 1
