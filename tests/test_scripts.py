"""The set-up scripts on machines that lack something: each ends with a message that says what to do.

A machine is a folder of programs: links to this one's plain tools, and small stand-ins that record their calls.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[1] / "scripts"
PLAIN_TOOLS = ("sh", "dirname", "env", "cat")


class Machine:
    """A PATH of our own, with a record of what was called on it."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.record = folder / "calls"
        self.record.touch()
        for name in PLAIN_TOOLS:
            (self.bin / name).symlink_to(shutil.which(name) or pytest.fail(f"this machine has no {name}"))

    def add(self, name: str, body: str = "") -> Path:
        program = self.bin / name
        program.write_text(f'#!/bin/sh\necho "{name} $*" >>"{self.record}"\n{body}\n', encoding="utf-8")
        program.chmod(0o755)
        return program

    def run(self, script: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": str(self.bin), "HOME": str(self.bin), **variables}
        command = [str(SCRIPTS / script), *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    def calls(self) -> list[str]:
        return self.record.read_text(encoding="utf-8").splitlines()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


class TestPython:
    def test_the_named_interpreter_comes_first(self, machine: Machine) -> None:
        machine.add("python3", "exit 1")
        assert machine.run("python", PYTHON=sys.executable).stdout.strip() == sys.executable

    def test_an_interpreter_that_is_too_old_is_passed_over_for_a_newer_one(self, machine: Machine) -> None:
        machine.add("python3", "exit 1")
        machine.add("python3.12", "echo newer")
        assert machine.run("python").stdout == "newer\n"

    def test_without_one_the_message_says_what_is_needed_and_what_is_there(self, machine: Machine) -> None:
        machine.add("python3", '[ "$1" = --version ] && echo "Python 3.9.2"')
        ran = machine.run("python")
        assert ran.returncode == 1
        assert "needs Python 3.11 or later" in ran.stderr
        assert "Python 3.9.2" in ran.stderr

    def test_lambdas_version_is_found_under_pyenv_where_the_shim_refuses(
        self, machine: Machine, tmp_path: Path
    ) -> None:
        machine.add("python3.13", "exit 127")
        installed = tmp_path / "pyenv/versions/3.13.5/bin"
        installed.mkdir(parents=True)
        machine.add("real", "echo found").rename(installed / "python3.13")
        assert machine.run("python", "3.13", PYENV_ROOT=str(tmp_path / "pyenv")).stdout == "found\n"

    def test_without_lambdas_version_the_message_says_how_to_get_it(self, machine: Machine) -> None:
        ran = machine.run("python", "3.13")
        assert ran.returncode == 1
        assert "Install python3.13" in ran.stderr


class TestPrometheus:
    def test_the_one_that_is_named_comes_first(self, machine: Machine, tmp_path: Path) -> None:
        machine.add("prometheus")
        named = tmp_path / "prometheus"
        os.link(machine.bin / "prometheus", named)
        assert machine.run("prometheus", PROMETHEUS_BIN=str(named)).stdout.strip() == str(named)

    def test_promtool_is_the_one_beside_it(self, machine: Machine, tmp_path: Path) -> None:
        machine.add("promtool")
        named, beside = tmp_path / "prometheus", tmp_path / "promtool"
        for path in (named, beside):
            os.link(machine.bin / "promtool", path)
        assert machine.run("prometheus", "promtool", PROMETHEUS_BIN=str(named)).stdout.strip() == str(beside)

    def test_a_name_that_is_no_program_is_an_error(self, machine: Machine) -> None:
        ran = machine.run("prometheus", PROMETHEUS_BIN="/no/such/prometheus")
        assert ran.returncode == 1
        assert "PROMETHEUS_BIN is /no/such/prometheus" in ran.stderr

    def test_the_one_on_path_is_taken_and_nothing_is_installed(self, machine: Machine) -> None:
        program = machine.add("prometheus")
        machine.add("apt-get", "exit 1")
        assert machine.run("prometheus").stdout.strip() == str(program)
        assert machine.calls() == []

    def test_apt_installs_it_with_its_service_forbidden_meanwhile(self, machine: Machine, tmp_path: Path) -> None:
        policy = tmp_path / "policy-rc.d"
        for name in ("chmod", "rm", "tee", "ln"):
            (machine.bin / name).symlink_to(shutil.which(name) or pytest.fail(f"this machine has no {name}"))
        machine.add("id", "echo 0")
        machine.add("systemctl")
        allowed = f'[ "$1" = update ] || [ -x "{policy}" ] || exit 1'
        install = f'[ "$1" = update ] || ln -s "$0" "{machine.bin}/prometheus"'
        machine.add("apt-get", f"{allowed}\n{install}")
        ran = machine.run("prometheus", POLICY_RC_D=str(policy))
        assert ran.returncode == 0, ran.stderr
        assert ran.stdout.strip() == str(machine.bin / "prometheus")
        assert [call for call in machine.calls() if not call.startswith("id ")] == [
            "apt-get update -qq",
            "apt-get install -y -qq -o Dpkg::Use-Pty=0 --no-install-recommends prometheus",
            "systemctl disable prometheus",
        ]
        assert not policy.exists()

    @pytest.mark.parametrize(
        ("user", "programs"),
        [
            ("0", {}),
            ("1000", {"apt-get": "", "sudo": "exit 1"}),
            ("0", {"apt-get": "exit 100", "tee": "", "chmod": "", "rm": ""}),
        ],
        ids=["there is no package manager", "the user is not root and sudo asks", "the package manager fails"],
    )
    def test_where_it_cannot_be_installed_the_message_says_how_because(
        self, machine: Machine, tmp_path: Path, user: str, programs: dict[str, str]
    ) -> None:
        machine.add("id", f"echo {user}")
        for name, body in programs.items():
            machine.add(name, body)
        ran = machine.run("prometheus", POLICY_RC_D=str(tmp_path / "policy-rc.d"))
        assert ran.returncode == 1
        assert ran.stdout == ""
        assert "Prometheus could not be installed here." in ran.stderr
        assert "make demo PROMETHEUS_BIN=/path/to/prometheus" in ran.stderr
