"""Secrets taken out of a text: what a receiver repeats of what it was sent must be in no error, record or log line.

A secret is found as it is and as it may have been written on its way: percent-encoded, as JSON and HTML escape it, in
base64 (wherever it stood in what was encoded), and cut off before an ellipsis. Of a URL that is a secret, its path,
parameters and password are secrets too, its host is not.
"""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Iterable, Iterator
from functools import lru_cache
from urllib.parse import quote, quote_plus, unquote, urlsplit

from ..core.json_text import whole_text

HIDDEN = "…"
# Shorter ones cannot be told from words.
_SHORTEST, _SHORTEST_PART = 4, 12
# Of a secret that was cut off, so much of its beginning is enough to be hidden.
_BEGINNING = 6


def hide(text: str, *secrets: str) -> str:
    """Return a text without secrets."""
    return hide_all(text, secrets)


def hide_all(text: str, secrets: Iterable[str]) -> str:
    """Return a text without secrets; what is longest is taken out first."""
    forms = {form for secret in secrets for form in _forms(secret)}
    for form, _ in sorted(forms, key=lambda each: (-len(each[0]), each)):
        text = text.replace(form, HIDDEN)
    for form, is_secret_from_its_start in forms:
        if is_secret_from_its_start:
            text = _without_beginning(text, form)
    return text


def hide_bytes(content: bytes, secrets: Iterable[str]) -> bytes:
    """Return an answer's body without secrets; where it holds none, the very same bytes."""
    text = content.decode("utf-8", "surrogateescape")
    hidden = hide_all(text, secrets)
    return content if hidden == text else hidden.encode("utf-8", "surrogateescape")


@lru_cache(maxsize=256)
def _forms(secret: str) -> tuple[tuple[str, bool], ...]:
    """Return what a secret may look like, and whether it is secret from its first letter on: a URL is not."""
    found: set[tuple[str, bool]] = set()
    for part, is_secret in _parts(whole_text(secret)):
        escaped = json.dumps(part)[1:-1]
        forms = {part, quote(part, safe=""), quote(part, safe="/"), quote_plus(part), html.escape(part)}
        forms |= {escaped, json.dumps(escaped)[1:-1], json.dumps(part, ensure_ascii=False)[1:-1]}
        forms |= {*_in_base64(part), *_in_base64(quote_plus(part))}
        found |= {(form, is_secret) for form in forms if len(form) >= _SHORTEST}
    return tuple(found)


def _parts(secret: str) -> Iterator[tuple[str, bool]]:
    """Yield what of a secret is one: all of it, or the parts of a URL that are nobody's business."""
    if "://" not in secret:
        yield secret.strip(), True
        return
    try:
        parts = urlsplit(secret)
    except ValueError:
        yield secret, False
        return
    if parts.password:
        yield unquote(parts.password), True
    path = parts.path.rstrip("/")
    rest = f"{path}?{parts.query}" if parts.query else path
    if rest:
        yield secret, False
        yield rest, False
    if len(path) > _SHORTEST_PART:
        yield path.strip("/"), False
    pieces = [*path.split("/"), *(each.partition("=")[2] for each in parts.query.split("&"))]
    yield from ((each, True) for each in pieces if len(each) >= _SHORTEST_PART)


def _in_base64(secret: str) -> Iterator[str]:
    """Yield what base64 makes of a secret behind none, one or two bytes, without what its neighbours have a part in."""
    data = secret.encode("utf-8", "surrogatepass")
    for offset in range(3):
        text = base64.b64encode(bytes(offset) + data).decode()
        core = text[-(-offset * 8 // 6) : (offset + len(data)) * 8 // 6]
        if len(core) >= 2 * _SHORTEST:
            yield core
            yield core.translate(_URL_SAFE)


_URL_SAFE = str.maketrans("+/", "-_")


def _without_beginning(text: str, form: str) -> str:
    """Return a text without the beginning of a secret where the text was cut: at its end, or before an ellipsis."""
    start = form[:_BEGINNING]
    at = text.find(start)
    while at >= 0 and len(form) > _BEGINNING:
        length = _shared(text, at, form)
        end = at + length
        if end == len(text) or text.startswith(HIDDEN, end):
            return text[:at] + HIDDEN + text[end:].removeprefix(HIDDEN)
        at = text.find(start, at + 1)
    return text


def _shared(text: str, at: int, form: str) -> int:
    length = 0
    while length < len(form) and at + length < len(text) and text[at + length] == form[length]:
        length += 1
    return length
