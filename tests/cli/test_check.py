"""`tocsin check`: what is found, every problem with its place, and promtool's word on PromQL."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.commands import Shell, write_files
from tests.golden import assert_golden

needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not on PATH")

ALERTMANAGER = """
route:
  receiver: team
  routes:
    - {matchers: ['severity="critical"'], receiver: silent}
receivers:
  - name: team
    slack_configs: [{api_url_file: "secret:slack#team"}]
  - name: silent
  - name: unused
    email_configs: [{to: ops@example.com, from: a@example.com}]
"""
RULES = """
groups:
  - name: ours
    rules:
      - {alert: Down, expr: up == 0}
      - {record: "job:up:sum", expr: sum by (job) (up)}
"""
THREE_MISTAKES = """
groups:
  - name: ours
    rules:
      - alert: Down
        expr: up == 0
        for: 5 minutes
      - alert: Slow
        exprs: latency > 1
      - alert: Full
        expr: disk > 1
        annotations: {summary: "{{ $labels.instance "}
"""


@needs_promtool
def test_the_shipped_configuration_is_fine(shell: Shell) -> None:
    ran = shell.run("check", "config", TOCSIN_SECRET_SLACK="s", TOCSIN_SECRET_PAGERDUTY="p")
    assert (ran.status, ran.err) == (0, "")
    assert_golden("cli/check_shipped.txt", ran.out)


@needs_promtool
def test_a_folder_with_oddities_is_fine_but_warned_of(shell: Shell, tmp_path: Path) -> None:
    folder = write_files(tmp_path / "odd", {"alertmanager.yml": ALERTMANAGER, "rules/ours.yml": RULES})
    assert_golden("cli/check_odd.txt", shell.run("check", "config", str(folder)).all)


def test_every_problem_of_every_file_is_told_with_its_place(shell: Shell, tmp_path: Path) -> None:
    files = {
        "alertmanager.yml": ALERTMANAGER.replace("receiver: silent", "receiver: sillent"),
        "rules/ours.yml": THREE_MISTAKES,
        "tocsin.yml": "cooldown: soon\n",
    }
    ran = shell.run("check", "config", str(write_files(tmp_path / "wrong", files)))
    assert_golden("cli/check_wrong.txt", ran.all)


@needs_promtool
def test_promql_that_only_promtool_refuses_is_told_of_rules_and_thresholds(shell: Shell, tmp_path: Path) -> None:
    files = {
        "alertmanager.yml": ALERTMANAGER,
        "rules/ours.yml": RULES.replace("up == 0", "sum(up) by by (job)"),
        "tocsin.yml": "rules: [{name: load, expr: rate(load), threshold: 1}]\n",
    }
    ran = shell.run("check", "config", str(write_files(tmp_path / "promql", files)), TOCSIN_SECRET_SLACK="s")
    assert ran.status == 1
    assert_golden("cli/check_promql.txt", ran.all)


@needs_promtool
def test_rule_files_are_checked_one_by_one(shell: Shell, tmp_path: Path) -> None:
    write_files(tmp_path, {"good.yml": RULES, "bad.yml": THREE_MISTAKES, "empty.yml": ""})
    names = [str(tmp_path / name) for name in ("good.yml", "bad.yml", "nowhere.yml")]
    assert_golden("cli/check_rules.txt", shell.run("check", "rules", *names).all)
    assert shell.run("check", "rules", names[0]).status == 0


def test_a_folder_that_is_not_there(shell: Shell) -> None:
    ran = shell.run("check", "config", f"{shell.folder}/nowhere")
    assert (ran.status, ran.out) == (2, "")
    assert ran.err == "tocsin: FOLDER/nowhere: there is no such folder of configuration files\n"
