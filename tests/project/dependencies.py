"""The laws about dependencies and tracked files, as functions over text: each returns what breaks it.

Few dependencies, each with its reason beside it; locks that any machine can install and nobody can swap; nothing of
the machine that wrote a file inside it.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

# Written with brackets, so that this file does not name what it forbids.
_HOST = re.compile(
    r"pypi[.]org|python[h]osted|registry[.]npmjs|deb[.]debian|debian[.]org/debian|proxy[.]golang|crates[.]io|repo1?[.]maven"
)
_MACHINE_PATH = re.compile(r"(?<![\w.}])/(?:work|root|home/[a-z]+|Users/[A-Za-z]+|tmp|farm)/")
_PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(?P<version>[^\s;\\]+)")
_FORBIDDEN_IN_LOCK = ("://", "--index", "--extra-index", "--find-links", "--trusted-host", "file:", " @ ")


def reasonless(text: str) -> list[str]:
    """Return the requirements of an .in file that do not say why they are there."""
    lines = [line.strip() for line in text.splitlines()]
    return [line for line in lines if line and not line.startswith("#") and not re.search(r"\s# ?\w", line)]


def lock_faults(text: str) -> list[str]:
    """Return what makes a lock file unsafe or particular to one machine."""
    faults = [f"{word.strip()} in a lock file" for word in _FORBIDDEN_IN_LOCK if word in text]
    for block in re.split(r"\n(?=\S)", text):
        if block.startswith("#") or not block.strip():
            continue
        pin = _PIN.match(block)
        if not pin:
            faults.append(f"not pinned with ==: {block.splitlines()[0]}")
        elif not re.search(r"--hash=sha256:[0-9a-f]{64}", block):
            faults.append(f"no hash: {pin['name']}")
    return faults


def pins(text: str) -> dict[str, set[str]]:
    """Return the versions that a lock file pins for each package; markers may allow several."""
    found: dict[str, set[str]] = {}
    for line in text.splitlines():
        if pin := _PIN.match(line):
            found.setdefault(pin["name"].lower(), set()).add(pin["version"])
    return found


def unlocked(source: str, lock: str) -> list[str]:
    """Return the packages that an .in file asks for and its lock does not hold: `make lock` was forgotten."""
    asked = re.findall(r"^([A-Za-z0-9][\w.-]*)", source, re.MULTILINE)
    locked = pins(lock)
    return [name for name in asked if name.lower() not in locked]


def disagreements(locks: Mapping[str, str]) -> list[str]:
    """Return the packages that two lock files pin differently: what is tested is what is deployed."""
    seen: dict[str, tuple[str, set[str]]] = {}
    found = []
    for lock, text in locks.items():
        for name, versions in pins(text).items():
            first, others = seen.setdefault(name, (lock, versions))
            if versions != others:
                found.append(f"{name}: {sorted(others)} in {first}, {sorted(versions)} in {lock}")
    return found


def machine_traces(root: Path, files: Iterable[str]) -> list[str]:
    """Return the lines of tracked text files that name a package registry's host or a path of one machine."""
    found = []
    for name in files:
        path = root / name
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
            continue  # pictures, and what is deleted but not yet committed
        for number, line in enumerate(lines, start=1):
            if _HOST.search(line):
                found.append(f"{name}:{number}: the host of a package registry")
            if _MACHINE_PATH.search(line):
                found.append(f"{name}:{number}: a path of one machine")
    return found
