"""A week in the life of an installation, told step by step, and held against the model after each step.

    week = Week("climbing")
    week.goes_bad("Down", "a")
    week.passes(minutes=2)
    week.dies("record", after=False)
    week.settles()
    week.ends()

What is to go wrong is said beforehand and happens at the next call, or to the next event, of its name. A lull heals
everything (receivers, queries, files, what was to go wrong), lasts long enough, and asks the model what everybody must
know by then. Where a law does not hold, the error has the story and all that happened in it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial, wraps
from operator import itemgetter
from typing import Any, ParamSpec

from tests.chaos.model import BrokenError, Law, Model, Situated, Taken
from tests.chaos.people import Buttons, Pagerduty
from tests.chaos.seen import LAG, LULL, Answer, Quiet
from tests.chaos.situations import RULES, SITUATIONS, Series
from tests.chaos.ways import SERVICES, STALL_SECONDS
from tests.stories.interruptions import Proxy
from tests.stories.outside import ServiceError
from tests.stories.world import IDEMPOTENT, PATIENCE, STEP_RETRY, Died, Execution, World, _Message
from tocsin.core.alerts import Alert, Status
from tocsin.core.clicks import Press
from tocsin.core.incidents import OVER, QUIET, IncidentId, IncidentState, Source
from tocsin.core.labels import ALERTNAME, Labels
from tocsin.core.matchers import matches_all
from tocsin.core.merging import Posted
from tocsin.core.notifications import Notification, Reason, from_json
from tocsin.core.receivers import Kind
from tocsin.core.routing import GroupId
from tocsin.core.rules import Sample
from tocsin.core.silences import SilenceState
from tocsin.errors import DeliveryError, FailureReason, QueryError, StoreError
from tocsin.pipeline import evaluate
from tocsin.pipeline.incidents import Verb
from tocsin.pipeline.own_rules import CONFIGURATION_REFUSED, RULE_FAILING
from tocsin.ports import DeliveryState, LoadedConfiguration, Query

RETRY_STEP = timedelta(minutes=6)  # a step that is due has been taken, and told, so long after
LABELS = {each.name: {ALERTNAME: each.name, **each.labels} for each in RULES} | {"Sent": {ALERTNAME: "Sent"}}
PEOPLE = ("ada", "ann")  # Ada is on the command line, Ann in Slack and PagerDuty
SCRIPT = "script"  # sends once, and is content once it is answered

# How a receiver fails: why, whether that may pass, and the seconds of patience that it asks for.
OUTAGES: Mapping[str, tuple[FailureReason, bool, float | None]] = {
    "answers 503": (FailureReason.SERVER_ERROR, True, None),
    "answers 400": (FailureReason.CLIENT_ERROR, False, None),
    "answers 429": (FailureReason.RATE_LIMITED, True, 240),
    "is not there": (FailureReason.CONNECTION, True, None),
}
# What can happen to an event, once.
EVENTS = ("tick", "timer", "message", "question", "click", "webhook")
MISHAPS = ("is lost", "is late", "comes twice")

# What of the log is counted, and what it is called.
COUNTED = {
    "notification_withdrawn": "a late notification is withdrawn",
    "notification_held": "a rate limit holds something back",
}
# What of an error's fields says that it was made on purpose.
EXCUSED = ("answered 500", "ConflictError", "unknown receiver", *OUTAGES)

P = ParamSpec("P")


class NonsenseError(Exception):
    """A step that cannot be taken as things are: what is well does not recover."""


@dataclass(frozen=True, slots=True)
class Step:
    """A line of a story."""

    verb: str
    arguments: tuple[Any, ...] = ()
    named: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        shown = [json.dumps(each) for each in self.arguments] + [f"{key}={each!r}" for key, each in self.named.items()]
        return f"week.{self.verb}({', '.join(shown)})"


@dataclass(slots=True)
class _Armed:
    """What happens at the next call of a name, or to the next event of a kind."""

    what: str
    where: str
    is_after: bool = False
    minutes: float = 0


def step(work: Callable[..., None]) -> Callable[..., None]:
    """Make a method a step: it is written down, done, and what was heard meanwhile is checked."""

    @wraps(work)
    def taken(week: Week, *arguments: Any, **named: Any) -> None:
        week.take(Step(work.__name__, arguments, named), partial(work, week, *arguments, **named))

    return taken


def _makes_sense(holds: object) -> None:
    if not holds:
        raise NonsenseError


class Week(World):
    """See the module."""

    def __init__(self, situation: str = "plain", *, warm: bool = True, **more: Any) -> None:
        self.situation = SITUATIONS[situation]
        super().__init__(self.situation.configuration, whole=True, warm=warm, wrap=self._proxy, **more)
        self.model = Model(self.situation, now=self.now)
        self.begins = f'week = Week("{situation}", warm={warm})'
        self.story: list[Step] = []
        self.happened: list[tuple[datetime, str]] = []
        self.figures: Counter[str] = Counter()
        self.steps: Counter[str] = Counter()
        self.outages: dict[str, str] = {}
        self.failing: set[str] = set()
        self.bad: dict[Series, list[tuple[datetime, datetime | None]]] = {}
        self.evaluate = self._evaluate  # type: ignore[assignment]
        self.chat = Buttons(self, done=self._sees, fate=self._goes)
        self.pagerduty = Pagerduty(self, self._goes, self._sees_what_was_done_there)
        self._armed: list[_Armed] = []
        self._listened = 0
        self._read = 0
        self._troubles = 0
        self._is_stalling = False
        self._unrecorded: list[Notification] = []
        for each in RULES:
            self.query_works(each.name)

    # What happens outside

    @step
    def goes_bad(self, name: str, instance: str) -> None:
        _makes_sense(not self.is_bad(name, instance))
        self.bad.setdefault((name, instance), []).append((self.now, None))

    @step
    def recovers(self, name: str, instance: str) -> None:
        _makes_sense(self.is_bad(name, instance))
        spells = self.bad[name, instance]
        spells[-1] = (spells[-1][0], self.now)

    @step
    def cannot_be_asked(self, name: str) -> None:
        """The query of a rule fails from now on."""
        _makes_sense(name not in self.failing)
        self.failing.add(name)
        self.query_fails(name)

    @step
    def can_be_asked(self, name: str) -> None:
        _makes_sense(name in self.failing)
        self.failing.discard(name)
        self.query_works(name)

    @step
    def begins_to_send(self, instance: str) -> None:
        """Another Prometheus sends an alert every minute."""
        _makes_sense(not self.is_sending(instance))
        self.source_fires("Sent", instance=instance)

    @step
    def sends_the_end(self, instance: str) -> None:
        _makes_sense(self.is_sending(instance))
        self.source_recovers("Sent", instance=instance)

    @step
    def stops_sending(self, instance: str) -> None:
        _makes_sense(self.is_sending(instance))
        self.source_stops("Sent", instance=instance)

    @step
    def script_sends(self, *, minutes: float) -> None:
        """A script says once that something is wrong for so long."""
        until = self.now + timedelta(minutes=minutes)
        posted = Posted({**LABELS["Sent"], "instance": SCRIPT}, {}, self.now, until)
        assert any(self.post(posted) for _ in range(PATIENCE + len(self._armed)))

    def is_bad(self, name: str, instance: str) -> bool:
        spells = self.bad.get((name, instance))
        return spells is not None and spells[-1][1] is None

    def is_sending(self, instance: str) -> bool:
        return any(each.labels["instance"] == instance for each in self._sending())

    def _sending(self) -> list[Posted]:
        return [each for each in self.senders.alerts.values() if each.ends_at is None]

    @step
    def receiver_breaks(self, key: str, how: str) -> None:
        _makes_sense(key not in self.outages)
        self.outages[key] = how

    @step
    def receiver_is_well(self, key: str) -> None:
        _makes_sense(key in self.outages)
        del self.outages[key]

    # What people do

    @step
    def configures(self, situation: str) -> None:
        _makes_sense(situation != self.situation.name)
        self.situation = SITUATIONS[situation]
        self.configure(self.situation.configuration)
        self.model.seen.configured(self.situation, now=self.now)

    @step
    def breaks_the_files(self) -> None:
        # What nobody has read yet never was in force: then nobody could say which one is.
        _makes_sense(not self.loaded.refused and self.now - self.model.seen.changed_at >= LAG)
        self.refuse_configuration("alertmanager.yml:3: unknown receiver")

    @step
    def mends_the_files(self) -> None:
        _makes_sense(self.loaded.refused)
        self.configure(self.situation.configuration)

    @step
    def silences(self, what: str, *, minutes: float) -> None:
        """Silence what has this name or instance."""
        until = self.now + timedelta(minutes=minutes)
        self.silence(minutes=minutes, **{"alertname" if what in LABELS else "instance": what})
        self.model.seen.quiet.append(Quiet(what, self.now, until))

    @step
    def ends_silences(self, what: str) -> None:
        _makes_sense(any(each.what == what and each.until > self.now for each in self.model.seen.quiet))
        labels = Labels({"alertname": what, "instance": what})
        for silence in self.store.load_silences(now=self.now):
            if silence.state_at(self.now) is SilenceState.ACTIVE and any(
                matches_all(m, labels) for m in silence.matchers
            ):
                self.end_silence(silence.id)
        self.model.seen.quiet = [
            replace(each, until=min(each.until, self.now)) if each.what == what else each
            for each in self.model.seen.quiet
        ]

    @step
    def acknowledges(self) -> None:
        """Somebody acknowledges the newest incident."""
        self._takes(self.acknowledge)

    @step
    def closes(self) -> None:
        """Somebody resolves the newest incident, whatever fires."""
        self._takes(self.resolve)

    def _takes(self, act: Callable[..., object]) -> None:
        _makes_sense(self.escalations.started)
        incident = self.escalations.started[-1]
        act(incident=incident)
        self._sees(incident)

    def _sees(self, incident: IncidentId) -> None:
        """Tell the model who has an incident now, and what is silent with it."""
        for silence in self.store.load_silences(now=self.now):
            if silence.comment == f"incident {incident}":
                quiet = Quiet(silence.id, silence.starts_at, silence.ends_at, silence.matchers)
                self.model.seen.quiet = [*(each for each in self.model.seen.quiet if each.what != quiet.what), quiet]
        taken = self.store.load_incident(incident)
        if taken is None or taken.changed_by not in PEOPLE:
            return
        if taken.state is IncidentState.OPEN:
            self.model.taken.pop(incident, None)
            return
        before = self.model.taken.get(incident)
        since = before.since if before and before.until > self.now else self.now
        until = taken.until or datetime.max.replace(tzinfo=UTC)
        is_suppressed = taken.state is IncidentState.SUPPRESSED
        self.model.taken[incident] = Taken(since, until, taken.state in QUIET, is_suppressed)

    @step
    def snoozes(self, *, minutes: float) -> None:
        """Somebody wants to hear nothing of the newest incident for a while."""
        self._takes(partial(self.act, Verb.SNOOZE, minutes=minutes))

    @step
    def escalates(self) -> None:
        """Somebody has the next step taken at once."""
        self._takes(partial(self.act, Verb.ESCALATE))

    @step
    def presses(self, press: str) -> None:
        """Somebody presses a button of the newest incident's message in Slack."""
        _makes_sense(self.escalations.started)
        hold = timedelta(minutes=10 if press == Press.SUPPRESS else 0)
        self.chat.press(Press(press), hold=hold)

    @step
    def acts_in_pagerduty(self, how: str) -> None:
        """Somebody acknowledges, resolves or notes PagerDuty's newest incident, and PagerDuty tells us."""
        _makes_sense(self.pagerduty.open)
        self.pagerduty.act(how)

    def _sees_what_was_done_there(self) -> None:
        for incident in dict.fromkeys(self.escalations.started):
            found = self.store.load_incident(incident)
            if found is None or found.source is not Source.PAGERDUTY:
                continue
            self._sees(incident)
            keys = (key for key in self.pagerduty.acted_at if key.startswith(found.group))
            if not any(found.opened_at <= self.pagerduty.acted_at[key] for key in keys):
                raise BrokenError(Law.MEANT, f"{incident}, opened at {found.opened_at:%H:%M:%S}")

    # What goes wrong

    @step
    def dies(self, call: str, *, after: bool) -> None:
        """The process dies just before or after its next call of a name."""
        self._arm(_Armed("dies", call, after))

    @step
    def fails(self, call: str, *, after: bool) -> None:
        """The next call of a name fails: it is not done, or its answer is lost."""
        self._arm(_Armed("fails", call, after))

    @step
    def has_a_twin(self, call: str, *, after: bool) -> None:
        """At the next call of a name, the same invocation runs once more, to its end."""
        self._arm(_Armed("has a twin", call, after))

    @step
    def stalls(self, call: str) -> None:
        """Before the next call of a name, the process stands still while all others go on."""
        self._arm(_Armed("stalls", call))

    @step
    def next_one(self, event: str, mishap: str, *, minutes: float = 0) -> None:
        """The next tick, timer, message or question is lost, is late, or comes twice."""
        self._arm(_Armed(mishap, event, minutes=minutes))

    @step
    def loses_all_timers(self) -> None:
        self._count("all timers are lost")
        self.lose_timers()

    def _request(self, work: Callable[[], object]) -> bool:
        """Ask as often as it takes to get past all that is going to happen."""
        return any(self._invoke(work, "api") for _ in range(PATIENCE + len(self._armed)))

    def _arm(self, armed: _Armed) -> None:
        _makes_sense(all(each.where != armed.where for each in self._armed))
        self._armed.append(armed)

    # Time

    @step
    def passes(self, **duration: float) -> None:
        self.advance(**duration)

    @step
    def settles(self) -> None:
        """Everything heals, and nothing happens for so long that all that was due must have arrived."""
        self._lull()

    @step
    def ends(self) -> None:
        """All is over, and nothing is left of it."""
        self._lull()
        for series, spells in self.bad.items():
            if self.is_bad(*series):
                spells[-1] = (spells[-1][0], self.now)
        for posted in self._sending():
            self.senders.end(posted.labels, now=self.now)
        self._lull()
        left = [*self._leftovers()]
        if left:
            raise BrokenError(Law.CLEAN, "; ".join(left))

    def _lull(self) -> None:
        self._armed.clear()
        self.outages.clear()
        for name in self.failing:
            self.query_works(name)
        self.failing.clear()
        self.configure(self.situation.configuration)
        self.pagerduty.tell()
        self.advance(minutes=LULL / timedelta(minutes=1))
        self.listen()
        firing = {series: self._alert(series) for series in self._firing()}
        self.model.settled(firing, self._situated(firing), now=self.now)

    def _firing(self) -> Iterator[Series]:
        yield from (each for each in self.bad if self.is_bad(*each) and each[0] in self.situation.rules)
        yield from (("Sent", each.labels["instance"]) for each in self._sending())

    def _alert(self, series: Series) -> Alert:
        name, instance = series
        return Alert(Labels({**LABELS[name], "instance": instance}), {}, self.now, self.now)

    def _situated(self, firing: Mapping[Series, Alert]) -> Mapping[GroupId, Situated]:
        """Return what is open for the groups of what fires: whom each incident's steps must have reached."""
        found = {}
        for group in {group for alert in firing.values() for group in self.situation.groups_of(alert)}:
            state = self.store.load_group(group, now=self.now)
            incident = self.store.load_incident(state.group.incident) if state and state.group.incident else None
            if incident is None:
                continue
            due = [each for each in incident.steps if incident.began_at + each.after + RETRY_STEP <= self.now]
            is_open = incident.state is IncidentState.OPEN
            reached = frozenset(name for each in due for name in each.receivers if is_open)
            found[group] = Situated(reached, incident.state in QUIET)
        return found

    def _leftovers(self) -> Iterator[str]:
        """Yield what is left in the table, and of what is on its way."""
        now, store = self.now, self.store
        yield from (f"group {group} is active" for group in store.active_groups())
        for group in sorted({group for group, _ in self.model.ears}):
            state = store.load_group(group, now=now)
            if state is not None and (state.alerts or state.group.incident):
                yield f"group {group} has {sorted(map(str, state.alerts))}, {state.group.incident}"
            yield from (f"outbox {entry}" for entry in store.load_outbox(group))
        for key, record in store.load_rules(now=now).items():
            if record.active or record.telling:
                yield f"rule {key} has {[*record.active.values(), *record.telling.values()]}"
        sent = (each for each in store.load_ingested(now=now) if each.alert.status_at(now) is Status.FIRING)
        yield from (f"sent {each}" for each in sent)
        for key in self.situation.everybody:
            yield from (f"held back from {key}: {each.title}" for each in store.load_held(key, now=now))
        yield from (f"inhibitor {alert.labels}" for alert in store.load_inhibitors(now=now))
        for incident in self.escalations.started:
            found = store.load_incident(incident)
            state = found.state if found else None
            if state not in OVER:
                yield f"incident {incident} is {state}"
        yield from (f"state machine of {incident}" for incident in self._executions)
        yield from (f"timer of {group} at {at:%H:%M:%S}" for at, group in self.timers.announced)
        yield from (f"message due at {message.due:%H:%M:%S}" for message in self._inbox)

    # What Tocsin sees

    def query_works(self, rule: str) -> None:
        self.metrics.results[rule.lower()] = partial(self._samples, rule)

    def _samples(self, rule: str, at: datetime) -> Sequence[Sample]:
        """Return what was bad at an instant; what changes at that very moment has not yet."""
        return [
            Sample({"instance": instance}, 1.0)
            for (name, instance), spells in self.bad.items()
            if name == rule and any(begin < at and (end is None or at <= end) for begin, end in spells)
        ]

    def _evaluate(
        self, world: evaluate.Evaluator, loaded: LoadedConfiguration, *, now: datetime
    ) -> evaluate.TickOutcome:
        """Run a tick, and tell the model what it has seen."""
        troubles, watched = self._troubles, _Watched(world.metrics)
        try:
            return evaluate.run(replace(world, metrics=watched), loaded, now=now)
        finally:
            if watched.seen is not None:
                self._saw(watched.seen, loaded, surely=troubles == self._troubles, now=now)

    def _saw(
        self, seen: Mapping[str, frozenset[str] | None], loaded: LoadedConfiguration, *, surely: bool, now: datetime
    ) -> None:
        failing = set()
        configured = {each.name for each in loaded.configuration.rules()}
        for each in RULES:
            if each.name not in configured:
                self.model.seen.answered(each.name, Answer(now, frozenset(), surely, is_gone=True))
            elif each.expr in seen:
                self.model.seen.answered(each.name, Answer(now, seen[each.expr], surely))
            known = self.model.seen.answers[each.name]
            if each.name in configured and known and known[-1].bad is None:
                failing.add(each.name)
        # What was evaluated at this instant already is not asked again.
        has_asked = all(each.expr in seen for each in loaded.configuration.rules())
        self.model.seen.answered(RULE_FAILING, Answer(now, frozenset(failing), surely and has_asked))
        refused = frozenset({""} if loaded.refused else ())
        self.model.seen.answered(CONFIGURATION_REFUSED, Answer(now, refused, surely))
        if any(answers and answers[-1].at > now for answers in self.model.seen.answers.values()):
            self.model.seen.doubts(now)

    def post(self, *posted: Posted) -> bool:
        now = self.now
        is_taken = super().post(*posted)
        for each in posted:
            assert each.ends_at is not None
            series = ("Sent", each.labels["instance"])
            self.model.seen.sent(series, until=each.ends_at, surely=is_taken, now=now)
        return is_taken

    # What goes wrong, as it does

    def _proxy(self, target: Any) -> Any:
        return Proxy(target, self._call)

    def _call(self, name: str, work: Callable[[], Any]) -> Any:
        hit = self._take(name)
        if hit is not None and not hit.is_after:
            self._happen(hit)
        result = work()
        if hit is not None and hit.is_after:
            self._happen(hit)
        return result

    def _take(self, where: str) -> _Armed | None:
        """Return what is to happen now, which then happens no more."""
        hit = next((each for each in self._armed if each.where == where), None)
        if hit is not None:
            self._armed.remove(hit)
        return hit

    def _happen(self, hit: _Armed) -> None:
        moment = "after" if hit.is_after else "before"
        self._trouble(f"{hit.what} {moment} {hit.where}")
        self._count(hit.what)
        if hit.what == "has a twin":
            self.invoke_again()
        elif hit.what == "stalls":
            self._stall()
            self._trouble(f"goes on with {hit.where}")
        elif hit.what == "dies":
            raise Died
        elif hit.where in SERVICES:
            raise ServiceError("the service answered 500")
        else:
            raise StoreError("the table answered 500")

    def _stall(self) -> None:
        """Let others go on meanwhile; one at a time, as two stalls of one invocation outlast its function's time."""
        if not self._is_stalling:
            self._is_stalling = True
            self.advance(seconds=STALL_SECONDS)
            self._is_stalling = False

    def _trouble(self, what: str) -> None:
        self._troubles += 1
        self.happened.append((self.now, f"  - {what}"))

    def _count(self, what: str) -> None:
        self.figures[what] += 1

    def _mishap(self, event: str) -> _Armed | None:
        hit = self._take(event)
        if hit is not None:
            self._trouble(f"a {event} {hit.what}")
            self._count(f"a {event} {hit.what}")
        return hit

    def _goes(self, event: str, work: Callable[[], object]) -> None:
        """Do what an event is for, unless it is late or lost; or do it twice."""
        hit = self._mishap(event)
        if hit is None or hit.what == "comes twice":
            work()
        if hit is not None and hit.what == "comes twice":
            work()
        elif hit is not None and hit.what == "is late":
            self.at(self.now + timedelta(minutes=hit.minutes), work)

    def run_tick(self, *, at: datetime | None = None) -> evaluate.TickOutcome | None:
        self._count("ticks")
        at = at or self.now
        hit = self._mishap("tick")
        if hit is None:
            return super().run_tick(at=at)
        if hit.what == "is late":
            self.at(self.now + timedelta(minutes=hit.minutes), partial(self.run_tick, at=at))
        elif hit.what == "comes twice":
            super().run_tick(at=at)
            super().run_tick(at=at)
        return None

    def _look_at(self, group: GroupId, at: datetime, receives: int) -> None:
        hit = self._mishap("timer")
        if hit is None or hit.what == "comes twice":
            super()._look_at(group, at, receives)
        if hit is not None and hit.what == "comes twice":
            super()._look_at(group, at, receives)
        elif hit is not None and hit.what == "is late":
            self._redelivered.append((self.now + timedelta(minutes=hit.minutes), at, group, receives))

    def _deliver(self, message: _Message) -> None:
        told = json.loads(message.text)
        # Of the topic's own mail nobody confirms anything: it is not ours to lose.
        hit = None if told["integration"] == Kind.SNS else self._mishap("message")
        if hit is not None and hit.what == "is late":
            self._inbox.append(replace(message, due=self.now + timedelta(minutes=hit.minutes)))
        if hit is not None and hit.what == "comes twice":
            self._inbox.append(replace(message))
        if hit is None or hit.what == "comes twice":
            super()._deliver(message)
        for taken in [each for each in self._unrecorded if each.id == told["id"]]:
            self._unrecorded.remove(taken)
            if not self._is_recorded(taken):
                self.model.may_repeat[taken.id] += 1
                self._count("answers that were not written down")

    def _is_recorded(self, taken: Notification) -> bool:
        """Say whether it is written down that a receiver has taken a notification."""
        deliveries = self.store.load_deliveries(taken.group)
        return any(each.notification_id == taken.id and each.state is DeliveryState.DELIVERED for each in deliveries)

    def _ask(self, execution: Execution) -> None:
        hit = self._mishap("question")
        if hit is None:
            super()._ask(execution)
        elif hit.what == "comes twice":
            super()._ask(execution)
            super()._ask(execution)
        else:
            self._executions[execution] = self.now + (timedelta(minutes=hit.minutes) or STEP_RETRY)

    def _take_what_was_said(self) -> None:
        said = self.topic.messages[self._taken :]
        super()._take_what_was_said()
        for text in said:
            told = from_json(json.loads(text))
            self.model.decided_to_tell(told)
            if told.integration.kind is Kind.SNS:
                waiting = {entry.subject for entry in self.store.load_outbox(told.group)}
                self.model.may_repeat[told.id] += told.id in waiting

    def receive(self, notification: Notification) -> str:
        how = self.outages.get(str(notification.key))
        if how is not None:
            self._count(f"a receiver {how}")
            reason, is_retryable, patience = OUTAGES[how]
            raise DeliveryError(how, reason=reason, retryable=is_retryable, retry_after_seconds=patience)
        answer = super().receive(notification)
        if notification.integration.kind not in IDEMPOTENT:
            self._unrecorded.append(notification)
        return answer

    # What is written down of it

    def take(self, step: Step, work: Callable[[], None]) -> None:
        """Take a step and check what was heard. Raises NonsenseError, or BrokenError with the whole story."""
        self.story.append(step)
        self.happened.append((self.now, str(step)))
        try:
            work()
            self.listen()
        except NonsenseError:
            self.story.pop()
            self.happened.pop()
            raise
        except BrokenError as error:
            raise BrokenError(error.law, f"{error.what}\n\n{self}") from None
        except Exception as error:
            raise BrokenError(Law.RUNS, f"{error!r}\n\n{self}") from error
        self._count("steps")
        self.steps[step.verb] += 1

    def __str__(self) -> str:
        """Return the story, and all that happened in it."""
        ordered = sorted(self.happened, key=itemgetter(0))
        happened = (f"{at:%H:%M:%S} {line}" for at, line in ordered)
        return "\n".join([self.begins, *map(str, self.story), "", *happened])

    def listen(self) -> None:
        """Check what was heard since the last step. Raises BrokenError."""
        lines, self._read = self.log.lines[self._read :], len(self.log.lines)
        for level, event, fields in lines:
            if level == "error" and not any(each in str(fields) for each in EXCUSED):
                raise BrokenError(Law.RUNS, f"{event}: {fields}")
            if event in COUNTED:
                self._count(COUNTED[event])
        new, self._listened = self.heard[self._listened :], len(self.heard)
        for page in new:
            self._count("pages" if page.notification.reason is not Reason.UPDATE else "an incident's change is told")
            self.happened.append((page.at, f"    {page.notification.key} {page.notification.seq}: {str(page)[9:]}"))
            self.model.heard(page.notification, at=page.at)


@dataclass(slots=True)
class _Watched:
    """The metrics of one tick: what it asked and was answered, by expression; None where the query failed."""

    metrics: Any
    seen: dict[str, frozenset[str] | None] | None = field(default=None)

    def query_all(self, queries: Sequence[Query], *, budget_seconds: float) -> Sequence[Sequence[Sample] | QueryError]:
        answers: Sequence[Any] = self.metrics.query_all(queries, budget_seconds=budget_seconds)
        self.seen = {
            query.expr: None
            if isinstance(each, QueryError)
            else frozenset(sample.labels["instance"] for sample in each)
            for query, each in zip(queries, answers, strict=True)
        }
        return answers
