"""Overrides of on-call schedules: one partition, one item each; one that is over is kept for a month."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from ...core.notifications import parse_time
from ...core.oncall import Override, by_schedule
from .table import Condition, Item, Table, epoch, expiry, has_expired, put_action, sortable, stored

PARTITION, PREFIX = "oncall", "override#"
KEPT_FOR = timedelta(days=30)
# Instants in the table are rounded up.
_SECOND = timedelta(seconds=1)


class DynamoOverrides:
    """The overrides in the `oncall` partition."""

    def __init__(self, table: Table) -> None:
        self._table = table

    @stored
    def load_overrides(self, *, now: datetime) -> Mapping[str, Sequence[Override]]:
        items = self._table.query(PARTITION, prefix=PREFIX)
        return by_schedule(_override(item) for item in items if not has_expired(item, now))

    def add_overrides(self, overrides: Sequence[Override], *, now: datetime) -> None:
        new = Condition("attribute_not_exists(#pk)", {"#pk": "pk"}, {})
        self._table.transact([put_action(_item(override), new) for override in overrides])

    def remove_override(self, override: Override, *, now: datetime) -> None:
        # It expires, so that nobody who removes one needs the leave to delete what they like.
        self._table.put({**_item(override), "expires_at": epoch(now - _SECOND)})


def _item(override: Override) -> Item:
    return {
        "pk": PARTITION,
        "sk": PREFIX + override.id,
        "schedule": override.schedule,
        "user": override.user,
        "start": sortable(override.start),
        "end": sortable(override.end),
        "by": override.by,
        "comment": override.comment,
        "made_at": sortable(override.made_at or override.start),
        "expires_at": expiry(override.end, KEPT_FOR),
    }


def _override(item: Item) -> Override:
    return Override(
        parse_time(item["start"]),
        parse_time(item["end"]),
        item["user"],
        item["schedule"],
        item["sk"].removeprefix(PREFIX),
        item["by"],
        item["comment"],
        parse_time(item["made_at"]),
    )
