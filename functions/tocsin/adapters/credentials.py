"""The secrets of one delivery: read as settings refer to them, and once more where a receiver refuses them.

A key `api_key` stands beside `api_key_file`: the secret itself (one's own machine) or the reference to it (law 12).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from ..errors import DeliveryError, FailureReason
from .hiding import hide_all, hide_bytes
from .secrets import Secrets, resolve


class Credentials:
    """What was read for a delivery; each reference is read once."""

    def __init__(self, secrets: Secrets, *, now: datetime, fresh: bool = False) -> None:
        self._secrets = secrets
        self._now = now
        self._fresh = fresh
        self._read: dict[str, str] = {}
        self._revealed: set[str] = set()

    @property
    def read(self) -> Mapping[str, str]:
        """Return what was read, by reference."""
        return self._read

    def at(self, reference: str) -> str:
        """Return the value at a reference. Raises DeliveryError."""
        if reference not in self._read:
            self._read[reference] = resolve(self._secrets, reference, now=self._now, fresh=self._fresh)
        self.note(self._read[reference])
        return self._read[reference]

    def get(self, settings: Mapping[str, Any], key: str) -> str:
        """Return the secret of a key; empty where it is set neither in clear nor by reference. Raises DeliveryError."""
        reference = settings.get(f"{key}_file")
        if reference:
            return self.at(str(reference))
        if settings.get(f"{key}_ref"):
            raise not_configured(f"{key}_ref names a secret manager that does not exist here; use {key}_file")
        value = str(settings.get(key) or "")
        self.note(value)
        return value

    def note(self, *values: str) -> None:
        """Remember what else is secret: what was made of secrets, and what stands in settings in clear."""
        self._revealed.update(filter(None, values))

    def hide(self, text: str) -> str:
        """Return a text without any of the secrets of this delivery."""
        return hide_all(text, self._revealed)

    def hide_bytes(self, content: bytes) -> bytes:
        """Return what a receiver answered without any of the secrets of this delivery."""
        return hide_bytes(content, self._revealed)

    def need(self, settings: Mapping[str, Any], key: str, *, receiver: str) -> str:
        """Return the secret of a key. Raises DeliveryError, also where there is none."""
        value = self.get(settings, key)
        if not value:
            raise not_configured(f"receiver {receiver}: neither {key}_file nor {key} is set")
        return value


def with_fresh_secrets(secrets: Secrets, attempt: Callable[[Credentials], str], *, now: datetime) -> str:
    """Return what an attempt does; one that is refused is made once more if its secrets have changed meanwhile.

    Neither what is returned nor what is raised holds one of its secrets.
    """
    credentials = Credentials(secrets, now=now)
    try:
        return _discreet(attempt, credentials)
    except DeliveryError as error:
        if error.reason is not FailureReason.AUTH or not credentials.read:
            raise
        again = Credentials(secrets, now=now, fresh=True)
        if all(again.at(reference) == value for reference, value in credentials.read.items()):
            raise
    return _discreet(attempt, again)


def _discreet(attempt: Callable[[Credentials], str], credentials: Credentials) -> str:
    """Return what an attempt does, without what the receiver repeats of the secrets that it was sent."""
    try:
        return credentials.hide(attempt(credentials))
    except DeliveryError as error:
        said = credentials.hide(str(error))
        if said == str(error):
            raise
        # Not chained: what it came from says the same.
        raise error.saying(said) from None


def not_configured(message: str) -> DeliveryError:
    """Return the error of settings with which nothing can be sent."""
    return DeliveryError(message, reason=FailureReason.NOT_CONFIGURED, retryable=False)
