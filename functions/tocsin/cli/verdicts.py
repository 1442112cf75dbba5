"""What is said of a rule that was evaluated: `[TRIGGERED] high_error_rate: 7.2% error rate (threshold: 5.0%)`.

Of several series the worst is said, the one farthest on the wrong side of the threshold, and how many more there are.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from ..core.configuration import Configuration
from ..core.durations import format_duration
from ..core.labels import Fingerprint
from ..core.notifications import format_time
from ..core.routing import routes_for
from ..core.rules import ActiveAlert, AlertState, Change, RuleKey, Sample, Threshold
from ..core.thresholds import render_threshold, render_value
from ..core.wording import value_text
from ..errors import QueryError
from ..pipeline.evaluate import RuleOutcome

VALUES_SHOWN = 5

Values = Sequence[Sample] | QueryError


class Tag(StrEnum):
    """What a rule came to."""

    TRIGGERED = "TRIGGERED"
    PENDING = "PENDING"
    OK = "OK"
    ERROR = "ERROR"
    SKIPPED = "SKIPPED"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One rule's line."""

    tag: Tag
    name: str
    text: str

    def __str__(self) -> str:
        return f"[{self.tag}] {self.name}: {self.text}"


def verdict(outcome: RuleOutcome, bare: Mapping[RuleKey, Values], *, now: datetime) -> Verdict:
    """Return a rule's line; `bare` holds the values of threshold rules that did not trigger."""
    rule = outcome.rule
    if outcome.error:
        return Verdict(Tag.ERROR, rule.name, outcome.error)
    tag = _tag(outcome)
    if rule.threshold is not None:
        text = _of_threshold(rule.threshold, _values(outcome, bare.get(rule.key, ())))
    else:
        text = _of_alerts(outcome)
    return Verdict(tag, rule.name, text + _since(outcome, tag, now=now))


def _tag(outcome: RuleOutcome) -> Tag:
    states = {alert.state for alert in outcome.active.values()}
    if AlertState.FIRING in states:
        return Tag.TRIGGERED
    return Tag.PENDING if states else Tag.OK


def _values(outcome: RuleOutcome, bare: Values) -> list[float] | QueryError:
    if outcome.samples:
        return [sample.value for sample in outcome.samples]
    if isinstance(bare, QueryError):
        return bare
    return [sample.value for sample in bare]


def _of_threshold(threshold: Threshold, values: list[float] | QueryError) -> str:
    if isinstance(values, QueryError):
        return f"the value is unknown: {values}"
    limit = f"(threshold: {render_threshold(threshold)})"
    if not values:
        return f"no data {limit}"
    more = f" (+{len(values) - 1} more)" if len(values) > 1 else ""
    return f"{render_value(threshold, worst(threshold, values))} {limit}{more}"


def worst(threshold: Threshold, values: Sequence[float]) -> float:
    """Return the value farthest on the wrong side; one that is no number is the worst only where there is no other."""
    numbers = [value for value in values if not math.isnan(value)] or list(values)
    if threshold.sign in ("<", "<="):
        return min(numbers)
    if threshold.sign in (">", ">="):
        return max(numbers)
    return max(numbers, key=lambda value: abs(value - threshold.threshold))


def _of_alerts(outcome: RuleOutcome) -> str:
    alerts = [outcome.active[key] for key in sorted(outcome.active)]
    if not alerts:
        return "no alerts"
    values = [sample.value for sample in outcome.samples] or [alert.value for alert in alerts]
    shown = ", ".join(value_text(value) for value in values[:VALUES_SHOWN])
    more = f", +{len(values) - VALUES_SHOWN} more" if len(values) > VALUES_SHOWN else ""
    count = f"{len(alerts)} alert{'s' if len(alerts) != 1 else ''}"
    return f"{count} ({'values' if len(values) > 1 else 'value'}: {shown}{more})"


def _since(outcome: RuleOutcome, tag: Tag, *, now: datetime) -> str:
    """Return what the values don't say: how long it has been pending, that it is kept firing, that it is over."""
    if tag is Tag.PENDING:
        first = min(alert.active_at for alert in outcome.active.values())
        return f", pending for {_whole_seconds(now - first)} of {_whole_seconds(outcome.rule.hold_for)}"
    if tag is Tag.TRIGGERED and not outcome.samples:
        return f", kept firing for {_whole_seconds(outcome.rule.keep_firing_for)}"
    if tag is Tag.OK and any(each.change is Change.RESOLVED for each in outcome.transitions):
        return ", resolved"
    return ""


def _whole_seconds(duration: timedelta) -> str:
    return format_duration(timedelta(seconds=int(duration.total_seconds())))


def details(outcome: RuleOutcome, configuration: Configuration) -> Iterator[str]:
    """Yield what --verbose adds to a rule's line."""
    rule = outcome.rule
    yield f"group: {rule.group}" + (f", for {format_duration(rule.hold_for)}" if rule.hold_for else "")
    if rule.expr:
        yield f"query: {' '.join(rule.expr.split())}"
    reasons: dict[Fingerprint, list[str]] = {}
    alerts: dict[Fingerprint, ActiveAlert] = dict(outcome.active)
    for transition in outcome.transitions:
        alerts.setdefault(transition.alert.fingerprint, transition.alert)
        reasons.setdefault(transition.alert.fingerprint, []).append(transition.change.value)
    for key in sorted(alerts):
        alert = alerts[key]
        state = alert.state.value if key in outcome.active else "over"
        routes = routes_for(configuration.root, alert.labels, rule.receivers)
        receivers = ", ".join(dict.fromkeys(route.receiver for route in routes)) or "nobody"
        since = format_time((alert.fired_at or alert.active_at).replace(microsecond=0))
        yield f"{alert.labels} {value_text(alert.value)}, {state} since {since}"
        yield f"  routed to {receivers}; {', then '.join(reasons.get(key, ['unchanged']))}"
