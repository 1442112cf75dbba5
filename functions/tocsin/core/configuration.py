"""Everything that configuration says, checked and ready: what config.py makes of the files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from .cooldowns import DEFAULT_COOLDOWN, CooldownRule
from .escalation import EscalationPolicy
from .receivers import Receiver
from .routing import Route
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
