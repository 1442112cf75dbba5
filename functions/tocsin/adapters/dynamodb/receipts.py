"""Receipts: what came from outside and is done once, and what things of ours are called there."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from ...errors import ConflictError
from ...ports import Receipt
from .table import Condition, Table, epoch, has_expired, sortable, stored

HEAD = "head"
_NAMES = {"#done": "done_until", "#claimed": "claimed_until", "#expires_at": "expires_at"}
_FREE = "(attribute_not_exists(#done) OR #done <= :now) AND (attribute_not_exists(#claimed) OR #claimed <= :now)"
# TTL may not take away what is in hand: a claim is over long before.
_SLACK = timedelta(hours=1)


class DynamoReceipts:
    """The `receipt#…` and `alias#…` partitions, one for each name; names are others' and may be of any length."""

    def __init__(self, table: Table) -> None:
        self._table = table

    @stored
    def begin(self, name: str, *, until: datetime, now: datetime) -> Receipt:
        values = {":now": sortable(now), ":until": sortable(until), ":expires_at": epoch(until + _SLACK)}
        expression = "SET #claimed = :until, #expires_at = :expires_at"
        try:
            self._table.update(_receipt(name), HEAD, expression, Condition(_FREE, _NAMES, values))
        except ConflictError:
            item = self._table.get(_receipt(name), HEAD) or {}
            return Receipt.DONE if item.get("done_until", "") > sortable(now) else Receipt.BUSY
        return Receipt.GRANTED

    def finish(self, name: str, *, keep_until: datetime) -> None:
        values = {":until": sortable(keep_until), ":expires_at": epoch(keep_until)}
        expression = "SET #done = :until, #expires_at = :expires_at REMOVE #claimed"
        self._table.update(_receipt(name), HEAD, expression, Condition("", _NAMES, values))

    def drop(self, name: str, *, until: datetime) -> None:
        condition = Condition("#claimed = :until", {"#claimed": "claimed_until"}, {":until": sortable(until)})
        try:
            self._table.update(_receipt(name), HEAD, "REMOVE #claimed", condition)
        except ConflictError:
            return  # somebody else has it by now, or it is done

    def save_alias(self, alias: str, name: str, *, keep_until: datetime) -> None:
        self._table.put({"pk": _alias(alias), "sk": HEAD, "name": name, "expires_at": epoch(keep_until)})

    @stored
    def load_alias(self, alias: str, *, now: datetime) -> str | None:
        item = self._table.get(_alias(alias), HEAD)
        return None if item is None or has_expired(item, now) else str(item["name"])


def _receipt(name: str) -> str:
    return f"receipt#{_digest(name)}"


def _alias(name: str) -> str:
    return f"alias#{_digest(name)}"


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
