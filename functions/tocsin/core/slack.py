"""Slack's app: as what messages are posted, and how we know that a click is Slack's."""

from __future__ import annotations

from dataclasses import dataclass

# The setting of an integration that says that its messages may have buttons: somebody takes their clicks.
BUTTONS = "has_buttons"


@dataclass(frozen=True, slots=True)
class SlackApp:
    """References to the app's secrets, empty where there is none.

    The text of the signing secret may be two, while one is exchanged for another.
    """

    bot_token: str = ""
    signing_secret: str = ""
