"""On-call schedules: who has it when.

Layers lie over each other: where a later one has somebody, those below it say nothing. Overrides lie over all layers,
and of two overrides the later one holds. What is left is the time that nobody has: gaps.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from typing import Protocol

from .shifts import Shift, Span, between, clip, joined, lay_over
from .wall_clock import instant_of

# How far around an instant a shift is looked for; one that is longer is cut.
HORIZON = timedelta(days=92)


class Shifting(Protocol):
    """A layer: a rotation, or a calendar that somebody else keeps."""

    @property
    def name(self) -> str: ...

    def shifts(self, start: datetime, end: datetime) -> Sequence[Shift]:
        """Return who has it between two aware instants, in order and one at a time."""
        ...


@dataclass(frozen=True, slots=True)
class Override:
    """Somebody who has it for a while, whatever the layers say.

    What follows the user is empty where it stands in configuration: it is of one that was made at run time.
    """

    start: datetime
    end: datetime
    user: str
    schedule: str = ""
    id: str = ""
    by: str = ""
    comment: str = ""
    made_at: datetime | None = None

    def contains(self, instant: datetime) -> bool:
        return self.start <= instant < self.end


@dataclass(frozen=True, slots=True)
class Schedule:
    """Layers and overrides, the strongest last; `zone` is what people read its times in."""

    name: str
    layers: tuple[Shifting, ...]
    overrides: tuple[Override, ...] = ()
    zone: tzinfo = UTC


def who(schedule: Schedule, at: datetime) -> str | None:
    """Return the name of the user who is on call at an aware instant; None where nobody is."""
    for override in reversed(schedule.overrides):
        if override.contains(at):
            return override.user
    for layer in reversed(schedule.layers):
        for shift in layer.shifts(at, at + datetime.resolution):
            return shift.user
    return None


def shifts(schedule: Schedule, start: datetime, end: datetime) -> list[Shift]:
    """Return who is on call between two aware instants: in order, one at a time, and never twice in a row."""
    found: Sequence[Shift] = []
    for layer in schedule.layers:
        found = lay_over(found, layer.shifts(start, end))
    for override in schedule.overrides:
        found = lay_over(found, list(clip([Shift(override.start, override.end, override.user)], start, end)))
    return joined(found)


def gaps(schedule: Schedule, start: datetime, end: datetime) -> list[Span]:
    """Return when nobody is on call between two aware instants, in order."""
    return between(shifts(schedule, start, end), start, end)


def with_overrides(schedule: Schedule, overrides: Iterable[Override]) -> Schedule:
    """Return the schedule with more overrides, which are stronger than its own; the last one is the strongest."""
    return replace(schedule, overrides=(*schedule.overrides, *overrides))


def by_schedule(overrides: Iterable[Override]) -> dict[str, list[Override]]:
    """Return overrides that were made at run time by their schedules, the one that was made last at the end."""
    found: dict[str, list[Override]] = {}
    for override in sorted(overrides, key=_age):
        found.setdefault(override.schedule, []).append(override)
    return found


def _age(override: Override) -> tuple[datetime, str]:
    return override.made_at or override.start, override.id


def in_force(
    schedules: Mapping[str, Schedule], overrides: Mapping[str, Sequence[Override]], users: Collection[str]
) -> dict[str, Schedule]:
    """Return the schedules with what was overridden at run time; whoever is no user any more takes over from nobody."""
    return {
        name: with_overrides(schedule, (each for each in overrides.get(name, ()) if each.user in users))
        for name, schedule in schedules.items()
    }


def shift_at(schedule: Schedule, at: datetime) -> Shift | None:
    """Return the shift that an aware instant lies in, cut at the horizon; None where nobody is on call."""
    around = shifts(schedule, at - HORIZON, at + HORIZON)
    return next((shift for shift in around if shift.contains(at)), None)


def moment_of(schedule: Schedule, moment: date) -> datetime:
    """Return an aware instant as it is; a day is when a shift is first handed over on it, else when it begins.

    A day is one of the schedule's zone; overrides hand nothing over.
    """
    if isinstance(moment, datetime):
        return moment
    midnight = datetime.combine(moment, time())
    begin, end = (instant_of(each, schedule.zone) for each in (midnight, midnight + timedelta(days=1)))
    found = shifts(replace(schedule, overrides=()), begin - datetime.resolution, end)
    return next((shift.start for shift in found if shift.start >= begin), begin)


class SwapRefusal(StrEnum):
    """Why two shifts cannot be swapped."""

    GAP = "nobody is on call then"
    ENDLESS = "the shift has no end within three months"
    SAME = "both shifts are the same user's"


def swap(schedule: Schedule, first_at: datetime, second_at: datetime) -> tuple[Override, Override] | SwapRefusal:
    """Return the overrides by which the users of two shifts, around two aware instants, take each other's."""
    pair = shift_at(schedule, first_at), shift_at(schedule, second_at)
    first, second = pair
    if first is None or second is None:
        return SwapRefusal.GAP
    if first.user == second.user:
        return SwapRefusal.SAME
    for shift, at in ((first, first_at), (second, second_at)):
        if shift.start <= at - HORIZON or shift.end >= at + HORIZON:
            return SwapRefusal.ENDLESS
    return Override(first.start, first.end, second.user), Override(second.start, second.end, first.user)
