"""Marked secrets: a text of its own for every place that a secret can be in, found again in whatever comes out.

A mark is found as it is, in base64 wherever it stands in what was encoded, percent-encoded, as JSON, HTML and Python
escape it, in other letters, and by its first half alone: a text that is cut must not end in half a secret.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Iterable
from functools import cache
from urllib.parse import quote, quote_plus

# What passwords may hold and URLs, JSON and HTML write otherwise.
ODD = '/+"&='


class Marks:
    """Makes marks by the place that they are in, and says which of them a text holds."""

    def __init__(self) -> None:
        self._marks: dict[str, str] = {}

    def __call__(self, place: str, *, odd: bool = False) -> str:
        """Return the mark of a place; an odd one has characters that are escaped in places."""
        digits = hashlib.sha256(place.encode()).hexdigest()
        mark = f"zq{digits[:11]}{ODD}{digits[11:22]}k" if odd else f"zq{digits[:22]}k"
        return self._marks.setdefault(place, mark)

    def found_in(self, texts: Iterable[str]) -> set[tuple[str, str]]:
        """Return the places whose secret is in the texts, each with the form in which it is there."""
        whole = "\n".join(texts)
        lowered = whole.lower()
        return {
            (place, name)
            for place, mark in self._marks.items()
            for name, form in forms(mark).items()
            if form in whole or (name == "as it is" and form.lower() in lowered)
        }


@cache
def forms(mark: str) -> dict[str, str]:
    """Return what a mark may look like."""
    found = {
        "as it is": mark,
        "percent-encoded": quote(mark, safe=""),
        "as a form's value": quote_plus(mark),
        "in JSON": json.dumps(mark)[1:-1],
        "in JSON twice": json.dumps(json.dumps(mark))[3:-3],
        "in HTML": html.escape(mark),
        "its first half": mark[: len(mark) // 2],
    }
    for offset in range(3):
        found[f"in base64, {offset}"] = in_base64(mark.encode(), offset)
        found[f"percent-encoded in base64, {offset}"] = in_base64(quote_plus(mark).encode(), offset)
    return found


def in_base64(data: bytes, offset: int) -> str:
    """Return what base64 makes of data behind so many bytes (of three), without what its neighbours have a part in."""
    text = base64.b64encode(b"\0" * offset + data).decode()
    return text[-(-offset * 8 // 6) : (offset + len(data)) * 8 // 6]
