"""Everything after an evaluation, in one process: groups are looked at, escalations climb, channels are told.

What the deployed functions do on timers is done here for all that is due at one instant, again and again until nothing
is: so a cron job every minute behaves as the deployed thing does, on the same pipeline.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from ..adapters.memory import FixedConfigurations, MemoryEscalations, MemoryStore, MemoryTimers, MemoryTopic
from ..core.notifications import Notification, from_json
from ..core.receivers import Kind
from ..core.routing import GroupId
from ..errors import DeliveryError, TocsinError
from ..pipeline import dispatch, escalate, notify
from ..pipeline.dispatch import Dispatcher
from ..pipeline.escalate import Escalator
from ..pipeline.notify import DeliveryInProgressError, Notifier, Outcome
from ..ports import LoadedConfiguration, Log, Sender

ROUNDS = 20
GROUPS_AT_ONCE = 100_000


@dataclass(frozen=True, slots=True)
class Told:
    """One notification at one integration; `failure` is empty where it arrived."""

    notification: Notification
    failure: str = ""


@dataclass(slots=True)
class Office:
    """What sending works with, and what came of it; `sender_of` gives the sender for a kind of integration."""

    loaded: LoadedConfiguration
    store: MemoryStore
    sender_of: Callable[[Kind], Sender]
    log: Log
    external_url: str = ""
    told: list[Told] = field(default_factory=list)
    withheld: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    _failed_groups: set[GroupId] = field(default_factory=set)

    def settle(self, *, now: datetime) -> None:
        """Do what is due until nothing is, and tell everybody; one channel's failure is not another's."""
        topic = MemoryTopic()
        for _ in range(ROUNDS):
            self._escalate(now=now)
            overdue = self.store.overdue(before=now, limit=GROUPS_AT_ONCE)
            due = [group for group in overdue if group not in self._failed_groups]
            if not due:
                break
            for group in due:
                self._look_at(group, topic, now=now)
            for message in topic.messages:
                self._tell(from_json(json.loads(message)), now=now)
            topic.messages.clear()

    def _escalate(self, *, now: datetime) -> None:
        configurations = FixedConfigurations(self.loaded)
        world = Escalator(configurations, self.store, self.store, MemoryTimers(), self.log)
        for incident in [each for each in self.store.incidents.values() if not each.is_over]:
            try:
                escalate.run(world, incident.id, climb=incident.climb, now=now)
            except Exception as error:  # the bulkhead between incidents
                self._fail(f"Failed to escalate {incident.id}", error)

    def _look_at(self, group: GroupId, topic: MemoryTopic, *, now: datetime) -> None:
        world = Dispatcher(
            configurations=FixedConfigurations(self.loaded),
            groups=self.store,
            incidents=self.store,
            inhibitors=self.store,
            silences=self.store,
            timers=MemoryTimers(),
            topic=topic,
            escalations=MemoryEscalations(),
            log=self.log,
            external_url=self.external_url,
        )
        try:
            flush = dispatch.run(world, group, at=now, now=now)
        except Exception as error:  # the bulkhead between groups
            self._failed_groups.add(group)
            self._fail(f"Failed to look at group {group}", error)
            return
        if flush is not None:
            self.withheld += [f"{key}: {reason.value}" for key, reason in sorted(flush.withheld.items())]

    def _fail(self, what: str, error: Exception) -> None:
        self.failures.append(f"{what}: {_said(error)}")
        self.log.error("step_failed", what=what, error=_said(error))

    def _tell(self, notification: Notification, *, now: datetime) -> None:
        try:
            sender = self.sender_of(notification.integration.kind)
        except TocsinError as error:
            sender = _Refusing(error)
        world = Notifier(sender=sender, groups=self.store, deliveries=self.store, log=self.log)
        failure = ""
        try:
            outcome = notify.run(world, notification, now=now)
            if outcome is Outcome.FAILED:
                failure = self._recorded(notification)
        except (DeliveryError, DeliveryInProgressError) as error:
            outcome, failure = Outcome.FAILED, _said(error)
        except Exception as error:  # the bulkhead between channels
            outcome, failure = Outcome.FAILED, _said(error)
            self.log.error("delivery_crashed", receiver=notification.receiver, error=failure)
        if outcome in (Outcome.DELIVERED, Outcome.FAILED):
            self.told.append(Told(notification, failure))

    def _recorded(self, notification: Notification) -> str:
        outcomes: Sequence[str] = [
            each.outcome
            for each in self.store.load_deliveries(notification.group)
            if each.notification_id == notification.id
        ]
        return outcomes[-1] if outcomes else "not delivered"


class _Refusing:
    """Stands for a sender that could not be built."""

    def __init__(self, error: TocsinError) -> None:
        self._error = error

    def __call__(self, notification: Notification, *, now: datetime) -> str:
        raise self._error


def not_sending(kind: Kind) -> Sender:
    """Return what stands in for each sender in a dry run."""
    return _accept


def _accept(notification: Notification, *, now: datetime) -> str:
    return "not sent: a dry run"


def _said(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
