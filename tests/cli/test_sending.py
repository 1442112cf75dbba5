"""What a run does after its evaluation, beside a process that dies in the middle of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.stories.configurations import configuration, rule
from tests.stories.world import START, Died, World
from tocsin.adapters import local_state
from tocsin.adapters.memory import MemoryLog
from tocsin.cli.sending import Office
from tocsin.core.notifications import Notification
from tocsin.core.receivers import Kind
from tocsin.errors import DeliveryError, FailureReason
from tocsin.pipeline import evaluate
from tocsin.ports import LoadedConfiguration, Sender

MINUTE = timedelta(minutes=1)
CONFIGURATION = configuration(rule("Down"), rule("Slow"))
AT_ONCE = LoadedConfiguration(
    replace(CONFIGURATION, root=replace(CONFIGURATION.root, group_wait=timedelta(0), group_interval=5 * MINUTE))
)


class Cron:
    """Runs against one state file; each sends through the given function."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._world = World(CONFIGURATION)
        self._world.metric_goes_bad("Down")
        self._world.metric_goes_bad("Slow")
        self.sent: list[str] = []

    def run(self, minute: int, before: Callable[[Notification], None] = lambda notification: None) -> Office:
        now = START + minute * MINUTE

        def send(notification: Notification, *, now: datetime) -> str:
            before(notification)
            self.sent.append(notification.alerts[0].name)
            return "ok"

        def sender_of(kind: Kind) -> Sender:
            return send

        with local_state.opened(self._path, now=now) as store:
            world = replace(self._world.evaluator(), rules=store, groups=store)
            evaluate.run(world, AT_ONCE, now=now)
            store.save(now=now)
            office = Office(AT_ONCE, store, sender_of, MemoryLog())
            office.settle(now=now)
            store.save(now=now)
        return office


def test_who_dies_while_sending_tells_it_later_and_the_others_once(tmp_path: Path) -> None:
    cron = Cron(tmp_path / "state.json")

    def die(notification: Notification) -> None:
        if cron.sent:
            raise Died

    with pytest.raises(Died):
        cron.run(0, die)
    assert len(cron.sent) == 1
    state = json.loads((tmp_path / "state.json").read_text())
    assert [claim["id"] != "" for _, claim in state["claims"]].count(True) == 1
    for minute in range(1, 10):
        cron.run(minute)
    assert sorted(cron.sent) == ["Down", "Slow"]


FAILURES = {
    "it refuses for good": DeliveryError("no", reason=FailureReason.AUTH, retryable=False),
    "it may work later": DeliveryError("no", reason=FailureReason.SERVER_ERROR, retryable=True),
    "nobody expected it": ZeroDivisionError("no"),
}


@pytest.mark.parametrize("error", FAILURES.values(), ids=FAILURES.keys())
def test_one_channels_failure_is_not_anothers_and_is_told_later_when(tmp_path: Path, error: Exception) -> None:
    cron = Cron(tmp_path / "state.json")

    def fail(notification: Notification) -> None:
        if notification.alerts[0].name == "Down":
            raise error

    office = cron.run(0, fail)
    assert cron.sent == ["Slow"]
    assert sorted(bool(each.failure) for each in office.told) == [False, True]
    for minute in range(1, 10):
        cron.run(minute)
    assert cron.sent == ["Slow", "Down"]
