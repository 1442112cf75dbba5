"""Drills in virtual time: they end well where everything arrives once, and say what is missing or came twice."""

from __future__ import annotations

import argparse
import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.cli.commands import Shell
from tests.cli.states import ASKED_AT, api_of
from tests.stories.configurations import configuration, receiver, rule
from tests.stories.world import World
from tocsin.cli.arrivals import judge_firing, judge_resolved
from tocsin.cli.drill import Drill, run_prometheus, run_storm
from tocsin.core.drills import is_drill
from tocsin.errors import TocsinError
from tocsin.web.api import answer, trusted
from tocsin.web.http import Request


class Deployed:
    """The API over a world, and its time: whoever waits lets the world go on. It refuses the first few requests."""

    def __init__(self, world: World, refuses: int = 0) -> None:
        self.world = world
        self.refuses = refuses

    def ask(self, method: str, path: tuple[str, ...], query: Any, body: Any) -> tuple[int, Any]:
        if method == "POST" and self.refuses:
            self.refuses -= 1
            return 503, {"message": "try again"}
        content = b"" if body is None else json.dumps(body).encode()
        response = answer(api_of(self.world), trusted(Request(method, path, query, content)), now=self.world.now)
        return response.status, response.value

    def now(self) -> datetime:
        return self.world.now

    def wait(self, seconds: float) -> None:
        self.world.advance(seconds=seconds)


@pytest.fixture
def world() -> World:
    return World(configuration(rule("Other"), receivers=[receiver("boss")]))


def drill(world: World, *, refuses: int = 0, minutes: float = 5) -> Drill:
    deployed = Deployed(world, refuses)
    return Drill(deployed, "run-1", {"team": "x"}, deployed, timedelta(minutes=minutes))


def storm(**options: Any) -> argparse.Namespace:
    return argparse.Namespace(
        **{"alerts": 300, "seconds": 10, "groups": 7, "severity": "warning", "keep": False, **options}
    )


def test_a_storm_arrives_once_and_is_over(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_storm(drill(world), storm()) == 0
    out = capsys.readouterr().out
    assert "firing: everything arrived, once" in out
    assert "resolved: everything arrived, once" in out
    assert all(is_drill(page.notification) for page in world.pages)


def test_whoever_refuses_for_a_moment_is_sent_it_again(world: World) -> None:
    assert run_storm(drill(world, refuses=3), storm()) == 0


def test_whoever_refuses_for_good_is_told_of(world: World) -> None:
    with pytest.raises(TocsinError, match="try again"):
        run_storm(drill(world, refuses=10**6), storm())


def test_a_storm_that_nobody_hears_of_fails(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.receiver_fails("team", retryable=True)
    assert run_storm(drill(world, minutes=2), storm(keep=True)) == 1
    assert "MISSING" in capsys.readouterr().out


def test_what_prometheus_and_alertmanager_repeat_is_told_once(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_prometheus(drill(world)) == 0
    out = capsys.readouterr().out
    assert out.count("everything arrived, once") == 2
    told = [page for page in world.pages if page.notification.status == "firing"]
    assert len(told) == len({page.notification.group for page in told}) == 2


# Judging


def integration(*deliveries: dict[str, Any], **more: Any) -> dict[str, Any]:
    base = {"integration": "team/slack/0", "send_resolved": True, "heard_firing": 2, "heard_resolved": 0}
    return {**base, "deliveries": list(deliveries), **more}


def delivery(firing: int = 2, **more: Any) -> dict[str, Any]:
    base = {"state": "delivered", "status": "firing", "reason": "first notification", "at": "2026-01-01T00:00:00Z"}
    return {**base, "firing": firing, "resolved": 0, "outcome": "ok", **more}


def group(*integrations: dict[str, Any]) -> dict[str, Any]:
    return {"group": "g", "receiver": "team", "alerts": ["a", "b"], "integrations": list(integrations)}


ALERTS = {"a": "alert a", "b": "alert b"}
AGAIN = "was told twice of the same 2 alerts"


@pytest.mark.parametrize(
    ("groups", "late", "wrong"),
    [
        pytest.param([group(integration(delivery()))], "", "", id="all is well"),
        pytest.param([group(integration(delivery(1), delivery(2)))], "", "", id="more of them came later"),
        pytest.param([], "2 of 2 alerts are in no group: alert a, alert b", "", id="nothing came in"),
        pytest.param([group()], "told to nobody yet", "", id="nobody was told"),
        pytest.param([group(integration(delivery(1), heard_firing=1))], "heard of 1 of 2", "", id="of one only"),
        pytest.param([group(integration(delivery(), delivery()))], "", AGAIN, id="the same twice"),
        pytest.param([group(integration(delivery(), delivery(reason="incident changed")))], "", "", id="an update"),
        pytest.param([group(integration(delivery(), delivery(reason="repeat interval elapsed")))], "", "", id="repeat"),
        pytest.param([group(integration(delivery(), delivery(1, resolved=1)))], "", "", id="one of them is over"),
        pytest.param(
            [group(integration(delivery(), delivery(state="failed", outcome="no", at="2026-01-02T00:00:00Z")))],
            "team/slack/0, group g: no",
            "",
            id="a failure at last",
        ),
        pytest.param([group(integration(delivery(0, state="failed", at="2025"), delivery()))], "", "", id="at first"),
    ],
)
def test_what_fires_is_judged(groups: list[dict[str, Any]], late: str, wrong: str) -> None:
    found = judge_firing(groups, ALERTS)
    assert (late in "".join(found.late), bool(found.late)) == (True, bool(late))
    assert (wrong in "".join(found.wrong), bool(found.wrong)) == (True, bool(wrong))


END = delivery(0, status="resolved", resolved=2)


@pytest.mark.parametrize(
    ("told", "late", "wrong"),
    [
        pytest.param(integration(delivery(), END, heard_resolved=2), False, False, id="all is well"),
        pytest.param(integration(delivery()), True, False, id="not yet"),
        pytest.param(integration(delivery(), send_resolved=False), False, False, id="who hears of no ends"),
        pytest.param(integration(delivery(), END, END, heard_resolved=2), False, True, id="twice"),
    ],
)
def test_the_end_is_judged(told: dict[str, Any], late: bool, wrong: bool) -> None:
    found = judge_resolved([group(told)])
    assert (bool(found.late), bool(found.wrong)) == (late, wrong)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param("storm --alerts 0", "invalid whole number above zero value: '0'", id="no alerts"),
        pytest.param("storm --timeout x", "--timeout: not a valid duration", id="no duration"),
        pytest.param("storm --timeout 0s", "--timeout: expected a duration above zero", id="no time"),
        pytest.param("prometheus drill=no", "drill: this label is the drill's own", id="its own label"),
    ],
)
def test_what_is_refused(shell: Shell, words: str, said: str) -> None:
    ran = shell.run("drill", *words.split(), now=ASKED_AT)
    assert (ran.status, ran.out) == (2, "")
    assert said in ran.err
