"""Virtual time does what the installation does, and leaving quiet ticks out changes nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.simulation.feeding import told, world
from tests.stories.configurations import MINUTE, configuration, equal, policy, receiver, rule
from tocsin.core.configuration import Configuration
from tocsin.core.routing import RouteSpec
from tocsin.core.rules import RuleKey

ROUTE = RouteSpec(
    receiver="team",
    group_by=("alertname",),
    group_wait=timedelta(seconds=30),
    group_interval=timedelta(minutes=5),
    repeat_interval=timedelta(hours=1),
)


def test_an_alert_is_told_after_group_wait_repeated_and_resolved():
    ran = world(configuration(rule("Disk"), route=ROUTE), {"Disk": {"a": [1.0] * 70}}, minutes=120)
    ran.run()
    assert told(ran) == [
        "30s team firing (first notification) Disk/a=1.0",
        "3930s team firing (repeat interval elapsed) Disk/a=1.0",
        "4230s team resolved (all alerts resolved) Disk/a=1.0",
    ]


def test_nobody_acknowledges_so_the_escalation_climbs_to_its_end():
    setting = configuration(
        rule("Disk"), route=ROUTE, receivers=[receiver("boss")], policies=[policy((0, "team"), (10, "boss"))]
    )
    ran = world(setting, {"Disk": {"a": [1.0] * 30}}, minutes=40)
    ran.run()
    assert [line.split(" Disk")[0] for line in told(ran)] == [
        "30s team firing (first notification)",
        "630s boss firing (escalation step reached)",
        "1830s boss resolved (all alerts resolved)",
        "1830s team resolved (all alerts resolved)",
    ]


def test_an_acknowledgement_ends_the_climb():
    setting = configuration(
        rule("Disk"), route=ROUTE, receivers=[receiver("boss")], policies=[policy((0, "team"), (10, "boss"))]
    )
    ran = world(setting, {"Disk": {"a": [1.0] * 30}}, minutes=40, ack_after=timedelta(minutes=5))
    ran.run()
    assert not any("boss" in line for line in told(ran))
    (incident,) = ran.chronicle.incidents.values()
    assert incident.changed_by == "tocsin"  # resolved after all
    assert ran.chronicle.troubles == []


def test_what_is_unknown_resolves_nothing():
    setting = configuration(rule("Disk"), route=ROUTE)
    ran = world(setting, {"Disk": {"a": [1.0] * 10}}, minutes=60)
    (plan,) = [plan for _, plan in ran._plans]
    plan.timeline.add_unknown(ran.scope.start + 10 * MINUTE, ran.scope.start + 39 * MINUTE)
    ran.run()
    (firing,) = ran.chronicle.firings
    assert firing.ended == ran.scope.start + 40 * MINUTE


def test_a_rule_that_fails_is_told_of_as_in_production():
    setting = configuration(rule("Disk", limit=1), route=ROUTE)
    ran = world(setting, {"Disk": {"a": [1.0] * 30, "b": [None] * 5 + [1.0] * 20}}, minutes=60)
    ran.run()
    assert any("TocsinRuleFailing" in line for line in told(ran))
    assert list(ran.chronicle.failing.values()) == ["exceeded limit of 1 with 2 alerts"]


def test_quiet_ticks_are_left_out():
    ran = world(
        configuration(rule("Disk", hold_for=timedelta(hours=5)), route=ROUTE), {"Disk": {"a": [1.0] * 400}}, minutes=600
    )
    ran.run()
    assert len(told(ran)) == 2 + 1
    assert ran.chronicle.ticks <= 5


@st.composite
def stretches(draw: st.DrawFn) -> list[float | None]:
    """A series that stays as it is for a while, again and again."""
    parts = draw(st.lists(st.tuples(st.integers(1, 14), st.sampled_from([None, 1.0, 2.0, float("nan")])), max_size=9))
    return [each for count, each in parts for _ in range(count)]


HOLD = st.sampled_from([timedelta(0), MINUTE, timedelta(seconds=90), 3 * MINUTE, 10 * MINUTE])


@st.composite
def configurations(draw: st.DrawFn) -> Configuration:
    offset = st.sampled_from([timedelta(0), MINUTE, timedelta(seconds=10)])
    rules = [
        rule(
            name,
            hold_for=draw(HOLD),
            keep_firing_for=draw(HOLD),
            limit=draw(st.sampled_from([0, 0, 1])),
            query_offset=draw(offset),
            annotations={"value": "{{ $value }}"},
            severity=draw(st.sampled_from(["critical", "warning", "level-{{ $value }}", "{{ $labels.instance }}"])),
        )
        for name in ("A", "B")
    ]
    if draw(st.booleans()):
        other = RuleKey(f"{rules[0].key}1")  # whose alerts are the same as the first one's
        rules.append(replace(rules[0], key=other, hold_for=draw(HOLD), keep_firing_for=draw(HOLD)))
    return configuration(
        *rules,
        route=ROUTE,
        receivers=[receiver("boss")],
        policies=[policy((0, "team"), (7, "boss"), matchers=(equal("severity", "critical"),))],
        default_cooldown=draw(st.sampled_from([timedelta(0), timedelta(minutes=15)])),
        interval=draw(st.sampled_from([None, timedelta(minutes=3), timedelta(seconds=150)])),
    )


@settings(max_examples=60, deadline=None)
@given(configurations(), st.dictionaries(st.sampled_from("AB"), st.dictionaries(st.sampled_from("xyz"), stretches())))
def test_leaving_quiet_ticks_out_changes_nothing(
    setting: Configuration, series: dict[str, dict[str, list[float | None]]]
):
    lazy, eager = (world(setting, series, minutes=150, every_tick=every) for every in (False, True))
    lazy.run()
    eager.run()
    assert told(lazy) == told(eager)
    assert lazy.chronicle.firings == eager.chronicle.firings
    assert lazy.chronicle.troubles == eager.chronicle.troubles == []
