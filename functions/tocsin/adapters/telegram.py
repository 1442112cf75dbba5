"""Telegram, by a bot: one message to a chat, or to a thread in it.

Our own text is HTML, whatever `parse_mode` the settings' `message` is in. A message has at most 4,096 characters after
its mark-up is taken away.

Sources: https://core.telegram.org/bots/api#sendmessage and #responseparameters
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from html import escape, unescape
from html.parser import HTMLParser
from typing import Any

from ..core.drills import marked
from ..core.links import back_link
from ..core.notifications import Notification
from ..core.wording import clip, title
from ..errors import DeliveryError, FailureReason
from .channel import Channel, Outlets
from .chat_text import Markup, alerts_text
from .credentials import not_configured
from .hiding import hide
from .http import Response, refused
from .plain import degraded
from .texts import Texts

API_URL = "https://api.telegram.org"
TEXT_LENGTH = 4096
MESSAGE_BYTES = 32_000
_HTML = "HTML"


@dataclass(frozen=True, slots=True)
class TelegramSender:
    """Delivers notifications to the chat of each one's settings."""

    outlets: Outlets

    def __call__(self, notification: Notification, *, now: datetime) -> str:
        """Post. Raises DeliveryError."""
        message = render(notification, self.outlets.texts(notification, now=now))
        return self.outlets.deliver(notification, partial(send, message), now=now)


def send(message: Mapping[str, Any], channel: Channel) -> str:
    """Post a message and return its id. Raises DeliveryError."""
    token = channel.secret("bot_token")
    url = f"{str(channel.settings.get('api_url') or API_URL).rstrip('/')}/bot{token}/sendMessage"
    patient = replace(channel.http, asked_wait=_asked_wait)
    response = patient.post_json(url, {**message, "chat_id": _chat(channel)}, now=channel.now)
    answer = _answer(response)
    if response.status == 200 and answer.get("ok"):
        return f"message {(answer.get('result') or {}).get('message_id', '')}".strip()
    raise _refusal(response, answer, url, token)


def _chat(channel: Channel) -> int | str:
    chat = channel.secret("chat_id")
    try:
        return int(chat)
    except ValueError:
        if chat.startswith("@"):
            return chat
        raise not_configured(f"receiver {channel.notification.receiver}: chat_id is no number") from None


def _refusal(response: Response, answer: Mapping[str, Any], url: str, token: str) -> DeliveryError:
    said = clip(hide(str(answer.get("description") or response.text), token), 300)
    # 404 is what an address with a wrong token is.
    is_refused = response.status in (401, 404) and answer.get("ok") is False
    return refused(response, url, said=said, reason=FailureReason.AUTH if is_refused else None)


def _asked_wait(response: Response) -> float | None:
    """Return the seconds that a 429 asks for: Telegram says them in the body, and in no header."""
    parameters = _answer(response).get("parameters")
    seconds = parameters.get("retry_after") if isinstance(parameters, dict) else None
    return float(seconds) if type(seconds) is int and seconds > 0 else None


def _answer(response: Response) -> Mapping[str, Any]:
    try:
        answer = json.loads(response.body)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def render(notification: Notification, texts: Texts | None = None) -> dict[str, Any]:
    """Return the message without its chat; what cannot be rendered becomes a plain one. Never raises."""
    try:
        return {**_message(notification, texts or Texts(notification)), **_options(notification)}
    except Exception as error:
        return {"text": clip(degraded(notification, error).text, TEXT_LENGTH, size=_units), **_options(notification)}


def _message(notification: Notification, texts: Texts) -> dict[str, Any]:
    if not texts.is_given("message"):
        return _own(notification)
    template, mode = str(texts.settings["message"]), str(texts.settings.get("parse_mode", _HTML))
    try:
        text = marked(notification, texts.filled(template, as_html=mode == _HTML))
    except Exception:
        # The error would have to be escaped for the mode; as plain text it needs nothing.
        return {"text": clip(texts.prose(template, _plain(notification)), TEXT_LENGTH, size=_units)}
    if not text.strip():
        return _own(notification)
    if notification.acknowledge_url and mode == _HTML:
        # The other modes have signs that would have to be escaped.
        linked = f"{text}\n\n{_MARKUP.linked('Acknowledge', notification.acknowledge_url)}"
        text = linked if _fits(linked) else text
    return {"text": text, "parse_mode": mode} if mode == _HTML and _fits(text) else _cut(text, mode)


def _cut(text: str, mode: str) -> dict[str, Any]:
    """Return a text of the settings; one that is too long is cut, and mark-up that is cut is no mark-up any more."""
    if mode == _HTML:
        return {"text": clip(_visible(text), TEXT_LENGTH, size=_units)}
    if _units(text) <= TEXT_LENGTH:
        return {"text": text, "parse_mode": mode} if mode else {"text": text}
    return {"text": clip(text, TEXT_LENGTH, size=_units)}


def _own(notification: Notification) -> dict[str, Any]:
    heading, link = escape(title(notification), quote=False), back_link(notification)
    top = f'<b><a href="{escape(link)}">{heading}</a></b>' if link else f"<b>{heading}</b>"
    text = f"{top}\n\n{alerts_text(notification, _MARKUP, TEXT_LENGTH - _units(title(notification)), size=_shown)}"
    if not _fits(text):
        return {"text": clip(_visible(text), TEXT_LENGTH, size=_units)}
    return {"text": text, "parse_mode": _HTML}


def _plain(notification: Notification) -> str:
    return clip(_visible(str(_own(notification)["text"])), TEXT_LENGTH - 500, size=_units)


def _options(notification: Notification) -> dict[str, Any]:
    settings = notification.integration.settings
    options: dict[str, Any] = {"link_preview_options": {"is_disabled": True}}
    if settings.get("disable_notifications"):
        options["disable_notification"] = True
    if settings.get("message_thread_id"):
        options["message_thread_id"] = settings["message_thread_id"]
    return options


def _fits(text: str) -> bool:
    return _shown(text) <= TEXT_LENGTH and len(text.encode("utf-8", "replace")) <= MESSAGE_BYTES


def _shown(text: str) -> int:
    return _units(_visible(text))


def _visible(text: str) -> str:
    """Return what is left of HTML without its mark-up."""
    if "<" not in text:
        return unescape(text)
    reader = _Reader()
    reader.feed(text)
    reader.close()
    return "".join(reader.texts)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[str] = []

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def _units(text: str) -> int:
    return len(text) + sum(character > "\uffff" for character in text)


def _escape(text: str) -> str:
    return escape(text, quote=False)


_MARKUP = Markup(
    escape=_escape,
    bold="<b>{}</b>",
    link='<a href="{1}">{0}</a>',
    code="<code>{}</code>",
    escape_code=_escape,
    escape_url=escape,
)
