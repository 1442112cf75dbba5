"""Rules that were moved: the same definition under another key, as a file or a group was renamed, or rules reordered.

A moved rule keeps its state, so that nobody is told anything. Its record is written under the new key, and only then
is the old one emptied or written over: a crash leaves the state twice, which the next tick sees (sharing.py), and never
not at all. What a record is written over that nobody has moved is owed by the one that takes its place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from ..core.labels import Fingerprint
from ..core.rules import ActiveAlert, AlertState, Rule, RuleKey
from ..ports import Log, RuleRecord, Rules

# So many in a tick; the others wait, as they are, for the next ones.
MOST_MOVES = 200
_SPARE = "<moved>"


@dataclass(frozen=True, slots=True)
class Move:
    """A record, by its key, and the rule that it belongs to by now."""

    source: RuleKey
    target: RuleKey


@dataclass(frozen=True, slots=True)
class Moved:
    """The records after the moves, and the keys of what is still to be moved: nothing else may become of these."""

    records: Mapping[RuleKey, RuleRecord]
    waiting: frozenset[RuleKey] = frozenset()


def find_moves(rules: Iterable[Rule], records: Mapping[RuleKey, RuleRecord], *, now: datetime) -> list[Move]:
    """Return the records with alerts whose key names no rule of their definition, and which rule has it now."""
    named = {rule.key: rule for rule in rules}
    astray: dict[str, list[RuleKey]] = {}
    for key in sorted(records):
        record = records[key]
        is_known = key in named and named[key].definition == record.definition
        is_newer = record.changed_at is not None and record.changed_at > now
        if record.definition and _has_alerts(record) and not is_known and not is_newer:
            astray.setdefault(record.definition, []).append(key)
    if not astray:
        return []
    homes: dict[str, list[RuleKey]] = {}
    for key, rule in sorted(named.items()):
        own = records.get(key)
        is_settled = own is not None and _has_alerts(own) and own.definition in ("", rule.definition)
        if rule.definition in astray and not is_settled:
            homes.setdefault(rule.definition, []).append(key)
    return [
        Move(source, target)
        for definition, sources in sorted(astray.items())
        for source, target in zip(sources, homes.get(definition, ()), strict=False)
    ]


def carry_out(
    store: Rules, log: Log, records: Mapping[RuleKey, RuleRecord], moves: Iterable[Move], *, now: datetime
) -> Moved:
    """Write each record under its new key, before anything is written over it."""
    moving = _Moving(store, dict(records), {move.source: move.target for move in moves}, now)
    try:
        moving.carry_out()
    except Exception as error:  # the other rules do not wait for these
        log.error("rules_not_moved", rules=len(moving.pending), error=repr(error))
    if moving.moved:
        log.info("rules_moved", rules=sorted(moving.moved))
    return Moved(moving.records, frozenset({*moving.pending, *moving.pending.values()}))


@dataclass(slots=True)
class _Moving:
    store: Rules
    records: dict[RuleKey, RuleRecord]
    pending: dict[RuleKey, RuleKey]
    now: datetime
    moved: frozenset[RuleKey] = frozenset()

    def carry_out(self) -> None:
        for _ in range(min(MOST_MOVES, len(self.pending))):
            source = self._free()
            if source is None:  # a ring
                self._spare(next(iter(self.pending)))
                source = self._free()
            assert source is not None  # whatever was to be written over the spared one
            self._move(source, self.pending[source])
            del self.pending[source]
            self.moved |= {source}
            if source not in self.pending.values():
                self._empty(source)

    def _free(self) -> RuleKey | None:
        """Return a record that is not to be written over another that is still to be moved."""
        return next((key for key, target in self.pending.items() if target not in self.pending), None)

    def _spare(self, source: RuleKey) -> None:
        """Keep a record of a ring where no other of it is to be written."""
        key = RuleKey(_SPARE + source)
        known = self.records.get(key) or RuleRecord(key)
        self._save(replace(self.records[source], key=key, version=known.version))
        self.pending[key] = self.pending.pop(source)
        self.moved |= {source}

    def _move(self, source: RuleKey, target: RuleKey) -> None:
        record, there = self.records[source], self.records.get(target) or RuleRecord(target)
        owed = {} if target in self.moved else _told(there)
        self._save(replace(record, key=target, owed={**owed, **record.owed}, version=there.version))

    def _empty(self, source: RuleKey) -> None:
        self._save(RuleRecord(source, changed_at=self.records[source].changed_at, version=self.records[source].version))

    def _save(self, record: RuleRecord) -> None:
        self.records[record.key] = self.store.save_rule(record, now=self.now)


def _has_alerts(record: RuleRecord) -> bool:
    return bool(record.active or record.telling)


def _told(record: RuleRecord) -> dict[Fingerprint, ActiveAlert]:
    """Return what groups may have been told of, and not of its end."""
    alerts = {**record.owed, **record.active, **record.telling}
    return {key: alert for key, alert in alerts.items() if alert.state is AlertState.FIRING}
