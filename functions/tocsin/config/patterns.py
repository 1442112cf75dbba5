"""Regular expressions by RE2: Prometheus's own syntax, in linear time whatever the pattern.

This is the one place where a pattern that somebody wrote is compiled: those of configuration, silences, filters and
templates. What a pattern may cost is bounded by the memory that RE2 gives it, compiled and while it matches: 1 MiB is
an alternation of some thousand names, and a thousandth of what counted repetitions would take. So many are kept.

Source: https://github.com/google/re2/wiki/Syntax
"""

from __future__ import annotations

from functools import lru_cache
from typing import cast

import re2

from ..core.patterns import Pattern

LARGEST_BYTES = 1 << 20
MOST_KEPT = 256
_SHOWN = 200

_OPTIONS = re2.Options()
_OPTIONS.max_mem = LARGEST_BYTES
_OPTIONS.log_errors = False  # the error is raised; on standard error it would stand twice


@lru_cache(maxsize=MOST_KEPT)
def compile_pattern(text: str) -> Pattern:
    """Return a compiled pattern. Raises ValueError with RE2's reason."""
    try:
        return cast(Pattern, re2.compile(text, _OPTIONS))
    except re2.error as error:
        reason = error.args[0] if error.args else "it does not compile"
        said = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
    except UnicodeEncodeError:
        said = "it holds half a surrogate pair"
    raise ValueError(f"not a valid RE2 pattern: {_clipped(text)!r} ({_clipped(said)})")


def _clipped(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
