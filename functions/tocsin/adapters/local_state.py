"""Tocsin's state in one JSON file, for evaluating without AWS: a cron job that tells nobody twice.

The whole store is in memory and is written as a whole: into a new file that takes the old one's place, so that a crash
leaves one or the other. It is written before a notification is sent (its claim) and after (its record), and a lock
keeps a second run out. A file that cannot be read is kept aside, never thrown away: what fires is then told anew.

Values become JSON by their types: data classes by their fields, times as RFC 3339, durations as seconds.
"""

from __future__ import annotations

import fcntl
import json
import math
import os
import time
import types
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime, timedelta
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import Any, NewType, Union, get_args, get_origin, get_type_hints

from ..core.alerts import Alert
from ..core.incidents import Event, Incident, IncidentId
from ..core.labels import Fingerprint, Labels
from ..core.notifications import Notification, format_time, parse_time
from ..core.oncall import Override
from ..core.patterns import Compile, without_engine
from ..core.receivers import IntegrationKey
from ..core.routing import GroupId
from ..core.rules import RuleKey, interval_of
from ..errors import StoreError
from ..ports import Claim, Delivery, DeliveryState, IngestedAlert, RuleRecord
from .memory import INGESTED_KEPT_FOR, OVERRIDES_KEPT_FOR, SILENCES_KEPT_FOR, MemoryStore, _Claim, _Group
from .silence_json import silence_as_json, silence_from_json

VERSION = 1
# As long as the table keeps them.
RULES_KEPT_FOR = timedelta(days=2)
GROUPS_KEPT_FOR = timedelta(days=14)
DELIVERIES_KEPT_FOR = timedelta(days=30)
INCIDENTS_KEPT_FOR = timedelta(days=365)
_POLL_SECONDS = 0.05

_PARTS: Mapping[str, Any] = {
    "rules": dict[RuleKey, RuleRecord],
    "groups": dict[GroupId, _Group],
    "notifications": dict[str, str],
    "incidents": dict[IncidentId, Incident],
    "events": dict[IncidentId, tuple[Event, ...]],
    "inhibitors": dict[Fingerprint, Alert],
    "ingested": dict[Fingerprint, IngestedAlert],
    "overrides": dict[str, Override],
    "claims": dict[tuple[GroupId, IntegrationKey], _Claim],
    "deliveries": dict[tuple[GroupId, IntegrationKey, int], Delivery],
}


SILENCES = "silences"
# What files that were written before it was there do not have.
_LATER = frozenset({"events", "inhibitors", "ingested", "overrides"})


class StateBusyError(StoreError):
    """Another run holds the state file."""


class LocalStore(MemoryStore):
    """The store of one run; `complaint` says what was wrong with the file, where something was."""

    def __init__(self, path: Path, *, saves: bool, complaint: str = "") -> None:
        super().__init__()
        self._path = path
        self._saves = saves
        self.complaint = complaint

    def claim(self, notification: Notification, *, now: datetime) -> Claim:
        claim = super().claim(notification, now=now)
        if claim in (Claim.GRANTED, Claim.UNHEARD):
            self.save(now=now)
        return claim

    def record(
        self,
        notification: Notification,
        state: DeliveryState,
        outcome: str,
        *,
        now: datetime,
        may_have_arrived: bool = True,
        wait_until: datetime | None = None,
    ) -> None:
        super().record(notification, state, outcome, now=now, may_have_arrived=may_have_arrived, wait_until=wait_until)
        self.save(now=now)

    def save(self, *, now: datetime) -> None:
        """Write all of it in place of what is there, unless it was only read. Raises StoreError."""
        if not self._saves:
            return
        forget_what_is_over(self, now=now)
        parts = {name: encode(getattr(self, name)) for name in _PARTS}
        parts[SILENCES] = [silence_as_json(self.silences[key]) for key in sorted(self.silences)]
        text = json.dumps({"version": VERSION, "saved_at": format_time(now), **parts}, indent=1, sort_keys=True)
        try:
            _replace(self._path, text + "\n")
        except OSError as error:
            raise StoreError(f"{self._path}: the state cannot be written: {error.strerror}") from None


@contextmanager
def opened(
    path: Path,
    *,
    now: datetime,
    compile_pattern: Compile = without_engine,
    patience_seconds: float = 10.0,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[LocalStore]:
    """Lend the store for one run, to be saved by whoever changes it. Raises StateBusyError, StoreError."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(f"{path}.lock", os.O_CREAT | os.O_RDWR, 0o600)
    except OSError as error:
        raise StoreError(f"{path}: the state cannot be kept there: {error.strerror}") from None
    try:
        _take(lock, path, patience_seconds, sleep)
        yield _load(path, compile_pattern, now=now, saves=True)
    finally:
        os.close(lock)


def read(path: Path, *, now: datetime, compile_pattern: Compile = without_engine) -> LocalStore:
    """Return the store as it is, for looking only: the file is neither locked nor touched."""
    return _load(path, compile_pattern, now=now, saves=False)


def _take(lock: int, path: Path, patience_seconds: float, sleep: Callable[[float], None]) -> None:
    for attempt in range(math.ceil(patience_seconds / _POLL_SECONDS) + 1):
        if attempt:
            sleep(_POLL_SECONDS)
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
    raise StateBusyError(f"{path}: another run is using the state; nothing was done")


def _load(path: Path, compile_pattern: Compile, *, now: datetime, saves: bool) -> LocalStore:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return LocalStore(path, saves=saves)
    except UnicodeDecodeError:
        return _without(path, "it is not UTF-8 text", now=now, saves=saves)
    except OSError as error:
        raise StoreError(f"{path}: the state cannot be read: {error.strerror}") from None
    try:
        data = json.loads(text)
        version = data["version"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        return _without(path, _reason(error), now=now, saves=saves)
    if version != VERSION:
        raise StoreError(f"{path}: the state is of version {version!r}, and this Tocsin knows {VERSION}")
    store = LocalStore(path, saves=saves)
    try:
        for name, hint in _PARTS.items():
            setattr(store, name, decode(hint, data.get(name, {}) if name in _LATER else data[name]))
        silences = (silence_from_json(each, compile_pattern) for each in data.get(SILENCES, ()))
        store.silences = {silence.id: silence for silence in silences}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return _without(path, _reason(error), now=now, saves=saves)
    return store


def _without(path: Path, reason: str, *, now: datetime, saves: bool) -> LocalStore:
    """Return an empty store that says why: alerting goes on, and what was known is there to be looked at."""
    complaint = f"{path}: the state cannot be used: {reason}"
    if not saves:
        return LocalStore(path, saves=False, complaint=complaint)
    aside = path.with_name(f"{path.name}.broken-{now:%Y%m%dT%H%M%S}")
    try:
        os.replace(path, aside)
    except OSError as error:
        raise StoreError(f"{complaint}; it could not be put aside: {error.strerror}") from None
    return LocalStore(path, saves=True, complaint=f"{complaint}; it is kept as {aside}, and what fires is told anew")


def _reason(error: Exception) -> str:
    return f"no {error}" if isinstance(error, KeyError) else str(error) or type(error).__name__


def _replace(path: Path, text: str) -> None:
    new = path.with_name(f"{path.name}.new")
    # It may hold what alertmanager.yml holds: only for its owner.
    with os.fdopen(os.open(new, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)


def forget_what_is_over(store: MemoryStore, *, now: datetime) -> None:
    """Drop what the table would let expire."""
    store.rules = {
        key: each
        for key, each in store.rules.items()
        if each.active
        or each.telling
        or each.owed
        or each.changed_at is None
        or each.changed_at > now - RULES_KEPT_FOR - 2 * (interval_of(key) or timedelta(0))
    }
    store.groups = {key: each for key, each in store.groups.items() if _is_remembered(each, now)}
    for group in store.groups.values():
        group.cooldowns = {key: each for key, each in group.cooldowns.items() if each.until > now}
    store.incidents = {
        key: each
        for key, each in store.incidents.items()
        if not each.is_over or (each.changed_at or now) > now - INCIDENTS_KEPT_FOR
    }
    store.events = {key: each for key, each in store.events.items() if key in store.incidents}
    store.deliveries = {key: each for key, each in store.deliveries.items() if each.at > now - DELIVERIES_KEPT_FOR}
    told = {key[:2] for key in store.deliveries}
    store.silences = {key: each for key, each in store.silences.items() if each.ends_at > now - SILENCES_KEPT_FOR}
    store.overrides = {key: each for key, each in store.overrides.items() if each.end > now - OVERRIDES_KEPT_FOR}
    store.ingested = {
        key: each
        for key, each in store.ingested.items()
        if each.alert.over_at is None or each.alert.over_at > now - INGESTED_KEPT_FOR
    }
    store.claims = {key: each for key, each in store.claims.items() if key[0] in store.groups or key in told}
    waiting = {entry.subject for group in store.groups.values() for entry in group.outbox.values()}
    store.notifications = {key: text for key, text in store.notifications.items() if key in waiting}


def _is_remembered(stored: _Group, now: datetime) -> bool:
    if stored.alerts or stored.outbox or stored.group.look_at is not None:
        return True
    return any(sent.at > now - GROUPS_KEPT_FOR for sent in stored.group.sent.values())


# --- values as JSON ---


def encode(value: Any) -> Any:
    """Return a value as JSON has it; a mapping whose keys are no texts becomes a list of pairs."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: encode(getattr(value, field.name)) for field in fields(value)}
    match value:
        case Enum():
            return value.value
        case datetime():
            return format_time(value)
        case timedelta():
            return value.total_seconds()
        case float():
            return value if math.isfinite(value) else str(value)
        case Mapping():
            if all(isinstance(key, str) for key in value):
                return {key: encode(each) for key, each in value.items()}
            return [[encode(key), encode(each)] for key, each in sorted(value.items())]
        case frozenset():
            return sorted(encode(each) for each in value)
        case tuple() | list():
            return [encode(each) for each in value]
    return value


def decode(hint: Any, data: Any) -> Any:
    """Return the value of a type that `encode` wrote. Raises ValueError, TypeError, KeyError or AttributeError."""
    if isinstance(hint, NewType):
        return decode(hint.__supertype__, data)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return None if data is None else decode(next(each for each in arguments if each is not types.NoneType), data)
    if origin is not None:
        return _decode_generic(origin, arguments, data)
    if hint is Labels:
        return Labels(_expect(dict, data))
    if is_dataclass(hint) and isinstance(hint, type):
        _expect(dict, data)
        # A field that is newer than the file has its default.
        named = {name: each for name, each in _hints(hint).items() if name in data or name not in _defaulted(hint)}
        return hint(**{name: decode(each, data[name]) for name, each in named.items()})
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint(data)
    if hint is datetime:
        return parse_time(_expect(str, data))
    if hint is timedelta:
        return timedelta(seconds=data)
    if hint is float:
        return float(data)
    return _expect(hint, data)


def _decode_generic(origin: Any, arguments: tuple[Any, ...], data: Any) -> Any:
    if issubclass(origin, Mapping):
        pairs = data.items() if isinstance(data, dict) else _expect(list, data)
        return {decode(arguments[0], key): decode(arguments[1], each) for key, each in pairs}
    _expect(list, data)
    if origin is tuple and arguments[-1] is not Ellipsis:
        return tuple(decode(hint, each) for hint, each in zip(arguments, data, strict=True))
    return origin(decode(arguments[0], each) for each in data)


def _expect(kind: type, data: Any) -> Any:
    if not isinstance(data, kind) or (kind is int and isinstance(data, bool)):
        raise ValueError(f"expected {kind.__name__}, found {str(data)[:40]!r}")
    return data


@lru_cache(maxsize=64)
def _defaulted(kind: type) -> frozenset[str]:
    given = (each for each in fields(kind) if each.default is not MISSING or each.default_factory is not MISSING)
    return frozenset(each.name for each in given)


@lru_cache(maxsize=64)
def _hints(kind: type) -> Mapping[str, Any]:
    return {field.name: get_type_hints(kind)[field.name] for field in fields(kind)}
