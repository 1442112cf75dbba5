"""What a person presses or types in a chat, from the button's value to the queue's message.

A button's value says what it does, for how long, and to which incident: `suppress 3600 inc-0123`. What was pressed is
written down as it was verified, and done after the chat has its answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from .notifications import format_time, parse_time

# Slack takes 150 characters as the value of an option.
VALUE_LENGTH = 150
LONGEST_HOLD = timedelta(days=30)
# Older ones are not what anybody wants any more, and nobody could be told.
OLDEST = timedelta(hours=1)


class Press(StrEnum):
    """What a button does about an incident, or what is asked for by a command."""

    ACKNOWLEDGE = "acknowledge"
    RESOLVE = "resolve"
    SUPPRESS = "suppress"
    ESCALATE = "escalate"
    LIST = "list"
    ONCALL = "oncall"


# What needs no incident.
QUESTIONS = frozenset({Press.LIST, Press.ONCALL})


@dataclass(frozen=True, slots=True)
class Button:
    """What is to be done to which incident; `hold` is how long, for what has an end."""

    press: Press
    incident: str = ""
    hold: timedelta = timedelta(0)

    @property
    def value(self) -> str:
        """Return what is written behind the button."""
        return f"{self.press.value} {int(self.hold.total_seconds())} {self.incident}"


def read_button(value: str) -> Button:
    """Return the button that has this value. Raises ValueError on what no button of ours has."""
    press, hold, incident = value.split(" ", 2) if value.count(" ") == 2 and len(value) <= VALUE_LENGTH else ("",) * 3
    button = Button(Press(press), incident, _hold(hold))
    if button.press in QUESTIONS or not incident.isprintable() or not incident or " " in incident:
        raise ValueError(f"no button of ours: {value[:VALUE_LENGTH]!r}")
    if (button.press is Press.SUPPRESS) != bool(button.hold):
        raise ValueError(f"{button.press} with a time of {hold} seconds")
    return button


def _hold(digits: str) -> timedelta:
    if not (digits.isascii() and digits.isdecimal()) or len(digits) > 9:
        raise ValueError(f"not a number of seconds: {digits[:20]!r}")
    hold = timedelta(seconds=int(digits))
    if hold > LONGEST_HOLD:
        raise ValueError(f"longer than {LONGEST_HOLD.days} days")
    return hold


@dataclass(frozen=True, slots=True)
class Click:
    """Something that a person asked for by a chat, once verified; `id` is the request's own.

    `user` is the chat's id of who it was and `name` its name for them; `reply_to` is a URL of the chat's that takes the
    answer for a while.
    """

    id: str
    button: Button
    user: str
    name: str
    at: datetime
    reply_to: str = ""
    comment: str = ""


def as_json(click: Click) -> dict[str, Any]:
    """Return the click as JSON values: the message of the queue."""
    return {
        "version": 1,
        "id": click.id,
        "press": click.button.press.value,
        "incident": click.button.incident,
        "hold_seconds": int(click.button.hold.total_seconds()),
        "user": click.user,
        "name": click.name,
        "at": format_time(click.at),
        "reply_to": click.reply_to,
        "comment": click.comment,
    }


def from_json(data: Mapping[str, Any]) -> Click:
    """Return the click that `as_json` wrote. Raises KeyError, ValueError or TypeError on others."""
    texts = [data[name] for name in ("id", "press", "incident", "user", "name", "at", "reply_to", "comment")]
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("a click's values are texts")
    key, press, incident, user, name, at, reply_to, comment = texts
    button = Button(Press(press), incident, _hold(str(data["hold_seconds"])))
    return Click(key, button, user, name, parse_time(at), reply_to, comment)
