"""Who asks, and what they may do: by tokens of our own, or as the gateway has found out.

A token is a random text, of which only the SHA-256 is kept, in one secret: a JSON object of name → {hash, scopes,
not_before, expires}. While one is exchanged for another a name has two: {scopes, hashes: [{hash, expires}, {hash,
not_before}]}. It comes as a bearer token, or, for tools that know nothing else, as the password to its name. A token
with enough randomness needs no salt and no slow hash; one that people make up has no place here.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from ..core.json_text import JsonError, read_json
from ..core.notifications import parse_time


class Scope(StrEnum):
    """What may be done: look, act (silence, acknowledge), send alerts. None contains another."""

    READ = "read"
    WRITE = "write"
    INGEST = "ingest"


EVERYTHING = frozenset(Scope)

# An old one and a new one, and one of each more for who forgets to tidy up.
MOST_HASHES = 4

_HASH = re.compile(r"(?:sha256:)?([0-9a-fA-F]{64})")


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody who asks, and what they may do."""

    name: str
    scopes: frozenset[Scope]


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it is kept; `digest` is the SHA-256 of its text, in lower-case hexadecimal digits."""

    name: str
    digest: str
    scopes: frozenset[Scope]
    expires: datetime | None = None
    not_before: datetime | None = None

    def is_valid_at(self, now: datetime) -> bool:
        return (self.not_before is None or self.not_before <= now) and (self.expires is None or now < self.expires)


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens that can be used, and what is wrong with the others; no problem says a hash."""

    tokens: tuple[Token, ...] = ()
    problems: tuple[str, ...] = ()


def read_tokens(text: str) -> Tokens:
    """Return the tokens of the secret's text; one that cannot be read keeps no other from being used."""
    try:
        entries = read_json(text)
    except JsonError:
        return Tokens(problems=("the secret is not JSON",))
    if not isinstance(entries, dict):
        return Tokens(problems=("the secret is not a JSON object",))
    tokens: list[Token] = []
    problems = []
    for name, entry in sorted(entries.items()):
        try:
            tokens += _tokens(name, entry)
        except ValueError as error:
            problems.append(f"{name}: {error}")
    return Tokens(tuple(tokens), tuple(problems))


def _tokens(name: str, entry: Any) -> list[Token]:
    if isinstance(entry, dict) and "hashes" in entry:
        hashes, others = entry["hashes"], {key: value for key, value in entry.items() if key != "hashes"}
        if set(others) - {"scopes"}:
            raise ValueError("beside `hashes` stands `scopes` and nothing else")
        if not isinstance(hashes, list) or not 1 <= len(hashes) <= MOST_HASHES:
            raise ValueError(f"`hashes` is not a list of 1 to {MOST_HASHES} objects")
        return [_token(name, {**others, **each} if isinstance(each, dict) else each) for each in hashes]
    return [_token(name, entry)]


def _token(name: str, entry: Any) -> Token:
    if not isinstance(entry, dict) or set(entry) - {"hash", "scopes", "expires", "not_before"}:
        raise ValueError("expected an object with hash, scopes and perhaps not_before and expires")
    found = _HASH.fullmatch(entry.get("hash") or "") if isinstance(entry.get("hash"), str) else None
    if found is None:
        raise ValueError("`hash` is not the SHA-256 of a token (64 hexadecimal digits)")
    scopes = entry.get("scopes")
    known = {scope.value for scope in Scope}
    if (
        not isinstance(scopes, list)
        or not scopes
        or not all(isinstance(each, str) and each in known for each in scopes)
    ):
        raise ValueError(f"`scopes` is not a list of some of {', '.join(Scope)}")
    granted = frozenset(map(Scope, scopes))
    return Token(name, found[1].lower(), granted, _instant(entry, "expires"), _instant(entry, "not_before"))


def _instant(entry: Mapping[str, Any], key: str) -> datetime | None:
    value = entry.get(key)
    if value is None:
        return None
    try:
        return parse_time(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"`{key}` is not a time such as 2027-01-02T03:04:05Z") from None


def identify(tokens: Tokens, authorization: str, *, now: datetime) -> Identity | None:
    """Return whose token a header presents, or None; takes as long for a token that is almost right as for any."""
    name, secret = _credentials(authorization)
    digest = hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
    found: Identity | None = None
    for token in tokens.tokens:
        is_same = hmac.compare_digest(token.digest, digest)
        if is_same and secret and name in (None, token.name) and token.is_valid_at(now):
            found = Identity(token.name, token.scopes)
    return found


def _credentials(authorization: str) -> tuple[str | None, str]:
    """Return the name, where the kind of header has one, and the token; an empty token where there is none."""
    kind, _, value = authorization.strip().partition(" ")
    if kind.lower() == "bearer":
        return None, value.strip()
    if kind.lower() != "basic":
        return None, ""
    try:
        text = base64.b64decode(value.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return None, ""
    name, _, secret = text.partition(":")
    return name, secret


def of_claims(claims: Mapping[str, Any]) -> Identity:
    """Return who a JWT speaks for; its scopes may have a prefix, as in `tocsin/read` or `api://tocsin/read`.

    API Gateway gives a list of claims as text in brackets.
    """
    listed = " ".join(str(claims[name]) for name in ("scope", "scp") if name in claims)
    words = {re.split(r"[/:]", word)[-1] for word in listed.replace("[", " ").replace("]", " ").split()}
    name = next((str(claims[each]) for each in ("email", "username", "sub", "client_id") if claims.get(each)), "")
    return Identity(name, frozenset(scope for scope in Scope if scope.value in words))
