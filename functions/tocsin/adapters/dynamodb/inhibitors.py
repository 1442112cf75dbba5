"""Copies of the firing alerts that can inhibit others: one partition, one item an alert."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from ...core.alerts import Alert, Status
from ...core.notifications import alert_as_json, alert_from_json, encode
from ...errors import ConflictError
from .table import Condition, Table, expiry, has_expired, sortable, stored

PARTITION = "inhibitors"
# An alert that is over is remembered this long, so that an older word of it does not make it fire again.
KEPT_FOR = timedelta(days=2)


class DynamoInhibitors:
    """The `inhibitors` partition."""

    def __init__(self, table: Table) -> None:
        self._table = table

    @stored
    def load_inhibitors(self, *, now: datetime) -> Sequence[Alert]:
        items = (item for item in self._table.query(PARTITION) if not has_expired(item, now))
        alerts = (alert_from_json(json.loads(item["alert"])) for item in items)
        return [alert for alert in alerts if alert.status_at(now) is Status.FIRING]

    def save_inhibitors(self, alerts: Sequence[Alert], *, now: datetime) -> None:
        self._table.each(self._save, [(alert, now) for alert in alerts])

    def _save(self, work: tuple[Alert, datetime]) -> None:
        alert, now = work
        item: dict[str, Any] = {
            "pk": PARTITION,
            "sk": alert.fingerprint,
            "alert": encode(alert_as_json(alert, now=now)),
            "updated_at": sortable(alert.updated_at),
            "expires_at": expiry(alert.over_at, KEPT_FOR) if alert.over_at else None,
        }
        condition = Condition(
            "attribute_not_exists(#updated_at) OR #updated_at <= :updated_at",
            {"#updated_at": "updated_at"},
            {":updated_at": item["updated_at"]},
        )
        try:
            self._table.put(item, condition)
        except ConflictError:
            return  # something newer is known
