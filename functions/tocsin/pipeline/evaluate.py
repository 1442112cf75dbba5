"""A tick: evaluate the rules that are due, tell the groups of what changed, remember it, sweep what is overdue.

A rule that cannot be evaluated keeps its alerts as they are (law 1). An instant that was evaluated already, or one
before it, does nothing (law 4).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from datetime import datetime, timedelta

from ..core.configuration import Compatibility, Configuration
from ..core.labels import Fingerprint
from ..core.routing import GroupId
from ..core.rules import (
    REFRESH_INTERVAL,
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
from ..errors import QueryError
from ..ports import MOST_SERIES, Health, LoadedConfiguration, Query, RuleRecord, Ticks
from . import held_back, own_rules, watch
from .iterations import last_evaluated, remember_iterations
from .left_behind import tell_missed_ends
from .lost_records import restore
from .moving import Moved, carry_out, find_moves
from .sharing import settle_shared
from .telling import Acted, act_all
from .template_queries import TemplateQueries
from .tick import Evaluator, RuleOutcome, TickOutcome

__all__ = ["Evaluator", "RuleOutcome", "TickOutcome", "announce_ticks", "decide", "run"]

SCHEDULE = timedelta(minutes=1)
# So many groups are woken in a tick, of so many that are overdue: the others have their turn in the ticks that follow.
SWEEP_LIMIT = 1000
SWEEP_LOOKS_AT = 20_000
_NAMED_IN_LOG = 20
# Where a tick's rules have been evaluated for so long, each of the others has so many steps for its annotations.
SECONDS_FOR_TEXTS, STEPS_IN_HASTE = 15.0, 20_000


def announce_ticks(ticks: Ticks, *, tick: timedelta, now: datetime) -> None:
    """Send the ticks that fall between this scheduled one and the next; none where a tick is a whole minute."""
    for number in range(1, math.ceil(SCHEDULE / tick)):
        ticks.announce_tick(now + number * tick, now=now)


def run(world: Evaluator, loaded: LoadedConfiguration, *, now: datetime, only: str | None = None) -> TickOutcome:
    """Evaluate, tell, remember and sweep; one rule's failure never touches another's. `only` names a single rule."""
    moved = _in_order(world, loaded, now=now)
    outcomes = decide(world, loaded, now=now, only=only, moved=moved)
    outcomes = _settle_rerouted(world, loaded, outcomes, now=now)
    news = [outcome for outcome in outcomes if outcome.after is not None]
    acted = act_all(world, loaded, news, now=now)
    if only is None:
        again = acted.unkept | moved.waiting
        remember_iterations(
            world.rules, world.log, loaded.configuration, moved.records, again=again, tick=world.tick, now=now
        )
    is_rerouted = _reroute(world, loaded, now=now)
    overdue = _sweep(world, now=now)
    _report(world, loaded, outcomes, acted)
    return TickOutcome(
        now,
        tuple(outcomes),
        not_written=acted.not_written,
        overdue=overdue or 0,
        is_whole=is_rerouted and overdue is not None,
        unfinished=acted.unfinished,
    )


def _in_order(world: Evaluator, loaded: LoadedConfiguration, *, now: datetime) -> Moved:
    """Return the records of the rules, those that were lost put together again, and each under its rule's key."""
    restored = restore(world, loaded.configuration, world.rules.load_rules(now=now), now=now)
    moves = find_moves(loaded.configuration.rules(), restored.records, now=now)
    moved = carry_out(world.rules, world.log, restored.records, moves, now=now) if moves else restored
    return replace(moved, waiting=moved.waiting | restored.waiting)


def decide(
    world: Evaluator,
    loaded: LoadedConfiguration,
    *,
    now: datetime,
    only: str | None = None,
    moved: Moved | None = None,
) -> list[RuleOutcome]:
    """Return what would change now, and write nothing; `only` names a single rule."""
    moved = moved or Moved(world.rules.load_rules(now=now))
    records, waiting = moved.records, moved.waiting
    due = [
        rule
        for group in loaded.configuration.rule_groups
        if is_due(group, now=now, tick=world.tick, last=last_evaluated(group, records))
        for rule in group.rules
        if only in (None, rule.name) and rule.key not in waiting and not _is_behind(records.get(rule.key), now)
    ]
    # Whatever fails already is asked last: it must not use up the time of the others.
    asked = sorted(due, key=lambda rule: rule.key in records and records[rule.key].health is Health.FAILING)
    queries = [Query(rule.expr, now - rule.query_offset) for rule in asked]
    budget_seconds = min(world.query_budget_seconds, world.patience.seconds_left)
    answers = world.metrics.query_all(queries, budget_seconds=budget_seconds)
    results = {rule.key: answer for rule, answer in zip(asked, answers, strict=True)}
    template_queries = TemplateQueries(world.metrics, world.patience)
    patience = world.patience.within(SECONDS_FOR_TEXTS)

    def decided(rule: Rule, result: Sequence[Sample] | QueryError) -> RuleOutcome:
        query = template_queries.of_a_rule()
        context = TemplateContext(
            loaded.configuration.external_labels, world.external_url, query, world.compile_pattern
        )
        if patience.is_over:  # all rules are evaluated, whatever their texts look like
            context = replace(context, annotation_steps=STEPS_IN_HASTE)
        before = records.get(rule.key) or RuleRecord(rule.key)
        return _decide_rule(context, loaded, rule, before, result, now=now)

    outcomes = [decided(rule, results[rule.key]) for rule in due]
    outcomes += [
        _carried_on(rule, records[rule.key], loaded.configuration.routes_digest, now=now)
        for rule in loaded.configuration.rules()
        if only in (None, rule.name)
        and rule.key not in results
        and rule.key not in waiting
        and _is_interrupted(records.get(rule.key), now)
    ]
    if only is None:
        own = [
            *own_rules.own_rules(loaded, _failing_now(records, outcomes), records),
            *watch.watch_rules(world.groups, world.log, loaded, records, now=now),
            *held_back.held_back_rules(world.limits, world.log, loaded, records, now=now),
        ]
        outcomes += [decided(rule, samples) for rule, samples in own if not _is_behind(records.get(rule.key), now)]
        outcomes += _gone_rules(loaded, records, {rule.key for rule, _ in own} | waiting, now=now)
    outcomes = settle_shared(outcomes, records, now=now)
    if only is None:
        _report_alerts(world, records, outcomes)
    if template_queries.not_asked:
        world.log.warning("template_queries_not_asked", count=template_queries.not_asked)
        world.log.count("TemplateQueriesNotAsked", template_queries.not_asked)
    return outcomes


def _is_behind(record: RuleRecord | None, now: datetime) -> bool:
    """Say whether this instant was already evaluated; a crashed evaluation of it is taken up again."""
    if record is None or record.changed_at is None:
        return False
    return now < record.changed_at or (now == record.changed_at and not record.telling)


def _is_interrupted(record: RuleRecord | None, now: datetime) -> bool:
    """Say whether groups are still to be told of what an earlier tick, or this one, has announced."""
    return record is not None and bool(record.telling) and not _is_behind(record, now)


def _decide_rule(
    context: TemplateContext,
    loaded: LoadedConfiguration,
    rule: Rule,
    before: RuleRecord,
    result: Sequence[Sample] | QueryError,
    *,
    now: datetime,
) -> RuleOutcome:
    routes_digest = loaded.configuration.routes_digest
    if isinstance(result, QueryError):
        return _failing(rule, before, str(result), routes_digest, now=now)
    if len(result) > MOST_SERIES:
        error = f"exceeded limit of {MOST_SERIES} with {len(result)} series"
        return _failing(rule, before, error, routes_digest, now=now)
    try:
        evaluation = evaluate_rule(
            rule,
            before.announced,
            result,
            now=now,
            context=context,
            refresh_interval=_refresh_interval(loaded.configuration),
        )
    except RuleError as error:
        return _failing(rule, before, str(error), routes_digest, now=now)
    is_rerouted = _is_rerouted(rule, before, routes_digest)
    told = _to_tell(before, evaluation.active, evaluation.transitions, is_rerouted=is_rerouted)
    after = replace(
        before,
        active=evaluation.active,
        health=Health.OK,
        error="",
        failing_since=None,
        changed_at=now,
        routes_digest=routes_digest,
        receivers=rule.receivers,
        telling={},
        ending=frozenset(),
        definition=rule.definition if evaluation.active else "",
    )
    is_redefined = bool(evaluation.active) and before.definition != rule.definition
    is_failing = before.health is Health.FAILING
    is_changed = bool(evaluation.transitions or told or is_rerouted or is_failing or is_redefined)
    return RuleOutcome(
        rule,
        before,
        after if is_changed else None,
        evaluation.transitions,
        told=told,
        samples=tuple(result),
        is_rerouted=is_rerouted,
    )


def _refresh_interval(configuration: Configuration) -> timedelta:
    """Return how often changed values are written: as Prometheus does where that is asked for, else seldom."""
    is_compatible = configuration.compatibility is Compatibility.ALERTMANAGER
    return timedelta(0) if is_compatible else REFRESH_INTERVAL


def _failing(rule: Rule, before: RuleRecord, error: str, routes_digest: str, *, now: datetime) -> RuleOutcome:
    """Law 1: the alerts stay exactly as they were, and the health says why; written when it begins.

    Where configuration has routed them elsewhere meanwhile, they are told there, as they are. What was announced before
    is told all the same.
    """
    if before.health is Health.FAILING and not before.telling and not _is_rerouted(rule, before, routes_digest):
        return RuleOutcome(rule, before, None, error=error)
    carried_on = _carried_on(rule, before, routes_digest, now=now)
    assert carried_on.after is not None
    failing_since = before.failing_since or now
    after = replace(carried_on.after, health=Health.FAILING, error=error, failing_since=failing_since)
    return replace(carried_on, after=after, error=error)


def _carried_on(rule: Rule, before: RuleRecord, routes_digest: str, *, now: datetime) -> RuleOutcome:
    """Return a rule as it was announced, without an evaluation, and what its groups are still to be told of that."""
    after = replace(
        before,
        active=before.announced,
        changed_at=now,
        routes_digest=routes_digest,
        receivers=rule.receivers,
        telling={},
        ending=frozenset(),
    )
    is_rerouted = _is_rerouted(rule, before, routes_digest)
    told = _to_tell(before, after.active, (), is_rerouted=is_rerouted)
    return RuleOutcome(rule, before, after, told=told, error=before.error, is_rerouted=is_rerouted)


def _is_rerouted(rule: Rule, before: RuleRecord, routes_digest: str) -> bool:
    """Say whether the rule's alerts may belong to other groups than those that were told of them."""
    routed = (before.routes_digest, before.receivers)
    return before.routes_digest != "" and routed != (routes_digest, rule.receivers)


def _failing_now(records: Mapping[RuleKey, RuleRecord], outcomes: Sequence[RuleOutcome]) -> dict[RuleKey, str]:
    """Return why rules are failing: as this tick found it, and as it was left for those that are not due in it."""
    failing = {key: record.error for key, record in records.items() if record.health is Health.FAILING}
    for outcome in outcomes:
        failing.pop(outcome.rule.key, None)
        if outcome.error:
            failing[outcome.rule.key] = outcome.error
    return failing


def _to_tell(
    before: RuleRecord,
    active: Mapping[Fingerprint, ActiveAlert],
    transitions: Sequence[Transition],
    *,
    is_rerouted: bool,
) -> tuple[tuple[ActiveAlert, bool], ...]:
    """Return the alerts to tell groups of, each with whether it is resolved."""
    firing = {key: alert for key, alert in active.items() if alert.state is AlertState.FIRING}
    told = {key: (firing[key], False) if key in firing else (alert, True) for key, alert in before.telling.items()}
    if is_rerouted:
        told |= {key: (alert, False) for key, alert in firing.items()}
    for transition in transitions:
        if transition.change in TOLD:
            told[transition.alert.fingerprint] = (transition.alert, transition.change is Change.RESOLVED)
    return tuple(told[key] for key in sorted(told))


def _gone_rules(
    loaded: LoadedConfiguration, records: Mapping[RuleKey, RuleRecord], own: Set[RuleKey], *, now: datetime
) -> list[RuleOutcome]:
    """Return the end of rules that there are no longer, in the configuration or of `own`: what fired expires."""
    known = {rule.key for rule in loaded.configuration.rules()} | own
    outcomes = []
    for key, record in sorted(records.items()):
        if key in known or not (record.active or record.telling or record.owed) or _is_behind(record, now):
            continue
        _, group, name, _ = key.rsplit(";", 3)
        firing = {**record.active, **record.telling}  # a crash may have left what groups were told of as pending
        told = tuple((firing[k], True) for k in sorted(firing) if firing[k].state is AlertState.FIRING)
        routes_digest = loaded.configuration.routes_digest
        is_ended = bool(record.active or record.telling)
        after = replace(record, active={}, telling={}, changed_at=now, routes_digest=routes_digest)
        rule = Rule(key=key, name=name, group=group, expr="", receivers=record.receivers)
        is_rerouted = _is_rerouted(rule, record, routes_digest)
        outcomes.append(RuleOutcome(rule, record, after if is_ended else None, told=told, is_rerouted=is_rerouted))
    return outcomes


def _settle_rerouted(
    world: Evaluator, loaded: LoadedConfiguration, outcomes: list[RuleOutcome], *, now: datetime
) -> list[RuleOutcome]:
    """Tell groups what they missed under another configuration; where that fails, the rules are rerouted again."""
    try:
        tell_missed_ends(world, loaded, outcomes, now=now)
    except Exception as error:  # the rules have been evaluated: the next tick tries again
        world.log.error("missed_ends_not_told", error=repr(error))
        return [
            replace(each, after=replace(each.after, routes_digest=each.before.routes_digest))
            if each.after is not None and each.is_rerouted
            else each
            for each in outcomes
        ]
    return outcomes


def _reroute(world: Evaluator, loaded: LoadedConfiguration, *, now: datetime) -> bool:
    """Tell the groups of a changed configuration of the alerts that were sent to us; say whether that was done."""
    if world.reroute is None:
        return True
    try:
        world.reroute(loaded, now=now, patience=world.patience)
    except Exception as error:  # the rules have been evaluated: the next tick tries again
        world.log.error("reroute_failed", error=repr(error))
        return False
    return True


def _sweep(world: Evaluator, *, now: datetime) -> int | None:
    """Wake groups that nobody has looked at in time: a lost timer, a crash between decision and sending.

    Returns how many are overdue; None where they could not be found or woken.
    """
    try:
        overdue = world.groups.overdue(before=now - world.sweep_grace, limit=SWEEP_LOOKS_AT)
        if overdue:
            world.timers.announce_all(_whose_turn(overdue, now=now), at=now, now=now)
    except Exception as error:  # the sweep is a safety net: it must not fail the tick that has done its work
        world.log.error("sweep_failed", error=repr(error))
        return None
    if overdue:
        world.log.warning("overdue_groups", groups=list(overdue[:_NAMED_IN_LOG]), count=len(overdue))
        world.log.count("OverdueGroups", len(overdue))
    return len(overdue)


def _whose_turn(overdue: Sequence[GroupId], *, now: datetime) -> list[GroupId]:
    """Return whom to wake: the most overdue, and of the others another part each minute.

    So groups that stay overdue, however often they are woken, never stand in the way of all others.
    """
    oldest, others = list(overdue[: SWEEP_LIMIT // 2]), list(overdue[SWEEP_LIMIT // 2 :])
    places = SWEEP_LIMIT - len(oldest)
    if len(others) > places:
        first = int(now.timestamp() // 60) * places % len(others)
        others = (others[first:] + others[:first])[:places]
    return oldest + others


def _report_alerts(world: Evaluator, records: Mapping[RuleKey, RuleRecord], outcomes: Sequence[RuleOutcome]) -> None:
    """Count what fires and what is pending, also of rules that are not due."""
    active = {key: record.active for key, record in records.items()}
    active |= {outcome.rule.key: outcome.active for outcome in outcomes}
    states = [each.state for key, alerts in active.items() if key not in watch.KEYS for each in alerts.values()]
    if firing := states.count(AlertState.FIRING):
        world.log.count("AlertsFiring", firing)
    if pending := states.count(AlertState.PENDING):
        world.log.count("AlertsPending", pending)


def _report(world: Evaluator, loaded: LoadedConfiguration, outcomes: Sequence[RuleOutcome], acted: Acted) -> None:
    """Log and count what went wrong. Nothing says 0: a metric that is not written is not paid for."""
    failed = [outcome for outcome in outcomes if outcome.error]
    for outcome in failed:
        world.log.warning("rule_failing", rule=outcome.rule.name, rule_group=outcome.rule.group, error=outcome.error)
    if loaded.refused and not loaded.is_unreachable:
        world.log.error("configuration_refused", problems=loaded.refused)
        world.log.count("ConfigRefused")
    if loaded.is_unreachable:
        world.log.count("ConfigUnreachable")
    world.log.count("RuleEvaluations", len(outcomes))
    if failed:
        world.log.count("RuleEvaluationFailures", len(failed))
    if acted.unfinished:
        world.log.warning("rules_told_in_part", rules=acted.unfinished)
        world.log.count("RulesToldInPart", acted.unfinished)
    world.log.count("TickCompleted")
