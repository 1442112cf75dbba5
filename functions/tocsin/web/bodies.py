"""What stands in the body of a request: an object of texts."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ..core.json_text import JsonError, read_json
from ..core.wording import one_line
from .http import Refused


def read_object(body: bytes, known: Collection[str]) -> dict[str, Any]:
    """Return the object that a body is. Raises Refused where it is none, or has a key that is not known."""
    try:
        values = read_json(body)
    except JsonError:
        raise Refused(400, "the body is not JSON") from None
    if not isinstance(values, dict):
        raise Refused(400, "the body is not a JSON object")
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise Refused(400, f"unknown key {unknown[0]!r} in the body: expected {', '.join(known)}")
    return values


def text_of(values: Mapping[str, Any], name: str, length: int) -> str:
    """Return a text on one line, empty where there is none. Raises Refused where it is too long, or no text."""
    value = values.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Refused(400, f"`{name}` is not a text")
    text = one_line(value)
    if len(text) > length:
        raise Refused(400, f"`{name}` is longer than {length} characters")
    return text


def needed(values: Mapping[str, Any], name: str, length: int) -> str:
    """Return a text that must be there. Raises Refused."""
    text = text_of(values, name, length)
    if not text:
        raise Refused(400, f"`{name}` is missing from the body")
    return text
