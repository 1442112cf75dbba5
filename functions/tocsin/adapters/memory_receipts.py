"""Receipts and turns in memory, with the conditions of the table's (dynamodb/receipts.py, paces.py)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ..ports import Receipt


@dataclass(slots=True)
class MemoryReceipts:
    """What is done, and what is in hand, each until an instant; and what things of ours are called outside."""

    done: dict[str, datetime] = field(default_factory=dict)
    claimed: dict[str, datetime] = field(default_factory=dict)
    aliases: dict[str, tuple[str, datetime]] = field(default_factory=dict)

    def begin(self, name: str, *, until: datetime, now: datetime) -> Receipt:
        if name in self.done and self.done[name] > now:
            return Receipt.DONE
        if name in self.claimed and self.claimed[name] > now:
            return Receipt.BUSY
        self.claimed[name] = until
        return Receipt.GRANTED

    def finish(self, name: str, *, keep_until: datetime) -> None:
        self.done[name] = keep_until
        self.claimed.pop(name, None)

    def drop(self, name: str, *, until: datetime) -> None:
        if self.claimed.get(name) == until:
            del self.claimed[name]

    def save_alias(self, alias: str, name: str, *, keep_until: datetime) -> None:
        self.aliases[alias] = (name, keep_until)

    def load_alias(self, alias: str, *, now: datetime) -> str | None:
        name, until = self.aliases.get(alias, ("", now))
        return name if until > now else None


@dataclass(slots=True)
class MemoryPaces:
    """When the next turn of each name is."""

    next_at: dict[str, datetime] = field(default_factory=dict)

    def reserve(self, name: str, *, every: timedelta, within: timedelta, now: datetime) -> datetime | None:
        turn = max(now, self.next_at.get(name, now))
        if turn - now > within:
            return None
        self.next_at[name] = turn + every
        return turn
