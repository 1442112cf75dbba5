"""The part of the wiring that delivers: a sender for each kind of integration, built when it is first used.

A function loads only what its kinds need; templates, and with them the configuration, only when a text has one.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import datetime
from functools import cached_property, partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

import boto3
import urllib3
from botocore.config import Config

if TYPE_CHECKING:
    from .adapters.channel import Outlets
    from .adapters.heartbeat import TickHeartbeat
    from .adapters.secrets import Secrets
    from .adapters.slack_replies import SlackReplies
    from .adapters.sns_out import Access
    from .adapters.targets import Targets
    from .adapters.texts import Templates
    from .core.configuration import Configuration
    from .core.notifications import Notification
    from .core.patterns import Compile
    from .ports import Paces, Sender, Threads
    from .wiring import Settings

# Kinds whose sender needs no more than all of them do: the module, and its sender.
_SENDERS = {
    "pagerduty": ("pagerduty", "PagerdutySender"),
    "webhook": ("webhook", "WebhookSender"),
    "discord": ("discord", "DiscordSender"),
    "msteamsv2": ("msteamsv2", "Msteamsv2Sender"),
    "telegram": ("telegram", "TelegramSender"),
    "opsgenie": ("opsgenie", "OpsgenieSender"),
    "heartbeat": ("heartbeat", "HeartbeatSender"),
}


class Senders:
    """Makes senders and keeps them; what they need is asked for when they need it."""

    def __init__(
        self,
        settings: Settings,
        *,
        client: Callable[[str], Any],
        client_config: Config,
        secrets: Callable[[], Secrets],
        threads: Callable[[], Threads],
        paces: Callable[[], Paces | None],
        configuration: Callable[[datetime], Configuration],
        compile_pattern: Compile,
        targets: Targets,
    ) -> None:
        self._settings = settings
        self._client = client
        self._client_config = client_config
        self._secrets = secrets
        self._threads = threads
        self._paces = paces
        self._configuration = configuration
        self._compile_pattern = compile_pattern
        self._targets = targets
        self._made: dict[str, Sender] = {}
        self._templates: dict[str, Templates] = {}

    def of_function(self, function: str) -> Sender:
        """Return what delivers for a notifying function; notify_webhook delivers for several kinds."""
        kind = function.removeprefix("notify_")
        return self._by_kind if kind == "webhook" else self.of_kind(kind)

    def of_kind(self, kind: str) -> Sender:
        """Return what delivers for a kind of integration. Raises ValueError where nothing does."""
        if kind not in self._made:
            self._made[kind] = self._make(kind)
        return self._made[kind]

    def tick_heartbeat(self) -> TickHeartbeat:
        """Return what tells somebody outside of a tick."""
        from .adapters.heartbeat import TickHeartbeat

        return TickHeartbeat(self._outlets.secrets, self._outlets.clients)

    def slack_replies(self) -> SlackReplies:
        """Return what answers who pressed a button in Slack."""
        from .adapters.slack_replies import SlackReplies

        return SlackReplies(self._outlets.clients.http, self._targets)

    def _by_kind(self, notification: Notification, *, now: datetime) -> str:
        return self.of_kind(notification.integration.kind.value)(notification, now=now)

    def _make(self, kind: str) -> Sender:
        if kind == "email":
            from .adapters.mail_sender import EmailSender

            return EmailSender(lambda: self._client("sesv2"), self._settings.get("TOCSIN_EMAIL_FROM"), self._outlets)
        if kind == "slack":
            from .adapters.slack import SlackSender
            from .adapters.slack_pace import SlackPace

            paces = self._paces()
            pace = SlackPace(paces, self._outlets.clients.http.sleep) if paces else None
            return SlackSender(self._outlets, self._threads(), pace)
        if kind == "sns":
            from .adapters.sns_out import SnsSender

            return SnsSender(self._sns, self._outlets)
        if kind not in _SENDERS:
            raise ValueError(f"no sender delivers {kind!r}")
        module, name = _SENDERS[kind]
        found: Sender = getattr(import_module(f"tocsin.adapters.{module}"), name)(self._outlets)
        return found

    @cached_property
    def _outlets(self) -> Outlets:
        from .adapters.channel import Outlets
        from .adapters.guarded import guarded
        from .adapters.http import Http, PooledTransport
        from .adapters.http_config import HttpClients, pooled

        pool = guarded(urllib3.PoolManager(num_pools=8, maxsize=4), self._targets)
        http = Http(PooledTransport(pool), time.sleep, random.random, time.monotonic)
        make = partial(pooled, targets=self._targets)
        clients = HttpClients(http, self._settings.environment, make, targets=self._targets)
        return Outlets(self._secrets(), clients, self._templates_at)

    def _templates_at(self, now: datetime) -> Templates:
        """Return the shipped templates with the configured files over them, parsed once a configuration."""
        from .core.templates.alertmanager import TemplateSet

        configuration = self._configuration(now)
        if configuration.digest not in self._templates:
            templates = TemplateSet(configuration.templates, compile=self._compile_pattern)
            self._templates = {configuration.digest: templates}
        return self._templates[configuration.digest]

    def _refuse_inside(self, url: str) -> None:
        """Raise DeliveryError where a URL that AWS's library is to ask must not be asked."""
        if not url:
            return
        from .adapters.http import forbidden
        from .adapters.targets import addresses_of, host_of

        if not self._targets.permit_others(host_of(url), addresses_of):
            raise forbidden(url)

    def _sns(self, access: Access) -> Any:
        """Return SNS's client for a receiver's own region, role, profile or keys. Raises DeliveryError."""
        self._refuse_inside(access.endpoint)
        own_region = self._settings.get("AWS_REGION")
        is_special = any((access.endpoint, access.role_arn, access.profile, access.access_key))
        if not is_special and access.region in ("", own_region):
            return self._client("sns")
        session = boto3.Session(
            aws_access_key_id=access.access_key or None,
            aws_secret_access_key=access.secret_key or None,
            region_name=access.region or own_region or None,
            profile_name=access.profile or None,
        )
        if access.role_arn:
            asked = session.client("sts", config=self._client_config)
            role = asked.assume_role(RoleArn=access.role_arn, RoleSessionName="tocsin")["Credentials"]
            session = boto3.Session(
                aws_access_key_id=role["AccessKeyId"],
                aws_secret_access_key=role["SecretAccessKey"],
                aws_session_token=role["SessionToken"],
                region_name=session.region_name,
            )
        return session.client("sns", config=self._client_config, endpoint_url=access.endpoint or None)
