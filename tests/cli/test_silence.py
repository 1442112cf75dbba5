"""`tocsin silence` and `tocsin alert add` on a state file, over HTTP, and beside the real amtool."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from tests.cli.commands import Ran, Shell
from tests.cli.states import ASKED_AT, api_of, burning, keep
from tests.cli.test_alert import serving
from tests.golden import assert_golden
from tests.stories.world import World

AMTOOL = shutil.which("amtool")
needs_amtool = pytest.mark.skipif(AMTOOL is None, reason="amtool is not on PATH")
# The real amtool has the real clock: what it is asked about does not end in its time.
FAR = "2099-01-01T00:00:00Z"


@pytest.fixture
def world() -> World:
    return burning()


@pytest.fixture
def desk(shell: Shell, world: World, tmp_path: Path) -> Shell:
    keep(world.store, tmp_path / "state/tocsin/state.json", now=ASKED_AT)
    return shell


def silence(desk: Shell, *words: str, minutes: float = 0) -> Ran:
    return desk.run("silence", *words, now=ASKED_AT + timedelta(minutes=minutes))


def anonymous(text: str) -> str:
    """Return text with its ids numbered: they are random."""
    seen: dict[str, str] = {}
    pattern = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
    return pattern.sub(lambda found: seen.setdefault(found[0], f"{len(seen) + 1:0>8}".ljust(36, "-")), text)


def test_a_silence_from_its_beginning_to_its_end(desk: Shell) -> None:
    made = silence(
        desk, "add", "DiskFull", 'instance=~"db-.*"', "-a", "ann", "-c", "moving disks", "-d", "2h"
    ).out.strip()
    printed = [
        silence(desk, "query"),
        silence(desk, "query", "-o", "extended", "DiskFull"),
        silence(desk, "query", "severity=critical"),
        silence(desk, "query", "--within", "1h"),
        silence(desk, "query", "--within", "1h", minutes=90),
        silence(desk, "update", made, "-d", "30m", "-c", "nearly done", minutes=10),
        silence(desk, "expire", made, minutes=20),
        silence(desk, "query", minutes=21),
        silence(desk, "query", "--expired", minutes=21),
        silence(desk, "query", "--expired", "--within", "5m", minutes=30),
    ]
    assert_golden("cli/silence.txt", anonymous("".join(each.all for each in printed)))


def test_what_is_exported_is_imported(desk: Shell, tmp_path: Path) -> None:
    silence(desk, "add", "A", "b!=c", 'd!~"e+"', "-a", "ann", "-c", "one", "--end", FAR)
    silence(desk, "add", "severity=info", "-a", "bob", "-c", "two", "--end", FAR)
    exported = silence(desk, "query", "-o", "json").out
    file = tmp_path / "silences.json"
    file.write_text(exported)
    again = silence(desk, "import", str(file))
    elsewhere = ("--state", str(tmp_path / "elsewhere.json"))
    first = silence(desk, "import", str(file), *elsewhere)
    assert sorted(again.out.split()) == sorted(each["id"] for each in json.loads(exported))
    assert len(first.out.split()) == 2
    there = json.loads(silence(desk, "query", "-o", "json", *elsewhere).out)
    matchers = [each["matchers"] for each in json.loads(exported)]
    assert sorted(map(repr, (each["matchers"] for each in there))) == sorted(map(repr, matchers))
    forced = silence(desk, "import", "--force", str(file))
    assert not set(forced.out.split()) & set(again.out.split())


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        pytest.param("add A", 2, "--comment: say why", id="no comment"),
        pytest.param("add A -c x -d 0s", 2, "silence duration must be greater than 0", id="no duration"),
        pytest.param("add A -c x --end yesterday", 2, "--end: expected a time such as", id="no time"),
        pytest.param("add A b -c x", 2, "bad matcher format: 'b'", id="no matcher"),
        pytest.param("add a=~b( -c x", 2, "b(", id="no pattern"),
        pytest.param(
            "add A -c x --end 2020-01-01T00:00:00Z", 2, "silence cannot start after it ends", id="it was over"
        ),
        pytest.param("add a=~.* -c x", 2, "at least one matcher must not match the empty string", id="everything"),
        pytest.param("add A -c x --schedule nights", 2, 'undefined time interval \\"nights\\"', id="no such interval"),
        pytest.param("expire 00000000-0000-4000-8000-000000000009", 1, "there is no silence 0000", id="not there"),
        pytest.param("update 00000000-0000-4000-8000-000000000009 -c x", 1, "was not found", id="nothing to update"),
        pytest.param("expire abc", 2, "must be of type uuid", id="no id"),
    ],
)
def test_what_is_refused(desk: Shell, words: str, status: int, said: str) -> None:
    ran = silence(desk, *words.split(), *([] if words.startswith("expire") or "update" in words else ["-a", "ann"]))
    assert (ran.status, ran.out) == (status, "")
    assert said.replace("\\", "") in ran.err


def test_an_alert_that_is_sent_is_listed(desk: Shell) -> None:
    sent = desk.run(
        "alert", "add", "Backup", "severity=info", "--annotation", "summary=the backup is late", now=ASKED_AT
    )
    assert sent == Ran(0, "", "")
    listed = desk.run("alert", "query", "Backup", now=ASKED_AT)
    assert "the backup is late" in listed.out


def test_an_alert_without_labels_is_none(desk: Shell) -> None:
    for words, said in (
        (["a=~b"], "a=~b: an alert has labels such as severity=critical, not matchers"),
        (["A", "--annotation", "x"], "x: expected an annotation such as summary='the disk is full'"),
        (["A", "--start", "x"], "--start: expected a time such as"),
    ):
        ran = desk.run("alert", "add", *words, now=ASKED_AT)
        assert ran.status == 2
        assert said in ran.err


@needs_amtool
def test_amtool_prints_what_we_print(shell: Shell, world: World) -> None:
    with serving(api_of(world)) as url:

        def amtool(*words: str) -> str:
            ran = subprocess.run(
                [str(AMTOOL), "--alertmanager.url", url, *words], capture_output=True, text=True, check=True
            )
            return ran.stdout

        def ours(*words: str) -> str:
            ran = shell.run(*words, "--url", url, now=ASKED_AT)
            assert ran.status == 0, ran.err
            return ran.out

        made = amtool(
            "silence", "add", "DiskFull", "instance=~db-.*", "-a", "ann", "-c", "theirs", "--end", FAR
        ).strip()
        ours("silence", "add", "Hot", "a!=b", 'c!~"d"', "-a", "bob", "-c", "ours", "--end", "2098-01-01T00:00:00Z")
        for words in ((), ("-q",), ("DiskFull",), ("--created-by", "bob"), ("--within", "1h")):
            assert ours("silence", "query", *words) == amtool("silence", "query", *words)
        assert ours("silence", "query", "-o", "extended") == amtool("silence", "query", "-o", "extended")
        assert ours("silence", "update", made, "-c", "changed") == amtool("silence", "query", "DiskFull")
        assert amtool("silence", "update", made, "-c", "again") == ours("silence", "query", "DiskFull")
        ours("silence", "expire", made)
        assert made not in ours("silence", "query", "-q")
