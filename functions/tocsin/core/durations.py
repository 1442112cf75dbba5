"""Durations as Prometheus writes them: `90s` is `1m30s`, units in descending order and once each.

Source: https://github.com/prometheus/common/blob/main/model/time.go
"""

from __future__ import annotations

import re
from datetime import timedelta

_UNITS_MS = {"y": 31_536_000_000, "w": 604_800_000, "d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
_PATTERN = re.compile("".join(f"(?:(?P<{unit}>[0-9]+){unit})?" for unit in _UNITS_MS))
_LARGEST_MS = 2**63 // 10**6  # Go's durations are 64-bit nanoseconds, about 292 years
_EXACT_ONLY = ("y", "w")  # printed only where they divide what is left: 8d is 8d, not 1w1d


def parse_duration(text: str) -> timedelta:
    """Return the duration that a text means; ValueError says what is wrong with it."""
    if text == "0":
        return timedelta(0)
    found = _PATTERN.fullmatch(text)
    if not text or found is None:
        raise ValueError(f"not a valid duration: {text!r} (expected for example 30s, 5m or 1h30m)")
    milliseconds = sum(int(found[unit]) * size for unit, size in _UNITS_MS.items() if found[unit])
    if milliseconds > _LARGEST_MS:
        raise ValueError(f"duration out of range: {text!r}")
    return timedelta(milliseconds=milliseconds)


def format_duration(duration: timedelta) -> str:
    """Return the shortest text that Prometheus would print for a duration."""
    left = duration // timedelta(milliseconds=1)
    if left == 0:
        return "0s"
    sign, left = ("-", -left) if left < 0 else ("", left)
    parts = []
    for unit, size in _UNITS_MS.items():
        if unit in _EXACT_ONLY and left % size:
            continue
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{unit}")
    return sign + "".join(parts)
