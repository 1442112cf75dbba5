"""Cooldown: an alert that fires again soon after its group was told of it is counted, and not told again.

It concerns a new firing of the same fingerprint, never the one that was told. What still fires when the cooldown ends
is told then, so a flapping alert costs one page per cooldown and none is lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from .alerts import Alert
from .matchers import Matcher, matches_all

DEFAULT_COOLDOWN = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class CooldownRule:
    """How long the cooldown is for alerts that match; both conditions are optional."""

    cooldown: timedelta
    matchers: tuple[Matcher, ...] = ()
    receiver: str | None = None

    def applies(self, labels: Mapping[str, str], receiver: str) -> bool:
        return self.receiver in (None, receiver) and matches_all(self.matchers, labels)


@dataclass(frozen=True, slots=True)
class Cooldown:
    """What was told of a fingerprint: the firing that began at `starts_at`; `held` counts those kept back since."""

    starts_at: datetime
    until: datetime
    held: int = 0
    held_starts_at: datetime | None = None


def cooldown_of(
    rules: Sequence[CooldownRule], labels: Mapping[str, str], receiver: str, *, default: timedelta
) -> timedelta:
    """Return the length for an alert at a receiver: the first rule that applies, else the default."""
    return next((rule.cooldown for rule in rules if rule.applies(labels, receiver)), default)


def is_held(cooldown: Cooldown | None, alert: Alert, *, now: datetime) -> bool:
    """Say whether a firing, and its end, is to be kept back: a later one than was told, before the cooldown's end."""
    return cooldown is not None and now < cooldown.until and alert.starts_at != cooldown.starts_at


def count_held(cooldown: Cooldown, alert: Alert) -> Cooldown:
    """Return the cooldown with this firing counted, once however often it is looked at."""
    if cooldown.held_starts_at == alert.starts_at:
        return cooldown
    return replace(cooldown, held=cooldown.held + 1, held_starts_at=alert.starts_at)
