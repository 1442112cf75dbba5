"""Alerts that were sent to us: one partition, one item an alert; one that is over is kept for a quarter of an hour."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from ...core.labels import Fingerprint
from ...core.merging import Received
from ...core.notifications import alert_as_json, alert_from_json, encode
from ...ports import IngestedAlert
from .table import Item, Table, at_version, epoch, expiry, has_expired, stored

PARTITION = "ingested"
KEPT_FOR = timedelta(minutes=15)


class DynamoIngested:
    """The `ingested` partition."""

    def __init__(self, table: Table) -> None:
        self._table = table

    @stored
    def load_ingested(self, *, now: datetime) -> Sequence[IngestedAlert]:
        return [_record(item) for item in self._table.query(PARTITION) if not has_expired(item, now)]

    @stored
    def find_ingested(
        self, fingerprints: Sequence[Fingerprint], *, now: datetime
    ) -> Mapping[Fingerprint, IngestedAlert]:
        items = self._table.get_many(PARTITION, fingerprints)
        return {Fingerprint(item["sk"]): _record(item) for item in items if not has_expired(item, now)}

    def save_ingested(self, records: Sequence[IngestedAlert], *, now: datetime) -> Sequence[IngestedAlert]:
        written = [replace(record, version=record.version + 1) for record in records]
        self._table.each(self._save_record, [(record, now) for record in written])
        return written

    def _save_record(self, work: tuple[IngestedAlert, datetime]) -> None:
        record, now = work
        condition = at_version(record.version - 1)
        if record.version == 1:
            # What has expired may still be there, and must not stand in the way.
            condition = replace(
                condition,
                expression=f"{condition.expression} OR (#expires_at <= :now)",
                names={**condition.names, "#expires_at": "expires_at"},
                values={":now": epoch(now)},
            )
        self._table.put(_item(record), condition)


def _item(record: IngestedAlert) -> Item:
    alert = record.alert
    return {
        "pk": PARTITION,
        "sk": alert.fingerprint,
        "alert": encode(alert_as_json(alert, now=alert.updated_at)),
        "is_timeout": record.received.is_timeout,
        "routes_digest": record.routes_digest,
        "is_told": record.is_told,
        "version": record.version,
        "expires_at": expiry(alert.over_at, KEPT_FOR) if alert.over_at else None,
    }


def _record(item: Item) -> IngestedAlert:
    return IngestedAlert(
        received=Received(alert_from_json(json.loads(item["alert"])), is_timeout=item["is_timeout"]),
        routes_digest=item["routes_digest"],
        is_told=item["is_told"],
        version=item["version"],
    )
