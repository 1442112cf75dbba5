"""A tick: evaluate the rules that are due, tell the groups of what changed, remember it, sweep what is overdue.

Order of one rule's writes (law 5): the record says which alerts are about to be told (announced), a timer is set for
each group, the groups get their copies (told), and only then the record holds the new states (remembered). Whatever a
crash leaves, the next tick finds in `telling` and tells again as it is by then.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import quote as url_quote

from ..core.alerts import Alert
from ..core.grouping import first_flush_at
from ..core.labels import Fingerprint, quote
from ..core.routing import GroupIdentity, Route, identify_group, routes_for
from ..core.rules import (
    TOLD,
    ActiveAlert,
    AlertState,
    Change,
    Rule,
    RuleError,
    RuleKey,
    Sample,
    TemplateContext,
    Transition,
    evaluate_rule,
    is_due,
)
from ..errors import ConflictError, QueryError
from ..ports import Groups, Health, LoadedConfiguration, Log, Metrics, Query, RuleRecord, Rules, Ticks, Timers

OWN_GROUP = "tocsin"
SCHEDULE = timedelta(minutes=1)
RULE_FAILING_FOR = timedelta(minutes=5)
SWEEP_LIMIT = 100


@dataclass(frozen=True, slots=True)
class Evaluator:
    """What a tick works with; `sweep_grace` is how late a group may be before the sweep wakes it."""

    metrics: Metrics
    rules: Rules
    groups: Groups
    timers: Timers
    log: Log
    tick: timedelta = timedelta(seconds=60)
    query_budget_seconds: float = 25.0
    sweep_grace: timedelta = timedelta(seconds=30)
    external_url: str = ""
    graph_url: str = ""


@dataclass(frozen=True, slots=True)
class RuleOutcome:
    """What an evaluation of one rule came to; `after` is None where nothing is to be written."""

    rule: Rule
    before: RuleRecord
    after: RuleRecord | None
    transitions: tuple[Transition, ...] = ()
    told: tuple[tuple[ActiveAlert, bool], ...] = ()
    samples: tuple[Sample, ...] = ()
    error: str = ""

    @property
    def active(self) -> Mapping[Fingerprint, ActiveAlert]:
        return (self.after or self.before).active


@dataclass(frozen=True, slots=True)
class TickOutcome:
    """All rules' outcomes of one tick, and how many of them could not be acted on."""

    now: datetime
    rules: tuple[RuleOutcome, ...]
    not_written: int = 0
    overdue: int = 0

    def as_json(self) -> dict[str, object]:
        return {
            "now": self.now.isoformat(),
            "rules": len(self.rules),
            "failed": sum(bool(outcome.error) for outcome in self.rules),
            "transitions": sum(len(outcome.transitions) for outcome in self.rules),
            "not_written": self.not_written,
            "overdue_groups": self.overdue,
        }


def announce_ticks(ticks: Ticks, *, tick: timedelta, now: datetime) -> None:
    """Send the ticks that fall between this scheduled one and the next; none where a tick is a whole minute."""
    for number in range(1, math.ceil(SCHEDULE / tick)):
        ticks.announce_tick(now + number * tick, now=now)


def run(world: Evaluator, loaded: LoadedConfiguration, *, now: datetime) -> TickOutcome:
    """Evaluate, tell, remember and sweep; one rule's failure never touches another's."""
    outcomes = decide(world, loaded, now=now)
    not_written = sum(not _act(world, loaded, outcome, now=now) for outcome in outcomes if outcome.after is not None)
    overdue = _sweep(world, now=now)
    _report(world, loaded, outcomes)
    return TickOutcome(now, tuple(outcomes), not_written=not_written, overdue=overdue)


def decide(
    world: Evaluator, loaded: LoadedConfiguration, *, now: datetime, only: str | None = None
) -> list[RuleOutcome]:
    """Return what would change now, and write nothing; `only` names a single rule."""
    records = world.rules.load_rules(now=now)
    due = [
        rule
        for group in loaded.configuration.rule_groups
        if is_due(group, now=now, tick=world.tick)
        for rule in group.rules
        if only in (None, rule.name) and not _is_behind(records.get(rule.key), now)
    ]
    queries = [Query(rule.expr, now - rule.query_offset) for rule in due]
    results = world.metrics.query_all(queries, budget_seconds=world.query_budget_seconds)
    outcomes = [
        _decide_rule(world, loaded, rule, records.get(rule.key) or RuleRecord(rule.key), result, now=now)
        for rule, result in zip(due, results, strict=True)
    ]
    if only is None:
        outcomes += _own_rules(world, loaded, records, outcomes, now=now)
        outcomes += _gone_rules(loaded, records, now=now)
    return outcomes


def _is_behind(record: RuleRecord | None, now: datetime) -> bool:
    """Say whether this instant was already evaluated; a crashed evaluation of it is taken up again."""
    if record is None or record.changed_at is None:
        return False
    return now < record.changed_at or (now == record.changed_at and not record.telling)


def _decide_rule(
    world: Evaluator,
    loaded: LoadedConfiguration,
    rule: Rule,
    before: RuleRecord,
    result: Sequence[Sample] | QueryError,
    *,
    now: datetime,
) -> RuleOutcome:
    if isinstance(result, QueryError):
        return _failing(rule, before, str(result), now=now)
    context = TemplateContext(loaded.configuration.external_labels, world.external_url)
    try:
        evaluation = evaluate_rule(rule, before.active, result, now=now, context=context)
    except RuleError as error:
        return _failing(rule, before, str(error), now=now)
    routes_digest = loaded.configuration.routes_digest
    told = _to_tell(before, evaluation.active, evaluation.transitions, routes_digest)
    after = replace(
        before,
        active=evaluation.active,
        health=Health.OK,
        error="",
        failing_since=None,
        changed_at=now,
        routes_digest=routes_digest,
        telling={},
    )
    is_changed = bool(evaluation.transitions or told or before.health is Health.FAILING)
    return RuleOutcome(
        rule, before, after if is_changed else None, evaluation.transitions, told=told, samples=tuple(result)
    )


def _failing(rule: Rule, before: RuleRecord, error: str, *, now: datetime) -> RuleOutcome:
    """Law 1: the alerts stay exactly as they were, and the health says why; written when it begins."""
    if before.health is Health.FAILING:
        return RuleOutcome(rule, before, None, error=error)
    after = replace(before, health=Health.FAILING, error=error, failing_since=now, changed_at=now)
    return RuleOutcome(rule, before, after, error=error)


def _to_tell(
    before: RuleRecord,
    active: Mapping[Fingerprint, ActiveAlert],
    transitions: Sequence[Transition],
    routes_digest: str,
) -> tuple[tuple[ActiveAlert, bool], ...]:
    """Return the alerts to tell groups of, each with whether it is resolved."""
    told: dict[Fingerprint, tuple[ActiveAlert, bool]] = {}
    is_rerouted = before.routes_digest not in ("", routes_digest)
    if before.telling or is_rerouted:
        firing = {key: alert for key, alert in active.items() if alert.state is AlertState.FIRING}
        told.update({key: (alert, False) for key, alert in firing.items()})
    for key, alert in before.telling.items():
        if key not in active or active[key].state is not AlertState.FIRING:
            told[key] = (alert, True)
    for transition in transitions:
        if transition.change in TOLD:
            told[transition.alert.fingerprint] = (transition.alert, transition.change is Change.RESOLVED)
    return tuple(told[key] for key in sorted(told))


def _own_rules(
    world: Evaluator,
    loaded: LoadedConfiguration,
    records: Mapping[RuleKey, RuleRecord],
    outcomes: Sequence[RuleOutcome],
    *,
    now: datetime,
) -> list[RuleOutcome]:
    """Return the outcomes of Tocsin's rules about itself, which go the same way as all others."""
    own = [
        (_config_refused_rule(loaded.refused), [Sample({}, 1.0)] if loaded.refused else []),
        (_rule_failing_rule(), [_failing_sample(outcome) for outcome in outcomes if outcome.error]),
    ]
    return [
        _decide_rule(world, loaded, rule, records.get(rule.key) or RuleRecord(rule.key), samples, now=now)
        for rule, samples in own
        if not _is_behind(records.get(rule.key), now)
    ]


def _failing_sample(outcome: RuleOutcome) -> Sample:
    return Sample({"rule": outcome.rule.name, "rule_group": outcome.rule.group, "rule_key": outcome.rule.key}, 1.0)


def own_rule_key(name: str) -> RuleKey:
    """Return the key of a rule of Tocsin's own; no file can have this name."""
    return RuleKey(f"<tocsin>;{OWN_GROUP};{name};0")


def _config_refused_rule(refused: str) -> Rule:
    return Rule(
        key=own_rule_key("TocsinConfigurationRefused"),
        name="TocsinConfigurationRefused",
        group=OWN_GROUP,
        expr="",
        labels={"severity": "warning"},
        annotations={
            "summary": "A new configuration was refused; the one before it stays in force",
            "description": "{{" + quote(refused) + "}}",
        },
    )


def _rule_failing_rule() -> Rule:
    return Rule(
        key=own_rule_key("TocsinRuleFailing"),
        name="TocsinRuleFailing",
        group=OWN_GROUP,
        expr="",
        hold_for=RULE_FAILING_FOR,
        labels={"severity": "warning"},
        annotations={
            "summary": "Rule {{ $labels.rule }} cannot be evaluated",
            "description": "Its alerts stay as they were. Why: tocsin evaluate --rule {{ $labels.rule }} --dry-run",
        },
    )


def _gone_rules(
    loaded: LoadedConfiguration, records: Mapping[RuleKey, RuleRecord], *, now: datetime
) -> list[RuleOutcome]:
    """Return the end of rules that the configuration no longer has: what fired expires."""
    own = {own_rule_key("TocsinConfigurationRefused"), own_rule_key("TocsinRuleFailing")}
    known = {rule.key for rule in loaded.configuration.rules()} | own
    outcomes = []
    for key, record in sorted(records.items()):
        if key in known or not (record.active or record.telling) or _is_behind(record, now):
            continue
        _, group, name, _ = key.rsplit(";", 3)
        firing = {**record.telling, **record.active}
        told = tuple((firing[k], True) for k in sorted(firing) if firing[k].state is AlertState.FIRING)
        after = replace(record, active={}, telling={}, changed_at=now)
        outcomes.append(RuleOutcome(Rule(key=key, name=name, group=group, expr=""), record, after, told=told))
    return outcomes


def _act(world: Evaluator, loaded: LoadedConfiguration, outcome: RuleOutcome, *, now: datetime) -> bool:
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
            for identity, route, alerts in _groups_of(world, loaded, outcome, now=now):
                at = min(first_flush_at(route, alert, now) for alert in alerts)
                world.timers.announce(identity.id, at=at, now=now)
                world.groups.tell(identity, alerts, first_flush_at=at)
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


def _by_fingerprint(told: Sequence[tuple[ActiveAlert, bool]]) -> dict[Fingerprint, ActiveAlert]:
    return {alert.fingerprint: alert for alert, _ in told}


def _groups_of(
    world: Evaluator, loaded: LoadedConfiguration, outcome: RuleOutcome, *, now: datetime
) -> Iterator[tuple[GroupIdentity, Route, list[Alert]]]:
    link = _graph_link(world.graph_url, outcome.rule.expr)
    groups: dict[GroupIdentity, tuple[Route, list[Alert]]] = {}
    for active, is_resolved in outcome.told:
        alert = active.as_alert(now=now, generator_url=link, resolved=is_resolved)
        for route in routes_for(loaded.configuration.root, alert.labels, outcome.rule.receivers):
            groups.setdefault(identify_group(route, alert.labels), (route, []))[1].append(alert)
    for identity in sorted(groups, key=lambda each: each.id):
        yield identity, *groups[identity]


def _graph_link(graph_url: str, expr: str) -> str:
    return f"{graph_url}/graph?g0.expr={url_quote(expr, safe='')}&g0.tab=1" if graph_url and expr else ""


def _sweep(world: Evaluator, *, now: datetime) -> int:
    """Wake groups that nobody has looked at in time: a lost timer, a crash between decision and sending."""
    try:
        overdue = world.groups.overdue(before=now - world.sweep_grace, limit=SWEEP_LIMIT)
        for group in overdue:
            world.timers.announce(group, at=now, now=now)
    except Exception as error:  # the sweep is a safety net: it must not fail the tick that has done its work
        world.log.error("sweep_failed", error=repr(error))
        return 0
    if overdue:
        world.log.warning("overdue_groups", groups=list(overdue))
        world.log.count("OverdueGroups", len(overdue))
    return len(overdue)


def _report(world: Evaluator, loaded: LoadedConfiguration, outcomes: Sequence[RuleOutcome]) -> None:
    failed = [outcome for outcome in outcomes if outcome.error]
    for outcome in failed:
        world.log.warning("rule_failing", rule=outcome.rule.name, rule_group=outcome.rule.group, error=outcome.error)
    if loaded.refused:
        world.log.error("configuration_refused", problems=loaded.refused)
    world.log.count("ConfigRefused", 1 if loaded.refused else 0)
    world.log.count("RuleEvaluations", len(outcomes))
    world.log.count("RuleEvaluationFailures", len(failed))
    world.log.count("TickCompleted")
