"""Receivers: who can be told, and by which integrations.

An integration is one block under a receiver. Each keeps its own record of what it was last told, so that a failing one
never hides behind one that worked.

Source: https://prometheus.io/docs/alerting/latest/configuration/#receiver
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NewType

IntegrationKey = NewType("IntegrationKey", str)


class Kind(StrEnum):
    """Alertmanager's integrations, and the one that no file names: the watchdog's."""

    SLACK = "slack"
    PAGERDUTY = "pagerduty"
    EMAIL = "email"
    SNS = "sns"
    DISCORD = "discord"
    INCIDENTIO = "incidentio"
    JIRA = "jira"
    MATTERMOST = "mattermost"
    MSTEAMS = "msteams"
    MSTEAMSV2 = "msteamsv2"
    OPSGENIE = "opsgenie"
    PUSHOVER = "pushover"
    ROCKETCHAT = "rocketchat"
    TELEGRAM = "telegram"
    VICTOROPS = "victorops"
    WEBEX = "webex"
    WEBHOOK = "webhook"
    WECHAT = "wechat"
    HEARTBEAT = "heartbeat"

    @property
    def honoured(self) -> bool:
        """Say whether there is a sender for it; configuration that uses another one is refused."""
        return self in _HONOURED


_HONOURED = frozenset(
    {
        Kind.SLACK,
        Kind.PAGERDUTY,
        Kind.EMAIL,
        Kind.SNS,
        Kind.WEBHOOK,
        Kind.DISCORD,
        Kind.MSTEAMSV2,
        Kind.TELEGRAM,
        Kind.OPSGENIE,
        Kind.HEARTBEAT,
    }
)


# The setting that lists which templates the user's own files define.
REDEFINED_TEMPLATES = "redefined_templates"
# The setting that says how links that acknowledge are made (action_links.py).
LINKS = "action_links"


@dataclass(frozen=True, slots=True)
class Integration:
    """One block under a receiver; `settings` are plain JSON values, secrets only as references.

    They have Alertmanager's keys with its defaults and what `global` adds; durations are texts such as `1m30s`.
    """

    receiver: str
    kind: Kind
    index: int
    send_resolved: bool
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def follows_incidents(self) -> bool:
        """Say whether it is told of what people do about an incident, and not only of alerts."""
        is_v1 = any(self.settings.get(name) for name in ("service_key", "service_key_file"))
        return self.kind is Kind.SLACK or (self.kind is Kind.PAGERDUTY and not is_v1)

    @property
    def key(self) -> IntegrationKey:
        return IntegrationKey(f"{self.receiver}/{self.kind}/{self.index}")


@dataclass(frozen=True, slots=True)
class Receiver:
    """A name and its integrations; one without any swallows what it gets, as in Alertmanager."""

    name: str
    integrations: tuple[Integration, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
