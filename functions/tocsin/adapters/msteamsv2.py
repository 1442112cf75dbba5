"""Microsoft Teams, by a workflow's webhook: an adaptive card with a title, the alerts and links.

A card has to stay below 28 KB; a workflow answers 202 before Teams has taken the card.

Sources: https://learn.microsoft.com/en-us/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using
https://adaptivecards.io/explorer/TextBlock.html
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from ..core.alerts import Status
from ..core.links import back_link
from ..core.notifications import Notification
from ..core.wording import clip, title
from ..errors import FailureReason
from .channel import Channel, Outlets
from .chat_text import Markup, alerts_text, with_link
from .http import Response, refused
from .plain import degraded
from .texts import Texts

# Of 28 KB, as bytes of JSON; some are the card's own and the link's.
TEXT_BYTES = 22_000
TITLE_BYTES = 2_000
_SIGNS = re.compile(r"([\\*_`\[\]()#<>~])")
_LIST = re.compile(r"^(\d+)([.)])", re.MULTILINE)
_CONTENT_TYPE = "application/vnd.microsoft.card.adaptive"
_SCHEMA = "http://adaptivecards.io/schemas/adaptive-card.json"


@dataclass(frozen=True, slots=True)
class Msteamsv2Sender:
    """Delivers notifications to the workflow that each one's settings refer to."""

    outlets: Outlets

    def __call__(self, notification: Notification, *, now: datetime) -> str:
        """Post. Raises DeliveryError."""
        message = render(notification, self.outlets.texts(notification, now=now))
        return self.outlets.deliver(notification, partial(send, message), now=now)


def send(message: dict[str, Any], channel: Channel) -> str:
    """Post a message and return the workflow's answer. Raises DeliveryError."""
    url = channel.secret("webhook_url")
    response = channel.post(url, message)
    if 200 <= response.status < 300:
        return response.text or "accepted"
    raise refused(response, url, reason=_reason(response))


def _reason(response: Response) -> FailureReason | None:
    # A workflow that is gone or switched off, or whose signature is wrong: the URL has to be replaced.
    return FailureReason.AUTH if response.status in (404, 410) else None


def render(notification: Notification, texts: Texts | None = None) -> dict[str, Any]:
    """Return the message; what cannot be rendered becomes a plain one. Never raises."""
    try:
        return _message(notification, texts or Texts(notification))
    except Exception as error:
        plain = degraded(notification, error)
        lines = _escape(clip(plain.text, TEXT_BYTES // 2, size=_bytes)).replace("\n", "\n\n")
        return _card([_block(lines)], [])


def _message(notification: Notification, texts: Texts) -> dict[str, Any]:
    heading, text = _escape(title(notification)), alerts_text(notification, _MARKUP, TEXT_BYTES, size=_bytes)
    if texts.is_given("title"):
        heading = texts.said("title", heading)
    if texts.is_given("text"):
        text = with_link(texts.said("text", text), notification, _MARKUP, TEXT_BYTES, size=_bytes)
    tone = "Good" if notification.status is Status.RESOLVED else "Attention"
    top = {"weight": "Bolder", "size": "Medium", "style": "heading", "color": tone}
    link = back_link(notification)
    actions = [{"type": "Action.OpenUrl", "title": "Open", "url": link}] if link else []
    blocks = [
        _block(clip(heading, TITLE_BYTES, size=_bytes), **top),
        _block(clip(text, TEXT_BYTES, size=_bytes)),
    ]
    return _card([block for block in blocks if block["text"]], actions)


def _card(blocks: list[dict[str, Any]], actions: list[dict[str, str]]) -> dict[str, Any]:
    card: dict[str, Any] = {
        "$schema": _SCHEMA,
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": blocks,
        "msteams": {"width": "full"},
    }
    if actions:
        card["actions"] = actions
    return {"type": "message", "attachments": [{"contentType": _CONTENT_TYPE, "contentUrl": None, "content": card}]}


def _block(text: str, **style: str) -> dict[str, Any]:
    return {"type": "TextBlock", "text": text, "wrap": True, **style}


def _escape(text: str) -> str:
    return _LIST.sub(r"\1\\\2", _SIGNS.sub(r"\\\1", text))


def _bytes(text: str) -> int:
    """Return how many bytes a text takes in a body, where all but ASCII is escaped."""
    return len(json.dumps(text)) - 2


# A TextBlock knows no code, and takes one line end for a space.
_MARKUP = Markup(escape=_escape, bold="**{}**", link="[{}]({})", code="{}", line_end="\n\n", escape_code=_escape)
