"""Stored items of the table, as texts that can be changed: what each adapter reads, and real items to begin with.

An item is written as JSON; what the table holds compressed stands in it as the text that was compressed.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cache, partial
from typing import Any

from tests.stories.configurations import configuration, policy, receiver, rule
from tests.stories.world import START, World
from tocsin.adapters.dynamodb import (
    DynamoDeliveries,
    DynamoGroups,
    DynamoIncidents,
    DynamoIngested,
    DynamoInhibitors,
    DynamoOverrides,
    DynamoRules,
    DynamoSilences,
    DynamoSnapshots,
    Table,
)
from tocsin.adapters.dynamodb.table import decode_all, encode, pack
from tocsin.core.grouping import Flush, Group
from tocsin.core.incidents import IncidentId
from tocsin.core.notifications import from_json
from tocsin.core.oncall import Override
from tocsin.core.routing import GroupId
from tocsin.core.silences import SilenceId
from tocsin.ports import DeliveryState, IngestedAlert, SilenceChange
from tocsin.wiring import compile_pattern

NOW = START + timedelta(minutes=10)
_PACKED = frozenset({"data", "log"})


class _Recorder:
    """A DynamoDB client that takes whatever is written, and knows nothing."""

    def __init__(self) -> None:
        self.items: list[dict[str, Any]] = []

    def put_item(self, Item: dict[str, Any], **_: Any) -> dict[str, Any]:
        self.items.append(decode_all(Item))
        return {}

    def transact_write_items(self, TransactItems: list[dict[str, Any]], **_: Any) -> dict[str, Any]:
        self.items += [decode_all(each["Put"]["Item"]) for each in TransactItems if "Put" in each]
        return {}

    def update_item(self, **_: Any) -> dict[str, Any]:
        return {"Attributes": {}}

    def get_item(self, **_: Any) -> dict[str, Any]:
        return {}

    def query(self, **_: Any) -> dict[str, Any]:
        return {"Items": []}


class _Holder:
    """A DynamoDB client that holds a few items, and answers everything with them."""

    def __init__(self, items: list[dict[str, Any]]) -> None:
        self._items = items

    def query(self, **_: Any) -> dict[str, Any]:
        return {"Items": self._items}

    def get_item(self, Key: Mapping[str, Any], **_: Any) -> dict[str, Any]:
        meant = [each for each in self._items if each["sk"] == Key["sk"]]
        return {"Item": (meant or self._items)[0]} if self._items else {}

    def batch_get_item(self, RequestItems: Mapping[str, Any], **_: Any) -> dict[str, Any]:
        return {"Responses": dict.fromkeys(RequestItems, self._items)}


def seeds() -> list[bytes]:
    """Return what an installation has written, by partition: each time the items that are read together."""
    return [json.dumps({"read": name, "items": items}).encode() for name, items in _written().items()]


@cache
def _written() -> dict[str, list[Any]]:
    client = _Recorder()
    table = Table("t", lambda: client)
    made = configuration(
        rule("DiskFull"), receivers=[receiver("team"), receiver("boss")], policies=[policy((0, "boss"))]
    )
    world = World(made)
    world.metric_goes_bad("DiskFull", instance="a", value=0.97)
    world.silence(minutes=60, instance="b")
    world.source_fires("Theirs", instance="c")
    world.advance(minutes=10)
    store = world.store
    found: dict[str, list[Any]] = {}

    def collect(name: str, write: Callable[[], object]) -> None:
        client.items.clear()
        write()
        found.setdefault(name, []).extend(map(_as_text, client.items))

    for record in store.rules.values():
        collect("rules", partial(DynamoRules(table).save_rule, record, now=NOW))
    told = [from_json(json.loads(text)) for text in store.notifications.values()]
    for key, stored in store.groups.items():
        before = Group(stored.group.identity)
        flush = Flush(group=stored.group, notifications=tuple(each for each in told if each.group == key))
        groups = DynamoGroups(table)
        collect("groups", partial(groups.tell, stored.group.identity, list(stored.alerts.values()), first_flush_at=NOW))
        collect("groups", partial(groups.commit, before, flush, now=NOW))
    for incident in store.incidents.values():
        collect("incidents", partial(DynamoIncidents(table).save_incident, incident, now=NOW))
    alerts = [alert for stored in store.groups.values() for alert in stored.alerts.values()]
    collect("inhibitors", lambda: DynamoInhibitors(table).save_inhibitors(alerts, now=NOW))
    records = [IngestedAlert(each.received) for each in store.ingested.values()]
    collect("ingested", lambda: DynamoIngested(table).save_ingested(records, now=NOW))
    changes = [SilenceChange(each) for each in store.silences.values()]
    collect("silences", lambda: DynamoSilences(table, compile_pattern).save_silences(changes))
    override = Override(NOW, NOW + timedelta(hours=8), "ann", "primary", "ov-1", "bob", "a wedding", NOW)
    collect("overrides", lambda: DynamoOverrides(table).add_overrides([override], now=NOW))
    deliveries = DynamoDeliveries(table)
    collect("deliveries", lambda: deliveries.record(told[0], DeliveryState.FAILED, "no answer", now=NOW))
    files = {"alertmanager.yml": b"route: {receiver: a}\n", "rules/a.yml": b"groups: []\n"}
    collect("config", lambda: DynamoSnapshots(table).save_files(files, "0123"))
    return {name: items for name, items in found.items() if items}


def _as_text(item: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: zlib.decompress(value).decode() if isinstance(value, bytes) else value for name, value in item.items()
    }


def read(text: bytes) -> None:
    """Read items as the adapter of their partition does. Raises ValueError on what is no such text."""
    try:
        asked = json.loads(text)
        items = [_as_stored(each) for each in asked["items"] if isinstance(each, dict)]
    except (TypeError, LookupError, RecursionError):
        raise ValueError("the table could not hold that") from None
    table = Table("t", lambda: _Holder(items), wait=lambda seconds: None)
    reading = _READINGS.get(str(asked.get("read")))
    if reading is not None:
        reading(table)


def _as_stored(item: Mapping[str, Any]) -> dict[str, Any]:
    stored: dict[str, Any] = {}
    for name, value in {"pk": "p", "sk": "head", **item}.items():
        if name in _PACKED and isinstance(value, str):
            value = pack(value.encode("utf-8", "replace").decode())
        elif isinstance(value, str):
            value = value.encode("utf-8", "replace").decode()
        if value is not None:
            stored[name] = encode(value)
    # Keys are always texts: the table has no other.
    stored |= {name: {"S": str(item.get(name, name))} for name in ("pk", "sk")}
    return stored


def _read_groups(table: Table) -> None:
    groups = DynamoGroups(table)
    groups.load_group(GroupId("g"), now=NOW)
    groups.load_outbox(GroupId("g"))
    groups.load_notification("n")
    list(groups.overdue(before=NOW, limit=10))
    list(groups.active_groups())


def _read_deliveries(table: Table) -> None:
    from tests.fuzz.worlds import told

    deliveries = DynamoDeliveries(table)
    deliveries.load_deliveries(GroupId("g"))
    deliveries.load_thread(told(), now=NOW)


def _read_silences(table: Table) -> None:
    silences = DynamoSilences(table, compile_pattern)
    for each in silences.load_silences(now=NOW):
        each.state_at(NOW)
    silences.load_silence(SilenceId("s"), now=NOW)


def _read_config(table: Table) -> None:
    snapshots = DynamoSnapshots(table)
    snapshots.load_digest()
    snapshots.load_files()


_READINGS: Mapping[str, Callable[[Table], object]] = {
    "rules": lambda table: DynamoRules(table).load_rules(now=NOW),
    "groups": _read_groups,
    "incidents": lambda table: DynamoIncidents(table).load_incident(IncidentId("i")),
    "inhibitors": lambda table: DynamoInhibitors(table).load_inhibitors(now=NOW),
    "ingested": lambda table: DynamoIngested(table).load_ingested(now=NOW),
    "silences": _read_silences,
    "overrides": lambda table: DynamoOverrides(table).load_overrides(now=NOW),
    "deliveries": _read_deliveries,
    "config": _read_config,
}
