"""Silences: what a person wants to hear nothing of, for a time.

A silence silences an alert that fulfils every matcher of any of its sets, from its start to before its end. It only
moves from pending to active to expired, and what it has silenced is history that nobody changes: an update that would
change it expires the silence and makes a new one. A schedule (our own) makes a silence recur within its time.

Source: https://github.com/prometheus/alertmanager/blob/main/silence/silence.go
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NewType

from .intervals import TimeInterval
from .matchers import Matcher

SilenceId = NewType("SilenceId", str)

# Any of the sets has to match, with all of its matchers.
MatcherSets = tuple[tuple[Matcher, ...], ...]


class SilenceState(StrEnum):
    PENDING = "pending"
    ACTIVE = "active"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Recurrence:
    """When a recurring silence holds within its time: in intervals of configuration, by name, or in its own."""

    names: tuple[str, ...] = ()
    intervals: tuple[TimeInterval, ...] = ()


@dataclass(frozen=True, slots=True)
class Silence:
    """One silence; times are aware UTC datetimes, `ends_at` is no longer part of it."""

    id: SilenceId
    matchers: MatcherSets
    starts_at: datetime
    ends_at: datetime
    created_by: str
    comment: str
    updated_at: datetime
    annotations: Mapping[str, str] = field(default_factory=dict)
    schedule: Recurrence | None = None

    def state_at(self, now: datetime) -> SilenceState:
        """Return whether it is yet to come, holds, or is over."""
        if self.ends_at <= now:
            return SilenceState.EXPIRED
        return SilenceState.PENDING if now < self.starts_at else SilenceState.ACTIVE


@dataclass(frozen=True, slots=True)
class BroadnessRule:
    """What makes a silence too broad; nothing by default.

    Each of its sets needs an equality matcher on one of `required_labels`, where there are any; and it may match at
    most `max_alerts` of the alerts that are there, where that is not None.
    """

    required_labels: tuple[str, ...] = ()
    max_alerts: int | None = None
