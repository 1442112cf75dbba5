"""What a look at a group costs as the group grows: for each alert it should cost the same in a large one as in a small.

A ratio, because machines differ: the time per alert in a group of LARGE, beside that in one of SMALL.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from dev.bench_core import Row, seconds

SMALL, LARGE = 500, 10_000
NOW = datetime(2026, 1, 5, 3, 0, tzinfo=UTC)
# What of the alerts was told before, and what has ended since.
LOOKS: Mapping[str, tuple[float, float]] = {
    "all of them are new": (0, 0),
    "half of them are new": (0.5, 0),
    "nothing is new": (1, 0),
    "half of them have ended": (1, 0.5),
    "all of them have ended": (1, 1),
}


def rows() -> list[Row]:
    """Measure looks at a group whose incident is open, with a receiver of its own and one that a step has added."""
    found = []
    for what, (told, ended) in LOOKS.items():
        small, large = (_look(count, told=told, ended=ended) for count in (SMALL, LARGE))
        found.append(Row(what, large, large / LARGE / (small / SMALL)))
    return found


def _look(count: int, *, told: float, ended: float) -> float:
    """Return the seconds of one look at so many alerts."""
    from tocsin.core.flushing import decide_flush

    state, incident, around = _group(count, told=told, ended=ended)
    return seconds(lambda: decide_flush(state, incident, around, now=NOW))


def _group(count: int, *, told: float, ended: float) -> tuple[Any, Any, Any]:
    """Return a group's state, its incident, and what is configured."""
    from tocsin.core.alerts import Alert
    from tocsin.core.configuration import Configuration
    from tocsin.core.flushing import Surroundings
    from tocsin.core.grouping import Group, GroupState
    from tocsin.core.incidents import Incident, incident_id
    from tocsin.core.labels import Labels
    from tocsin.core.notifications import Sent
    from tocsin.core.policies import EscalationPolicy, Step
    from tocsin.core.receivers import Integration, IntegrationKey, Kind, Receiver
    from tocsin.core.routing import GroupIdentity, Route

    began, minute = NOW - timedelta(minutes=5), timedelta(minutes=1)
    alerts = {}
    for number in range(count):
        labels = Labels({"alertname": "Down", "instance": f"{number:05d}"})
        alert = Alert(labels, {"summary": "It is down"}, began, NOW, ends_at=NOW if number < ended * count else None)
        alerts[alert.fingerprint] = alert
    route = Route("{}", "team", group_by=frozenset({"alertname"}), repeat_interval=timedelta(hours=4))
    identity = GroupIdentity("team", "{}", Labels({"alertname": "Down"}))
    policy = EscalationPolicy("default", (Step(minute, ("boss",)),))
    people = {name: Receiver(name, (Integration(name, Kind.SLACK, 0, True),)) for name in ("team", "boss")}
    heard = Sent(frozenset(islice(alerts, int(told * count))), frozenset(), began, seq=1, notification_id="before")
    sent = {IntegrationKey(f"{name}/slack/0"): heard for name in people} if told else {}
    group = Group(identity, 1, 1, next_flush_at=NOW, look_at=NOW, sent=sent, escalated={"boss": 1})
    named = incident_id(identity.id, began)
    incident = Incident(named, identity.id, "team", "default", policy.steps, "Down", "none", opened_at=began)
    configuration = Configuration("", "", (), route, people, (policy,))
    return GroupState(group, alerts, {}), incident, Surroundings(route, configuration, "https://tocsin.example.com")
