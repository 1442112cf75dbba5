"""The watchdog on the whole stack: rule, group, topic, function, and somebody outside who hears that it arrived."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from dev.stack import Stack, StackOptions
from tests.adapters.endpoint import Answered, Endpoint, endpoint, vector

pytestmark = [pytest.mark.runtime, pytest.mark.stack]

PATIENCE_SECONDS = 60.0
ALERTMANAGER = """
route: {receiver: nobody, group_wait: 1h}
receivers: [{name: nobody}]
"""
TOCSIN = """
heartbeat:
  tick: {{url: '{url}/tick', method: POST}}
  delivery: {{url: '{url}/delivery', method: POST}}
"""


@dataclass(frozen=True)
class Watched:
    """A running stack, and what somebody outside hears of it."""

    stack: Stack
    outside: Endpoint

    def heard(self, path: str) -> int:
        return [asked.path for asked in list(self.outside.asked)].count(path)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder: Path = tmp_path_factory.mktemp("config")
    with endpoint() as outside, endpoint() as prometheus:
        outside.answer = lambda asked: Answered(body=b"OK")
        prometheus.answer = lambda asked: vector()
        (folder / "alertmanager.yml").write_text(ALERTMANAGER, encoding="utf-8")
        (folder / "tocsin.yml").write_text(TOCSIN.format(url=outside.url), encoding="utf-8")
        options = StackOptions(
            parameters={"PrometheusUrl": prometheus.url, "Watchdog": "enabled"},
            environment={"TOCSIN_ALLOW_INLINE_SECRETS": "true"},
            config_dir=folder,
            tick_seconds=0,
        )
        with Stack(options) as stack:
            stack.tick()
            yield Watched(stack, outside)


def eventually(is_so: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.1)
    return is_so()


def test_the_watchdog_arrives_outside(watched: Watched) -> None:
    assert eventually(lambda: watched.heard("/delivery") > 0)


def test_its_arrival_is_counted(watched: Watched) -> None:
    log = watched.stack.logs_dir / "NotifyWebhookFunction.log"
    assert eventually(lambda: log.exists() and "WatchdogDelivered" in log.read_text(encoding="utf-8"))


def test_a_completed_tick_is_told(watched: Watched) -> None:
    before = watched.heard("/tick")
    watched.stack.tick()
    assert eventually(lambda: watched.heard("/tick") > before)


def test_it_is_told_once_however_often_there_is_a_tick(watched: Watched) -> None:
    assert eventually(lambda: watched.heard("/delivery") > 0)
    ticks = watched.heard("/tick")
    watched.stack.tick()
    assert eventually(lambda: watched.heard("/tick") > ticks)
    assert watched.heard("/delivery") == 1
