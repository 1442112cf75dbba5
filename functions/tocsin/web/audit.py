"""Every request that is refused, in the log and in the metrics: who asked for what, and why they did not get it.

No line holds what was presented: neither a token, nor a name that nobody has proven, nor the path as it was written.
"""

from __future__ import annotations

from enum import StrEnum

from ..ports import Log
from .http import Request, Response


class Refusal(StrEnum):
    """Why a request was refused; also the dimension of the metric."""

    NOT_AUTHENTICATED = "not authenticated"
    NOT_ALLOWED = "not allowed"
    NOT_FOUND = "not found"
    CONFLICT = "conflict"
    TOO_LARGE = "too large"
    TOO_MANY = "too many requests"
    NOT_VALID = "not valid"
    FAILED = "failed"
    # Of those who sign instead of showing a token.
    FORGED = "forged"
    STALE = "stale"
    REPLAYED = "replayed"
    MALFORMED = "malformed"


_BY_STATUS = {
    401: Refusal.NOT_AUTHENTICATED,
    403: Refusal.NOT_ALLOWED,
    404: Refusal.NOT_FOUND,
    405: Refusal.NOT_FOUND,
    409: Refusal.CONFLICT,
    413: Refusal.TOO_LARGE,
    414: Refusal.TOO_LARGE,
    429: Refusal.TOO_MANY,
    431: Refusal.TOO_LARGE,
}
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def why(response: Response) -> Refusal | None:
    """Return why a request was refused, or why nothing came of it; None where it was answered."""
    if response.reason:
        return Refusal(response.reason)
    if response.status < 400:
        return None
    if "retry-after" in response.headers:
        return Refusal.TOO_MANY
    return _BY_STATUS.get(response.status, Refusal.FAILED if response.status >= 500 else Refusal.NOT_VALID)


def note_refusal(log: Log, response: Response, request: Request | None = None, *, path: str = "") -> None:
    """Log and count a request that was refused; `path` is ours, with placeholders, where it is one of ours."""
    reason = why(response)
    if reason is None:
        return
    asked = request or Request("", ())
    log.warning(
        "request_refused",
        status=response.status,
        reason=reason.value,
        method=asked.method if asked.method in _METHODS else "",
        path=path,
        caller=asked.identity.name if asked.identity else "",
        source=asked.source,
    )
    log.count("RequestsRefused", reason=reason.value)
