"""Tocsin's own API: why an alert was told to somebody, or was not.

GET  /api/tocsin/v1/explanations       fingerprint=, or filter= as for alerts

One `filter` for each label of an alert that is over finds what is still known of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ..core.durations import format_duration
from ..core.labels import Fingerprint, Labels
from ..core.matchers import Matcher, MatchType, matches_all
from ..core.notifications import format_time
from ..core.wording import value_text
from ..pipeline.explaining import Explainer, explain
from ..pipeline.explanations import Attempt, Explanation, Place, Source, Told
from .http import Refused, Request, Response
from .serving import Api, matchers_of


def explanations(api: Api, request: Request, now: datetime) -> Response:
    """Explain the alerts that are asked for."""
    desk = api.desk
    if desk.ingested is None:
        raise Refused(503, "the alerts that are sent here cannot be read")
    world = Explainer(
        rules=desk.rules,
        groups=desk.groups,
        incidents=desk.incidents,
        deliveries=desk.deliveries,
        silences=api.keeper.silences,
        ingested=desk.ingested,
        inhibitors=api.ingester.inhibitors,
    )
    key, matchers = request.last("fingerprint"), matchers_of(api, request)
    if not key and not matchers:
        raise Refused(400, "which alert? give its fingerprint, or matchers of its labels")

    def wanted(found: Fingerprint, labels: Labels) -> bool:
        return (not key or found == key) and matches_all(matchers, labels)

    configuration = api.configurations.current(now=now).configuration
    found = explain(world, configuration, wanted, given=None if key else _labels_of(matchers), now=now)
    return Response(200, {"explanations": [_view(each) for each in found]})


def _labels_of(matchers: Sequence[Matcher]) -> Labels | None:
    """Return the labels that equality matchers name, which may be all that an alert has."""
    if any(matcher.type is not MatchType.EQUAL for matcher in matchers):
        return None
    return Labels({matcher.name: matcher.value for matcher in matchers})


def _view(explanation: Explanation) -> dict[str, Any]:
    return {
        "fingerprint": explanation.fingerprint,
        "labels": dict(explanation.labels),
        **_source(explanation.source),
        "groups": [_place(each) for each in explanation.places],
    }


def _source(source: Source) -> dict[str, Any]:
    view: dict[str, Any] = {"state": _state(source), "rule": None, "value": None, "active_at": None, "fired_at": None}
    if source.active is not None:
        active = source.active
        view["value"] = active.value if math.isfinite(active.value) else value_text(active.value)
        view["active_at"], view["fired_at"] = _time(active.active_at), _time(active.fired_at)
    elif source.received is not None:
        view["fired_at"] = _time(source.received.starts_at)
    if source.record is not None:
        rule = source.rule
        view["rule"] = {
            "key": source.record.key,
            "name": rule.name if rule else None,
            "expr": rule.expr if rule else None,
            "for": format_duration(rule.hold_for) if rule else None,
            "health": source.record.health.value,
            "error": source.record.error,
        }
    return view


def _state(source: Source) -> str:
    if source.active is not None:
        return source.active.state.value
    if source.received is not None:
        return "firing"
    return "resolved" if source.copy is not None else "unknown"


def _place(place: Place) -> dict[str, Any]:
    route, identity = place.route, place.identity
    return {
        "receiver": identity.receiver,
        "route": route.key,
        "group": identity.id,
        "group_key": identity.key,
        "group_wait": format_duration(route.group_wait),
        "group_interval": format_duration(route.group_interval),
        "repeat_interval": format_duration(route.repeat_interval),
        "next_look_at": _time(place.next_flush_at),
        "mute": _mute(place),
        "cooldown": _cooldown(place),
        "incident": {"id": place.incident.id, "state": place.incident.state.value} if place.incident else None,
        "told": [_told(each) for each in place.told],
    }


def _mute(place: Place) -> Mapping[str, Any] | None:
    if place.mute is None:
        return None
    return {
        "kind": place.mute.kind.value,
        "by": list(place.mute.by),
        "because": list(place.muted_by),
        "since": _time(place.mute.since),
    }


def _cooldown(place: Place) -> Mapping[str, Any] | None:
    return {"until": _time(place.cooldown.until), "held": place.cooldown.held} if place.cooldown else None


def _told(told: Told) -> dict[str, Any]:
    return {
        "integration": told.integration.key,
        "verdict": told.verdict.value,
        "at": _time(told.at),
        "step": told.step,
        "notification": told.notification_id or None,
        "deliveries": [_attempt(each) for each in told.attempts],
    }


def _attempt(attempt: Attempt) -> dict[str, Any]:
    delivery = attempt.delivery
    return {
        "notification": delivery.notification_id,
        "at": _time(delivery.at),
        "status": attempt.status.value,
        "reason": delivery.reason,
        "state": delivery.state.value,
        "attempts": delivery.attempts,
        "outcome": delivery.outcome,
    }


def _time(instant: datetime | None) -> str | None:
    return format_time(instant) if instant else None
