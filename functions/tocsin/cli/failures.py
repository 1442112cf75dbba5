"""What went wrong, for a person: one line for each problem, without a traceback, and the exit status it means."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from ..errors import ConfigError, SettingsError, TocsinError

FAILED, WRONG = 1, 2


class UsageError(TocsinError):
    """The command was asked for something that cannot be."""


def lines_of(error: Exception) -> list[str]:
    """Return the lines that say it."""
    if isinstance(error, ConfigError | SettingsError):
        return [_one_line(str(problem)) for problem in error.problems]
    if isinstance(error, TocsinError) or type(error).__module__.startswith("botocore"):
        return [_one_line(str(error))]
    if isinstance(error, OSError) and error.strerror:
        return [_one_line(f"{error.filename}: {error.strerror}" if error.filename else error.strerror)]
    return [_one_line(f"{type(error).__name__}: {error} (this is a mistake in Tocsin: please report it)")]


def status_of(error: Exception) -> int:
    """Return the exit status of an error."""
    return WRONG if isinstance(error, ConfigError | SettingsError | UsageError) else FAILED


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a hint at the name that was meant, or at all there are."""
    names = sorted(set(known))
    close = get_close_matches(name, names, n=1)
    if close:
        return f"did you mean {close[0]}?"
    return f"there are: {', '.join(names)}" if names else "there are none"


def _one_line(text: str) -> str:
    return " ".join(text.split())
