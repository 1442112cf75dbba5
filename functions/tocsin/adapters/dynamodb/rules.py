"""The durable state of rules: one partition, one item a rule, so that a tick reads all of it with one query.

A record over 300 KB has tails beside its head. They are written first, under a name that has the record's version and
digest in it and that nobody reads yet; the head, written under its condition, makes them count. So a record may be
larger than a transaction, and who reads while it is written finds the old one or the new one. Old tails are deleted
after that.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from ...core.labels import Fingerprint, Labels
from ...core.notifications import encode, format_time, parse_time
from ...core.rules import ActiveAlert, AlertState, RuleKey, interval_of
from ...errors import StoreError
from ...ports import Health, RuleRecord
from .table import Item, Table, at_version, epoch, has_expired, pack, split, stored, unpack

PARTITION = "rules"
# A rule without alerts is remembered this long, so that an evaluation that comes late still finds it newer.
REMEMBERED_FOR = timedelta(days=2)
_TAIL = "#tail"
# More than any record has: what says more was not written by us, and is lost.
_MOST_PARTS = 1000
_READINGS = 5


class DynamoRules:
    """The `rules` partition."""

    def __init__(self, table: Table) -> None:
        self._table = table
        # The tails that were seen of each record, to be deleted once they count no more.
        self._tails: dict[RuleKey, set[str]] = {}

    @stored
    def load_rules(self, *, now: datetime) -> Mapping[RuleKey, RuleRecord]:
        """Return every rule that is not simply inactive and long forgotten."""
        items = {item["sk"]: item for item in self._table.query(PARTITION)}
        self._tails = _tails_of(items)
        return {
            RuleKey(sk): self._whole(RuleKey(sk), item, items)
            for sk, item in items.items()
            if "parts" in item and not has_expired(item, now)
        }

    def _whole(self, key: RuleKey, head: Item, items: Mapping[str, Item]) -> RuleRecord:
        """Return a record with its tails; one that was written anew meanwhile is read again.

        Where tails are missing for good, or nothing can be read from them, that is what it says: it must not keep the
        other rules from being evaluated.
        """
        for _ in range(_READINGS):
            names = _tail_keys(key, head)
            if all(name in items for name in names):
                try:
                    return _record(key, head, [items[name] for name in names])
                except StoreError:
                    break
            head = self._table.get(PARTITION, key) or head
            items = {item["sk"]: item for item in self._table.get_many(PARTITION, _tail_keys(key, head))}
        receivers = head.get("receivers")
        return RuleRecord(
            key,
            error="a part of the record is missing, or not what was written",
            receivers=tuple(map(str, receivers)) if isinstance(receivers, list) else (),
            definition=str(head.get("definition", "")),
            is_lost=True,
            version=int(head["version"]),
        )

    def save_rule(self, record: RuleRecord, *, now: datetime) -> RuleRecord:
        written = replace(record, version=record.version + 1)
        text = _text(record)
        data, *rest = split(pack(text))
        head = _head(written, now=now) | {"data": data, "parts": 1 + len(rest), "digest": _digest(text)}
        # An expired item may still be there: its version then is not 0, and it must not stand in the way.
        condition = at_version(record.version)
        if record.version == 0:
            condition = replace(
                condition,
                expression=f"{condition.expression} OR (#expires_at <= :now)",
                names={**condition.names, "#expires_at": "expires_at"},
                values={":now": epoch(now)},
            )
        names = _tail_keys(record.key, head)
        tails = [{"pk": PARTITION, "sk": name, "data": part} for name, part in zip(names, rest, strict=True)]
        self._table.each(self._table.put, tails)
        self._table.put(head, condition)
        self._forget_tails(record.key, head)
        return written

    def _forget_tails(self, key: RuleKey, head: Item) -> None:
        """Delete the tails that were there before: whoever wrote them has been read, or has lost."""
        kept = set(_tail_keys(key, head))
        old = sorted(self._tails.get(key, set()) - kept)
        self._tails[key] = kept
        try:
            self._table.each(lambda name: self._table.delete(PARTITION, name), old)
        except StoreError:
            self._tails[key] = kept | set(old)  # the record is written; they cost only room


def _tails_of(items: Mapping[str, Item]) -> dict[RuleKey, set[str]]:
    found: dict[RuleKey, set[str]] = {}
    for sk, item in items.items():
        if "parts" not in item:
            found.setdefault(RuleKey(sk.rpartition(_TAIL)[0]), set()).add(sk)
    return found


def _tail_keys(key: RuleKey, head: Item) -> list[str]:
    parts = min(head["parts"], _MOST_PARTS)
    return [f"{key}{_TAIL}{head['version']}.{head['digest']}.{number:04d}" for number in range(1, parts)]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _head(record: RuleRecord, *, now: datetime) -> Item:
    is_idle = not (record.active or record.telling or record.owed) and record.health is not Health.FAILING
    return {
        "pk": PARTITION,
        "sk": record.key,
        "version": record.version,
        "health": record.health.value,
        "error": record.error,
        "routes_digest": record.routes_digest,
        "receivers": list(record.receivers),
        "definition": record.definition,
        "changed_at": format_time(record.changed_at) if record.changed_at else None,
        "failing_since": format_time(record.failing_since) if record.failing_since else None,
        "expires_at": epoch(now + REMEMBERED_FOR + 2 * (interval_of(record.key) or timedelta(0))) if is_idle else None,
    }


def _text(record: RuleRecord) -> str:
    alerts = {
        name: {key: _alert_json(alert) for key, alert in alerts.items()}
        for name, alerts in (("active", record.active), ("telling", record.telling), ("owed", record.owed))
    }
    return encode({**alerts, "ending": sorted(record.ending)})


@stored
def _record(key: RuleKey, item: Item, tails: Sequence[Item]) -> RuleRecord:
    data = b"".join(part["data"] for part in (item, *tails))
    alerts = json.loads(unpack(data))
    return RuleRecord(
        key=key,
        active=_alerts(alerts["active"]),
        telling=_alerts(alerts["telling"]),
        ending=frozenset(Fingerprint(key) for key in alerts.get("ending", ())),
        owed=_alerts(alerts.get("owed", {})),
        health=Health(item["health"]),
        error=item["error"],
        routes_digest=item["routes_digest"],
        receivers=tuple(item["receivers"]),
        definition=item.get("definition", ""),
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
