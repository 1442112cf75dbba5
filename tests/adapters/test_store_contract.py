"""What the pipeline may rely on, of the store in memory and of the table's adapters alike."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from botocore.exceptions import ClientError

from tests.adapters.stores import DynamoStore, Store, counted_calls, dynamodb, new_table
from tocsin.adapters.dynamodb import Table, deliveries
from tocsin.adapters.memory import LEASE, MemoryStore
from tocsin.config.patterns import compile_pattern
from tocsin.core.alerts import Alert, Status
from tocsin.core.cooldowns import Cooldown
from tocsin.core.grouping import Flush
from tocsin.core.incidents import (
    Actor,
    Change,
    Counts,
    Event,
    Incident,
    IncidentId,
    IncidentState,
    Page,
    Source,
    incident_id,
    read_execution_name,
)
from tocsin.core.intervals import Range, TimeInterval, TimeRange
from tocsin.core.labels import Fingerprint, Labels
from tocsin.core.matchers import Matcher, MatchType
from tocsin.core.merging import Received
from tocsin.core.notifications import Notification, Reason, Sent, as_json, compose, from_json
from tocsin.core.oncall import Override
from tocsin.core.policies import Step, Terms
from tocsin.core.receivers import Integration, IntegrationKey, Kind
from tocsin.core.routing import GroupIdentity
from tocsin.core.rules import ActiveAlert, AlertState, RuleKey
from tocsin.core.silences import Recurrence, Silence, SilenceId
from tocsin.errors import ConflictError, StoreError
from tocsin.ports import Claim, DeliveryState, Health, IngestedAlert, OutboxKind, RuleRecord, SilenceChange, Thread

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
HALF = timedelta(milliseconds=500)
SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
KEY = RuleKey("rules.yml;disks;DiskFull;0")
GROUP = GroupIdentity("team", "{}", Labels({"alertname": "DiskFull"}))
SLACK = Integration("team", Kind.SLACK, 0, True, {"api_url_file": "secret:slack#team"})
MAIL = Integration("team", Kind.SNS, 1, True)


@pytest.fixture(scope="module")
def client():
    with dynamodb() as client:
        yield client


@pytest.fixture(params=["memory", "dynamodb"])
def store(request) -> Store:
    if request.param == "memory":
        return MemoryStore()
    return new_table(request.getfixturevalue("client"))


@pytest.fixture
def table(client) -> DynamoStore:
    return new_table(client)


def alert(instance: str = "a", *, at: datetime = NOW, ended: bool = False, **annotations: str) -> Alert:
    return Alert(
        labels=Labels({"alertname": "DiskFull", "instance": instance}),
        annotations=annotations,
        starts_at=NOW,
        updated_at=at,
        ends_at=at if ended else None,
        generator_url="https://prometheus.example.com/graph",
        value=0.97,
    )


def active(instance: str = "a", state: AlertState = AlertState.FIRING, **annotations: str) -> ActiveAlert:
    fired_at = NOW if state is AlertState.FIRING else None
    labels = Labels({"alertname": "DiskFull", "instance": instance})
    return ActiveAlert(labels, annotations, float("nan"), state, NOW, fired_at=fired_at, refreshed_at=fired_at)


def by_fingerprint(*alerts):
    return {each.fingerprint: each for each in alerts}


def notification(*alerts: Alert, seq: int = 1, integration: Integration = SLACK, now: datetime = NOW) -> Notification:
    return compose(
        GROUP,
        integration,
        alerts or (alert(),),
        seq=seq,
        reason=Reason.FIRST,
        retry_after=5 * MINUTE,
        incident=None,
        step=None,
        external_url="",
        now=now,
    )


def incident(**changes) -> Incident:
    steps = (Step(timedelta(0), ("oncall",)), Step(5 * MINUTE, ("second", "boss")))
    opened = Incident(incident_id(GROUP.id, NOW), GROUP.id, "team", "default", steps, "DiskFull", "critical", NOW)
    return replace(opened, **changes)


def told(store: Store, *alerts: Alert, first_flush_at: datetime = NOW + 30 * SECOND):
    """Tell the group, and return it as it is then."""
    store.tell(GROUP, alerts or (alert(),), first_flush_at=first_flush_at)
    return loaded(store)


def loaded(store: Store, now: datetime = NOW):
    state = store.load_group(GROUP.id, now=now)
    assert state is not None
    return state


def sent(store: Store, *notifications: Notification, now: datetime = NOW, **more):
    """Commit a flush that sends these."""
    before = loaded(store, now).group
    entries = {each.key: Sent(frozenset(), frozenset(), now, each.seq, each.id) for each in notifications}
    after = replace(before, seq=max(each.seq for each in notifications), sent={**before.sent, **entries})
    store.commit(before, Flush(group=after, notifications=notifications, **more), now=now)
    return store.load_outbox(GROUP.id)


# Rules


def test_a_rule_is_read_as_it_was_written(store):
    record = RuleRecord(
        KEY,
        active=by_fingerprint(active("a", summary="full"), active("b", AlertState.PENDING)),
        health=Health.FAILING,
        error="the endpoint answered 503",
        changed_at=NOW,
        failing_since=NOW - MINUTE,
        routes_digest="abc",
        receivers=("dba", "boss"),
        telling=by_fingerprint(replace(active("c"), keep_firing_since=NOW)),
        ending=frozenset({active("c").fingerprint}),
        owed=by_fingerprint(active("d")),
        definition="what it was",
    )
    written = store.save_rule(record, now=NOW)
    assert written.version == 1
    assert repr(store.load_rules(now=NOW)[KEY]) == repr(written)  # repr, as NaN is not itself


def test_a_rule_is_written_under_the_version_that_was_read(store):
    first = store.save_rule(RuleRecord(KEY, active=by_fingerprint(active())), now=NOW)
    second = store.save_rule(replace(first, error="changed"), now=NOW)
    assert second.version == 2
    for stale in (first, RuleRecord(KEY)):
        with pytest.raises(ConflictError):
            store.save_rule(stale, now=NOW)
    assert store.load_rules(now=NOW)[KEY].error == "changed"


def test_an_idle_rule_that_was_forgotten_is_written_anew(store):
    store.save_rule(RuleRecord(KEY, changed_at=NOW), now=NOW)
    later = NOW + 40 * DAY
    record = store.load_rules(now=later).get(KEY) or RuleRecord(KEY)
    store.save_rule(replace(record, active=by_fingerprint(active())), now=later)
    assert len(store.load_rules(now=later)[KEY].active) == 1


def test_a_rule_with_thousands_of_alerts_grows_and_shrinks(store):
    # Noise, so that compression does not make it small.
    many = by_fingerprint(*(active(f"{number:05d}", noise=noise(number, 200)) for number in range(5000)))
    first = store.save_rule(RuleRecord(KEY, active=many), now=NOW)
    assert store.load_rules(now=NOW)[KEY].active.keys() == many.keys()
    store.save_rule(replace(first, active=by_fingerprint(active())), now=NOW)
    record = store.load_rules(now=NOW)[KEY]
    assert record.active.keys() == by_fingerprint(active()).keys()


def noise(number: int, length: int) -> str:
    digits = pow(7, number * 37 + 5000, 10**length) if number else 10**length - 1
    return f"{digits:0{length}d}"


# Groups


def test_telling_makes_the_group_and_plans_its_first_flush(store):
    state = told(store, alert("a"), alert("b"))
    assert state.group.identity == GROUP
    assert state.group.version == 1
    assert state.group.next_flush_at == state.group.look_at == NOW + 30 * SECOND
    assert state.alerts == by_fingerprint(alert("a"), alert("b"))


def test_a_group_that_nobody_was_told_of_is_none(store):
    assert store.load_group(GROUP.id, now=NOW) is None
    assert list(store.load_outbox(GROUP.id)) == []


def test_telling_again_keeps_the_plan_and_the_newest_copy(store):
    told(store)
    newer = alert(at=NOW + MINUTE, ended=True)
    state = told(store, newer, first_flush_at=NOW + 9 * MINUTE)
    assert state.group.next_flush_at == NOW + 30 * SECOND
    assert state.alerts == by_fingerprint(newer)
    assert state.group.version == 2


def test_what_cannot_wait_is_looked_at_at_once_and_leaves_the_plan(store):
    told(store, first_flush_at=NOW + 9 * MINUTE)
    store.tell(GROUP, [alert("b")], first_flush_at=NOW, look_at=NOW)
    group = loaded(store).group
    assert (group.next_flush_at, group.look_at) == (NOW + 9 * MINUTE, NOW)
    assert list(store.overdue(before=NOW, limit=10)) == [GROUP.id]


def test_a_group_that_is_made_by_what_cannot_wait_is_planned_as_well(store):
    store.tell(GROUP, [alert()], first_flush_at=NOW, look_at=NOW)
    group = loaded(store).group
    assert (group.next_flush_at, group.look_at) == (NOW, NOW)


@pytest.mark.parametrize("by", [MINUTE, HALF], ids=["a minute", "half a second"])
def test_telling_something_older_is_a_conflict_and_changes_nothing(store, by):
    told(store, alert("a", at=NOW + by))
    with pytest.raises(ConflictError):
        told(store, alert("a"), alert("b"))
    assert loaded(store).alerts == by_fingerprint(alert("a", at=NOW + by))
    told(store, alert("a", at=NOW + by), alert("b", at=NOW + by))


def test_one_alert_is_not_told_twice_at_once(store):
    with pytest.raises(StoreError):
        told(store, alert("a"), alert("a", ended=True))
    assert store.load_group(GROUP.id, now=NOW) is None


def test_two_hundred_and_fifty_alerts_are_told_at_once(store):
    alerts = [alert(f"{number:03d}") for number in range(250)]
    assert told(store, *alerts).alerts == by_fingerprint(*alerts)


def test_a_flush_is_read_as_it_was_written(store):
    before = told(store).group
    key = IntegrationKey("team/slack/0")
    prints = (frozenset({alert().fingerprint}), frozenset({Fingerprint("0" * 16)}))
    entry = Sent(*prints, NOW, 7, "some-id", 2, 3, ("1", "1.1"))
    after = replace(
        before,
        seq=7,
        next_flush_at=NOW + 5 * MINUTE,
        look_at=NOW + 5 * MINUTE,
        sent={key: entry, IntegrationKey("boss/sns/0"): replace(entry, resolved=frozenset())},
        escalated={"second": 2, "boss.of-it": 3},
        counted=frozenset({alert("b").fingerprint}),
        incident=incident().id,
    )
    held = Cooldown(starts_at=NOW, until=NOW + MINUTE, held=2, held_starts_at=NOW + SECOND)
    store.commit(before, Flush(group=after, cooldowns={alert().fingerprint: held}), now=NOW)
    state = loaded(store)
    assert state.group == replace(after, version=before.version + 1)
    assert state.cooldowns == {alert().fingerprint: held}


def test_a_flush_that_ends_the_group_plans_nothing(store):
    before = told(store, alert(ended=True)).group
    after = replace(before, next_flush_at=None, look_at=None)
    store.commit(before, Flush(group=after, dropped=(alert(ended=True),)), now=NOW)
    state = loaded(store)
    assert (state.group.next_flush_at, state.group.look_at, dict(state.alerts)) == (None, None, {})
    assert list(store.active_groups()) == []
    assert told(store, alert(at=NOW + DAY), first_flush_at=NOW + DAY).group.look_at == NOW + DAY


def test_a_group_that_was_told_something_meanwhile_is_not_committed(store):
    before = told(store).group
    told(store, alert("b"))
    with pytest.raises(ConflictError):
        store.commit(before, Flush(group=before, notifications=(notification(),)), now=NOW)
    assert list(store.load_outbox(GROUP.id)) == []
    assert store.load_notification(notification().id) is None


def test_of_two_flushes_one_is_committed(store):
    before = told(store).group
    store.commit(before, Flush(group=replace(before, seq=1)), now=NOW)
    with pytest.raises(ConflictError):
        store.commit(before, Flush(group=replace(before, seq=2)), now=NOW)
    assert loaded(store).group.seq == 1


def test_an_incident_that_changed_meanwhile_keeps_the_flush_from_being_committed(store):
    before = told(store).group
    store.save_incident(incident(), now=NOW)
    with pytest.raises(ConflictError):
        store.commit(before, Flush(group=before, closed=incident(state=IncidentState.RESOLVED)), now=NOW)
    assert loaded(store).group == before


def test_a_hundred_and_fifty_resolved_alerts_are_dropped(store):
    ended = [alert(f"{number:03d}", ended=True) for number in range(150)]
    before = told(store, *ended, alert("fires")).group
    left = store.commit(before, Flush(group=before, dropped=tuple(ended)), now=NOW)
    store.drop(GROUP.id, left, now=NOW)
    assert loaded(store).alerts == by_fingerprint(alert("fires"))


@pytest.mark.parametrize("count", [1, 150])
def test_an_older_word_does_not_bring_back_what_was_told_to_be_over_and_dropped(store, count):
    ended = [alert(f"{number:03d}", at=NOW + SECOND, ended=True) for number in range(count)]
    before = told(store, *ended).group
    left = store.commit(before, Flush(group=before, dropped=tuple(ended)), now=NOW + MINUTE)
    store.drop(GROUP.id, left, now=NOW + MINUTE)
    for each in (alert("000"), alert(f"{count - 1:03d}")):
        with pytest.raises(ConflictError):
            store.tell(GROUP, [each], first_flush_at=NOW)
    assert dict(loaded(store).alerts) == {}
    again = alert("000", at=NOW + 2 * SECOND)
    assert told(store, again).alerts == by_fingerprint(again)


def test_what_was_told_anew_is_not_dropped_and_keeps_nothing_beside_it_from_being_dropped(store):
    ended = [alert(f"{number:03d}", ended=True) for number in range(150)]
    told(store, *ended)
    again = alert("007", at=NOW + SECOND)
    told(store, again)
    store.drop(GROUP.id, ended, now=NOW + MINUTE)
    assert loaded(store).alerts == by_fingerprint(again)


def test_six_thousand_cooldowns_are_kept_and_the_newest_of_each_holds(store):
    before = told(store).group
    cooldowns = {Fingerprint(f"{number:016x}"): Cooldown(NOW, NOW + MINUTE) for number in range(6000)}
    store.commit(before, Flush(group=before, cooldowns=cooldowns), now=NOW)
    assert loaded(store).cooldowns == cooldowns
    newer = {
        Fingerprint(f"{7:016x}"): Cooldown(NOW, NOW + MINUTE, held=1, held_starts_at=NOW + SECOND),
        Fingerprint(f"{5500:016x}"): Cooldown(NOW + SECOND, NOW + 3 * MINUTE),
    }
    store.commit(loaded(store).group, Flush(group=before, cooldowns=newer), now=NOW)
    assert loaded(store).cooldowns == cooldowns | newer
    assert loaded(store, NOW + 2 * MINUTE).cooldowns == {
        key: each for key, each in newer.items() if each.until > NOW + 2 * MINUTE
    }


def test_cooldowns_that_an_older_version_wrote_hold(table):
    told(table)
    item = {
        "pk": f"group#{GROUP.id}",
        "sk": f"cooldown#{alert().fingerprint}",
        "starts_at": NOW.isoformat(),
        "until": (NOW + MINUTE).isoformat(),
        "held": 2,
        "held_starts_at": (NOW + SECOND).isoformat(),
        "expires_at": int((NOW + MINUTE).timestamp()),
    }
    table.table.put(item)
    assert loaded(table).cooldowns == {alert().fingerprint: Cooldown(NOW, NOW + MINUTE, 2, NOW + SECOND)}
    newer = {alert().fingerprint: Cooldown(NOW + SECOND, NOW + 2 * MINUTE)}
    before = loaded(table).group
    table.commit(before, Flush(group=before, cooldowns=newer), now=NOW)
    assert loaded(table).cooldowns == newer


def test_the_first_page_of_ten_thousand_alerts_waits_for_a_few_requests(table):
    before = told(table).group
    many = [alert(f"{number:05d}") for number in range(10_000)]
    cooldowns = {each.fingerprint: Cooldown(NOW, NOW + MINUTE) for each in many}
    told_of = Sent(frozenset(cooldowns), frozenset(), NOW, 1, "id")
    after = replace(before, seq=1, sent={SLACK.key: told_of})
    with counted_calls(table.client) as calls:
        flush = Flush(group=after, notifications=(notification(*many),), cooldowns=cooldowns)
        assert table.commit(before, flush, now=NOW) == ()
    assert calls == {"TransactWriteItems": 1}
    assert loaded(table).cooldowns == cooldowns


def test_ended_alerts_are_dropped_a_hundred_at_a_time_once_all_is_told(table):
    ended = tuple(alert(f"{number:04d}", ended=True) for number in range(250))
    before = told(table, *ended).group
    with counted_calls(table.client) as calls:
        left = table.commit(before, Flush(group=before, dropped=ended), now=NOW)
    assert calls == {"TransactWriteItems": 1}
    with counted_calls(table.client) as calls:
        table.drop(GROUP.id, left, now=NOW)
    assert len(left) > 100
    assert calls == {"TransactWriteItems": 2}
    assert loaded(table).alerts == {}


def test_a_cooldown_ends_on_time_whether_or_not_its_item_is_gone(store):
    before = told(store).group
    cooldowns = {alert().fingerprint: Cooldown(NOW, NOW + MINUTE)}
    store.commit(before, Flush(group=before, cooldowns=cooldowns), now=NOW)
    assert loaded(store, NOW + 59 * SECOND).cooldowns == cooldowns
    assert loaded(store, NOW + MINUTE).cooldowns == {}


# The outbox


def test_the_outbox_holds_what_was_decided_in_order_until_it_is_confirmed(store):
    told(store)
    sent(store, notification(seq=1), notification(seq=1, integration=MAIL), opened=incident())
    entries = sent(store, notification(seq=2))
    assert [entry.seq for entry in entries] == sorted(entry.seq for entry in entries)
    assert {(entry.seq, entry.integration, entry.kind) for entry in entries} == {
        (1, "escalation/0", OutboxKind.ESCALATION),
        (1, "team/slack/0", OutboxKind.NOTIFICATION),
        (1, "team/sns/1", OutboxKind.NOTIFICATION),
        (2, "team/slack/0", OutboxKind.NOTIFICATION),
    }
    assert not any(entry.is_published for entry in entries)
    for entry in entries:
        store.confirm(entry)
        store.confirm(entry)  # twice is once
    assert list(store.load_outbox(GROUP.id)) == []


def test_a_group_names_the_newest_notification_that_an_integration_is_not_known_to_have(store):
    told(store)
    (first,) = sent(store, notification(seq=1), opened=incident())[1:]
    second = sent(store, notification(seq=2))[-1]
    assert loaded(store).unconfirmed == {"team/slack/0": second.subject}
    store.confirm(second)
    assert loaded(store).unconfirmed == {"team/slack/0": first.subject}
    store.confirm(first)
    assert loaded(store).unconfirmed == {}


def test_a_published_entry_waits_for_its_retry(store):
    told(store)
    (entry,) = sent(store, notification())
    assert store.mark_published(entry, retry_at=NOW + 5 * MINUTE)
    (published,) = store.load_outbox(GROUP.id)
    assert published == replace(entry, is_published=True, retry_at=NOW + 5 * MINUTE)


def test_of_two_publishers_one_marks_the_entry(store):
    told(store)
    (entry,) = sent(store, notification(integration=MAIL))
    assert store.mark_published(entry, retry_at=NOW + MINUTE)
    assert not store.mark_published(entry, retry_at=NOW + 2 * MINUTE)
    (published,) = store.load_outbox(GROUP.id)
    assert published.retry_at == NOW + MINUTE
    assert store.mark_published(published, retry_at=NOW + 2 * MINUTE)
    assert not store.mark_published(published, retry_at=NOW + 3 * MINUTE)


def test_what_was_confirmed_is_not_brought_back_by_its_publisher(store):
    told(store)
    (entry,) = sent(store, notification())
    store.confirm(entry)
    assert not store.mark_published(entry, retry_at=NOW + 5 * MINUTE)
    assert list(store.load_outbox(GROUP.id)) == []


def test_a_frozen_notification_is_read_as_it_was_written(store):
    told(store)
    frozen = notification(alert("a", summary='„Umlaute“, "quotes" and \n'), alert("b", ended=True))
    sent(store, frozen)
    full = store.load_notification(frozen.id)
    assert full == as_json(frozen)
    assert from_json(full) == frozen
    assert store.load_notification("another") is None


def test_a_notification_with_thousands_of_alerts_is_kept_whole(store):
    told(store)
    frozen = notification(*(alert(f"{number:05d}", noise=noise(number, 400)) for number in range(5000)))
    sent(store, frozen)
    assert store.load_notification(frozen.id) == as_json(frozen)


def test_a_log_of_thousands_of_fingerprints_is_kept_whole(store):
    before = told(store).group
    many = frozenset(Fingerprint(f"{pow(3, number + 99, 2**64):016x}") for number in range(60_000))
    entries = {IntegrationKey(f"team/slack/{index}"): Sent(many, frozenset(), NOW) for index in range(3)}
    store.commit(before, Flush(group=replace(before, sent=entries)), now=NOW)
    assert loaded(store).group.sent == entries


def test_a_receiver_with_ninety_integrations_is_told_at_each(store):
    told(store)
    everywhere = [Integration("team", Kind.SLACK, index, True) for index in range(90)]
    assert len(sent(store, *(notification(integration=each) for each in everywhere))) == 90


# What is overdue


def test_groups_are_overdue_in_the_order_of_their_plans(store):
    others = [GroupIdentity("team", "{}", Labels({"alertname": name})) for name in "abc"]
    for minutes, other in zip((3, 1, 2), others, strict=True):
        store.tell(other, [alert()], first_flush_at=NOW + minutes * MINUTE)
    a, b, c = (other.id for other in others)
    assert list(store.overdue(before=NOW, limit=10)) == []
    assert list(store.overdue(before=NOW + 2 * MINUTE, limit=10)) == [b, c]
    assert list(store.overdue(before=NOW + DAY, limit=2)) == [b, c]
    assert sorted(store.active_groups()) == sorted([a, b, c])


def test_a_group_whose_outbox_waits_is_overdue_though_it_is_over(store):
    before = told(store).group
    after = replace(before, next_flush_at=None, look_at=None, seq=1)
    store.commit(before, Flush(group=after, notifications=(notification(),)), now=NOW)
    assert list(store.overdue(before=NOW, limit=10)) == [GROUP.id]
    (entry,) = store.load_outbox(GROUP.id)
    store.mark_published(entry, retry_at=NOW + 5 * MINUTE)
    assert list(store.overdue(before=NOW, limit=10)) == []
    assert list(store.overdue(before=NOW + 5 * MINUTE, limit=10)) == [GROUP.id]
    store.confirm(entry)
    assert list(store.overdue(before=NOW + DAY, limit=10)) == []


# Incidents


def test_an_incident_is_read_as_it_was_written(store):
    assert store.load_incident(incident().id) is None
    store.save_incident(incident(), now=NOW)
    assert store.load_incident(incident().id) == incident(version=1)
    changed = incident(
        version=1, state=IncidentState.ACKNOWLEDGED, steps_done=1, changed_at=NOW, changed_by="ada", comment="on it"
    )
    store.save_incident(changed, now=NOW)
    assert store.load_incident(incident().id) == replace(changed, version=2)


def test_of_two_changes_of_an_incident_one_is_written(store):
    store.save_incident(incident(), now=NOW)
    store.save_incident(incident(version=1, changed_by="ada"), now=NOW)
    with pytest.raises(ConflictError):
        store.save_incident(incident(version=1, changed_by="bob"), now=NOW)
    with pytest.raises(ConflictError):
        store.save_incident(incident(), now=NOW)
    assert store.load_incident(incident().id).changed_by == "ada"


def test_a_step_adds_its_receivers_and_has_the_group_looked_at_at_once(store):
    before = told(store, first_flush_at=NOW + 9 * MINUTE).group
    store.commit(before, Flush(group=replace(before, escalated={"oncall": 1}), opened=incident()), now=NOW)
    at = NOW + MINUTE
    store.escalate(incident(version=1, steps_done=2), {"oncall": 2, "second": 2, "b.o-s s": 2}, now=at)
    state = loaded(store, at)
    assert state.group.escalated == {"oncall": 2, "second": 2, "b.o-s s": 2}
    assert (state.group.look_at, state.group.next_flush_at) == (at, NOW + 9 * MINUTE)
    assert state.group.version == 3
    assert store.load_incident(incident().id).steps_done == 2
    assert list(store.overdue(before=at, limit=10)) == [GROUP.id]


def test_a_climb_that_begins_anew_has_its_state_machine_started_by_the_outbox(store):
    told(store)
    store.save_incident(incident(), now=NOW)
    store.escalate(incident(version=1, climb=1), {}, starts=True, now=NOW)
    (entry,) = store.load_outbox(GROUP.id)
    assert (entry.kind, read_execution_name(entry.subject)) == (OutboxKind.ESCALATION, (incident().id, 1))


def test_everything_that_is_known_of_an_incident_comes_back(store):
    told(store)
    page = Page(NOW, 3, receiver="oncall")
    whole = incident(
        terms=Terms(2, MINUTE, DAY, MINUTE, is_acknowledgeable=False, reopens=True, fallback=("desk",)),
        steps=(Step(MINUTE, ("a",), ("ann",), ("primary",), ("night",), ("critical",), is_important=True),),
        state=IncidentState.SNOOZED,
        owner="ann",
        until=NOW + DAY,
        is_reminded=True,
        floor=1,
        direct=2,
        turn=1,
        position=1,
        turn_at=NOW,
        reached=("oncall",),
        missed=(1,),
        climb=4,
        orders=("click 1", "pagerduty 01TOCSIN"),
        revived_at=NOW,
        pending=(page, Page(NOW, 4, user="ann")),
        counts=Counts(7, NOW, NOW + MINUTE, float("inf")),
        changed_at=NOW,
        changed_by="ann",
        source=Source.PAGERDUTY,
        place="key",
        comment="later",
        said="Snoozed by ann (slack)",
        standing=3,
        state_number=2,
        state_by=Actor("ann", Source.PAGERDUTY, "key"),
        lapsed=1,
    )
    store.save_incident(whole, now=NOW)
    assert store.load_incident(whole.id) == replace(whole, version=1)


def test_what_happened_to_an_incident_is_kept_in_order(store):
    told(store)
    events = tuple(Event(NOW, change, "ann", Source.CLI, change.value, "why") for change in Change)
    store.save_incident(incident(news=events[:3]), now=NOW)
    store.escalate(incident(version=1, news=events[3:]), {}, now=NOW + MINUTE)
    assert list(store.load_events(incident().id)) == list(events)
    assert list(store.load_events(IncidentId("inc-0"))) == []


def test_a_step_that_adds_nobody_is_taken_too(store):
    told(store)
    store.save_incident(incident(), now=NOW)
    store.escalate(incident(version=1, steps_done=1), {}, now=NOW)
    assert store.load_incident(incident().id).steps_done == 1


def test_a_step_of_an_incident_that_changed_meanwhile_changes_nothing(store):
    before = told(store)
    store.save_incident(incident(), now=NOW)
    store.save_incident(incident(version=1, state=IncidentState.ACKNOWLEDGED), now=NOW)
    with pytest.raises(ConflictError):
        store.escalate(incident(version=1, steps_done=1), {"oncall": 1}, now=NOW)
    assert loaded(store) == before


def test_a_step_of_a_group_that_is_not_there_is_a_conflict(store):
    store.save_incident(incident(), now=NOW)
    with pytest.raises(ConflictError):
        store.escalate(incident(version=1, steps_done=1), {"oncall": 1}, now=NOW)
    assert store.load_incident(incident().id).steps_done == 0


def test_a_step_between_load_and_commit_makes_the_commit_conflict(store):
    before = told(store).group
    store.save_incident(incident(), now=NOW)
    store.escalate(incident(version=1, steps_done=1), {"oncall": 1}, now=NOW)
    with pytest.raises(ConflictError):
        store.commit(before, Flush(group=before), now=NOW)
    assert loaded(store).group.escalated == {"oncall": 1}


# Deliveries


def test_both_stores_lease_alike():
    assert deliveries.LEASE == LEASE


def test_a_claim_is_granted_once_at_a_time(store):
    assert store.claim(notification(), now=NOW) is Claim.GRANTED
    assert store.claim(notification(), now=NOW + LEASE - SECOND) is Claim.BUSY
    assert store.claim(notification(seq=2), now=NOW + LEASE - SECOND) is Claim.BUSY
    assert store.claim(notification(integration=MAIL), now=NOW) is Claim.GRANTED


def test_a_claim_whose_lease_is_over_is_anothers_to_take(store):
    store.claim(notification(), now=NOW)
    assert store.claim(notification(), now=NOW + LEASE) is Claim.GRANTED
    assert store.claim(notification(), now=NOW + 2 * LEASE - SECOND) is Claim.BUSY


@pytest.mark.parametrize(
    ("begun", "expected"),
    [(HALF, Claim.BUSY), (-HALF, Claim.GRANTED)],
    ids=["begun later", "begun earlier"],
)
def test_a_lease_ends_to_the_fraction_of_a_second(store, begun, expected):
    store.claim(notification(), now=NOW + begun)
    assert store.claim(notification(), now=NOW + LEASE) is expected


def test_what_was_delivered_is_not_delivered_again_and_nothing_older_either(store):
    store.claim(notification(seq=2), now=NOW)
    store.record(notification(seq=2), DeliveryState.DELIVERED, "ok", now=NOW)
    assert store.claim(notification(seq=2), now=NOW) is Claim.DELIVERED
    assert store.claim(notification(seq=1), now=NOW) is Claim.STALE
    assert store.claim(notification(seq=3), now=NOW) is Claim.GRANTED


def test_a_failure_gives_the_claim_back_and_is_counted(store):
    for attempt in (1, 2):
        assert store.claim(notification(), now=NOW) is Claim.GRANTED
        store.record(notification(), DeliveryState.FAILED, "server error: 503", now=NOW)
        (delivery,) = store.load_deliveries(GROUP.id)
        assert (delivery.state, delivery.attempts) == (DeliveryState.FAILED, attempt)
    store.claim(notification(), now=NOW)
    store.record(notification(), DeliveryState.DELIVERED, "x" * 5000, now=NOW + SECOND)
    (delivery,) = store.load_deliveries(GROUP.id)
    assert (delivery.state, delivery.attempts, delivery.at) == (DeliveryState.DELIVERED, 3, NOW + SECOND)
    assert (delivery.status, delivery.reason, delivery.seq) == (Status.FIRING, Reason.FIRST, 1)
    assert delivery.outcome == "x" * 1000


def test_who_lost_the_claim_records_nothing(store):
    store.claim(notification(seq=1), now=NOW)
    store.claim(notification(seq=2), now=NOW + LEASE)
    with pytest.raises(ConflictError):
        store.record(notification(seq=1), DeliveryState.DELIVERED, "ok", now=NOW + LEASE)
    assert list(store.load_deliveries(GROUP.id)) == []
    store.record(notification(seq=2), DeliveryState.DELIVERED, "ok", now=NOW + LEASE)
    with pytest.raises(ConflictError):
        store.record(notification(seq=2), DeliveryState.FAILED, "late", now=NOW + LEASE)
    assert [each.state for each in store.load_deliveries(GROUP.id)] == [DeliveryState.DELIVERED]


def over(seq: int, *, follows_unconfirmed: bool = True, integration: Integration = SLACK) -> Notification:
    """Return the word that all is over, after something that is not confirmed."""
    said = notification(alert(ended=True), seq=seq, integration=integration)
    return replace(said, follows_unconfirmed=follows_unconfirmed)


def attempt(store: Store, what: str, said: Notification) -> None:
    assert store.claim(said, now=NOW) is Claim.GRANTED
    state = DeliveryState.DELIVERED if what == "arrived" else DeliveryState.FAILED
    store.record(said, state, what, now=NOW, may_have_arrived=what != "refused")


HEARD: dict[str, tuple[list[tuple[str, Notification]], Claim]] = {
    "nobody has tried": ([], Claim.UNHEARD),
    "it was refused": ([("refused", notification(seq=1))], Claim.UNHEARD),
    "it may have arrived": ([("not answered", notification(seq=1))], Claim.GRANTED),
    "it may have arrived, and was refused then": (
        [("not answered", notification(seq=1)), ("refused", notification(seq=1))],
        Claim.GRANTED,
    ),
    "it arrived, and what came after it was refused": (
        [("arrived", notification(seq=1)), ("refused", notification(seq=2))],
        Claim.GRANTED,
    ),
    "it arrived, and so did its end, and its next beginning was refused": (
        [
            ("arrived", notification(seq=1)),
            ("arrived", over(2, follows_unconfirmed=False)),
            ("refused", notification(seq=3)),
        ],
        Claim.UNHEARD,
    ),
    "another integration has heard it": ([("arrived", notification(integration=MAIL))], Claim.UNHEARD),
}


@pytest.mark.parametrize(("attempts", "expected"), HEARD.values(), ids=HEARD.keys())
def test_an_end_is_told_to_who_may_have_heard_the_beginning(store, attempts, expected):
    for what, said in attempts:
        attempt(store, what, said)
    assert store.claim(over(9), now=NOW) is expected
    if expected is Claim.UNHEARD:
        assert store.claim(notification(seq=8), now=NOW) is Claim.STALE, "its beginning must not be told after this"
        assert store.claim(over(9), now=NOW) is Claim.DELIVERED
        assert store.claim(notification(seq=10), now=NOW) is Claim.GRANTED


def test_an_end_after_a_claim_that_was_never_given_back_is_told(store):
    assert store.claim(notification(seq=1), now=NOW) is Claim.GRANTED
    assert store.claim(over(2), now=NOW + SECOND) is Claim.BUSY
    assert store.claim(over(2), now=NOW + LEASE) is Claim.GRANTED


def test_an_end_after_what_is_confirmed_is_told_whatever_is_kept_of_it(store):
    assert store.claim(over(2, follows_unconfirmed=False), now=NOW) is Claim.GRANTED


def test_a_receiver_that_asks_for_patience_is_left_alone_until_then(store):
    store.claim(notification(seq=1), now=NOW)
    store.record(notification(seq=1), DeliveryState.FAILED, "429", now=NOW, wait_until=NOW + MINUTE)
    for seq in (1, 2):
        assert store.claim(notification(seq=seq), now=NOW + MINUTE - HALF) is Claim.WAITING
    assert store.claim(notification(integration=MAIL), now=NOW) is Claim.GRANTED
    assert store.claim(notification(seq=2), now=NOW + MINUTE) is Claim.GRANTED
    store.record(notification(seq=2), DeliveryState.DELIVERED, "ok", now=NOW + MINUTE)
    assert store.claim(notification(seq=3), now=NOW + MINUTE) is Claim.GRANTED


def test_a_thread_is_kept_beside_the_claims_until_it_is_forgotten(store):
    store.claim(notification(), now=NOW)
    assert store.load_thread(notification(), now=NOW) is None
    store.save_thread(notification(), Thread("C1", "1.5"), now=NOW)
    store.record(notification(), DeliveryState.DELIVERED, "ok", now=NOW)
    assert store.load_thread(notification(seq=2), now=NOW) == Thread("C1", "1.5")
    assert store.load_thread(notification(integration=MAIL), now=NOW) is None
    assert store.claim(notification(seq=1), now=NOW) is Claim.DELIVERED
    store.save_thread(notification(seq=2), None, now=NOW)
    assert store.load_thread(notification(seq=3), now=NOW) is None
    assert [each.seq for each in store.load_deliveries(GROUP.id)] == [1]


# The table alone


def test_expired_items_that_are_still_there_are_not_read(table):
    """Law 8: DynamoDB deletes them days later; moto never does."""
    table.save_rule(RuleRecord(KEY, changed_at=NOW), now=NOW)
    before = told(table).group
    ended = replace(before, next_flush_at=None, look_at=None)
    table.commit(before, Flush(group=ended, cooldowns={alert().fingerprint: Cooldown(NOW, NOW + MINUTE)}), now=NOW)
    later = NOW + 30 * DAY
    assert table.load_rules(now=later) == {}
    assert table.load_group(GROUP.id, now=later) is None


def test_every_item_with_an_end_has_it_where_the_template_looks_for_it(table):
    before = told(table, alert(ended=True)).group
    ended = replace(before, next_flush_at=None, look_at=None, seq=1)
    table.commit(before, Flush(group=ended, notifications=(notification(),)), now=NOW)
    table.claim(notification(), now=NOW)
    table.record(notification(), DeliveryState.DELIVERED, "ok", now=NOW)
    items = table.client.scan(TableName=table.table_name)["Items"]
    endless = [item["sk"]["S"] for item in items if "N" not in item.get("expires_at", {})]
    assert [sk for sk in endless if not sk.startswith("outbox#")] == []


def test_no_item_is_larger_than_dynamodb_takes(table):
    many = by_fingerprint(*(active(f"{number:05d}", noise=noise(number, 200)) for number in range(5000)))
    table.save_rule(RuleRecord(KEY, active=many), now=NOW)
    told(table)
    sent(table, notification(*(alert(f"{number:05d}", noise=noise(number, 400)) for number in range(5000))))
    parts = 0
    for page in table.client.get_paginator("scan").paginate(TableName=table.table_name):
        for item in page["Items"]:
            assert len(json.dumps(item, default=lambda data: "x" * len(data))) < 400_000
            parts += "#part" in item["sk"]["S"] or "#tail" in item["sk"]["S"]
    assert parts >= 4, "both the rule and the notification were too large for one item"


def test_large_alerts_are_told_in_transactions_that_dynamodb_takes(table):
    sizes: list[int] = []
    measure = table.client.meta.events.register
    measure("before-call.dynamodb.TransactWriteItems", lambda params, **_: sizes.append(len(params["body"])), "size")
    alerts = [alert(f"{number:03d}", description="x" * 60_000) for number in range(90)]
    try:
        assert told(table, *alerts).alerts == by_fingerprint(*alerts)
    finally:
        table.client.meta.events.unregister("before-call.dynamodb.TransactWriteItems", unique_id="size")
    assert len(sizes) == 2
    assert max(sizes) < 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class RefusingClient:
    """A DynamoDB that cancels every transaction, for these reasons."""

    reasons: tuple[str, ...]

    def transact_write_items(self, **_):
        response: Any = {
            "Error": {"Code": "TransactionCanceledException", "Message": "Transaction cancelled"},
            "CancellationReasons": [{"Code": reason} for reason in self.reasons],
        }
        raise ClientError(response, "TransactWriteItems")


@pytest.mark.parametrize(
    ("reasons", "is_conflict"),
    [
        pytest.param(("None", "ConditionalCheckFailed"), True, id="another writer was first"),
        pytest.param(("TransactionConflict", "None"), True, id="another writer is at it"),
        pytest.param(("None", "ValidationError"), False, id="an item that can never be written"),
        pytest.param(("ThrottlingError", "None"), False, id="too many writes"),
        pytest.param(("ItemCollectionSizeLimitExceeded",), False, id="a partition that is full"),
    ],
)
def test_only_another_writers_success_is_a_conflict(reasons, is_conflict):
    """A conflict passes quietly, as somebody else did the work; anything else must be heard of."""
    store = DynamoStore(Table("table", lambda: RefusingClient(reasons), lambda seconds: None), None)
    with pytest.raises(StoreError) as caught:
        store.tell(GROUP, [alert()], first_flush_at=NOW)
    assert isinstance(caught.value, ConflictError) is is_conflict


def test_reading_and_losing_writes_nothing(table):
    told(table)
    store_before = table.client.scan(TableName=table.table_name)["Items"]
    with counted_calls(table.client) as calls:
        table.load_rules(now=NOW)
        table.load_group(GROUP.id, now=NOW)
        table.load_outbox(GROUP.id)
        table.overdue(before=NOW, limit=10)
    assert set(calls) == {"GetItem", "Query"}
    assert table.client.scan(TableName=table.table_name)["Items"] == store_before


# Overrides


def override(number: int = 1, **changes) -> Override:
    made = Override(
        NOW, NOW + DAY, "ann", "primary", f"ov-{number}", by="bob", comment="a wedding", made_at=NOW - number * MINUTE
    )
    return replace(made, **changes)


def test_overrides_come_back_by_schedule_the_last_one_that_was_made_at_the_end(store):
    other = override(3, schedule="secondary", user="cy")
    store.add_overrides([override(1), override(2)], now=NOW)
    store.add_overrides([other], now=NOW)
    assert store.load_overrides(now=NOW) == {"primary": [override(2), override(1)], "secondary": [other]}


def test_overrides_are_added_all_or_none_and_none_twice(store):
    store.add_overrides([override(1)], now=NOW)
    with pytest.raises(ConflictError):
        store.add_overrides([override(2), override(1, user="cy")], now=NOW)
    assert store.load_overrides(now=NOW) == {"primary": [override(1)]}


def test_an_override_is_removed_however_often(store):
    store.add_overrides([override(1), override(2)], now=NOW)
    for _ in range(2):
        store.remove_override(override(1), now=NOW + HALF)
    assert store.load_overrides(now=NOW + HALF) == {"primary": [override(2)]}


def test_an_override_is_forgotten_a_month_after_its_end(store):
    store.add_overrides([override(1)], now=NOW)
    assert store.load_overrides(now=NOW + 31 * DAY - SECOND) == {"primary": [override(1)]}
    assert store.load_overrides(now=NOW + 31 * DAY) == {}


# Silences


def silence(number: int = 1, **changes) -> Silence:
    matchers = (
        (
            Matcher("alertname", MatchType.EQUAL, "DiskFull"),
            Matcher("env", MatchType.NOT_REGEXP, "a|b", compile_pattern("a|b")),
        ),
        (Matcher("team", MatchType.REGEXP, "x.*", compile_pattern("x.*")),),
    )
    made = Silence(
        id=SilenceId(f"00000000-0000-4000-8000-{number:012d}"),
        matchers=matchers,
        starts_at=NOW,
        ends_at=NOW + DAY,
        created_by="ann",
        comment="a new disk",
        updated_at=NOW,
        annotations={"ticket": "OPS-1"},
        schedule=Recurrence(
            ("nights",),
            (
                TimeInterval(
                    times=(TimeRange(0, 360),),
                    weekdays=(Range(1, 5),),
                    days_of_month=(Range(-3, -1),),
                    location=ZoneInfo("Europe/Berlin"),
                ),
            ),
        ),
    )
    return replace(made, **changes)


def test_a_silence_comes_back_as_it_was(store):
    store.save_silences([SilenceChange(silence())])
    assert store.load_silences(now=NOW) == [silence()]
    found = store.load_silence(silence().id, now=NOW)
    assert found == silence()
    assert found.matches({"team": "xy"})
    assert not found.matches({"team": "yx"})
    assert store.load_silence(SilenceId("nobody"), now=NOW) is None
    exact = silence(2, matchers=((Matcher("a", MatchType.EQUAL, "1"),),), schedule=None, is_exact=True)
    store.save_silences([SilenceChange(exact)])
    found = store.load_silence(exact.id, now=NOW)
    assert (found, found.matches({"a": "1"}), found.matches({"a": "1", "b": "2"})) == (exact, True, False)


def test_a_silence_that_is_over_is_shown_for_five_days(store):
    store.save_silences([SilenceChange(silence())])
    assert store.load_silences(now=NOW + 6 * DAY - SECOND) == [silence()]
    assert store.load_silences(now=NOW + 6 * DAY) == []
    assert store.load_silence(silence().id, now=NOW + 6 * DAY) is None


def test_a_silence_is_changed_as_it_was_read_or_not_at_all(store):
    store.save_silences([SilenceChange(silence())])
    longer = silence(ends_at=NOW + 2 * DAY, updated_at=NOW + SECOND)
    store.save_silences([SilenceChange(longer, silence())])
    assert store.load_silences(now=NOW) == [longer]
    over = silence(ends_at=NOW + SECOND, updated_at=NOW + SECOND)
    with pytest.raises(ConflictError):
        store.save_silences([SilenceChange(silence(2)), SilenceChange(over, silence())])
    assert store.load_silences(now=NOW) == [longer]
    with pytest.raises(ConflictError):
        store.save_silences([SilenceChange(silence(created_by="bob"))])


# Alerts that were sent to us


def ingested(instance: str = "a", *, ends: timedelta = 5 * MINUTE, **changes) -> IngestedAlert:
    made = IngestedAlert(Received(replace(alert(instance), ends_at=NOW + ends), is_timeout=True), "digest")
    return replace(made, **changes)


def test_an_alert_that_was_sent_to_us_comes_back_as_it_was(store):
    records = [ingested("a"), ingested("b", is_told=True)]
    written = store.save_ingested(records, now=NOW)
    assert list(written) == [replace(each, version=1) for each in records]
    keys = [each.alert.fingerprint for each in records]
    assert sorted(store.load_ingested(now=NOW), key=lambda each: keys.index(each.alert.fingerprint)) == written
    assert store.find_ingested([keys[1], Fingerprint("0" * 16)], now=NOW) == {keys[1]: written[1]}
    assert store.find_ingested([], now=NOW) == {}


def test_an_alert_that_was_sent_to_us_is_forgotten_soon_after_its_end(store):
    store.save_ingested([ingested()], now=NOW)
    key = alert().fingerprint
    assert store.find_ingested([key], now=NOW + 20 * MINUTE - SECOND)
    assert store.find_ingested([key], now=NOW + 20 * MINUTE) == {}
    assert store.load_ingested(now=NOW + 20 * MINUTE) == []
    # What is forgotten, but still there, does not stand in the way.
    assert store.save_ingested([ingested(ends=DAY)], now=NOW + 20 * MINUTE)[0].version == 1


def test_an_alert_that_was_sent_to_us_is_written_as_it_was_read(store):
    (written,) = store.save_ingested([ingested()], now=NOW)
    store.save_ingested([written], now=NOW)
    for stale in (ingested(), written):
        with pytest.raises(ConflictError):
            store.save_ingested([stale], now=NOW)


def test_many_alerts_are_found_at_once(table):
    records = [ingested(str(number)) for number in range(130)]
    table.save_ingested(records, now=NOW)
    with counted_calls(table.client) as calls:
        assert len(table.find_ingested([each.alert.fingerprint for each in records], now=NOW)) == 130
    assert calls == {"BatchGetItem": 2}


# Times that others have chosen


@pytest.mark.parametrize(
    "end", [datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)], ids=["last", "first"]
)
def test_what_ends_at_the_first_or_the_last_instant_there_is_can_be_kept_and_read(store, end):
    ends = replace(alert(), starts_at=end, ends_at=end)
    assert told(store, ends).alerts == by_fingerprint(ends)
    store.save_inhibitors([replace(ends, starts_at=min(end, NOW))], now=NOW)
    assert len(store.load_inhibitors(now=NOW)) == (1 if end > NOW else 0)
    store.save_ingested([replace(ingested(), received=Received(ends))], now=NOW)
    assert [each.alert for each in store.load_ingested(now=NOW)] == [ends]
    left = [end] if end > NOW else []
    store.save_silences([SilenceChange(silence(ends_at=end))])
    assert [each.ends_at for each in store.load_silences(now=NOW)] == left
    store.add_overrides([override(1, end=end)], now=NOW)
    assert [each.end for each in store.load_overrides(now=NOW).get("primary", ())] == left
