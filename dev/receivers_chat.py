"""What Discord, Microsoft Teams and Telegram refuse in a message.

Sources: https://docs.discord.com/developers/resources/message#embed-object-embed-limits
https://learn.microsoft.com/en-us/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using
https://core.telegram.org/bots/api#html-style
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

TEAMS_BYTES = 28 * 1024
TELEGRAM_LENGTH = 4096
EMBEDS_LENGTH = 6000
_DISCORD_KEYS = frozenset({"content", "username", "avatar_url", "embeds", "allowed_mentions", "tts", "thread_name"})
_EMBED_LENGTHS = {"title": 256, "description": 4096}
_TELEGRAM_KEYS = frozenset(
    {"chat_id", "text", "parse_mode", "message_thread_id", "disable_notification", "link_preview_options"}
)
_TELEGRAM_TAGS = frozenset({"b", "strong", "i", "em", "u", "s", "a", "code", "pre", "blockquote", "tg-spoiler"})


def check_discord(body: bytes) -> tuple[Any, list[str]]:
    """Return a webhook's message and everything that is wrong with it."""
    return _check(body, _discord)


def check_teams(body: bytes) -> tuple[Any, list[str]]:
    """Return a workflow's message and everything that is wrong with it."""
    message, problems = _check(body, _teams)
    size = len(body)
    return message, [*problems, *([f"{size} bytes, {TEAMS_BYTES} allowed"] if size > TEAMS_BYTES else [])]


def check_telegram(body: bytes) -> tuple[Any, list[str]]:
    """Return what a bot sends and everything that is wrong with it."""
    return _check(body, _telegram)


def _check(body: bytes, rules: Callable[[Mapping[str, Any]], Iterator[str]]) -> tuple[Any, list[str]]:
    try:
        message = json.loads(body)
    except ValueError as error:
        return None, [f"not JSON: {error}"]
    return message, list(rules(message)) if isinstance(message, dict) else ["not an object"]


def _discord(message: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"{name}: not a field of a message" for name in sorted(set(message) - _DISCORD_KEYS))
    content, embeds = message.get("content", ""), message.get("embeds", [])
    if not content and not embeds:
        yield "Cannot send an empty message"
    if units(content) > 2000:
        yield f"content: {units(content)} characters, 2000 allowed"
    username = message.get("username")
    if username is not None and not (1 <= units(username) <= 80 and "clyde" not in username.lower()):
        yield "username: 1 to 80 characters, and not Clyde"
    for index, embed in enumerate(embeds):
        yield from _embed(f"embeds[{index}]", embed)
    if sum(units(str(embed.get(name, ""))) for embed in embeds for name in _EMBED_LENGTHS) > EMBEDS_LENGTH:
        yield f"embeds: more than {EMBEDS_LENGTH} characters in all"


def _embed(where: str, embed: Mapping[str, Any]) -> Iterator[str]:
    for name, length in _EMBED_LENGTHS.items():
        if units(embed.get(name, "")) > length:
            yield f"{where}.{name}: {units(embed[name])} characters, {length} allowed"
    if not 0 <= embed.get("color", 0) <= 0xFFFFFF:
        yield f"{where}.color: no colour"
    if "url" in embed and not _is_web(embed["url"]):
        yield f"{where}.url: not a URL"
    if not embed.get("title") and not embed.get("description"):
        yield f"{where}: empty"


def _teams(message: Mapping[str, Any]) -> Iterator[str]:
    attachments = message.get("attachments")
    if message.get("type") != "message" or not isinstance(attachments, list) or not attachments:
        yield "not a message with attachments"
        return
    for attachment in attachments:
        if attachment.get("contentType") != "application/vnd.microsoft.card.adaptive":
            yield f"contentType: {attachment.get('contentType')!r} is no adaptive card"
        card = attachment.get("content") or {}
        if card.get("type") != "AdaptiveCard" or card.get("version") not in ("1.2", "1.3", "1.4", "1.5"):
            yield "content: no adaptive card of a version that Teams shows"
        if not card.get("body"):
            yield "body: empty"
        for index, block in enumerate(card.get("body") or ()):
            if block.get("type") != "TextBlock" or not str(block.get("text", "")).strip():
                yield f"body[{index}]: no TextBlock with a text"
        for index, action in enumerate(card.get("actions") or ()):
            if action.get("type") != "Action.OpenUrl" or not action.get("title") or not _is_web(action.get("url")):
                yield f"actions[{index}]: no link"


def _telegram(message: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"{name}: not a parameter of sendMessage" for name in sorted(set(message) - _TELEGRAM_KEYS))
    if not isinstance(message.get("chat_id"), (int, str)) or not message["chat_id"]:
        yield "Bad Request: chat_id is empty"
    text, mode = message.get("text", ""), message.get("parse_mode")
    if mode not in (None, "HTML", "Markdown", "MarkdownV2"):
        yield "Bad Request: unsupported parse_mode"
    if mode == "HTML":
        reader = _TelegramReader()
        reader.feed(text)
        reader.close()
        yield from reader.problems
        if reader.open:
            yield f"Bad Request: can't parse entities: can't find end tag corresponding to start tag {reader.open[-1]}"
        text = "".join(reader.texts)
    if not str(text).strip():
        yield "Bad Request: message text is empty"
    elif units(text) > TELEGRAM_LENGTH:
        yield "Bad Request: message is too long"


class _TelegramReader(HTMLParser):
    """Reads HTML as strictly as Telegram: a handful of tags, all closed."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.texts: list[str] = []
        self.problems: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _TELEGRAM_TAGS:
            self.problems.append(f'Bad Request: can\'t parse entities: Unsupported start tag "{tag}"')
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.problems.append(f"Bad Request: can't parse entities: Unexpected end tag {tag}")

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def _is_web(url: Any) -> bool:
    return isinstance(url, str) and urlsplit(url).scheme in ("http", "https") and " " not in url


def units(text: str) -> int:
    """Return the length as JavaScript counts it, in UTF-16 units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
