"""Prometheus's own API for rules and their alerts, for Grafana and whoever else asks a Prometheus.

`lastEvaluation` is when an evaluation last changed something: one that changes nothing leaves no trace (and so does not
cost anything). `evaluationTime` is not known and 0.

Source: https://prometheus.io/docs/prometheus/latest/querying/api/#rules
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ..core.matcher_syntax import MatcherSyntaxError, parse_matchers
from ..core.matchers import Matcher, matches_all
from ..core.rules import ActiveAlert, AlertState, RecordingRule, Rule, RuleGroup, RuleKey
from ..ports import Health, RuleRecord
from .http import Refused, Request, Response
from .serving import Api, flag

_NEVER = "0001-01-01T00:00:00Z"
_TYPES = {"": ("alerting", "recording"), "alert": ("alerting",), "record": ("recording",)}


def rules(api: Api, request: Request, now: datetime) -> Response:
    """List the rules by group, with what they alert."""
    wanted = _Wanted(api, request)
    groups = api.configurations.current(now=now).configuration.rule_groups
    records = api.desk.rules.load_rules(now=now)
    shown = [_group_view(api, group, records, wanted) for group in groups if wanted.has_group(group)]
    listed = [group for group in shown if group["rules"] or not wanted.is_about_rules]
    page, token = _page(listed, request)
    data: dict[str, Any] = {"groups": page}
    return Response(200, {"status": "success", "data": data | ({"groupNextToken": token} if token else {})})


def alerts(api: Api, request: Request, now: datetime) -> Response:
    """List the alerts of all rules, pending ones too."""
    records = api.desk.rules.load_rules(now=now)
    active = [alert for _, record in sorted(records.items()) for alert in _in_order(record.active.values())]
    return Response(200, {"status": "success", "data": {"alerts": [_alert_view(each) for each in active]}})


class _Wanted:
    """What the parameters ask for."""

    def __init__(self, api: Api, request: Request) -> None:
        kind = request.last("type").lower()
        if kind not in _TYPES:
            raise bad_data(f'invalid parameter "type": not supported value "{kind}"')
        self.types = _TYPES[kind]
        self.names = request.query.get("rule_name[]", ())
        self.groups = request.query.get("rule_group[]", ())
        self.files = request.query.get("file[]", ())
        self.selectors = [_selector(api, text) for text in request.query.get("match[]", ())]
        self.with_alerts = not flag(request, "exclude_alerts", default=False)

    @property
    def is_about_rules(self) -> bool:
        return bool(self.names or self.selectors or len(self.types) == 1)

    def has_group(self, group: RuleGroup) -> bool:
        return (not self.groups or group.name in self.groups) and (not self.files or group.file in self.files)

    def has_rule(self, kind: str, name: str, labels: Mapping[str, str]) -> bool:
        if kind not in self.types or (self.names and name not in self.names):
            return False
        return not self.selectors or any(matches_all(matchers, labels) for matchers in self.selectors)


def _selector(api: Api, text: str) -> Sequence[Matcher]:
    try:
        return parse_matchers(text, api.compile_pattern)
    except MatcherSyntaxError as error:
        raise bad_data(f'invalid parameter "match[]": {error}') from None


def bad_data(message: str) -> Refused:
    """Return an error as Prometheus's API writes it."""
    return Refused(400, message, value={"status": "error", "errorType": "bad_data", "error": message})


def _page(groups: list[dict[str, Any]], request: Request) -> tuple[list[dict[str, Any]], str]:
    """Return the groups that were asked for, and the token of those after them."""
    limit, token = request.last("group_limit"), request.last("group_next_token")
    if token and not limit:
        raise bad_data('invalid parameter "group_limit": group_limit needs to be set if group_next_token is given')
    if not limit:
        return groups, ""
    if not limit.isdecimal() or int(limit) == 0:
        raise bad_data('invalid parameter "group_limit": group_limit needs to be a positive integer')
    start = 0
    if token:
        tokens = [_token(group) for group in groups]
        if token not in tokens:
            raise bad_data(f'invalid parameter "group_next_token": invalid group_next_token "{token}"')
        start = tokens.index(token)
    rest = groups[start:]
    page = rest[: int(limit)]
    return page, _token(rest[len(page)]) if len(rest) > len(page) else ""


def _token(group: Mapping[str, Any]) -> str:
    return hashlib.sha1(f"{group['file']};{group['name']}".encode(), usedforsecurity=False).hexdigest()


def _group_view(api: Api, group: RuleGroup, records: Mapping[RuleKey, RuleRecord], wanted: _Wanted) -> dict[str, Any]:
    alerting = [
        _rule_view(rule, records.get(rule.key) or RuleRecord(rule.key), with_alerts=wanted.with_alerts)
        for rule in group.rules
        if wanted.has_rule("alerting", rule.name, rule.labels)
    ]
    recording = [
        _recording_view(rule) for rule in group.recording_rules if wanted.has_rule("recording", rule.record, {})
    ]
    changes = [record.changed_at for rule in group.rules if (record := records.get(rule.key)) and record.changed_at]
    return {
        "name": group.name,
        "file": group.file,
        "rules": [*alerting, *recording],
        "interval": _seconds((group.interval or api.about.tick).total_seconds()),
        "limit": max((rule.limit for rule in group.rules), default=0),
        "evaluationTime": 0,
        "lastEvaluation": _nanoseconds(max(changes)) if changes else _NEVER,
    }


def _rule_view(rule: Rule, record: RuleRecord, *, with_alerts: bool) -> dict[str, Any]:
    view: dict[str, Any] = {
        "state": _state(record),
        "name": rule.name,
        "query": rule.expr,
        "duration": _seconds(rule.hold_for.total_seconds()),
        "keepFiringFor": _seconds(rule.keep_firing_for.total_seconds()),
        "labels": dict(rule.labels),
        "annotations": dict(rule.annotations),
        "alerts": [_alert_view(each) for each in _in_order(record.active.values())] if with_alerts else [],
        # A rule of which nothing is written down has never failed.
        "health": Health.OK.value if record.health is Health.UNKNOWN else record.health.value,
        "evaluationTime": 0,
        "lastEvaluation": _nanoseconds(record.changed_at) if record.changed_at else _NEVER,
        "type": "alerting",
    }
    return view | ({"lastError": record.error} if record.error else {})


def _recording_view(rule: RecordingRule) -> dict[str, Any]:
    """Return a recording rule; AMP's own ruler evaluates it, so nothing is known of its health."""
    return {
        "name": rule.record,
        "query": rule.expr,
        "health": Health.UNKNOWN.value,
        "evaluationTime": 0,
        "lastEvaluation": _NEVER,
        "type": "recording",
    }


def _alert_view(alert: ActiveAlert) -> dict[str, Any]:
    view: dict[str, Any] = {
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "state": alert.state.value,
        "activeAt": _nanoseconds(alert.active_at),
        "value": go_exponent(alert.value),
    }
    since = alert.keep_firing_since
    return view | ({"keepFiringSince": _nanoseconds(since)} if since else {})


def _state(record: RuleRecord) -> str:
    states = {alert.state for alert in record.active.values()}
    if AlertState.FIRING in states:
        return "firing"
    return "pending" if states else "inactive"


def _in_order(active: Iterable[ActiveAlert]) -> list[ActiveAlert]:
    return sorted(active, key=lambda alert: alert.fingerprint)


def go_exponent(value: float) -> str:
    """Return a number as Prometheus writes an alert's value: the shortest digits, with an exponent."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("+Inf" if value > 0 else "-Inf")
    digits = repr(value)
    sign, digits = ("-", digits[1:]) if digits.startswith("-") else ("", digits)
    mantissa, _, exponent = digits.partition("e")
    whole, _, fraction = mantissa.partition(".")
    power = int(exponent or 0) + len(whole) - 1
    significant = (whole + fraction).lstrip("0")
    if not significant:
        return f"{sign}0e+00"
    power -= len(whole + fraction) - len(significant)
    first, rest = significant[0], significant[1:].rstrip("0")
    return f"{sign}{first}{'.' + rest if rest else ''}e{'-' if power < 0 else '+'}{abs(power):02d}"


def _seconds(seconds: float) -> float | int:
    return int(seconds) if seconds == int(seconds) else seconds


def _nanoseconds(instant: datetime) -> str:
    """Return a time as Go writes it: only as many digits of the second's fraction as there are."""
    text = instant.astimezone(UTC).isoformat().replace("+00:00", "")
    return (text.rstrip("0") if "." in text else text) + "Z"
