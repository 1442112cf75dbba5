"""Threshold rules: alerting for people who don't write PromQL, compiled to Prometheus rules.

    rules:
      - name: high_error_rate
        metric: app_error_ratio          # or expr: any PromQL, with $window where the window belongs
        condition: gt                    # gt gte lt lte eq ne, or the signs
        threshold: 0.05
        window: 5                        # minutes; 5m means the same

A `metric` is compared by its average over the window: `avg_over_time(metric[5m])`, one alert for each of its series. In
an `expr` the word `$window` becomes `5m`, and in texts `$threshold` becomes the threshold as it is displayed. The rule
is `(expression) > 0.05`; its severity is a label, its texts are annotations.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from ..core import templates
from ..core.durations import format_duration, parse_duration
from ..core.rules import Rule, RuleKey, Threshold
from ..core.thresholds import DEFAULT_DISPLAY, SIGNS, parse_display
from .blocks import Block, Reading
from .documents import Path, Scalar
from .rule_files import unbalanced
from .values import Duration, FilledText, LabelMap, Number, Texts, Url, describe, parse_number

GROUP = "thresholds"
_DEFAULT_WINDOW = timedelta(minutes=5)
_WINDOW = re.compile(r"\$window\b")
_WORD = re.compile(r"\$(window|threshold)\b")
_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*(\{.*\})?", re.DOTALL)


def _window(value: Any) -> timedelta:
    try:
        window = timedelta(minutes=parse_number(value))
    except (ValueError, OverflowError):
        window = parse_duration(str(value)) if isinstance(value, str) else timedelta(0)
    if window < timedelta(milliseconds=1):
        raise ValueError(f"expected minutes above zero, such as 5 or 0.5, found {describe(value)}")
    return window


def _sign(value: Any) -> str:
    if isinstance(value, str) and (value in SIGNS or value in SIGNS.values()):
        return SIGNS.get(value, str(value))
    expected = ", ".join([*SIGNS, *SIGNS.values()])
    raise ValueError(f"expected one of {expected}, found {describe(value)}")


def _display(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"expected text, found {describe(value)}")
    parse_display(value)
    return str(value)


def _metric(value: Any) -> str:
    if not isinstance(value, str) or not _METRIC.fullmatch(value) or unbalanced(value):
        raise ValueError(
            f'expected a metric such as queue_length or queue_length{{job="web"}}, found {describe(value)}'
        )
    return str(value)


def _expr(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"expected PromQL, found {describe(value)}")
    if reason := unbalanced(value):
        raise ValueError(reason)
    return str(value).strip()


def _recommendations(value: Any) -> Any:
    return [value] if isinstance(value, Scalar) else value


class ThresholdRule(Block):
    """One entry of `rules:` in tocsin.yml."""

    name: FilledText
    description: FilledText | None = None
    severity: FilledText = "warning"
    expr: Annotated[str, BeforeValidator(_expr)] | None = None
    metric: Annotated[str, BeforeValidator(_metric)] | None = None
    condition: Annotated[str, BeforeValidator(_sign)] = ">"
    threshold: Number
    window: Annotated[timedelta, BeforeValidator(_window)] | None = None
    channels: Texts = Field(default_factory=list)
    hold_for: Duration = Field(default=timedelta(0), alias="for")
    labels: LabelMap = Field(default_factory=dict)
    recommendations: Annotated[Texts, BeforeValidator(_recommendations)] = Field(default_factory=list)
    runbook_url: Url | None = None
    dashboard_url: Url | None = None
    cooldown: Duration | None = None
    display: Annotated[str, BeforeValidator(_display)] = DEFAULT_DISPLAY


def check_threshold_rule(reading: Reading, path: Path, value: Mapping[str, Any], context: str) -> None:
    """Note what is wrong between the keys of a rule, looking at them as written."""
    expr, metric = value.get("expr"), value.get("metric")
    if expr is None and metric is None:
        reading.problem(path, "one of expr or metric must be set", context=context)
    if expr is not None and metric is not None:
        reading.problem((*path, "metric"), "only one of expr and metric may be set", context=context, at_key=True)
    if isinstance(expr, str) and value.get("window") is not None and not _uses_window(expr, value["window"]):
        message = "window: expr has no $window, so it would mean nothing: write [$window] in expr, or leave window out"
        reading.problem((*path, "window"), message, context=context, at_key=True)
    labels = value.get("labels")
    if isinstance(labels, dict) and "severity" in labels:
        reading.problem(
            (*path, "labels", "severity"), "severity is a key of the rule itself", context=context, at_key=True
        )


def _uses_window(expr: str, written: Any) -> bool:
    if _WINDOW.search(expr):
        return True
    try:
        return re.search(rf"\[{format_duration(_window(written))}[]:]", expr) is not None
    except ValueError:
        return True  # a window that is none is told already


def compile_rule(block: ThresholdRule, *, file: str) -> Rule:
    """Return the Prometheus rule that a threshold rule means."""
    value_expr = _value_expr(block)
    line_end = "\n" if "#" in value_expr else ""  # a comment must not swallow the comparison
    threshold = Threshold(value_expr, block.condition, block.threshold, block.display)
    return Rule(
        key=RuleKey(f"{file};{GROUP};{block.name};0"),
        name=block.name,
        group=GROUP,
        expr=f"({value_expr}{line_end}) {block.condition} {_number(block.threshold)}",
        hold_for=block.hold_for,
        labels={**block.labels, "severity": block.severity},
        annotations=_annotations(block),
        receivers=tuple(block.channels),
        threshold=threshold,
    )


def _value_expr(block: ThresholdRule) -> str:
    window = _window_of(block)
    if block.metric is not None:
        return f"avg_over_time({block.metric}[{window}])"
    return _WINDOW.sub(window, block.expr or "")


def _window_of(block: ThresholdRule) -> str:
    return format_duration(block.window or _DEFAULT_WINDOW)


def _annotations(block: ThresholdRule) -> dict[str, str]:
    display = parse_display(block.display)
    limit = display.say(block.threshold)
    words = {"window": _window_of(block), "threshold": limit}

    def fill(text: str) -> str:
        return _WORD.sub(lambda found: words[found[1]], text)

    texts = {
        "summary": f"{block.name}: {display.template} (threshold: {limit})",
        "description": fill(block.description or ""),
        "recommendations": fill(_listed(block.recommendations)),
        "runbook_url": block.runbook_url,
        "dashboard_url": block.dashboard_url,
        "value": display.template,
        "threshold": limit,
    }
    return {name: text for name, text in texts.items() if text}


def _listed(texts: list[str]) -> str:
    return texts[0].strip() if len(texts) == 1 else "\n".join(f"- {text}" for text in texts)


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def check_templates(reading: Reading, path: Path, rule: Rule, context: str) -> None:
    """Note the rule's texts that are no valid templates."""
    for name, text in {**rule.labels, **rule.annotations}.items():
        try:
            templates.parse(text)
        except templates.TemplateError as error:
            reading.problem(path, f"{name}: invalid template: {error}", context=context)
