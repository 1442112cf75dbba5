"""What people ask of on-call schedules, and say at run time: who has it, who takes over for a while, who swaps.

Schedules stand in configuration; overrides that are said at run time stand in the table, and lie over them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from ..core.configuration import Configuration
from ..core.oncall import Override, Schedule, SwapRefusal, in_force, moment_of, swap
from ..ports import Configurations, Log, Overrides

# Who takes over for longer is better put into configuration.
LONGEST = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Rota:
    """What questions and changes work with."""

    configurations: Configurations
    overrides: Overrides
    log: Log

    def schedules(self, *, now: datetime) -> Mapping[str, Schedule]:
        """Return the schedules as they are in force, by name."""
        configuration = self.configuration(now=now)
        if not configuration.schedules:
            return {}
        return in_force(configuration.schedules, self.overrides.load_overrides(now=now), configuration.users)

    def configuration(self, *, now: datetime) -> Configuration:
        return self.configurations.current(now=now).configuration


class Refusal(StrEnum):
    """Why nothing is overridden."""

    NO_SCHEDULE = "there is no such schedule"
    NO_USER = "there is no such user"
    NO_TIME = "it ends before it begins"
    OVER = "it is over already"
    TOO_LONG = "it is longer than a year"


@dataclass(frozen=True, slots=True)
class Change:
    """Who says so, why, and when; `caller` is who has shown that they are."""

    by: str
    comment: str
    at: datetime
    caller: str = ""


def override(
    rota: Rota, schedule: str, user: str, start: datetime, end: datetime, change: Change
) -> Override | Refusal:
    """Have a user take over a schedule for a while, and return that. Raises ConflictError."""
    configuration = rota.configuration(now=change.at)
    if schedule not in configuration.schedules:
        return Refusal.NO_SCHEDULE
    if user not in configuration.users:
        return Refusal.NO_USER
    if end <= start:
        return Refusal.NO_TIME
    if end <= change.at:
        return Refusal.OVER
    if end - start > LONGEST:
        return Refusal.TOO_LONG
    return _add(rota, schedule, (Override(start, end, user),), change)[0]


def swap_shifts(
    rota: Rota, schedule: str, first: date, second: date, change: Change
) -> tuple[Override, ...] | Refusal | SwapRefusal:
    """Have the users of two shifts, around two instants or handed over on days, take each other's.

    Raises ConflictError.
    """
    found = rota.schedules(now=change.at).get(schedule)
    if found is None:
        return Refusal.NO_SCHEDULE
    pair = swap(found, moment_of(found, first), moment_of(found, second))
    if isinstance(pair, SwapRefusal):
        return pair
    if any(each.end <= change.at for each in pair):
        return Refusal.OVER
    return _add(rota, schedule, pair, change)


def remove(rota: Rota, schedule: str, override_id: str, *, by: str, now: datetime) -> Override | None:
    """Take back an override that was made at run time, and return it; None where there is none."""
    known = rota.overrides.load_overrides(now=now).get(schedule, ())
    found = next((each for each in known if each.id == override_id), None)
    if found is not None:
        rota.overrides.remove_override(found, now=now)
        rota.log.info("override_removed", schedule=schedule, override=override_id, user=found.user, by=by)
    return found


def _add(rota: Rota, schedule: str, overrides: tuple[Override, ...], change: Change) -> tuple[Override, ...]:
    made = tuple(
        replace(
            each,
            schedule=schedule,
            id=_id(schedule, each, change.at),
            by=change.by,
            comment=change.comment,
            made_at=change.at,
        )
        for each in overrides
    )
    rota.overrides.add_overrides(made, now=change.at)
    for each in made:
        fields = {"schedule": schedule, "override": each.id, "user": each.user}
        rota.log.info("override_added", by=change.by, caller=change.caller, **fields)
    return made


def _id(schedule: str, override: Override, made_at: datetime) -> str:
    times = (each.isoformat() for each in (override.start, override.end, made_at))
    text = "\0".join((schedule, override.user, *times))
    return f"ov-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
