"""Incidents: what is open for a group that an escalation policy applies to, who has it, and what happened to it.

An incident is open, acknowledged, snoozed (until a time), suppressed (by a silence on exactly its group), and at last
resolved or expired. Each change is an event with who, when, from where and why. What is not legal changes nothing and
says why.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NewType

from .alerts import Alert
from .labels import Fingerprint
from .policies import NO_TERMS, EscalationPolicy, Step, Terms
from .routing import GroupId

IncidentId = NewType("IncidentId", str)


class Source(StrEnum):
    """From where an incident was changed."""

    API = "api"
    CLI = "cli"
    SLACK = "slack"
    PAGERDUTY = "pagerduty"
    EMAIL = "email"
    SMS = "sms"
    SYSTEM = "tocsin"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: the name of a user where one is known, or what the place they act from calls them.

    `place` is what PagerDuty calls the incident there: it is not told what it has said itself.
    """

    name: str
    source: Source = Source.API
    place: str = ""


SYSTEM = Actor("tocsin", Source.SYSTEM)  # who acts where no person does


class IncidentState(StrEnum):
    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    SNOOZED = "snoozed"
    SUPPRESSED = "suppressed"
    RESOLVED = "resolved"
    EXPIRED = "expired"


OVER = frozenset({IncidentState.RESOLVED, IncidentState.EXPIRED})
# Nobody is told again of what fires: somebody has it, asked for quiet, or has closed it. What has expired has ended by
# itself: nobody asked for quiet, and nothing fires in it.
QUIET = frozenset({IncidentState.ACKNOWLEDGED, IncidentState.SNOOZED, IncidentState.SUPPRESSED, IncidentState.RESOLVED})

# Somebody has it, and hears of what is new: new alerts are news, also where somebody has asked for quiet.
HELD = frozenset({IncidentState.ACKNOWLEDGED, IncidentState.SNOOZED})


class Change(StrEnum):
    """What an event tells of."""

    OPENED = "opened"
    ACKNOWLEDGED = "acknowledged"
    REMINDED = "reminded"
    SNOOZED = "snoozed"
    SUPPRESSED = "suppressed"
    REOPENED = "reopened"
    STEP = "step taken"
    SKIPPED = "step skipped"
    UNREACHED = "others told instead"
    REPEATED = "steps begin again"
    ESCALATED = "escalated by hand"
    REASSIGNED = "reassigned"
    POLICY = "policy changed"
    NOTE = "note"
    RESOLVED = "resolved"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to an incident: `said` is a sentence for people, `comment` a person's own words."""

    at: datetime
    change: Change
    by: str
    source: Source
    said: str
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """Somebody who is told at `at` while the incident is open: a receiver, or a user by their own rules."""

    at: datetime
    step: int
    receiver: str = ""
    user: str = ""


@dataclass(frozen=True, slots=True)
class Counts:
    """How often alerts of the group began to fire while it was open, when first and last, and the newest value."""

    fired: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    last_value: float | None = None


NOTHING_COUNTED = Counts()


@dataclass(frozen=True, slots=True)
class Incident:
    """What is open for a group.

    `steps_done` counts the steps that were taken or skipped since it opened; `position` says how many of those of the
    present turn, `turn` which repetition it is, `turn_at` when it began, `reached` whom it has told, or is to, and
    `missed` which steps it has skipped for the incident's severity; what was reached by steps up to `floor` belongs to
    a climb that is over. Whom `direct` reached is told though somebody has it. `climb` numbers the state machine's
    executions: one with an older number stops; `revived_at` is when one was last started because none had asked in
    time. `until` is when an acknowledgement, a snooze or a suppression ends. `standing` counts the changes that are
    shown to those who follow it: the one numbered `state_number`, by `state_by`, brought the state that it is in, the
    one numbered `lapsed` was the last to end an acknowledgement and not the incident. `orders` names the last orders
    that changed it, of those that have a name: they may come again. `news` holds the events that are not written down
    yet.
    """

    id: IncidentId
    group: GroupId
    receiver: str
    policy: str
    steps: tuple[Step, ...]
    title: str
    severity: str
    opened_at: datetime
    terms: Terms = NO_TERMS
    state: IncidentState = IncidentState.OPEN
    owner: str = ""
    until: datetime | None = None
    is_reminded: bool = False
    steps_done: int = 0
    floor: int = 0
    direct: int = 0
    turn: int = 0
    position: int = 0
    turn_at: datetime | None = None
    reached: tuple[str, ...] = ()
    missed: tuple[int, ...] = ()
    climb: int = 0
    pending: tuple[Page, ...] = ()
    counts: Counts = NOTHING_COUNTED
    changed_at: datetime | None = None
    changed_by: str = ""
    source: Source = Source.SYSTEM
    place: str = ""
    comment: str = ""
    said: str = ""
    standing: int = 0
    state_number: int = 0
    state_by: Actor = SYSTEM
    lapsed: int = 0
    orders: tuple[str, ...] = ()
    revived_at: datetime | None = None
    version: int = 0
    news: tuple[Event, ...] = field(default=(), compare=False)

    @property
    def began_at(self) -> datetime:
        """Return when the present turn of the steps began."""
        return self.turn_at or self.opened_at

    @property
    def who(self) -> str:
        """Return who has it, or else who changed it last; empty where nobody did."""
        return self.owner if self.owner and not self.is_over else self.changed_by

    @property
    def is_over(self) -> bool:
        return self.state in OVER

    def due_at(self, position: int) -> datetime:
        """Return when a step of the present turn is due."""
        return self.began_at + self.steps[position].after


def incident_id(group: GroupId, opened_at: datetime) -> IncidentId:
    """Return the id of the incident that a group opens at an instant; it names the escalation's execution too."""
    digest = hashlib.sha256(f"{group}\0{opened_at.isoformat()}".encode()).hexdigest()[:16]
    return IncidentId(f"inc-{digest}")


def execution_name(incident: IncidentId, climb: int) -> str:
    """Return the name of the execution that an incident's climb has; the first bears the incident's own."""
    return f"{incident}-{climb}" if climb else incident


def read_execution_name(name: str) -> tuple[IncidentId, int]:
    """Return the incident and the climb that `execution_name` named."""
    prefix, digest, *climb = name.split("-")
    return IncidentId(f"{prefix}-{digest}"), int(climb[0]) if climb else 0


class Refusal(StrEnum):
    """Why an incident does not change."""

    ALREADY = "already acknowledged"
    OVER = "already resolved"
    AGAIN = "that was done a moment ago"
    NOT_ACKNOWLEDGEABLE = "its escalation policy lets nobody acknowledge it"
    NOT_RESOLVABLE = "its escalation policy lets nobody resolve it while something fires in it"
    NO_TIME = "the time is not in the future"
    NO_USER = "there is no such user"
    NO_WAY = "that user cannot be told: they have no way that works"
    NO_STEP = "no step of its escalation policy is for it now"
    NO_COMMENT = "there is nothing in the note"


def acknowledge(incident: Incident, *, by: Actor, comment: str = "", now: datetime) -> Incident | Refusal:
    """Return the acknowledged incident, or why nothing changes; the first one to acknowledge has it.

    What suppresses it has to end with that, by the caller; so with a snooze.
    """
    if incident.is_over:
        return Refusal.OVER
    if incident.state is IncidentState.ACKNOWLEDGED:
        return Refusal.ALREADY
    if not incident.terms.is_acknowledgeable:
        return Refusal.NOT_ACKNOWLEDGEABLE
    after = _change(incident, Change.ACKNOWLEDGED, by, "Acknowledged", comment, _unsilenced(incident), now=now)
    return _owned(after, by.name, now=now)


def resolve(
    incident: Incident, *, by: Actor, comment: str = "", is_firing: bool = False, now: datetime
) -> Incident | Refusal:
    """Return the incident as a person closes it, or as its group ends; or why nothing changes."""
    if incident.is_over:
        return Refusal.OVER
    if is_firing and not incident.terms.is_acknowledgeable:
        return Refusal.NOT_RESOLVABLE
    return _closed(_change(incident, Change.RESOLVED, by, "Resolved", comment, now=now), IncidentState.RESOLVED)


def expire(incident: Incident, *, now: datetime) -> Incident | Refusal:
    """Return the incident as it ends when nobody speaks of its alerts any more."""
    if incident.is_over:
        return Refusal.OVER
    after = _change(incident, Change.EXPIRED, SYSTEM, "Expired", "its alerts' source has stopped", now=now)
    return _closed(after, IncidentState.EXPIRED)


def snooze(incident: Incident, *, by: Actor, until: datetime, comment: str = "", now: datetime) -> Incident | Refusal:
    """Return the incident that climbs no further, and is not repeated, until a time."""
    after = _quiet(incident, IncidentState.SNOOZED, Change.SNOOZED, by, until, comment, now=now)
    return after if isinstance(after, Refusal) else replace(after, owner=by.name)


def suppress(incident: Incident, *, by: Actor, until: datetime, comment: str = "", now: datetime) -> Incident | Refusal:
    """Return the incident whose group is silenced until a time; the silence is the caller's."""
    return _quiet(incident, IncidentState.SUPPRESSED, Change.SUPPRESSED, by, until, comment, now=now)


def _is_any(step: Step) -> bool:
    return True


def escalate(
    incident: Incident,
    *,
    by: Actor,
    comment: str = "",
    applies: Callable[[Step], bool] = _is_any,
    now: datetime,
) -> Incident | Refusal:
    """Return the incident with the next step that applies due now; where none is left, they begin again with the first.

    What suppresses it has to end with that, by the caller.
    """
    if incident.is_over:
        return Refusal.OVER
    said = _phrase("Escalated", by)
    if incident.said in (said, said + _HEARD_AGAIN) and incident.changed_at and now < incident.changed_at + _MOMENT:
        return Refusal.AGAIN
    applicable = [position for position, step in enumerate(incident.steps) if applies(step)]
    if not applicable:
        return Refusal.NO_STEP
    after = _change(incident, Change.ESCALATED, by, "Escalated", comment, _unsilenced(incident), now=now)
    ahead = [position for position in applicable if position >= after.position]
    if not ahead:
        anew = _climb_anew(after, now=now)
        return replace(anew, turn_at=now - anew.steps[applicable[0]].after) if applicable[0] else anew
    # Those before it are skipped then.
    after = replace(after, turn_at=now - after.steps[ahead[0]].after)
    return _in_state(replace(after, owner="", until=None, climb=after.climb + 1), IncidentState.OPEN)


def reassign(incident: Incident, *, by: Actor, to: str, comment: str = "", now: datetime) -> Incident | Refusal:
    """Return the incident in another user's hands, who is told at once; the caller ends what suppresses it."""
    if incident.is_over:
        return Refusal.OVER
    if incident.state is IncidentState.ACKNOWLEDGED and incident.owner == to:
        return Refusal.ALREADY
    if not incident.terms.is_acknowledgeable:
        return Refusal.NOT_ACKNOWLEDGEABLE
    after = _change(incident, Change.REASSIGNED, by, f"Handed to {to}", comment, _unsilenced(incident), now=now)
    after = _owned(after, to, now=now)
    # A step of its own, so that they are told though an earlier one has reached them.
    return replace(_call(after, to, now=now), climb=incident.climb + 1)


def note(incident: Incident, *, by: Actor, comment: str, now: datetime) -> Incident | Refusal:
    """Return the incident with a person's words added; one that is over takes them too."""
    if not comment:
        return Refusal.NO_COMMENT
    said = f"{_phrase('Note', by)}: {comment}"
    if incident.said == said:
        return Refusal.AGAIN
    after = add(incident, Change.NOTE, by, _phrase("Note", by), comment, now=now)
    return _shown(after, said=said, comment=incident.comment)


def reopen(incident: Incident, why: str, *, now: datetime) -> Incident:
    """Return the incident climbing anew from its first step: what was to keep it quiet is over."""
    return _climb_anew(_change(incident, Change.REOPENED, SYSTEM, f"Open again: {why}", "", now=now), now=now)


def take_policy(incident: Incident, policy: EscalationPolicy, why: str, *, now: datetime) -> Incident:
    """Return the incident climbing by another policy, from its first step; whoever had it has it no more."""
    said = f"Policy {policy.name} instead of {incident.policy}: {why}"
    after = replace(incident, policy=policy.name, steps=policy.steps, terms=policy.terms)
    return _climb_anew(_change(after, Change.POLICY, SYSTEM, said, "", now=now), now=now)


def remind(incident: Incident, *, now: datetime) -> Incident:
    """Return the incident whose owner is told that the acknowledgement ends soon."""
    assert incident.until is not None  # what has no end is not reminded of
    said = f"The acknowledgement by {incident.owner} ends at {_at(incident.until)}: what fires then escalates again"
    after = add(incident, Change.REMINDED, SYSTEM, said, "", now=now)
    return _shown(_call(replace(after, is_reminded=True), incident.owner, now=now), said=said)


def add(incident: Incident, change: Change, by: Actor, said: str, comment: str = "", *, now: datetime) -> Incident:
    """Return the incident with an event to write down."""
    event = Event(now, change, by.name, by.source, said, comment)
    return replace(incident, news=(*incident.news, event))


def ordered(incident: Incident, order: str) -> Incident:
    """Return the incident as an order of this name has changed it; one without a name is not remembered."""
    return replace(incident, orders=(*incident.orders, order)[-_ORDERS_KEPT:]) if order else incident


def count(incident: Incident, firing: list[Alert], counted: Collection[Fingerprint] = ()) -> Incident:
    """Return the incident with the alerts counted that began to fire since it was counted last.

    Those are what did not fire then, whenever it began, and what has begun anew; `counted` is what fired then.
    """
    before = incident.counts
    known = [alert for alert in firing if alert.fingerprint in counted]
    fresh = [alert for alert in firing if alert.fingerprint not in counted]
    fresh += [alert for alert in known if before.last_at is not None and alert.starts_at > before.last_at]
    times = [alert.starts_at for alert in fresh]
    first_at = min([*times, *([before.first_at] if before.first_at else [])], default=None)
    last_at = max([*times, *([before.last_at] if before.last_at else [])], default=None)
    values = [(alert.updated_at, alert.starts_at, alert.value) for alert in firing if alert.value is not None]
    newest = max(values, key=lambda each: each[:2])[2] if values else before.last_value
    return replace(incident, counts=Counts(before.fired + len(fresh), first_at, last_at, newest))


def has_expired(alert: Alert) -> bool:
    """Say whether an alert ended because nobody spoke of it any more, and not because somebody said so."""
    return alert.ends_at is not None and alert.ends_at > alert.updated_at


# Who asks for the next step twice within this has pressed, or asked, twice for one.
_MOMENT = timedelta(seconds=30)
# What is handed over again comes within minutes; more than these nobody does meanwhile.
_ORDERS_KEPT = 16


_HEARD_AGAIN = ": what silenced it is ended"


def _unsilenced(incident: Incident) -> str:
    return _HEARD_AGAIN if incident.state is IncidentState.SUPPRESSED else ""


def _call(incident: Incident, user: str, *, now: datetime) -> Incident:
    """Return the incident with a user to be told now, whoever has it; it counts as a step, so that they are."""
    number = incident.steps_done + 1
    page = Page(now, number, user=user)
    return replace(incident, steps_done=number, direct=number, pending=(*incident.pending, page))


def _quiet(
    incident: Incident, state: IncidentState, change: Change, by: Actor, until: datetime, comment: str, *, now: datetime
) -> Incident | Refusal:
    if incident.is_over:
        return Refusal.OVER
    if (incident.state, incident.until, incident.changed_by) == (state, until, by.name):
        return Refusal.ALREADY  # the same order, which comes again where its answer was lost
    if until <= now:
        return Refusal.NO_TIME
    if not incident.terms.is_acknowledgeable:
        return Refusal.NOT_ACKNOWLEDGEABLE
    word = state.value.capitalize()
    unsilenced = "" if state is IncidentState.SUPPRESSED else _unsilenced(incident)
    after = _change(incident, change, by, word, comment, f" until {_at(until)}{unsilenced}", now=now)
    after = replace(after, owner="", until=until, is_reminded=True, pending=(), climb=after.climb + 1)
    return _in_state(after, state)


def _owned(incident: Incident, owner: str, *, now: datetime) -> Incident:
    """Return the incident acknowledged; where that ends, an execution waits for it."""
    timeout = incident.terms.ack_timeout
    owned = replace(
        incident,
        owner=owner,
        until=now + timeout if timeout else None,
        is_reminded=False,
        pending=(),
        climb=incident.climb + (1 if timeout else 0),
    )
    return _in_state(owned, IncidentState.ACKNOWLEDGED)


def _closed(incident: Incident, state: IncidentState) -> Incident:
    return _in_state(replace(incident, until=None, pending=()), state)


def _climb_anew(incident: Incident, *, now: datetime) -> Incident:
    anew = replace(
        incident,
        owner="",
        until=None,
        is_reminded=False,
        floor=incident.steps_done,
        turn=0,
        position=0,
        turn_at=now,
        reached=(),
        missed=(),
        pending=(),
        climb=incident.climb + 1,
    )
    return _in_state(anew, IncidentState.OPEN)


def _in_state(incident: Incident, state: IncidentState) -> Incident:
    """Return the incident in the state that its last change has brought; where it was in it, who did that stays."""
    if incident.state is state:
        return incident
    by = Actor(incident.changed_by, incident.source, incident.place)
    is_lapse = incident.state is IncidentState.ACKNOWLEDGED and state not in OVER
    lapsed = incident.standing if is_lapse else incident.lapsed
    return replace(incident, state=state, state_number=incident.standing, state_by=by, lapsed=lapsed)


def _change(
    incident: Incident, change: Change, by: Actor, word: str, comment: str, more: str = "", *, now: datetime
) -> Incident:
    """Return the incident with a change of its standing: who made it, what is said of it, the event."""
    said = _phrase(word, by) + more
    after = add(incident, change, by, said, comment, now=now)
    after = replace(after, changed_at=now, changed_by=by.name, source=by.source, place=by.place)
    return _shown(after, said=said, comment=comment)


def _shown(incident: Incident, *, said: str | None = None, comment: str = "") -> Incident:
    """Return the incident with something new for those who follow it."""
    said = incident.news[-1].said if said is None else said
    return replace(incident, said=said, comment=comment, standing=incident.standing + 1)


def _phrase(word: str, by: Actor) -> str:
    """Return a phrase such as `Acknowledged by ann (slack)`; what nobody did is said without a name."""
    if by.source is Source.SYSTEM:
        return word
    return f"{word} by {by.name}" + ("" if by.source is Source.API else f" ({by.source.value})")


def _at(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
