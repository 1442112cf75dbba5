"""Discord, by webhook: one embed with a title, the alerts and a colour.

Labels mention nobody: mentions are allowed only in `content`, which is the configuration's.

Sources: https://docs.discord.com/developers/resources/webhook#execute-webhook
https://docs.discord.com/developers/resources/message#embed-object-embed-limits
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from ..core.links import back_link
from ..core.notifications import Notification
from ..core.wording import clip, colour, title
from ..errors import FailureReason
from .channel import Channel, Outlets
from .chat_text import Markup, alerts_text, with_link
from .http import Response, refused
from .plain import degraded
from .texts import Texts

CONTENT_LENGTH = 2000
TITLE_LENGTH = 256
DESCRIPTION_LENGTH = 4096
USERNAME_LENGTH = 80
_SIGNS = re.compile(r"([\\*_~`|>\[\]()#<@])")


@dataclass(frozen=True, slots=True)
class DiscordSender:
    """Delivers notifications to the webhook that each one's settings refer to."""

    outlets: Outlets

    def __call__(self, notification: Notification, *, now: datetime) -> str:
        """Post. Raises DeliveryError."""
        message = render(notification, self.outlets.texts(notification, now=now))
        return self.outlets.deliver(notification, partial(send, message), now=now)


def send(message: dict[str, Any], channel: Channel) -> str:
    """Post a message and return Discord's answer. Raises DeliveryError."""
    url = channel.secret("webhook_url")
    response = channel.post(url, message)
    if response.status in (200, 204):
        return response.text or "ok"
    raise refused(response, url, reason=_reason(response))


def _reason(response: Response) -> FailureReason | None:
    # A webhook that was deleted, or a token that is wrong: the URL has to be replaced.
    return FailureReason.AUTH if response.status == 404 else None


def render(notification: Notification, texts: Texts | None = None) -> dict[str, Any]:
    """Return the message; what cannot be rendered becomes a plain one. Never raises."""
    try:
        return _message(notification, texts or Texts(notification))
    except Exception as error:
        plain = degraded(notification, error)
        return {"content": clip(plain.text, CONTENT_LENGTH, size=_units), "allowed_mentions": {"parse": []}}


def _message(notification: Notification, texts: Texts) -> dict[str, Any]:
    heading, text = title(notification), alerts_text(notification, _MARKUP, DESCRIPTION_LENGTH, size=_units)
    if texts.is_given("title"):
        heading = texts.said("title", heading)
    if texts.is_given("message"):
        text = with_link(texts.said("message", text), notification, _MARKUP, DESCRIPTION_LENGTH, size=_units)
    embed: dict[str, Any] = {
        "title": clip(heading, TITLE_LENGTH, size=_units),
        "description": clip(text, DESCRIPTION_LENGTH, size=_units),
        "color": int(colour(notification.severity, notification.status).removeprefix("#"), 16),
    }
    link = back_link(notification)
    message: dict[str, Any] = {
        "content": clip(texts.said("content"), CONTENT_LENGTH, size=_units),
        "embeds": [{**embed, "url": link} if link else embed],
        "username": clip(texts.value("username"), USERNAME_LENGTH, size=_units),
        "avatar_url": texts.value("avatar_url"),
    }
    if not texts.is_given("content"):
        message["allowed_mentions"] = {"parse": []}
    return {name: value for name, value in message.items() if value}


def _escape(text: str) -> str:
    return _SIGNS.sub(r"\\\1", text)


def _units(text: str) -> int:
    return len(text) + sum(character > "\uffff" for character in text)


_MARKUP = Markup(escape=_escape, bold="**{}**", link="[{}]({})", code="`{}`")
