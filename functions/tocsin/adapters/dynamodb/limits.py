"""Rate limits: one partition an integration, an item for each window and for each group that something is held of.

A window holds the ids of what was let through: whoever asks twice for the same notification has one place.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import datetime

from ...core.alerts import Status
from ...core.notifications import Notification, format_time, parse_time
from ...core.rate_limits import Held, RateLimit, held
from ...core.receivers import IntegrationKey
from ...core.routing import GroupId
from ...errors import ConflictError
from .table import Condition, Item, Table, epoch, has_expired, stored

WINDOW, HELD = "window#", "held#"


class DynamoLimits:
    """The `limit#…` partitions."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def take(self, notification: Notification, limit: RateLimit, *, now: datetime) -> bool:
        pk, start = _partition(notification.key), limit.window(now)
        sk = WINDOW + format_time(start)
        if self._table.get(pk, sk) is None:
            window: Item = {"pk": pk, "sk": sk, "told": {}, "expires_at": epoch(start + 2 * limit.per)}
            with contextlib.suppress(ConflictError):  # somebody else began it
                self._table.put(window, Condition("attribute_not_exists(#told)", {"#told": "told"}, {}))
        condition = Condition(
            "size(#told) < :limit OR attribute_exists(#told.#id)",
            {"#told": "told", "#id": notification.id},
            {":limit": limit.notifications, ":yes": True},
        )
        try:
            self._table.update(pk, sk, "SET #told.#id = :yes", condition)
        except ConflictError:
            return False
        return True

    def hold(self, notification: Notification, limit: RateLimit, *, now: datetime) -> None:
        noted = held(notification, limit.window(now))
        item = {
            "since": format_time(noted.since),
            "status": noted.status.value,
            "severity": noted.severity,
            "title": noted.title,
            "alerts": noted.alerts,
            "expires_at": epoch(limit.forgotten_at(now)),
        }
        names = {f"#{name}": name for name in item}
        sets = [f"#{name} = :{name}" for name in item if name != "since"]
        expression = f"SET #since = if_not_exists(#since, :since), {', '.join(sets)}"
        values = {**{f":{name}": value for name, value in item.items()}, ":now": epoch(now)}
        pk, sk = _partition(notification.key), HELD + notification.group
        is_there = Condition("attribute_not_exists(#expires_at) OR #expires_at > :now", names, values)
        try:
            self._table.update(pk, sk, expression, is_there)
        except ConflictError:  # what it was held for before is over, and its item only not deleted yet
            self._table.put({"pk": pk, "sk": sk, **item})

    def release(self, notification: Notification) -> None:
        self._table.delete(_partition(notification.key), HELD + notification.group)

    @stored
    def load_held(self, key: IntegrationKey, *, now: datetime) -> Sequence[Held]:
        found = self._table.query(_partition(key), prefix=HELD)
        return [_held(item) for item in found if not has_expired(item, now)]


def _partition(key: IntegrationKey) -> str:
    return f"limit#{key}"


def _held(item: Item) -> Held:
    return Held(
        group=GroupId(item["sk"].removeprefix(HELD)),
        since=parse_time(item["since"]),
        status=Status(item["status"]),
        severity=item["severity"],
        title=item["title"],
        alerts=item["alerts"],
    )
