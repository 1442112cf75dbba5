"""Requests that have no token but are signed by who sends them, such as Slack's: what is believed, and what is not.

A signature is looked at before anything of the body is read. It is an HMAC of the very bytes that came; while a secret
is exchanged for another, both are good. What is not believed is refused with 401, without saying why: the log and the
metric do.

Source: https://docs.slack.dev/authentication/verifying-requests-from-slack
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum

from ..errors import StoreError
from .http import Refused
from .serving import Api

# How old a request may be, and how far our clocks may differ.
WINDOW = timedelta(minutes=5)


class Distrust(StrEnum):
    """Why a signed request is not believed."""

    MALFORMED = "malformed"
    STALE = "stale"
    FORGED = "forged"
    REPLAYED = "replayed"


def untrusted(why: Distrust) -> Refused:
    """Return the refusal of a request that is not believed."""
    return Refused(401, "the request's signature is not valid", reason=why.value)


def is_signed(message: bytes, signature: str, secrets: Iterable[str]) -> bool:
    """Say whether a signature (hexadecimal HMAC SHA-256) is by one of the secrets; takes as long whichever it is."""
    return is_signed_once(message, (signature,), secrets)


def is_signed_once(message: bytes, signatures: Iterable[str], secrets: Iterable[str]) -> bool:
    """Say whether any of several signatures is by any of the secrets; takes as long whichever they are."""
    given = [signature.encode("utf-8", "surrogatepass") for signature in signatures]
    found = False
    for secret in filter(None, secrets):
        expected = hmac.new(secret.encode(), message, hashlib.sha256).hexdigest().encode()
        for signature in given:
            found |= hmac.compare_digest(expected, signature)
    return found


def is_timely(sent_at: datetime, *, now: datetime) -> bool:
    """Say whether a request was sent within the window."""
    return abs(now - sent_at) <= WINDOW


def check_first(api: Api, name: str, *, now: datetime) -> None:
    """Raise Refused where a request of this name (a signature, an id) has come before.

    Where the table cannot count, it is taken: what is asked for twice is done once all the same.
    """
    if api.seen is None:
        return
    counter = f"signed#{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"
    try:
        times = api.seen.add(counter, 1, expires_at=now + 4 * WINDOW)
    except StoreError as error:
        api.desk.log.error("signed_requests_not_counted", error=str(error))
        return
    if times > 1:
        raise untrusted(Distrust.REPLAYED)
