"""The drills on the local stack: what the command says of each, and what the receivers say."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence

from dev.drill.stage import ROUTING_KEY, Stage, archived, of_drill, refused
from dev.receivers import Received
from tocsin.cli.drill import BATCH

_SHOWN = 5
# Who is told how often while the alert climbs: the archive belongs to two receivers.
_CLIMB = Counter(
    {
        ("webhook", "archive"): 2,
        ("slack", "warnings"): 1,
        ("slack", "critical"): 1,
        ("pagerduty", ROUTING_KEY): 1,
    }
)


def prometheus(stage: Stage) -> list[str]:
    """Return what is wrong with what came as others send it."""
    status = stage.run("drill", "prometheus", "--timeout", "90s", limit_seconds=300)
    return [*_status(status), *_checked(stage, "DrillTargetDown", 2, 1), *_checked(stage, "DrillSlow", 2, 1)]


def storm(stage: Stage, *, alerts: int, seconds: float, groups: int, at_once: bool = True) -> list[str]:
    """Return what is wrong with a storm.

    `at_once` says that it is all in before its groups have waited long enough: then each is told in one message.
    Otherwise a group may be told once more of what came in after its message, and of nothing else.
    """
    minutes = 3 + alerts // 500
    words = ["--alerts", alerts, "--seconds", seconds, "--groups", groups, "--timeout", f"{minutes}m"]
    status = stage.run("drill", "storm", "--keep", *map(str, words), limit_seconds=minutes * 60 * 3)
    if at_once:
        return [*_status(status), *_checked(stage, "DrillStorm", alerts, groups, resolves=False)]
    came = of_drill(stage.receivers.received, "DrillStorm")
    lost = alerts - len(archived(came, "firing"))
    return [
        *_status(status),
        *refused(came)[:_SHOWN],
        *([f"{lost} alerts did not come to the archive"] if lost else []),
        *one_a_group(came, groups, most=math.ceil(alerts / BATCH)),
    ]


def one_a_group(came: Sequence[Received], groups: int, *, most: int) -> list[str]:
    """Return what is wrong where alerts come in parts: a group has one message, and another only for what is new in it.

    `most` is in how many parts they come. Of Slack's messages only the number is known.
    """
    wrong: list[str] = []
    told: dict[str, set[str]] = {}
    firing = [each for each in came if each.accepted and not _is_end(each.payload)]
    for each in firing:
        if each.integration == "webhook":
            known = told.setdefault(each.payload["groupKey"], set())
            burning = {alert["fingerprint"] for alert in each.payload["alerts"] if alert["status"] == "firing"}
            if burning <= known:
                wrong.append(f"{each.payload['groupKey']}: a message to webhook that tells of nothing new")
            known |= burning
    if len(told) != groups:
        wrong.append(f"{len(told)} groups were told to webhook, {groups} are right")
    in_slack = sum(each.integration == "slack" for each in firing)
    if not groups <= in_slack <= groups * most:
        wrong.append(f"{in_slack} messages to slack, {groups} to {groups * most} are right")
    return wrong


def escalation(stage: Stage) -> list[str]:
    """Return what is wrong with a walk through a policy."""
    status = stage.run("drill", "escalation", "--timeout", "90s", limit_seconds=300)
    came = of_drill(stage.receivers.received, "DrillEscalation")
    firing = Counter((each.integration, each.target) for each in came if not _is_end(each.payload))
    wrong = [
        f"{' '.join(place)} was told {firing[place]} times, {_CLIMB[place]} are right"
        for place in sorted(_CLIMB.keys() | firing.keys())
        if firing[place] != _CLIMB[place]
    ]
    return [*_status(status), *refused(came), *wrong]


def _status(status: int) -> list[str]:
    return [f"the command ended with {status}"] if status else []


def _checked(stage: Stage, name: str, alerts: int, groups: int, *, resolves: bool = True) -> Iterator[str]:
    came = of_drill(stage.receivers.received, name)
    yield from refused(came)[:_SHOWN]
    for kind in ("slack", "webhook"):
        ends = [_is_end(each.payload) for each in came if each.integration == kind]
        if (found := ends.count(False)) != groups:
            yield f"{name}: {found} messages to {kind} that something fires, {groups} are right: one a group"
        if resolves and (found := ends.count(True)) != groups:
            yield f"{name}: {found} messages to {kind} that it is over, {groups} are right: one a group"
    for status in ("firing", *(["resolved"] if resolves else [])):
        counts = archived(came, status)
        if len(counts) != alerts:
            yield f"{name}: {len(counts)} of {alerts} alerts came to the archive as {status}"
        if twice := [each for each, count in counts.items() if count > 1]:
            yield f"{name}: {len(twice)} alerts came to the archive more than once as {status}"


def _is_end(payload: object) -> bool:
    """Say whether a message tells of an end, by the words of its integration."""
    if not isinstance(payload, dict):
        return False
    if "event_action" in payload:
        return bool(payload["event_action"] == "resolve")
    return bool(payload.get("status") == "resolved" or "[RESOLVED]" in str(payload.get("text", "")))
