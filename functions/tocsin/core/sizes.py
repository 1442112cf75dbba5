"""How much text an alert may carry. What is more is cut and says so: a page with half a text is better than none.

Prometheus knows no limit, and a template may print a million characters; an item of the table has 400 KB, and a message
less. A label that is cut keeps a digest of what it was, so that alerts which differ there stay different.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping

from .labels import ALERTNAME

# As JSON in UTF-8, names and quotes included. Both, and a link, fit into an item twice over.
LABEL_BYTES = 64 * 1024
ANNOTATION_BYTES = 64 * 1024
LINK_BYTES = 8 * 1024
# So much of a value is kept at least, the note of the cut included; names for which that is too much are left out.
_LEAST = 64


def fit_annotations(annotations: Mapping[str, str], limit: int = ANNOTATION_BYTES) -> Mapping[str, str]:
    """Return annotations of so many bytes at most; the longest ones are cut, and say how long they were."""
    return _fit(annotations, limit, lambda text: f"… (cut here: there were {len(text):,} characters)")


def fit_labels(labels: Mapping[str, str], limit: int = LABEL_BYTES) -> Mapping[str, str]:
    """Return labels of so many bytes at most; the same labels are always cut to the same, and others to others."""
    return _fit(labels, limit, lambda text: f"…#{_digest(text)}")


def fit_link(url: str) -> str:
    """Return a link, or nothing: half a link leads nowhere."""
    return url if _size(url) <= LINK_BYTES else ""


def _fit(pairs: Mapping[str, str], limit: int, note: Callable[[str], str]) -> Mapping[str, str]:
    # JSON writes a character in six bytes at most.
    if 6 * sum(len(name) + len(value) + 1 for name, value in pairs.items()) <= limit:
        return pairs
    sizes = {name: _size(value) for name, value in pairs.items()}
    room, kept = limit, []
    for name in sorted(pairs, key=lambda each: (each != ALERTNAME, each)):
        least = _size(name) + min(sizes[name], _LEAST)
        if room >= least:
            kept.append(name)
            room -= least
    level = _level([max(sizes[name] - _LEAST, 0) for name in kept], room) + _LEAST
    return {name: _cut(pairs[name], level, note) if sizes[name] > level else pairs[name] for name in kept}


def _level(sizes: list[int], room: int) -> int:
    """Return the size to which the larger ones have to be cut so that all of them fit."""
    left = sorted(sizes)
    while left and left[0] * len(left) <= room:
        room -= left.pop(0)
    return room // len(left) if left else max(sizes, default=0)


def _cut(text: str, size: int, note: Callable[[str], str]) -> str:
    end = note(text)
    room = size - _size(end)
    kept = text[: max(room, 0)]
    while kept and _size(kept) > room:
        kept = kept[: max(len(kept) * room // _size(kept), 0)]
    return kept + end


def _size(text: str) -> int:
    """Return a text's bytes as JSON, with its quotes and what stands between it and the next."""
    return len(json.dumps(text, ensure_ascii=False).encode("utf-8", "surrogatepass")) + 1


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
