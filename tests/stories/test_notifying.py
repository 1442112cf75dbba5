"""Stories of telling: first, more, again, over."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from tests.stories.configurations import MINUTE, configuration, equal, receiver, rule
from tests.stories.world import START, World
from tocsin.core.alerts import Status
from tocsin.core.notifications import Reason
from tocsin.core.receivers import Kind
from tocsin.core.routing import RouteSpec

SECOND = timedelta(seconds=1)
TOLD_AT = START + MINUTE + 30 * SECOND  # the tick after the metric went bad, and group_wait


def test_an_alert_is_told_once_after_group_wait():
    world = World(configuration(rule("DiskFull")))
    world.metric_goes_bad("DiskFull", instance="a")
    world.advance(minutes=1, seconds=29)
    world.expect_silence()
    world.advance(hours=3)
    world.expect_page("team", Status.FIRING, Reason.FIRST, alerts=["DiskFull/a"], at=TOLD_AT)
    world.expect_silence()


def test_an_external_label_counts_for_routes_where_the_rule_says_so():
    route = RouteSpec(
        receiver="team",
        routes=(RouteSpec(receiver="europe", matchers=(equal("cluster", "eu"),), group_by=("cluster",)),),
    )
    labelled = replace(rule("DiskFull"), labels={"cluster": "{{ $externalLabels.cluster }}"})
    configured = configuration(labelled, rule("Other"), route=route, receivers=[receiver("europe")])
    world = World(replace(configured, external_labels={"cluster": "eu"}))
    world.metric_goes_bad("DiskFull")
    world.metric_goes_bad("Other")
    world.advance(minutes=3)
    world.expect_page("team", Status.FIRING, Reason.FIRST, alerts=["Other"])
    world.expect_page("europe", Status.FIRING, Reason.FIRST, alerts=["DiskFull"])
    world.metric_recovers("DiskFull")
    world.advance(minutes=10)
    world.expect_page("europe", Status.RESOLVED, Reason.ALL_RESOLVED, resolved=["DiskFull"])
    world.expect_silence()


def test_alerts_of_one_group_wait_are_told_together():
    route = RouteSpec(receiver="team", group_by=("alertname",), group_wait=2 * MINUTE)
    world = World(configuration(rule("DiskFull"), route=route))
    world.metric_goes_bad("DiskFull", instance="a")
    world.advance(minutes=2)
    world.metric_goes_bad("DiskFull", instance="b")
    world.advance(minutes=10)
    world.expect_page("team", Status.FIRING, Reason.FIRST, alerts=["DiskFull/a", "DiskFull/b"], at=START + 3 * MINUTE)
    world.expect_silence()


def test_a_late_member_waits_for_the_group_interval():
    world = World(configuration(rule("DiskFull")))
    world.metric_goes_bad("DiskFull", instance="a")
    world.advance(minutes=2)
    world.expect_page("team", Status.FIRING, Reason.FIRST)
    world.metric_goes_bad("DiskFull", instance="b")
    world.advance(minutes=4)
    world.expect_silence()
    world.advance(minutes=10)
    both = ["DiskFull/a", "DiskFull/b"]
    world.expect_page("team", Status.FIRING, Reason.NEW_ALERTS, alerts=both, at=TOLD_AT + 5 * MINUTE)
    world.expect_silence()


def test_a_repeat_waits_for_the_next_flush_after_its_interval():
    route = RouteSpec(receiver="team", group_interval=5 * MINUTE, repeat_interval=12 * MINUTE)
    world = World(configuration(rule("DiskFull"), route=route))
    world.metric_goes_bad("DiskFull", instance="a")
    world.advance(minutes=40)
    world.expect_page("team", Status.FIRING, Reason.FIRST, at=TOLD_AT)
    world.expect_page("team", Status.FIRING, Reason.REPEAT, at=TOLD_AT + 15 * MINUTE)
    world.expect_page("team", Status.FIRING, Reason.REPEAT, at=TOLD_AT + 30 * MINUTE)
    world.expect_silence()


def test_a_resolution_is_told_at_the_group_interval_and_ends_the_group():
    world = World(configuration(rule("DiskFull")))
    world.metric_goes_bad("DiskFull", instance="a")
    world.advance(minutes=3)
    world.expect_page("team", Status.FIRING, Reason.FIRST)
    world.metric_recovers("DiskFull", instance="a")
    world.advance(hours=1)
    resolved = ["DiskFull/a"]
    world.expect_page(
        "team", Status.RESOLVED, Reason.ALL_RESOLVED, alerts=[], resolved=resolved, at=TOLD_AT + 5 * MINUTE
    )
    world.expect_silence()
    assert world.store.active_groups() == []
    assert world.timers.announced == []


def test_one_of_two_resolutions_is_told_with_what_still_fires():
    world = World(configuration(rule("DiskFull")))
    world.metric_goes_bad("DiskFull", instance="a")
    world.metric_goes_bad("DiskFull", instance="b")
    world.advance(minutes=3)
    world.expect_page("team", Status.FIRING, Reason.FIRST)
    world.metric_recovers("DiskFull", instance="a")
    world.advance(minutes=30)
    world.expect_page("team", Status.FIRING, Reason.NEW_RESOLVED, alerts=["DiskFull/b"], resolved=["DiskFull/a"])
    world.expect_silence()


def test_what_resolves_before_its_first_flush_is_never_told():
    route = RouteSpec(receiver="team", group_wait=3 * MINUTE)
    world = World(configuration(rule("DiskFull"), route=route))
    world.metric_goes_bad("DiskFull", instance="a")
    world.advance(minutes=1)
    world.metric_recovers("DiskFull", instance="a")
    world.advance(minutes=30)
    world.expect_silence()
    assert world.store.active_groups() == []


def test_resolved_and_fired_again_within_one_interval_is_no_news():
    world = World(configuration(rule("DiskFull")))
    world.metric_goes_bad("DiskFull", instance="a")
    world.advance(minutes=2)
    world.expect_page("team", Status.FIRING, Reason.FIRST)
    world.metric_recovers("DiskFull", instance="a")
    world.advance(minutes=1)
    world.metric_goes_bad("DiskFull", instance="a")
    world.advance(minutes=30)
    world.expect_silence()


def test_an_alert_that_fires_again_later_waits_for_group_wait_anew():
    world = World(configuration(rule("DiskFull")))
    world.metric_goes_bad("DiskFull", instance="a")
    world.advance(minutes=3)
    world.expect_page("team", Status.FIRING, Reason.FIRST)
    world.metric_recovers("DiskFull", instance="a")
    world.advance(minutes=17)
    world.expect_page("team", Status.RESOLVED, Reason.ALL_RESOLVED)
    world.metric_goes_bad("DiskFull", instance="a")
    world.advance(minutes=10)
    at = START + 21 * MINUTE + 30 * SECOND
    world.expect_page("team", Status.FIRING, Reason.FIRST, alerts=["DiskFull/a"], at=at)
    world.expect_silence()


def test_a_receiver_without_resolutions_hears_of_the_next_firing_all_the_same():
    quiet = receiver("team", Kind.SLACK, send_resolved=False)
    world = World(configuration(rule("DiskFull"), receivers=[quiet]))
    world.metric_goes_bad("DiskFull", instance="a")
    world.advance(minutes=3)
    world.expect_page("team", Status.FIRING, Reason.FIRST)
    world.metric_recovers("DiskFull", instance="a")
    world.advance(minutes=17)
    world.expect_silence()
    world.metric_goes_bad("DiskFull", instance="a")
    world.advance(minutes=10)
    world.expect_page("team", Status.FIRING, Reason.FIRST)
    world.expect_silence()


def test_each_integration_of_a_receiver_is_told():
    kinds = (Kind.SLACK, Kind.PAGERDUTY, Kind.EMAIL, Kind.SNS)
    everywhere = receiver("team", *kinds)
    world = World(configuration(rule("DiskFull"), receivers=[everywhere]))
    world.metric_goes_bad("DiskFull", instance="a")
    world.advance(minutes=5)
    told = {world.expect_page("team", Status.FIRING, Reason.FIRST).integration.kind for _ in range(4)}
    assert told == set(kinds)
    world.expect_silence()


def test_for_must_hold_without_a_gap_before_anybody_is_told():
    world = World(configuration(rule("Slow", hold_for=5 * MINUTE)))
    world.metric_goes_bad("Slow", instance="a")
    world.advance(minutes=5)
    world.metric_recovers("Slow", instance="a")
    world.advance(minutes=1)
    world.metric_goes_bad("Slow", instance="a")
    world.advance(minutes=5)
    world.expect_silence()
    world.advance(minutes=5)
    world.expect_page("team", Status.FIRING, Reason.FIRST, at=START + 12 * MINUTE + 30 * SECOND)
    world.expect_silence()


def test_keep_firing_for_bridges_a_gap():
    world = World(configuration(rule("Slow", keep_firing_for=10 * MINUTE)))
    world.metric_goes_bad("Slow", instance="a")
    world.advance(minutes=3)
    world.expect_page("team", Status.FIRING, Reason.FIRST)
    world.metric_recovers("Slow", instance="a")
    world.advance(minutes=8)
    world.metric_goes_bad("Slow", instance="a")
    world.advance(minutes=30)
    world.expect_silence()
    world.metric_recovers("Slow", instance="a")
    world.advance(minutes=30)
    world.expect_page("team", Status.RESOLVED, Reason.ALL_RESOLVED)
    world.expect_silence()


def test_continue_tells_both_routes_receivers():
    route = RouteSpec(
        receiver="team",
        routes=(
            RouteSpec(receiver="audit", continue_=True),
            RouteSpec(receiver="dba", matchers=(equal("alertname", "DiskFull"),)),
        ),
    )
    world = World(configuration(rule("DiskFull"), route=route, receivers=[receiver("audit"), receiver("dba")]))
    world.metric_goes_bad("DiskFull", instance="a")
    world.advance(minutes=30)
    assert {page.receiver for page in world.pages} == {"audit", "dba"}
    assert len(world.pages) == 2


def test_a_rule_that_names_its_receivers_bypasses_the_routes():
    world = World(
        configuration(rule("DiskFull", receivers=("dba", "boss")), receivers=[receiver("dba"), receiver("boss")])
    )
    world.metric_goes_bad("DiskFull", instance="a")
    world.advance(minutes=3)
    assert sorted(page.receiver for page in world.pages) == ["boss", "dba"]
    world.metric_recovers("DiskFull", instance="a")
    world.advance(minutes=30)
    assert [page.notification.reason for page in world.pages[2:]] == [Reason.ALL_RESOLVED] * 2


def test_a_long_firing_with_changing_values_does_not_gather_timers():
    world = World(configuration(rule("DiskFull")))
    for hour in range(3):
        for minute in range(60):
            world.metric_goes_bad("DiskFull", instance="a", value=hour + minute / 60)
            world.advance(minutes=1)
    world.expect_page("team", Status.FIRING, Reason.FIRST)
    world.expect_silence()
    assert len(world.timers.announced) <= 2, "each look must not plan the same next look once more"
