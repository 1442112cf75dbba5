"""Every error that Tocsin raises on purpose.

TocsinError
├── ConfigError          configuration that cannot be used: all problems at once, each with file and line
├── ConfigUnreachableError  what is decided needs the newest configuration, and it cannot be read at this moment
├── SettingsError        an environment variable that is missing or wrong
├── EventError           an event that no handler understands
├── QueryError           the metrics endpoint did not give an answer that can be used
├── StoreError
│   └── ConflictError    a conditional write lost: somebody else was there first
├── SecretError          a secret that is missing or has no such key
│   └── SecretUnavailableError  the place where it lives did not answer; it may in a moment
└── DeliveryError        a receiver did not take a notification (retryable or not, with a closed reason)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class TocsinError(Exception):
    """Base of all errors raised on purpose."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a configuration file: where, what was found, what was expected."""

    file: str
    line: int | None
    message: str
    column: int | None = None

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)
        return f"{place}: {self.message}"


class ConfigError(TocsinError):
    """Configuration was refused; `problems` holds every reason, in the order of the files."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class ConfigUnreachableError(TocsinError):
    """The newest configuration is needed, and its files cannot be read at this moment."""


class SettingsError(TocsinError):
    """Environment variables are missing or wrong; `problems` names each."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class EventError(TocsinError):
    """A handler was given an event that is not one of its own."""


class QueryError(TocsinError):
    """A query gave no usable answer: never to be taken for an empty result."""

    def __init__(self, message: str, *, retryable: bool = False, retry_after_seconds: float | None = None) -> None:
        self.retryable = retryable
        self.retry_after_seconds = retry_after_seconds
        super().__init__(message)


class StoreError(TocsinError):
    """The table could not be read or written."""


class ConflictError(StoreError):
    """A conditional write lost against another writer: load again, decide again."""


class SecretError(TocsinError):
    """A secret is missing, unreadable, or lacks the key that the configuration names."""


class SecretUnavailableError(SecretError):
    """The place where a secret lives did not answer; it may in a moment."""


class FailureReason(StrEnum):
    """Why a delivery failed; also the dimension of the metric."""

    CLIENT_ERROR = "client error"
    AUTH = "auth"
    RATE_LIMITED = "rate limited"
    SERVER_ERROR = "server error"
    TIMEOUT = "timeout"
    CONNECTION = "connection"
    NOT_CONFIGURED = "not configured"


# With these reasons a receiver may have taken what it was sent, though it did not say so.
_AMBIGUOUS = frozenset({FailureReason.SERVER_ERROR, FailureReason.TIMEOUT, FailureReason.CONNECTION})


class DeliveryError(TocsinError):
    """A receiver did not take the notification, as far as is known.

    `may_have_arrived` is False where it certainly did not: nothing was sent, or it was refused.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: FailureReason,
        retryable: bool,
        retry_after_seconds: float | None = None,
        may_have_arrived: bool | None = None,
    ) -> None:
        self.reason = reason
        self.may_have_arrived = reason in _AMBIGUOUS if may_have_arrived is None else may_have_arrived
        self.retryable = retryable
        self.retry_after_seconds = retry_after_seconds
        super().__init__(message)

    def saying(self, message: str) -> DeliveryError:
        """Return the same error in other words."""
        said = DeliveryError(message, reason=self.reason, retryable=self.retryable)
        vars(said).update(vars(self))
        return said
