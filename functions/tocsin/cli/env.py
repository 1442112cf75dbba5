"""`tocsin env`: every environment variable that is read, whether it is set, what it does; no secret is shown."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

from ..wiring import SECRET_PREFIX, VARIABLES
from .session import Session
from .tables import columns


def run(arguments: argparse.Namespace, session: Session) -> int:
    """Print the table."""
    environment = session.workplace().variables
    known = {each.name for each in VARIABLES}
    more = sorted(name for name in environment if name.startswith("TOCSIN_") and name not in known)
    rows = [("VARIABLE", "VALUE", "WHAT IT DOES")]
    rows += [
        (each.name, _value(each.name, environment.get(each.name), each.default), each.purpose) for each in VARIABLES
    ]
    rows += [(name, _value(name, environment[name], ""), _purpose(name)) for name in more]
    for line in columns(rows):
        print(line.rstrip())
    return 0


def _value(name: str, value: str | None, default: str) -> str:
    if not value:
        state = "not set" if value is None else "empty"
        return f"{state} ({default})" if default else state
    return "set" if _is_secret(name) else " ".join(_without_password(word) for word in value.split())


def _is_secret(name: str) -> bool:
    """Say whether a value must not be shown: references to secrets, and whatever calls itself one."""
    return name.startswith(SECRET_PREFIX) or any(word in name for word in _words_of_secrets())


def _words_of_secrets() -> Iterator[str]:
    yield from ("SECRET", "TOKEN", "PASSWORD", "_KEY", "WEBHOOK")


def _without_password(text: str) -> str:
    """Return a URL without what stands before its `@`, and without its query; any other text as it is."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return "set"
    if parts.scheme not in ("http", "https"):
        return text
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "…" if parts.query else "", ""))


def _purpose(name: str) -> str:
    if name.startswith(SECRET_PREFIX):
        return f"secret that secret:{name.removeprefix(SECRET_PREFIX).lower().replace('_', '-')}#… refers to"
    return "nothing of Tocsin's reads it; configuration may, as ${" + name + "}"
