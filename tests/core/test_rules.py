"""A rule's alerts from evaluation to evaluation: pending, firing, kept, resolved."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.core.labels import Fingerprint, Labels
from tocsin.core.rules import (
    ActiveAlert,
    AlertState,
    Change,
    Rule,
    RuleError,
    RuleGroup,
    RuleKey,
    Sample,
    TemplateContext,
    evaluate_rule,
    interval_key,
    interval_of,
    is_due,
    missed_iterations,
)

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
Active = Mapping[Fingerprint, ActiveAlert]
RULE = Rule(RuleKey("rules.yml;disks;DiskFull;0"), "DiskFull", "disks", "disk_used > 0.9")


def evaluate(rule, active, samples, *, at=NOW):
    return evaluate_rule(rule, active, samples, now=at, context=TemplateContext())


def live(rule, results, *, step=MINUTE):
    """Return what each evaluation did, one a minute; a result is a value, or None where the expression is false."""
    active: Active = {}
    changes = []
    for number, value in enumerate(results):
        samples = [] if value is None else [Sample({"instance": "a"}, value)]
        evaluation = evaluate(rule, active, samples, at=NOW + number * step)
        active = evaluation.active
        changes.append([transition.change for transition in evaluation.transitions])
    return changes


PENDING, FIRED, RESOLVED, DROPPED = Change.PENDING, Change.FIRED, Change.RESOLVED, Change.DROPPED
KEPT, RECOVERED, REFRESHED = Change.KEPT, Change.RECOVERED, Change.REFRESHED
TRUE, FALSE = 1.0, None
HOLD = replace(RULE, hold_for=2 * MINUTE)
KEEP = replace(RULE, keep_firing_for=2 * MINUTE)

LIVES = {
    "without `for` it fires at its first evaluation": (RULE, [TRUE, TRUE, FALSE], [[PENDING, FIRED], [], [RESOLVED]]),
    "with `for` it is pending until that is over": (
        HOLD,
        [TRUE, TRUE, TRUE, TRUE, FALSE],
        [[PENDING], [], [FIRED], [], [RESOLVED]],
    ),
    "one false evaluation begins `for` anew": (
        HOLD,
        [TRUE, TRUE, FALSE, TRUE, TRUE, TRUE],
        [[PENDING], [], [DROPPED], [PENDING], [], [FIRED]],
    ),
    "`for` of 90 s at a step of 60 s fires at 120 s": (
        replace(RULE, hold_for=timedelta(seconds=90)),
        [TRUE, TRUE, TRUE],
        [[PENDING], [], [FIRED]],
    ),
    "zero is a result like any other": (RULE, [0.0], [[PENDING, FIRED]]),
    "not a number is a result like any other": (RULE, [math.nan, math.nan], [[PENDING, FIRED], []]),
    "keep_firing_for begins at the first false evaluation and ends strictly": (
        KEEP,
        [TRUE, FALSE, FALSE, FALSE],
        [[PENDING, FIRED], [KEPT], [], [RESOLVED]],
    ),
    "true again ends keep_firing_for, and the next false begins it anew": (
        KEEP,
        [TRUE, FALSE, TRUE, FALSE, FALSE, FALSE],
        [[PENDING, FIRED], [KEPT], [RECOVERED], [KEPT], [], [RESOLVED]],
    ),
    "keep_firing_for is not for pending alerts": (
        replace(HOLD, keep_firing_for=HOLD.hold_for),
        [TRUE, FALSE, FALSE],
        [[PENDING], [DROPPED], []],
    ),
    "a changed value is written down every five minutes": (
        RULE,
        [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0],
        [[PENDING, FIRED], [], [], [], [], [REFRESHED], []],
    ),
    "an unchanged value is never written down": (RULE, [1.0] * 8, [[PENDING, FIRED]] + [[]] * 7),
}


@pytest.mark.parametrize("name", LIVES)
def test_an_alerts_life(name):
    rule, results, expected = LIVES[name]
    assert live(rule, results) == expected


def test_a_firing_alert_knows_when_it_was_seen_and_when_it_fired():
    first = evaluate(HOLD, {}, [Sample({"instance": "a"}, 1.0)])
    later = evaluate(HOLD, first.active, [Sample({"instance": "a"}, 2.0)], at=NOW + 2 * MINUTE)
    (alert,) = later.active.values()
    assert (alert.state, alert.active_at, alert.fired_at) == (AlertState.FIRING, NOW, NOW + 2 * MINUTE)
    assert alert.value == 2.0
    told = alert.as_alert(now=NOW + 3 * MINUTE, generator_url="link")
    assert (told.starts_at, told.ends_at, told.updated_at) == (NOW + 2 * MINUTE, None, NOW + 3 * MINUTE)
    assert alert.as_alert(now=NOW + 3 * MINUTE, generator_url="link", resolved=True).ends_at == NOW + 3 * MINUTE


def test_a_kept_alert_has_its_last_value_and_annotations():
    rule = replace(KEEP, annotations={"summary": "{{ $value }}"})
    first = evaluate(rule, {}, [Sample({}, 7.0)])
    (kept,) = evaluate(rule, first.active, [], at=NOW + MINUTE).active.values()
    assert (kept.value, kept.annotations["summary"], kept.keep_firing_since) == (7.0, "7", NOW + MINUTE)


def test_labels_are_the_series_then_the_rules_then_the_name():
    rule = replace(RULE, labels={"severity": "{{ $labels.env }}-critical", "job": "", "alertname": "Other"})
    series = {"__name__": "disk_used", "job": "node", "env": "prod", "alertname": "Mine"}
    (alert,) = evaluate(rule, {}, [Sample(series, 1.0)]).active.values()
    assert alert.labels == Labels({"alertname": "DiskFull", "env": "prod", "severity": "prod-critical"})


def test_a_label_made_of_the_value_never_settles():
    rule = replace(HOLD, labels={"value": "{{ $value }}"})
    first, *others = live(rule, [1.0, 2.0, 3.0])
    assert first == [PENDING]
    assert [set(changes) for changes in others] == [{DROPPED, PENDING}] * 2


def test_each_series_is_an_alert_of_its_own():
    both = [Sample({"instance": "a"}, 1.0), Sample({"instance": "b"}, 1.0)]
    first = evaluate(RULE, {}, both)
    second = evaluate(RULE, first.active, both[1:], at=NOW + MINUTE)
    (gone,) = second.transitions
    assert (gone.change, gone.alert.labels["instance"]) == (RESOLVED, "a")
    assert [alert.labels["instance"] for alert in second.active.values()] == ["b"]


def test_two_series_with_one_final_label_set_fail_the_rule():
    rule = replace(RULE, labels={"instance": "all"})
    with pytest.raises(RuleError, match="several series"):
        evaluate(rule, {}, [Sample({"instance": "a"}, 1.0), Sample({"instance": "b"}, 1.0)])


@pytest.mark.parametrize(("series", "fails"), [(2, False), (3, True)], ids=["at its limit", "over its limit"])
def test_a_limit_fails_the_rule_only_where_it_is_exceeded(series, fails):
    samples = [Sample({"instance": str(number)}, 1.0) for number in range(series)]
    rule = replace(RULE, limit=2)
    if fails:
        with pytest.raises(RuleError, match="exceeded limit of 2 with 3 alerts"):
            evaluate(rule, {}, samples)
    else:
        assert len(evaluate(rule, {}, samples).active) == 2


def test_a_template_that_fails_becomes_text_and_the_alert_fires():
    rule = replace(RULE, annotations={"summary": "{{ $labels.instance | nosuch }}"})
    (alert,) = evaluate(rule, {}, [Sample({}, 1.0)]).active.values()
    assert alert.state is AlertState.FIRING
    assert alert.annotations["summary"].startswith("<error expanding template: ")


DUE = {
    "a group without an interval is due in every tick": (None, NOW + timedelta(seconds=17), True),
    "an interval shorter than the tick is due in every tick": (timedelta(seconds=30), NOW + MINUTE, True),
    "at its interval": (5 * MINUTE, NOW + 5 * MINUTE, True),
    "between its intervals": (5 * MINUTE, NOW + 6 * MINUTE, False),
    "a tick that is a little late is still the interval's": (5 * MINUTE, NOW + timedelta(seconds=5), True),
}


@pytest.mark.parametrize(("interval", "now", "expected"), DUE.values(), ids=DUE)
def test_a_group_is_due(interval, now, expected):
    assert is_due(RuleGroup("g", "f", (), interval=interval), now=now, tick=MINUTE) is expected


@given(st.integers(61, 4000), st.integers(60, 2000), st.integers(0, 2000), st.data())
def test_on_any_schedule_a_group_is_due_once_an_interval_and_catches_up_at_the_next_tick(interval, rate, offset, data):
    length = timedelta(seconds=interval)
    group = RuleGroup("g", "f", (), interval=length)
    last, missed, evaluated = NOW, 0, []
    for number in range(1, 80):
        now = NOW + timedelta(seconds=offset + number * rate)
        if data.draw(st.integers(0, 9)) == 0:
            continue  # a tick that is lost
        passed = missed_iterations(length, last, now=now)
        is_new = now.timestamp() // interval != last.timestamp() // interval
        assert is_due(group, now=now, tick=MINUTE, last=last) is is_new is (passed is not None)
        if passed is not None:
            evaluated.append(now.timestamp() // interval)
            missed += passed
            last = now
    assert len(set(evaluated)) == len(evaluated), "never twice in one"
    assert missed + len(evaluated) == last.timestamp() // interval - NOW.timestamp() // interval


@given(st.integers(1, 50), st.integers(0, 59))
def test_of_the_ticks_in_an_interval_exactly_one_is_due(minutes, offset):
    group = RuleGroup("g", "f", (), interval=minutes * MINUTE)
    ticks = [NOW + timedelta(seconds=offset) + number * MINUTE for number in range(minutes)]
    assert sum(is_due(group, now=tick, tick=MINUTE) for tick in ticks) == 1


rules = st.builds(
    lambda hold, keep: replace(RULE, hold_for=hold * MINUTE, keep_firing_for=keep * MINUTE),
    st.integers(0, 3),
    st.integers(0, 3),
)
results = st.lists(st.frozensets(st.sampled_from("abc")), max_size=8)


def samples_of(instances):
    return [Sample({"instance": each}, 1.0) for each in sorted(instances)]


@given(rules, results)
def test_evaluating_twice_equals_once(rule, history):
    active: Active = {}
    for number, instances in enumerate(history):
        at = NOW + number * MINUTE
        once = evaluate(rule, active, samples_of(instances), at=at)
        twice = evaluate(rule, once.active, samples_of(instances), at=at)
        assert twice.active == once.active
        assert twice.transitions == ()
        active = once.active


@given(rules, results)
def test_transitions_tell_the_whole_story(rule, history):
    """Who knows only the transitions knows what fires; nothing is pending or kept longer than the rule says."""
    active: Active = {}
    firing = set()
    for number, instances in enumerate(history):
        at = NOW + number * MINUTE
        evaluation = evaluate(rule, active, samples_of(instances), at=at)
        for transition in evaluation.transitions:
            if transition.change is FIRED:
                firing.add(transition.alert.fingerprint)
            elif transition.change is RESOLVED:
                firing.remove(transition.alert.fingerprint)
        active = evaluation.active
        assert firing == {key for key, each in active.items() if each.state is AlertState.FIRING}
        for alert in active.values():
            assert (alert.state is AlertState.PENDING) <= (at - alert.active_at < rule.hold_for)
            assert alert.keep_firing_since is None or at - alert.keep_firing_since < rule.keep_firing_for


@given(results, st.randoms())
def test_the_order_of_the_samples_does_not_matter(history, random):
    for instances in history:
        samples = samples_of(instances)
        assert evaluate(RULE, {}, samples) == evaluate(RULE, {}, random.sample(samples, len(samples)))


@pytest.mark.parametrize("seconds", [90, 300, 0.25, 10**7])
def test_a_key_says_which_interval_it_is_about(seconds):
    assert interval_of(interval_key(timedelta(seconds=seconds))) == timedelta(seconds=seconds)
    assert interval_of(RuleKey("rules.yml;group;name;0")) is None
