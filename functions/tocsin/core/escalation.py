"""Escalation: what an incident needs now, and until when the state machine waits for the next thing.

While an incident is open, its steps are taken when they are due; those that are overdue together are taken together.
What a changed policy says of the steps ahead counts, by their position. An acknowledgement, a snooze and a suppression
that end let it climb anew.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from .incidents import SYSTEM, Change, Incident, IncidentState, Page, add, remind, reopen
from .intervals import NamedIntervals, is_within
from .policies import EscalationPolicy, Step

# How late a question is when another execution is started to ask it, and how long that one is left to itself.
_OVERDUE = timedelta(minutes=5)
_PATIENCE = timedelta(minutes=30)

# How a user is told: the receivers of their contact methods, each with how long after the step.
Methods = Sequence[tuple[timedelta, str]]


def _no_methods(user: str, is_important: bool) -> Methods:
    return ()


def _nobody(schedule: str, at: datetime) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class Roster:
    """Whom there is to tell.

    The policies by name, who is on call, how users are told, when steps may be taken, the names of the receivers.
    """

    policies: Mapping[str, EscalationPolicy] = field(default_factory=dict)
    intervals: NamedIntervals = field(default_factory=dict)
    on_call: Callable[[str, datetime], str | None] = _nobody
    methods: Callable[[str, bool], Methods] = _no_methods
    receivers: Collection[str] = ()


class Action(StrEnum):
    """What the state machine is to do next."""

    WAIT = "wait"
    STOP = "stop"


class Why(StrEnum):
    """The reason of a decision."""

    STEP_AHEAD = "the next step is not due yet"
    ACKNOWLEDGED = "acknowledged"
    QUIET = "snoozed or suppressed"
    RESOLVED = "resolved"
    FINISHED = "every step was taken"
    SUPERSEDED = "another execution has taken over"
    UNKNOWN = "there is no such incident"


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do about an incident now: whether and until when to wait, what it is from now on, whom that adds.

    `receivers` has the number of the step that adds each; `after` is None where nothing changes.
    """

    action: Action
    why: Why
    until: datetime | None = None
    after: Incident | None = None
    receivers: Mapping[str, int] = field(default_factory=dict)


def decide(incident: Incident | None, roster: Roster, *, climb: int, now: datetime) -> Decision:
    """Return what is due, and how long to wait for what comes after it; `climb` is the asking execution's number."""
    if incident is None:
        return Decision(Action.STOP, Why.UNKNOWN)
    if incident.is_over:
        return Decision(Action.STOP, Why.RESOLVED)
    if climb != incident.climb:
        return Decision(Action.STOP, Why.SUPERSEDED)
    before, added = incident, dict[str, int]()
    incident = _as_configured(incident, roster, now=now)
    if incident.until is not None and incident.until <= now:
        # The execution that asks goes on with the new climb.
        incident = replace(reopen(incident, _ended(incident), now=now), climb=climb)
    elif (reminder_at := _reminder_at(incident)) is not None and reminder_at <= now:
        incident = remind(incident, now=now)
    if incident.state is IncidentState.OPEN:
        incident = _take_steps(incident, roster, now=now)
    incident = _page(incident, roster, added, now=now)
    changed = incident if incident != before or incident.news else None
    why, until = _next(incident)
    return Decision(Action.WAIT if until else Action.STOP, why, until, changed, added)


def graver(incident: Incident, severity: str) -> Incident:
    """Return the incident as grave as an alert that it did not know of.

    What was skipped in this turn for being for alerts as grave is taken now, by a new execution.
    """
    after = replace(incident, severity=severity)
    if incident.state is not IncidentState.OPEN or not _made_up(after):
        return after
    return replace(after, climb=incident.climb + 1)


def _made_up(incident: Incident) -> list[int]:
    """Return the positions of the steps that were skipped for the incident's severity, and are for what it is now."""
    return [each for each in incident.missed if incident.steps[each].is_for(incident.severity)]


def hastened(incident: Incident, roster: Roster, *, now: datetime) -> Incident:
    """Return the incident as its policy is now, with a new execution, where that has something to do earlier.

    The execution that waits would ask too late; where none waits any more, a changed policy starts none.
    """
    after = _as_configured(incident, roster, now=now)
    (_, awaited), (_, due) = _next(incident), _next(after)
    if awaited is None or due is None or due >= awaited:
        return incident
    return replace(after, climb=incident.climb + 1)


def revived(incident: Incident, *, now: datetime) -> Incident:
    """Return the incident with a new execution where the next question should have been asked some time ago.

    The one that should have asked is gone, or fails and tries again. While an outage lasts, one in a while is enough.
    """
    _, due = _next(incident)
    if due is None or now - due <= _OVERDUE:
        return incident
    if incident.revived_at is not None and due <= incident.revived_at and now - incident.revived_at < _PATIENCE:
        return incident
    return replace(incident, climb=incident.climb + 1, revived_at=now)


def _as_configured(incident: Incident, roster: Roster, *, now: datetime) -> Incident:
    """Return the incident with the steps and terms that its policy has now; one that is gone stays as it was."""
    policy = roster.policies.get(incident.policy)
    if policy is None or (policy.steps, policy.terms) == (incident.steps, incident.terms):
        return incident
    said = f"The policy {policy.name} was changed: its steps ahead count from now on"
    same = [each for each in incident.missed if policy.steps[each : each + 1] == incident.steps[each : each + 1]]
    after = replace(incident, steps=policy.steps, terms=policy.terms, missed=tuple(same))
    return add(after, Change.POLICY, SYSTEM, said, now=now)


def _ended(incident: Incident) -> str:
    if incident.state is IncidentState.ACKNOWLEDGED:
        return f"the acknowledgement by {incident.owner} has timed out"
    return f"no longer {incident.state.value}"


def _reminder_at(incident: Incident) -> datetime | None:
    reminder = incident.terms.reminder
    if incident.state is not IncidentState.ACKNOWLEDGED or incident.is_reminded or not (incident.until and reminder):
        return None
    return incident.until - reminder


def _take_steps(incident: Incident, roster: Roster, *, now: datetime) -> Incident:
    """Return the incident with every step taken that is due, turn after turn; what was missed comes first."""
    for position in _made_up(incident):
        incident = _take(incident, position, roster, now=now)
    while True:
        while incident.position < len(incident.steps) and incident.due_at(incident.position) <= now:
            incident = _take(incident, incident.position, roster, now=now)
        again_at = _again_at(incident)
        if again_at is None or again_at > now:
            return incident
        said = f"Nobody has acknowledged it: the steps begin again ({incident.turn + 1} of {incident.terms.repeat})"
        incident = add(incident, Change.REPEATED, SYSTEM, said, now=now)
        incident = replace(incident, turn=incident.turn + 1, position=0, turn_at=again_at, reached=(), missed=())


def _again_at(incident: Incident) -> datetime | None:
    """Return when the next turn of the steps begins; None where there is none, or this one is not over."""
    if incident.position < len(incident.steps) or incident.turn >= incident.terms.repeat or not incident.steps:
        return None
    return incident.due_at(len(incident.steps) - 1) + incident.terms.repeat_after


def _take(incident: Incident, position: int, roster: Roster, *, now: datetime) -> Incident:
    """Return the incident with a step taken, or skipped."""
    step, number, name = incident.steps[position], incident.steps_done + 1, f"Step {position + 1}"
    missed = {*incident.missed} - {position} | ({position} if not step.is_for(incident.severity) else set())
    next_position = max(incident.position, position + 1)
    incident = replace(incident, position=next_position, steps_done=number, missed=tuple(sorted(missed)))
    if reason := skipped(step, incident.severity, roster.intervals, now=now):
        return add(incident, Change.SKIPPED, SYSTEM, f"{name} is skipped: {reason}", now=now)
    pages, unstaffed = _pages(step, incident, roster, number, now=now)
    names = sorted({page.receiver for page in pages})
    said = f"{name}: {', '.join(names) or 'nobody who was not told already'}"
    if unstaffed:
        said = f"{unstaffed}; {said}"
        incident = replace(incident, said=unstaffed)
    incident = add(incident, Change.STEP, SYSTEM, said, now=now)
    reached = tuple(sorted({*incident.reached, *names}))
    # Who was to be told later is told now, and not again.
    waiting = [page for page in incident.pending if not any(_is_sooner(each, [page]) for each in pages)]
    return replace(incident, pending=(*waiting, *pages), reached=reached)


def skipped(step: Step, severity: str, intervals: NamedIntervals, *, now: datetime) -> str:
    """Return why a step is not taken, empty where it is."""
    if not step.is_for(severity):
        return f"it is for {', '.join(step.severities)}, and this is {severity}"
    known = [name for name in step.during if name in intervals]
    if known and not any(is_within(intervals[name], now) for name in known):
        return f"it is outside {', '.join(step.during)}"
    return ""


def _pages(
    step: Step, incident: Incident, roster: Roster, number: int, *, now: datetime
) -> tuple[tuple[Page, ...], str]:
    """Return whom a step tells when, and what there is to say where somebody could not be found."""
    pages = [Page(now, number, receiver=name) for name in step.receivers]
    missing: list[str] = []
    users = list(step.users)
    for schedule in step.schedules:
        user = roster.on_call(schedule, now)
        if user is None:
            missing.append(f"nobody is on call in {schedule}")
        elif user not in users:
            users.append(user)
    for user in users:
        methods = roster.methods(user, step.is_important)
        if not methods:
            missing.append(f"{user} has no way to be told")
        pages += [Page(now + after, number, receiver=name) for after, name in methods]
    # Whom an earlier step of this turn has reached is not told twice; nor, at first, whom the group tells by itself.
    told = {*incident.reached, *([incident.receiver] if incident.turn == 0 and incident.floor == 0 else [])}
    pages = [page for page in pages if page.receiver not in told or _is_sooner(page, incident.pending)]
    if not missing:
        return tuple(pages), ""
    fallback = incident.terms.fallback or (incident.receiver,)
    pages += [Page(now, number, receiver=name) for name in fallback]
    said = "; ".join(missing)
    return tuple(pages), f"{said[0].upper()}{said[1:]}: told {', '.join(fallback)} instead"


def _is_sooner(page: Page, pending: Iterable[Page]) -> bool:
    """Say whether a page is for a receiver that is only waiting to be told, and told earlier by it."""
    waiting = [each.at for each in pending if each.receiver == page.receiver]
    return bool(waiting) and page.at < min(waiting)


def _page(incident: Incident, roster: Roster, added: dict[str, int], *, now: datetime) -> Incident:
    """Return the incident without the pages that are due; these are put into `added`."""
    waiting: list[Page] = []
    for page in incident.pending:
        if page.at > now:
            waiting.append(page)
        elif page.receiver:
            added[page.receiver] = page.step
        else:
            receivers, instead = ways_to(page.user, incident, roster, is_important=True)
            added |= dict.fromkeys(receivers, page.step)
            if instead:
                incident = add(incident, Change.UNREACHED, SYSTEM, instead, now=now)
                incident = replace(incident, said=f"{incident.said}; {instead}")
    return replace(incident, pending=tuple(waiting))


def ways_to(owner: str, incident: Incident, roster: Roster, *, is_important: bool) -> tuple[tuple[str, ...], str]:
    """Return the receivers that tell whoever has an incident, and what there is to say where none does.

    A user has it already and need not answer: only their ways that come first. Who follows a link from a message to a
    receiver acts by its name. Anybody else is known by name alone: others are told instead.
    """
    methods = roster.methods(owner, is_important) or roster.methods(owner, not is_important)
    if methods:
        first = min(after for after, _ in methods)
        return tuple(name for after, name in methods if after == first), ""
    if owner in roster.receivers:
        return (owner,), ""
    others = incident.terms.fallback or incident.reached or (incident.receiver,)
    return others, f"{owner} has no way to be told: told {', '.join(others)} instead"


def _next(incident: Incident) -> tuple[Why, datetime | None]:
    """Return when there is something to do, None where there is nothing any more, and what is waited for."""
    times = [page.at for page in incident.pending]
    if incident.state is IncidentState.OPEN:
        if incident.position < len(incident.steps):
            times.append(incident.due_at(incident.position))
        elif (again_at := _again_at(incident)) is not None:
            times.append(again_at)
        return (Why.STEP_AHEAD, min(times)) if times else (Why.FINISHED, None)
    why = Why.ACKNOWLEDGED if incident.state is IncidentState.ACKNOWLEDGED else Why.QUIET
    times += [each for each in (incident.until, _reminder_at(incident)) if each is not None]
    return why, min(times, default=None)
