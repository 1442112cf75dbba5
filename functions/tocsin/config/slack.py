"""`slack` in tocsin.yml: the app by which people act on incidents.

bot_token       a reference to its token, for messages to users (users.py)
signing_secret  a reference to what Slack signs clicks and commands with; without it messages have no buttons
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from ..core.receivers import Kind, Receiver
from ..core.slack import BUTTONS, SlackApp
from .blocks import Block, Reading
from .values import Reference

_PATH = ("slack",)


class _Slack(Block):
    one_of: ClassVar[tuple[tuple[str, ...], ...]] = (("signing_secret", "bot_token"),)

    bot_token: Reference | None = None
    signing_secret: Reference | None = None


def read_slack(reading: Reading) -> SlackApp | None:
    """Return the app, or None where there is none; whatever is wrong with it is noted."""
    if reading.document.value.get(_PATH[0]) is None:
        return None
    block = reading.block(_Slack, _PATH, context=_PATH[0])
    return SlackApp(block.bot_token or "", block.signing_secret or "") if block else None


def with_buttons(receivers: Mapping[str, Receiver], app: SlackApp | None) -> Mapping[str, Receiver]:
    """Return the receivers; each of Slack's knows whether somebody takes its clicks."""
    if app is None or not app.signing_secret:
        return receivers
    return {
        name: replace(
            receiver,
            integrations=tuple(
                replace(each, settings={**each.settings, BUTTONS: True}) if each.kind is Kind.SLACK else each
                for each in receiver.integrations
            ),
        )
        for name, receiver in receivers.items()
    }
