"""A whole installation in virtual time: the production pipeline over memory, from one event to the next.

Nothing is decided here. Ticks run `pipeline.evaluate`, timers `pipeline.dispatch`, state machines `pipeline.escalate`,
and what is published is delivered by `pipeline.notify` to receivers that always take it. Ticks at which nothing can
change (see wakes.py) are left out; `every_tick=True` leaves none out, and comes to the same.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ..adapters.memory import FixedConfigurations
from ..core.configuration import Configuration
from ..core.escalation import Action
from ..core.incidents import Actor, Incident, IncidentId, acknowledge, read_execution_name
from ..core.notifications import Notification, Reason, from_json, parse_time
from ..core.patterns import Compile, without_engine
from ..core.receivers import Kind as IntegrationKind
from ..core.routing import GroupId
from ..core.rules import Rule, may_share
from ..core.silences import Silence
from ..pipeline import dispatch, escalate, evaluate, notify
from ..pipeline.own_rules import KEYS as OWN_RULES
from ..ports import Health, LoadedConfiguration
from .agenda import Agenda, Event, Kind, Starting
from .events import Chronicle, Page, Silent
from .feeds import Feeds
from .notes import Notes
from .store import Store
from .wakes import Plan, next_tick

SOMEBODY = Actor("somebody")


@dataclass(frozen=True, slots=True)
class Scope:
    """From when (included) to when (not included), with an evaluation every `tick`."""

    start: datetime
    end: datetime
    tick: timedelta = timedelta(minutes=1)
    ack_after: timedelta | None = None
    every_tick: bool = False
    external_url: str = ""
    silences: tuple[Silence, ...] = ()
    compile_pattern: Compile = without_engine


class World:
    """One configuration, its feeds, and a stretch of time to run."""

    def __init__(self, configuration: Configuration, feeds: Feeds, scope: Scope) -> None:
        # What Tocsin sends to see that it works is no page that a rule would have sent.
        configuration = replace(configuration, has_watchdog=False, canary=None)
        self.configuration = configuration
        self.scope = scope
        self.now = scope.start
        self.chronicle = Chronicle()
        self.store = Store()
        self.store.silences = {silence.id: silence for silence in scope.silences}
        self.log = Silent(self.chronicle)
        self._notes = Notes(self.chronicle, self.store)
        self.agenda = Agenda()
        self._starting = Starting(self.agenda, scope.start)
        self._published: list[str] = []
        self._failing: set[int] = set()
        self._wakes: dict[datetime, set[int]] = {}
        self._groups = configuration.rule_groups
        self._plans = [
            (position, Plan(rule, timeline, scope.tick, group.interval))
            for position, group in enumerate(self._groups)
            for rule in group.rules
            if (timeline := feeds.timeline_of(rule, tick=scope.tick)) is not None
        ]
        self._kin = _kin([plan.rule for _, plan in self._plans])
        self._evaluator = evaluate.Evaluator(
            metrics=feeds,
            rules=self.store,
            groups=self.store,
            inhibitors=self.store,
            timers=self.agenda,
            log=self.log,
            tick=scope.tick,
            external_url=scope.external_url,
            compile_pattern=scope.compile_pattern,
        )
        loaded = LoadedConfiguration(configuration)
        self._dispatcher = dispatch.Dispatcher(
            configurations=FixedConfigurations(loaded),
            groups=self.store,
            incidents=self.store,
            inhibitors=self.store,
            silences=self.store,
            timers=self.agenda,
            topic=self,
            escalations=self._starting,
            log=self.log,
            external_url=scope.external_url,
        )
        self._escalator = escalate.Escalator(
            configurations=FixedConfigurations(loaded),
            incidents=self.store,
            overrides=self.store,
            timers=self.agenda,
            log=self.log,
        )
        self._notifier = notify.Notifier(sender=self._receive, groups=self.store, deliveries=self.store, log=self.log)

    def run(self) -> Chronicle:
        """Let everything happen that is due before the end, and return what did."""
        for number, (_, plan) in enumerate(self._plans):
            self._wake(number, next_tick(self.scope.start, tick=self.scope.tick) if self._all else plan.first(self.now))
        while (event := self.agenda.pop(until=self.scope.end)) is not None:
            self.now = self._starting.now = event.at
            self._do(event)
        self.chronicle.incidents.update(self.store.incidents)
        return self.chronicle

    @property
    def _all(self) -> bool:
        return self.scope.every_tick

    def _do(self, event: Event) -> None:
        match event.kind:
            case Kind.TICK:
                self._tick()
            case Kind.TIMER:
                self._look_at(GroupId(event.subject), event.planned or event.at)
            case Kind.ESCALATION:
                self._ask(event.subject)
            case Kind.ACKNOWLEDGEMENT:
                self._acknowledge(IncidentId(event.subject))

    # Ticks

    def _wake(self, number: int, at: datetime) -> None:
        self._tick_at(at).add(number)

    def _tick_at(self, at: datetime) -> set[int]:
        """Return the rules that are woken by a tick, which is planned where it is not yet."""
        if at not in self._wakes:
            self._wakes[at] = set()
            self.agenda.add(Event(at, Kind.TICK))
        return self._wakes[at]

    def _tick(self) -> None:
        woken = self._with_kin(self._wakes.pop(self.now))
        known = {number for number in woken if self._plans[number][1].is_known(self.now)}
        loaded = LoadedConfiguration(self._only(known | self._failing))
        self.store.awake = {rule.key for rule in loaded.configuration.rules()} | OWN_RULES
        outcome = evaluate.run(self._evaluator, loaded, now=self.now)
        self.chronicle.ticks += 1
        self.chronicle.evaluations += len(known)
        for each in outcome.rules:
            self._notes.rule(each, now=self.now)
        self._plan_next(woken)

    def _with_kin(self, woken: set[int]) -> set[int]:
        """Return these rules, and those with alerts that may be theirs too: whether one has ended depends on all."""
        kin = {each for number in woken for each in self._kin.get(number, ())}
        records = ((number, self.store.rules.get(self._plans[number][1].rule.key)) for number in kin)
        return woken | {number for number, record in records if record and (record.active or record.owed)}

    def _only(self, numbers: set[int]) -> Configuration:
        """Return the configuration with these rules alone: the others' evaluation would come to nothing."""
        chosen: dict[int, list[int]] = {}
        for number in sorted(numbers):
            chosen.setdefault(self._plans[number][0], []).append(number)
        groups = tuple(
            replace(self._groups[position], rules=tuple(self._plans[number][1].rule for number in members))
            for position, members in chosen.items()
        )
        return replace(self.configuration, rule_groups=groups)

    def _plan_next(self, woken: set[int]) -> None:
        following = self.now + self.scope.tick
        is_any_failing = False
        for number in sorted(woken | self._failing):
            plan = self._plans[number][1]
            record = self.store.rules.get(plan.rule.key)
            if record is not None and record.health is Health.FAILING:
                self._failing.add(number)
                self.chronicle.failing.setdefault(plan.rule.key, record.error)
                is_any_failing = True
            else:
                self._failing.discard(number)
            at = following if self._all else plan.next_after(record, self.now)
            if at is not None:
                self._wake(number, at)
        if is_any_failing or any(key in self.store.rules and self.store.rules[key].active for key in OWN_RULES):
            # Tocsin's own rules look at the failing ones, and are evaluated with them.
            self._tick_at(following)

    # Timers, and what is published

    def _look_at(self, group: GroupId, at: datetime) -> None:
        flush = dispatch.run(self._dispatcher, group, at=at, now=self.now)
        if flush is None:
            return
        self._notes.look(flush, now=self.now)
        self._deliver()

    def publish(self, message: str) -> bool:
        """Take what the dispatcher publishes: this is the Topic port."""
        self._published.append(message)
        return bool(json.loads(message)["integration"] != IntegrationKind.SNS.value)

    def _deliver(self) -> None:
        messages, self._published = self._published, []
        for message in messages:
            notification = from_json(json.loads(message))
            if notification.integration.kind is IntegrationKind.SNS:
                self._receive(notification, now=self.now)  # SNS mails these itself
            else:
                notify.run(self._notifier, notification, now=self.now)

    def _receive(self, notification: Notification, *, now: datetime) -> str:
        if notification.reason is not Reason.UPDATE:  # which calls nobody
            self.chronicle.pages.append(Page(now, notification))
        return "taken in virtual time"

    # Escalation

    def _ask(self, execution: str) -> None:
        incident, climb = read_execution_name(execution)
        found = self.store.load_incident(incident)
        if found is not None and self.scope.ack_after is not None and found.opened_at == self.now:
            self.agenda.add(Event(self.now + self.scope.ack_after, Kind.ACKNOWLEDGEMENT, incident))
        decision = escalate.run(self._escalator, incident, climb=climb, now=self.now)
        if decision.action is Action.WAIT:
            # Read as the state machine reads it: to the whole second.
            until = parse_time(escalate.as_json(decision)["until"])
            self.agenda.add(Event(max(until, self.now), Kind.ESCALATION, execution))

    def _acknowledge(self, incident: IncidentId) -> None:
        found = self.store.load_incident(incident)
        if found is None:
            return
        changed = acknowledge(found, by=SOMEBODY, now=self.now)
        if isinstance(changed, Incident):
            self.agenda.announce(changed.group, at=self.now, now=self.now)
            self.store.escalate(changed, {}, starts=changed.climb != found.climb, now=self.now)
            self.chronicle.acknowledged.append((self.now, changed))


def _kin(rules: Sequence[Rule]) -> dict[int, list[int]]:
    """Return for each rule, by its number, those whose alerts may be the same as its own."""
    named: dict[str, list[int]] = {}
    for number, rule in enumerate(rules):
        named.setdefault(rule.name, []).append(number)
    return {
        one: kin
        for numbers in named.values()
        for one in numbers
        if (kin := [other for other in numbers if other != one and may_share(rules[one], rules[other])])
    }
