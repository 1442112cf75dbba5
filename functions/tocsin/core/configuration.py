"""Everything that configuration says, checked and ready: what config.py makes of the files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from .alerts import Alert
from .cooldowns import DEFAULT_COOLDOWN, CooldownRule
from .escalation import EscalationPolicy
from .receivers import Receiver
from .routing import GroupIdentity, Route, identify_group, routes_for
from .rules import Rule, RuleGroup


@dataclass(frozen=True, slots=True)
class Configuration:
    """One consistent configuration; `digest` names its text, `routes_digest` what decides where alerts go."""

    digest: str
    routes_digest: str
    rule_groups: tuple[RuleGroup, ...]
    root: Route
    receivers: Mapping[str, Receiver]
    policies: tuple[EscalationPolicy, ...] = ()
    cooldowns: tuple[CooldownRule, ...] = ()
    default_cooldown: timedelta = DEFAULT_COOLDOWN
    external_labels: Mapping[str, str] = field(default_factory=dict)

    def rules(self) -> tuple[Rule, ...]:
        """Return the alerting rules of all groups, in the order of the files."""
        return tuple(rule for group in self.rule_groups for rule in group.rules)

    def is_routed_to(self, group: GroupIdentity, alert: Alert) -> bool:
        """Say whether an alert belongs to a group as things are configured now.

        The rule is known by the alert's name; of several rules of one name, one that leads there is enough. What is
        left of a rule that is gone stays where it is.
        """
        receivers = {rule.receivers for rule in self.rules() if rule.name == alert.name} or {(), (group.receiver,)}
        routes = (route for names in receivers for route in routes_for(self.root, alert.labels, names))
        return any(identify_group(route, alert.labels) == group for route in routes)
