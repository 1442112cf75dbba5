"""Discord, Microsoft Teams, Telegram, Webex, WeChat: messages in a room.

Source: https://github.com/prometheus/alertmanager/tree/main/notify (config.go of each)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator

from ...core.receivers import Kind
from ..values import FilledText, Flag, GoDuration, Integer, Reference, Text, Url, UrlWithSlash, describe
from .block import Fallback, HttpBlock, default


def _parse_mode(value: Any) -> str:
    if value not in ("", "Markdown", "MarkdownV2", "HTML"):
        raise ValueError(f"expected Markdown, MarkdownV2, HTML or nothing, found {describe(value)}")
    return str(value)


def _wechat_type(value: Any) -> str:
    if value not in ("", "text", "markdown"):
        raise ValueError(f"expected text or markdown, found {describe(value)}")
    return str(value) or "text"


class _WebhookUrlBlock(HttpBlock):
    """A room whose address is the secret."""

    secrets: ClassVar[Mapping[str, str]] = {"webhook_url": "webhook_url_file"}
    one_of: ClassVar[tuple[tuple[str, ...], ...]] = (("webhook_url_file", "webhook_url"),)

    webhook_url: Url | None = None
    webhook_url_file: Reference | None = None


class DiscordBlock(_WebhookUrlBlock):
    kind = Kind.DISCORD

    content: Text | None = None
    title: Text = default("discord.default.title")
    message: Text = default("discord.default.message")
    username: Text | None = None
    avatar_url: Text | None = None


class MsteamsBlock(_WebhookUrlBlock):
    kind = Kind.MSTEAMS

    title: Text = default("msteams.default.title")
    summary: Text = default("msteams.default.summary")
    text: Text = default("msteams.default.text")


class Msteamsv2Block(_WebhookUrlBlock):
    kind = Kind.MSTEAMSV2

    title: Text = default("msteamsv2.default.title")
    text: Text = default("msteamsv2.default.text")


class TelegramBlock(HttpBlock):
    kind = Kind.TELEGRAM
    secrets: ClassVar[Mapping[str, str]] = {"bot_token": "bot_token_file"}
    fallbacks: ClassVar[tuple[Fallback, ...]] = (
        Fallback(("api_url",), ("telegram_api_url",)),
        Fallback(("bot_token", "bot_token_file"), ("telegram_bot_token", "telegram_bot_token_file"), is_needed=True),
    )

    api_url: Url | None = None
    bot_token: Text | None = None
    bot_token_file: Reference | None = None
    chat_id: Integer | None = None
    chat_id_file: Reference | None = None
    message_thread_id: Integer | None = None
    message: Text = default("telegram.default.message")
    disable_notifications: Flag | None = None
    parse_mode: Annotated[str, BeforeValidator(_parse_mode)] = "HTML"
    timeout: GoDuration | None = None

    @classmethod
    def between(cls, found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        has_chat = str(found.get("chat_id", "0")) != "0"
        if has_chat and "chat_id_file" in found:
            yield "chat_id", "at most one of chat_id and chat_id_file may be set"
        if not has_chat and "chat_id_file" not in found:
            yield "", "chat_id is missing"


class WebexBlock(HttpBlock):
    kind = Kind.WEBEX
    fallbacks: ClassVar[tuple[Fallback, ...]] = (Fallback(("api_url",), ("webex_api_url",)),)

    api_url: Url | None = None
    message: Text = default("webex.default.message")
    room_id: FilledText

    @classmethod
    def between(cls, found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        client = found.get("http_config")
        tokens = ("authorization", "bearer_token", "bearer_token_file")
        if not isinstance(client, dict) or not any(client.get(key) is not None for key in tokens):
            yield "", "http_config.authorization is missing: the bot's token"


class WechatBlock(HttpBlock):
    kind = Kind.WECHAT
    secrets: ClassVar[Mapping[str, str]] = {"api_secret": "api_secret_file"}
    fallbacks: ClassVar[tuple[Fallback, ...]] = (
        Fallback(("api_url",), ("wechat_api_url",)),
        Fallback(("api_secret", "api_secret_file"), ("wechat_api_secret", "wechat_api_secret_file"), is_needed=True),
        Fallback(("corp_id",), ("wechat_api_corp_id",), is_needed=True),
    )

    send_resolved: Flag = False
    api_url: UrlWithSlash | None = None
    api_secret: Text | None = None
    api_secret_file: Reference | None = None
    corp_id: Text | None = None
    message: Text = default("wechat.default.message")
    message_type: Annotated[str, BeforeValidator(_wechat_type)] = "text"
    to_user: Text = default("wechat.default.to_user")
    to_party: Text = default("wechat.default.to_party")
    to_tag: Text = default("wechat.default.to_tag")
    agent_id: Text = default("wechat.default.agent_id")
