"""The beat after a tick: to whoever outside notices when none comes.

A tick is well if it came to its end, wrote all that had changed, and could evaluate something. It is told after
everything else, and whatever becomes of it, the tick has been.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from ..ports import Log
from .tick import TickOutcome


class Beat(Protocol):
    def __call__(self, settings: Mapping[str, Any], *, is_well: bool, now: datetime) -> str:
        """Tell it, and return what was answered. Raises what went wrong, in a few seconds."""
        ...


def is_well(outcome: TickOutcome) -> bool:
    """Say whether a tick did what ticks are for; one rule that fails among others is that rule's matter."""
    queried = [each for each in outcome.rules if each.rule.expr]
    could_evaluate = not queried or any(not each.error for each in queried)
    return outcome.is_whole and outcome.not_written == 0 and could_evaluate


def beat_after(
    outcome: TickOutcome, settings: Mapping[str, Any] | None, beat: Beat, log: Log, *, now: datetime
) -> None:
    """Tell what a tick came to, where somebody is to be told. Raises nothing."""
    if not settings:
        return
    well = is_well(outcome)
    try:
        answer = beat(settings, is_well=well, now=now)
    except Exception as error:  # who watches must not disturb what is watched
        log.warning("heartbeat_failed", is_well=well, error=f"{type(error).__name__}: {error}")
        log.count("HeartbeatsFailed")
        return
    log.info("heartbeat", is_well=well, answer=answer)
