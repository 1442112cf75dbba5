"""Email, SNS, webhook, Jira: a letter, a topic, a request, a ticket.

Source: https://github.com/prometheus/alertmanager/tree/main/notify (config.go of each),
https://github.com/prometheus/sigv4/blob/main/sigv4_config.go
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Annotated, Any, ClassVar
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field

from ...core.receivers import Kind
from ..blocks import Block, secret_in_clear_text
from ..http_client import TlsConfig
from ..values import (
    AnyMap,
    Anything,
    Count,
    Duration,
    FilledText,
    Flag,
    GoDuration,
    HostAndPort,
    PlainTexts,
    Reference,
    Text,
    TextMap,
    Url,
    UrlOrTemplate,
    describe,
)
from .block import Fallback, HttpBlock, IntegrationBlock, default


class _Threading(Block):
    enabled: Flag | None = None
    thread_by_date: Text | None = None

    @classmethod
    def between(cls, found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        is_on = str(found.get("enabled", "")).lower() in ("true", "yes", "on")
        if is_on and str(found.get("thread_by_date", "")) not in ("none", "daily"):
            yield "", "thread_by_date: expected none or daily"


class EmailBlock(IntegrationBlock):
    kind = Kind.EMAIL
    secrets: ClassVar[Mapping[str, str]] = {"auth_password": "auth_password_file", "auth_secret": "auth_secret_file"}
    fallbacks: ClassVar[tuple[Fallback, ...]] = (
        Fallback(("from",), ("smtp_from",), is_needed=True),
        # No mail server is needed: without one, mail is sent by Amazon SES.
        Fallback(("smarthost",), ("smtp_smarthost",)),
        Fallback(("hello",), ("smtp_hello",)),
        Fallback(("auth_username",), ("smtp_auth_username",)),
        Fallback(("auth_password", "auth_password_file"), ("smtp_auth_password", "smtp_auth_password_file")),
        Fallback(("auth_secret", "auth_secret_file"), ("smtp_auth_secret", "smtp_auth_secret_file")),
        Fallback(("auth_identity",), ("smtp_auth_identity",)),
        Fallback(("require_tls",), ("smtp_require_tls",)),
        Fallback(("tls_config",), ("smtp_tls_config",)),
        Fallback(("force_implicit_tls",), ("smtp_force_implicit_tls",)),
    )

    send_resolved: Flag = False
    to: FilledText
    from_: Text | None = Field(default=None, alias="from")
    hello: Text | None = None
    smarthost: HostAndPort | None = None
    auth_username: Text | None = None
    auth_password: Text | None = None
    auth_password_file: Reference | None = None
    auth_secret: Text | None = None
    auth_secret_file: Reference | None = None
    auth_identity: Text | None = None
    headers: TextMap | None = None
    html: Text = default("email.default.html")
    text: Text | None = None
    require_tls: Flag | None = None
    tls_config: TlsConfig | None = None
    force_implicit_tls: Flag | None = None
    threading: _Threading | None = None

    @classmethod
    def between(cls, found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        headers = found.get("headers")
        names = [_header(name) for name in headers] if isinstance(headers, dict) else []
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield "headers", f"headers: {name} stands twice"
        threading = found.get("threading")
        is_threaded = isinstance(threading, dict) and str(threading.get("enabled", "")).lower() in ("true", "yes", "on")
        for name in ("References", "In-Reply-To"):
            if is_threaded and name in names:
                yield "headers", f"headers: {name} is set by threading"

    def settings(self) -> dict[str, Any]:
        settings = super().settings()
        if self.headers:
            settings["headers"] = {_header(name): value for name, value in self.headers.items()}
        return settings


def _header(name: str) -> str:
    """Return a header's name with its parts in capitals, as it is compared."""
    return "-".join(part.capitalize() for part in str(name).split("-"))


class _Sigv4(Block):
    region: Text | None = None
    access_key: Text | None = None
    secret_key: Text | None = None
    profile: Text | None = None
    role_arn: Text | None = None
    service: Text | None = None
    use_fips_sts_endpoint: Flag | None = None

    @classmethod
    def between(cls, found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        if ("access_key" in found) != ("secret_key" in found):
            yield "", "access_key and secret_key must be set together"

    @classmethod
    def all_between(cls, found: Mapping[str, Any], *, allows_secrets: bool) -> Iterator[tuple[str, str]]:
        yield from super().all_between(found, allows_secrets=allows_secrets)
        if "secret_key" in found and not allows_secrets:
            yield "secret_key", secret_in_clear_text("secret_key", "role_arn: arn:aws:iam::ACCOUNT:role/NAME")


class SnsBlock(HttpBlock):
    kind = Kind.SNS
    at_most_one: ClassVar[tuple[tuple[str, ...], ...]] = (("topic_arn", "target_arn", "phone_number"),)
    one_of: ClassVar[tuple[tuple[str, ...], ...]] = (("topic_arn", "target_arn", "phone_number"),)

    api_url: Text | None = None
    sigv4: _Sigv4 = _Sigv4()
    topic_arn: Text | None = None
    phone_number: Text | None = None
    target_arn: Text | None = None
    subject: Text = default("sns.default.subject")
    message: Text = default("sns.default.message")
    attributes: TextMap | None = None
    use_aws_http_client: Flag | None = None


class WebhookBlock(HttpBlock):
    kind = Kind.WEBHOOK
    at_most_one: ClassVar[tuple[tuple[str, ...], ...]] = (("url", "url_file"),)
    one_of: ClassVar[tuple[tuple[str, ...], ...]] = (("url", "url_file"),)

    # An address inside one's own network is no secret; one with a password in it is.
    url: UrlOrTemplate | None = None
    url_file: Reference | None = None
    max_alerts: Count = 0
    timeout: GoDuration = timedelta(0)
    payload: Anything = None

    @classmethod
    def all_between(cls, found: Mapping[str, Any], *, allows_secrets: bool) -> Iterator[tuple[str, str]]:
        yield from super().all_between(found, allows_secrets=allows_secrets)
        if not allows_secrets and _has_password(str(found.get("url", ""))):
            yield "url", secret_in_clear_text("url", "url_file: secret:NAME#KEY")


def _has_password(url: str) -> bool:
    try:
        return urlsplit(url).password is not None
    except ValueError:
        return False


class _JiraField(Block):
    template: Text | None = None
    enable_update: Flag | None = None


class _JiraLabels(Block):
    values: PlainTexts | None = None
    enable_update: Flag | None = None


def _jira_field(value: Any) -> Any:
    """Return a field in its long form; a text is its template."""
    return value if isinstance(value, dict) else {"template": value}


def _jira_labels(value: Any) -> Any:
    return value if isinstance(value, dict) else {"values": value}


def _jira_api(value: Any) -> str:
    if value not in ("auto", "cloud", "datacenter"):
        raise ValueError(f"expected auto, cloud or datacenter, found {describe(value)}")
    return str(value)


_Field = Annotated[_JiraField, BeforeValidator(_jira_field)]


class JiraBlock(HttpBlock):
    kind = Kind.JIRA
    fallbacks: ClassVar[tuple[Fallback, ...]] = (Fallback(("api_url",), ("jira_api_url",), is_needed=True),)

    api_url: Url | None = None
    api_type: Annotated[str, BeforeValidator(_jira_api)] = "auto"
    project: FilledText
    summary: _Field = _JiraField()
    description: _Field = _JiraField()
    labels: Annotated[_JiraLabels, BeforeValidator(_jira_labels)] | None = None
    priority: Text = default("jira.default.priority")
    issue_type: FilledText
    reopen_transition: Text | None = None
    resolve_transition: Text | None = None
    wont_fix_resolution: Text | None = None
    reopen_duration: Duration | None = None
    fields: AnyMap | None = None

    def settings(self) -> dict[str, Any]:
        settings = super().settings()
        for field in ("summary", "description"):
            settings[field] = {"template": default(f"jira.default.{field}"), **settings[field]}
        return settings
