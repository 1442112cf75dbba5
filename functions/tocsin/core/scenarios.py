"""Scenarios: alerts that somebody fires on purpose, to see who is told, when and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from .drills import LABEL, YES
from .labels import Labels
from .merging import Posted


@dataclass(frozen=True, slots=True)
class Part:
    """One alert of a scenario; `burning_for` is how long it has been firing when it is sent."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    burning_for: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Scenario:
    """What happens together; `lasts` is when it is over by itself."""

    name: str
    description: str
    lasts: timedelta
    parts: tuple[Part, ...]


def alerts_of(
    scenario: Scenario, *, labels: Mapping[str, str], is_real: bool, lasts: timedelta, now: datetime
) -> list[Posted]:
    """Return the alerts that are sent; `labels` are put over each one's. Nothing left of `lasts` means resolved."""
    mark = {} if is_real else {LABEL: YES}
    return [
        Posted(
            labels=dict(Labels(part.labels).with_({**labels, **mark})),
            annotations=dict(part.annotations),
            starts_at=now - part.burning_for,
            ends_at=now + lasts,
        )
        for part in scenario.parts
    ]
