"""Alerts that fire because somebody says so: each stands for a rule whose expression holds from then to then.

An alert of a configured rule's name goes where that rule's alerts go, and has the labels that the rule would give it
where it is not said otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ..core.configuration import Configuration
from ..core.labels import ALERTNAME, Labels
from ..core.routing import NO_LABELS, GroupIdentity, Route, identify_group, routes_for
from ..core.rules import Rule, RuleGroup, RuleKey
from ..core.silences import Silence
from .feeds import Feed, feed_of, feeds_of
from .timelines import Timeline
from .world import Scope, World

GROUP = "simulated"
TICK = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Stimulus:
    """One alert with all its labels; `added` are those that its rule gives it."""

    labels: Labels
    receivers: tuple[str, ...] = ()
    added: Labels = NO_LABELS

    def routes(self, configuration: Configuration) -> list[tuple[Route, GroupIdentity]]:
        """Return where it goes, and the group that it is in there."""
        routes = routes_for(configuration.root, self.labels, self.receivers)
        return [(route, identify_group(route, self.labels)) for route in routes]


def stimulus(configuration: Configuration, labels: Mapping[str, str]) -> Stimulus:
    """Return an alert with these labels, completed by the rule of its name if there is exactly one."""
    rules = [rule for rule in configuration.rules() if rule.name == labels.get(ALERTNAME)]
    if len(rules) != 1:
        return Stimulus(Labels(labels))
    (rule,) = rules
    plain = {name: text for name, text in rule.labels.items() if name not in labels and "{{" not in text}
    return Stimulus(Labels({**plain, **labels}), rule.receivers, Labels(plain))


def world_of(
    configuration: Configuration,
    alerts: Sequence[Stimulus],
    *,
    start: datetime,
    end: datetime,
    resolve_after: timedelta | None = None,
    ack_after: timedelta | None = None,
    silences: tuple[Silence, ...] = (),
) -> World:
    """Return a world in which nothing but these alerts fires, from its start on."""
    until = end if resolve_after is None else start + resolve_after
    timelines: dict[Feed, Timeline] = {}
    rules = []
    for number, alert in enumerate(alerts):
        rule = _rule(alert, number)
        timeline = Timeline(TICK)
        timeline.hold(alert.labels.without(ALERTNAME), start, until, value=1.0)
        timelines[feed_of(rule, tick=TICK)] = timeline
        rules.append(rule)
    simulated = replace(configuration, rule_groups=(RuleGroup(GROUP, "", tuple(rules)),))
    return World(simulated, feeds_of(timelines), Scope(start, end, TICK, ack_after=ack_after, silences=silences))


def _rule(alert: Stimulus, number: int) -> Rule:
    name = alert.labels.get(ALERTNAME, "")
    key = RuleKey(f"<simulated>;{GROUP};{name};{number}")
    return Rule(key=key, name=name, group=GROUP, expr=f"alert {number}", receivers=alert.receivers)
