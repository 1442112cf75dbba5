"""The template's parameters: which there are, and whether a value is one that CloudFormation would take.

moto takes anything, and a stack that AWS would refuse must be refused here too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any


class ParameterError(Exception):
    """Values that the template does not allow; carries all of them."""

    def __init__(self, reasons: list[str]) -> None:
        self.reasons = tuple(reasons)
        super().__init__("; ".join(reasons))


def check(declared: Mapping[str, Mapping[str, Any]], given: Mapping[str, str]) -> dict[str, str]:
    """Return the given values as CloudFormation takes them (strings), or raise ParameterError with every reason."""
    values = {name: str(value) for name, value in given.items()}
    reasons = [f"there is no parameter {name}" for name in values if name not in declared]
    for name, rules in declared.items():
        if name in values:
            reasons += [f"{name}={values[name]!r}: {reason}" for reason in _objections(values[name], rules)]
        elif "Default" not in rules:
            reasons.append(f"{name} has to be given")
    if reasons:
        raise ParameterError(reasons)
    return values


def _objections(value: str, rules: Mapping[str, Any]) -> list[str]:
    if "AllowedValues" in rules and value not in map(str, rules["AllowedValues"]):
        return [f"is none of {', '.join(map(str, rules['AllowedValues']))}"]
    if rules.get("AllowedPattern") and re.fullmatch(_anchored(rules["AllowedPattern"]), value) is None:
        return [rules.get("ConstraintDescription", f"does not match {rules['AllowedPattern']}")]
    if rules.get("Type") == "Number":
        return _number_objections(value, rules)
    return []


def _number_objections(value: str, rules: Mapping[str, Any]) -> list[str]:
    try:
        number = float(value)
    except ValueError:
        return ["is not a number"]
    if number < float(rules.get("MinValue", "-inf")):
        return [f"is less than {rules['MinValue']}"]
    if number > float(rules.get("MaxValue", "inf")):
        return [f"is more than {rules['MaxValue']}"]
    return []


def _anchored(pattern: str) -> str:
    """An alternative like `^$|^x$` has its anchors inside; a full match needs it to be one group."""
    return f"(?:{pattern})"
