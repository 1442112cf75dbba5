"""A Slack message of the settings' own texts: one attachment, as Alertmanager makes it.

Texts are mark-up that the configuration is responsible for; nothing in them is escaped.

Sources: https://docs.slack.dev/legacy/legacy-messaging/legacy-secondary-message-attachments
https://prometheus.io/docs/alerting/latest/configuration/#slack_config
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..core.wording import clip
from .texts import Texts

TITLE_LENGTH = 1024
TEXT_LENGTH = 30_000
FIELDS = 40
ACTIONS = 5
# Any of these makes a message of its own; the others (a colour, a link) only decorate.
_STORY = (
    "title",
    "pretext",
    "text",
    "message_text",
    "fields",
    "footer",
    "fallback",
    "image_url",
    "thumb_url",
    "actions",
)
_MARKUP_IN = ["fallback", "pretext", "text"]
_COLOURS = {"firing": "danger", "resolved": "good"}


def has_texts(texts: Texts) -> bool:
    """Say whether the settings have texts of their own."""
    return texts.is_given(*_STORY)


def render(texts: Texts, *, heading: str, story: str) -> dict[str, Any]:
    """Return the message; `heading` and `story` are said in the place of a title and a text that fail."""
    settings, status = texts.settings, texts.notification.status.value
    attachment: dict[str, Any] = {
        "title": clip(_title(texts, heading), TITLE_LENGTH),
        "title_link": texts.value("title_link"),
        "pretext": clip(texts.said("pretext"), TEXT_LENGTH),
        "text": clip(texts.said("text", story) if settings.get("text") else "", TEXT_LENGTH),
        "fallback": clip(texts.said("fallback", story), TITLE_LENGTH),
        "callback_id": texts.value("callback_id"),
        "image_url": texts.value("image_url"),
        "thumb_url": texts.value("thumb_url"),
        "footer": clip(texts.said("footer"), TITLE_LENGTH),
        "color": texts.value("color", _COLOURS[status]),
        "fields": list(_fields(texts)),
        "actions": list(_actions(texts)),
    }
    kept = {name: value for name, value in attachment.items() if value}
    kept["mrkdwn_in"] = list(settings.get("mrkdwn_in") or _MARKUP_IN)
    message: dict[str, Any] = {"attachments": [kept]}
    text = texts.said("message_text")
    if text:
        message["text"] = clip(text, TEXT_LENGTH)
    return message


def _title(texts: Texts, heading: str) -> str:
    """Return the settings' title; without one, ours where there is no other text either."""
    if texts.settings.get("title"):
        return texts.said("title", heading)
    return "" if texts.is_given("pretext", "text") else heading


def _fields(texts: Texts) -> Iterator[dict[str, Any]]:
    for field in (texts.settings.get("fields") or ())[:FIELDS]:
        short = field.get("short")
        yield {
            "title": texts.prose(str(field.get("title") or "")),
            "value": texts.prose(str(field.get("value") or "")),
            "short": bool(texts.settings.get("short_fields")) if short is None else bool(short),
        }


def _actions(texts: Texts) -> Iterator[dict[str, Any]]:
    for action in (texts.settings.get("actions") or ())[:ACTIONS]:
        # With a URL it is a link, which has no name, value or confirmation.
        keys = ("type", "text", "url", "style") if action.get("url") else ("type", "text", "style", "name", "value")
        found: dict[str, Any] = _filled(texts, action, keys)
        confirm = action.get("confirm")
        if confirm and not action.get("url"):
            found["confirm"] = _filled(texts, confirm, ("title", "text", "ok_text", "dismiss_text"))
        yield found


def _filled(texts: Texts, source: Mapping[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    said = {key: texts.field(str(source[key])) for key in keys if source.get(key)}
    return {key: value for key, value in said.items() if value}
