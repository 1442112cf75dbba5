"""What PagerDuty tells us of an incident there (webhooks v3), and what that means for the incident here.

The deduplication key that a group's events carry names the group, so what happens there leads back to it. What we did
there ourselves comes back as the integration's doing, and means nothing: nothing echoes. A person's acknowledgement and
resolution are ours too; what PagerDuty does by itself (its timeouts, its escalation) is only noted.

Source: https://developer.pagerduty.com/docs/webhooks-overview
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from .incidents import Incident, IncidentState
from .json_text import JsonError, read_json
from .notifications import parse_time
from .receivers import Integration, Kind, Receiver
from .routing import GroupId
from .wording import clean, clip, one_line

DEDUP_KEY_LENGTH = 255
NAME_LENGTH, NOTE_LENGTH = 200, 2000
_ID_LENGTH = 255
_KEY = re.compile(r"([0-9a-f]{32})(?:\.[0-9.]+)?/.+", re.DOTALL)
# Who acts where an event came by an Events API, such as ours.
_INTEGRATION = re.compile(r"(.+_)?inbound_integration(_reference)?")
# Who acts where PagerDuty itself does, by a timeout.
_SERVICE = re.compile(r"service(_reference)?")
# The settings that say which service is meant, in clear or by reference.
_SERVICE_KEYS = ("routing_key", "service_key")
_HASHED = re.compile(r"[0-9a-f]{64}")


def dedup_key(group: GroupId, receiver: str, ties: Sequence[str] = ()) -> str:
    """Return what ties a group's events together at one receiver, at most 255 characters.

    The newest of `ties` tells its incidents apart: digits and dots, or nothing.
    """
    tie = ties[-1] if ties else ""
    key = f"{group}.{tie}/{receiver}" if tie else f"{group}/{receiver}"
    return key if len(key) <= DEDUP_KEY_LENGTH else hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def group_of(key: str) -> GroupId | None:
    """Return the group that a deduplication key names; None where it is not of ours, or `is_hashed`."""
    found = _KEY.fullmatch(key)
    return GroupId(found[1]) if found else None


def first_ties(integration: Integration, receiver: Receiver | None) -> tuple[str, ...]:
    """Return what tells an integration's incident from those of its receiver's other services: nothing for the first.

    Settings with one key name one service, however often they stand there, and have one incident in it.
    """
    named = _service(integration)
    others = receiver.integrations if receiver else ()
    same = (each.index for each in others if named and each.kind is Kind.PAGERDUTY and _service(each) == named)
    number = min(same, default=integration.index)
    return (str(number),) if number else ()


def next_ties(ties: Sequence[str]) -> tuple[str, ...]:
    """Return these with one more, which none of them is, for another incident in the same service."""
    number, _, turn = (ties[-1] if ties else "").partition(".")
    return (*(ties or ("",)), f"{number or 0}.{int(turn or 0) + 1}")


def _service(integration: Integration) -> dict[str, Any]:
    return {name: value for name, value in integration.settings.items() if name.startswith(_SERVICE_KEYS) and value}


def is_hashed(key: str) -> bool:
    """Say whether a key may be one of ours that was too long: it names no group, but can be found again."""
    return _HASHED.fullmatch(key) is not None


# The states of an incident that PagerDuty knows too, beside its first, and hears of.
TOLD_STATES = frozenset({IncidentState.ACKNOWLEDGED, IncidentState.RESOLVED})


class WebhookError(ValueError):
    """What came is not an event of a webhook, version 3."""


@dataclass(frozen=True, slots=True)
class Agent:
    """Who did something in PagerDuty: a reference's type, id and name; all empty where PagerDuty did it by itself."""

    kind: str = ""
    id: str = ""
    name: str = ""
    email: str = ""

    @property
    def is_integration(self) -> bool:
        return _INTEGRATION.fullmatch(self.kind) is not None

    @property
    def is_pagerduty(self) -> bool:
        return not self.kind or _SERVICE.fullmatch(self.kind) is not None


@dataclass(frozen=True, slots=True)
class PagerdutyEvent:
    """One event; `incident` is PagerDuty's id, `key` the deduplication key, which notes lack. Texts are clean."""

    id: str
    kind: str
    occurred_at: datetime
    agent: Agent
    incident: str = ""
    key: str = ""
    note: str = ""
    to: str = ""
    resolve_reason: str = ""


class Meaning(StrEnum):
    """What an event asks of us."""

    ACKNOWLEDGE = "acknowledge"
    RESOLVE = "resolve"
    NOTE = "note"
    ECHO = "echo"
    NOTHING = "nothing"


def read_event(body: bytes) -> PagerdutyEvent:
    """Return the event of a webhook's body. Raises WebhookError."""
    try:
        envelope = read_json(body)
    except JsonError as error:
        raise WebhookError(f"the body is not JSON: {error}") from None
    event = _object(_object(envelope, "the body").get("event"), "event")
    data = _object(event.get("data") or {}, "event.data")
    is_incident = data.get("type") == "incident"
    incident = data if is_incident else _members(data.get("incident"))
    return PagerdutyEvent(
        id=_needed(event, "id"),
        kind=_needed(event, "event_type"),
        occurred_at=_instant(event),
        agent=_agent(event.get("agent")),
        incident=_text(incident.get("id"), _ID_LENGTH),
        key=_key(incident.get("incident_key")),
        note=clip(clean(_given(data.get("content"))).strip(), NOTE_LENGTH),
        to=_assignees(data) if is_incident else "",
        resolve_reason=_text(_members(data.get("resolve_reason")).get("type"), _ID_LENGTH),
    )


def meaning(event: PagerdutyEvent) -> Meaning:
    """Return what an event asks of us."""
    if event.kind not in _MEANT:
        return Meaning.NOTHING
    if event.agent.is_integration:
        return Meaning.ECHO
    if event.kind == "incident.resolved" and (event.agent.is_pagerduty or event.resolve_reason):
        # Nobody has said that it is over: it timed out there, or went into another incident.
        return Meaning.NOTE
    return _MEANT[event.kind]


def is_stale(event: PagerdutyEvent, incident: Incident) -> bool:
    """Say whether an event is older than what is known of the incident, which it must not undo.

    The incident may be a later one of the same group, whose key is the same there. What was said elsewhere since counts
    more; but what somebody has or keeps quiet can still be resolved, and a note undoes nothing.
    """
    if event.occurred_at < incident.opened_at:
        return True
    what = meaning(event)
    if what is Meaning.NOTE or (what is Meaning.RESOLVE and incident.state is not IncidentState.OPEN):
        return False
    return incident.changed_at is not None and event.occurred_at < incident.changed_at


def said(event: PagerdutyEvent) -> str:
    """Return one sentence for what an event tells that is only noted, or a person's own note."""
    if event.kind == "incident.annotated":
        return event.note
    if event.kind == "incident.resolved":
        why = "was merged into another" if "merge" in event.resolve_reason else "was resolved by PagerDuty itself"
        return f"PagerDuty: the incident there {why}"
    to = f" to {event.to}" if event.to and event.kind in _TELLS_WHOM else ""
    return f"PagerDuty: {_SAID[event.kind]}{to}"


_MEANT = {
    "incident.acknowledged": Meaning.ACKNOWLEDGE,
    "incident.resolved": Meaning.RESOLVE,
    "incident.annotated": Meaning.NOTE,
    "incident.unacknowledged": Meaning.NOTE,
    "incident.reopened": Meaning.NOTE,
    "incident.escalated": Meaning.NOTE,
    "incident.reassigned": Meaning.NOTE,
    "incident.delegated": Meaning.NOTE,
}
_SAID = {
    "incident.unacknowledged": "the acknowledgement there is over",
    "incident.reopened": "the incident there was opened again",
    "incident.escalated": "escalated there",
    "incident.reassigned": "reassigned there",
    "incident.delegated": "handed to another escalation policy there",
}
_TELLS_WHOM = frozenset({"incident.escalated", "incident.reassigned"})


def _agent(value: Any) -> Agent:
    found = _members(value)
    return Agent(
        kind=_text(found.get("type"), _ID_LENGTH),
        id=_text(found.get("id"), _ID_LENGTH),
        name=_text(found.get("summary") or found.get("name"), NAME_LENGTH),
        email=_text(found.get("email"), NAME_LENGTH),
    )


def _assignees(data: Mapping[str, Any]) -> str:
    listed = data.get("assignees")
    names = [_text(_members(each).get("summary"), NAME_LENGTH) for each in (listed if isinstance(listed, list) else ())]
    return clip(", ".join(filter(None, names)), NAME_LENGTH)


def _instant(event: Mapping[str, Any]) -> datetime:
    text = _needed(event, "occurred_at")
    try:
        return parse_time(text)
    except ValueError:
        raise WebhookError("event.occurred_at is not a time") from None


def _needed(event: Mapping[str, Any], name: str) -> str:
    text = _text(event.get(name), _ID_LENGTH)
    if not text:
        raise WebhookError(f"event.{name} is missing")
    return text


def _object(value: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise WebhookError(f"{name} is not an object")
    return value


def _members(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _given(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _text(value: Any, length: int) -> str:
    return clip(one_line(_given(value)), length)


def _key(value: Any) -> str:
    # Compared as it is: a receiver's name may hold anything.
    text = _given(value)
    return text if len(text) <= DEDUP_KEY_LENGTH else ""


__all__ = [
    "DEDUP_KEY_LENGTH",
    "TOLD_STATES",
    "Agent",
    "Meaning",
    "PagerdutyEvent",
    "WebhookError",
    "dedup_key",
    "first_ties",
    "group_of",
    "is_hashed",
    "is_stale",
    "meaning",
    "next_ties",
    "read_event",
    "said",
]
