"""Drills in virtual time: they end well where everything arrives once, and say what is missing or came twice."""

from __future__ import annotations

import argparse
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dev.drill.runs import one_a_group
from dev.receivers import Received, Receivers
from tests.cli.commands import Shell, write_files
from tests.cli.states import ASKED_AT, api_of
from tests.golden import assert_golden
from tests.stories.configurations import configuration, policy, receiver, rule
from tests.stories.world import World
from tocsin.cli.arrivals import judge_firing, judge_resolved
from tocsin.cli.drill import Drill, run_prometheus, run_storm
from tocsin.cli.drill_escalation import arrivals_of, walk, wrong
from tocsin.core.drills import is_drill
from tocsin.core.notifications import from_json
from tocsin.core.policies import EscalationPolicy
from tocsin.core.receivers import Kind
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


class Deaf(World):
    """An installation one of whose integrations never hears of anything: its messages go astray before its function."""

    deaf: Kind

    def _deliver(self, message: Any) -> None:
        if from_json(json.loads(message.text)).integration.kind is not self.deaf:
            super()._deliver(message)


def one_deaf(*policies: EscalationPolicy) -> World:
    both = [receiver(name, Kind.SLACK, Kind.PAGERDUTY) for name in ("team", "boss")]
    world = Deaf(configuration(rule("Other"), receivers=both, policies=policies))
    world.deaf = Kind.PAGERDUTY
    return world


def test_an_integration_that_hears_nothing_is_missed_beside_one_that_hears(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_storm(drill(one_deaf(), minutes=2), storm(alerts=2, groups=1, keep=True)) == 1
    out = capsys.readouterr().out
    assert "MISSING: team/pagerduty/1, group" in out
    assert "has heard of 0 of 2 alerts" in out
    assert "team/slack/0" not in out


def test_a_step_s_integration_that_hears_nothing_is_missed_too(capsys: pytest.CaptureFixture[str]) -> None:
    drilled = drill(one_deaf(policy((1, "boss"))), minutes=2)
    assert walk(drilled, drilled.alert("DrillEscalation", severity="critical")) == 1
    out = capsys.readouterr().out
    assert "MISSING: step 0 has not told team/pagerduty/1" in out
    assert "MISSING: step 1 has not told boss/pagerduty/1" in out
    assert "has not told boss/slack/0" not in out


def test_who_has_heard_of_every_step_is_seen(capsys: pytest.CaptureFixture[str]) -> None:
    both = [receiver(name, Kind.SLACK, Kind.PAGERDUTY) for name in ("team", "boss")]
    drilled = drill(World(configuration(rule("Other"), receivers=both, policies=[policy((1, "boss"))])))
    assert walk(drilled, drilled.alert("DrillEscalation", severity="critical")) == 0
    assert "every step came, once" in capsys.readouterr().out


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
        pytest.param(
            [group(integration(delivery()), integration(integration="team/pagerduty/1", heard_firing=0))],
            "team/pagerduty/1, group g: has heard of 0 of 2",
            "",
            id="one of two integrations was told nothing",
        ),
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


# The escalation

POLICIES = """\
escalation:
  policies:
    - name: quiet
      matchers: ['team=~"night|day"', 'severity!="info"']
      steps: [{after: 1m, receivers: [boss]}]
    - name: shadowed
      matchers: ['team="night"']
      steps: [{receivers: [boss]}]
    - name: loud
      matchers: ['severity="critical"']
      steps:
        - {receivers: [team]}
        - {after: 5m, receivers: [boss], severities: [warning]}
        - {after: 10m, receivers: [boss]}
"""
ALERTMANAGER = """\
route: {receiver: team, group_by: [alertname]}
receivers:
  - name: team
    webhook_configs: [{url_file: FOLDER/team}]
  - name: boss
    webhook_configs: [{url_file: FOLDER/boss}]
"""


HERE = {"TOCSIN_ALLOWED_TARGETS": "127.0.0.0/8"}


@pytest.fixture
def config(tmp_path: Path) -> str:
    files = {"alertmanager.yml": ALERTMANAGER.replace("FOLDER", str(tmp_path)), "tocsin.yml": POLICIES}
    return str(write_files(tmp_path / "config", files))


def test_a_policy_is_walked_in_time_that_only_counts(shell: Shell, config: str) -> None:
    printed = [
        shell.run("drill", "escalation", "--dry-run", now=ASKED_AT),
        shell.run("drill", "escalation", "--dry-run", "--config", config, now=ASKED_AT),
        shell.run("drill", "escalation", "--dry-run", "--config", config, "--policy", "loud", now=ASKED_AT),
    ]
    assert_golden("cli/drill_escalation.txt", "".join(each.all for each in printed))


def test_the_real_channels_are_told_with_seconds_for_minutes(shell: Shell, config: str, receivers: Receivers) -> None:
    write_files(shell.folder, {name: receivers.webhook_url(name) for name in ("team", "boss")})
    words = ("--config", config, "--policy", "loud", "--scale", "600")
    ran = shell.run("drill", "escalation", *words, "--timeout", "30s", env=HERE)
    assert (ran.status, ran.err) == (0, ""), ran.out
    statuses = [(each.target, each.payload["status"]) for each in receivers.received]
    assert sorted(statuses) == [("boss", "firing"), ("boss", "resolved"), ("team", "firing"), ("team", "resolved")]


def test_a_step_that_is_not_taken_is_told_of() -> None:
    incident = {
        "opened_at": "2026-01-01T00:00:00Z",
        "receiver": "team",
        "steps": [{"after_seconds": 0.0}, {"after_seconds": 60.0}, {"after_seconds": 120.0}],
        "events": [
            {"change": "opened", "said": "Opened"},
            {"change": "step taken", "said": "Nobody is on call in x: told b, a instead; Step 1: a, b"},
            {"change": "step skipped", "said": "Step 2 is skipped: it is outside nights"},
        ],
    }
    told = [
        integration(delivery(1), integration="team/slack/0"),
        integration(delivery(1), delivery(1), integration="a/slack/0"),
        integration(delivery(1, state="failed"), integration="a/email/1"),
    ]
    arrivals = arrivals_of(incident, told)
    assert [each.is_done for each in arrivals] == [True, False, True, False]
    assert list(wrong(arrivals)) == [
        "step 1 has not told a/email/1",
        "step 1 has not told b",
        "step 1 told a/slack/0 twice",
        "step 3 was not taken",
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param("--policy lou", "--policy: there is no policy lou; did you mean loud?", id="a typo"),
        pytest.param("--policy shadowed", "policy quiet takes them", id="a policy that gets nothing"),
        pytest.param("--dry-run --url http://127.0.0.1:9", "--dry-run: a deployment's", id="a deployment, dry"),
        pytest.param("--scale 60 --url http://127.0.0.1:9", "--scale: a deployment's", id="a deployment, faster"),
        pytest.param("--scale 0", "invalid number between 1 and 3600 value", id="no scale"),
    ],
)
def test_what_escalation_refuses(shell: Shell, config: str, words: str, said: str) -> None:
    ran = shell.run("drill", "escalation", "--config", config, *words.split(), now=ASKED_AT)
    assert (ran.status, ran.out) == (2, "")
    assert said in ran.err


# What the receivers say of a storm that comes in parts


def message(integration: str, group: str, *firing: str, accepted: bool = True) -> Received:
    alerts = [{"fingerprint": each, "status": "firing"} for each in firing]
    payload = {"status": "firing", "groupKey": group, "alerts": alerts} if integration == "webhook" else {"text": group}
    return Received(integration, "x", payload, ASKED_AT, 200 if accepted else 503, accepted)


WHOLE = [message(each, group, "a", "b") for group in "gh" for each in ("webhook", "slack")]


@pytest.mark.parametrize(
    ("came", "said"),
    [
        pytest.param(WHOLE, "", id="one a group"),
        pytest.param([*WHOLE, message("webhook", "g", "a", "b", "c"), message("slack", "g")], "", id="one came later"),
        pytest.param([message("webhook", "g", "a", "b", accepted=False), *WHOLE], "", id="one was refused at first"),
        pytest.param([*WHOLE, message("webhook", "g", "b", "a")], "g: a message to webhook that tells", id="twice"),
        pytest.param([*WHOLE, message("webhook", "g", "a")], "nothing new", id="a part of it again"),
        pytest.param(WHOLE[:2], "1 groups were told to webhook, 2 are right", id="a group is missing"),
        pytest.param([*WHOLE[:3]], "1 messages to slack, 2 to 4 are right", id="slack misses one"),
        pytest.param([*WHOLE, *[message("slack", "g")] * 3], "5 messages to slack", id="slack has too many"),
    ],
)
def test_a_group_is_told_once_more_only_of_what_is_new(came: list[Received], said: str) -> None:
    wrong = " ".join(one_a_group(came, 2, most=2))
    assert (said in wrong, bool(wrong)) == (True, bool(said))
