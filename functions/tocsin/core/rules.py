"""Alerting rules and the state machine of their alerts: inactive → pending → firing → resolved.

The transitions are Prometheus's own: an alert is pending until its expression has held for `for`, one evaluation
without it resets that, and a firing alert outlives its expression by `keep_firing_for`. The rule's labels are part of
the identity.

Source: https://github.com/prometheus/prometheus/blob/main/rules/alerting.go
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType

from . import templates
from .alerts import Alert
from .labels import ALERTNAME, Fingerprint, Labels, fingerprint
from .patterns import Compile, without_engine
from .sizes import fit_annotations, fit_labels
from .steps import Steps

RuleKey = NewType("RuleKey", str)

METRIC_NAME = "__name__"
# How often a firing alert's changed value and annotations are written down; a change of them alone notifies nobody.
REFRESH_INTERVAL = timedelta(minutes=5)


class RuleError(Exception):
    """A rule's result cannot become alerts: its previous alerts stay as they were."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One series of an instant query's result."""

    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class Threshold:
    """A rule that was written as a threshold: what it compares, and how a person reads its value.

    `display` holds one placeholder, for example `p95={value:.0f}ms`; `value_expr` is the expression before comparison.
    """

    value_expr: str
    sign: str
    threshold: float
    display: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One alerting rule; durations as in the rule file, `key` is stable over changes of expr, for and annotations."""

    key: RuleKey
    name: str
    group: str
    expr: str
    hold_for: timedelta = timedelta(0)
    keep_firing_for: timedelta = timedelta(0)
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    limit: int = 0
    query_offset: timedelta = timedelta(0)
    receivers: tuple[str, ...] = ()
    threshold: Threshold | None = None

    @property
    def fixed_labels(self) -> Mapping[str, str]:
        """Return the labels that all of its alerts have."""
        return {name: text for name, text in self.labels.items() if text and "{{" not in text}

    @property
    def definition(self) -> str:
        """Return a digest of what makes the rule's alerts: its state may move to another of the same definition.

        Empty for a rule of Tocsin's own, which has no expression.
        """
        if not self.expr:
            return ""
        parts = (self.name, self.expr, sorted(self.labels.items()), self.hold_for, self.keep_firing_for)
        return hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def may_share(one: Rule, other: Rule) -> bool:
    """Say whether two rules can have alerts with the same labels."""
    labels, others = one.fixed_labels, other.fixed_labels
    return one.name == other.name and all(others.get(name, text) == text for name, text in labels.items())


@dataclass(frozen=True, slots=True)
class RecordingRule:
    """A recording rule: accepted, and left to the metrics endpoint's own ruler."""

    record: str
    expr: str


@dataclass(frozen=True, slots=True)
class RuleGroup:
    """Rules that are evaluated together; `interval` None means at every tick."""

    name: str
    file: str
    rules: tuple[Rule, ...]
    interval: timedelta | None = None
    recording_rules: tuple[RecordingRule, ...] = ()


class AlertState(StrEnum):
    PENDING = "pending"
    FIRING = "firing"


@dataclass(frozen=True, slots=True)
class ActiveAlert:
    """One alert of a rule that is pending or firing."""

    labels: Labels
    annotations: Mapping[str, str]
    value: float
    state: AlertState
    active_at: datetime
    fired_at: datetime | None = None
    keep_firing_since: datetime | None = None
    refreshed_at: datetime | None = None

    @property
    def fingerprint(self) -> Fingerprint:
        return fingerprint(self.labels)

    def as_alert(self, *, now: datetime, generator_url: str, resolved: bool = False) -> Alert:
        """Return the alert as its groups are told of it."""
        return Alert(
            labels=self.labels,
            annotations=self.annotations,
            starts_at=self.fired_at or self.active_at,
            updated_at=now,
            ends_at=now if resolved else None,
            generator_url=generator_url,
            value=self.value,
        )


class Change(StrEnum):
    """What an evaluation did to one alert."""

    PENDING = "expression became true"
    FIRED = "held for its whole `for`"
    RESOLVED = "expression no longer true"
    DROPPED = "no longer true before its `for` was over"
    KEPT = "no longer true, kept firing"
    RECOVERED = "true again while kept firing"
    REFRESHED = "value or annotations refreshed"


# The changes that groups are told of; the others concern the rule alone.
TOLD = frozenset({Change.FIRED, Change.RESOLVED, Change.REFRESHED})


@dataclass(frozen=True, slots=True)
class Transition:
    """One alert and what happened to it."""

    change: Change
    alert: ActiveAlert


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a rule's alerts are after an evaluation, and how they came to be so."""

    active: Mapping[Fingerprint, ActiveAlert]
    transitions: tuple[Transition, ...]


@dataclass(frozen=True, slots=True)
class TemplateContext:
    """What rule templates work with besides the alert; `query` asks the metrics endpoint.

    `label_steps` and `annotation_steps` are what a rule's templates may do in one evaluation, for all alerts together.
    """

    external_labels: Mapping[str, str] = field(default_factory=dict)
    external_url: str = ""
    query: templates.Query | None = None
    compile_pattern: Compile = without_engine
    label_steps: int = 1_000_000
    annotation_steps: int = 2_000_000


def has_own_pace(group: RuleGroup, *, tick: timedelta) -> bool:
    """Say whether a group is not due in every tick."""
    return group.interval is not None and group.interval > tick


def is_due(group: RuleGroup, *, now: datetime, tick: timedelta, last: datetime | None = None) -> bool:
    """Say whether one of the group's intervals, counted from the epoch, has begun since it was last evaluated.

    Where nobody knows when that was, this tick has to be the first of an interval.
    """
    if group.interval is None or not has_own_pace(group, tick=tick):
        return True
    if last is None:
        return now.timestamp() % group.interval.total_seconds() < tick.total_seconds()
    return missed_iterations(group.interval, last, now=now) is not None


def missed_iterations(interval: timedelta, last: datetime | None, *, now: datetime) -> int | None:
    """Return how many intervals have gone by without an evaluation; None where this one has had its own."""
    if last is None:
        return 0
    begun = int(now.timestamp() // interval.total_seconds()) - int(last.timestamp() // interval.total_seconds())
    return begun - 1 if begun > 0 else None


_INTERVAL = "<tocsin>;intervals;"


def interval_key(interval: timedelta) -> RuleKey:
    """Return the key under which it is known when the groups of an interval were last evaluated."""
    return RuleKey(f"{_INTERVAL}{interval.total_seconds()};0")


def interval_of(key: RuleKey) -> timedelta | None:
    """Return the interval that a key is about, if it is about one."""
    return timedelta(seconds=float(key.split(";")[2])) if key.startswith(_INTERVAL) else None


def evaluate_rule(
    rule: Rule,
    active: Mapping[Fingerprint, ActiveAlert],
    samples: Sequence[Sample],
    *,
    now: datetime,
    context: TemplateContext,
    refresh_interval: timedelta = REFRESH_INTERVAL,
) -> Evaluation:
    """Return the rule's alerts after one evaluation. Raises RuleError where Prometheus would fail the rule."""
    seen = _pending_alerts(rule, samples, now=now, context=context)
    after: dict[Fingerprint, ActiveAlert] = {}
    transitions: list[Transition] = []
    for key in sorted({*active, *seen}):
        for alert, change in _advance(rule, active.get(key), seen.get(key), refresh_interval, now=now):
            if change is not None:
                transitions.append(Transition(change, alert))
            if change in (Change.RESOLVED, Change.DROPPED):
                after.pop(key, None)
            else:
                after[key] = alert
    if rule.limit and len(after) > rule.limit:
        raise RuleError(f"exceeded limit of {rule.limit} with {len(after)} alerts")
    return Evaluation(active=after, transitions=tuple(transitions))


def _pending_alerts(
    rule: Rule, samples: Sequence[Sample], *, now: datetime, context: TemplateContext
) -> dict[Fingerprint, ActiveAlert]:
    alerts: dict[Fingerprint, ActiveAlert] = {}
    asked_in_labels = _Asked(context.query)
    # Each has its own: what annotations take must not change who an alert is.
    expanders = (
        _Expander(asked_in_labels.within(context), Steps(context.label_steps), now),
        _Expander(context, Steps(context.annotation_steps), now),
    )
    for sample in samples:
        alert = _pending_alert(rule, sample, *expanders)
        if asked_in_labels.error is not None:
            raise RuleError(f"a query in its labels was not answered: {asked_in_labels.error}")
        key = fingerprint(alert.labels)
        if key in alerts:
            raise RuleError(f"the result has several series with the labels {alert.labels} after the rule's own labels")
        alerts[key] = alert
    return alerts


@dataclass(slots=True)
class _Asked:
    """The queries of a rule's labels, and why one was not answered: who an alert is must not hang on an outage."""

    query: templates.Query | None
    error: Exception | None = None

    def within(self, context: TemplateContext) -> TemplateContext:
        return context if self.query is None else replace(context, query=self._ask)

    def _ask(self, expression: str, at: datetime) -> Sequence[templates.QueryResult]:
        assert self.query is not None
        try:
            return self.query(expression, at)
        except Exception as error:  # it becomes text in the label, which nobody is to be told of
            self.error = self.error or error
            raise


@dataclass(frozen=True, slots=True)
class _Expander:
    """Expands the templates of one evaluation of a rule, which share an allowance of steps."""

    context: TemplateContext
    steps: Steps
    now: datetime

    def expand(self, texts: Mapping[str, str], sample: Sample) -> dict[str, str]:
        return {name: self._expand(text, sample) for name, text in texts.items()}

    def _expand(self, text: str, sample: Sample) -> str:
        return templates.expand_or_explain(
            text,
            labels=sample.labels,
            value=sample.value,
            external_labels=self.context.external_labels,
            external_url=self.context.external_url,
            now=self.now,
            query=self.context.query,
            compile=self.context.compile_pattern,
            steps=self.steps,
        )


def _pending_alert(rule: Rule, sample: Sample, in_labels: _Expander, in_annotations: _Expander) -> ActiveAlert:
    own = {name: value for name, value in sample.labels.items() if name != METRIC_NAME}
    labels = Labels(fit_labels({**own, **in_labels.expand(rule.labels, sample), ALERTNAME: rule.name}))
    if in_labels.steps.are_used_up:
        raise RuleError(f"the templates of its labels take more than {in_labels.steps.limit} steps")
    annotations = fit_annotations(in_annotations.expand(rule.annotations, sample))
    return ActiveAlert(labels, annotations, sample.value, AlertState.PENDING, active_at=in_labels.now)


def _advance(
    rule: Rule, before: ActiveAlert | None, seen: ActiveAlert | None, refresh_interval: timedelta, *, now: datetime
) -> list[tuple[ActiveAlert, Change | None]]:
    """Return the alert after each change of one evaluation; a rule without `for` passes through pending to firing."""
    if seen is not None:
        return _advance_true(rule, before, seen, refresh_interval, now=now)
    assert before is not None  # one of the two is there
    return [_advance_false(rule, before, now=now)]


def _advance_true(
    rule: Rule, before: ActiveAlert | None, seen: ActiveAlert, refresh_interval: timedelta, *, now: datetime
) -> list[tuple[ActiveAlert, Change | None]]:
    steps: list[tuple[ActiveAlert, Change | None]] = []
    if before is None:
        alert = seen
        steps.append((alert, Change.PENDING))
    else:
        alert = before
        if alert.keep_firing_since is not None:
            alert = replace(alert, keep_firing_since=None)
            steps.append((alert, Change.RECOVERED))
    if alert.state is AlertState.PENDING and now - alert.active_at >= rule.hold_for:
        alert = replace(seen, active_at=alert.active_at, state=AlertState.FIRING, fired_at=now, refreshed_at=now)
        steps.append((alert, Change.FIRED))
    elif _wants_refresh(alert, seen, refresh_interval, now=now):
        alert = replace(alert, value=seen.value, annotations=seen.annotations, refreshed_at=now)
        steps.append((alert, Change.REFRESHED))
    return steps or [(alert, None)]


def _wants_refresh(alert: ActiveAlert, seen: ActiveAlert, refresh_interval: timedelta, *, now: datetime) -> bool:
    if alert.state is not AlertState.FIRING or alert.refreshed_at is None:
        return False
    changed = alert.value != seen.value or dict(alert.annotations) != dict(seen.annotations)
    return changed and now - alert.refreshed_at >= refresh_interval


def _advance_false(rule: Rule, before: ActiveAlert, *, now: datetime) -> tuple[ActiveAlert, Change | None]:
    if before.state is AlertState.PENDING:
        return before, Change.DROPPED
    if rule.keep_firing_for:
        since = before.keep_firing_since or now
        if now - since < rule.keep_firing_for:
            kept = replace(before, keep_firing_since=since)
            return kept, None if before.keep_firing_since else Change.KEPT
    return before, Change.RESOLVED
