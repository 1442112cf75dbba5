"""PagerDuty, Opsgenie, VictorOps, Pushover, incident.io: somebody is woken.

Source: https://github.com/prometheus/alertmanager/tree/main/notify (config.go of each)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Annotated, Any, ClassVar

from pydantic import Field

from ...core.receivers import Kind
from ..blocks import Block
from ..values import (
    IS_LIST,
    AnyMap,
    Count,
    FilledText,
    Flag,
    GoDuration,
    Reference,
    Text,
    TextMap,
    Url,
    UrlWithSlash,
    is_template,
    why_no_template,
)
from .block import Fallback, HttpBlock, default

_PAGERDUTY_DETAILS = {
    "firing": "{{ .Alerts.Firing | toJson }}",
    "resolved": "{{ .Alerts.Resolved | toJson }}",
    "num_firing": "{{ .Alerts.Firing | len }}",
    "num_resolved": "{{ .Alerts.Resolved | len }}",
}
_RESPONDERS = ("team", "teams", "user", "escalation", "schedule")
# What VictorOps' own message has already.
_VICTOROPS_FIELDS = (
    "routing_key",
    "message_type",
    "state_message",
    "entity_display_name",
    "monitoring_tool",
    "entity_id",
    "entity_state",
)


class _Image(Block):
    src: Text | None = None
    alt: Text | None = None
    href: Text | None = None


class _Link(Block):
    href: Text | None = None
    text: Text | None = None


class PagerdutyBlock(HttpBlock):
    kind = Kind.PAGERDUTY
    secrets: ClassVar[Mapping[str, str]] = {"routing_key": "routing_key_file", "service_key": "service_key_file"}
    one_of: ClassVar[tuple[tuple[str, ...], ...]] = (
        ("routing_key_file", "routing_key", "service_key", "service_key_file"),
    )
    fallbacks: ClassVar[tuple[Fallback, ...]] = (Fallback(("url",), ("pagerduty_url",)),)

    service_key: Text | None = None
    service_key_file: Reference | None = None
    routing_key: Text | None = None
    routing_key_file: Reference | None = None
    url: Url | None = None
    client: Text = default("pagerduty.default.client")
    client_url: Text = default("pagerduty.default.clientURL")
    description: Text = '{{ template "pagerduty.default.description" .}}'
    details: AnyMap = Field(default_factory=dict)
    images: Annotated[list[_Image], IS_LIST] | None = None
    links: Annotated[list[_Link], IS_LIST] | None = None
    source: Text | None = None
    severity: Text | None = None
    class_: Text | None = Field(default=None, alias="class")
    component: Text | None = None
    group: Text | None = None
    timeout: GoDuration = timedelta(0)

    def settings(self) -> dict[str, Any]:
        settings = super().settings()
        settings["source"] = self.source or self.client
        settings["details"] = {**_PAGERDUTY_DETAILS, **settings["details"]}
        return settings


class _Responder(Block):
    one_of: ClassVar[tuple[tuple[str, ...], ...]] = (("id", "name", "username"),)

    id: Text | None = None
    name: Text | None = None
    username: Text | None = None
    type: Text = ""

    @classmethod
    def between(cls, found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        type_ = str(found.get("type", ""))
        if is_template(type_) and (reason := why_no_template(type_)):
            yield "type", f"type: not a valid template: {reason}"
        if not is_template(type_) and type_.lower() not in _RESPONDERS:
            yield "type" if type_ else "", f"type: expected one of {', '.join(_RESPONDERS)}"


class OpsgenieBlock(HttpBlock):
    kind = Kind.OPSGENIE
    secrets: ClassVar[Mapping[str, str]] = {"api_key": "api_key_file"}
    fallbacks: ClassVar[tuple[Fallback, ...]] = (
        Fallback(("api_url",), ("opsgenie_api_url",)),
        Fallback(("api_key", "api_key_file"), ("opsgenie_api_key", "opsgenie_api_key_file"), is_needed=True),
    )

    api_key: Text | None = None
    api_key_file: Reference | None = None
    api_url: UrlWithSlash | None = None
    message: Text = default("opsgenie.default.message")
    description: Text = default("opsgenie.default.description")
    source: Text = default("opsgenie.default.source")
    details: TextMap | None = None
    entity: Text | None = None
    responders: Annotated[list[_Responder], IS_LIST] | None = None
    actions: Text | None = None
    tags: Text | None = None
    note: Text | None = None
    priority: Text | None = None
    update_alerts: Flag | None = None


class VictoropsBlock(HttpBlock):
    kind = Kind.VICTOROPS
    secrets: ClassVar[Mapping[str, str]] = {"api_key": "api_key_file"}
    fallbacks: ClassVar[tuple[Fallback, ...]] = (
        Fallback(("api_url",), ("victorops_api_url",)),
        Fallback(("api_key", "api_key_file"), ("victorops_api_key", "victorops_api_key_file"), is_needed=True),
    )

    api_key: Text | None = None
    api_key_file: Reference | None = None
    api_url: UrlWithSlash | None = None
    routing_key: FilledText
    message_type: Text = "CRITICAL"
    state_message: Text = default("victorops.default.state_message")
    entity_display_name: Text = default("victorops.default.entity_display_name")
    monitoring_tool: Text = default("victorops.default.monitoring_tool")
    custom_fields: TextMap | None = None

    @classmethod
    def between(cls, found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        fields = found.get("custom_fields")
        for name in fields if isinstance(fields, dict) else ():
            if name in _VICTOROPS_FIELDS:
                yield "custom_fields", f"custom_fields: {name} is a field that the message has already"


class PushoverBlock(HttpBlock):
    kind = Kind.PUSHOVER
    secrets: ClassVar[Mapping[str, str]] = {"user_key": "user_key_file", "token": "token_file"}
    one_of: ClassVar[tuple[tuple[str, ...], ...]] = (("user_key_file", "user_key"), ("token_file", "token"))

    user_key: Text | None = None
    user_key_file: Reference | None = None
    token: Text | None = None
    token_file: Reference | None = None
    title: Text = default("pushover.default.title")
    message: Text = default("pushover.default.message")
    url: Text = default("pushover.default.url")
    url_title: Text | None = None
    device: Text | None = None
    sound: Text | None = None
    priority: Text = '{{ if eq .Status "firing" }}2{{ else }}0{{ end }}'
    retry: GoDuration = timedelta(minutes=1)
    expire: GoDuration = timedelta(hours=1)
    ttl: GoDuration | None = None
    html: Flag | None = None
    monospace: Flag | None = None

    @classmethod
    def between(cls, found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        if all(str(found.get(key, "")).lower() in ("true", "yes", "on") for key in ("html", "monospace")):
            yield "html", "at most one of html and monospace may be set"


class IncidentioBlock(HttpBlock):
    kind = Kind.INCIDENTIO
    secrets: ClassVar[Mapping[str, str]] = {"alert_source_token": "alert_source_token_file"}
    at_most_one: ClassVar[tuple[tuple[str, ...], ...]] = (("url", "url_file"),)
    one_of: ClassVar[tuple[tuple[str, ...], ...]] = (("url", "url_file"),)

    url: Url | None = None
    url_file: Reference | None = None
    alert_source_token: Text | None = None
    alert_source_token_file: Reference | None = None
    max_alerts: Count = 0
    timeout: GoDuration = timedelta(0)

    @classmethod
    def between(cls, found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        tokens = [key for key in ("alert_source_token", "alert_source_token_file") if key in found]
        client = found.get("http_config")
        if not isinstance(client, dict):
            return
        is_authorized = any(client.get(key) for key in ("authorization", "bearer_token", "bearer_token_file"))
        if is_authorized and tokens:
            yield tokens[0], f"at most one of {tokens[0]} and http_config.authorization may be set"
        if not is_authorized and not tokens:
            yield "", "alert_source_token_file is missing"
