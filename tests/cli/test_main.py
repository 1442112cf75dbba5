"""The command as such: help, version, the environment it reads, errors in one line, and how fast it starts."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.commands import Shell
from tests.golden import assert_golden
from tocsin import wiring
from tocsin.cli import main as command

ROOT = Path(__file__).parents[2]
COMMANDS = ["", "evaluate", "alert", "alert query", "alert ack", "alert resolve", "check", "check config"]
COMMANDS += ["check rules", "channels", "channels test", "env"]


def run_process(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    code = "import sys; from tocsin.cli.main import main; sys.exit(main())"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "functions"), "COLUMNS": "100", **variables}
    return subprocess.run(
        [sys.executable, "-c", code, *words], env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("words", COMMANDS)
def test_help_is_there_for(shell: Shell, words: str) -> None:
    ran = shell.run(*words.split(), "--help")
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.startswith("usage: ")


WRONG_USAGE = {
    "no command": ([], "the following arguments are required: COMMAND"),
    "an unknown command": (["evaluat"], "invalid choice: 'evaluat'"),
    "an unknown option": (["evaluate", "--fast"], "unrecognized arguments: --fast"),
    "no number": (["evaluate", "--timeout", "soon"], "invalid number of seconds value: 'soon'"),
    "no time at all": (["evaluate", "--timeout", "0"], "invalid number of seconds value: '0'"),
    "no file": (["check", "rules"], "the following arguments are required: FILE"),
    "nothing to acknowledge": (["alert", "ack"], "the following arguments are required: INCIDENT|MATCHER"),
    "an unknown format": (["alert", "query", "-o", "xml"], "invalid choice: 'xml'"),
}


@pytest.mark.parametrize(("words", "error"), WRONG_USAGE.values(), ids=WRONG_USAGE.keys())
def test_wrong_usage_is_refused(shell: Shell, words: list[str], error: str) -> None:
    ran = shell.run(*words)
    assert (ran.status, ran.out) == (2, "")
    assert error in ran.err


def test_help_starts_without_what_commands_need() -> None:
    loaded = (
        run_process("--help").stdout
        and subprocess.run(
            [sys.executable, "-c", "import sys, tocsin.cli.main as m; m.build_parser(); print(*sys.modules)"],
            env={**os.environ, "PYTHONPATH": str(ROOT / "functions")},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
    )
    assert not {"boto3", "botocore", "pydantic", "yaml", "urllib3", "aws_lambda_powertools", "json"} & set(loaded)


def test_the_version_is_the_projects() -> None:
    assert run_process("--version").stdout == "tocsin 0.1.0\n"


def test_the_environment_is_listed_and_no_secret_shown(shell: Shell) -> None:
    ran = shell.run(
        "env",
        TOCSIN_TABLE="tocsin-dev",
        TOCSIN_PROMETHEUS_URL="https://ann:hush@prometheus.example.com/base?token=hush",
        TOCSIN_SECRET_SLACK="arn:aws:secretsmanager:eu-west-1:1:secret:hush",
        TOCSIN_SECRET_MY_TEAM="hush",
        TOCSIN_TEAM_TOKEN="hush",
        TOCSIN_TABEL="typo",
        TOCSIN_STAGE="",
        XDG_STATE_HOME="/var/lib",
    )
    assert ran.status == 0
    assert "hush" not in ran.out
    assert_golden("cli/env.txt", ran.out)


def test_every_variable_that_the_code_reads_is_listed() -> None:
    """A name in capitals that wiring asks its settings for is one of VARIABLES."""
    listed = {each.name for each in wiring.VARIABLES}
    asked = set()
    for path in (ROOT / "functions/tocsin").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
                asked |= {a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)}
    assert {name for name in asked if name.startswith(("TOCSIN_", "POWERTOOLS_"))} <= listed


def test_a_mistake_of_ours_is_one_line_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.say(ZeroDivisionError("division by zero")) == 1
    assert capsys.readouterr().err == (
        "tocsin: ZeroDivisionError: division by zero (this is a mistake in Tocsin: please report it)\n"
    )


def test_a_reader_that_has_gone_is_no_error() -> None:
    code = "import sys; from tocsin.cli.main import main; sys.exit(main(['env']))"
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT / "functions")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    error = process.stderr.read()
    process.stderr.close()
    process.wait()
    assert error == b""
