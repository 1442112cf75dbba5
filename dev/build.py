"""The artifacts that run here: `sam build` for this machine's processor, and a runtime like Lambda's to run them in.

Each build has a folder of its own, named by a hash of what went into it: nothing is built twice, and no artifact
changes beneath a function that runs. The runtime is a virtual environment with what Lambda's image has and no more
(awslambdaric and boto3), so that an import which only the development environment can satisfy fails here too.

    python -m dev.build
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dev import expand

PROJECT = Path(__file__).resolve().parent.parent
BUILDS = PROJECT / ".aws-sam" / "local"
RUNTIME = PROJECT / ".venv-lambda"
RUNTIME_LOCK = PROJECT / "requirements" / "lambda-runtime.txt"
PYTHON = "3.13"
# Lambda's runtimes from 3.12 on have a C library that is new enough for the wheels we use; for lower ones sam refuses
# to build, so there the artifact is put together with pip alone.
OTHER_PYTHONS = ("3.12",)
# A build that runs must stay, and so must the one that another process made a moment ago.
KEPT_BUILDS = 4


class BuildError(Exception):
    """A build or a runtime could not be made; the message is the tool's."""


@dataclass(frozen=True, slots=True)
class Artifacts:
    """The folder of each function's built code by logical id, and the interpreter that runs them."""

    code: Mapping[str, Path]
    python: Path


def build(template: Path = PROJECT / "template.yaml") -> Artifacts:
    """Build the template's functions for this machine unless this very source is built already."""
    python = interpreter()
    key = _fingerprint(template, python)
    folder = BUILDS / key
    BUILDS.mkdir(parents=True, exist_ok=True)
    with _lock(BUILDS / "lock"):
        if not (folder / "template.yaml").exists():
            make = _sam_build if _version(python) in (PYTHON, *OTHER_PYTHONS) else _pip_build
            with tempfile.TemporaryDirectory(dir=BUILDS, prefix="building-") as scratch:
                fresh = Path(scratch) / "build"
                make(template, fresh, python)
                _run([PROJECT / "scripts" / "compile", fresh], "compiling failed", {"PYTHON": str(python)})
                _share_equal_artifacts(template, fresh)
                fresh.rename(folder)
            _remove_old_builds(keep=folder)
        folder.touch()
        runtime = _runtime(python)
    return Artifacts(_code(folder / "template.yaml"), runtime)


def runtime() -> Path:
    """Return the interpreter of the runtime environment, made if it is missing or outdated."""
    BUILDS.mkdir(parents=True, exist_ok=True)
    with _lock(BUILDS / "lock"):
        return _runtime(interpreter())


def interpreter() -> Path:
    """Return Lambda's version of Python on this machine, or the next lower, or else the one that runs this."""
    for version in (PYTHON, *OTHER_PYTHONS):
        found = subprocess.run([PROJECT / "scripts" / "python", version], capture_output=True, text=True, check=False)
        if found.returncode == 0:
            return Path(found.stdout.strip())
    return Path(sys.executable).resolve()


def unbuilt(template: Path) -> Mapping[str, Path]:
    """Return each function's CodeUri as it is, for a template whose functions need no dependencies."""
    return _code(template)


def functions(source: expand.Template) -> dict[str, dict[str, Any]]:
    """Return the properties of each function of a SAM template by logical id."""
    return {
        logical_id: resource.get("Properties", {})
        for logical_id, resource in source["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }


def architecture() -> str:
    return "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64"


def parameters(template: Path, python: Path | None = None) -> dict[str, str]:
    """Return the parameters that make a template fit this machine, of those that it has."""
    version = _version(python or interpreter())
    wanted = {"Architecture": architecture(), "PythonRuntime": f"python{version}"}
    declared = expand.read(template).get("Parameters", {})
    return {
        name: value
        for name, value in wanted.items()
        if name in declared and value in declared[name].get("AllowedValues", [value])
    }


def _version(python: Path) -> str:
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def _sam_build(template: Path, folder: Path, python: Path) -> None:
    """Run `sam build`, as for a deployment but for this machine's processor."""
    sam = Path(sys.executable).parent / "sam"
    overrides = [f"{name}={value}" for name, value in parameters(template, python).items()]
    command: list[str | Path] = [sam, "build", "--template-file", template, "--build-dir", folder]
    # Dependencies that are installed already are not installed again when only our sources changed.
    command += ["--cached", "--cache-dir", BUILDS / "cache"]
    if overrides:
        command += ["--parameter-overrides", " ".join(overrides)]
    with _on_path(python) as path:
        environment = {"PATH": f"{path}:{os.environ.get('PATH', '')}", "SAM_CLI_TELEMETRY": "0"}
        # sam asks botocore for a region even where it calls nothing.
        environment["AWS_DEFAULT_REGION"] = os.environ.get("AWS_DEFAULT_REGION", expand.REGION)
        _run(command, "sam build failed", environment)


def _pip_build(template: Path, folder: Path, python: Path) -> None:
    """Do what `sam build` does to a Python function, with the interpreter that runs this."""
    source = expand.read(template)
    built: dict[Path, str] = {}
    for logical_id, code in _code(template).items():
        if code not in built:
            built[code] = logical_id
            shutil.copytree(code, folder / logical_id, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
            _install(code / "requirements.txt", folder / logical_id)
        else:
            (folder / logical_id).mkdir()
        functions(source)[logical_id]["CodeUri"] = logical_id
    (folder / "template.yaml").write_text(json.dumps(source), encoding="utf-8")


def _install(requirements: Path, folder: Path) -> None:
    if requirements.exists():
        command = [sys.executable, "-m", "pip", "install", "-qq", "--no-deps", "--disable-pip-version-check"]
        _run(
            [*command, "--target", folder, "-r", requirements], "pip could not install the functions' dependencies", {}
        )


def _run(command: Sequence[str | Path], failure: str, environment: Mapping[str, str]) -> None:
    everything = {**os.environ, **environment}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=everything, cwd=PROJECT)
    if done.returncode != 0:
        raise BuildError(f"{failure}:\n{done.stderr.strip()}\n{done.stdout.strip()}")


def _share_equal_artifacts(template: Path, folder: Path) -> None:
    """Keep one copy of what was built from one source; sam copies it for every function."""
    first: dict[Path, str] = {}
    for logical_id, source in _code(template).items():
        owner = first.setdefault(source, logical_id)
        if owner != logical_id:
            shutil.rmtree(folder / logical_id)
            (folder / logical_id).symlink_to(owner)


@contextlib.contextmanager
def _on_path(python: Path) -> Iterator[Path]:
    """Give a folder in which this interpreter bears the name that sam looks for, and nothing else is."""
    with tempfile.TemporaryDirectory(prefix="python-") as folder:
        version = _version(python)
        for name in (f"python{version}", "python3", "python"):
            (Path(folder) / name).symlink_to(python)
        yield Path(folder)


def _runtime(python: Path) -> Path:
    executable = RUNTIME / "bin" / "python"
    stamp = RUNTIME / ".made-from"
    wanted = f"{_version(python)} {hashlib.sha256(RUNTIME_LOCK.read_bytes()).hexdigest()}"
    if stamp.exists() and stamp.read_text() == wanted and executable.exists():
        return executable
    shutil.rmtree(RUNTIME, ignore_errors=True)
    command = [PROJECT / "scripts" / "venv", RUNTIME, RUNTIME_LOCK]
    _run(command, "the runtime environment could not be made", {"PYTHON": str(python)})
    stamp.write_text(wanted)
    return executable


def _code(template: Path) -> Mapping[str, Path]:
    source = expand.read(template)
    default = source.get("Globals", {}).get("Function", {}).get("CodeUri", ".")
    return {
        logical_id: (template.parent / properties.get("CodeUri", default)).resolve()
        for logical_id, properties in functions(source).items()
    }


def _fingerprint(template: Path, python: Path) -> str:
    """Hash all that a build depends on: the sources, the template, the interpreter, the tool."""
    digest = hashlib.sha256(f"{_version(python)} {architecture()}".encode())
    sources = {template, *(file for folder in set(_code(template).values()) for file in _files(folder))}
    for file in sorted(sources):
        digest.update(f"{file.relative_to(template.parent)}\0".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _files(folder: Path) -> Iterator[Path]:
    for file in folder.rglob("*"):
        if file.is_file() and "__pycache__" not in file.parts and not file.name.endswith(".pyc"):
            yield file


def _remove_old_builds(keep: Path) -> None:
    builds = sorted((f for f in BUILDS.iterdir() if (f / "template.yaml").exists()), key=lambda f: -f.stat().st_mtime)
    for old in builds[KEPT_BUILDS:]:
        if old != keep:
            shutil.rmtree(old, ignore_errors=True)


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    """One build at a time, whichever process asks."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def main() -> int:
    """Build, and print where."""
    try:
        artifacts = build()
    except (BuildError, expand.TemplateError) as error:
        print(error, file=sys.stderr)
        return 1
    for logical_id, folder in sorted(artifacts.code.items()):
        print(f"{logical_id:24} {folder}")
    print(f"{'runtime':24} {artifacts.python}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
