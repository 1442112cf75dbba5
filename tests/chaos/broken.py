"""Laws broken on purpose, one at a time: each must be caught by the enumeration, or the enumeration proves nothing.

A break is done to the world of the interrupted lives alone: its store, or how it evaluates. The undisturbed life that
they are held against is lived by the laws.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tests.chaos.points import Figures, Point, enumerate_points, spread
from tests.chaos.scenarios import SCENARIOS
from tests.stories.world import World
from tocsin.adapters.memory import MemoryStore
from tocsin.core.alerts import Alert
from tocsin.core.grouping import Flush, Group, GroupState
from tocsin.core.incidents import Incident
from tocsin.core.notifications import Notification, as_json, message_json
from tocsin.core.routing import GroupId
from tocsin.pipeline import evaluate
from tocsin.pipeline.placing import place, tell_groups
from tocsin.ports import Claim, DeliveryState, LoadedConfiguration, OutboxEntry, RuleRecord


@dataclass(frozen=True, slots=True)
class Break:
    """A law, how it is broken, and in which lives and ways that has to show."""

    law: int
    how: str
    change: Callable[[World], object]
    lives: tuple[str, ...]
    ways: tuple[str, ...] = ("dies",)


def stored_in(store: Callable[[World], MemoryStore]) -> Callable[[World], None]:
    """Return the change that gives a world another store."""

    def change(world: World) -> None:
        world.store = store(world)

    return change


# Law 4


class Unconditional(MemoryStore):
    """Writes whatever the version is by now."""

    def save_rule(self, record: RuleRecord, *, now: datetime) -> RuleRecord:
        stored = self.rules.get(record.key)
        return super().save_rule(replace(record, version=stored.version if stored else 0), now=now)

    def save_incident(self, incident: Incident, *, now: datetime) -> None:
        stored = self.incidents.get(incident.id)
        super().save_incident(replace(incident, version=stored.version if stored else 0), now=now)

    def commit(self, before: Group, flush: Flush, *, now: datetime) -> Sequence[Alert]:
        stored = self.groups[before.identity.id]
        current = replace(before, version=stored.group.version)
        there = tuple(each for each in flush.dropped if stored.alerts.get(each.fingerprint) == each)
        return super().commit(current, replace(flush, dropped=there, opened=None, closed=None), now=now)


# Law 5


def evaluate_and_remember_first(
    world: evaluate.Evaluator, loaded: LoadedConfiguration, *, now: datetime
) -> evaluate.TickOutcome:
    """Remember what a rule came to, then tell its groups."""
    outcomes = evaluate.decide(world, loaded, now=now)
    for outcome in outcomes:
        if outcome.after is None:
            continue
        world.rules.save_rule(outcome.after, now=now)
        told = ((each.as_alert(now=now, generator_url="", resolved=is_over), ()) for each, is_over in outcome.told)
        tell_groups(world.timers, world.groups, place(loaded.configuration.root, told), now=now)
    for group in world.groups.overdue(before=now - world.sweep_grace, limit=100):
        world.timers.announce(group, at=now, now=now)
    return evaluate.TickOutcome(now, tuple(outcomes))


def remember_first(world: World) -> None:
    world.evaluate = evaluate_and_remember_first  # type: ignore[assignment]


class Unnoted(MemoryStore):
    """Does not write down what is about to be told."""

    def save_rule(self, record: RuleRecord, *, now: datetime) -> RuleRecord:
        return record if record.telling else super().save_rule(record, now=now)


class Unswept(MemoryStore):
    """Finds no group that is overdue."""

    def overdue(self, *, before: datetime, limit: int) -> Sequence[GroupId]:
        return ()


# Law 6


class ToldFirst(MemoryStore):
    """Publishes what a flush decided, and commits it only then."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    def commit(self, before: Group, flush: Flush, *, now: datetime) -> Sequence[Alert]:
        topic = self._world._wrap(self._world.topic)
        for notification in flush.notifications:
            topic.publish(message_json(as_json(notification)))
        return super().commit(before, flush, now=now)


class OutboxAfterwards(MemoryStore):
    """Writes the outbox when it is asked for, not in the transaction: what dies between the two has none."""

    def __init__(self) -> None:
        super().__init__()
        self._pending: list[OutboxEntry] = []

    def load_group(self, group: GroupId, *, now: datetime) -> GroupState | None:
        self._pending.clear()  # another invocation knows nothing of this one's
        return super().load_group(group, now=now)

    def commit(self, before: Group, flush: Flush, *, now: datetime) -> Sequence[Alert]:
        left = super().commit(before, flush, now=now)
        outbox = self.groups[before.identity.id].outbox
        new = [key for key, entry in outbox.items() if entry.decided_at == now and not entry.is_published]
        self._pending += [outbox.pop(key) for key in new]
        return left

    def load_outbox(self, group: GroupId) -> Sequence[OutboxEntry]:
        outbox = self.groups[group].outbox if group in self.groups else {}
        outbox |= {(entry.seq, entry.integration): entry for entry in self._pending if entry.group == group}
        self._pending.clear()
        return super().load_outbox(group)


# Law 7


class Unclaimed(MemoryStore):
    """Lets everybody deliver."""

    def claim(self, notification: Notification, *, now: datetime) -> Claim:
        super().claim(notification, now=now)
        self.claims[notification.group, notification.key].id = notification.id
        return Claim.GRANTED


class RecordedFirst(MemoryStore):
    """Holds a notification to be delivered as soon as somebody begins to deliver it."""

    def claim(self, notification: Notification, *, now: datetime) -> Claim:
        claim = super().claim(notification, now=now)
        if claim is Claim.GRANTED:
            super().record(notification, DeliveryState.DELIVERED, "surely", now=now)
            self.claims[notification.group, notification.key].id = notification.id
        return claim


class Unordered(MemoryStore):
    """Does not see that something newer has arrived."""

    def claim(self, notification: Notification, *, now: datetime) -> Claim:
        claim = super().claim(notification, now=now)
        if claim is Claim.STALE:
            self.claims[notification.group, notification.key].id = notification.id
            return Claim.GRANTED
        return claim


class PublishedOnce(MemoryStore):
    """Takes what is published for delivered."""

    def mark_published(self, entry: OutboxEntry, *, retry_at: datetime) -> bool:
        is_ours = super().mark_published(entry, retry_at=retry_at)
        self.confirm(entry)
        return is_ours


# Law 8


class Unexpiring(MemoryStore):
    """Lets a claim hold until it is deleted, which is days later."""

    def claim(self, notification: Notification, *, now: datetime) -> Claim:
        claim = super().claim(notification, now=now)
        if claim is Claim.GRANTED:
            self.claims[notification.group, notification.key].until = now + timedelta(days=2)
        return claim


class StillCooling(MemoryStore):
    """Lets a cooldown hold until it is deleted."""

    def load_group(self, group: GroupId, *, now: datetime) -> GroupState | None:
        state = super().load_group(group, now=now)
        if state is None:
            return None
        cooldowns = {
            key: replace(each, until=max(each.until, now + timedelta(hours=1)))
            for key, each in self.groups[group].cooldowns.items()
        }
        return replace(state, cooldowns=cooldowns)


class StillInhibiting(MemoryStore):
    """Lets an alert that is over inhibit until it is deleted."""

    def load_inhibitors(self, *, now: datetime) -> Sequence[Alert]:
        return [self.inhibitors[key] for key in sorted(self.inhibitors)]


SLACK, LATE = "fires, is notified, resolves: Slack", "a member as the group is flushed"
FLAPS = tuple(scenario.name for scenario in SCENARIOS if scenario.row.startswith("flaps"))
BREAKS = (
    Break(4, "writes ask for no version", stored_in(lambda world: Unconditional()), FLAPS, ("stalls",)),
    Break(5, "remembered first, then told", remember_first, (SLACK,)),
    Break(5, "not noted before it is told", stored_in(lambda world: Unnoted()), FLAPS),
    Break(5, "no sweep", stored_in(lambda world: Unswept()), (SLACK,)),
    Break(6, "told first, then committed", stored_in(ToldFirst), (SLACK,)),
    Break(6, "the outbox written after the transaction", stored_in(lambda world: OutboxAfterwards()), (SLACK,)),
    Break(7, "delivered without a claim", stored_in(lambda world: Unclaimed()), (SLACK,), ("twin",)),
    Break(7, "recorded first, then delivered", stored_in(lambda world: RecordedFirst()), (SLACK,)),
    Break(7, "what is published counts as delivered", stored_in(lambda world: PublishedOnce()), (SLACK,)),
    Break(7, "something older is delivered after something newer", stored_in(lambda world: Unordered()), (LATE,)),
    Break(8, "a claim holds until it is deleted", stored_in(lambda world: Unexpiring()), (SLACK,)),
    Break(8, "a cooldown holds until it is deleted", stored_in(lambda world: StillCooling()), ("a cooldown ends",)),
    Break(
        8,
        "what is over inhibits until it is deleted",
        stored_in(lambda world: StillInhibiting()),
        ("inhibition, source and target",),
    ),
)


MOST_POINTS = 400


def catch(broken: Break) -> Figures | None:
    """Return what the enumeration finds in a broken installation, in the first life in which it finds something."""

    def choose(points: Sequence[Point]) -> Iterable[Point]:
        return spread([point for point in points if point.way.name.startswith(broken.ways)], MOST_POINTS)

    lives = (scenario for scenario in SCENARIOS if scenario.name in broken.lives)
    found = (enumerate_points(each, choose, change=broken.change) for each in lives)
    return next((figures for figures in found if figures.problems), None)
