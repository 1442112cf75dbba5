"""Where the conformance data is, and its cases by kind.

The data stays outside this repository: CONFORMANCE_DATA names its folder, else it is looked for beside the checkout.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

_BESIDE = Path(__file__).resolve().parents[2] / ".." / "shared" / "conformance"


def data_folder() -> Path:
    """Return the folder of the data; it may not be there."""
    return Path(os.environ.get("CONFORMANCE_DATA") or _BESIDE)


def load_cases(file: str) -> list[dict[str, Any]]:
    """Return the cases of one file; without the data, the module that asks is skipped and says why."""
    path = data_folder() / file
    if not path.is_file():
        pytest.skip(f"no conformance data: {file} is not in CONFORMANCE_DATA={data_folder()}", allow_module_level=True)
    return list(json.loads(path.read_text(encoding="utf-8"))["cases"])


def of_kind(cases: list[dict[str, Any]], kind: str) -> list[Any]:
    """Return the cases of a kind as parameters, named by their ids."""
    return [pytest.param(case, id=case["id"]) for case in cases if case["kind"] == kind]
