"""Values that Alertmanager takes and no receiver does: they would be found out at night, so they are refused by day.

Templates are left alone: what they become is known only when they are sent.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from .blocks import Reading
from .documents import Scalar
from .integrations import INTEGRATIONS
from .receivers import name_and_context
from .values import describe, is_template

_ADDRESS = re.compile(r"(?:[^<>]*<[^@\s<>,]+@[^@\s<>,]+>|[^@\s<>,]+@[^@\s<>,]+)")
_TOPIC = re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?")


def _is_addresses(text: str) -> bool:
    return all(_ADDRESS.fullmatch(part.strip()) for part in text.split(","))


def _is_topic(text: str) -> bool:
    return _TOPIC.fullmatch(text) is not None


def _is_severity(text: str) -> bool:
    return text in ("critical", "error", "warning", "info")


# The blocks and the key in them → what it must hold, in a test and in words.
_EXPECTED: dict[tuple[str, str], tuple[Callable[[str], bool], str]] = {
    ("email_configs", "to"): (_is_addresses, "e-mail addresses with commas between them"),
    ("sns_configs", "topic_arn"): (_is_topic, "the ARN of an SNS topic"),
    ("pagerduty_configs", "severity"): (_is_severity, "critical, error, warning or info"),
}


def refuse_undeliverable(reading: Reading) -> None:
    """Note every value of an alertmanager.yml that no receiver would take."""
    value = reading.document.value
    receivers = value.get("receivers") if isinstance(value, dict) else None
    for index, receiver in enumerate(receivers if isinstance(receivers, list) else ()):
        path = ("receivers", index)
        _, context = name_and_context(receiver, path)
        for key in INTEGRATIONS:
            blocks = receiver.get(key) if isinstance(receiver, dict) else None
            for number, block in enumerate(blocks if isinstance(blocks, list) else ()):
                _check(reading, (*path, key, number), block, f"{context}, {key} {number + 1}")


def _check(reading: Reading, path: tuple[str | int, ...], block: object, context: str) -> None:
    for (section, key), (is_right, expected) in _EXPECTED.items():
        text = block.get(key) if section == path[-2] and isinstance(block, dict) else None
        if isinstance(text, Scalar) and text and not is_template(text) and not is_right(text):
            reading.problem((*path, key), f"{key}: expected {expected}, found {describe(text)}", context=context)
