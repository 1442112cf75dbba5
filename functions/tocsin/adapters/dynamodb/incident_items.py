"""An incident as items of the table, and the writes that change it.

What an incident has had from the start has an attribute each; the rest of it is one JSON text, so that an item which an
older version wrote is read with its defaults.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any

from ...core.incidents import Actor, Change, Counts, Event, Incident, IncidentId, IncidentState, Page, Source
from ...core.notifications import encode, format_time, parse_time
from ...core.policies import Step, Terms
from ...core.routing import GroupId
from .table import Item, at_version, epoch, put_action, sortable

HEAD = "head"
EVENT = "event#"
KEPT_FOR = timedelta(days=365)


def partition(incident: IncidentId) -> str:
    return f"incident#{incident}"


def save_actions(incident: Incident, *, now: datetime) -> list[dict[str, Any]]:
    """Return the writes of an incident under the version that was read, with the events that tell of the change."""
    written = replace(incident, version=incident.version + 1, news=())
    events = [_event_item(written, event, number, now=now) for number, event in enumerate(incident.news)]
    return [put_action(_item(written, now=now), at_version(incident.version)), *map(put_action, events)]


def _event_item(incident: Incident, event: Event, number: int, *, now: datetime) -> Item:
    return {
        "pk": partition(incident.id),
        "sk": f"{EVENT}{sortable(now)}#{incident.version:06d}#{number:03d}",
        "at": format_time(event.at),
        "change": event.change.value,
        "state": incident.state.value,
        "by": event.by,
        "source": event.source.value,
        "said": event.said,
        "comment": event.comment,
        "expires_at": epoch(now + KEPT_FOR),
    }


def event_from(item: Item) -> Event:
    return Event(
        at=parse_time(item["at"]),
        change=Change(item["change"]),
        by=item["by"],
        source=Source(item["source"]),
        said=item["said"],
        comment=item["comment"],
    )


def _item(incident: Incident, *, now: datetime) -> Item:
    return {
        "pk": partition(incident.id),
        "sk": HEAD,
        "id": incident.id,
        "group": incident.group,
        "receiver": incident.receiver,
        "policy": incident.policy,
        "steps": [_step_item(step) for step in incident.steps],
        "title": incident.title,
        "severity": incident.severity,
        "opened_at": format_time(incident.opened_at),
        "state": incident.state.value,
        "steps_done": incident.steps_done,
        "changed_at": format_time(incident.changed_at) if incident.changed_at else None,
        "changed_by": incident.changed_by,
        "comment": incident.comment,
        "version": incident.version,
        "more": encode(_more(incident)),
        "expires_at": epoch(now + KEPT_FOR) if incident.is_over else None,
    }


def _step_item(step: Step) -> Item:
    whole = {**asdict(step), "after": None, "after_seconds": step.after.total_seconds()}
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in whole.items() if value or value == 0
    }


def _more(incident: Incident) -> dict[str, Any]:
    terms, counts = incident.terms, incident.counts
    return {
        "terms": {
            **asdict(terms),
            "repeat_after": terms.repeat_after.total_seconds(),
            "ack_timeout": terms.ack_timeout.total_seconds() if terms.ack_timeout else None,
            "reminder": terms.reminder.total_seconds() if terms.reminder else None,
        },
        "owner": incident.owner,
        "until": _text(incident.until),
        "is_reminded": incident.is_reminded,
        "floor": incident.floor,
        "direct": incident.direct,
        "turn": incident.turn,
        "position": incident.position,
        "turn_at": _text(incident.turn_at),
        "reached": list(incident.reached),
        "missed": list(incident.missed),
        "climb": incident.climb,
        "pending": [{**asdict(page), "at": format_time(page.at)} for page in incident.pending],
        "counts": {
            "fired": counts.fired,
            "first_at": _text(counts.first_at),
            "last_at": _text(counts.last_at),
            "last_value": None if counts.last_value is None else repr(counts.last_value),
        },
        "source": incident.source.value,
        "place": incident.place,
        "said": incident.said,
        "standing": incident.standing,
        "state_number": incident.state_number,
        "state_by": asdict(incident.state_by),
        "lapsed": incident.lapsed,
        "orders": list(incident.orders),
        "revived_at": _text(incident.revived_at),
    }


def incident_from(item: Item) -> Incident:
    """Return the incident of an item; one of an older version has its position where its steps were counted."""
    more: Mapping[str, Any] = json.loads(item["more"]) if "more" in item else {"position": item["steps_done"]}
    counts = more.get("counts", {})
    changed_by = {"name": item["changed_by"], "source": more.get("source", Source.API), "place": more.get("place", "")}
    return Incident(
        id=IncidentId(item["id"]),
        group=GroupId(item["group"]),
        receiver=item["receiver"],
        policy=item["policy"],
        steps=tuple(_step(step) for step in item["steps"]),
        title=item["title"],
        severity=item["severity"],
        opened_at=parse_time(item["opened_at"]),
        terms=_terms(more["terms"]) if "terms" in more else Terms(),
        state=IncidentState(item["state"]),
        owner=more.get("owner", item["changed_by"]),
        until=_time(more.get("until")),
        is_reminded=more.get("is_reminded", False),
        steps_done=item["steps_done"],
        floor=more.get("floor", 0),
        direct=more.get("direct", 0),
        turn=more.get("turn", 0),
        position=more["position"],
        turn_at=_time(more.get("turn_at")),
        reached=tuple(more.get("reached", ())),
        missed=tuple(more.get("missed", ())),
        climb=more.get("climb", 0),
        pending=tuple(Page(**{**page, "at": parse_time(page["at"])}) for page in more.get("pending", ())),
        counts=Counts(
            counts.get("fired", 0),
            _time(counts.get("first_at")),
            _time(counts.get("last_at")),
            None if counts.get("last_value") is None else float(counts["last_value"]),
        ),
        changed_at=parse_time(item["changed_at"]) if "changed_at" in item else None,
        changed_by=item["changed_by"],
        source=Source(more.get("source", Source.API)),
        place=more.get("place", ""),
        comment=item["comment"],
        said=more.get("said", ""),
        standing=more.get("standing", 0),
        state_number=more.get("state_number", more.get("standing", 0)),
        state_by=_actor(more.get("state_by", changed_by)),
        lapsed=more.get("lapsed", 0),
        orders=tuple(more.get("orders", ())),
        revived_at=_time(more.get("revived_at")),
        version=item["version"],
    )


def _step(item: Mapping[str, Any]) -> Step:
    lists = ("receivers", "users", "schedules", "during", "severities")
    return Step(
        timedelta(seconds=item["after_seconds"]),
        **{name: tuple(item.get(name, ())) for name in lists},
        is_important=item.get("is_important", False),
    )


def _terms(data: Mapping[str, Any]) -> Terms:
    return Terms(
        repeat=data["repeat"],
        repeat_after=timedelta(seconds=data["repeat_after"]),
        ack_timeout=timedelta(seconds=data["ack_timeout"]) if data["ack_timeout"] else None,
        reminder=timedelta(seconds=data["reminder"]) if data["reminder"] else None,
        is_acknowledgeable=data["is_acknowledgeable"],
        reopens=data["reopens"],
        fallback=tuple(data["fallback"]),
    )


def _actor(data: Mapping[str, Any]) -> Actor:
    return Actor(data["name"], Source(data["source"]), data["place"])


def _text(instant: datetime | None) -> str | None:
    return format_time(instant) if instant else None


def _time(text: str | None) -> datetime | None:
    return parse_time(text) if text else None
