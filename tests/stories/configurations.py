"""Configurations for stories, built from core values: rules, receivers and routes, each in one line."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from tocsin.core.configuration import Configuration
from tocsin.core.cooldowns import CooldownRule
from tocsin.core.matchers import Matcher, MatchType
from tocsin.core.policies import EscalationPolicy, Step
from tocsin.core.rate_limits import RATE_LIMIT, RateLimit, as_settings
from tocsin.core.receivers import Integration, Kind, Receiver
from tocsin.core.routing import RouteSpec, build_tree
from tocsin.core.rules import Rule, RuleGroup, RuleKey

FILE, GROUP = "rules.yml", "stories"
MINUTE = timedelta(minutes=1)


def rule(
    name: str,
    *,
    hold_for: timedelta = timedelta(0),
    severity: str = "critical",
    annotations: Mapping[str, str] | None = None,
    **more: Any,
) -> Rule:
    """Return a rule whose expression is its name in small letters."""
    return Rule(
        key=RuleKey(f"{FILE};{GROUP};{name};0"),
        name=name,
        group=GROUP,
        expr=name.lower(),
        hold_for=hold_for,
        labels={"severity": severity},
        annotations=annotations or {"summary": f"{name} on {{{{ $labels.instance }}}}"},
        **more,
    )


def receiver(name: str, *kinds: Kind, send_resolved: bool = True) -> Receiver:
    """Return a receiver with one integration of each kind; Slack where none is said."""
    integrations = (
        Integration(name, kind, index, send_resolved, {"api_url_file": f"secret:slack#{name}"})
        for index, kind in enumerate(kinds or (Kind.SLACK,))
    )
    return Receiver(name, tuple(integrations))


def limited(limited_one: Receiver, limit: RateLimit | None) -> Receiver:
    """Return a receiver each of whose integrations has a rate limit; without a limit, the receiver as it is."""
    if limit is None:
        return limited_one
    settings = {RATE_LIMIT: as_settings(limit)}
    return replace(
        limited_one,
        integrations=tuple(replace(each, settings={**each.settings, **settings}) for each in limited_one.integrations),
    )


def equal(name: str, value: str) -> Matcher:
    return Matcher(name, MatchType.EQUAL, value)


def steps(*pairs: tuple[int, str]) -> tuple[Step, ...]:
    """Return a policy's steps from (minutes, receiver)."""
    return tuple(Step(timedelta(minutes=minutes), (name,)) for minutes, name in pairs)


def policy(*pairs: tuple[int, str], name: str = "default", matchers: tuple[Matcher, ...] = ()) -> EscalationPolicy:
    return EscalationPolicy(name, steps(*pairs), matchers)


def configuration(
    *rules: Rule,
    route: RouteSpec | None = None,
    receivers: Sequence[Receiver] = (),
    policies: Sequence[EscalationPolicy] = (),
    cooldowns: Sequence[CooldownRule] = (),
    default_cooldown: timedelta = timedelta(0),
    interval: timedelta | None = None,
) -> Configuration:
    """Return a configuration; without a route, everything goes to the receiver `team`, grouped by the alert's name."""
    spec = route or RouteSpec(receiver="team", group_by=("alertname",))
    named = {each.name: each for each in (receiver("team"), *receivers)}
    # Routes are values, so their text tells them apart.
    routes_digest = hashlib.sha256(repr(spec).encode()).hexdigest()
    return Configuration(
        digest=routes_digest,
        routes_digest=routes_digest,
        rule_groups=(RuleGroup(GROUP, FILE, tuple(rules), interval=interval),),
        root=build_tree(spec),
        receivers=named,
        policies=tuple(policies),
        cooldowns=tuple(cooldowns),
        default_cooldown=default_cooldown,
    )
