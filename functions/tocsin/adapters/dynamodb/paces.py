"""Turns, one after another at a distance: an item for each channel that takes only so much.

The `pace#…` partitions hold when the next turn is. A turn that nobody comes for is lost, and costs a moment.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from ...core.notifications import parse_time
from ...errors import ConflictError
from .table import Condition, Table, epoch, sortable, stored

HEAD = "head"
# Several who come at once lose to each other; who loses so often comes when nobody else does.
ATTEMPTS = 8
_KEPT_FOR = timedelta(hours=1)
_NAMES = {"#next": "next_at", "#expires_at": "expires_at"}


class DynamoPaces:
    """The `pace#…` partitions."""

    def __init__(self, table: Table) -> None:
        self._table = table

    @stored
    def reserve(self, name: str, *, every: timedelta, within: timedelta, now: datetime) -> datetime | None:
        pk = f"pace#{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"
        for _ in range(ATTEMPTS):
            item = self._table.get(pk, HEAD) or {}
            seen = item.get("next_at")
            turn = max(now, parse_time(seen)) if seen else now
            if turn - now > within:
                return None
            values = {":next": sortable(turn + every), ":expires_at": epoch(turn + _KEPT_FOR)}
            unchanged = "#next = :seen" if seen else "attribute_not_exists(#next)"
            condition = Condition(unchanged, _NAMES, {**values, **({":seen": seen} if seen else {})})
            try:
                self._table.update(pk, HEAD, "SET #next = :next, #expires_at = :expires_at", condition)
            except ConflictError:
                continue
            return turn
        return None
