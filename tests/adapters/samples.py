"""Notifications as they occur, for the golden files and the senders' tests; and any that could, for properties."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from tocsin.core.alerts import Alert, Status
from tocsin.core.labels import Labels
from tocsin.core.notifications import Notification, Reason, compose
from tocsin.core.receivers import Integration, Kind
from tocsin.core.routing import GroupIdentity

NOW = datetime(2026, 11, 20, 3, 5, tzinfo=UTC)
INCIDENT = "5f0c1d3b9a7e4c28"
SETTINGS: Mapping[Kind, Mapping[str, Any]] = {
    Kind.SLACK: {"api_url_file": "secret:slack#warnings", "channel": "#warnings", "username": "Tocsin"},
    Kind.PAGERDUTY: {"routing_key_file": "secret:pagerduty#oncall"},
    Kind.EMAIL: {"to": "oncall@example.com, Ops <ops@example.com>", "from": "tocsin@example.com"},
    Kind.SNS: {"topic_arn": "arn:aws:sns:eu-west-1:123456789012:other"},
    Kind.WEBHOOK: {"url_file": "secret:webhook#ops"},
    Kind.DISCORD: {"webhook_url_file": "secret:webhook#discord"},
    Kind.MSTEAMSV2: {"webhook_url_file": "secret:webhook#teams"},
    Kind.TELEGRAM: {"bot_token_file": "secret:webhook#telegram", "chat_id": -100123},
    Kind.OPSGENIE: {"api_key_file": "secret:webhook#opsgenie"},
}


def alert(
    name: str = "HighErrorRate",
    *,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    value: float | None = 0.0723,
    resolved: bool = False,
) -> Alert:
    """Return an alert that began five minutes ago, or ended one minute ago."""
    return Alert(
        labels=Labels({"alertname": name, "service": "checkout", "severity": "critical", **(labels or {})}),
        annotations=ANNOTATIONS if annotations is None else annotations,
        starts_at=NOW - timedelta(minutes=5),
        updated_at=NOW,
        ends_at=NOW - timedelta(minutes=1) if resolved else None,
        generator_url="https://prometheus.example.com/graph?g0.expr=job%3Aerrors%3Aratio+%3E+0.05&g0.tab=1",
        value=value,
    )


ANNOTATIONS = {
    "summary": "checkout answers 7.2% of its requests with 5xx",
    "description": "Customers see errors when they pay.\nThe rate is taken over 5 minutes & all <instances>.",
    "value": "7.2%",
    "threshold": "5%",
    "recommendations": "1. Look at the newest deployment.\n2. Roll it back if the errors began with it.",
    "runbook_url": "https://runbooks.example.com/high-error-rate?from=alert&lang=en",
    "dashboard_url": "https://grafana.example.com/d/checkout",
}


def notification(
    kind: Kind,
    *alerts: Alert,
    reason: Reason = Reason.FIRST,
    step: int | None = None,
    incident: str | None = INCIDENT,
    external_url: str = "https://tocsin.example.com",
    settings: Mapping[str, Any] | None = None,
) -> Notification:
    """Return what an integration would be told of these alerts."""
    labels = Labels({"alertname": alerts[0].name or "none", "service": "checkout"})
    return compose(
        GroupIdentity(receiver="oncall", route_key='{}/{severity="critical"}', labels=labels),
        Integration("oncall", kind, 0, True, SETTINGS[kind] if settings is None else settings),
        alerts,
        seq=1,
        reason=reason,
        retry_after=timedelta(minutes=5),
        incident=incident,
        step=step,
        external_url=external_url,
        now=NOW,
    )


def firing_single(kind: Kind) -> Notification:
    return notification(kind, alert())


def grouped(kind: Kind) -> Notification:
    alerts = [
        alert(labels={"instance": "10.0.0.1:9000"}),
        alert(
            labels={"instance": "10.0.0.2:9000"}, annotations={"summary": "checkout: 12% of requests fail"}, value=0.12
        ),
        alert(labels={"instance": "10.0.0.3:9000"}, resolved=True),
    ]
    return notification(kind, *alerts, reason=Reason.NEW_ALERTS)


def all_resolved(kind: Kind) -> Notification:
    return notification(kind, alert(resolved=True), reason=Reason.ALL_RESOLVED)


def escalated(kind: Kind) -> Notification:
    return notification(kind, alert(), reason=Reason.ESCALATED, step=2)


def bare(kind: Kind) -> Notification:
    """Return what is left when a rule says nothing: no annotations, no links, no incident."""
    quiet = replace(alert(annotations={}, value=None), generator_url="")
    return notification(kind, quiet, incident=None, external_url="")


def truncated(kind: Kind) -> Notification:
    """Return sixty alerts with long texts, and forty more that did not travel."""
    long = {**ANNOTATIONS, "description": "A very long story. " * 400, "summary": "The disk is nearly full. " * 40}
    alerts = [alert(labels={"instance": f"host-{index:02}"}, annotations=long) for index in range(60)]
    return replace(notification(kind, *alerts), truncated=40)


def broken(kind: Kind) -> Notification:
    """Return what no renderer can take: an annotation that is no text."""
    wrong: Any = {"summary": 5}
    return notification(kind, alert(annotations=wrong))


CASES = {
    "firing": firing_single,
    "grouped": grouped,
    "resolved": all_resolved,
    "escalated": escalated,
    "bare": bare,
    "truncated": truncated,
    "broken": broken,
}

_TEXTS = st.text(max_size=60) | st.text(st.characters(categories=["Lu", "Zs", "So", "Cc", "Cs"]), max_size=60)
_LONG_TEXTS = _TEXTS | st.builds(lambda text, times: text * times, _TEXTS, st.integers(0, 3000))
_NAMES = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,30}", fullmatch=True)
_CONVENTIONS = ("summary", "description", "recommendations", "value", "threshold", "runbook_url", "dashboard_url")
_URLS = _TEXTS.map(lambda text: f"https://example.com/{text}") | _TEXTS
_ANNOTATIONS = st.dictionaries(st.sampled_from(_CONVENTIONS), _LONG_TEXTS | _URLS, max_size=7)
_ALERTS = st.builds(
    Alert,
    labels=st.dictionaries(st.sampled_from(["alertname", "severity", "job"]) | _NAMES, _LONG_TEXTS, max_size=14).map(
        Labels
    ),
    annotations=_ANNOTATIONS,
    starts_at=st.just(NOW - timedelta(hours=2)),
    updated_at=st.just(NOW),
    ends_at=st.none() | st.just(NOW - timedelta(minutes=1)),
    generator_url=_URLS,
    value=st.none() | st.floats(),
)


@st.composite
def notifications(draw: st.DrawFn, kind: Kind) -> Notification:
    """Draw any notification that the store could hold: odd texts, huge ones, many alerts."""
    alerts = draw(st.lists(_ALERTS, min_size=1, max_size=6)) * draw(st.sampled_from([1, 1, 5, 30]))
    whole = notification(
        kind,
        *alerts,
        reason=draw(st.sampled_from(Reason)),
        step=draw(st.none() | st.integers(1, 5)),
        incident=draw(st.none() | st.just(INCIDENT)),
        external_url=draw(_URLS),
    )
    return replace(
        whole,
        group_key=draw(_LONG_TEXTS),
        group_labels=draw(st.dictionaries(_NAMES, _LONG_TEXTS, max_size=8)),
        severity=draw(st.sampled_from(["critical", "none", "WARNING"]) | _TEXTS),
        truncated=draw(st.integers(0, 3)),
    )


def is_firing(given: Notification) -> bool:
    return given.status is Status.FIRING
