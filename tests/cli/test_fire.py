"""`tocsin fire`: what is shipped, what is one's own, and what becomes of it once it is sent."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from tests.cli.commands import Shell, write_files
from tests.cli.states import ASKED_AT
from tests.golden import assert_golden
from tocsin.cli.fire import SHIPPED
from tocsin.config.scenarios import read_scenario
from tocsin.core.scenarios import Scenario

OWN = """\
description: The coffee machine is empty
alerts:
  - labels: {alertname: NoCoffee, severity: critical}
    annotations: {summary: No coffee}
"""


def fired(shell: Shell, *words: str, minutes: int = 0) -> list[dict[str, str]]:
    """Return the labels of what fires that long after the drill."""
    listed = shell.run("alert", "query", *words, "-o", "json", now=ASKED_AT + timedelta(minutes=minutes))
    assert listed.status == 0, listed.err
    return [each["labels"] for each in json.loads(listed.out)]


def test_what_is_listed_and_said(shell: Shell) -> None:
    printed = [
        shell.run("fire", now=ASKED_AT),
        shell.run("fire", "database_down", now=ASKED_AT),
        shell.run("fire", "high_error_rate", "cluster=eu", "--for", "5m", now=ASKED_AT),
        shell.run("fire", "high_error_rate", "cluster=eu", "--resolve", now=ASKED_AT),
        shell.run("fire", "disk_full", "--real", now=ASKED_AT),
    ]
    assert_golden("cli/fire.txt", "".join(each.all for each in printed))


def test_what_is_fired_is_marked_and_over_by_itself(shell: Shell) -> None:
    assert shell.run("fire", "database_down", "--for", "5m", now=ASKED_AT).status == 0
    during = fired(shell, minutes=4)
    assert sorted(each["alertname"] for each in during) == ["DatabaseDown", "HighErrorRate", "ReplicationBroken"]
    assert {each["drill"] for each in during} == {"true"}
    assert fired(shell, minutes=6) == []


def test_a_resolve_ends_it_now(shell: Shell) -> None:
    shell.run("fire", "brute_force", "cluster=eu", now=ASKED_AT)
    assert [each["cluster"] for each in fired(shell, minutes=1)] == ["eu"]
    shell.run("fire", "brute_force", "cluster=eu", "--resolve", now=ASKED_AT + timedelta(minutes=2))
    assert fired(shell, minutes=2) == []


def test_for_real_there_is_no_mark(shell: Shell) -> None:
    shell.run("fire", "brute_force", "--real", now=ASKED_AT)
    assert ["drill" in each for each in fired(shell)] == [False]


def test_ones_own_stand_over_what_is_shipped(shell: Shell, tmp_path: Path) -> None:
    folder = write_files(tmp_path / "own", {"no_coffee.yml": OWN, "disk_full.yml": OWN})
    listed = shell.run("fire", "--list", "--scenarios", str(folder)).out
    assert listed.count("The coffee machine is empty") == 2
    shell.run("fire", "disk_full", "--scenarios", str(folder), now=ASKED_AT)
    assert [each["alertname"] for each in fired(shell)] == ["NoCoffee"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param("databasedown", "there is no scenario databasedown: did you mean database_down?", id="a typo"),
        pytest.param("disk_full --for 0s", "--for: expected a duration above zero", id="no time"),
        pytest.param("disk_full --for x", "--for: not a valid duration", id="no duration"),
        pytest.param("disk_full --for 5m --resolve", "--for: what is resolved", id="resolved for some time"),
        pytest.param("disk_full drill=false", "drill: the mark is set by this command", id="the mark by hand"),
        pytest.param("disk_full cluster", "cluster: expected a label such as", id="no label"),
        pytest.param("disk_full --list", "--list: expected no scenario", id="both"),
        pytest.param("x --scenarios /nowhere", "/nowhere: there is no such folder of scenarios", id="no folder"),
    ],
)
def test_what_is_refused(shell: Shell, words: str, said: str) -> None:
    ran = shell.run("fire", *words.split(), now=ASKED_AT)
    assert (ran.status, ran.out) == (2, "")
    assert said in ran.err


def test_every_file_of_ones_own_is_told_with_its_lines(shell: Shell, tmp_path: Path) -> None:
    folder = write_files(
        tmp_path / "own",
        {
            "a.yml": "lasts: 5 minutes\nalerts:\n  - labels: {severity: critical, drill: 'true'}\n",
            "b.yml": "description: x\nalerts:\n  - label: {}\n",
        },
    )
    ran = shell.run("fire", "--list", "--scenarios", str(folder))
    assert (ran.status, ran.out) == (2, "")
    for line in (
        "a.yml:1:1: description is missing",
        "a.yml:1:8: lasts: not a valid duration",
        "a.yml:3:5: alerts[0]: labels: alertname is missing",
        "a.yml:3:41: alerts[0]: labels: drill is set by `tocsin fire`",
        "b.yml:3:5: alerts[0]: unknown key 'label', did you mean 'labels'?",
    ):
        assert line in ran.err, line


# What is shipped

NEEDED = {
    *("critical_api_down", "high_error_rate", "database_down", "security_incident", "sla_violation"),
    *("deployment_failed", "memory_leak", "slow_query", "service_unavailable", "brute_force"),
    *("business_metric_drop", "disk_full", "certificate_expiring", "queue_backlog"),
}


def shipped() -> list[Scenario]:
    return [read_scenario(path.name, path.read_bytes()) for path in sorted(SHIPPED.glob("*"))]


def test_all_that_should_be_shipped_is() -> None:
    assert {each.name for each in shipped()} >= NEEDED


@pytest.mark.parametrize("scenario", shipped(), ids=lambda each: each.name)
def test_a_shipped_scenario_says_all_that_a_message_needs(scenario: Scenario) -> None:
    for part in scenario.parts:
        assert part.labels["severity"] in ("critical", "warning")
        assert part.labels["service"]
        assert all(part.annotations[name] for name in ("summary", "description", "runbook_url"))
        assert ("value" in part.annotations) == ("threshold" in part.annotations)
    labels = [tuple(sorted(part.labels.items())) for part in scenario.parts]
    assert len(set(labels)) == len(labels)
