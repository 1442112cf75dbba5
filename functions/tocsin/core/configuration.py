"""Everything that configuration says, checked and ready: what config.py makes of the files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any

from .action_links import LinkSettings
from .alerts import Alert
from .cooldowns import DEFAULT_COOLDOWN, CooldownRule
from .inhibition import InhibitRule
from .intervals import TimeInterval
from .oncall import Schedule
from .policies import EscalationPolicy
from .receivers import IntegrationKey, Receiver
from .redaction import Redaction
from .routing import GroupIdentity, Route, identify_group, routes_for
from .rules import Rule, RuleGroup
from .silences import BroadnessRule
from .slack import SlackApp
from .users import User
from .watching import Canary, canary_way, digest_way

# How long an alert that was posted without an end counts as firing after its last post.
DEFAULT_RESOLVE_TIMEOUT = timedelta(minutes=5)


class Compatibility(StrEnum):
    """Whether faults of Alertmanager that its users complain of are repeated."""

    TOCSIN = "tocsin"
    ALERTMANAGER = "alertmanager"


@dataclass(frozen=True, slots=True)
class Configuration:
    """One consistent configuration; `digest` names its text, `routes_digest` what decides where alerts go.

    `templates` are the texts of the notification templates' files by name, in the order in which they are read;
    `heartbeat` says where each completed tick is told, in plain JSON values with secrets as references; `warnings` is
    what is odd and no reason to refuse, one line each. `contacts` holds a receiver for each way of a user (users.py).
    `pagerduty_secrets` refer to what PagerDuty's webhooks are signed with.
    """

    digest: str
    routes_digest: str
    rule_groups: tuple[RuleGroup, ...]
    root: Route
    receivers: Mapping[str, Receiver]
    policies: tuple[EscalationPolicy, ...] = ()
    cooldowns: tuple[CooldownRule, ...] = ()
    default_cooldown: timedelta = DEFAULT_COOLDOWN
    external_labels: Mapping[str, str] = field(default_factory=dict)
    inhibit_rules: tuple[InhibitRule, ...] = ()
    time_intervals: Mapping[str, tuple[TimeInterval, ...]] = field(default_factory=dict)
    templates: Mapping[str, str] = field(default_factory=dict)
    resolve_timeout: timedelta = DEFAULT_RESOLVE_TIMEOUT
    compatibility: Compatibility = Compatibility.TOCSIN
    silence_breadth: BroadnessRule = field(default_factory=BroadnessRule)
    redaction: Redaction = field(default_factory=Redaction)
    has_watchdog: bool = False
    canary: Canary | None = None
    heartbeat: Mapping[str, Any] | None = None
    links: LinkSettings | None = None
    pagerduty_secrets: tuple[str, ...] = ()
    slack: SlackApp | None = None
    warnings: tuple[str, ...] = ()
    users: Mapping[str, User] = field(default_factory=dict)
    schedules: Mapping[str, Schedule] = field(default_factory=dict)
    contacts: Mapping[str, Receiver] = field(default_factory=dict)
    _receivers: Mapping[str, tuple[tuple[str, ...], ...]] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        found: dict[str, dict[tuple[str, ...], None]] = {}
        for rule in self.rules():
            found.setdefault(rule.name, {})[rule.receivers] = None
        object.__setattr__(self, "_receivers", {name: tuple(each) for name, each in found.items()})

    def rules(self) -> tuple[Rule, ...]:
        """Return the alerting rules of all groups, in the order of the files."""
        return tuple(rule for group in self.rule_groups for rule in group.rules)

    def receivers_of(self, name: str) -> tuple[tuple[str, ...], ...]:
        """Return what each rule of a name says of its receivers, each saying once; none where there is no such rule."""
        return self._receivers.get(name, ())

    def is_routed_to(self, group: GroupIdentity, alert: Alert) -> bool:
        """Say whether an alert belongs to a group as things are configured now.

        The rule is known by the alert's name; of several rules of one name, one that leads there is enough. What is
        left of a rule that is gone stays where it is.
        """
        name = group.receiver
        receivers = self.receivers_of(alert.name) or ((), (name,), (canary_way(name),), (digest_way(name),))
        routes = (route for names in receivers for route in routes_for(self.root, alert.labels, names))
        return any(identify_group(route, alert.labels) == group for route in routes)

    def has_integration(self, key: IntegrationKey) -> bool:
        """Say whether any receiver, or any way of a user, has this integration."""
        receivers = (*self.receivers.values(), *self.contacts.values())
        return any(each.key == key for receiver in receivers for each in receiver.integrations)

    def user_by(self, *, slack_id: str = "", email: str = "", pagerduty_id: str = "", phone: str = "") -> User | None:
        """Return the user whom any of these belongs to; what is empty belongs to nobody."""
        asked = {key for key in (slack_id, email.casefold(), pagerduty_id, phone) if key}
        return next((user for user in self.users.values() if asked & user.identities()), None)
