"""Stories of a configuration that changes while alerts fire, and of one that is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.stories.configurations import MINUTE, configuration, equal, policy, receiver, rule
from tests.stories.world import START, World
from tocsin.core.alerts import Status
from tocsin.core.incidents import IncidentState
from tocsin.core.notifications import Reason
from tocsin.core.routing import RouteSpec

TOLD_AT = START + MINUTE + timedelta(seconds=30)
DISK = rule("DiskFull")
TO_DBA = RouteSpec(
    receiver="team",
    group_by=("alertname",),
    routes=(RouteSpec(receiver="dba", matchers=(equal("alertname", "DiskFull"),)),),
)


def firing_world(*, route=None, policies=(), rules=(DISK,)):
    world = World(configuration(*rules, route=route, receivers=[receiver("dba")], policies=policies))
    world.metric_goes_bad("DiskFull", instance="a")
    world.advance(minutes=3)
    return world


def test_a_new_route_is_told_once_and_the_old_one_hears_no_false_resolution():
    world = firing_world()
    world.expect_page("team", Status.FIRING, Reason.FIRST)
    world.configure(configuration(DISK, route=TO_DBA, receivers=[receiver("dba")]))
    world.advance(hours=1)
    world.expect_page("dba", Status.FIRING, Reason.FIRST, alerts=["DiskFull/a"])
    world.expect_silence()
    world.metric_recovers("DiskFull", instance="a")
    world.advance(hours=1)
    world.expect_page("dba", Status.RESOLVED, Reason.ALL_RESOLVED)
    world.expect_silence()
    assert world.store.active_groups() == []


def test_a_route_that_is_gone_leaves_nothing_that_wakes_anybody():
    world = firing_world(route=TO_DBA)
    world.expect_page("dba", Status.FIRING, Reason.FIRST)
    world.configure(configuration(DISK))
    world.advance(minutes=30)
    world.expect_page("team", Status.FIRING, Reason.FIRST)
    world.expect_silence()
    assert len(world.store.active_groups()) == 1
    assert len(world.log.events("group_rerouted")) == 1


def test_a_route_that_is_gone_takes_its_incident_with_it():
    escalation = policy((30, "dba"))
    world = firing_world(route=TO_DBA, policies=[escalation])
    first = world.incident()
    world.configure(configuration(DISK, receivers=[receiver("dba")], policies=[escalation]))
    world.advance(minutes=20)
    assert world.store.load_incident(first.id).state is IncidentState.RESOLVED
    assert world.incident().id != first.id
    world.advance(hours=2)
    assert [page.receiver for page in world.pages] == ["dba", "team", "dba"]


def test_a_changed_timer_of_the_same_group_tells_nobody_again():
    world = firing_world()
    world.expect_page("team", Status.FIRING, Reason.FIRST)
    slower = RouteSpec(receiver="team", group_by=("alertname",), group_wait=MINUTE, group_interval=20 * MINUTE)
    world.configure(configuration(DISK, route=slower))
    world.advance(hours=1)
    world.expect_silence()
    world.metric_recovers("DiskFull", instance="a")
    world.advance(hours=1)
    world.expect_page("team", Status.RESOLVED, Reason.ALL_RESOLVED)


def test_rerouted_while_its_query_fails_an_alert_is_told_by_the_new_route():
    world = firing_world(route=TO_DBA)
    world.expect_page("dba", Status.FIRING, Reason.FIRST)
    world.query_fails("DiskFull")
    world.advance(minutes=1)
    world.configure(configuration(DISK, receivers=[receiver("dba")]))
    world.advance(minutes=3)
    world.expect_page("team", Status.FIRING, Reason.FIRST, alerts=["DiskFull/a"])
    world.expect_silence()
    world.query_works("DiskFull")
    world.metric_recovers("DiskFull", instance="a")
    world.advance(minutes=30)
    assert [(page.receiver, page.notification.status) for page in world.pages[2:]] == [("team", Status.RESOLVED)]


def test_a_rule_that_is_removed_expires():
    world = firing_world()
    world.expect_page("team", Status.FIRING, Reason.FIRST)
    world.configure(configuration(rule("Other")))
    world.advance(minutes=30)
    world.expect_page("team", Status.RESOLVED, Reason.ALL_RESOLVED, resolved=["DiskFull/a"])
    world.expect_silence()


def test_a_removed_rule_that_named_its_receivers_expires_at_them():
    world = firing_world(rules=[rule("DiskFull", receivers=("dba",))])
    world.expect_page("dba", Status.FIRING, Reason.FIRST)
    world.configure(configuration(rule("Other"), receivers=[receiver("dba")]))
    world.advance(minutes=30)
    world.expect_page("dba", Status.RESOLVED, Reason.ALL_RESOLVED, resolved=["DiskFull/a"])
    world.expect_silence()


def test_a_rule_that_names_another_receiver_tells_that_one():
    world = firing_world(rules=[rule("DiskFull", receivers=("dba",))])
    world.expect_page("dba", Status.FIRING, Reason.FIRST)
    world.configure(configuration(rule("DiskFull", receivers=("team",)), receivers=[receiver("dba")]))
    world.advance(minutes=30)
    world.expect_page("team", Status.FIRING, Reason.FIRST, alerts=["DiskFull/a"])
    world.expect_silence()


@pytest.mark.parametrize(
    ("minutes", "told"), [(4, []), (6, ["TocsinConfigurationRefused"])], ids=["for a moment", "and that lasts"]
)
def test_files_out_of_reach_are_told_of_when_that_lasts(minutes, told):
    world = World(configuration(DISK))
    world.advance(minutes=2)
    world.loaded = replace(world.loaded, refused="the bucket answered 503", is_unreachable=True)
    world.advance(minutes=minutes)
    world.configure(configuration(DISK))
    world.advance(minutes=4)
    assert [page.notification.alerts[0].name for page in world.pages] == told
    assert world.log.counts["ConfigUnreachable"] == minutes
    assert "ConfigRefused" not in world.log.counts


@pytest.mark.parametrize(
    "problems",
    ["rules/a.yml:3:7: unexpected end of input", 'a "quoted" word, {{ braces }} and `ticks`\nline two\t€\x7f\\'],
    ids=["a line", "anything"],
)
def test_a_refused_configuration_is_told_and_the_old_rules_run(problems):
    world = World(configuration(DISK))
    world.refuse_configuration(problems)
    world.metric_goes_bad("DiskFull")
    world.advance(minutes=3)
    told = [world.expect_page("team", Status.FIRING, Reason.FIRST) for _ in range(2)]
    names = {note.alerts[0].name: note for note in told}
    assert set(names) == {"DiskFull", "TocsinConfigurationRefused"}
    assert names["TocsinConfigurationRefused"].alerts[0].annotations["description"] == problems
    assert world.log.counts["ConfigRefused"] == 3
    world.configure(configuration(DISK))
    world.advance(minutes=10)
    world.expect_page("team", Status.RESOLVED, Reason.ALL_RESOLVED, resolved=["TocsinConfigurationRefused"])
    world.expect_silence()
