"""What is to happen when, in virtual time: a heap, and the ports that put things on it."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from itertools import count

from ..core.incidents import IncidentId, execution_name
from ..core.routing import GroupId


class Kind(IntEnum):
    """What happens first at the same instant stands first."""

    TICK = 0
    TIMER = 1
    ESCALATION = 2
    ACKNOWLEDGEMENT = 3


@dataclass(frozen=True, slots=True)
class Event:
    """One thing to do; `subject` is a group's or an incident's id, empty for a tick."""

    at: datetime
    kind: Kind
    subject: str = ""
    planned: datetime | None = None


@dataclass(slots=True)
class Agenda:
    """Events in the order of their time; what is announced for the past happens now."""

    _heap: list[tuple[datetime, Kind, int, Event]] = field(default_factory=list)
    _numbers: count[int] = field(default_factory=count)

    def add(self, event: Event) -> None:
        heapq.heappush(self._heap, (event.at, event.kind, next(self._numbers), event))

    def pop(self, *, until: datetime) -> Event | None:
        """Return the next event, or None where nothing is left before `until`."""
        if not self._heap or self._heap[0][0] >= until:
            return None
        return heapq.heappop(self._heap)[-1]

    # As the Timers port

    def announce(self, group: GroupId, *, at: datetime, now: datetime) -> None:
        self.add(Event(max(at, now), Kind.TIMER, group, planned=at))

    def announce_all(self, groups: Sequence[GroupId], *, at: datetime, now: datetime) -> None:
        for group in groups:
            self.announce(group, at=at, now=now)


@dataclass(slots=True)
class Starting:
    """The Escalations port: a started incident asks what to do at once."""

    agenda: Agenda
    now: datetime
    started: list[str] = field(default_factory=list)

    def start(self, incident: IncidentId, climb: int) -> None:
        name = execution_name(incident, climb)
        if name not in self.started:
            self.started.append(name)
            self.agenda.add(Event(self.now, Kind.ESCALATION, name))
