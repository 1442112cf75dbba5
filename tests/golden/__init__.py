"""Golden files: what we say to people and receivers, byte for byte. `make golden` rewrites them; read the diff."""

from __future__ import annotations

import difflib
import json
import os
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


def assert_golden(name: str, text: str) -> None:
    """Fail with a diff unless the golden file of this name holds this text; with GOLDEN=1 write it instead."""
    path = FOLDER / name
    if os.environ.get("GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return
    expected = path.read_text(encoding="utf-8") if path.exists() else ""
    if text != expected:
        lines = difflib.unified_diff(expected.splitlines(), text.splitlines(), f"golden/{name}", "now", lineterm="")
        raise AssertionError("\n".join(["not as golden (if it is meant to be: make golden)", *lines]))


def assert_golden_json(name: str, value: Any) -> None:
    """Compare JSON values, laid out for a reader."""
    assert_golden(name, json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n")
