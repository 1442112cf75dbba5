"""Making, changing and ending silences.

Every change is written under what was read, and decided again where somebody else was there first. Groups need not be
told: each looks at the silences at its next flush.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from ..core import silences as core
from ..core.configuration import Configuration
from ..core.incidents import IncidentId
from ..core.silences import Change, Draft, Silence, SilenceId, check_breadth, decide_change
from ..core.suppressing import INCIDENT, suppressing
from ..errors import ConflictError
from ..ports import Log, SilenceChange, Silences

ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Keeper:
    """What keeping silences works with; `new_id` makes the id of a new one."""

    silences: Silences
    log: Log
    new_id: Callable[[], str]


def save(
    world: Keeper,
    draft: Draft,
    configuration: Configuration,
    firing: Callable[[], Iterable[Mapping[str, str]]],
    *,
    caller: str = "",
    now: datetime,
) -> Change:
    """Make or change a silence; `firing` gives the labels of what fires, should the rule about breadth ask for them.

    Who made it is what the draft says; `caller`, who has shown that they are, stands in the log beside it.

    Raises RefusedSilenceError, or ConflictError if the silence never stands still.
    """
    for _ in range(ATTEMPTS):
        stored = world.silences.load_silence(draft.id, now=now) if draft.id is not None else None
        change = decide_change(
            stored, draft, new_id=SilenceId(world.new_id()), now=now, named=configuration.time_intervals
        )
        rule = configuration.silence_breadth
        check_breadth(draft.matchers, rule, firing() if rule.max_alerts is not None else ())
        try:
            world.silences.save_silences(_writes(stored, change))
        except ConflictError:
            world.log.info("silence_changed_meanwhile", silence=change.silence.id)
            continue
        _report(world, change, caller)
        return change
    raise ConflictError(f"silence {draft.id} changed {ATTEMPTS} times while it was to be changed")


def expire(world: Keeper, silence: SilenceId, *, caller: str = "", now: datetime) -> Silence | None:
    """End a silence now, with all of the suppression that it is part of; None where there is none.

    Raises ConflictError if one never stands still.
    """
    stored = world.silences.load_silence(silence, now=now)
    if stored is not None and stored.is_exact and INCIDENT in stored.annotations:
        incident = IncidentId(stored.annotations[INCIDENT])
        for each in suppressing(world.silences.load_silences(now=now), incident, now=now):
            _expire(world, each.id, caller, now=now)
    return _expire(world, silence, caller, now=now)


def _expire(world: Keeper, silence: SilenceId, caller: str, *, now: datetime) -> Silence | None:
    for _ in range(ATTEMPTS):
        stored = world.silences.load_silence(silence, now=now)
        if stored is None:
            return None
        expired = core.expire(stored, now=now)
        if expired == stored:
            return stored
        try:
            world.silences.save_silences([SilenceChange(expired, stored)])
        except ConflictError:
            world.log.info("silence_changed_meanwhile", silence=silence)
            continue
        world.log.info("silence_expired", silence=silence, caller=caller)
        return expired
    raise ConflictError(f"silence {silence} changed {ATTEMPTS} times while it was to be ended")


def _writes(stored: Silence | None, change: Change) -> list[SilenceChange]:
    if stored is not None and change.silence.id == stored.id:
        return [SilenceChange(change.silence, stored)]
    writes = [SilenceChange(change.silence)]
    if stored is not None and change.expired is not None:
        writes.append(SilenceChange(change.expired, stored))
    return writes


def _report(world: Keeper, change: Change, caller: str) -> None:
    silence = change.silence
    world.log.info(
        "silence_saved",
        silence=silence.id,
        change=change.kind.value,
        by=silence.created_by,
        caller=caller,
        comment=silence.comment,
        replaces=change.expired.id if change.expired else "",
    )
