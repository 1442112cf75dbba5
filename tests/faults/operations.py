"""Everything that is done to the table, one entry each: what has to be there before, and the call itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from tests.adapters.stores import DynamoStore
from tests.adapters.test_store_contract import (
    DAY,
    GROUP,
    KEY,
    MINUTE,
    NOW,
    SECOND,
    active,
    alert,
    by_fingerprint,
    incident,
    ingested,
    notification,
    override,
    sent,
    silence,
    told,
)
from tocsin import ports
from tocsin.adapters import dynamodb
from tocsin.adapters.dynamodb import DynamoCounters, DynamoPaces, DynamoReceipts, DynamoSnapshots
from tocsin.core.cooldowns import Cooldown
from tocsin.core.grouping import Flush
from tocsin.core.rate_limits import RateLimit
from tocsin.ports import DeliveryState, RuleRecord, SilenceChange, Thread

Prepare = Callable[[DynamoStore], Any]
Call = Callable[[DynamoStore, Any], Any]


@dataclass(frozen=True, slots=True)
class Operation:
    """A call of a port on a store that has been prepared for it; what is prepared is handed to the call."""

    call: Call
    prepare: Prepare = lambda store: None


def _flush(store: DynamoStore, before: Any) -> None:
    over = alert("b", ended=True)
    flush = Flush(
        group=replace(before, seq=1, next_flush_at=NOW + MINUTE, look_at=NOW + MINUTE),
        notifications=(notification(alert("a"), over),),
        dropped=(over,),
        cooldowns={alert("a").fingerprint: Cooldown(NOW, NOW + MINUTE)},
        opened=incident(),
    )
    store.commit(before, flush, now=NOW)


LIMIT = RateLimit(2, MINUTE)


def _begun(store: DynamoStore) -> None:
    store.take(replace(notification(), id="another"), LIMIT, now=NOW)


def _held(store: DynamoStore) -> None:
    store.hold(notification(), LIMIT, now=NOW)


def _marked(store: DynamoStore) -> Any:
    entry = _published(store)
    store.mark_published(entry, retry_at=NOW + MINUTE)
    return entry


def _published(store: DynamoStore) -> Any:
    told(store)
    (entry,) = sent(store, notification())
    return entry


def _claimed(store: DynamoStore) -> None:
    store.claim(notification(), now=NOW)


def _failed(store: DynamoStore) -> None:
    _claimed(store)
    store.record(notification(), DeliveryState.FAILED, "503", now=NOW)


def _with_incident(store: DynamoStore) -> None:
    told(store)
    store.save_incident(incident(), now=NOW)


def _snapshots(store: DynamoStore) -> DynamoSnapshots:
    return DynamoSnapshots(store.table)


FILES = {"alertmanager.yml": b"route: {}", "rules/a.yml": b"groups: []"}
OPERATIONS: Mapping[str, Operation] = {
    "load_rules": Operation(
        lambda store, _: store.load_rules(now=NOW), lambda store: store.save_rule(RuleRecord(KEY), now=NOW)
    ),
    "save_rule, new": Operation(lambda store, _: store.save_rule(_record(), now=NOW)),
    "save_rule, changed": Operation(
        lambda store, written: store.save_rule(replace(written, error="x"), now=NOW),
        lambda store: store.save_rule(_record(), now=NOW),
    ),
    "tell": Operation(lambda store, _: store.tell(GROUP, [alert("a"), alert("b")], first_flush_at=NOW)),
    "tell, again": Operation(
        lambda store, _: store.tell(GROUP, [alert("a", at=NOW + SECOND)], first_flush_at=NOW + MINUTE), told
    ),
    "load_group": Operation(lambda store, _: store.load_group(GROUP.id, now=NOW), told),
    "commit": Operation(_flush, lambda store: told(store, alert("a"), alert("b", ended=True)).group),
    "drop, of a group": Operation(
        lambda store, _: store.drop(GROUP.id, [alert("b", ended=True)], now=NOW),
        lambda store: told(store, alert("a"), alert("b", ended=True)),
    ),
    "load_outbox": Operation(lambda store, _: store.load_outbox(GROUP.id), _published),
    "load_notification": Operation(lambda store, entry: store.load_notification(entry.subject), _published),
    "mark_published": Operation(lambda store, entry: store.mark_published(entry, retry_at=NOW + MINUTE), _published),
    "postpone": Operation(lambda store, entry: store.postpone(entry, retry_at=NOW + 2 * MINUTE), _marked),
    "confirm": Operation(lambda store, entry: store.confirm(entry), _published),
    "take": Operation(lambda store, _: store.take(notification(), LIMIT, now=NOW), _begun),
    "hold": Operation(lambda store, _: store.hold(notification(), LIMIT, now=NOW)),
    "release": Operation(lambda store, _: store.release(notification()), _held),
    "load_held": Operation(lambda store, _: store.load_held(notification().key, now=NOW), _held),
    "overdue": Operation(lambda store, _: store.overdue(before=NOW + DAY, limit=10), told),
    "active_groups": Operation(lambda store, _: store.active_groups(), told),
    "load_events": Operation(
        lambda store, _: store.load_events(incident().id), lambda store: store.save_incident(incident(), now=NOW)
    ),
    "load_incident": Operation(
        lambda store, _: store.load_incident(incident().id), lambda store: store.save_incident(incident(), now=NOW)
    ),
    "save_incident": Operation(lambda store, _: store.save_incident(incident(), now=NOW)),
    "escalate": Operation(
        lambda store, _: store.escalate(incident(version=1, steps_done=1), {"oncall": 1}, now=NOW),
        _with_incident,
    ),
    "load_inhibitors": Operation(
        lambda store, _: store.load_inhibitors(now=NOW), lambda store: store.save_inhibitors([alert()], now=NOW)
    ),
    "save_inhibitors": Operation(lambda store, _: store.save_inhibitors([alert("a"), alert("b")], now=NOW)),
    "load_silences": Operation(
        lambda store, _: store.load_silences(now=NOW), lambda store: store.save_silences([SilenceChange(silence())])
    ),
    "load_silence": Operation(
        lambda store, _: store.load_silence(silence().id, now=NOW),
        lambda store: store.save_silences([SilenceChange(silence())]),
    ),
    "save_silences": Operation(lambda store, _: store.save_silences([SilenceChange(silence())])),
    "load_overrides": Operation(
        lambda store, _: store.load_overrides(now=NOW), lambda store: store.add_overrides([override()], now=NOW)
    ),
    "add_overrides": Operation(lambda store, _: store.add_overrides([override(1), override(2)], now=NOW)),
    "remove_override": Operation(
        lambda store, _: store.remove_override(override(), now=NOW),
        lambda store: store.add_overrides([override()], now=NOW),
    ),
    "load_ingested": Operation(
        lambda store, _: store.load_ingested(now=NOW), lambda store: store.save_ingested([ingested()], now=NOW)
    ),
    "find_ingested": Operation(
        lambda store, _: store.find_ingested([alert().fingerprint], now=NOW),
        lambda store: store.save_ingested([ingested()], now=NOW),
    ),
    "save_ingested": Operation(lambda store, _: store.save_ingested([ingested("a"), ingested("b")], now=NOW)),
    "claim": Operation(lambda store, _: store.claim(notification(), now=NOW)),
    "record": Operation(
        lambda store, _: store.record(notification(), DeliveryState.DELIVERED, "ok", now=NOW), _claimed
    ),
    "load_deliveries": Operation(
        lambda store, _: store.load_deliveries(GROUP.id),
        _failed,
    ),
    "load_thread": Operation(
        lambda store, _: store.load_thread(notification(), now=NOW),
        lambda store: store.save_thread(notification(), Thread("C1", "1.5"), now=NOW),
    ),
    "save_thread": Operation(lambda store, _: store.save_thread(notification(), Thread("C1", "1.5"), now=NOW)),
    "load_digest": Operation(
        lambda store, _: _snapshots(store).load_digest(), lambda store: _snapshots(store).save_files(FILES, "digest")
    ),
    "load_files": Operation(
        lambda store, _: _snapshots(store).load_files(), lambda store: _snapshots(store).save_files(FILES, "digest")
    ),
    "save_files": Operation(lambda store, _: _snapshots(store).save_files(FILES, "digest")),
    "begin": Operation(lambda store, _: _receipts(store).begin("press", until=NOW + MINUTE, now=NOW)),
    "begin, somebody else has it": Operation(
        lambda store, _: _receipts(store).begin("press", until=NOW + MINUTE, now=NOW),
        lambda store: _receipts(store).begin("press", until=NOW + SECOND, now=NOW),
    ),
    "finish": Operation(
        lambda store, _: _receipts(store).finish("press", keep_until=NOW + DAY),
        lambda store: _receipts(store).begin("press", until=NOW + MINUTE, now=NOW),
    ),
    "drop": Operation(
        lambda store, _: _receipts(store).drop("press", until=NOW + MINUTE),
        lambda store: _receipts(store).begin("press", until=NOW + MINUTE, now=NOW),
    ),
    "save_alias": Operation(lambda store, _: _receipts(store).save_alias("Q1", "in-1", keep_until=NOW + DAY)),
    "load_alias": Operation(
        lambda store, _: _receipts(store).load_alias("Q1", now=NOW),
        lambda store: _receipts(store).save_alias("Q1", "in-1", keep_until=NOW + DAY),
    ),
    "add": Operation(
        lambda store, _: DynamoCounters(store.table).add("ann", 2, expires_at=NOW + MINUTE),
        lambda store: DynamoCounters(store.table).add("ann", 1, expires_at=NOW + MINUTE),
    ),
    "reserve": Operation(lambda store, _: _reserve(store)),
    "reserve, behind another": Operation(lambda store, _: _reserve(store), lambda store: _reserve(store)),
}


def _receipts(store: DynamoStore) -> DynamoReceipts:
    return DynamoReceipts(store.table)


def _reserve(store: DynamoStore) -> datetime | None:
    return DynamoPaces(store.table).reserve("C1", every=SECOND, within=MINUTE, now=NOW)


def _record() -> RuleRecord:
    return RuleRecord(KEY, active=by_fingerprint(replace(active(), value=1.0)), changed_at=NOW)


def ports_methods() -> set[str]:
    """Return the names of all methods that the store's ports have."""
    stores = [port for port in vars(ports).values() if isinstance(port, type) and _is_of_the_table(port)]
    return {name for port in stores for name in vars(port) if not name.startswith("_")}


def _is_of_the_table(port: type) -> bool:
    """Say whether an adapter of the table has all that a port asks for; a port that has none is no port."""
    asked = {name for name in vars(port) if not name.startswith("_")}
    adapters = [each for each in vars(dynamodb).values() if isinstance(each, type)]
    return getattr(port, "_is_protocol", False) and any(asked and asked <= {*dir(each)} for each in adapters)
