"""What looks like a credential in a text, and where it stands.

A value is taken for a credential by its form (a token's prefix, a private key's frame, an AWS key's letters) or by the
name that stands before it (`password=…`). A bare hash, an image's digest, a UUID, a commit or a pod's name is none:
nothing is told by its randomness alone. Card numbers and mail addresses are found where somebody asks for them.

Every pattern is bounded, so that a long text costs its length and no more. They are ours and not a user's: so `re`.

Sources: https://docs.github.com/en/code-security/secret-scanning/introduction/supported-secret-scanning-patterns,
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html, https://www.rfc-editor.org/rfc/rfc7519
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum

REDACTED = "[redacted]"

Span = tuple[int, int]


class Kind(StrEnum):
    """What is looked for."""

    PASSWORDS = "passwords"
    TOKENS = "tokens"
    AWS_KEYS = "aws-keys"
    CARDS = "cards"
    EMAILS = "emails"


DEFAULT_KINDS = frozenset({Kind.PASSWORDS, Kind.TOKENS, Kind.AWS_KEYS})

# Names that a credential stands behind, and those that as often name a thing: a secret of Kubernetes, a kind of token.
_PASSWORD = r"password|passwd|passphrase|pwd"
_KEY = (
    r"api[_-]?key|apikey|secret[_-]?key|access[_-]?token|auth[_-]?token|bearer[_-]?token|refresh[_-]?token"
    r"|client[_-]?secret|private[_-]?key|signing[_-]?key|encryption[_-]?key"
)
_AWS_SECRET = r"secret[_-]?access[_-]?key"
_VAGUE = r"token|secret"
# One of these is part of each of the names.
_HINTS = ("passw", "pwd", "passphrase", "token", "secret", "key")
_GIVEN = r"[\"']?(?P<said>\s{0,2}(?:=|:|%3D)\s{0,2})"
_VALUE = (
    r"(?:\"(?P<double>[^\"\n]{1,512})\"|'(?P<single>[^'\n]{1,512})'|%22(?P<encoded>[^\s%\"']{1,512})%22"
    r"|(?P<bare>[^\s\"'&;,<>{}()\[\]|`]{1,512}))"
)
_ASSIGNMENT = re.compile(
    rf"(?:(?P<password>{_PASSWORD})|(?P<key>{_KEY})|(?P<aws>{_AWS_SECRET})|(?P<vague>{_VAGUE})){_GIVEN}{_VALUE}",
    re.IGNORECASE,
)
_NAME = re.compile(
    rf"(?:.*[_.\-])?(?:(?P<password>{_PASSWORD})|(?P<key>{_KEY})|(?P<aws>{_AWS_SECRET})|(?P<vague>{_VAGUE}))",
    re.IGNORECASE,
)
# No `@sha256:` follows: `docker-pullable://nginx:1.27@sha256:…` is an image.
_IN_URL = re.compile(r"://[^\s/:@\"'<>]{0,256}:(?P<found>[^\s/@\"'<>]{1,256})@(?!sha256:)")
_HEADER = re.compile(r"\b(?:bearer|basic) {1,2}(?P<found>[A-Za-z0-9+/._~=-]{16,2048})", re.IGNORECASE)
_TOKEN = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{40,255}|glpat-[A-Za-z0-9_-]{20,64}"
    r"|xox[abeoprs]-[A-Za-z0-9-]{10,255}|xapp-\d-[A-Za-z0-9-]{10,255}"
    r"|[sr]k_(?:live|test)_[A-Za-z0-9]{16,255}|AIza[A-Za-z0-9_-]{35}|npm_[A-Za-z0-9]{36}|pypi-[A-Za-z0-9_-]{50,255}"
    r"|SG\.[A-Za-z0-9_-]{16,64}\.[A-Za-z0-9_-]{16,64}|hv[sbr]\.[A-Za-z0-9_-]{24,255}|dop_v1_[a-f0-9]{64}"
    r"|gl(?:sa|c)_[A-Za-z0-9_=]{32,255}|sk-(?:ant-|proj-)[A-Za-z0-9_-]{20,255}"
    r"|eyJ[A-Za-z0-9_-]{8,2048}\.[A-Za-z0-9_-]{8,2048}\.[A-Za-z0-9_-]{8,1024}"
    r")"
)
_WEBHOOK = re.compile(
    r"hooks\.slack\.com/(?:services|workflows|triggers)/(?P<slack>[A-Za-z0-9/_-]{10,255})"
    r"|discord(?:app)?\.com/api/webhooks/(?P<discord>\d{10,25}/[A-Za-z0-9_-]{20,255})"
    r"|(?<![A-Za-z0-9])(?:bot)?(?P<telegram>\d{8,11}:AA[A-Za-z0-9_-]{32,34})(?![A-Za-z0-9_-])"
)
_PRIVATE_KEY = re.compile(
    r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----(?:[^-]|-(?!----END)){0,8192}"
    r"(?:-----END (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----)?"
)
_AWS_KEY_ID = re.compile(r"(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z2-7]{16}(?![A-Za-z0-9])")
_AWS_SESSION = re.compile(r"(?<![A-Za-z0-9])(?:IQoJb3JpZ2lu|FwoGZXIvYXdz)[A-Za-z0-9+/=]{80,4096}")
_AWS_SECRET_VALUE = re.compile(r"(?<![A-Za-z0-9+/=])[A-Za-z0-9+/]{40}(?![A-Za-z0-9+/=])")
_CARD = re.compile(r"(?<![\w.+-])\d(?:[ -]?\d){12,18}(?![\w-]|\.\d)")
_ISSUER = re.compile(r"4|5[1-5]|2[2-7]|3[47]|6(?:011|4[4-9]|5)")
_EMAIL = re.compile(
    r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})\.){1,8}[A-Za-z]{2,24}(?![A-Za-z0-9])"
)

# What often stands where a credential would: nothing is told by it.
_WORDS = frozenset(
    {
        *(
            "true",
            "false",
            "null",
            "none",
            "nil",
            "yes",
            "no",
            "on",
            "off",
            "ok",
            "unknown",
            "default",
            "empty",
            "missing",
        ),
        *("required", "expired", "expiring", "invalid", "wrong", "incorrect", "unset", "set", "changed", "rotated"),
        *("authentication", "policy", "reset", "disabled", "enabled", "n/a"),
    }
)
_PLACEHOLDERS = ("$", "{", "<", "*", "%", "…", "xxx", "XXX", "...", "[redacted")


def find(kind: Kind, text: str) -> Iterator[Span]:
    """Yield where a text holds what is looked for; spans may overlap."""
    yield from _FINDERS[kind](text)


def is_hidden_name(kinds: frozenset[Kind], name: str, value: str) -> bool:
    """Say whether a value is a credential by the name that it has, as in a label `db_password`."""
    found = _NAME.fullmatch(name)
    return found is not None and bool(_kinds_of(found) & kinds) and _is_credential(found, value, is_loose=False)


def _passwords(text: str) -> Iterator[Span]:
    if "://" in text:
        yield from (each.span("found") for each in _IN_URL.finditer(text) if not _is_placeholder(each["found"]))
    yield from _assigned(text, Kind.PASSWORDS)


def _tokens(text: str) -> Iterator[Span]:
    yield from (each.span() for each in _TOKEN.finditer(text))
    if "/" in text or ":" in text:
        yield from (each.span(each.lastgroup or 0) for each in _WEBHOOK.finditer(text))
    if "-----BEGIN" in text:
        yield from (each.span() for each in _PRIVATE_KEY.finditer(text))
    if " " in text:
        yield from (each.span("found") for each in _HEADER.finditer(text) if _has_letters_and_digits(each["found"]))
    yield from _assigned(text, Kind.TOKENS)


def _aws_keys(text: str) -> Iterator[Span]:
    ids = [each.span() for each in _AWS_KEY_ID.finditer(text)]
    yield from ids
    if ids:
        # Beside the key's id stands its secret, which has no form of its own.
        yield from (each.span() for each in _AWS_SECRET_VALUE.finditer(text) if _is_random(each[0]))
    yield from (each.span() for each in _AWS_SESSION.finditer(text))
    yield from _assigned(text, Kind.AWS_KEYS)


def _cards(text: str) -> Iterator[Span]:
    for each in _CARD.finditer(text):
        digits = each[0].replace(" ", "").replace("-", "")
        if _ISSUER.match(digits) and len(set(digits)) > 1 and passes_luhn(digits):
            yield each.span()


def _emails(text: str) -> Iterator[Span]:
    if "@" in text:
        yield from (each.span() for each in _EMAIL.finditer(text))


_FINDERS = {
    Kind.PASSWORDS: _passwords,
    Kind.TOKENS: _tokens,
    Kind.AWS_KEYS: _aws_keys,
    Kind.CARDS: _cards,
    Kind.EMAILS: _emails,
}


def passes_luhn(digits: str) -> bool:
    """Say whether the last digit is the check digit of the others (ISO/IEC 7812-1)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _assigned(text: str, kind: Kind) -> Iterator[Span]:
    """Yield the values behind the names of a kind."""
    lowered = text.lower()
    if not any(hint in lowered for hint in _HINTS):
        return  # most texts, at a tenth of the pattern's price
    for each in _ASSIGNMENT.finditer(text):
        group = next(name for name in ("double", "single", "encoded", "bare") if each[name] is not None)
        is_loose = group == "bare" and each["said"] not in ("=", "%3D")
        if kind in _kinds_of(each) and _is_credential(each, each[group], is_loose=is_loose):
            yield each.span(group)


def _kinds_of(found: re.Match[str]) -> frozenset[Kind]:
    if found["password"]:
        return frozenset({Kind.PASSWORDS})
    return frozenset({Kind.AWS_KEYS, Kind.TOKENS}) if found["aws"] else frozenset({Kind.TOKENS})


def _is_credential(found: re.Match[str], value: str, *, is_loose: bool) -> bool:
    """Say whether a value behind a name is one; `is_loose` where the name may be a word of a sentence."""
    if _is_placeholder(value) or value.lower().rstrip(".,;:!") in _WORDS:
        return False
    if found["vague"]:
        return len(value) >= 16 and _is_random(value)
    if found["password"] and not is_loose:
        return len(value) >= 4 and not (value.isdigit() and len(value) < 6)
    return len(value) >= 8 and _has_letters_and_digits(value)


def _is_placeholder(value: str) -> bool:
    return value.startswith(_PLACEHOLDERS)


def _has_letters_and_digits(text: str) -> bool:
    return any(each.isdigit() for each in text) and any(each.isalpha() for each in text)


def _is_random(text: str) -> bool:
    return _has_letters_and_digits(text) and text.lower() != text and text.upper() != text
