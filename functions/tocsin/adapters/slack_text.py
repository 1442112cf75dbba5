"""Texts as Slack takes them: escaped, and measured as Slack counts.

Source: https://docs.slack.dev/messaging/formatting-message-text#escaping
"""

from __future__ import annotations

from typing import Any

from ..core.wording import clip

_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def section(text: str) -> dict[str, Any]:
    """Return a block of mrkdwn."""
    return {"type": "section", "text": mrkdwn(text)}


def mrkdwn(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text}


def escape(text: str, limit: int) -> str:
    """Return text as mrkdwn takes it, cut so that the escaped text is within a limit."""
    return "".join(_ESCAPES.get(character, character) for character in clip(text, limit, size=_size))


def units(text: str) -> int:
    """Return a length in UTF-16 units, as Slack counts."""
    return len(text) + sum(character > "\uffff" for character in text)


def _size(character: str) -> int:
    return units(_ESCAPES.get(character, character))
