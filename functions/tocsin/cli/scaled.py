"""A configuration in which escalation waits for a fraction of the time: a policy of an hour is walked in a minute."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from ..core.configuration import Configuration
from ..core.policies import EscalationPolicy, Terms
from ..core.routing import Route
from ..core.users import ContactRule, User

# What is over is told at once too.
_SOON = timedelta(seconds=1)


def scaled(configuration: Configuration, scale: float) -> Configuration:
    """Return it with steps, terms and users' rules `scale` times as fast, and groups that wait for nothing."""
    return replace(
        configuration,
        root=_at_once(configuration.root),
        policies=tuple(_policy(each, scale) for each in configuration.policies),
        users={name: _user(each, scale) for name, each in configuration.users.items()},
    )


def _at_once(route: Route) -> Route:
    children = tuple(_at_once(each) for each in route.routes)
    return replace(route, group_wait=timedelta(0), group_interval=_SOON, routes=children)


def _policy(policy: EscalationPolicy, scale: float) -> EscalationPolicy:
    steps = tuple(replace(each, after=each.after / scale) for each in policy.steps)
    return replace(policy, steps=steps, terms=_terms(policy.terms, scale))


def _terms(terms: Terms, scale: float) -> Terms:
    return replace(
        terms,
        repeat_after=terms.repeat_after / scale,
        ack_timeout=terms.ack_timeout / scale if terms.ack_timeout else None,
        reminder=terms.reminder / scale if terms.reminder else None,
    )


def _user(user: User, scale: float) -> User:
    return replace(user, rules=_rules(user.rules, scale), important_rules=_rules(user.important_rules, scale))


def _rules(rules: tuple[ContactRule, ...], scale: float) -> tuple[ContactRule, ...]:
    return tuple(replace(each, after=each.after / scale) for each in rules)
