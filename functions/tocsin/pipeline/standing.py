"""The alerts that stand now, as Alertmanager's API lists them: our rules', those that were sent to us, and their mutes.

An alert that a rule of ours and somebody else report is one alert: it began with the earlier, and has the rule's words.

Source: https://github.com/prometheus/alertmanager/blob/main/api/v2/api.go
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from ..core.alerts import Alert, Status
from ..core.configuration import Configuration
from ..core.inhibition import Inhibitors
from ..core.intervals import muted_by
from ..core.labels import Fingerprint
from ..core.routing import GroupIdentity, Route, routes_for
from ..core.rules import AlertState, Rule
from ..core.silences import SilenceId, silencing
from ..ports import Ingested, RuleRecord, Rules, Silences
from .placing import Receivers, graph_link, place, receivers_of


@dataclass(frozen=True, slots=True)
class Board:
    """Where what stands is read; `graph_url` is where a rule's expression can be looked at, or empty."""

    rules: Rules
    ingested: Ingested
    silences: Silences
    graph_url: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """An alert that fires: whom it goes to, and who mutes it."""

    alert: Alert
    receivers: tuple[Receivers, ...]
    silenced_by: tuple[SilenceId, ...] = ()
    inhibited_by: tuple[Fingerprint, ...] = ()

    @property
    def is_suppressed(self) -> bool:
        return bool(self.silenced_by or self.inhibited_by)

    def routes(self, root: Route) -> tuple[Route, ...]:
        """Return the routes that it takes, in order."""
        found = (route for names in self.receivers for route in routes_for(root, self.alert.labels, names))
        return tuple(dict.fromkeys(found))


@dataclass(frozen=True, slots=True)
class StandingGroup:
    """What stands in one group; `muted_by` are the time intervals that mute its route now."""

    identity: GroupIdentity
    alerts: tuple[Standing, ...]
    muted_by: tuple[str, ...] = ()


def list_standing(board: Board, configuration: Configuration, *, now: datetime) -> tuple[Standing, ...]:
    """Return what fires now, by fingerprint."""
    firing = _firing(board, configuration, now=now)
    silences = board.silences.load_silences(now=now)
    labels = ((key, alert.labels) for key, (alert, _) in firing.items())
    inhibitors = Inhibitors(configuration.inhibit_rules, labels if configuration.inhibit_rules else ())
    return tuple(
        Standing(
            alert,
            receivers,
            silenced_by=silencing(silences, alert.labels, now=now, named=configuration.time_intervals),
            inhibited_by=inhibitors.inhibiting(alert.labels),
        )
        for _, (alert, receivers) in sorted(firing.items())
    )


def list_firing(board: Board, configuration: Configuration, *, now: datetime) -> list[Alert]:
    """Return what fires now, whoever mutes it."""
    return [alert for alert, _ in _firing(board, configuration, now=now).values()]


def group_standing(
    standing: Iterable[Standing], configuration: Configuration, *, now: datetime
) -> tuple[StandingGroup, ...]:
    """Return the groups of what stands: by their labels, then by receiver, as Alertmanager lists them."""
    known = {each.alert.fingerprint: each for each in standing}
    routed = [(each.alert, names) for each in known.values() for names in each.receivers]
    groups = [
        StandingGroup(
            placed.identity,
            tuple(known[key] for key in sorted({alert.fingerprint for alert in placed.alerts})),
            muted_by(
                placed.route.mute_time_intervals,
                placed.route.active_time_intervals,
                configuration.time_intervals,
                now=now,
            ).names,
        )
        for placed in place(configuration.root, routed)
    ]
    return tuple(sorted(groups, key=lambda group: _order(group.identity)))


def _order(identity: GroupIdentity) -> tuple[object, ...]:
    return len(identity.labels), tuple(identity.labels.items()), identity.receiver, identity.route_key


_Found = tuple[Alert, tuple[Receivers, ...]]


def _firing(board: Board, configuration: Configuration, *, now: datetime) -> dict[Fingerprint, _Found]:
    found: dict[Fingerprint, _Found] = {}
    for each in board.ingested.load_ingested(now=now):
        if each.alert.status_at(now) is Status.FIRING:
            found[each.alert.fingerprint] = (each.alert, receivers_of(configuration, each.alert.name))
    rules = {rule.key: rule for rule in configuration.rules()}
    for key, record in sorted(board.rules.load_rules(now=now).items()):
        for alert in _alerts_of(board, record, rules.get(key)):
            other = found.get(alert.fingerprint)
            if other is not None:
                alert = replace(alert, starts_at=min(alert.starts_at, other[0].starts_at))
            found[alert.fingerprint] = (alert, (record.receivers,))
    return found


def _alerts_of(board: Board, record: RuleRecord, rule: Rule | None) -> Iterator[Alert]:
    link = graph_link(board.graph_url, rule.expr) if rule else ""
    for active in record.active.values():
        if active.state is AlertState.FIRING:
            at = active.refreshed_at or active.fired_at or active.active_at
            yield active.as_alert(now=at, generator_url=link)
