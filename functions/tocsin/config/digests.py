"""Digests: short names of what configuration says, the same in every process that reads the same files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import timedelta
from typing import Any


def digest_of_source(source: Mapping[str, bytes], used: Mapping[str, str]) -> str:
    """Return the digest of files and of the variables that were put into them."""
    digest = hashlib.sha256()
    for name in sorted(source):
        digest.update(f"file {name} {len(source[name])}\n".encode() + source[name])
    for name in sorted(used):
        digest.update(f"\nvariable {name} {used[name]!r}".encode())
    return digest.hexdigest()


def digest_of_value(value: Any) -> str:
    """Return the digest of core values."""
    return hashlib.sha256(json.dumps(_canonical(value), sort_keys=True).encode()).hexdigest()


def _canonical(value: Any) -> Any:
    if is_dataclass(value):
        return {each.name: _canonical(getattr(value, each.name)) for each in fields(value) if each.compare}
    if isinstance(value, Mapping):
        return {str(key): _canonical(each) for key, each in value.items()}
    if isinstance(value, (frozenset, set)):
        return sorted(value)
    if isinstance(value, (list, tuple)):
        return [_canonical(each) for each in value]
    return value / timedelta(milliseconds=1) if isinstance(value, timedelta) else value
