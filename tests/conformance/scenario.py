"""A recorded scenario: what its script says and what Alertmanager's sink got, and how the two are compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# The sink's address in a scenario's configuration.
SINK = "http://sink.test"
Alerts = frozenset[tuple[frozenset[tuple[str, str]], frozenset[tuple[str, str]], str]]


@dataclass(frozen=True, slots=True)
class Request:
    """One request that the sink got; `at` in seconds from the start."""

    at: float
    path: str
    answered: int
    status: str
    group_key: str
    group_labels: frozenset[tuple[str, str]]
    truncated: int
    alerts: Alerts

    @property
    def content(self) -> tuple[Any, ...]:
        """Return all but the time."""
        return (self.path, self.answered, self.status, self.group_key, self.group_labels, self.truncated, self.alerts)


def configuration_text(case: Mapping[str, Any]) -> bytes:
    """Return the scenario's alertmanager.yml."""
    text: str = case["config"]
    return text.replace("__SINK__", SINK).encode()


def observed(case: Mapping[str, Any]) -> list[Request]:
    """Return what Alertmanager sent."""
    return [
        Request(
            at=each["at_s"],
            path=each["path"],
            answered=each.get("answered", 200),
            status=each["status"],
            group_key=each["group_key"],
            group_labels=frozenset(each["group_labels"].items()),
            truncated=each["truncated_alerts"],
            alerts=_alerts(each["alerts"]),
        )
        for each in case["observed"]
    ]


def received(at: float, path: str, answered: int, payload: Mapping[str, Any]) -> Request:
    """Return a webhook v4 payload as a request to compare."""
    return Request(
        at=at,
        path=path,
        answered=answered,
        status=payload["status"],
        group_key=payload["groupKey"],
        group_labels=frozenset(payload["groupLabels"].items()),
        truncated=payload["truncatedAlerts"],
        alerts=_alerts(payload["alerts"]),
    )


def _alerts(alerts: Sequence[Mapping[str, Any]]) -> Alerts:
    return frozenset(
        (frozenset(each["labels"].items()), frozenset(each["annotations"].items()), each["status"]) for each in alerts
    )


def differences(case: Mapping[str, Any], found: Sequence[Request]) -> list[str]:
    """Return what differs: a request more or less, another content, a time that is too far off."""
    left = list(found)
    said: list[str] = []
    for wanted in observed(case):
        near = [each for each in left if each.content == wanted.content and _is_near(case, wanted, each)]
        if near:
            left.remove(near[0])
        else:
            said.append(f"missing: {_shown(wanted)}")
    return said + [f"too many: {_shown(each)}" for each in left]


def _is_near(case: Mapping[str, Any], wanted: Request, found: Request) -> bool:
    return abs(wanted.at - found.at) <= case["tolerance_s"]


def _shown(request: Request) -> str:
    names = sorted(f"{dict(labels).get('alertname')}:{status}" for labels, _, status in request.alerts)
    return f"{request.at:.1f} s {request.path} {request.status} {request.answered} {request.group_key} {names}"
