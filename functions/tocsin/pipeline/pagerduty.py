"""What happens to an incident in PagerDuty happens to ours: found by its key, acted on once, and never echoed.

A note there names PagerDuty's incident alone; which of ours that is, every other event of it has said before.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from ..core.configuration import Configuration
from ..core.incidents import Actor, Incident, IncidentId, Source
from ..core.pagerduty import (
    Agent,
    Meaning,
    PagerdutyEvent,
    dedup_key,
    group_of,
    is_hashed,
    is_stale,
    meaning,
    said,
)
from ..core.routing import GroupId
from ..ports import Receipts
from . import incidents
from .incidents import Desk, Order, Verb

# What is older was told long ago, and that it was is forgotten. PagerDuty itself tries for 20 minutes.
OLDEST = timedelta(days=7)
# How long a note finds its incident.
ALIAS_KEPT_FOR = timedelta(days=90)
PAGERDUTY = "PagerDuty"

_LONGEST_TIES = ("0" * 12,)
_VERBS = {Meaning.ACKNOWLEDGE: Verb.ACKNOWLEDGE, Meaning.RESOLVE: Verb.RESOLVE, Meaning.NOTE: Verb.NOTE}


class Outcome(StrEnum):
    """What came of an event; also the dimension of the metric."""

    DONE = "done"
    UNCHANGED = "nothing to change"
    STALE = "stale"
    ECHO = "our own"
    UNKNOWN = "no such incident"
    IGNORED = "nothing to do"


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of an event: for which incident, and what is said of it."""

    outcome: Outcome
    incident: IncidentId | None = None
    said: str = ""


def hear(
    desk: Desk, receipts: Receipts, configuration: Configuration, event: PagerdutyEvent, *, now: datetime
) -> Heard:
    """Do here what was done there. Raises ConflictError, StoreError: then it is to be told again."""
    if event.occurred_at < now - OLDEST:
        return Heard(Outcome.STALE)
    if event.incident and event.key and (group_of(event.key) or is_hashed(event.key)):
        receipts.save_alias(_alias(event), event.key, keep_until=now + ALIAS_KEPT_FOR)
    what = meaning(event)
    if what not in _VERBS:
        return Heard(Outcome.ECHO if what is Meaning.ECHO else Outcome.IGNORED)
    key = event.key or (receipts.load_alias(_alias(event), now=now) if event.incident else None) or ""
    incident = _incident(desk, configuration, key, now=now)
    if incident is None:
        return Heard(Outcome.UNKNOWN)
    if is_stale(event, incident):
        return Heard(Outcome.STALE, incident.id)
    comment = said(event) if what is Meaning.NOTE else ""
    order = Order(
        _VERBS[what], incident.id, _actor(configuration, event.agent, key), comment, id=f"pagerduty {event.id}"
    )
    acted = incidents.act(desk, order, now=now)
    if acted is None:
        return Heard(Outcome.UNKNOWN)
    outcome = Outcome.DONE if acted.refusal is None else Outcome.UNCHANGED
    return Heard(outcome, acted.incident.id, acted.sentence)


def _alias(event: PagerdutyEvent) -> str:
    return f"pagerduty {event.incident}"


def _incident(desk: Desk, configuration: Configuration, key: str, *, now: datetime) -> Incident | None:
    """Return the incident that is open for the group of a key."""
    group = group_of(key) or (_hashed_group(desk, configuration, key, now=now) if is_hashed(key) else None)
    state = desk.groups.load_group(group, now=now) if group else None
    if state is None or state.group.incident is None:
        return None
    return desk.incidents.load_incident(state.group.incident)


def _hashed_group(desk: Desk, configuration: Configuration, key: str, *, now: datetime) -> GroupId | None:
    """Return the group of a key that was too long to name it: of those that are active, tried one by one."""
    names = (*configuration.receivers, *configuration.contacts)
    if not any(is_hashed(dedup_key(GroupId("0" * 32), name, _LONGEST_TIES)) for name in names):
        return None
    for group in desk.groups.active_groups():
        state = desk.groups.load_group(group, now=now)
        for integration, told in state.group.sent.items() if state else ():
            receiver = integration.rsplit("/", 2)[0]
            if any(dedup_key(group, receiver, (tie,)) == key for tie in told.ties or ("",)):
                return group
    return None


def _actor(configuration: Configuration, agent: Agent, key: str) -> Actor:
    """Return who acts: the user of that PagerDuty id, address or name, where there is one."""
    user = configuration.user_by(pagerduty_id=agent.id, email=agent.email)
    if user is None and agent.name:
        called = agent.name.casefold()
        user = next((each for each in configuration.users.values() if each.name.casefold() == called), None)
    name = PAGERDUTY if agent.is_pagerduty else (user.name if user else agent.name or agent.id or PAGERDUTY)
    return Actor(name, Source.PAGERDUTY, key)
