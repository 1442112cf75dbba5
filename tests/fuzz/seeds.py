"""Real inputs to begin with: what is shipped, the events in events/, and the reference data where it is there.

CONFORMANCE_DATA names the folder of the reference data; it is read at run time and is no part of this repository.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "functions" / "config"
REFERENCE = Path(os.environ.get("CONFORMANCE_DATA") or ROOT.parent / "shared" / "conformance")
# Enough of each kind: what a mutation starts from is chosen again and again.
MOST = 400


@cache
def cases(file: str) -> list[dict[str, Any]]:
    """Return the cases of one file of the reference data; none where it is not there."""
    path = REFERENCE / file
    return list(json.loads(path.read_text(encoding="utf-8"))["cases"]) if path.is_file() else []


def texts_of(file: str, *keys: str) -> Iterator[bytes]:
    """Yield what the cases of a file hold under keys, texts as they are and other values as JSON."""
    for case in cases(file):
        for key in keys:
            if key in case:
                value = case[key]
                yield value.encode() if isinstance(value, str) else as_json(value)


def files(folder: Path, *patterns: str) -> Iterator[bytes]:
    """Yield the files of a folder."""
    for pattern in patterns:
        for path in sorted(folder.glob(pattern)):
            yield path.read_bytes()


def events(*patterns: str) -> Iterator[bytes]:
    return files(ROOT / "events", *patterns)


def rule_files() -> Iterator[bytes]:
    """Yield rule files: small ones first, then some of the public ones."""
    yield from texts_of("rule_files.json", "yaml")
    yield from (content for content in files(REFERENCE / "rules", "*/*.yml") if len(content) < 6_000)


def chosen(*sources: Iterable[bytes]) -> list[bytes]:
    """Return what sources have, each once, evenly chosen where there is too much of it."""
    found = list(dict.fromkeys(each for source in sources for each in source))
    step = max(1, -(-len(found) // MOST))
    return found[::step]


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()
