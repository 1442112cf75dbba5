"""Bad configuration never stops good alerting (law 11)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.stories.configurations import configuration, rule
from tocsin.adapters.memory import MemoryLog
from tocsin.core.configuration import Configuration
from tocsin.errors import ConfigError, Problem, StoreError
from tocsin.pipeline.configurations import REFRESH_INTERVAL, CurrentConfiguration

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
BROKEN = {"alertmanager.yml": b"broken"}
PROBLEM = "alertmanager.yml:1: unknown receiver"


def files(name: str) -> dict[str, bytes]:
    return {"alertmanager.yml": name.encode()}


def parse(source: Mapping[str, bytes]) -> Configuration:
    """Return a configuration of one rule, which bears the file's text as its name."""
    if source == BROKEN:
        raise ConfigError([Problem("alertmanager.yml", 1, "unknown receiver")])
    text = source["alertmanager.yml"].decode()
    return replace(configuration(rule(text)), digest=text)


@dataclass(slots=True)
class Files:
    """A source; its revision is its content, as S3's ETags are."""

    content: Mapping[str, bytes]
    error: Exception | None = None
    looks: int = 0
    reads: int = 0

    def revision(self) -> str:
        self.looks += 1
        if self.error:
            raise self.error
        return repr(self.content)

    def read(self) -> Mapping[str, bytes]:
        self.reads += 1
        return self.content


@dataclass(slots=True)
class Kept:
    """Snapshots in memory."""

    files: Mapping[str, bytes] | None = None
    digest: str = ""
    writes: int = 0
    error: Exception | None = None

    def load_digest(self) -> str:
        if self.error:
            raise self.error
        return self.digest

    def load_files(self) -> Mapping[str, bytes] | None:
        return self.files

    def save_files(self, files: Mapping[str, bytes], digest: str) -> None:
        self.files, self.digest = files, digest
        self.writes += 1


@dataclass(slots=True)
class Sandbox:
    """One process's current configuration, asked at its own time."""

    source: Files
    kept: Kept = field(default_factory=Kept)
    keeps: bool = True
    log: MemoryLog = field(default_factory=MemoryLog)
    now: datetime = NOW
    current: CurrentConfiguration = field(init=False)

    def __post_init__(self) -> None:
        self.current = CurrentConfiguration(self.source, parse, self.log, snapshots=self.kept, keeps=self.keeps)

    def ask(self, *, after: timedelta = timedelta(0), fresh: bool = False) -> tuple[str, str]:
        """Return the rule in force, and why a newer configuration is not."""
        self.now += after
        loaded = self.current.current(now=self.now, fresh=fresh)
        return loaded.configuration.rules()[0].name, loaded.refused


def test_what_is_valid_is_in_force():
    assert Sandbox(Files(files("A"))).ask() == ("A", "")


def test_it_is_looked_for_at_most_once_a_minute():
    sandbox = Sandbox(Files(files("A")))
    sandbox.ask()
    sandbox.source.content = files("B")
    assert sandbox.ask(after=timedelta(seconds=59)) == ("A", "")
    assert sandbox.source.looks == 1
    assert sandbox.ask(after=timedelta(seconds=1)) == ("B", "")


def test_what_has_not_changed_is_not_read_again():
    sandbox = Sandbox(Files(files("A")))
    for _ in range(5):
        sandbox.ask(after=REFRESH_INTERVAL)
    assert (sandbox.source.looks, sandbox.source.reads) == (5, 1)


def test_whoever_needs_the_newest_gets_it_at_once():
    sandbox = Sandbox(Files(files("A")))
    sandbox.ask()
    sandbox.source.content = files("B")
    assert sandbox.ask(fresh=True) == ("B", "")
    assert sandbox.ask() == ("B", "")


def test_what_is_refused_leaves_what_was_good_and_says_why():
    sandbox = Sandbox(Files(files("A")))
    sandbox.ask()
    sandbox.source.content = BROKEN
    assert sandbox.ask(after=REFRESH_INTERVAL) == ("A", PROBLEM)
    assert sandbox.ask(after=timedelta(seconds=1)) == ("A", PROBLEM)
    assert sandbox.log.events("configuration_refused") == [{"problems": PROBLEM}]


def test_what_is_refused_is_tried_again():
    sandbox = Sandbox(Files(files("A")))
    sandbox.ask()
    sandbox.source.content = BROKEN
    for _ in range(3):
        assert sandbox.ask(after=REFRESH_INTERVAL) == ("A", PROBLEM)
    sandbox.source.content = files("B")
    assert sandbox.ask(after=REFRESH_INTERVAL) == ("B", "")


def test_what_returns_to_what_it_was_is_refused_no_more():
    sandbox = Sandbox(Files(files("A")))
    sandbox.ask()
    sandbox.source.content = BROKEN
    sandbox.ask(after=REFRESH_INTERVAL)
    sandbox.source.content = files("A")
    assert sandbox.ask(after=REFRESH_INTERVAL) == ("A", "")


def test_a_source_out_of_reach_leaves_what_was_good():
    sandbox = Sandbox(Files(files("A")))
    sandbox.ask()
    sandbox.source.error = OSError("no route to host")
    assert sandbox.ask(after=REFRESH_INTERVAL) == ("A", "no route to host")
    sandbox.source.error = None
    assert sandbox.ask(after=REFRESH_INTERVAL) == ("A", "")


def test_what_was_refused_stays_refused_while_the_source_is_out_of_reach():
    sandbox = Sandbox(Files(files("A")))
    sandbox.ask()
    sandbox.source.content = BROKEN
    sandbox.ask(after=REFRESH_INTERVAL)
    sandbox.source.error = OSError("no route to host")
    assert sandbox.ask(after=REFRESH_INTERVAL) == ("A", PROBLEM)
    assert len(sandbox.log.events("configuration_unreachable")) == 1
    sandbox.source.error = None
    sandbox.source.content = files("A")
    assert sandbox.ask(after=REFRESH_INTERVAL) == ("A", "")


def test_a_cold_start_beside_a_broken_one_runs_what_was_last_good():
    kept = Kept()
    Sandbox(Files(files("A")), kept).ask()
    cold = Sandbox(Files(BROKEN), kept)
    assert cold.ask() == ("A", PROBLEM)
    cold.source.content = files("B")
    assert cold.ask(after=REFRESH_INTERVAL) == ("B", "")


def test_a_cold_start_that_finds_nothing_good_says_what_is_wrong():
    sandbox = Sandbox(Files(BROKEN))
    with pytest.raises(ConfigError) as raised:
        sandbox.ask()
    assert str(raised.value) == PROBLEM
    sandbox.source.content = files("A")
    assert sandbox.ask(after=timedelta(seconds=1)) == ("A", ""), "it is asked again at once"


def test_where_what_was_good_is_so_no_more_the_first_reason_is_said():
    with pytest.raises(OSError, match="no bucket"):
        Sandbox(Files({}, error=OSError("no bucket")), Kept(BROKEN, "x")).ask()


def test_what_is_good_is_kept_once():
    kept = Kept()
    for _ in range(3):
        sandbox = Sandbox(Files(files("A")), kept)
        sandbox.ask()
        sandbox.ask(after=REFRESH_INTERVAL)
    assert (kept.files, kept.writes) == (files("A"), 1)
    sandbox.source.content = files("B")
    sandbox.ask(after=REFRESH_INTERVAL)
    assert (kept.files, kept.writes) == (files("B"), 2)


def test_what_is_broken_is_never_kept():
    kept = Kept()
    sandbox = Sandbox(Files(files("A")), kept)
    sandbox.ask()
    sandbox.source.content = BROKEN
    sandbox.ask(after=REFRESH_INTERVAL)
    assert kept.files == files("A")


def test_only_one_function_keeps():
    kept = Kept()
    Sandbox(Files(files("A")), kept, keeps=False).ask()
    assert kept.writes == 0


def test_what_cannot_be_kept_is_in_force_all_the_same():
    sandbox = Sandbox(Files(files("A")), Kept(error=StoreError("the table is busy")))
    assert sandbox.ask() == ("A", "")
    assert len(sandbox.log.events("configuration_not_kept")) == 1
