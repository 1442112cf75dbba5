"""Inputs that are almost right: real ones, with something changed in them.

Mutations are chosen by a `random.Random`, so a number repeats them. What is JSON is changed as JSON (a key gone, a
number where a text was, a list in a list in a list), and every text as text: a word of its language put in, a piece
taken from another input, a byte that is no UTF-8.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

Seeds = Sequence[bytes]

# Nothing that comes in is larger than this but the bodies of alerts, which are limited where they are read.
LARGEST = 20_000
# What numbers, times and texts break on.
ODD_VALUES: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    2**31,
    2**63,
    10**40,
    1e308,
    -0.0,
    "",
    " ",
    "\0",
    "\ud800",
    "\u2028\u202e",
    "é́💥",
    "a" * 300,
    "NaN",
    "Inf",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999999-23:59",
    "2026-02-30T00:00:00Z",
    "{{ . }}",
    "../../etc",
    [],
    {},
    [[[[]]]],
    {"": {"": ""}},
)
ODD_BYTES = (
    b"\0",
    b"\xff",
    b"\xc3",
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
    b"\r\n",
    b"\t",
    b"\\",
    b'"',
    b"'",
    b"`",
    b"$",
    b"%",
)
ODD_NUMBERS = (b"0", b"-1", b"9" * 5, b"9" * 30, b"1e9", b"0x7f", b"1_000", b"00", b".5", b"5.")


def mutate(random: Random, data: bytes, *, seeds: Seeds = (), words: Seeds = (), is_json: bool = False) -> bytes:
    """Return an input with one to four changes."""
    for _ in range(random.randint(1, 4)):
        if is_json and random.random() < 0.7:
            data = _mutate_json(random, data)
        else:
            data = random.choice(_BYTES)(random, data, seeds, words)
        data = data[:LARGEST]  # each time: one that multiplies what another has multiplied fills the memory
    return data


# As text


def _spot(random: Random, data: bytes) -> int:
    return random.randint(0, len(data))


def _span(random: Random, data: bytes) -> tuple[int, int]:
    start = _spot(random, data)
    return start, min(len(data), start + random.choice((1, 2, 4, 8, 16, 64, 256)))


def _flip(random: Random, data: bytes, seeds: Seeds, words: Seeds) -> bytes:
    if not data:
        return bytes([random.randint(0, 255)])
    at = random.randrange(len(data))
    return data[:at] + bytes([random.randint(0, 255)]) + data[at + 1 :]


def _delete(random: Random, data: bytes, seeds: Seeds, words: Seeds) -> bytes:
    start, end = _span(random, data)
    return data[:start] + data[end:]


def _repeat(random: Random, data: bytes, seeds: Seeds, words: Seeds) -> bytes:
    start, end = _span(random, data)
    return data[:end] + data[start:end] * random.choice((1, 2, 7, 60, 1000)) + data[end:]


def _move(random: Random, data: bytes, seeds: Seeds, words: Seeds) -> bytes:
    start, end = _span(random, data)
    at = _spot(random, data)
    return data[:at] + data[start:end] + data[at:]


def _insert_word(random: Random, data: bytes, seeds: Seeds, words: Seeds) -> bytes:
    at = _spot(random, data)
    word = random.choice(words) if words else random.choice(ODD_BYTES)
    return data[:at] + word * random.choice((1, 1, 1, 2, 50)) + data[at:]


def _insert_odd(random: Random, data: bytes, seeds: Seeds, words: Seeds) -> bytes:
    at = _spot(random, data)
    return data[:at] + random.choice(ODD_BYTES) * random.choice((1, 1, 3, 200)) + data[at:]


def _splice(random: Random, data: bytes, seeds: Seeds, words: Seeds) -> bytes:
    other = random.choice(seeds) if seeds else data
    start, end = _span(random, other)
    at, until = _span(random, data)
    return data[:at] + other[start:end] + data[until:]


def _cut(random: Random, data: bytes, seeds: Seeds, words: Seeds) -> bytes:
    return data[: _spot(random, data)]


def _renumber(random: Random, data: bytes, seeds: Seeds, words: Seeds) -> bytes:
    places = [at for at, byte in enumerate(data) if 0x30 <= byte <= 0x39]
    if not places:
        return data
    start = random.choice(places)
    end = start
    while end < len(data) and 0x30 <= data[end] <= 0x39:
        end += 1
    return data[:start] + random.choice(ODD_NUMBERS) + data[end:]


_BYTES: tuple[Callable[[Random, bytes, Seeds, Seeds], bytes], ...] = (
    _flip,
    _delete,
    _repeat,
    _move,
    _insert_word,
    _insert_word,
    _insert_odd,
    _splice,
    _cut,
    _renumber,
)


# As JSON


def _mutate_json(random: Random, data: bytes) -> bytes:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return data
    holder = [value]
    places = list(_places(holder))
    parent, key = random.choice(places)
    try:
        random.choice(_JSON)(random, parent, key, places)
        return json.dumps(holder[0]).encode()
    except (ValueError, RecursionError):
        return data


def _places(parent: Any) -> list[tuple[Any, Any]]:
    """Return every place of a value: what holds it, and under what."""
    found: list[tuple[Any, Any]] = []
    waiting = [parent]
    while waiting and len(found) < 5_000:
        current = waiting.pop()
        keys = list(current) if isinstance(current, dict) else range(len(current))
        for key in keys:
            found.append((current, key))
            if isinstance(current[key], (dict, list)):
                waiting.append(current[key])
    return found


def _replace(random: Random, parent: Any, key: Any, places: list[tuple[Any, Any]]) -> None:
    parent[key] = copy.deepcopy(random.choice(ODD_VALUES))


def _remove(random: Random, parent: Any, key: Any, places: list[tuple[Any, Any]]) -> None:
    if isinstance(parent, dict):
        del parent[key]
    else:
        parent[key] = None


def _rename(random: Random, parent: Any, key: Any, places: list[tuple[Any, Any]]) -> None:
    if isinstance(parent, dict):
        _, name = random.choice(places)
        parent[random.choice((f"{key}x", str(key).upper(), "", str(name), "\ud800"))] = parent.pop(key)


def _swap(random: Random, parent: Any, key: Any, places: list[tuple[Any, Any]]) -> None:
    other, name = random.choice(places)
    parent[key] = copy.deepcopy(other[name])


def _nest(random: Random, parent: Any, key: Any, places: list[tuple[Any, Any]]) -> None:
    value = parent[key]
    for _ in range(random.choice((1, 2, 40, 300))):
        value = [value] if random.random() < 0.5 else {"a": value}
    parent[key] = value


def _multiply(random: Random, parent: Any, key: Any, places: list[tuple[Any, Any]]) -> None:
    value = parent[key]
    if isinstance(value, list):
        parent[key] = value * random.choice((0, 2, 30))
    elif isinstance(value, str):
        parent[key] = value * random.choice((0, 2, 300))
    elif isinstance(value, dict):
        parent[key] = {f"{name}{number}": each for name, each in value.items() for number in range(3)}


def _as_text(random: Random, parent: Any, key: Any, places: list[tuple[Any, Any]]) -> None:
    parent[key] = json.dumps(parent[key])


_JSON: tuple[Callable[[Random, Any, Any, list[tuple[Any, Any]]], None], ...] = (
    _replace,
    _replace,
    _remove,
    _rename,
    _swap,
    _nest,
    _multiply,
    _as_text,
)
