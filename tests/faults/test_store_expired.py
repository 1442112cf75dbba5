"""Law 8: DynamoDB deletes what has expired up to days late, and moto never. Each kind of item that expires is here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.adapters.stores import DynamoStore
from tests.adapters.test_store_contract import (
    DAY,
    GROUP,
    KEY,
    MINUTE,
    NOW,
    SLACK,
    active,
    alert,
    by_fingerprint,
    incident,
    ingested,
    loaded,
    notification,
    override,
    silence,
    told,
)
from tests.faults.dynamo import FaultyDynamo, faulty_dynamodb
from tests.faults.operations import LIMIT, OPERATIONS
from tests.faults.test_store_faults import undisturbed
from tests.stories.configurations import configuration, policy, receiver, rule
from tests.stories.world import World
from tocsin.adapters.dynamodb import DynamoPaces, DynamoReceipts
from tocsin.core.cooldowns import Cooldown
from tocsin.core.grouping import Flush
from tocsin.core.incidents import SYSTEM, Actor, Change, IncidentState, Refusal, acknowledge, add, resolve
from tocsin.core.notifications import Sent
from tocsin.errors import ConflictError
from tocsin.pipeline import dispatch
from tocsin.ports import Claim, DeliveryState, Receipt, RuleRecord, SilenceChange, Thread

YEARS = NOW + 400 * DAY


@pytest.fixture(scope="module")
def running() -> Iterator[FaultyDynamo]:
    with faulty_dynamodb() as dynamo:
        yield dynamo


@pytest.fixture
def store(running: FaultyDynamo) -> DynamoStore:
    return running.store()


# One test a kind of item: it is over, it is still there, and nothing comes of it.


def rules_record(store: DynamoStore) -> None:
    store.save_rule(RuleRecord(KEY, changed_at=NOW, error="old"), now=NOW)
    assert store.load_rules(now=YEARS) == {}
    store.save_rule(RuleRecord(KEY, active=by_fingerprint(active())), now=YEARS)
    assert len(store.load_rules(now=YEARS)[KEY].active) == 1


def group_head(store: DynamoStore) -> None:
    before = told(store, alert(ended=True)).group
    gone = Sent(frozenset(), frozenset({alert().fingerprint}), NOW, 7, "id")
    ended = replace(before, next_flush_at=None, look_at=None, seq=7, sent={SLACK.key: gone})
    store.commit(before, Flush(group=ended, dropped=(alert(ended=True),)), now=NOW)
    assert store.load_group(GROUP.id, now=YEARS) is None
    store.tell(GROUP, [alert(at=YEARS)], first_flush_at=YEARS + MINUTE)
    state = loaded(store, YEARS)
    assert (state.group.next_flush_at, state.group.escalated, state.group.incident) == (YEARS + MINUTE, {}, None)
    assert state.group.told == frozenset(), "nobody believes anything of it"


def group_alert(store: DynamoStore) -> None:
    told(store, alert("a"), alert("b", ended=True))
    assert loaded(store, YEARS).alerts == by_fingerprint(alert("a"))
    again = alert("b", at=YEARS)
    assert told(store, again).alerts.keys() == by_fingerprint(alert("a"), again).keys()


def group_alert_dropped(store: DynamoStore) -> None:
    over = alert(ended=True)
    before = told(store, over).group
    store.commit(before, Flush(group=before, dropped=(over,)), now=NOW)
    assert loaded(store).alerts == {}
    assert loaded(store, YEARS).alerts == {}
    assert told(store, alert(at=NOW + MINUTE)).alerts


def group_cooldown(store: DynamoStore) -> None:
    before = told(store).group
    store.commit(before, Flush(before, cooldowns={alert().fingerprint: Cooldown(NOW, NOW + MINUTE)}), now=NOW)
    assert loaded(store, NOW + MINUTE).cooldowns == {}


def notification_head(store: DynamoStore) -> None:
    """What would be read of it is what the outbox still has: that is given up a day after it was decided."""
    world = World(configuration(rule("DiskFull")), store=store)
    world.metric_goes_bad("DiskFull")
    world.advance(minutes=1)
    group = store.active_groups()[0]
    state = store.load_group(group, now=world.now)
    assert state is not None
    (frozen,) = [notification(seq=1)]
    frozen = replace(frozen, group=group)
    store.commit(state.group, Flush(group=replace(state.group, seq=1), notifications=(frozen,)), now=world.now)
    dispatch._send_outbox(world.dispatcher(), group, now=YEARS)
    assert world.topic.messages == []
    assert list(store.load_outbox(group)) == []
    assert world.log.events("notification_given_up")


def delivery_claim(store: DynamoStore) -> None:
    store.claim(notification(), now=NOW)
    store.record(notification(), DeliveryState.FAILED, "x", now=NOW, wait_until=NOW + DAY)
    store.save_thread(notification(), Thread("C1", "1.5"), now=NOW)
    later = notification(seq=int(YEARS.timestamp() * 1000), now=YEARS)
    assert store.claim(later, now=YEARS) is Claim.GRANTED
    assert store.load_thread(later, now=YEARS) is None


def delivery_log(store: DynamoStore) -> None:
    """History, and nothing else: it is shown for as long as it is there."""
    store.claim(notification(), now=NOW)
    store.record(notification(), DeliveryState.DELIVERED, "ok", now=NOW)
    later = replace(notification(seq=2), follows_unconfirmed=True)
    assert store.claim(later, now=YEARS) is Claim.GRANTED
    store.record(later, DeliveryState.DELIVERED, "ok", now=YEARS)
    assert [each.attempts for each in store.load_deliveries(GROUP.id)] == [1, 1]


def incident_head(store: DynamoStore) -> None:
    """Only one that is over expires, and nothing can be done about that."""
    store.save_incident(incident(), now=NOW)
    store.save_incident(incident(version=1, state=IncidentState.RESOLVED, changed_at=NOW), now=NOW)
    found = store.load_incident(incident().id)
    assert found is not None
    for act in (acknowledge, resolve):
        assert isinstance(act(found, by=Actor("ada"), now=YEARS), Refusal)


def inhibitor(store: DynamoStore) -> None:
    store.save_inhibitors([alert("a"), alert("b", ended=True)], now=NOW)
    assert store.load_inhibitors(now=YEARS) == [alert("a")]
    store.save_inhibitors([alert("b", at=YEARS)], now=YEARS)
    assert len(store.load_inhibitors(now=YEARS)) == 2


def silence_item(store: DynamoStore) -> None:
    store.save_silences([SilenceChange(silence())])
    assert store.load_silences(now=YEARS) == []
    assert store.load_silence(silence().id, now=YEARS) is None
    with pytest.raises(ConflictError):
        store.save_silences([SilenceChange(silence())])  # ids are never used again


def override_item(store: DynamoStore) -> None:
    store.add_overrides([override()], now=NOW)
    assert store.load_overrides(now=YEARS) == {}


def ingested_item(store: DynamoStore) -> None:
    store.save_ingested([ingested()], now=NOW)
    assert store.load_ingested(now=YEARS) == []
    assert store.find_ingested([alert().fingerprint], now=YEARS) == {}
    assert store.save_ingested([ingested(ends=500 * DAY)], now=YEARS)[0].version == 1


def receipt(store: DynamoStore) -> None:
    receipts = DynamoReceipts(store.table)
    for name in ("in hand", "done"):
        assert receipts.begin(name, until=NOW + MINUTE, now=NOW) is Receipt.GRANTED
    receipts.finish("done", keep_until=NOW + DAY)
    for name in ("in hand", "done"):
        assert receipts.begin(name, until=YEARS + MINUTE, now=YEARS) is Receipt.GRANTED


def alias(store: DynamoStore) -> None:
    receipts = DynamoReceipts(store.table)
    receipts.save_alias("Q1", "in-1", keep_until=NOW + DAY)
    assert receipts.load_alias("Q1", now=YEARS) is None


def pace(store: DynamoStore) -> None:
    for now in (NOW, YEARS):
        assert DynamoPaces(store.table).reserve("C1", every=DAY, within=MINUTE, now=now) == now


def limit_held(store: DynamoStore) -> None:
    store.hold(notification(), LIMIT, now=NOW)
    assert store.load_held(notification().key, now=YEARS) == []
    store.hold(notification(), LIMIT, now=YEARS)
    (held,) = store.load_held(notification().key, now=YEARS)
    assert held.since == LIMIT.window(YEARS)


KINDS: dict[str, Callable[[DynamoStore], None]] = {
    "rules": rules_record,
    "group head": group_head,
    "group alert": group_alert,
    "group alert, dropped": group_alert_dropped,
    "group cooldown": group_cooldown,
    "notification head": notification_head,
    "delivery": delivery_claim,
    "delivery log": delivery_log,
    "incident head": incident_head,
    "incident event": lambda store: None,  # written, and read by nobody but people
    "inhibitors": inhibitor,
    "silences": silence_item,
    "oncall": override_item,
    "ingested": ingested_item,
    "rate": lambda store: None,  # its key names its minute: another minute has another
    "limit window": lambda store: None,  # so does this, its window
    "limit held": limit_held,
    "receipt": receipt,
    "alias": alias,
    "pace": pace,
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_has_expired_is_as_if_it_were_not_there(store, kind):
    KINDS[kind](store)


def kind_of(item: dict[str, Any]) -> str:
    partition, sk = item["pk"]["S"].partition("#")[0], item["sk"]["S"]
    if partition == "delivery":
        return "delivery log" if "id" in item else "delivery"
    if partition in ("group", "incident", "notification", "limit"):
        dropped = ", dropped" if sk.startswith("alert#") and "alert" not in item else ""
        return f"{partition} {sk.partition('#')[0]}{dropped}"
    return partition


def test_every_kind_of_item_that_expires_has_a_test(store):
    prepared = told(store, alert("a"), alert("b", ended=True), alert("c", ended=True)).group
    flush = Flush(
        group=replace(prepared, next_flush_at=None, look_at=None, seq=1),
        notifications=(notification(),),
        dropped=(alert("b", ended=True),),
        cooldowns={alert().fingerprint: Cooldown(NOW, NOW + MINUTE)},
        opened=add(incident(), Change.OPENED, SYSTEM, "Opened", now=NOW),
    )
    store.commit(prepared, flush, now=NOW)
    store.save_incident(incident(version=1, state=IncidentState.RESOLVED), now=NOW)
    store.save_rule(RuleRecord(KEY, changed_at=NOW), now=NOW)
    store.claim(notification(), now=NOW)
    store.record(notification(), DeliveryState.DELIVERED, "ok", now=NOW)
    store.save_inhibitors([alert(ended=True)], now=NOW)
    items = store.client.scan(TableName=store.table_name)["Items"]
    # Everything else that is ever written: each method of each port of the table is there.
    items += [item for name in OPERATIONS for item in undisturbed(name).items.values()]
    assert {kind_of(item) for item in items if "expires_at" in item} == set(KINDS)


# A whole installation that lives on: whether DynamoDB deletes at once or never, people hear the same.


def delete_expired(store: DynamoStore, now: datetime) -> int:
    expired = [
        {name: item[name] for name in ("pk", "sk")}
        for item in store.client.scan(TableName=store.table_name)["Items"]
        if "expires_at" in item and int(item["expires_at"]["N"]) <= now.timestamp()
    ]
    for key in expired:
        store.client.delete_item(TableName=store.table_name, Key=key)
    return len(expired)


def live(store: DynamoStore, *, deletes: bool) -> tuple[list[str], int]:
    """Live the same hour again and again, with more and more time between; return what was told."""
    situation = configuration(
        rule("Down"),
        rule("Quiet"),
        receivers=[receiver("boss")],
        policies=[policy((2, "boss"))],
        default_cooldown=timedelta(minutes=30),
    )
    told: list[str] = []
    deleted, start = 0, NOW
    for gap in (0.1, 1, 3, 8, 15, 31, 366):
        world = World(situation, store=store, start=start)
        world._numbers = iter(range(int(start.timestamp()), 10**12))  # type: ignore[assignment]
        world.silence(minutes=20, alertname="Quiet")
        for name in ("Down", "Quiet"):
            world.metric_goes_bad(name, instance="a")
        world.source_fires("Elsewhere", instance="b")
        world.advance(minutes=8)
        world.source_recovers("Elsewhere", instance="b")
        for name in ("Down", "Quiet"):
            world.metric_recovers(name, instance="a")
        world.advance(minutes=25)
        told += [f"{page.at - start} {page}" for page in world.pages]
        start = start + timedelta(days=gap)
        deleted += delete_expired(store, start) if deletes else 0
    return told, deleted


@pytest.mark.chaos
def test_whether_expired_items_are_deleted_at_once_or_never_people_hear_the_same(running):
    kept, none = live(running.store(), deletes=False)
    deleted, many = live(running.store(), deletes=True)
    assert (none, many > 50) == (0, True)
    assert kept == deleted
    assert len(kept) > 20
