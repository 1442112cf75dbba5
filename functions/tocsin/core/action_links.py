"""Links that act: who was sent one may do one thing about one incident, until it expires.

The token in a link is a bearer capability: it names the verb, the incident, who it was sent to and by which way, and
when it ends, and is signed with a key of ours (HMAC-SHA256, 128 bits of it). Nothing of it is kept anywhere. It is
short, as it travels in text messages, and has one spelling only. While keys are exchanged several are good; the first
signs.

Source: https://datatracker.ietf.org/doc/html/rfc2104#section-5 (truncation)
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from .durations import format_duration, parse_duration
from .receivers import LINKS, Integration, Kind

DEFAULT_VALID_FOR = timedelta(hours=24)
LONGEST_VALID_FOR = timedelta(days=30)
# A key in use, the one after it, and one of each more for who forgets to tidy up.
MOST_KEYS = 4
SHORTEST_KEY = 32
MAC_BYTES = 16
# Longer ones come from nobody: an addressee is cut to fit.
LONGEST_TOKEN = 400
LONGEST_URL = 200
ADDRESSEE_BYTES = 96
PATH = "/act"
PARAMETER = "t"

_VERSION = 1
_HEAD_BYTES = 7  # version and verb, way, expiry (4), length of the incident's id
_CONTEXT = b"tocsin action link\0"
_ACKNOWLEDGE = "acknowledge"
_VERBS = {_ACKNOWLEDGE: 1}
_INCIDENT = re.compile(r"inc-([0-9a-f]{16})")
_TOKEN = re.compile(r"[A-Za-z0-9_-]+")


class Way(StrEnum):
    """How a link was sent."""

    EMAIL = "email"
    SMS = "sms"
    SLACK = "slack"
    CHAT = "chat"


_WAYS = {Way.EMAIL: 1, Way.SMS: 2, Way.SLACK: 3, Way.CHAT: 4}


_WAY_OF_KIND = {
    Kind.EMAIL: Way.EMAIL,
    Kind.SLACK: Way.SLACK,
    Kind.DISCORD: Way.CHAT,
    Kind.MSTEAMSV2: Way.CHAT,
    Kind.TELEGRAM: Way.CHAT,
}


def way_of(integration: Integration) -> Way | None:
    """Return how a link reaches people by an integration; None where programs read it, or nobody knows who."""
    if integration.kind is Kind.SNS:
        return Way.SMS if integration.settings.get("phone_number") else None
    return _WAY_OF_KIND.get(integration.kind)


def addressee_of(integration: Integration) -> str:
    """Return who a link is for: a user, by the receivers that are a user's ways, or else the receiver."""
    parts = integration.receiver.split("/")
    return parts[1] if len(parts) == 3 and parts[0] == "user" else integration.receiver


class Fault(StrEnum):
    """Why a token is not taken."""

    MALFORMED = "malformed"
    FORGED = "forged"
    OTHER_VERB = "for something else"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Permit:
    """What a token allows: `verb` on `incident`, to `addressee` (a user or a receiver), before `expires_at`."""

    verb: str
    incident: str
    addressee: str
    way: Way
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """How links are made: where the keys are (a reference to a secret), how long one is good, and where it leads.

    Without a `url` it leads to the API's own address.
    """

    secret: str
    valid_for: timedelta = DEFAULT_VALID_FOR
    url: str = ""


def as_settings(links: LinkSettings) -> dict[str, str]:
    """Return how links are made as an integration keeps it: it is frozen with a notification, and holds no secret."""
    return {"secret": links.secret, "valid_for": format_duration(links.valid_for), "url": links.url}


def settings_of(integration: Integration) -> LinkSettings | None:
    """Return how an integration's links are made; None where it has none."""
    given: Mapping[str, Any] | None = integration.settings.get(LINKS)
    return LinkSettings(given["secret"], parse_duration(given["valid_for"]), given["url"]) if given else None


def acknowledgement_of(incident: str, *, addressee: str, way: Way, expires_at: datetime) -> Permit:
    """Return the permit to acknowledge an incident."""
    return Permit(_ACKNOWLEDGE, incident, addressee, way, expires_at)


def read_keys(text: str) -> tuple[bytes, ...]:
    """Return the keys of a secret's text, the one that signs first. Raises ValueError, which repeats none."""
    keys = tuple(each.encode("utf-8", "surrogatepass") for each in re.split(r"[\s,]+", text) if each)
    if not keys:
        raise ValueError("holds no key")
    if len(keys) > MOST_KEYS:
        raise ValueError(f"holds {len(keys)} keys, and at most {MOST_KEYS} are taken")
    if any(len(key) < SHORTEST_KEY for key in keys):
        raise ValueError(f"holds a key of less than {SHORTEST_KEY} characters: a random one is needed")
    return keys


def sign(permit: Permit, key: bytes) -> str:
    """Return the token of a permit. Raises ValueError where the incident's id is no id of ours."""
    payload = _payload(permit)
    return _encode(payload + _mac(payload, key))


def verify(token: str, keys: Sequence[bytes], *, verb: str, now: datetime) -> Permit | Fault:
    """Return what a token allows, or why it is not taken; takes as long for an almost right signature as for any.

    That it is for something else, or over, is said of tokens of ours alone.
    """
    data = _decode(token)
    if data is None or len(data) < _HEAD_BYTES + MAC_BYTES:
        return Fault.MALFORMED
    payload, presented = data[:-MAC_BYTES], data[-MAC_BYTES:]
    is_ours = False
    for key in keys:
        is_ours |= hmac.compare_digest(_mac(payload, key), presented)
    if not is_ours:
        return Fault.FORGED
    permit = _permit(payload)
    if permit is None:
        return Fault.MALFORMED
    if permit.verb != verb:
        return Fault.OTHER_VERB
    return permit if now < permit.expires_at else Fault.EXPIRED


def link(base: str, token: str) -> str:
    """Return the address that a person follows. The token is a parameter: gateways log paths."""
    return f"{base.rstrip('/')}{PATH}?{PARAMETER}={token}"


def _mac(payload: bytes, key: bytes) -> bytes:
    return hmac.digest(key, _CONTEXT + payload, "sha256")[:MAC_BYTES]


def _payload(permit: Permit) -> bytes:
    found = _INCIDENT.fullmatch(permit.incident)
    # Ids of ours are 8 bytes; the length 0 says so.
    incident = bytes.fromhex(found[1]) if found else permit.incident.encode()
    length = 0 if found else len(incident)
    if not incident or length > 64:
        raise ValueError("not the id of an incident")
    first = _VERSION << 4 | _VERBS[permit.verb]
    seconds = int(permit.expires_at.timestamp())
    addressee = permit.addressee.encode("utf-8", "replace")[:ADDRESSEE_BYTES].decode("utf-8", "ignore").encode()
    return bytes((first, _WAYS[permit.way])) + seconds.to_bytes(4) + bytes((length,)) + incident + addressee


def _permit(payload: bytes) -> Permit | None:
    """Return what a payload that we have signed says; None where another version of us did."""
    version, verb = payload[0] >> 4, payload[0] & 15
    verbs = {number: name for name, number in _VERBS.items()}
    ways = {number: way for way, number in _WAYS.items()}
    if version != _VERSION or payload[1] not in ways:
        return None
    length, rest = payload[6], payload[_HEAD_BYTES:]
    incident = rest[: length or 8]
    try:
        name = incident.decode() if length else f"inc-{incident.hex()}"
        addressee = rest[length or 8 :].decode()
    except UnicodeDecodeError:
        return None
    expires_at = datetime.fromtimestamp(int.from_bytes(payload[2:6]), UTC)
    return Permit(verbs.get(verb, ""), name, addressee, ways[payload[1]], expires_at)


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(token: str) -> bytes | None:
    """Return what a token holds; None where it is none of ours, or not spelled as we do."""
    if len(token) > LONGEST_TOKEN or not _TOKEN.fullmatch(token):
        return None
    try:
        data = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except (binascii.Error, ValueError):
        return None
    return data if _encode(data) == token else None
