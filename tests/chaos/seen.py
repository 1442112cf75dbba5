"""What was seen and said in a random week, and what follows: what may fire, what may be over, and what is muted.

Of metrics that is what the ticks were answered; of alerts that are sent, what their senders said; of people, what they
want to hear nothing of. What is uncertain because something went wrong at that very moment (`surely` is false) is held
neither for nor against anybody.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Container, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from operator import attrgetter

from tests.chaos.situations import INTERVAL, RULES, SOURCE, TARGETS, Series, Situation
from tocsin.core.alerts import Alert
from tocsin.core.receivers import IntegrationKey
from tocsin.core.routing import GroupId
from tocsin.core.silences import MatcherSets
from tocsin.pipeline.ingest import LEAST_MOVE
from tocsin.pipeline.own_rules import CONFIGURATION_REFUSED, RULE_FAILING, RULE_FAILING_FOR

HOLD = {each.name: each.hold_for for each in RULES} | {RULE_FAILING: RULE_FAILING_FOR}
KEEP = {each.name: each.keep_firing_for for each in RULES}
# A function may know an older configuration for so long; what falls into it belongs to either.
LAG = timedelta(minutes=3)
LULL = timedelta(minutes=25)
# Whoever missed something is told again within five minutes, and of a change at the group's next look, in five more.
LATE = timedelta(minutes=12)
NONE = timedelta(0)
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_at = attrgetter("at")


@dataclass(frozen=True, slots=True)
class Answer:
    """Which series of a rule were bad at an instant, as a tick was told; None where its query failed."""

    at: datetime
    bad: frozenset[str] | None
    surely: bool
    is_gone: bool = False

    def has(self, instance: str) -> bool:
        return self.bad is not None and instance in self.bad


@dataclass(frozen=True, slots=True)
class Quiet:
    """Something that a person wants to hear nothing of: a name or an instance, or what fired in an incident."""

    what: str
    since: datetime
    until: datetime
    alerts: MatcherSets = ()

    def silences(self, alert: Alert) -> bool:
        if self.alerts:
            return any({each.name: each.value for each in named} == dict(alert.labels) for named in self.alerts)
        return self.what in (alert.name, alert.labels.get("instance"))


@dataclass(frozen=True, slots=True)
class End:
    """When an alert that is sent is over, and from when that may be known.

    One that is said is known from then, one that comes by itself up to LEAST_MOVE sooner: less is not written.
    """

    at: datetime
    from_: datetime


class Seen:
    """See the module."""

    def __init__(self, situation: Situation, *, now: datetime) -> None:
        self.situation = situation
        self.changed_at = now - LULL
        self.situations = [(self.changed_at, situation)]
        self.answers: dict[str, list[Answer]] = defaultdict(list)
        self.ends: dict[Series, list[End]] = defaultdict(list)
        self.holds: dict[Series, End] = {}
        self.quiet: list[Quiet] = []

    def answered(self, rule: str, answer: Answer) -> None:
        insort(self.answers[rule], answer, key=_at)

    def doubts(self, since: datetime) -> None:
        """Take nothing for sure that was seen since then: an older instant has been evaluated after it."""
        for rule, answers in self.answers.items():
            self.answers[rule] = [Answer(a.at, a.bad, a.surely and a.at < since, a.is_gone) for a in answers]

    def sent(self, series: Series, *, until: datetime, surely: bool, now: datetime) -> None:
        """Somebody has said how long an alert holds; `until` now says that it is over."""
        if until <= now:
            self.ends[series].append(End(now, from_=now))
        if series in self.holds and self.holds[series].at < now:
            self.ends[series].append(self.holds[series])
        if surely:
            self.holds[series] = End(until, from_=now if until <= now else until - LEAST_MOVE)

    def configured(self, situation: Situation, *, now: datetime) -> None:
        self.changed_at, self.situation = now, situation
        self.situations.append((now, situation))

    # What follows from it

    def may_fire(self, series: Series, at: datetime) -> bool:
        """Say whether an alert may begin to fire at an instant: bad then, and not seen recovered in its `for`."""
        name, instance = series
        if series in self.holds:
            return True
        answers = [*self._back(name, at, to=at - HOLD.get(name, NONE))]
        is_bad = any(each.at == at and each.has(instance) for each in answers)
        return is_bad and not any(each.surely and not each.has(instance) for each in answers)

    def may_be_over(self, series: Series, since: datetime, at: datetime) -> bool:
        """Say whether a firing that began at `since` can be known to be over: somebody saw, or said, that it is."""
        name, instance = series
        if series in self.holds or series in self.ends:
            ends = [*self.ends[series], *filter(None, [self.holds.get(series)])]
            return any(since <= end.at and end.from_ <= at for end in ends)
        answers = [*self._back(name, at, to=since)]
        bad = [each.at for each in answers if each.surely and each.has(instance)]
        return any(
            each.is_gone or not any(each.at - KEEP.get(name, NONE) <= then <= each.at for then in bad)
            for each in answers
            if each.at > since and not each.has(instance)
        )

    def is_long_over(self, series: Series, at: datetime) -> bool:
        """Say whether an alert is over for longer than it takes everybody to hear of it."""
        name, instance = series
        if series in self.holds:
            return self.holds[series].at < at - LATE
        answers = [*self._back(name, at)]
        well = [*takewhile(lambda answer: not answer.has(instance), answers)]
        was_bad = answers[len(well)].at if len(well) < len(answers) else _LONG_AGO
        return any(
            each.surely and each.at < at - LATE and (each.is_gone or each.at > was_bad + KEEP.get(name, NONE))
            for each in well
        )

    def _back(self, name: str, at: datetime, *, to: datetime = _LONG_AGO) -> Iterator[Answer]:
        """Yield the answers of a rule whose query did not fail, from an instant back to another, both included."""
        answers = self.answers[name]
        for number in range(bisect_right(answers, at, key=_at) - 1, -1, -1):
            if answers[number].at < to:
                return
            if answers[number].bad is not None:
                yield answers[number]

    def is_silenced(self, alert: Alert, at: datetime, *, since: datetime | None = None) -> bool:
        """Say whether one silence holds for an alert at an instant, and has since another."""
        return any(each.silences(alert) and each.since < (since or at) and at < each.until for each in self.quiet)

    def is_inhibited(self, alert: Alert, at: datetime, *, since: datetime | None = None) -> bool:
        """Say whether an alert is surely inhibited at an instant, and has been since another."""
        if not self.situation.inhibits or alert.labels.get("severity") != TARGETS:
            return False
        fires = takewhile(lambda answer: answer.has(series_of(alert)[1]), self._back(SOURCE, at))
        known = [answer.at for answer in fires if answer.surely]
        return bool(known) and max(known[-1], self.changed_at + LAG) < (since or at)

    def was_muted(self, alert: Alert, firing: Container[Series], *, now: datetime) -> bool:
        """Say whether an alert has been muted at any time of the lull."""
        is_target = self.situation.inhibits and alert.labels.get("severity") == TARGETS
        if is_target and (SOURCE, series_of(alert)[1]) in firing:
            return True
        return any(each.silences(alert) and each.until > now - LULL + INTERVAL for each in self.quiet)

    def has_left(self, alert: Alert, group: GroupId, integration: IntegrationKey, *, since: datetime) -> bool:
        """Say whether an alert has been none of a group's or an integration's business at any time since then."""
        untils = [since for since, _ in self.situations[1:]] + [datetime.max.replace(tzinfo=UTC)]
        since_then = (s for (_, s), until in zip(self.situations, untils, strict=True) if until > since - LAG)
        return not all(group in s.groups_of(alert) and integration in s.everybody for s in since_then)


def series_of(alert: Alert) -> Series:
    known = {RULE_FAILING: "rule", CONFIGURATION_REFUSED: ""}
    return alert.name, alert.labels.get(known.get(alert.name, "instance"), "")
