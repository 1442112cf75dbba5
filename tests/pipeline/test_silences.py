"""Silences in the store: changed as they were read, replaced in one write, refused where they are too broad."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.stories.configurations import configuration, equal
from tocsin.adapters.memory import MemoryLog, MemoryStore
from tocsin.core.silences import (
    BroadnessRule,
    ChangeKind,
    Draft,
    RefusedSilenceError,
    SilenceId,
    SilenceRefusal,
    SilenceState,
)
from tocsin.errors import ConflictError
from tocsin.pipeline import silences
from tocsin.pipeline.silences import Keeper

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DRAFT = Draft((((equal("alertname", "DiskFull")),),), NOW, NOW + HOUR, "ann", "a new disk")


def keeper(store: Any) -> Keeper:
    numbers = itertools.count(1)
    return Keeper(store, MemoryLog(), lambda: f"id-{next(numbers)}")


def save(world: Keeper, draft: Draft = DRAFT, *, now: datetime = NOW, **rule: Any) -> Any:
    firing = [{"alertname": "DiskFull", "instance": str(number)} for number in range(3)]
    loaded = replace(configuration(), silence_breadth=BroadnessRule(**rule))
    return silences.save(world, draft, loaded, lambda: firing, now=now)


def test_moving_the_end_keeps_the_id_and_moving_the_start_replaces() -> None:
    world = keeper(MemoryStore())
    first = save(world).silence
    longer = save(world, replace(DRAFT, id=first.id, ends_at=NOW + 2 * HOUR), now=NOW + timedelta(minutes=1))
    assert (longer.kind, longer.silence.id) == (ChangeKind.UPDATED, first.id)
    later = replace(DRAFT, id=first.id, starts_at=NOW + HOUR, ends_at=NOW + 2 * HOUR)
    other = save(world, later, now=NOW + timedelta(minutes=2))
    assert (other.kind, other.silence.id == first.id) == (ChangeKind.REPLACED, False)
    states = {each.id: each.state_at(NOW + timedelta(minutes=3)) for each in world.silences.load_silences(now=NOW)}
    assert states == {first.id: SilenceState.EXPIRED, other.silence.id: SilenceState.PENDING}


def test_ending_one_twice_writes_once() -> None:
    store = MemoryStore()
    world = keeper(store)
    made = save(world).silence
    ended = silences.expire(world, made.id, now=NOW + HOUR / 2)
    assert ended is not None
    assert ended.ends_at == NOW + HOUR / 2
    writes = store.writes
    assert silences.expire(world, made.id, now=NOW + HOUR) == ended
    assert store.writes == writes
    assert silences.expire(world, SilenceId("nobody"), now=NOW) is None


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ({"max_alerts": 2}, "it matches 3 current alerts, at most 2 are allowed"),
        ({"required_labels": ("team",)}, "an equality matcher on one of team is required"),
    ],
)
def test_a_silence_that_is_too_broad_is_refused(rule: Any, text: str) -> None:
    store = MemoryStore()
    with pytest.raises(RefusedSilenceError, match=text) as refused:
        save(keeper(store), **rule)
    assert (refused.value.reason, store.writes) == (SilenceRefusal.TOO_BROAD, 0)
    save(keeper(store), max_alerts=3)


class Contended:
    """Silences that somebody else changes first, so many times."""

    def __init__(self, store: MemoryStore, times: int) -> None:
        self._store, self.times = store, times

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def save_silences(self, changes: Any) -> None:
        if self.times:
            self.times -= 1
            raise ConflictError("somebody else was there first")
        self._store.save_silences(changes)


def test_a_lost_write_is_decided_again() -> None:
    store = MemoryStore()
    made = save(keeper(Contended(store, 3))).silence
    assert silences.expire(keeper(Contended(store, 3)), made.id, now=NOW) is not None


def test_a_write_that_is_always_lost_is_a_conflict() -> None:
    store = MemoryStore()
    made = save(keeper(store)).silence
    with pytest.raises(ConflictError, match="changed 5 times"):
        save(keeper(Contended(store, 99)))
    with pytest.raises(ConflictError, match="changed 5 times"):
        silences.expire(keeper(Contended(store, 99)), made.id, now=NOW)
