"""What comes of a delivery holds none of its secrets, and is otherwise what came of it."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.adapters.scripted import ListedSecrets
from tocsin.adapters.credentials import Credentials, with_fresh_secrets
from tocsin.errors import DeliveryError, FailureReason

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
SECRET = "s3cr3t-s3cr3t"
# Each field with a value that no error has by itself.
FIELDS: dict[str, Any] = {
    "reason": FailureReason.CLIENT_ERROR,
    "retryable": True,
    "retry_after_seconds": 17.0,
    "may_have_arrived": True,
}


def failing(error: DeliveryError) -> DeliveryError:
    """Return what is raised where a receiver fails with an error."""

    def attempt(credentials: Credentials) -> str:
        credentials.at("secret:slack#a")
        raise error

    with pytest.raises(DeliveryError) as raised:
        with_fresh_secrets(ListedSecrets(SECRET), attempt, now=NOW)
    return raised.value


def test_an_error_without_its_secret_is_the_same_error() -> None:
    known = {name for name in inspect.signature(DeliveryError).parameters if name != "message"}
    assert known == FIELDS.keys(), "a field that is not here is not seen to be kept"
    error = failing(DeliveryError(f"answered 400: bad key {SECRET}", **FIELDS))
    assert SECRET not in str(error)
    assert str(error).startswith("answered 400: bad key ")
    assert {name: getattr(error, name) for name in FIELDS} == FIELDS


def test_what_was_learned_of_an_error_later_is_kept() -> None:
    error = DeliveryError(SECRET, reason=FailureReason.CLIENT_ERROR, retryable=False)
    error.may_have_arrived = True
    assert failing(error).may_have_arrived


def test_an_error_that_holds_no_secret_is_itself() -> None:
    error = DeliveryError("answered 400", **FIELDS)
    assert failing(error) is error
