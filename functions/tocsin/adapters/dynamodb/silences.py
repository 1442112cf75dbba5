"""Silences: one partition, one item each; one that is over is kept for five days, as Alertmanager does."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta

from ...core.notifications import encode
from ...core.patterns import Compile
from ...core.silences import Silence, SilenceId
from ...ports import SilenceChange
from ..silence_json import silence_as_json, silence_from_json
from .table import Condition, Item, Table, expiry, has_expired, put_action, sortable, stored

PARTITION = "silences"
KEPT_FOR = timedelta(days=5)


class DynamoSilences:
    """The `silences` partition; `compile_pattern` compiles the regular expressions of what is read."""

    def __init__(self, table: Table, compile_pattern: Compile) -> None:
        self._table = table
        self._compile = compile_pattern

    @stored
    def load_silences(self, *, now: datetime) -> Sequence[Silence]:
        items = (item for item in self._table.query(PARTITION) if not has_expired(item, now))
        return [self._silence(item) for item in items]

    @stored
    def load_silence(self, silence: SilenceId, *, now: datetime) -> Silence | None:
        item = self._table.get(PARTITION, silence)
        return None if item is None or has_expired(item, now) else self._silence(item)

    def save_silences(self, changes: Sequence[SilenceChange]) -> None:
        self._table.transact([put_action(_item(change.after), _as_read(change)) for change in changes])

    def _silence(self, item: Item) -> Silence:
        return silence_from_json(json.loads(item["silence"]), self._compile)


def _item(silence: Silence) -> Item:
    return {
        "pk": PARTITION,
        "sk": silence.id,
        "silence": encode(silence_as_json(silence)),
        "updated_at": sortable(silence.updated_at),
        "expires_at": expiry(silence.ends_at, KEPT_FOR),
    }


def _as_read(change: SilenceChange) -> Condition:
    if change.before is None:
        return Condition("attribute_not_exists(#pk)", {"#pk": "pk"}, {})
    names = {"#updated_at": "updated_at", "#silence": "silence"}
    values = {
        ":updated_at": sortable(change.before.updated_at),
        ":silence": encode(silence_as_json(change.before)),
    }
    return Condition("#updated_at = :updated_at AND #silence = :silence", names, values)
