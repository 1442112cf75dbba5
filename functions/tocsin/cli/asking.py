"""Asking the API: its value, or its refusal as an error of ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import TocsinError
from .desks import Asked, Body
from .failures import UsageError

V2 = ("api", "v2")


class ApiError(TocsinError):
    """The API refused."""


class NotFoundError(ApiError):
    """What was asked about is not there."""


def ask(
    desk: Asked,
    method: str,
    path: tuple[str, ...],
    query: Mapping[str, tuple[str, ...]] | None = None,
    body: Body = None,
) -> Any:
    """Return the value that is answered. Raises ApiError, or UsageError for what the API does not understand."""
    status, value = desk.ask(method, path, query or {}, body)
    if status == 200:
        return value
    message = value.get("message") if isinstance(value, dict) else value
    if status in (401, 403):
        raise ApiError(
            f"the API refuses this caller ({status}: {message}): its requests are signed with AWS credentials"
        )
    if status == 404:
        raise NotFoundError(str(message or f"{'/'.join(path)} was not found"))
    if message is None or status >= 500:
        raise ApiError(f"the API answered {status}{f': {message}' if message else ''}")
    error = UsageError if status in (400, 422) else ApiError
    raise error(str(message))
