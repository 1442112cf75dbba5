"""What the pipeline does at its edges; whole lives are in tests/stories."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from tests.stories.configurations import MINUTE, configuration, equal, policy, receiver, rule
from tests.stories.interruptions import Interruptions
from tests.stories.world import START, World
from tocsin.adapters.memory import LEASE, MemoryMetrics, MemoryStore, MemoryTimers
from tocsin.core.alerts import Status
from tocsin.core.escalation import Action, Why
from tocsin.core.incidents import IncidentId
from tocsin.core.notifications import Reason, from_json
from tocsin.core.receivers import Kind
from tocsin.core.routing import GroupId, RouteSpec
from tocsin.core.rules import AlertState, Change, Sample
from tocsin.errors import ConfigUnreachableError, ConflictError, DeliveryError, StoreError
from tocsin.pipeline import dispatch, escalate, evaluate, notify
from tocsin.pipeline.patience import Patience
from tocsin.ports import Claim, DeliveryState, LoadedConfiguration

SECOND = timedelta(seconds=1)


def firing_world(*rules, **more) -> World:
    world = World(configuration(rule("DiskFull"), *rules, **more))
    world.metric_goes_bad("DiskFull", instance="a")
    world.advance(minutes=1)
    return world


def fail(error):
    raise error


class Failing:
    """A store of which one operation fails every time."""

    def __init__(self, target, name, error):
        self._target, self._name, self._error = target, name, error

    def __getattr__(self, name):
        if name == self._name:
            return lambda *_, **__: fail(self._error)
        return getattr(self._target, name)


# Evaluate


def test_deciding_alone_writes_nothing_and_names_one_rule():
    world = firing_world(rule("Other"))
    writes = world.store.writes
    world.metric_goes_bad("Other")
    (outcome,) = evaluate.decide(world.evaluator(), world.loaded, now=world.now + MINUTE, only="Other")
    assert [each.change for each in outcome.transitions] == [Change.PENDING, Change.FIRED]
    assert [sample.value for sample in outcome.samples] == [1.0]
    assert world.store.writes == writes
    assert [each.expr for each in world.metrics.queries[-1:]] == ["other"]


class Lingering(MemoryMetrics):
    """Takes its time for what a template asks."""

    clock = 0.0

    def query_all(self, queries, *, budget_seconds):
        if queries[0].expr == "many":
            self.clock += evaluate.SECONDS_FOR_TEXTS
        return super().query_all(queries, budget_seconds=budget_seconds)


def test_rules_whose_texts_take_all_the_time_cost_others_their_texts_and_no_page():
    texts = {"summary": "{{ range query `many` }}{{ .Value }}{{ end }}"}
    world = World(configuration(rule("Slow", annotations=texts), rule("Later", annotations=texts)))
    world.metrics = metrics = Lingering()
    metrics.results["many"] = [Sample({}, 1.0)] * evaluate.STEPS_IN_HASTE
    for name in ("Slow", "Later"):
        world.metric_goes_bad(name, instance="a")
    hurried = replace(world.evaluator(), patience=Patience(lambda: metrics.clock))
    outcome = evaluate.run(hurried, world.loaded, now=world.now)
    slow, later = (alert for each in outcome.rules[:2] for alert in each.active.values())
    assert slow.annotations["summary"].startswith("11111")
    assert f"more than {evaluate.STEPS_IN_HASTE} steps" in later.annotations["summary"]
    assert later.state is AlertState.FIRING


def test_a_tick_says_what_it_did():
    world = firing_world(rule("Broken"))
    world.query_fails("Broken")
    world.metric_recovers("DiskFull", instance="a")
    outcome = evaluate.run(world.evaluator(), world.loaded, now=world.now + MINUTE)
    assert outcome.as_json() == {
        "now": "2026-11-20T03:02:00+00:00",
        "rules": 5,  # three of Tocsin's own
        "failed": 1,
        "transitions": 2,  # one resolved, and one pending: the rule that is failing
        "not_written": 0,
        "overdue_groups": 1,
        "unfinished": 0,
    }


def test_queries_are_asked_at_the_ticks_own_time_less_the_rules_offset():
    world = World(configuration(rule("Now"), rule("Before", query_offset=2 * MINUTE)))
    world.advance(minutes=1)
    assert [(each.expr, each.at) for each in world.metrics.queries] == [
        ("now", START + MINUTE),
        ("before", START - MINUTE),
    ]


def test_whatever_fails_already_is_asked_last_and_answers_stay_with_their_rules():
    names = ["A", "B", "C", "D"]
    world = World(configuration(*map(rule, names)))
    for name in ("A", "C"):
        world.query_fails(name, f"{name} is broken")
    world.metric_goes_bad("D", instance="d")
    world.advance(minutes=2)
    assert [each.expr for each in world.metrics.queries] == ["a", "b", "c", "d", "b", "d", "a", "c"]
    assert [world.record(name).error for name in ("A", "C", "D")] == ["A is broken", "C is broken", ""]
    assert [alert.labels["instance"] for alert in world.record("D").active.values()] == ["d"]


def test_a_rule_that_cannot_be_written_keeps_no_other_from_it():
    world = World(configuration(rule("First"), rule("Second")))
    for name in ("First", "Second"):
        world.metric_goes_bad(name)
    calls = Interruptions(1, before=lambda: fail(StoreError("throttled")))  # the first rule's first write
    world._wrap = calls.wrap
    outcome = world.run_tick(at=START + MINUTE)
    assert outcome is not None
    assert (outcome.not_written, world.log.counts["RuleEvaluationFailures"]) == (1, 1)
    assert len(world.store.groups) == 1
    world.advance(minutes=5)
    assert sorted(page.notification.alerts[0].name for page in world.pages) == ["First", "Second"]


def test_a_sweep_that_fails_does_not_fail_its_tick():
    world = World(configuration(rule("DiskFull")))
    world.metric_goes_bad("DiskFull")
    world._wrap = lambda target: Failing(target, "overdue", StoreError("throttled"))
    outcome = world.run_tick(at=START + MINUTE)
    assert outcome is not None
    assert outcome.overdue == 0
    assert world.log.events("sweep_failed") != []
    assert len(world.store.groups) == 1


class Forgotten(MemoryStore):
    """A store whose groups nobody looks at any more; the first of them stay overdue, however often they are woken."""

    def __init__(self, count, stuck=0):
        super().__init__()
        self.late = [GroupId(f"{number:032x}") for number in range(count)]
        self.stuck = {*self.late[:stuck]}

    def overdue(self, *, before, limit):
        return self.late[:limit]

    def look_at(self, groups):
        self.late = [group for group in self.late if group in self.stuck or group not in groups]


@pytest.mark.parametrize(
    ("count", "stuck", "ticks"),
    [
        pytest.param(1000, 0, 1, id="as many as a tick wakes"),
        pytest.param(5000, 0, 5, id="all groups of a storm have lost their timers"),
        pytest.param(3500, 500, 6, id="some cannot be looked at: the others do not wait for them"),
        pytest.param(2600, 1600, 6, id="most cannot be looked at"),
    ],
)
def test_a_sweep_wakes_many_and_in_a_few_ticks_all(count, stuck, ticks):
    store = Forgotten(count, stuck)
    world = World(configuration(rule("DiskFull")), store=store)
    woken, now = set(), START
    for _ in range(ticks):
        now += MINUTE
        outcome = world.run_tick(at=now)
        assert outcome is not None
        assert outcome.overdue == len(store.late)
        told = {group for _, group in world.timers.take_due(now)}
        assert len(told) <= evaluate.SWEEP_LIMIT
        woken |= told
        store.look_at(told)
    assert store.stuck <= {*store.late} <= store.stuck
    assert len(woken) == count


def test_a_sweep_wakes_the_most_overdue_first():
    store = Forgotten(5000)
    world = World(configuration(rule("DiskFull")), store=store)
    world.run_tick(at=START + MINUTE)
    told = [group for _, group in world.timers.announced]
    assert told[:500] == store.late[:500]


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(60, []), (30, [30]), (20, [20, 40]), (25, [25, 50]), (45, [45])],
    ids=["whole minutes", "half", "third", "uneven", "one more"],
)
def test_the_ticks_between_two_scheduled_ones_are_announced(seconds, expected):
    timers = MemoryTimers()
    evaluate.announce_ticks(timers, tick=timedelta(seconds=seconds), now=START)
    assert timers.ticks == [START + each * SECOND for each in expected]


def test_below_a_minute_each_tick_evaluates():
    world = World(configuration(rule("Quick", hold_for=20 * SECOND)), tick=10 * SECOND)
    world.metric_goes_bad("Quick")
    world.advance(minutes=2)
    world.expect_page("team", Status.FIRING, Reason.FIRST, at=START + 60 * SECOND)
    world.expect_silence()


# Dispatch


def test_a_timer_of_a_group_that_nobody_knows_finds_nothing():
    world = firing_world()
    assert dispatch.run(world.dispatcher(), GroupId("f" * 32), at=world.now, now=world.now) is None
    assert world.topic.messages == []


def test_a_timer_that_comes_too_early_is_set_again_and_changes_nothing():
    world = firing_world()
    (group,) = world.store.active_groups()
    world.timers.announced.clear()
    writes = world.store.writes
    assert dispatch.run(world.dispatcher(), group, at=world.now + MINUTE, now=world.now) is None
    assert (world.timers.announced, world.store.writes) == ([(world.now + MINUTE, group)], writes)


def test_a_timer_before_the_flush_is_due_is_a_look_that_finds_nothing():
    world = firing_world()
    (group,) = world.store.active_groups()
    writes, timers = world.store.writes, list(world.timers.announced)
    flush = dispatch.run(world.dispatcher(), group, at=world.now, now=world.now)
    assert flush is not None
    assert (flush.notifications, world.store.writes, world.timers.announced) == ((), writes, timers)


def test_a_group_that_changes_at_every_attempt_is_given_up_for_this_time():
    world = firing_world()
    (group,) = world.store.active_groups()
    dispatcher = replace(world.dispatcher(), groups=Failing(world.store, "commit", ConflictError("again")))
    with pytest.raises(ConflictError, match="changed 5 times"):
        dispatch.run(dispatcher, group, at=world.now, now=world.now + MINUTE)
    assert len(world.log.events("group_changed_meanwhile")) == 5


def test_a_topic_that_refuses_one_notification_gets_the_others():
    class Refusing:
        def publish(self, message):
            if json.loads(message)["integration"] == "pagerduty":
                raise StoreError("too many requests")
            return world.topic.publish(message)

    people = [receiver("team", Kind.SLACK, Kind.PAGERDUTY, Kind.EMAIL)]
    world = firing_world(receivers=people)
    (group,) = world.store.active_groups()
    with pytest.raises(StoreError, match="too many"):
        dispatch.run(replace(world.dispatcher(), topic=Refusing()), group, at=world.now, now=world.now + MINUTE)
    assert [json.loads(each)["integration"] for each in world.topic.messages] == ["email", "slack"]
    due = [entry.integration for entry in world.store.load_outbox(group) if entry.retry_at <= world.now + MINUTE]
    assert due == ["team/pagerduty/1"], "and this one is to be published again at once"


def test_an_outbox_entry_whose_notification_is_gone_is_said_and_dropped():
    world = firing_world()
    (group,) = world.store.active_groups()

    class Forgetting:
        def __getattr__(self, name):
            return (lambda _: None) if name == "load_notification" else getattr(world.store, name)

    dispatch.run(replace(world.dispatcher(), groups=Forgetting()), group, at=world.now, now=world.now + MINUTE)
    assert world.log.events("notification_gone") != []
    assert list(world.store.load_outbox(group)) == []


def test_a_route_that_is_not_known_is_looked_for_in_the_newest_configuration():
    world = firing_world()
    (group,) = world.store.active_groups()
    asked = []

    class Lagging:
        def current(self, *, now, fresh=False):
            asked.append(fresh)
            other = configuration(rule("Other"), route=RouteSpec(receiver="dba"), receivers=[receiver("dba")])
            return world.loaded if fresh else LoadedConfiguration(other)

    flush = dispatch.run(
        replace(world.dispatcher(), configurations=Lagging()), group, at=world.now, now=world.now + MINUTE
    )
    assert asked == [False, True]
    assert flush is not None
    assert [each.reason for each in flush.notifications] == [Reason.FIRST]


@dataclass(slots=True)
class Knowing:
    """What a function that is warm knows, and what it finds when it asks for the newest."""

    known: LoadedConfiguration
    newest: LoadedConfiguration

    def current(self, *, now, fresh=False):
        return self.newest if fresh else self.known


TO_DBA = configuration(
    rule("DiskFull"),
    route=RouteSpec(receiver="team", routes=(RouteSpec(receiver="dba", matchers=(equal("alertname", "DiskFull"),)),)),
    receivers=[receiver("dba")],
)


def test_an_alert_is_held_to_be_gone_from_its_group_only_by_the_newest_configuration():
    """A changed configuration has brought it here, and this function does not know of that yet."""
    world = firing_world()
    (group,) = world.store.active_groups()
    lagging = Knowing(LoadedConfiguration(TO_DBA), world.loaded)
    dispatcher = replace(world.dispatcher(), configurations=lagging)
    flush = dispatch.run(dispatcher, group, at=world.now, now=world.now + MINUTE)
    assert flush is not None
    assert (len(flush.notifications), flush.dropped) == (1, ())


@pytest.mark.parametrize("known", [TO_DBA, configuration(route=RouteSpec(receiver="boss"))], ids=["member", "route"])
def test_nothing_is_held_to_be_gone_while_the_newest_configuration_cannot_be_read(known):
    world = firing_world()
    (group,) = world.store.active_groups()
    unreachable = LoadedConfiguration(known, refused="the bucket answered 503", is_unreachable=True)
    dispatcher = replace(world.dispatcher(), configurations=Knowing(unreachable, unreachable))
    with suppress(ConfigUnreachableError):
        dispatch.run(dispatcher, group, at=world.now, now=world.now + MINUTE)
    assert [each.name for each in world.store.groups[group].alerts.values()] == ["DiskFull"]
    dispatch.run(world.dispatcher(), group, at=world.now, now=world.now + 10 * MINUTE)
    world.advance(minutes=10)
    assert [page.notification.reason for page in world.pages] == [Reason.FIRST]


# Escalate


def escalating_world():
    world = firing_world(receivers=[receiver("boss")], policies=[policy((5, "boss"))])
    world.advance(seconds=31)
    return world


def test_an_unknown_incident_stops_its_state_machine_and_says_so():
    world = firing_world()
    decision = escalate.run(world.escalator(), IncidentId("inc-unknown"), now=world.now)
    assert (decision.action, decision.why) == (Action.STOP, Why.UNKNOWN)
    assert world.log.events("incident_unknown") == [{"incident": "inc-unknown"}]


def test_a_question_that_is_asked_again_takes_no_step_twice():
    world = escalating_world()
    (incident,) = world.escalations.started
    at = world.incident().opened_at + 5 * MINUTE
    for _ in range(3):
        assert escalate.run(world.escalator(), incident, now=at).why is Why.FINISHED
    assert world.incident().steps_done == 1
    assert world.log.counts["EscalationSteps"] == 1


def test_an_acknowledgement_beside_a_step_wins_or_comes_after_it():
    for number in range(4):
        world = escalating_world()
        (incident,) = world.escalations.started
        calls = Interruptions(number, before=world.acknowledge)
        world._wrap = calls.wrap
        decision = escalate.run(world.escalator(), incident, now=world.incident().opened_at + 5 * MINUTE)
        if world.incident().steps_done == 0:
            assert decision.why is Why.ACKNOWLEDGED
        assert world.incident().state == "acknowledged", calls.calls


def test_an_incident_that_changes_at_every_attempt_is_given_up_for_this_time():
    world = escalating_world()
    (incident,) = world.escalations.started
    escalator = replace(world.escalator(), incidents=Failing(world.store, "escalate", ConflictError("again")))
    with pytest.raises(ConflictError, match="changed 5 times"):
        escalate.run(escalator, incident, now=world.incident().opened_at + 5 * MINUTE)


# Notify


def undelivered():
    world = firing_world()
    world.advance(seconds=29)
    (group,) = world.store.active_groups()
    dispatch.run(world.dispatcher(), group, at=world.now, now=world.now + SECOND)
    return world, from_json(json.loads(world.topic.messages[0])), group


def test_a_delivery_is_claimed_recorded_and_confirmed():
    world, notification, group = undelivered()
    assert notify.run(world.notifier(), notification, now=world.now) is notify.Outcome.DELIVERED
    (delivery,) = world.store.load_deliveries(group)
    assert (delivery.state, delivery.outcome, delivery.attempts) == (DeliveryState.DELIVERED, "ok", 1)
    assert list(world.store.load_outbox(group)) == []
    assert notify.run(world.notifier(), notification, now=world.now) is notify.Outcome.DUPLICATE
    assert len(world.pages) == 1


def test_a_twin_that_is_delivering_is_waited_for():
    world, notification, group = undelivered()
    assert world.store.claim(notification, now=world.now) is Claim.GRANTED
    with pytest.raises(notify.DeliveryInProgressError):
        notify.run(world.notifier(), notification, now=world.now + LEASE - SECOND)
    assert len(world.store.load_outbox(group)) == 1, "the twin may yet fail"
    assert notify.run(world.notifier(), notification, now=world.now + LEASE) is notify.Outcome.DELIVERED


@pytest.mark.parametrize("retryable", [True, False])
def test_a_failure_is_recorded_and_stays_in_the_outbox(retryable):
    world, notification, group = undelivered()
    world.receiver_fails("team", retryable=retryable)
    if retryable:
        with pytest.raises(DeliveryError):
            notify.run(world.notifier(), notification, now=world.now)
    else:
        assert notify.run(world.notifier(), notification, now=world.now) is notify.Outcome.FAILED
    (delivery,) = world.store.load_deliveries(group)
    assert delivery.state is DeliveryState.FAILED
    assert len(world.store.load_outbox(group)) == 1
    world.receiver_works("team")
    assert notify.run(world.notifier(), notification, now=world.now) is notify.Outcome.DELIVERED


def test_who_reads_the_log_finds_the_notification():
    world, notification, _ = undelivered()
    notify.run(world.notifier(), notification, now=world.now)
    (line,) = world.log.events("notification_delivered")
    assert (line["notification"], line["receiver"], line["integration"]) == (notification.id, "team", "slack")
