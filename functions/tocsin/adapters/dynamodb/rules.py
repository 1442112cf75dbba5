"""The durable state of rules: one partition, one item a rule, so that a tick reads all of it with one query."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from ...core.labels import Fingerprint, Labels
from ...core.notifications import encode, format_time, parse_time
from ...core.rules import ActiveAlert, AlertState, RuleKey
from ...ports import Health, RuleRecord
from .table import Item, Table, at_version, epoch, has_expired, pack, part_key, put_action, split, unpack

PARTITION = "rules"
# A rule without alerts is remembered this long, so that an evaluation that comes late still finds it newer.
REMEMBERED_FOR = timedelta(days=2)


class DynamoRules:
    """The `rules` partition."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def load_rules(self, *, now: datetime) -> Mapping[RuleKey, RuleRecord]:
        """Return every rule that is not simply inactive and long forgotten."""
        items = {item["sk"]: item for item in self._table.query(PARTITION)}
        return {
            RuleKey(sk): _record(sk, item, items)
            for sk, item in items.items()
            if "parts" in item and not has_expired(item, now)
        }

    def save_rule(self, record: RuleRecord, *, now: datetime) -> RuleRecord:
        written = replace(record, version=record.version + 1)
        parts = split(pack(_text(record)))
        head = _head(written, now=now) | {"data": parts[0], "parts": len(parts)}
        # An expired item may still be there: its version then is not 0, and it must not stand in the way.
        condition = at_version(record.version)
        if record.version == 0:
            condition = replace(
                condition,
                expression=f"{condition.expression} OR (#expires_at <= :now)",
                names={**condition.names, "#expires_at": "expires_at"},
                values={":now": epoch(now)},
            )
        if len(parts) == 1:
            self._table.put(head, condition)
        else:
            tails: list[Item] = [
                {"pk": PARTITION, "sk": part_key(record.key, number), "data": part}
                for number, part in enumerate(parts[1:], start=1)
            ]
            self._table.transact([put_action(head, condition), *map(put_action, tails)])
        return written


def _head(record: RuleRecord, *, now: datetime) -> Item:
    is_idle = not record.active and not record.telling and record.health is not Health.FAILING
    return {
        "pk": PARTITION,
        "sk": record.key,
        "version": record.version,
        "health": record.health.value,
        "error": record.error,
        "routes_digest": record.routes_digest,
        "receivers": list(record.receivers),
        "changed_at": format_time(record.changed_at) if record.changed_at else None,
        "failing_since": format_time(record.failing_since) if record.failing_since else None,
        "expires_at": epoch(now + REMEMBERED_FOR) if is_idle else None,
    }


def _text(record: RuleRecord) -> str:
    return encode(
        {
            name: {key: _alert_json(alert) for key, alert in alerts.items()}
            for name, alerts in (("active", record.active), ("telling", record.telling))
        }
    )


def _record(sk: str, item: Item, items: Mapping[str, Item]) -> RuleRecord:
    data = b"".join(bytes(items[part_key(sk, number)]["data"]) for number in range(item["parts"]))
    alerts = json.loads(unpack(data))
    return RuleRecord(
        key=RuleKey(sk),
        active=_alerts(alerts["active"]),
        telling=_alerts(alerts["telling"]),
        health=Health(item["health"]),
        error=item["error"],
        routes_digest=item["routes_digest"],
        receivers=tuple(item["receivers"]),
        changed_at=_time(item.get("changed_at")),
        failing_since=_time(item.get("failing_since")),
        version=item["version"],
    )


def _alerts(data: Mapping[str, Any]) -> dict[Fingerprint, ActiveAlert]:
    return {Fingerprint(key): _alert(value) for key, value in data.items()}


def _alert_json(alert: ActiveAlert) -> dict[str, Any]:
    times = {
        name: format_time(instant)
        for name in ("active_at", "fired_at", "keep_firing_since", "refreshed_at")
        if (instant := getattr(alert, name)) is not None
    }
    return {
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "value": repr(alert.value),
        "state": alert.state.value,
        **times,
    }


def _alert(data: Mapping[str, Any]) -> ActiveAlert:
    return ActiveAlert(
        labels=Labels(data["labels"]),
        annotations=data["annotations"],
        value=float(data["value"]),
        state=AlertState(data["state"]),
        active_at=parse_time(data["active_at"]),
        fired_at=_time(data.get("fired_at")),
        keep_firing_since=_time(data.get("keep_firing_since")),
        refreshed_at=_time(data.get("refreshed_at")),
    )


def _time(text: str | None) -> datetime | None:
    return parse_time(text) if text else None
