"""A whole installation in virtual time: ticks, timers, topic, notifiers and state machines, one event after another.

    world = World(configuration(rule("DiskFull")))
    world.metric_goes_bad("DiskFull", instance="a")
    world.advance(minutes=2)
    world.expect_page("team", Status.FIRING, Reason.FIRST, alerts=["DiskFull/a"])
    world.expect_silence()

What AWS would do after a failure is done here too: SQS gives a timer again after its visibility timeout, Lambda
retries an asynchronous invocation twice, Step Functions ask again. People and senders of alerts repeat a request that
failed. `wrap` may put a proxy before everything that an invocation calls; with `whole` also before what is only asked
(metrics, configuration, secrets), and ticks look after alerts that were sent to us, as deployed. `warm` functions keep
their configuration for a minute until they die; others read it in each invocation.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from tests.stories.outside import AnsweringMetrics, Files, Senders, ServiceError, Snapshots, Vault
from tocsin.adapters.memory import (
    FixedConfigurations,
    MemoryEscalations,
    MemoryLog,
    MemoryMetrics,
    MemoryStore,
    MemoryTimers,
    MemoryTopic,
)
from tocsin.core.alerts import Alert, Status
from tocsin.core.configuration import Configuration
from tocsin.core.escalation import Action, Decision
from tocsin.core.incidents import Actor, Incident, IncidentId, Source
from tocsin.core.matchers import Matcher, MatchType
from tocsin.core.merging import Posted
from tocsin.core.notifications import Notification, Reason, from_json
from tocsin.core.receivers import IntegrationKey, Kind
from tocsin.core.routing import GroupId
from tocsin.core.rules import Sample
from tocsin.core.silences import Change, Draft, SilenceId
from tocsin.errors import ConfigUnreachableError, DeliveryError, FailureReason, QueryError, StoreError
from tocsin.pipeline import dispatch, escalate, evaluate, incidents, ingest, notify, silences
from tocsin.pipeline.configurations import CurrentConfiguration
from tocsin.ports import Configurations, LoadedConfiguration, RuleRecord, Sender

Execution = tuple[IncidentId, int]

START = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
VISIBILITY_TIMEOUT = timedelta(seconds=180)
RECEIVES = 5
INVOCATION_RETRIES = (timedelta(seconds=60), timedelta(seconds=120))
STEP_RETRY = timedelta(seconds=2)
# How often a person tries what failed.
PATIENCE = 3
# These know the group's key: the same event once more changes nothing at them.
IDEMPOTENT = frozenset({Kind.PAGERDUTY, Kind.OPSGENIE})
# Whatever an invocation may fail with on purpose.
EXPECTED = (StoreError, DeliveryError, ServiceError, ConfigUnreachableError, notify.DeliveryInProgressError)


class Died(BaseException):
    """The process is gone: nothing that it had still to do is done, and nothing in it can catch this."""


@dataclass(frozen=True, slots=True)
class Page:
    """What a person got."""

    at: datetime
    notification: Notification

    @property
    def receiver(self) -> str:
        return self.notification.receiver

    def names(self, status: Status) -> list[str]:
        found = (a for a in self.notification.alerts if a.status_at(self.notification.created_at) is status)
        return [name_of(alert) for alert in found]

    def __str__(self) -> str:
        told = self.notification
        what = f"{told.receiver} {told.status} ({told.reason})"
        return f"{self.at:%H:%M:%S} {what} firing={self.names(Status.FIRING)} resolved={self.names(Status.RESOLVED)}"


def name_of(alert: Alert) -> str:
    """Return an alert's name, and its instance where it has one: DiskFull/a."""
    return "/".join(part for part in (alert.name, alert.labels.get("instance", "")) if part)


@dataclass(slots=True)
class _Message:
    """A notification on its way to its notifier, or waiting for a retry."""

    due: datetime
    text: str
    retries: tuple[timedelta, ...] = INVOCATION_RETRIES


@dataclass(slots=True)
class _Failing:
    """How a receiver fails, and how many more times."""

    retryable: bool
    times: int


class World:
    """See the module."""

    def __init__(
        self,
        configuration: Configuration,
        *,
        store: Any = None,
        tick: timedelta = timedelta(minutes=1),
        start: datetime = START,
        wrap: Callable[[Any], Any] = lambda target: target,
        whole: bool = False,
        warm: bool = False,
    ) -> None:
        self.now = start
        self.tick = tick
        self.whole = whole
        self.warm = warm
        self.loaded = LoadedConfiguration(configuration)
        self.files = Files(lambda: self.loaded)
        self.snapshots = Snapshots(self.files.read(), configuration.digest)
        self.vault = Vault()
        self.senders = Senders()
        self.store = MemoryStore() if store is None else store
        self.metrics = MemoryMetrics()
        self.timers = MemoryTimers()
        self.topic = MemoryTopic()
        self.escalations = MemoryEscalations()
        self.log = MemoryLog()
        self.pages: list[Page] = []
        self.heard: list[Page] = []  # all that arrived: pages, and
        self.updates: list[Page] = []  # what is told of an incident only, and calls nobody
        self.dead_letters: list[str] = []
        self.loses_timers = False
        self.duplicates = False
        self.redelivers = True
        self.taken_at: datetime | None = None
        self.outside: dict[str, Callable[[], object]] = {}  # what else there is at the end, and how to look at it
        self.evaluate = evaluate.run
        self.sender: Sender | None = None
        self._invocation: Callable[[], object] = lambda: None
        self._sandboxes: dict[str, _Sandbox] = {}
        self._agenda: list[tuple[datetime, Callable[[], object]]] = []
        self._desks: dict[tuple[GroupId, IntegrationKey], str] = {}
        self._numbers = count(1)
        self._wrap = wrap
        self._unread = 0
        self._bad: dict[str, dict[str, Sample]] = {}
        self._failing: dict[str, _Failing] = {}
        self._next_tick = start + tick
        self._redelivered: list[tuple[datetime, datetime, GroupId, int]] = []
        self._taken = 0
        self._inbox: list[_Message] = []
        self._executions: dict[Execution, datetime] = {}
        self._known: set[Execution] = set()

    # What happens outside

    def metric_goes_bad(self, rule: str, *, value: float = 1.0, **labels: str) -> None:
        """Have a rule's expression hold for one more series (or with another value)."""
        series = self._bad.setdefault(rule, {})
        series[repr(sorted(labels.items()))] = Sample(labels, value)
        self.query_works(rule)

    def metric_recovers(self, rule: str, **labels: str) -> None:
        del self._bad[rule][repr(sorted(labels.items()))]
        self.query_works(rule)

    def query_fails(self, rule: str, message: str = "the endpoint answered 503") -> None:
        self.metrics.results[rule.lower()] = QueryError(message, retryable=True)

    def query_works(self, rule: str) -> None:
        self.metrics.results[rule.lower()] = tuple(self._bad.get(rule, {}).values())

    def receiver_fails(self, name: str, *, retryable: bool, times: int = 10**6) -> None:
        """Have a receiver fail, or one integration by its key: team/slack/0."""
        self._failing[name] = _Failing(retryable, times)

    def receiver_works(self, name: str) -> None:
        del self._failing[name]

    def configure(self, configuration: Configuration) -> None:
        self.loaded = LoadedConfiguration(configuration)

    def refuse_configuration(self, problems: str) -> None:
        self.loaded = replace(self.loaded, refused=problems)

    def lose_timers(self) -> None:
        """Forget every timer that is set."""
        self.timers.announced.clear()
        self._redelivered.clear()

    def at(self, when: datetime, action: Callable[[], object]) -> None:
        """Have something happen outside at an instant, before anything else that is due then."""
        self._agenda.append((when, action))

    # What people do

    def acknowledge(self, by: str = "ada", *, incident: IncidentId | None = None, source: Source = Source.API) -> None:
        """Acknowledge an incident: the newest, where none is named."""
        self.act(incidents.Verb.ACKNOWLEDGE, incident, by=by, comment="looking at it", source=source)

    def acknowledge_what_is_open(self) -> None:
        """Acknowledge the newest incident, if there is one yet."""
        if self.escalations.started:
            self.acknowledge()

    def resolve(self, by: str = "ada", *, incident: IncidentId | None = None) -> None:
        self.act(incidents.Verb.RESOLVE, incident, by=by, comment="done")

    def act(
        self,
        verb: incidents.Verb,
        incident: IncidentId | None = None,
        *,
        by: str = "ada",
        comment: str = "",
        source: Source = Source.API,
        minutes: float | None = None,
        to: str = "",
    ) -> incidents.Acted:
        """Do something about an incident, the newest where none is named; `minutes` from now is until when."""
        which = incident or self.escalations.started[-1]
        until = self.now + timedelta(minutes=minutes) if minutes is not None else None
        order = incidents.Order(verb, which, Actor(by, source), comment, until, to)
        acted: list[incidents.Acted | None] = []
        self._request(lambda: acted.append(incidents.act(self.desk(), order, now=self.now)))
        assert acted, "the request never got through"
        assert acted[-1] is not None, which
        self.taken_at = self.taken_at or self.now
        return acted[-1]

    def silence(self, *, minutes: float, by: str = "ada", **matched: str) -> SilenceId:
        """Silence what has these labels, from now on; returns the silence's id."""
        matchers = tuple(Matcher(name, MatchType.EQUAL, value) for name, value in sorted(matched.items()))
        draft = Draft((matchers,), self.now, self.now + timedelta(minutes=minutes), by, "maintenance")
        made: list[Change] = []
        self._request(
            lambda: made.append(silences.save(self.keeper(), draft, self.loaded.configuration, tuple, now=self.now))
        )
        return made[-1].silence.id

    def end_silence(self, silence: SilenceId) -> None:
        self._request(lambda: silences.expire(self.keeper(), silence, now=self.now))

    def _request(self, work: Callable[[], object]) -> bool:
        """Ask the API for something, once more where it failed; say whether it was done in the end."""
        return any(self._invoke(work, "api") for _ in range(PATIENCE))

    # What others send us

    def source_fires(self, name: str, **labels: str) -> None:
        """Have another Prometheus send an alert, now and every minute."""
        self.senders.begin({"alertname": name, **labels}, now=self.now)
        self._post_all()

    def source_recovers(self, name: str, **labels: str) -> None:
        """Have it say that the alert is over, now and for a quarter of an hour."""
        self.senders.end({"alertname": name, **labels}, now=self.now)
        self._post_all()

    def source_stops(self, name: str, **labels: str) -> None:
        """Have it never speak of the alert again."""
        self.senders.forget({"alertname": name, **labels})

    def _post_all(self) -> None:
        self.post(*self.senders.speak(now=self.now))

    def post(self, *posted: Posted) -> bool:
        """Send alerts in one request, once; say whether it was taken."""
        return self._invoke(lambda: ingest.ingest(self.ingester(), posted, now=self.now), "api")

    # Time

    def advance(self, **duration: float) -> None:
        """Let everything happen that is due until then, each thing at its own time."""
        until = self.now + timedelta(**duration)
        while (at := self._next_event()) is not None and at <= until:
            self.now = max(at, self.now)
            self._do_next()
        self.now = max(until, self.now)  # where an invocation stalled, that took longer

    def _next_event(self) -> datetime | None:
        times = [self._next_tick, *self._executions.values(), *(at for at, _ in self._agenda)]
        times += [self.senders.next_at] if self.senders.next_at is not None else []
        times += [at for at, *_ in self._redelivered] + [message.due for message in self._inbox]
        times += [at for at, _ in self.timers.announced]
        return min(times)

    def _do_next(self) -> None:
        if actions := [each for each in self._agenda if each[0] <= self.now]:
            self._agenda.remove(actions[0])
            actions[0][1]()
        elif self.senders.next_at is not None and self.senders.next_at <= self.now:
            self._post_all()
        elif self._next_tick <= self.now:
            self._next_tick += self.tick
            self.run_tick()
        elif due := [message for message in self._inbox if message.due <= self.now]:
            for message in due:
                # Where a delivery stalls, others are made meanwhile.
                if any(message is each for each in self._inbox):
                    self._inbox = [each for each in self._inbox if each is not message]
                    self._deliver(message)
        elif due_timers := self._due_timers():
            for at, group, receives in due_timers:
                self._look_at(group, at, receives)
        else:
            for execution in [key for key, at in self._executions.items() if at <= self.now]:
                if self._executions.pop(execution, None) is not None:  # it waits for its answer
                    self._ask(execution)

    def _due_timers(self) -> list[tuple[datetime, GroupId, int]]:
        due = [(at, group, RECEIVES) for at, group in self.timers.take_due(self.now)]
        if self.loses_timers:
            due.clear()
        due += [(at, group, left) for when, at, group, left in self._redelivered if when <= self.now]
        self._redelivered = [each for each in self._redelivered if each[0] > self.now]
        return due * 2 if self.duplicates else due

    # Invocations

    def run_tick(self, *, at: datetime | None = None) -> evaluate.TickOutcome | None:
        """Run one evaluation, as the schedule does at its exact time; None where the process died."""
        outcomes: list[evaluate.TickOutcome] = []
        now = at or self.now

        def evaluate_all() -> None:
            loaded = self.configurations("evaluate").current(now=now)
            outcomes.append(self.evaluate(self.evaluator(), loaded, now=now))

        self._invoke(evaluate_all, "evaluate")
        return outcomes[-1] if outcomes else None

    def _look_at(self, group: GroupId, at: datetime, receives: int) -> None:
        is_done = self._invoke(lambda: dispatch.run(self.dispatcher(), group, at=at, now=self.now), "dispatch")
        if not is_done and receives > 1 and self.redelivers:
            self._redelivered.append((self.now + VISIBILITY_TIMEOUT, at, group, receives - 1))

    def _deliver(self, message: _Message) -> None:
        notification = from_json(json.loads(message.text))
        if notification.integration.kind is Kind.SNS:
            self.hear(notification)  # SNS mails these itself
            return
        if self._invoke(lambda: notify.run(self.notifier(), notification, now=self.now), "notify"):
            return
        if message.retries and self.redelivers:
            wait, *left = message.retries
            self._inbox.append(_Message(self.now + wait, message.text, tuple(left)))
        else:
            self.dead_letters.append(message.text)

    def _ask(self, execution: Execution) -> None:
        incident, climb = execution
        decisions: list[Decision] = []
        self._invoke(
            lambda: decisions.append(escalate.run(self.escalator(), incident, climb=climb, now=self.now)), "escalate"
        )
        if not decisions:
            self._executions[execution] = self.now + STEP_RETRY
        elif decisions[-1].action is Action.WAIT and decisions[-1].until is not None:
            self._executions[execution] = decisions[-1].until

    def _invoke(self, work: Callable[[], object], function: str) -> bool:
        """Run an invocation to its end, its expected failure or its death; say whether it ended well."""
        self._invocation = work
        try:
            work()
            return True
        except EXPECTED:
            return False
        except Died:
            self._sandboxes.pop(function, None)
            return False
        finally:
            self._take_what_was_said()

    def invoke_again(self) -> None:
        """Run the invocation that is under way once more, from its beginning to its end: what a twin does beside it."""
        with suppress(*EXPECTED):
            self._invocation()

    def _take_what_was_said(self) -> None:
        said, self._taken = self.topic.messages[self._taken :], len(self.topic.messages)
        self._inbox += [_Message(self.now, text) for text in (said * 2 if self.duplicates else said)]
        for execution in self.escalations.executions:
            if execution not in self._known:
                self._known.add(execution)
                self._executions[execution] = self.now

    # What each invocation works with, new every time: nothing is kept between two of them but the store, and what a
    # warm sandbox keeps.

    def evaluator(self) -> evaluate.Evaluator:
        wrap = self._wrap
        return evaluate.Evaluator(
            AnsweringMetrics(wrap(self.metrics)) if self.whole else self.metrics,
            wrap(self.store),
            wrap(self.store),
            wrap(self.store),
            wrap(self.timers),
            self.log,
            tick=self.tick,
            reroute=self._rerouting() if self.whole else None,
            limits=wrap(self.store),
        )

    def dispatcher(self) -> dispatch.Dispatcher:
        wrap = self._wrap
        store = wrap(self.store)
        return dispatch.Dispatcher(
            self.configurations("dispatch"),
            store,
            store,
            store,
            store,
            wrap(self.timers),
            wrap(self.topic),
            wrap(self.escalations),
            self.log,
        )

    def escalator(self) -> escalate.Escalator:
        store, timers = self._wrap(self.store), self._wrap(self.timers)
        return escalate.Escalator(self.configurations("escalate"), store, store, timers, self.log)

    def notifier(self) -> notify.Notifier:
        store = self._wrap(self.store)
        return notify.Notifier(self.sender or self.own_sender(), store, store, self.log, limits=store)

    def own_sender(self) -> Sender:
        """Return what posts to this world's own receivers, whatever its notifications are delivered by."""
        return _Sender(self._wrap(self.vault) if self.whole else None, self._wrap(_Receivers(self)))

    def ingester(self) -> ingest.Ingester:
        store = self._wrap(self.store)
        configurations = self.configurations("api")
        return ingest.Ingester(configurations, store, store, store, store, self._wrap(self.timers), self.log)

    def desk(self) -> incidents.Desk:
        store = self._wrap(self.store)
        timers = self._wrap(self.timers)
        return incidents.Desk(
            store,
            store,
            store,
            store,
            store,
            timers,
            self.log,
            store,
            lambda _: self.loaded.configuration.users,
            lambda _: self.loaded.configuration.time_intervals,
        )

    def keeper(self) -> silences.Keeper:
        return silences.Keeper(self._wrap(self.store), self.log, lambda: f"silence-{next(self._numbers)}")

    def configurations(self, function: str) -> Configurations:
        """Return what a function reads its configuration by."""
        if not self.whole:
            return FixedConfigurations(self.loaded)
        sandbox = self._sandbox(function)
        if sandbox.configurations is None or not self.warm:
            sandbox.configurations = CurrentConfiguration(
                self._wrap(self.files),
                self.files.parse,
                self.log,
                snapshots=self._wrap(self.snapshots),
                keeps=function == "evaluate",
            )
        return sandbox.configurations

    def _rerouting(self) -> ingest.Rerouting:
        sandbox = self._sandbox("evaluate")
        if sandbox.rerouting is None or not self.warm:
            sandbox.rerouting = ingest.Rerouting(self.ingester())
        return sandbox.rerouting

    def _sandbox(self, function: str) -> _Sandbox:
        return self._sandboxes.setdefault(function, _Sandbox())

    def receive(self, notification: Notification) -> str:
        """Take a notification as a receiver would, or fail as it was told to."""
        names = (str(notification.key), notification.receiver)
        failing = next((self._failing[name] for name in names if name in self._failing), None)
        if failing is not None and failing.times > 0:
            failing.times -= 1
            reason = FailureReason.SERVER_ERROR if failing.retryable else FailureReason.CLIENT_ERROR
            raise DeliveryError("it was told to fail", reason=reason, retryable=failing.retryable)
        desk = (notification.group, notification.key)
        is_known = self._desks.get(desk) == notification.id
        self._desks[desk] = notification.id
        if not (is_known and notification.integration.kind in IDEMPOTENT):
            self.hear(notification)
        return "ok"

    def hear(self, notification: Notification) -> None:
        """Have a person see a notification; what is told of an incident only calls nobody, and is no page."""
        page = Page(self.now, notification)
        self.heard.append(page)
        (self.updates if notification.reason is Reason.UPDATE else self.pages).append(page)

    # What is there

    def incident(self) -> Incident:
        """Return the newest incident."""
        found = self.store.load_incident(self.escalations.started[-1])
        assert found is not None
        return found

    def record(self, name: str) -> RuleRecord:
        """Return a rule's record."""
        return next(each for key, each in self.store.load_rules(now=self.now).items() if key.split(";")[2] == name)

    # What is expected

    def expect_page(
        self,
        receiver: str,
        status: Status,
        reason: Reason,
        *,
        alerts: list[str] | None = None,
        resolved: list[str] | None = None,
        at: datetime | None = None,
    ) -> Notification:
        """Take the next page, which is this one; `alerts` are those that fire in it."""
        assert self._unread < len(self.pages), f"no page for {receiver}; told so far:\n{self.told()}"
        page = self.pages[self._unread]
        self._unread += 1
        told = page.notification
        assert (page.receiver, told.status, told.reason) == (receiver, status, reason), f"\n{self.told()}"
        if alerts is not None:
            assert page.names(Status.FIRING) == alerts, str(page)
        if resolved is not None:
            assert page.names(Status.RESOLVED) == resolved, str(page)
        if at is not None:
            assert page.at == at, str(page)
        return told

    def expect_silence(self) -> None:
        """Nobody was told anything that is not accounted for."""
        assert self.pages[self._unread :] == [], f"\n{self.told()}"

    def told(self) -> str:
        return "\n".join(map(str, self.pages)) or "(nothing)"


@dataclass(slots=True)
class _Sandbox:
    """What a warm function keeps."""

    configurations: CurrentConfiguration | None = None
    rerouting: ingest.Rerouting | None = None


@dataclass(frozen=True, slots=True)
class _Sender:
    """An integration's sender: it reads its secret, and posts."""

    vault: Any
    post: Any

    def __call__(self, notification: Notification, *, now: datetime) -> str:
        try:
            if self.vault is not None:
                self.vault.read_secret(notification.integration.settings.get("api_url_file"))
            return self.post(notification)
        except ServiceError as error:
            raise DeliveryError(str(error), reason=FailureReason.TIMEOUT, retryable=True) from None


@dataclass(frozen=True, slots=True)
class _Receivers:
    """All that notifications are posted to."""

    world: World

    def __call__(self, notification: Notification) -> str:
        return self.world.receive(notification)
