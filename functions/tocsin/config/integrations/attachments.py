"""Slack, Mattermost, Rocket.Chat: messages with coloured attachments.

Source: https://github.com/prometheus/alertmanager/tree/main/notify (slack, mattermost, rocketchat: config.go)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Annotated, Any, ClassVar

from ...core.receivers import Kind
from ..blocks import Block
from ..global_settings import SLACK_APP_URL
from ..values import IS_LIST, Flag, GoDuration, PlainTexts, Reference, Text, Url
from .block import Fallback, HttpBlock, default, take


class _SlackConfirmation(Block):
    one_of: ClassVar[tuple[tuple[str, ...], ...]] = (("text",),)

    text: Text | None = None
    title: Text | None = None
    ok_text: Text | None = None
    dismiss_text: Text | None = None


class _SlackAction(Block):
    one_of: ClassVar[tuple[tuple[str, ...], ...]] = (("type",), ("text",), ("name", "url"))

    type: Text | None = None
    text: Text | None = None
    url: Text | None = None
    style: Text | None = None
    name: Text | None = None
    value: Text | None = None
    confirm: _SlackConfirmation | None = None


class _Field(Block):
    one_of: ClassVar[tuple[tuple[str, ...], ...]] = (("title",), ("value",))

    title: Text | None = None
    value: Text | None = None
    short: Flag | None = None


class SlackBlock(HttpBlock):
    kind = Kind.SLACK
    secrets: ClassVar[Mapping[str, str]] = {"api_url": "api_url_file", "app_token": "app_token_file"}
    at_most_one: ClassVar[tuple[tuple[str, ...], ...]] = (
        ("api_url", "app_token"),
        ("api_url", "app_token_file"),
        ("api_url_file", "app_token"),
        ("api_url_file", "app_token_file"),
    )
    fallbacks: ClassVar[tuple[Fallback, ...]] = (
        Fallback(("app_url",), ("slack_app_url",)),
        Fallback(("api_url", "api_url_file"), ("slack_api_url", "slack_api_url_file")),
    )

    send_resolved: Flag = False
    api_url: Url | None = None
    api_url_file: Reference | None = None
    app_token: Text | None = None
    app_token_file: Reference | None = None
    app_url: Url | None = None
    channel: Text | None = None
    username: Text = default("slack.default.username")
    color: Text = default("slack.default.color")
    title: Text = default("slack.default.title")
    title_link: Text = default("slack.default.titlelink")
    pretext: Text = default("slack.default.pretext")
    text: Text = default("slack.default.text")
    message_text: Text | None = None
    fields: Annotated[list[_Field], IS_LIST] | None = None
    short_fields: Flag = False
    footer: Text = default("slack.default.footer")
    fallback: Text = default("slack.default.fallback")
    callback_id: Text = default("slack.default.callbackid")
    icon_emoji: Text = default("slack.default.iconemoji")
    icon_url: Text = default("slack.default.iconurl")
    image_url: Text | None = None
    thumb_url: Text | None = None
    link_names: Flag = False
    mrkdwn_in: PlainTexts | None = None
    actions: Annotated[list[_SlackAction], IS_LIST] | None = None
    update_message: Flag = False
    post_updates_to_thread: Flag | None = None
    timeout: GoDuration = timedelta(0)

    @classmethod
    def between(cls, found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        for key in ("update_message", "post_updates_to_thread"):
            is_on = str(found.get(key, "")).lower() in ("true", "yes", "on")
            if is_on and str(found.get("api_url", "")) != SLACK_APP_URL:
                yield key, f"{key} needs a bot's token: api_url must be {SLACK_APP_URL}"

    def complete(self, settings: dict[str, Any], defaults: Mapping[str, Any]) -> None:
        authorization = settings.get("http_config", {}).get("authorization")
        if not authorization and not self.api_url:
            tokens = Fallback(("app_token", "app_token_file"), ("slack_app_token", "slack_app_token_file"))
            take(settings, tokens, defaults)
        super().complete(settings, defaults)
        token = {"credentials": settings.get("app_token"), "credentials_file": settings.get("app_token_file")}
        if any(token.values()):
            # With a token it is the app that is spoken to, and the webhook's URL does not count.
            bearer = {"type": "Bearer", **{key: value for key, value in token.items() if value}}
            settings["http_config"] = {**settings["http_config"], "authorization": bearer}
            settings["api_url"] = settings["app_url"]
            settings.pop("api_url_file", None)

    def missing(self, settings: Mapping[str, Any]) -> Iterator[str]:
        if not any(settings.get(key) for key in ("api_url", "api_url_file")):
            yield "api_url_file is missing, and global has no slack_api_url_file"
        if (self.app_token or self.app_token_file) and self.http_config and self.http_config.authorization:
            yield "at most one of app_token and http_config.authorization may be set"


class _MattermostPriority(Block):
    priority: Text | None = None
    requested_ack: Flag | None = None
    persistent_notifications: Flag | None = None


class _MattermostProps(Block):
    card: Text | None = None


class _MattermostAttachment(Block):
    fallback: Text | None = None
    color: Text | None = None
    pretext: Text | None = None
    text: Text | None = None
    author_name: Text | None = None
    author_link: Text | None = None
    author_icon: Text | None = None
    title: Text | None = None
    title_link: Text | None = None
    fields: Annotated[list[_Field], IS_LIST] | None = None
    thumb_url: Text | None = None
    footer: Text | None = None
    footer_icon: Text | None = None
    image_url: Text | None = None


class MattermostBlock(HttpBlock):
    kind = Kind.MATTERMOST
    secrets: ClassVar[Mapping[str, str]] = {"webhook_url": "webhook_url_file"}
    fallbacks: ClassVar[tuple[Fallback, ...]] = (
        Fallback(
            ("webhook_url", "webhook_url_file"),
            ("mattermost_webhook_url", "mattermost_webhook_url_file"),
            is_needed=True,
        ),
    )

    webhook_url: Url | None = None
    webhook_url_file: Reference | None = None
    channel: Text | None = None
    username: Text = default("mattermost.default.username")
    text: Text = default("mattermost.default.text")
    fallback: Text = default("mattermost.default.fallback")
    color: Text = default("mattermost.default.color")
    pretext: Text | None = None
    author_name: Text | None = None
    author_link: Text | None = None
    author_icon: Text | None = None
    title: Text = default("mattermost.default.title")
    title_link: Text = default("mattermost.default.titlelink")
    fields: Annotated[list[_Field], IS_LIST] | None = None
    thumb_url: Text | None = None
    footer: Text | None = None
    footer_icon: Text | None = None
    image_url: Text | None = None
    icon_url: Text | None = None
    icon_emoji: Text | None = None
    attachments: Annotated[list[_MattermostAttachment], IS_LIST] | None = None
    type: Text | None = None
    props: _MattermostProps | None = None
    priority: _MattermostPriority | None = None


class _RocketchatField(Block):
    short: Flag | None = None
    title: Text | None = None
    value: Text | None = None


class _RocketchatAction(Block):
    """Its names have no underscores: Alertmanager's are those that its YAML library makes of Go's."""

    type: Text | None = None
    text: Text | None = None
    url: Text | None = None
    imageurl: Text | None = None
    iswebview: Flag | None = None
    webviewheightratio: Text | None = None
    msg: Text | None = None
    msginchatwindow: Flag | None = None
    msgprocessingtype: Text | None = None


class RocketchatBlock(HttpBlock):
    kind = Kind.ROCKETCHAT
    secrets: ClassVar[Mapping[str, str]] = {"token": "token_file", "token_id": "token_id_file"}
    fallbacks: ClassVar[tuple[Fallback, ...]] = (
        Fallback(("api_url",), ("rocketchat_api_url",)),
        Fallback(("token_id", "token_id_file"), ("rocketchat_token_id", "rocketchat_token_id_file"), is_needed=True),
        Fallback(("token", "token_file"), ("rocketchat_token", "rocketchat_token_file"), is_needed=True),
    )

    send_resolved: Flag = False
    api_url: Url | None = None
    token_id: Text | None = None
    token_id_file: Reference | None = None
    token: Text | None = None
    token_file: Reference | None = None
    channel: Text | None = None
    color: Text = '{{ if eq .Status "firing" }}red{{ else }}green{{ end }}'
    title: Text = default("rocketchat.default.title")
    title_link: Text = default("rocketchat.default.titlelink")
    text: Text = default("rocketchat.default.text")
    fields: Annotated[list[_RocketchatField], IS_LIST] | None = None
    short_fields: Flag = False
    emoji: Text = default("rocketchat.default.emoji")
    icon_url: Text = default("rocketchat.default.iconurl")
    image_url: Text | None = None
    thumb_url: Text | None = None
    link_names: Flag = False
    actions: Annotated[list[_RocketchatAction], IS_LIST] | None = None
