"""The project's own laws: where imports point, what dependencies may be, what documents may name, what CI runs.

Every check is a function over a folder or a text (tests/project/). Here each runs on the project, and on a small
violating tree, so that a check that can no longer fail is noticed.
"""

import argparse
import importlib
import os
import subprocess
from collections.abc import Callable
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.project import architecture, dependencies, documents

ROOT = Path(__file__).parents[1]
FUNCTIONS = ROOT / "functions"
LOCKS = (
    "functions/requirements.txt",
    "requirements/dev.txt",
    "requirements/lambda-runtime.txt",
    "requirements/lock.txt",
    "requirements/fuzz.txt",
    "requirements/audit.txt",
)
CI_COMMANDS = ("make check", "make test", "make demo")


def installed_packages() -> set[str]:
    """Return the top-level names of everything installed but ourselves."""
    return {name for name, owners in packages_distributions().items() if set(owners) != {"tocsin"}}


def command_line() -> argparse.ArgumentParser | None:
    """Return the parser of the `tocsin` command."""
    if not (FUNCTIONS / "tocsin/cli/main.py").exists():
        return None
    parser = importlib.import_module("tocsin.cli.main").build_parser()
    assert isinstance(parser, argparse.ArgumentParser)
    return parser


def tracked_files() -> list[str]:
    """Return the names of the files in version control, and of those about to be."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return listed.stdout.splitlines()


def write_tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


class TestTheProjectKeepsItsLaws:
    def test_imports_point_inwards(self) -> None:
        assert architecture.outward_imports(FUNCTIONS) == []

    def test_only_the_wiring_reads_the_environment(self) -> None:
        assert architecture.environment_reads(FUNCTIONS) == []

    def test_time_is_an_argument(self) -> None:
        assert architecture.clock_reads(FUNCTIONS) == []

    def test_nothing_is_patched(self) -> None:
        assert architecture.patches(ROOT) == []

    def test_no_folder_of_functions_shadows_a_package(self) -> None:
        assert architecture.shadowing_names(FUNCTIONS, installed_packages()) == []

    @pytest.mark.parametrize("path", [FUNCTIONS / "requirements.in", *sorted((ROOT / "requirements").glob("*.in"))])
    def test_each_dependency_has_its_reason(self, path: Path) -> None:
        assert dependencies.reasonless(path.read_text(encoding="utf-8")) == []

    @pytest.mark.parametrize("lock", LOCKS)
    def test_each_lock_is_pinned_hashed_and_free_of_places(self, lock: str) -> None:
        text = (ROOT / lock).read_text(encoding="utf-8")
        assert dependencies.pins(text)
        assert dependencies.lock_faults(text) == []

    @pytest.mark.parametrize("lock", LOCKS)
    def test_each_lock_holds_all_that_its_source_asks_for(self, lock: str) -> None:
        source = (ROOT / lock).with_suffix(".in").read_text(encoding="utf-8")
        assert dependencies.unlocked(source, (ROOT / lock).read_text(encoding="utf-8")) == []

    def test_what_is_tested_is_what_is_deployed(self) -> None:
        tested = (lock for lock in LOCKS if lock != "requirements/audit.txt")  # which runs nothing of ours
        texts = {lock: (ROOT / lock).read_text(encoding="utf-8") for lock in tested}
        assert dependencies.disagreements(texts) == []

    def test_tracked_files_hold_no_trace_of_a_machine(self) -> None:
        assert dependencies.machine_traces(ROOT, tracked_files()) == []

    def test_documents_name_only_what_exists(self) -> None:
        project = documents.read_project(ROOT, command_line())
        assert [fault for path in documents.documents(ROOT) for fault in documents.faults(path, project)] == []

    def test_ci_runs_the_commands_that_the_readme_names(self) -> None:
        script = (ROOT / ".ci/run").read_text(encoding="utf-8")
        readme = ROOT / "README.md"
        for command in CI_COMMANDS:
            assert f"run {command}\n" in script
            assert not readme.exists() or f"{command}\n" in readme.read_text(encoding="utf-8").replace("`", "\n")


CORE = "tocsin/core/rules.py"

VIOLATIONS: dict[str, tuple[Callable[[Path], list[str]], dict[str, str], str]] = {
    "the core imports a library": (
        architecture.outward_imports,
        {CORE: "import yaml\n"},
        "tocsin/core/rules.py:1: core imports the library yaml",
    ),
    "the core imports an adapter from inside a function": (
        architecture.outward_imports,
        {CORE: "def f():\n    from tocsin.adapters.sns import Topic\n"},
        "tocsin/core/rules.py:2: core imports tocsin.adapters.sns",
    ),
    "the core imports the wiring by a relative name": (
        architecture.outward_imports,
        {CORE: "from .. import wiring\n"},
        "tocsin/core/rules.py:1: core imports tocsin.wiring",
    ),
    "the pipeline imports an adapter": (
        architecture.outward_imports,
        {"tocsin/pipeline/evaluate.py": "import tocsin.adapters.dynamodb\n"},
        "tocsin/pipeline/evaluate.py:1: pipeline imports tocsin.adapters.dynamodb",
    ),
    "an adapter imports the pipeline": (
        architecture.outward_imports,
        {"tocsin/adapters/sns.py": "import boto3\nfrom ..pipeline import dispatch\n"},
        "tocsin/adapters/sns.py:2: adapters imports tocsin.pipeline",
    ),
    "a handler builds its own client": (
        architecture.outward_imports,
        {"evaluate/handler.py": "import boto3\n"},
        "evaluate/handler.py:1: handler imports the library boto3",
    ),
    "a handler imports another": (
        architecture.outward_imports,
        {"evaluate/handler.py": "import dispatch.handler\n", "dispatch/handler.py": ""},
        "evaluate/handler.py:1: one handler imports another: dispatch.handler",
    ),
    "a module stands in no layer": (
        architecture.outward_imports,
        {"tocsin/utils.py": "import json\n"},
        "tocsin/utils.py: no layer is called utils: " + ", ".join(architecture.LAYERS),
    ),
    "the package's own __init__ reaches inwards": (
        architecture.outward_imports,
        {"tocsin/__init__.py": "import boto3\n"},
        "tocsin/__init__.py:1: tocsin imports the library boto3",
    ),
    "an adapter reads the environment": (
        architecture.environment_reads,
        {"tocsin/adapters/sns.py": "import os\nTOPIC = os.environ['TOPIC']\n"},
        "tocsin/adapters/sns.py:2: only wiring.py reads the environment",
    ),
    "the command line reads it under another name": (
        architecture.environment_reads,
        {"tocsin/cli/main.py": "from os import environ\n"},
        "tocsin/cli/main.py:1: only wiring.py reads the environment",
    ),
    "the core reads a clock": (
        architecture.clock_reads,
        {CORE: "import datetime\nNOW = datetime.datetime.now(datetime.UTC)\n"},
        "tocsin/core/rules.py:2: time is an argument, no clock is read here",
    ),
    "the pipeline sleeps": (
        architecture.clock_reads,
        {"tocsin/pipeline/evaluate.py": "import time\ntime.sleep(1)\n"},
        "tocsin/pipeline/evaluate.py:2: time is an argument, no clock is read here",
    ),
    "a test patches": (
        architecture.patches,
        {"tests/test_x.py": "from unittest import mock\nmock." + "patch('x')\n"},
        "tests/test_x.py:2: no mock." + "patch: hand in a fake from adapters/memory.py",
    ),
    "a test imports patch": (
        architecture.patches,
        {"tests/test_x.py": "from unittest.mock import patch\n"},
        "tests/test_x.py:1: no mock." + "patch: hand in a fake from adapters/memory.py",
    ),
    "a function's folder is called email": (
        lambda root: architecture.shadowing_names(root, {"requests"}),
        {"email/handler.py": ""},
        "email: the name is taken by the standard library or an installed package",
    ),
    "a function's folder is called like an installed package": (
        lambda root: architecture.shadowing_names(root, {"requests"}),
        {"requests/handler.py": ""},
        "requests: the name is taken by the standard library or an installed package",
    ),
    "a file names a registry's host": (
        lambda root: dependencies.machine_traces(root, ["notes.md"]),
        {"notes.md": "fine\nhttps://" + "pypi." + "org/simple\n"},
        "notes.md:2: the host of a package registry",
    ),
    "a file names a path of one machine": (
        lambda root: dependencies.machine_traces(root, ["notes.md"]),
        {"notes.md": "run /" + "root/.pyenv/bin/python\n"},
        "notes.md:1: a path of one machine",
    ),
}


@pytest.mark.parametrize(("check", "files", "violation"), VIOLATIONS.values(), ids=VIOLATIONS.keys())
def test_a_check_notices_that(
    tmp_path: Path, check: Callable[[Path], list[str]], files: dict[str, str], violation: str
) -> None:
    assert check(write_tree(tmp_path, files)) == [violation]


def test_what_is_allowed_passes(tmp_path: Path) -> None:
    files = {
        CORE: "import re\nfrom datetime import datetime\nfrom . import labels\nfrom tocsin.core import alerts\n",
        "tocsin/wiring.py": "import os\nimport boto3\nfrom tocsin import config\nfrom tocsin.adapters import sns\n"
        "REGION = os.environ['AWS_REGION']\n",
        "tocsin/adapters/sns.py": "import boto3\nfrom ..core import alerts\nimport time\nprint(time.time())\n",
        "evaluate/handler.py": "from tocsin import wiring\nfrom tocsin.pipeline import evaluate\n",
    }
    root = write_tree(tmp_path, files)
    for check in (architecture.outward_imports, architecture.environment_reads, architecture.clock_reads):
        assert check(root) == []


HASH = "--hash=sha256:" + "0" * 64
LOCK_FAULTS = {
    "a requirement has no hash": ("rich==15.0.0\n    # via tocsin\n", ["no hash: rich"]),
    "only the second has one": (f"rich==15.0.0\nattrs==26.1.0 \\\n    {HASH}\n", ["no hash: rich"]),
    "a version is a range": (f"rich>=15 \\\n    {HASH}\n", ["not pinned with ==: rich>=15 \\"]),
    "an index is named": (
        f"--index-url x\nrich==15 \\\n    {HASH}\n",
        ["--index in a lock file", "not pinned with ==: --index-url x"],
    ),
    "a requirement is an address": (f"rich==1 ; extra == 'http://x' {HASH}\n", [":// in a lock file"]),
    "all is well": (f"# a comment\nrich[jupyter]==15.0.0 ; sys_platform == 'linux' \\\n    {HASH}\n    # via x\n", []),
}


@pytest.mark.parametrize(("text", "expected"), LOCK_FAULTS.values(), ids=LOCK_FAULTS.keys())
def test_a_lock_is_refused_when(text: str, expected: list[str]) -> None:
    assert dependencies.lock_faults(text) == expected


def test_a_dependency_without_a_reason_is_noticed() -> None:
    text = "# a heading\nrich  # the timeline\nattrs\nruff  #\n"
    assert dependencies.reasonless(text) == ["attrs", "ruff  #"]


def test_a_dependency_that_is_not_in_the_lock_is_noticed() -> None:
    source = "# a heading\n-r other.in  # more\nRich>=15  # the timeline\nattrs[x]  # values\n"
    assert dependencies.unlocked(source, f"rich==15.0.0 \\\n    {HASH}\n") == ["attrs"]


def test_locks_that_disagree_are_noticed() -> None:
    locks = {"a.txt": "rich==15.0.0 \\\nattrs==1 \\\n", "b.txt": "rich==14.2.0 \\\n"}
    assert dependencies.disagreements(locks) == ["rich: ['15.0.0'] in a.txt, ['14.2.0'] in b.txt"]


@pytest.fixture
def small_project(tmp_path: Path) -> documents.Project:
    write_tree(
        tmp_path,
        {
            "Makefile": "X := 1\ndemo: setup ## Show\n\tpython\nsetup:\n",
            "functions/tocsin/wiring.py": "TABLE = 'TOCSIN_TABLE'\n",
            "scripts/prometheus": "echo $PROMETHEUS_BIN\n",
        },
    )
    parser = argparse.ArgumentParser("tocsin")
    parser.add_argument("-o", "--output")
    commands = parser.add_subparsers()
    commands.add_parser("evaluate").add_argument("--dry-run", action="store_true")
    alert = commands.add_parser("alert").add_subparsers()
    for name in ("query", "ack"):
        alert.add_parser(name).add_argument("matcher", nargs="*")
    return documents.read_project(tmp_path, parser)


DOCUMENTS = {
    "it names no make target of ours": ("Run `make dmeo`.", ["no make target: dmeo"]),
    "a fenced block does": ("```sh\n$ FOO=1 make -j2 STAGE=prod deploy\n```", ["no make target: deploy"]),
    "its command does not exist": ("`tocsin alerts query`", ["no such command: tocsin alerts"]),
    "its subcommand does not exist": ("`tocsin alert query|close`", ["no such command: tocsin alert close"]),
    "its option does not exist": (
        "```\ntocsin evaluate --dry-run --fast | cat --not-ours\n```",
        ["no such command: tocsin evaluate --fast"],
    ),
    "its path does not exist": ("See `functions/tocsin/core`.", ["no such path: functions/tocsin/core"]),
    "its link leads nowhere": ("[rules](docs/rules.md#top)", ["no such path: docs/rules.md"]),
    "nothing reads its variable": ("Set `TOCSIN_TABEL=x`.", ["nothing reads the variable TOCSIN_TABEL"]),
    "everything exists": (
        "`make demo`, `tocsin -o json alert query a=b`, `tocsin evaluate [--dry-run]`, `functions/tocsin/*.py`, "
        "`TOCSIN_TABLE`, `PROMETHEUS_BIN`, `${TOCSIN_*}`, `rules/alerting.go`, [x](https://example.org/docs/x.md), "
        "make sure that prose is left alone.\n",
        [],
    ),
}


@pytest.mark.parametrize(("text", "expected"), DOCUMENTS.values(), ids=DOCUMENTS.keys())
def test_a_document_is_wrong_when(small_project: documents.Project, text: str, expected: list[str]) -> None:
    document = small_project.root / "README.md"
    document.write_text(text, encoding="utf-8")
    assert documents.documents(small_project.root) == [document]
    assert documents.faults(document, small_project) == [f"README.md: {fault}" for fault in expected]


def write_program(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("failing", "reached"),
    [(None, 3), ("check", 1), ("test", 2), ("demo", 3)],
    ids=["nothing fails", "the check fails", "a test fails", "the demo fails"],
)
def test_ci_stops_at_the_first_command_that_fails_and_says_so(
    tmp_path: Path, failing: str | None, reached: int
) -> None:
    write_program(tmp_path / "make", f'#!/bin/sh\n[ "$1" != "{failing}" ]\n')
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    ran = subprocess.run([ROOT / ".ci/run"], env=environment, capture_output=True, text=True, check=False)
    assert (ran.returncode == 0) == (failing is None)
    printed = [line for line in ran.stdout.splitlines() if line.startswith("== make")]
    assert printed == [f"== {command}" for command in CI_COMMANDS[:reached]]
