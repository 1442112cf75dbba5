"""Announce, tell, remember: how one rule's outcome gets to its groups and into its record (law 5).

The record first says which alerts are about to be told (announced), a timer is set for each group, the groups get their
copies (told), and only then the record holds the new states (remembered). Whatever a crash leaves, the next tick finds
in `telling`, and tells again as it is by then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from ..core.inhibition import InhibitRule, can_inhibit
from ..core.labels import Fingerprint
from ..core.rules import ActiveAlert
from ..errors import ConflictError
from ..ports import LoadedConfiguration
from .inhibiting import keep_inhibitors
from .placing import Placed, graph_link, place, tell_groups
from .tick import Evaluator, RuleOutcome


def in_order(outcomes: Sequence[RuleOutcome], rules: Sequence[InhibitRule]) -> list[RuleOutcome]:
    """Return first the rules whose alerts begin to inhibit, and last those whose alerts cease to.

    So a crash between two of them lets nobody be told of a target whose source fires, or that has ended with it.
    """

    def rank(outcome: RuleOutcome) -> int:
        over = {is_over for alert, is_over in outcome.told if can_inhibit(rules, alert.labels)}
        return 0 if False in over else 2 if over else 1

    return sorted(outcomes, key=rank) if rules else list(outcomes)


def act(world: Evaluator, loaded: LoadedConfiguration, outcome: RuleOutcome, *, now: datetime) -> bool:
    """Announce, tell, remember; False where another invocation was there first or the store failed."""
    assert outcome.after is not None  # the caller's condition
    fields = {"rule": outcome.rule.name, "rule_group": outcome.rule.group}
    try:
        record = outcome.after
        if outcome.told:
            announced = replace(
                outcome.before,
                telling={**outcome.before.telling, **_by_fingerprint(outcome.told)},
                changed_at=now,
            )
            record = replace(record, version=world.rules.save_rule(announced, now=now).version)
            _keep_inhibitors(world, loaded, outcome, now=now)
            placed = _groups_of(world, loaded, outcome, now=now)
            tell_groups(world.timers, world.groups, placed, loaded.configuration.policies, now=now)
        world.rules.save_rule(record, now=now)
    except ConflictError:
        world.log.info("rule_evaluated_elsewhere", **fields)
        return False
    except Exception as error:  # the bulkhead between rules: the next tick makes the same transition again
        world.log.error("rule_not_written", error=repr(error), **fields)
        world.log.count("RuleEvaluationFailures")
        return False
    for transition in outcome.transitions:
        world.log.info("alert_changed", change=transition.change.value, labels=dict(transition.alert.labels), **fields)
    return True


def _keep_inhibitors(world: Evaluator, loaded: LoadedConfiguration, outcome: RuleOutcome, *, now: datetime) -> None:
    """Write down who inhibits before any group hears of it: a source must be known when its target is looked at."""
    alerts = [each.as_alert(now=now, generator_url="", resolved=is_over) for each, is_over in outcome.told]
    is_rerouted = outcome.before.routes_digest not in ("", loaded.configuration.routes_digest)
    keep_inhibitors(world.inhibitors, loaded.configuration.inhibit_rules, alerts, is_rerouted=is_rerouted, now=now)


def _by_fingerprint(told: Sequence[tuple[ActiveAlert, bool]]) -> dict[Fingerprint, ActiveAlert]:
    return {alert.fingerprint: alert for alert, _ in told}


def _groups_of(
    world: Evaluator, loaded: LoadedConfiguration, outcome: RuleOutcome, *, now: datetime
) -> Iterator[Placed]:
    link = graph_link(world.graph_url, outcome.rule.expr)
    told = (active.as_alert(now=now, generator_url=link, resolved=is_resolved) for active, is_resolved in outcome.told)
    return place(loaded.configuration.root, ((alert, outcome.rule.receivers) for alert in told))
