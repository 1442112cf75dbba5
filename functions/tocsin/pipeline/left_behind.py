"""Copies of alerts that a changed configuration leaves behind in groups.

A group drops what is routed elsewhere when it is next looked at. Where the configuration is changed back before that,
the group still has its copies, and those of alerts that have ended meanwhile would fire for ever: their end was told
elsewhere. So with each change that a rule sees, the groups are told of the ends that they missed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from ..core.labels import Fingerprint
from ..core.routing import find_route
from ..core.rules import ActiveAlert, AlertState
from ..ports import LoadedConfiguration
from .placing import Placed, tell_groups
from .tick import Evaluator, RuleOutcome

# Each is read, and a tick has its limits. Of more, those that are looked at soon drop such copies by themselves.
MOST_GROUPS, MOST_SECONDS = 2000, 15.0


def tell_missed_ends(
    world: Evaluator, loaded: LoadedConfiguration, outcomes: Sequence[RuleOutcome], *, now: datetime
) -> None:
    """Tell groups the ends of copies that no rule sees firing, of rules that another configuration knew last."""
    names = {outcome.rule.name for outcome in outcomes if outcome.is_rerouted}
    if not names:
        return
    firing = {key for outcome in outcomes for key in _firing(outcome.active.values())}
    # A crash left groups told what the record does not hold yet; that a query fails now ends nothing of it (law 1).
    firing |= {key for outcome in outcomes if outcome.error for key in outcome.before.telling}
    for record in world.rules.load_rules(now=now).values():
        firing |= _firing(record.active.values())
    groups = world.groups.active_groups()
    patience, looked_at = world.patience.within(MOST_SECONDS), 0
    for group in reversed(groups[-MOST_GROUPS:]):
        if patience.is_over:
            break
        looked_at += 1
        state = world.groups.load_group(group, now=now)
        if state is None:
            continue
        identity = state.group.identity
        route = find_route(loaded.configuration.root, identity.receiver, identity.route_key)
        # What was sent to us has an end of its own.
        left = (alert for key, alert in sorted(state.alerts.items()) if alert.ends_at is None and key not in firing)
        ended = tuple(replace(alert, ends_at=now, updated_at=now) for alert in left if alert.name in names)
        if ended and route is not None:
            tell_groups(world.timers, world.groups, [Placed(identity, route, ended)], now=now)
    if looked_at < len(groups):
        world.log.warning("missed_ends_not_looked_for", groups=len(groups) - looked_at)


def _firing(alerts: Iterable[ActiveAlert]) -> set[Fingerprint]:
    return {alert.fingerprint for alert in alerts if alert.state is AlertState.FIRING}
