"""Label sets: what an alert is, and the fingerprint that names it.

A label with an empty value is the same as an absent one, as in Prometheus. The fingerprint is Prometheus's own (FNV-1a,
64 bit, over the sorted labels), so that it agrees with the ones that Alertmanager shows.

Source: https://github.com/prometheus/common/blob/main/model/labelset.go
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NewType

Fingerprint = NewType("Fingerprint", str)

ALERTNAME = "alertname"

_FNV_OFFSET = 0xCBF29CE484222325
_FNV_PRIME = 0x100000001B3
_MASK = 0xFFFFFFFFFFFFFFFF
_ESCAPES = {"\a": r"\a", "\b": r"\b", "\f": r"\f", "\n": r"\n", "\r": r"\r", "\t": r"\t", "\v": r"\v"}


class Labels(Mapping[str, str]):
    """An immutable, hashable label set; iterates in the order of the names."""

    __slots__ = ("_hash", "_values")

    def __init__(self, labels: Mapping[str, str] | Iterable[tuple[str, str]] = ()) -> None:
        pairs = dict(labels)
        self._values = {name: pairs[name] for name in sorted(pairs) if pairs[name] != ""}
        self._hash = hash(tuple(self._values.items()))

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Labels):
            return self._values == other._values
        return NotImplemented

    def __repr__(self) -> str:
        return f"Labels({self})"

    def __str__(self) -> str:
        return "{" + ", ".join(f"{name}={quote(value)}" for name, value in self._values.items()) + "}"

    def with_(self, other: Mapping[str, str]) -> Labels:
        """Return these labels with others put over them."""
        return Labels({**self._values, **other})

    def only(self, names: Iterable[str]) -> Labels:
        """Return the labels of these names; a name that is not there is left out."""
        return Labels({name: self._values[name] for name in names if name in self._values})

    def without(self, *names: str) -> Labels:
        """Return all labels but these."""
        return Labels({name: value for name, value in self._values.items() if name not in names})


def fingerprint(labels: Mapping[str, str]) -> Fingerprint:
    """Return the 16 hexadecimal digits that name a label set, whatever the order of its labels."""
    state = _FNV_OFFSET
    for name in sorted(labels):
        for byte in name.encode() + b"\xff" + labels[name].encode() + b"\xff":
            state = ((state ^ byte) * _FNV_PRIME) & _MASK
    return Fingerprint(f"{state:016x}")


def common(sets: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Return the pairs that every one of the mappings has."""
    remaining: dict[str, str] | None = None
    for each in sets:
        if remaining is None:
            remaining = dict(each)
        else:
            remaining = {name: value for name, value in remaining.items() if each.get(name) == value}
    return remaining or {}


def quote(text: str) -> str:
    """Return text in double quotes as Go's strconv.Quote writes it."""
    return '"' + "".join(_escape(character) for character in text) + '"'


def _escape(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character == " " or character.isprintable():
        return character
    point = ord(character)
    if point < 0x80:
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"
