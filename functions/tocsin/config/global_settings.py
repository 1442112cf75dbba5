"""`global:` of alertmanager.yml: what integrations fall back to, with Alertmanager's defaults.

Source: https://prometheus.io/docs/alerting/latest/configuration/#file-layout-and-global-settings,
https://github.com/prometheus/alertmanager/blob/main/config/config.go
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from ..core.configuration import DEFAULT_RESOLVE_TIMEOUT
from .blocks import Block
from .http_client import HttpConfig, TlsConfig
from .values import Duration, Flag, HostAndPort, Reference, Text, Url, UrlWithSlash

SLACK_APP_URL = "https://slack.com/api/chat.postMessage"


class Global(Block):
    secrets: ClassVar[Mapping[str, str]] = {
        key: f"{key}_file"
        for key in (
            "smtp_auth_password",
            "smtp_auth_secret",
            "slack_api_url",
            "slack_app_token",
            "opsgenie_api_key",
            "wechat_api_secret",
            "victorops_api_key",
            "telegram_bot_token",
            "rocketchat_token",
            "rocketchat_token_id",
            "mattermost_webhook_url",
        )
    }

    # For alerts that others post without an end; the rules' own alerts say themselves when they end.
    resolve_timeout: Duration = DEFAULT_RESOLVE_TIMEOUT
    http_config: HttpConfig = HttpConfig()

    smtp_from: Text | None = None
    smtp_hello: Text = "localhost"
    smtp_smarthost: HostAndPort | None = None
    smtp_auth_username: Text | None = None
    smtp_auth_password: Text | None = None
    smtp_auth_password_file: Reference | None = None
    smtp_auth_secret: Text | None = None
    smtp_auth_secret_file: Reference | None = None
    smtp_auth_identity: Text | None = None
    smtp_require_tls: Flag = True
    smtp_tls_config: TlsConfig = TlsConfig()
    smtp_force_implicit_tls: Flag | None = None

    slack_api_url: Url | None = None
    slack_api_url_file: Reference | None = None
    slack_app_token: Text | None = None
    slack_app_token_file: Reference | None = None
    slack_app_url: Url = SLACK_APP_URL
    pagerduty_url: Url = "https://events.pagerduty.com/v2/enqueue"
    opsgenie_api_url: UrlWithSlash = "https://api.opsgenie.com/"
    opsgenie_api_key: Text | None = None
    opsgenie_api_key_file: Reference | None = None
    wechat_api_url: UrlWithSlash = "https://qyapi.weixin.qq.com/cgi-bin/"
    wechat_api_secret: Text | None = None
    wechat_api_secret_file: Reference | None = None
    wechat_api_corp_id: Text | None = None
    victorops_api_url: UrlWithSlash = "https://alert.victorops.com/integrations/generic/20131114/alert/"
    victorops_api_key: Text | None = None
    victorops_api_key_file: Reference | None = None
    telegram_api_url: Url = "https://api.telegram.org"
    telegram_bot_token: Text | None = None
    telegram_bot_token_file: Reference | None = None
    webex_api_url: Url = "https://webexapis.com/v1/messages"
    rocketchat_api_url: Url = "https://open.rocket.chat/"
    rocketchat_token: Text | None = None
    rocketchat_token_file: Reference | None = None
    rocketchat_token_id: Text | None = None
    rocketchat_token_id_file: Reference | None = None
    mattermost_webhook_url: Url | None = None
    mattermost_webhook_url_file: Reference | None = None
    jira_api_url: Url | None = None

    @classmethod
    def between(cls, found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        tokens = [key for key in ("slack_app_token", "slack_app_token_file") if key in found]
        urls = [key for key in ("slack_api_url", "slack_api_url_file") if key in found]
        # A webhook's URL that is the app's: how bot tokens were used before there was a key for them.
        if tokens and urls and str(found.get("slack_api_url")) != str(found.get("slack_app_url", SLACK_APP_URL)):
            yield tokens[0], f"at most one of {tokens[0]} and {urls[0]} may be set"

    def as_json(self) -> dict[str, Any]:
        """Return everything as plain values, but for times."""
        return {**self.model_dump(exclude_none=True), "http_config": self.http_config.as_json()}
