"""Webhooks: from a configuration and the alerts that are posted, the bodies that Alertmanager sends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
import yaml

from tests.conformance.cases import load_cases
from tocsin.config.patterns import compile_pattern
from tocsin.core.alerts import Status
from tocsin.core.durations import parse_duration
from tocsin.core.labels import Fingerprint
from tocsin.core.matcher_syntax import parse_matchers
from tocsin.core.matchers import Matcher, MatchType
from tocsin.core.merging import Posted, Received, merge, receive
from tocsin.core.notifications import Reason, Sent, compose, reason_to_notify
from tocsin.core.receivers import Integration, Kind
from tocsin.core.routing import Route, RouteSpec, build_tree, identify_group, match_routes
from tocsin.core.webhook import payload

CASES = load_cases("webhook_payloads.json")
START = datetime(2026, 8, 1, tzinfo=UTC)
NEWER_KEYS = {"notification_reason"}


@dataclass
class Group:
    route: Route
    alerts: dict[Fingerprint, Received] = field(default_factory=dict)
    sent: Sent | None = None


def spec_of(route: Mapping) -> RouteSpec:
    def duration(key):
        return parse_duration(route[key]) if key in route else None

    matchers = [Matcher(name, MatchType.EQUAL, value) for name, value in route.get("match", {}).items()]
    for name, value in route.get("match_re", {}).items():
        anchored = f"^(?:{value})$"
        matchers.append(Matcher(name, MatchType.REGEXP, anchored, compile_pattern(anchored)))
    for text in route.get("matchers", ()):
        matchers.extend(parse_matchers(text, compile_pattern))
    return RouteSpec(
        receiver=route.get("receiver"),
        matchers=tuple(matchers),
        group_by=tuple(route["group_by"]) if "group_by" in route else None,
        group_wait=duration("group_wait"),
        group_interval=duration("group_interval"),
        repeat_interval=duration("repeat_interval"),
        continue_=route.get("continue", False),
        routes=tuple(spec_of(child) for child in route.get("routes", ())),
    )


def posted(alert: Mapping) -> Posted:
    times = {key: datetime.fromisoformat(alert[name]) for key, name in TIMES.items() if name in alert}
    return Posted(alert["labels"], alert.get("annotations", {}), generator_url=alert.get("generatorURL", ""), **times)


TIMES = {"starts_at": "startsAt", "ends_at": "endsAt"}


def take(groups: dict, root: Route, alert: Posted, *, now: datetime) -> None:
    received = receive(alert, now=now)
    key = received.alert.fingerprint
    for route in match_routes(root, received.alert.labels):
        identity = identify_group(route, received.alert.labels)
        group = groups.setdefault(identity, Group(route))
        group.alerts[key] = merge(group.alerts.get(key), received, now=now)


def flush(identity, group: Group, integration: Integration, external_url: str, *, now: datetime) -> dict | None:
    alerts = [received.alert for received in group.alerts.values()]
    firing, resolved = (
        frozenset(alert.fingerprint for alert in alerts if alert.status_at(now) is status)
        for status in (Status.FIRING, Status.RESOLVED)
    )
    interval = group.route.repeat_interval
    reason = reason_to_notify(group.sent, firing, resolved, repeat_interval=interval, send_resolved=True, now=now)
    group.alerts = {key: received for key, received in group.alerts.items() if key in firing}
    if reason is Reason.NONE:
        return None
    group.sent = Sent(firing, resolved, at=now)
    notification = compose(
        identity,
        integration,
        alerts,
        seq=1,
        reason=reason,
        retry_after=group.route.group_interval,
        incident=None,
        step=None,
        external_url=external_url,
        now=now,
    )
    # The conformance cases have Alertmanager's own way with alerts that are left out.
    return payload(notification, max_alerts=integration.settings.get("max_alerts", 0), status_of_listed=True)


def bodies_of(case) -> list[tuple[float, str, dict]]:
    config = yaml.safe_load(case["config"])
    root = build_tree(spec_of(config["route"]))
    hooks = {receiver["name"]: receiver["webhook_configs"][0] for receiver in config["receivers"]}
    groups: dict = {}
    bodies = []
    moments = [(step["at_s"], 0, step) for step in case["script"]]
    moments += [(at, 1, None) for at in {sent["at_s"] for sent in case["payloads"]}]
    for at, _, step in sorted(moments, key=lambda moment: moment[:2]):
        now = START + timedelta(seconds=at)
        for alert in step["alerts"] if step else ():
            take(groups, root, posted(alert), now=now)
        for identity, group in () if step else groups.items():
            hook = hooks[identity.receiver]
            integration = Integration(identity.receiver, Kind.WEBHOOK, 0, send_resolved=True, settings=hook)
            body = flush(identity, group, integration, case["external_url"], now=now)
            if body is not None:
                bodies.append((at, hook["url"].removeprefix("__SINK__/"), body))
    return bodies


def _in_any_order(sent):
    """Return what was sent, with bodies of different groups at one moment in one order."""
    return sorted(sent, key=lambda item: (item[0], item[1], item[2]["groupKey"]))


@pytest.mark.parametrize("case", [pytest.param(case, id=case["id"]) for case in CASES])
def test_the_bodies_are_those_that_alertmanager_sends(case):
    found = _in_any_order(bodies_of(case))
    assert all(set(body) - set(case["payloads"][0]["body"]) == NEWER_KEYS for _, _, body in found)
    known = [(at, path, {k: v for k, v in body.items() if k not in NEWER_KEYS}) for at, path, body in found]
    assert known == _in_any_order([(sent["at_s"], sent["path"], sent["body"]) for sent in case["payloads"]])
