"""Stories of what goes wrong: queries, receivers, timers, restarts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from tests.adapters.stores import dynamodb, new_table
from tests.stories.configurations import MINUTE, configuration, policy, receiver, rule
from tests.stories.world import START, World
from tocsin.adapters.memory import MemoryStore, MemoryTimers
from tocsin.core.alerts import Status
from tocsin.core.notifications import Reason
from tocsin.core.receivers import Kind
from tocsin.core.routing import RouteSpec
from tocsin.core.rules import Sample
from tocsin.errors import QueryError
from tocsin.pipeline.own_rules import FEW
from tocsin.ports import DeliveryState, Health

TOLD_AT = START + MINUTE + timedelta(seconds=30)


@pytest.fixture(params=["memory", "dynamodb"])
def store(request):
    if request.param == "memory":
        yield MemoryStore()
    else:
        with dynamodb() as client:
            yield new_table(client)


def test_a_failing_query_resolves_nothing_and_alerting_goes_on_after_it():
    world = World(configuration(rule("DiskFull"), rule("Other")))
    world.metric_goes_bad("DiskFull", instance="a")
    world.advance(minutes=3)
    world.expect_page("team", Status.FIRING, Reason.FIRST)
    world.metric_recovers("DiskFull", instance="a")
    world.query_fails("DiskFull", "the endpoint answered 503")
    world.advance(minutes=4)
    world.expect_silence()
    record = world.record("DiskFull")
    assert (record.health, record.error) == (Health.FAILING, "the endpoint answered 503")
    assert len(record.active) == 1
    world.query_works("DiskFull")
    world.advance(minutes=10)
    world.expect_page("team", Status.RESOLVED, Reason.ALL_RESOLVED)
    assert world.record("DiskFull").health is Health.OK
    world.metric_goes_bad("Other")
    world.advance(minutes=3)
    world.expect_page("team", Status.FIRING, Reason.FIRST, alerts=["Other"])
    world.expect_silence()


def test_a_labels_query_that_is_not_answered_makes_no_other_alert():
    owner = '{{ with query (printf "owner{instance=%q}" $labels.instance) }}{{ . | first | label "owner" }}{{ end }}'
    world = World(configuration(replace(rule("DiskFull"), labels={"severity": "critical", "owner": owner})))
    answers, question = world.metrics.results, 'owner{instance="a"}'
    answers[question] = [Sample({"owner": "db"}, 1.0)]
    world.metric_goes_bad("DiskFull", instance="a")
    world.advance(minutes=3)
    note = world.expect_page("team", Status.FIRING, Reason.FIRST)
    assert note.alerts[0].labels["owner"] == "db"
    answers[question] = QueryError("the endpoint answered 503")
    world.advance(minutes=4)
    record = world.record("DiskFull")
    assert record.health is Health.FAILING
    assert "the endpoint answered 503" in record.error
    answers[question] = [Sample({"owner": "db"}, 1.0)]
    world.advance(minutes=20)
    assert world.record("DiskFull").health is Health.OK
    world.expect_silence()
    world.metric_recovers("DiskFull", instance="a")
    world.advance(minutes=10)
    world.expect_page("team", Status.RESOLVED, Reason.ALL_RESOLVED)
    world.expect_silence()


def test_one_rules_failing_query_keeps_no_other_rule_from_its_page():
    world = World(configuration(rule("Broken"), rule("DiskFull")))
    world.query_fails("Broken")
    world.metric_goes_bad("DiskFull")
    world.advance(minutes=3)
    world.expect_page("team", Status.FIRING, Reason.FIRST, alerts=["DiskFull"])
    world.expect_silence()


def test_a_rule_that_fails_for_five_minutes_is_told_of():
    world = World(configuration(rule("Broken")))
    world.query_fails("Broken", "parse error: unexpected end")
    world.advance(minutes=6, seconds=29)
    world.expect_silence()
    world.advance(minutes=30)
    note = world.expect_page("team", Status.FIRING, Reason.FIRST, alerts=["TocsinRuleFailing"])
    assert note.alerts[0].labels["rule"] == "Broken"
    assert "parse error: unexpected end" in note.alerts[0].annotations["description"]
    world.query_works("Broken")
    world.advance(minutes=30)
    world.expect_page("team", Status.RESOLVED, Reason.ALL_RESOLVED, resolved=["TocsinRuleFailing"])
    world.expect_silence()


def test_what_many_rules_fail_of_is_told_once_until_the_last_of_them_is_well():
    names = [f"R{number:03}" for number in range(300)]
    every_rule = RouteSpec(receiver="team", group_by_all=True)
    world = World(configuration(rule("Broken"), *map(rule, names), route=every_rule))
    world.query_fails("Broken", "parse error: unexpected end")
    world.advance(minutes=10)
    world.expect_page("team", Status.FIRING, Reason.FIRST, alerts=["TocsinRuleFailing"])
    for name in names:
        world.query_fails(name, "connection refused")
    world.advance(minutes=10)
    note = world.expect_page("team", Status.FIRING, Reason.FIRST, alerts=["TocsinManyRulesFailing"])
    told = note.alerts[0].annotations
    assert told["summary"].startswith("300 rules ")
    lines = told["description"].splitlines()
    assert (lines[0], lines[-1], len(lines)) == ("stories/R000: connection refused", "and 290 more", FEW + 1)
    for name in names[1:]:
        world.query_works(name)
    world.query_fails("R299", "HTTP 503")
    world.advance(minutes=20)
    world.expect_silence()
    for name in ("R000", "R299", "Broken"):
        world.query_works(name)
    world.advance(minutes=20)
    world.expect_page("team", Status.RESOLVED, Reason.ALL_RESOLVED, resolved=["TocsinRuleFailing"])
    world.expect_page("team", Status.RESOLVED, Reason.ALL_RESOLVED, resolved=["TocsinManyRulesFailing"])
    world.expect_silence()


def test_a_failing_rule_of_a_slow_group_is_told_of_too():
    world = World(configuration(rule("Broken"), interval=10 * MINUTE))
    world.query_fails("Broken")
    world.advance(minutes=40)
    world.expect_page("team", Status.FIRING, Reason.FIRST, alerts=["TocsinRuleFailing"])
    world.expect_silence()


def test_a_failure_in_the_middle_of_for_does_not_restart_it():
    world = World(configuration(rule("Slow", hold_for=10 * MINUTE)))
    world.metric_goes_bad("Slow")
    world.advance(minutes=4)
    world.query_fails("Slow")
    world.advance(minutes=3)
    world.query_works("Slow")
    world.advance(minutes=20)
    world.expect_page("team", Status.FIRING, Reason.FIRST, at=START + 11 * MINUTE + timedelta(seconds=30))
    world.expect_silence()


def test_a_restart_loses_no_running_for(store):
    before = World(configuration(rule("Slow", hold_for=10 * MINUTE)), store=store)
    before.metric_goes_bad("Slow", instance="a")
    before.advance(minutes=6)
    after = World(configuration(rule("Slow", hold_for=10 * MINUTE)), store=store, start=before.now)
    after.metric_goes_bad("Slow", instance="a")
    after.advance(minutes=8)
    after.expect_page("team", Status.FIRING, Reason.FIRST, at=START + 11 * MINUTE + timedelta(seconds=30))
    after.expect_silence()


def test_a_whole_life_is_the_same_over_either_store(store):
    people = [receiver("oncall"), receiver("boss", Kind.SNS)]
    escalation = policy((0, "oncall"), (5, "boss"))
    world = World(configuration(rule("Down"), receivers=people, policies=[escalation]), store=store)
    world.metric_goes_bad("Down", instance="a")
    world.advance(minutes=3)
    world.expect_page("team", Status.FIRING, Reason.FIRST, alerts=["Down/a"], at=TOLD_AT)
    world.expect_page("oncall", Status.FIRING, Reason.ESCALATED, alerts=["Down/a"], at=TOLD_AT)
    world.metric_goes_bad("Down", instance="b")
    world.advance(minutes=5)
    both = ["Down/a", "Down/b"]
    oncall = world.expect_page("oncall", Status.FIRING, Reason.NEW_ALERTS, alerts=both, at=TOLD_AT + 5 * MINUTE)
    team = world.expect_page("team", Status.FIRING, Reason.NEW_ALERTS, alerts=both, at=TOLD_AT + 5 * MINUTE)
    boss = world.expect_page("boss", Status.FIRING, Reason.ESCALATED, alerts=both, at=TOLD_AT + 5 * MINUTE)
    assert [note.step for note in (oncall, team, boss)] == [1, None, 2]
    world.acknowledge()
    world.metric_recovers("Down", instance="a")
    world.metric_recovers("Down", instance="b")
    world.advance(minutes=20)
    assert {page.receiver for page in world.pages[5:]} == {"team", "oncall", "boss"}
    assert {page.notification.reason for page in world.pages[5:]} == {Reason.ALL_RESOLVED}
    assert store.active_groups() == []
    deliveries = store.load_deliveries(world.pages[0].notification.group)
    assert {each.state for each in deliveries} == {DeliveryState.DELIVERED}


def test_a_receiver_that_fails_for_a_moment_is_told_once():
    world = World(configuration(rule("DiskFull")))
    world.receiver_fails("team", retryable=True, times=2)
    world.metric_goes_bad("DiskFull")
    world.advance(minutes=30)
    note = world.expect_page("team", Status.FIRING, Reason.FIRST)
    world.expect_silence()
    assert world.pages[0].at < TOLD_AT + 5 * MINUTE, "before the next flush"
    (delivery,) = world.store.load_deliveries(note.group)
    assert (delivery.state, delivery.attempts) == (DeliveryState.DELIVERED, 3)


@pytest.mark.parametrize("retryable", [True, False], ids=["retryably", "for good"])
def test_a_receiver_that_failed_is_told_later_exactly_once(retryable):
    world = World(configuration(rule("DiskFull")))
    world.receiver_fails("team", retryable=retryable)
    world.metric_goes_bad("DiskFull")
    world.advance(minutes=22)
    world.expect_silence()
    group = world.store.active_groups()[0]
    assert [each.state for each in world.store.load_deliveries(group)] == [DeliveryState.FAILED]
    assert world.log.counts["NotificationsFailed"] >= 4
    world.receiver_works("team")
    world.advance(minutes=60)
    world.expect_page("team", Status.FIRING, Reason.FIRST)
    world.expect_silence()
    assert len({world.topic.messages[0], *world.topic.messages}) == 1, "a retry is the same bytes"


def test_a_failing_receiver_is_told_the_newest_only_when_it_works_again():
    world = World(configuration(rule("DiskFull")))
    world.receiver_fails("team", retryable=False)
    world.metric_goes_bad("DiskFull", instance="a")
    world.advance(minutes=3)
    world.metric_goes_bad("DiskFull", instance="b")
    world.advance(minutes=5)
    world.receiver_works("team")
    world.advance(minutes=60)
    world.expect_page("team", Status.FIRING, Reason.NEW_ALERTS, alerts=["DiskFull/a", "DiskFull/b"])
    world.expect_silence()


@pytest.mark.parametrize("send_resolved", [True, False])
def test_an_end_that_a_failing_receiver_missed_is_in_the_next_thing_it_is_told(store, send_resolved):
    people = [receiver("team", send_resolved=send_resolved)]
    world = World(configuration(rule("DiskFull"), receivers=people), store=store)
    for instance in "abc":
        world.metric_goes_bad("DiskFull", instance=instance)
    world.advance(minutes=3)
    world.expect_page("team", Status.FIRING, Reason.FIRST)
    world.receiver_fails("team", retryable=True)
    world.metric_recovers("DiskFull", instance="a")
    world.advance(minutes=6)
    world.metric_recovers("DiskFull", instance="b")
    world.metric_goes_bad("DiskFull", instance="d")
    world.advance(minutes=6)
    world.receiver_works("team")
    world.advance(minutes=6)
    ended = ["DiskFull/a", "DiskFull/b"] if send_resolved else []
    alerts = ["DiskFull/c", "DiskFull/d"]
    world.expect_page("team", Status.FIRING, Reason.NEW_ALERTS, alerts=alerts, resolved=ended)
    world.expect_silence()


def test_what_fires_again_before_its_end_was_told_has_not_ended():
    world = World(configuration(rule("DiskFull"), rule("Other"), route=RouteSpec(receiver="team", group_by=())))
    for name in ("DiskFull", "Other"):
        world.metric_goes_bad(name)
    world.advance(minutes=3)
    world.expect_page("team", Status.FIRING, Reason.FIRST)
    world.receiver_fails("team", retryable=True)
    world.metric_recovers("DiskFull")
    world.advance(minutes=6)
    world.metric_goes_bad("DiskFull")
    world.advance(minutes=6)
    world.receiver_works("team")
    world.advance(minutes=6)
    world.expect_page("team", Status.FIRING, Reason.NEW_ALERTS, alerts=["DiskFull", "Other"], resolved=[])
    world.expect_silence()


def test_a_failing_receiver_does_not_keep_the_others_of_its_group_waiting():
    chain = policy((0, "oncall"))
    world = World(configuration(rule("Down"), receivers=[receiver("oncall")], policies=[chain]))
    world.receiver_fails("team", retryable=False)
    world.metric_goes_bad("Down")
    world.advance(minutes=2)
    world.expect_page("oncall", Status.FIRING, Reason.ESCALATED, at=TOLD_AT)
    world.expect_silence()


def test_a_resolution_that_failed_is_told_though_its_group_is_over():
    world = World(configuration(rule("DiskFull")))
    world.metric_goes_bad("DiskFull")
    world.advance(minutes=3)
    world.expect_page("team", Status.FIRING, Reason.FIRST)
    world.metric_recovers("DiskFull")
    world.receiver_fails("team", retryable=False)
    world.advance(minutes=5)
    world.receiver_works("team")
    world.advance(minutes=30)
    world.expect_page("team", Status.RESOLVED, Reason.ALL_RESOLVED)
    world.expect_silence()


def test_a_receiver_that_never_works_is_given_up_after_a_day_and_that_is_counted():
    world = World(configuration(rule("DiskFull")))
    world.receiver_fails("team", retryable=True)
    world.metric_goes_bad("DiskFull")
    world.advance(minutes=2)
    world.metric_recovers("DiskFull")
    world.advance(hours=26)
    assert world.log.counts["NotificationsGivenUp"] == 1
    assert world.store.active_groups() == []


def test_lost_timers_are_made_up_for_by_the_next_ticks_sweep():
    world = World(configuration(rule("DiskFull")))
    world.metric_goes_bad("DiskFull")
    world.advance(minutes=1)
    world.lose_timers()
    world.advance(minutes=1, seconds=1)
    world.expect_page("team", Status.FIRING, Reason.FIRST, at=START + 2 * MINUTE)
    world.metric_recovers("DiskFull")
    world.advance(minutes=1)
    world.lose_timers()
    world.advance(minutes=20)
    world.expect_page("team", Status.RESOLVED, Reason.ALL_RESOLVED)
    world.expect_silence()


@dataclass(frozen=True, slots=True)
class AtOnceOrNever:
    """A queue that loses every delayed message."""

    timers: MemoryTimers

    def announce(self, group, *, at, now):
        if at <= now:
            self.timers.announce(group, at=at, now=now)

    def announce_all(self, groups, *, at, now):
        self.timers.announce_all(groups, at=at, now=now)


def test_without_any_delayed_timer_the_sweep_brings_every_page():
    people = [receiver("oncall"), receiver("boss")]
    world = World(
        configuration(rule("Down"), receivers=people, policies=[policy((0, "oncall"), (5, "boss"))]),
        wrap=lambda target: AtOnceOrNever(target) if isinstance(target, MemoryTimers) else target,
    )
    world.metric_goes_bad("Down")
    world.advance(minutes=20)
    assert [page.receiver for page in world.pages] == ["team", "oncall", "boss"]
    world.metric_recovers("Down")
    world.advance(minutes=20)
    assert sorted(page.receiver for page in world.pages[3:]) == ["boss", "oncall", "team"]


def test_duplicate_timers_and_messages_are_one_delivery():
    people = [receiver("team", Kind.SLACK, Kind.PAGERDUTY), receiver("oncall")]
    world = World(configuration(rule("Down"), receivers=people, policies=[policy((5, "oncall"))]))
    world.duplicates = True
    world.metric_goes_bad("Down")
    world.advance(hours=2)
    world.metric_recovers("Down")
    world.advance(hours=1)
    assert len(world.pages) == len({page.notification.id for page in world.pages}) == 6


def test_an_older_notification_that_arrives_after_a_newer_one_is_dropped():
    world = World(configuration(rule("DiskFull")))
    world.metric_goes_bad("DiskFull", instance="a")
    world.receiver_fails("team", retryable=True)
    world.advance(minutes=2)
    late = world._inbox[0]  # on its way again, and much slower than the next
    world.metric_goes_bad("DiskFull", instance="b")
    world.advance(minutes=4, seconds=20)
    world._inbox.clear()
    world.receiver_works("team")
    world.advance(minutes=1)
    world.expect_page("team", Status.FIRING, Reason.NEW_ALERTS, at=TOLD_AT + 5 * MINUTE)
    late.due = world.now
    world._inbox.append(late)
    world.advance(minutes=30)
    world.expect_silence()
    assert "something newer was delivered" in [line["why"] for line in world.log.events("notification_dropped")]
