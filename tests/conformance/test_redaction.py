"""Nothing of the reference data is taken for a credential: no label, annotation, expression or text of 8,000."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml

from tests.conformance.cases import data_folder
from tocsin.core.redaction import Redaction


def conformance_texts() -> list[tuple[str, str]]:
    """Return every label, annotation and other text of the reference data, with its name; no whole configuration."""
    found: list[tuple[str, str]] = []

    def walk(value: Any, name: str = "") -> None:
        if isinstance(value, str):
            if not re.search(r"^\s*(global|receivers|route):", value, re.MULTILINE):
                found.append((name, value))
        elif isinstance(value, dict):
            for key, each in value.items():
                walk(each, str(key))
        elif isinstance(value, list):
            for each in value:
                walk(each)

    for path in sorted(data_folder().rglob("*")):
        if path.suffix == ".json":
            walk(json.loads(path.read_text(encoding="utf-8")))
        elif path.suffix in (".yml", ".yaml"):
            walk(yaml.safe_load(path.read_text(encoding="utf-8")))
    return found


@pytest.mark.skipif(not data_folder().is_dir(), reason="the reference data is not here")
def test_nothing_of_the_reference_data_is_taken_for_a_credential() -> None:
    texts = conformance_texts()
    assert len(texts) > 5000
    assert [text for name, text in texts if Redaction().named(name, text) != text] == []
