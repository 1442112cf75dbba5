"""`tocsin config routes`: the same text and exit status as amtool's."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.commands import Shell

AMTOOL = shutil.which("amtool")
needs_amtool = pytest.mark.skipif(AMTOOL is None, reason="amtool is not on PATH")

CONFIG = """
route:
  receiver: default
  group_by: [alertname]
  routes:
    - matchers: [severity="critical", team=~"a|b"]
      receiver: pager
      group_by: [cluster, alertname]
      continue: true
      routes:
        - match: {service: db}
          receiver: dba
        - match_re: {service: "web|api"}
    - match_re: {service: "web|api"}
      receiver: web
    - receiver: with space
      matchers: ['foo!="x y"', 'bar!~"[0-9]+"']
    - receiver: all
      continue: true
receivers: [{name: default}, {name: pager}, {name: dba}, {name: web}, {name: with space}, {name: all}]
"""
SHALLOW = "route: {receiver: only}\nreceivers: [{name: only}]\n"

TESTS = [
    "",
    "severity=critical team=a service=db",
    "severity=critical team=a service=web",
    "severity=critical team=c",
    "service=web",
    'service="web"',
    "service=webs",
    "bar=1",
    "service=web service=db",
    "--tree severity=critical team=b service=db",
    "--tree",
    "--tree bar=1 foo=y",
    "--verify.receivers=web service=web",
    "--verify.receivers=web,dba service=web",
    "--verify.receivers=dba,with severity=critical team=a service=db",
    "severity",
    "service=~web",
]


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "alertmanager.yml"
    path.write_text(CONFIG)
    return str(path)


def amtool(*words: str) -> tuple[int, str]:
    assert AMTOOL is not None
    ran = subprocess.run([AMTOOL, "config", "routes", *words], capture_output=True, text=True, check=False, timeout=30)
    return ran.returncode, ran.stdout


@needs_amtool
@pytest.mark.parametrize("words", TESTS)
def test_routes_are_tested_as_amtool_does(shell: Shell, file: str, words: str) -> None:
    ran = shell.run("config", "routes", "test", f"--config.file={file}", *words.split())
    assert (ran.status, ran.out) == amtool("test", f"--config.file={file}", *words.split())


@needs_amtool
@pytest.mark.parametrize("text", [CONFIG, SHALLOW], ids=["deep", "shallow"])
def test_routes_are_shown_as_amtool_does(shell: Shell, file: str, text: str) -> None:
    Path(file).write_text(text)
    expected = amtool("show", f"--config.file={file}")
    for words in (["show", f"--config.file={file}"], [f"--config.file={file}"], [f"--config.file={file}", "show"]):
        ran = shell.run("config", "routes", *words)
        assert (ran.status, ran.out) == expected


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param("--verify.receivers=with,dba a=b", "", id="what was expected is others"),
        pytest.param(
            "--verify.receivers-grouping=pager=[cluster,alertname] severity=critical team=a service=x",
            'WARNING: found unexpected receiver "with space" with grouping [alertname]\n',
            id="one more",
        ),
        pytest.param(
            "--verify.receivers-grouping=pager=[cluster],all severity=critical team=a service=x",
            'WARNING: expected receiver "pager" with grouping [cluster] not found\n',
            id="grouped otherwise",
        ),
    ],
)
def test_a_disagreement_is_status_1(shell: Shell, file: str, words: str, said: str) -> None:
    ran = shell.run("config", "routes", "test", f"--config.file={file}", *words.split())
    assert ran.status == 1
    assert ran.out.endswith(said)


@pytest.mark.parametrize(
    "words",
    [
        "--verify.receivers=all,pager severity=critical team=a bar=1",
        "--verify.receivers-grouping=all=[alertname],pager=[alertname,cluster] severity=critical team=a bar=1",
        "--verify.receivers-grouping=all,pager=[...] severity=critical team=a bar=1",
    ],
)
def test_the_order_of_what_is_expected_does_not_matter(shell: Shell, file: str, words: str) -> None:
    ran = shell.run("config", "routes", "test", f"--config.file={file}", *words.split())
    assert (ran.status, ran.out) == (0, "pager,all\n")


def test_a_folder_is_asked_too(shell: Shell) -> None:
    ran = shell.run("config", "routes", "test", "alertname=x")
    assert (ran.status, ran.out) == (0, "default\n")


def test_a_broken_file_is_named(shell: Shell, file: str) -> None:
    Path(file).write_text("route: {receiver: nobody}\nreceivers: [{name: only}]\n")
    ran = shell.run("config", "routes", f"--config.file={file}")
    assert ran.status == 2
    assert "FOLDER/alertmanager.yml:1" in ran.err
