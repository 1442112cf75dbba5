"""Regular expressions by RE2: Prometheus's own syntax, in linear time whatever the pattern.

Source: https://github.com/google/re2/wiki/Syntax
"""

from __future__ import annotations

from functools import lru_cache
from typing import cast

import re2

from ..core.matchers import Pattern

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False  # the error is raised; on standard error it would stand twice


@lru_cache(maxsize=1024)
def compile_pattern(text: str) -> Pattern:
    """Return a pattern that matches whole values. Raises ValueError with RE2's reason."""
    try:
        return cast(Pattern, re2.compile(text, _OPTIONS))
    except re2.error as error:
        reason = error.args[0] if error.args else "it does not compile"
        text_of_reason = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise ValueError(f"not a valid RE2 pattern: {text!r} ({text_of_reason})") from None
