"""JSON that others send, read with limits: nothing in it may cost more than its length.

Rules:
- It is UTF-8; what is not, and half a surrogate pair, reads as U+FFFD, as in Go: a broken byte in an annotation is no
  reason to lose a page.
- An object that names a key twice is refused: which of the two counts would be the reader's whim.
- NaN and Infinity are no JSON. Numbers, depth, and how many values there may be are bounded.

Source: https://www.rfc-editor.org/rfc/rfc8259, https://pkg.go.dev/encoding/json
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NoReturn

DEPTH = 32
NUMBER_LENGTH = 40
# Of a body of 4 MiB: 2,000 alerts hold 6,000 lists and objects, and braces stand in texts too.
CONTAINERS, VALUES = 100_000, 500_000


class JsonError(ValueError):
    """A text is no JSON, or not within the limits."""


def read_json(text: str | bytes, *, is_strict: bool = True, depth: int = DEPTH) -> Any:
    """Return the value. Raises JsonError; with `is_strict` false, line breaks may stand in texts as they are."""
    text = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    if text.count("[") + text.count("{") > CONTAINERS or text.count(",") > VALUES:
        raise JsonError("it holds too many values")
    try:
        value = json.loads(
            text,
            strict=is_strict,
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_number,
            parse_constant=_no_constant,
        )
    except JsonError:
        raise
    except RecursionError:
        raise JsonError("it is nested too deeply") from None
    except ValueError as error:
        raise JsonError(str(error)) from None
    _check_depth(value, depth)
    return whole_value(value) if "\\u" in text or "\\U" in text else value


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise JsonError(f"the key {twice[:40]!r} stands twice in an object")
    return found


def _integer(digits: str) -> int:
    return int(_short(digits))


def _number(digits: str) -> float:
    return float(_short(digits))


def _short(digits: str) -> str:
    if len(digits) > NUMBER_LENGTH:
        raise JsonError("a number in it is too long")
    return digits


def _no_constant(name: str) -> NoReturn:
    raise JsonError(f"{name} is no JSON")


def _check_depth(value: Any, depth: int) -> None:
    level = [value]
    for _ in range(depth + 1):
        level = [
            each
            for found in level
            if isinstance(found, (dict, list))
            for each in (found.values() if isinstance(found, dict) else found)
            if isinstance(each, (dict, list))
        ]
        if not level:
            return
    raise JsonError("it is nested too deeply")


def whole_value(value: Any) -> Any:
    """Return a value without halves of surrogate pairs, which no UTF-8 can hold."""
    if isinstance(value, str):
        return whole_text(value)
    if isinstance(value, dict):
        return {whole_text(name): whole_value(each) for name, each in value.items()}
    return [whole_value(each) for each in value] if isinstance(value, list) else value


def whole_text(text: str) -> str:
    """Return a text with U+FFFD for each half of a surrogate pair."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
