"""`tocsin backtest` on a real Prometheus that has a day of the past, and on endpoints that fail."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest

from dev.prometheus import Prometheus
from tests.adapters.endpoint import Answered, endpoint
from tests.cli.commands import Shell, write_files
from tests.cli.what_if import FILES, RULES
from tests.golden import assert_golden
from tests.prometheus import holding

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = 24 * 60
NOW = START + timedelta(days=2)


def stretches(*parts: tuple[int, float]) -> list[float]:
    return [value for count, value in parts for _ in range(count)]


SERIES = {
    # Down for half an hour at three in the morning, and for a minute (too short for `for: 2m`) at noon.
    'up{instance="a"}': stretches((180, 1), (30, 0), (510, 1), (1, 0), (719, 1)),
    # Hot together with that (inhibited), and flapping in the evening: five minutes hot, ten minutes not.
    'temperature{instance="a"}': stretches((185, 20), (20, 90), (995, 20), *[(5, 90), (10, 20)] * 12, (60, 20)),
}


@pytest.fixture(scope="module")
def prometheus() -> Iterator[Prometheus]:
    with holding(SERIES, start=START) as running:
        yield running


@pytest.fixture
def config(tmp_path: Path) -> str:
    return str(write_files(tmp_path / "config", FILES))


@pytest.fixture
def other(tmp_path: Path) -> str:
    """A longer `for`, which ends the flapping, and a shorter one, which lets the minute at noon through."""
    changed = RULES.replace("for: 2m", "for: 0s").replace(
        "expr: temperature > 80", "expr: temperature > 80\n        for: 6m"
    )
    return str(write_files(tmp_path / "other", {**FILES, "rules/ours.yml": changed}))


RANGE = ("--from", "2026-01-01", "--to", "2026-01-02", "--warm-up", "0s")


class _Checker(HTMLParser):
    """Fails on anything that is loaded from elsewhere, and on tags that don't match."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in ("script", "link", "img", "iframe"), tag
        assert not {name for name, _ in attrs} & {"src", "href"}
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.prometheus
def test_a_day(shell: Shell, prometheus: Prometheus, config: str, tmp_path: Path) -> None:
    ran = shell.run(
        "backtest", *RANGE, "--config", config, "--prometheus", prometheus.url, "--time-zone", "Europe/Berlin",
        "--json", str(tmp_path / "day.json"), "--html", str(tmp_path / "day.html"), now=NOW,
    )  # fmt: skip
    assert_golden("cli/backtest.txt", ran.all)
    assert_golden("cli/backtest.json", (tmp_path / "day.json").read_text().replace(str(tmp_path), "FOLDER"))
    text = (tmp_path / "day.html").read_text().replace(str(tmp_path), "FOLDER")
    assert_golden("cli/backtest.html", text)
    checker = _Checker()
    checker.feed(text)
    assert checker.open == []
    assert "Flapping" in checker.text


@pytest.mark.prometheus
def test_two_configurations(shell: Shell, prometheus: Prometheus, config: str, other: str, tmp_path: Path) -> None:
    ran = shell.run(
        "backtest", *RANGE, "--config", config, "--against", other, "--prometheus", prometheus.url,
        "--html", str(tmp_path / "both.html"), "--json", str(tmp_path / "both.json"), now=NOW,
    )  # fmt: skip
    assert_golden("cli/backtest_against.txt", ran.all)
    difference = json.loads((tmp_path / "both.json").read_text())["difference"]
    assert {each["alerts"][0] for each in difference["only_a"]} == {"Hot"}
    assert {each["alerts"][0] for each in difference["only_b"]} == {"Down"}
    checker = _Checker()
    checker.feed((tmp_path / "both.html").read_text())
    assert checker.open == []


@pytest.mark.prometheus
def test_chunks_come_to_the_same(shell: Shell, prometheus: Prometheus, config: str, tmp_path: Path) -> None:
    """Ten seconds a step are 8,640 points and one chunk; five are two."""
    pages = []
    for step in ("10s", "5s"):
        ran = shell.run(
            "backtest", *RANGE, "--step", step, "--config", config, "--prometheus", prometheus.url,
            "--rule", "Down", "--json", str(tmp_path / "it.json"), now=NOW,
        )  # fmt: skip
        assert ran.status == 0
        told = json.loads((tmp_path / "it.json").read_text())["configurations"][0]["pages"]
        pages.append([(each["receiver"], each["status"], each["reason"], each["at"][:16]) for each in told])
    assert pages[0] == pages[1]
    assert pages[0]


def test_a_failed_query_is_no_empty_result(shell: Shell, config: str) -> None:
    with endpoint() as broken:
        broken.answer = lambda asked: Answered(422, b'{"status":"error","errorType":"execution","error":"boom"}')
        words = ("backtest", *RANGE, "--config", config, "--prometheus", broken.url)
        stopped = shell.run(*words, now=NOW)
        went_on = shell.run(*words, "--keep-going", now=NOW)
    assert (stopped.status, stopped.out) == (1, "")
    said = re.sub(r":\d{5}", ":PORT", stopped.err)
    assert said == (
        "tocsin: Down: no data for 2026-01-01T00:00:00Z to 2026-01-01T23:59:00Z: HTTP 422: execution: boom "
        "(http://127.0.0.1:PORT/…); add --keep-going to go on without it\n"
    )
    assert went_on.status == 1
    assert "WARNING: Hot: no data for" in went_on.err
    assert went_on.out.startswith("2026-01-01T00:00:00Z to 2026-01-02T00:00:00Z")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(["--from", "1d"], "no Prometheus to ask", id="no address"),
        pytest.param(
            ["--from", "1d", "--prometheus", "x"], "the address of Prometheus is not a URL", id="a bad address"
        ),
        pytest.param(["--from", "now"], "--from: 2026-01-03T00:00:00Z is not before", id="nothing between"),
        pytest.param(["--from", "1d", "--night", "7"], "--night: expected two hours such as 22-7", id="night"),
        pytest.param(["--from", "1d", "--step", "10ms"], "--step: 10ms is too short", id="step"),
        pytest.param(
            ["--from", "1d", "--rule", "Dwon"], "--rule: there is no rule Dwon; did you mean Down?", id="rule"
        ),
    ],
)
def test_wrong_usage(shell: Shell, config: str, words: list[str], said: str) -> None:
    ran = shell.run("backtest", *words, "--config", config, now=NOW)
    assert (ran.status, ran.out) == (2, "")
    assert said in ran.err
