"""How a threshold rule's value is said: `{value:.1%} error rate` makes 7.2% error rate, and 5.0% of its threshold.

A display is a text with one placeholder, `{value}`, `{value:.Nf}` or `{value:.N%}`. The unit that stands directly after
the placeholder, as in `p95={value:.0f}ms`, belongs to the number and is said of the threshold too.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from .rules import Threshold

DEFAULT_DISPLAY = "{value}"

_PLACEHOLDER = re.compile(r"\{value(?::\.([0-9])([f%]))?\}([^\s\d()\[\]{},;:=]*)")
# Prometheus's own comparisons: every other sign is no comparison.
SIGNS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<=", "eq": "==", "ne": "!="}


@dataclass(frozen=True, slots=True)
class Display:
    """A display taken apart; `digits` is None where the value's own digits are shown."""

    before: str
    digits: int | None
    is_percentage: bool
    unit: str
    after: str

    def say(self, value: float) -> str:
        """Return a number with its unit."""
        return self._number(value) + self.unit

    def _number(self, value: float) -> str:
        percent = "%" if self.is_percentage else ""
        if not math.isfinite(value):
            return ("NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf") + percent
        if self.digits is None:
            return f"{value:.6g}"
        return f"{value:.{self.digits}{'%' if self.is_percentage else 'f'}}"

    @property
    def template(self) -> str:
        """The whole display in the language of rule templates, which cannot multiply: percentages keep four digits."""
        if self.is_percentage:
            action = "humanizePercentage"
        else:
            action = f'printf "%.{"6g" if self.digits is None else f"{self.digits}f"}"'
        return f"{self.before}{{{{ $value | {action} }}}}{self.unit}{self.after}"


def parse_display(text: str) -> Display:
    """Return the parts of a display; ValueError says what is wrong with it."""
    found = _PLACEHOLDER.search(text)
    if found is None or set("{}") & set(text[: found.start()] + text[found.end() :]):
        raise ValueError(
            f"expected one placeholder, {{value}}, {{value:.1f}} or {{value:.1%}}, and no other braces, found {text!r}"
        )
    digits, style, unit = found.groups()
    return Display(
        before=text[: found.start()],
        digits=None if digits is None else int(digits),
        is_percentage=style == "%",
        unit=unit,
        after=text[found.end() :],
    )


def render_value(threshold: Threshold, value: float) -> str:
    """Return what the rule says of a value, for example `7.2% error rate`."""
    display = parse_display(threshold.display)
    return display.before + display.say(value) + display.after


def render_threshold(threshold: Threshold) -> str:
    """Return the threshold as the rule's values are said, for example `5.0%`."""
    return parse_display(threshold.display).say(threshold.threshold)
