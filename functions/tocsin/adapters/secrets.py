"""Secrets, read where they live, when they are needed (law 12).

A reference is one of
    secret:<name>#<key>             a key of the JSON secret that the environment names (TOCSIN_SECRET_<NAME>)
    secretsmanager:<id>#<key>       a key of a Secrets Manager secret, by ARN or name; without `#<key>` all of it
    ssm:<name>                      an SSM parameter, decrypted
    /path/to/file                   a file, for the command line

What was read is kept for a while; a sender that is refused for its credentials reads once more (`reread`), so that a
rotated secret needs no restart. No error holds a value.

Source: https://docs.aws.amazon.com/secretsmanager/latest/userguide/retrieving-secrets.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.json_text import JsonError, read_json
from ..errors import DeliveryError, FailureReason, SecretError, SecretUnavailableError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_ssm import SSMClient

_GONE = frozenset({"ResourceNotFoundException", "ParameterNotFound", "ParameterVersionNotFound"})
_DENIED = frozenset({"AccessDeniedException", "AccessDenied", "UnrecognizedClientException", "DecryptionFailure"})


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a secret's text lives, and the key inside it."""

    store: str
    id: str
    key: str | None


@dataclass(frozen=True, slots=True)
class _Kept:
    text: str
    read_at: datetime


class Secrets:
    """Resolves references; `names` maps a reference's name to the secret's ARN or name. Clients are built on use."""

    def __init__(
        self,
        names: Mapping[str, str],
        *,
        secretsmanager: Callable[[], SecretsManagerClient],
        ssm: Callable[[], SSMClient],
        keep: timedelta = timedelta(minutes=5),
    ) -> None:
        self._names = names
        self._secretsmanager = secretsmanager
        self._ssm = ssm
        self._keep = keep
        self._kept: dict[tuple[str, str], _Kept] = {}

    def read(self, reference: str, *, now: datetime) -> str:
        """Return the value. Raises SecretError, which names the reference and what to do."""
        return self._value(reference, self._text(reference, now=now, fresh=False))

    def reread(self, reference: str, *, now: datetime) -> str:
        """Return the value as it is now, whatever was kept."""
        return self._value(reference, self._text(reference, now=now, fresh=True))

    def _text(self, reference: str, *, now: datetime, fresh: bool) -> str:
        place = self._place(reference)
        kept = self._kept.get((place.store, place.id))
        if kept and not fresh and timedelta(0) <= now - kept.read_at < self._keep:
            return kept.text
        try:
            text = self._load(place, reference)
        except SecretUnavailableError:
            if kept is None:
                raise
            # What was valid a while ago most likely still is, and a page must not wait for it.
            return kept.text
        self._kept[place.store, place.id] = _Kept(text, now)
        return text

    def _place(self, reference: str) -> _Place:
        if reference.startswith("/"):
            return _Place("file", reference, None)
        store, _, rest = reference.partition(":")
        id_, _, key = rest.partition("#")
        if store == "secret":
            return _Place("secretsmanager", self._named(reference, id_), key or None)
        if store in ("secretsmanager", "ssm") and id_:
            return _Place(store, id_, key or None)
        raise SecretError(
            f"{_shown(reference)}: not a reference to a secret "
            "(expected secret:<name>#<key>, secretsmanager:<id>#<key>, ssm:<name> or /path/to/file)"
        )

    def _named(self, reference: str, name: str) -> str:
        id_ = self._names.get(name)
        if id_:
            return id_
        variable = f"TOCSIN_SECRET_{name.upper().replace('-', '_')}"
        raise SecretError(f"{reference}: {variable} is not set; set it to the ARN or the name of the secret")

    def _load(self, place: _Place, reference: str) -> str:
        if place.store == "file":
            return _read_file(place.id)
        from botocore.exceptions import BotoCoreError, ClientError  # only who reads a secret pays for the import

        try:
            if place.store == "ssm":
                return self._ssm().get_parameter(Name=place.id, WithDecryption=True)["Parameter"].get("Value", "")
            found = self._secretsmanager().get_secret_value(SecretId=place.id)
        except ClientError as error:
            raise _refusal(reference, error.response.get("Error", {}).get("Code", "")) from None
        except BotoCoreError as error:
            raise SecretUnavailableError(f"{reference}: could not be read: {type(error).__name__}") from None
        text = found.get("SecretString")
        if text is None:
            raise SecretError(f"{reference}: the secret is binary; store it as text, a JSON object of key and value")
        return text

    def _value(self, reference: str, text: str) -> str:
        key = self._place(reference).key
        value = text.strip() if key is None else _member(reference, text, key)
        if not value:
            raise SecretError(f"{reference}: is empty; put the value into the secret")
        return value


def resolve(secrets: Secrets, reference: str, *, now: datetime, fresh: bool = False) -> str:
    """Return a secret's value for a sender: what is wrong with it is raised as DeliveryError."""
    try:
        return secrets.reread(reference, now=now) if fresh else secrets.read(reference, now=now)
    except SecretUnavailableError as error:
        # Nothing was sent: nobody has heard of it.
        raise DeliveryError(
            str(error), reason=FailureReason.CONNECTION, retryable=True, may_have_arrived=False
        ) from None
    except SecretError as error:
        raise DeliveryError(str(error), reason=FailureReason.NOT_CONFIGURED, retryable=False) from None


def _read_file(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise SecretError(f"{path}: the file is not UTF-8 text") from None
    except OSError as error:
        raise SecretError(f"{path}: the file cannot be read: {error.strerror}") from None


def _member(reference: str, text: str, key: str) -> str:
    try:
        members = read_json(text, is_strict=False)
    except JsonError:
        members = None
    if not isinstance(members, dict):
        raise SecretError(f"{reference}: the secret is not a JSON object; make it one that has the key {key!r}")
    value = members.get(key)
    if isinstance(value, str):
        return value.strip()
    problem = "has no such key" if value is None else "the key's value is not a string"
    raise SecretError(f"{reference}: {problem}; put {key!r} into the secret's JSON object with the value as a string")


def _refusal(reference: str, code: str) -> SecretError:
    if code in _GONE:
        return SecretError(f"{reference}: there is no such secret; create it, or correct the reference")
    if code in _DENIED:
        return SecretError(f"{reference}: may not be read ({code}); allow this function's role to read and decrypt it")
    if code in ("ValidationException", "InvalidParameterException", "InvalidRequestException"):
        return SecretError(f"{reference}: cannot be read ({code}); correct the reference, or restore the secret")
    return SecretUnavailableError(f"{reference}: could not be read: {code or 'no reason given'}")


def _shown(reference: str) -> str:
    """Return a reference that may be none: a value written in its place must not be shown."""
    store, separator, _ = reference.partition(":")
    return f"{store}:…" if separator and store.isalnum() and len(store) <= 16 else "(not shown)"
