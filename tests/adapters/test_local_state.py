"""The state file: what is written is what is read, and a file that is not whole is never taken for one."""

from __future__ import annotations

import json
import math
import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.states import ASKED_AT, PARTS, burning, keep
from tests.stories.world import World
from tocsin.adapters import local_state
from tocsin.adapters.local_state import StateBusyError, decode, encode
from tocsin.core.labels import Labels
from tocsin.core.rules import ActiveAlert, AlertState
from tocsin.errors import StoreError

START = datetime(2000, 1, 1, tzinfo=UTC)
times = st.integers(0, 4 * 10**15).map(lambda number: START + timedelta(microseconds=number))
texts = st.dictionaries(st.text(min_size=1), st.text(), max_size=3)
alerts = st.builds(
    ActiveAlert,
    labels=st.builds(Labels, texts),
    annotations=texts,
    value=st.floats(allow_nan=False),
    state=st.sampled_from(AlertState),
    active_at=times,
    fired_at=st.none() | times,
    keep_firing_since=st.none() | times,
    refreshed_at=st.none() | times,
)


@given(alerts)
def test_what_is_written_is_what_is_read(alert: ActiveAlert) -> None:
    assert decode(ActiveAlert, json.loads(json.dumps(encode(alert)))) == alert


def test_a_value_that_is_no_number_stays_none() -> None:
    assert math.isnan(decode(float, json.loads(json.dumps(encode(math.nan)))))


def test_a_whole_store_comes_back(tmp_path: Path) -> None:
    store = burning().store
    keep(store, tmp_path / "state.json", now=ASKED_AT)
    again = local_state.read(tmp_path / "state.json", now=ASKED_AT)
    for name in set(PARTS) - {"notifications"}:
        assert getattr(again, name) == getattr(store, name), name
    assert again.complaint == ""


def test_the_same_story_goes_on_from_the_file(tmp_path: Path) -> None:
    """Two worlds, one of which is written and read after every minute, tell the same people the same."""
    kept, other = burning(), burning()
    for _ in range(70):
        keep(kept.store, tmp_path / "state.json", now=kept.now)
        kept.store = local_state.read(tmp_path / "state.json", now=kept.now)
        kept.advance(minutes=1)
        other.advance(minutes=1)
    assert kept.told() == other.told()


def test_it_is_its_owners_alone_and_whole_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "state.json"
    with local_state.opened(path, now=ASKED_AT) as store:
        store.save(now=ASKED_AT)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert sorted(each.name for each in path.parent.iterdir()) == ["state.json", "state.json.lock"]


def test_what_was_only_read_is_never_written(tmp_path: Path) -> None:
    local_state.read(tmp_path / "state.json", now=ASKED_AT).save(now=ASKED_AT)
    assert list(tmp_path.iterdir()) == []


def test_a_second_run_waits_and_then_gives_up(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    slept: list[float] = []
    with local_state.opened(path, now=ASKED_AT):
        with (
            pytest.raises(StateBusyError, match="another run is using the state"),
            local_state.opened(path, now=ASKED_AT, patience_seconds=0.2, sleep=slept.append),
        ):
            pass
        assert sum(slept) == pytest.approx(0.2)
    with local_state.opened(path, now=ASKED_AT, patience_seconds=0.1, sleep=slept.append) as store:
        assert store.complaint == ""


def test_a_second_run_that_waits_long_enough_gets_its_turn(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    first = local_state.opened(path, now=ASKED_AT)
    first.__enter__()
    ended = threading.Event()

    def sleep(seconds: float) -> None:
        if not ended.is_set():
            first.__exit__(None, None, None)
            ended.set()

    with local_state.opened(path, now=ASKED_AT, sleep=sleep):
        assert ended.is_set()


def whole_state(tmp_path: Path) -> dict[str, Any]:
    keep(burning().store, tmp_path / "state.json", now=ASKED_AT)
    state: dict[str, Any] = json.loads((tmp_path / "state.json").read_text())
    return state


def change(state: dict[str, Any], *path: str, to: Any) -> bytes:
    place = state
    for name in path[:-1]:
        place = place[next(iter(place))] if name == "*" else place[name]
    place[path[-1]] = to
    return json.dumps(state).encode()


BROKEN = {
    "it is empty": lambda state: b"",
    "it ends in the middle": lambda state: json.dumps(state).encode()[:-200],
    "it is not JSON": lambda state: b"rules: []",
    "it is not UTF-8": lambda state: b"\xff\xfe",
    "it is a list": lambda state: b"[]",
    "it is nested without end": lambda state: b"[" * 100_000,
    "it has no version": lambda state: b"{}",
    "a part is missing": lambda state: b'{"version": 1}',
    "a part is of another kind": lambda state: change(state, "rules", to=7),
    "a time is none": lambda state: change(state, "incidents", "*", "opened_at", to="soon"),
    "a number is none": lambda state: change(state, "groups", "*", "group", "version", to="many"),
    "a state is none": lambda state: change(state, "incidents", "*", "state", to="lost"),
    "a field is missing": lambda state: change(state, "rules", to={"x": {}}),
}


@pytest.mark.parametrize("make", BROKEN.values(), ids=BROKEN.keys())
def test_a_file_is_kept_aside_when(tmp_path: Path, make: Any) -> None:
    content = make(whole_state(tmp_path))
    path = tmp_path / "state.json"
    path.write_bytes(content)
    assert local_state.read(path, now=ASKED_AT).complaint.startswith(f"{path}: the state cannot be used: ")
    assert path.read_bytes() == content
    with local_state.opened(path, now=ASKED_AT) as store:
        aside = f"{path}.broken-{ASKED_AT:%Y%m%dT%H%M%S}"
        assert store.complaint.endswith(f"it is kept as {aside}, and what fires is told anew")
        assert (store.rules, store.groups, store.incidents) == ({}, {}, {})
    assert Path(aside).read_bytes() == content
    assert not path.exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_said(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StoreError, match="cannot be kept there"), local_state.opened(tmp_path / "a/b", now=ASKED_AT):
        pass


def test_a_file_where_a_folder_should_be_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be kept there"):
        local_state.opened(tmp_path / "file" / "state.json", now=ASKED_AT).__enter__()


def test_what_is_over_is_forgotten_in_time(tmp_path: Path) -> None:
    world: World = burning()
    world.metric_recovers("DiskFull", instance="db-1")
    world.metric_recovers("SlowDisk", instance="db-2")
    world.metric_recovers("Hot", instance="db-1")
    world.advance(minutes=30)
    sizes = {}
    for days in (0, 3, 20, 40, 400):
        store = local_state.LocalStore(tmp_path / "state.json", saves=True)
        for name in PARTS:
            setattr(store, name, dict(getattr(world.store, name)))
        store.save(now=world.now + timedelta(days=days))
        sizes[days] = [len(getattr(store, name)) for name in ("rules", "groups", "deliveries", "incidents", "claims")]
    assert sizes[0][3] == 1
    assert sizes[3][0] == 0
    assert sizes[20][1] == 0
    assert sizes[40][2] == 0
    assert sizes[40][4] == 0
    assert sizes[400] == [0, 0, 0, 0, 0]


def test_what_is_still_firing_is_never_forgotten(tmp_path: Path) -> None:
    keep(burning().store, tmp_path / "state.json", now=ASKED_AT + timedelta(days=4000))
    store = local_state.read(tmp_path / "state.json", now=ASKED_AT)
    assert len([each for each in store.rules.values() if each.active]) == 3
    assert len(store.groups) == 2
    assert len(store.incidents) == 1
