"""What people must have been told: the laws of a random week, and each checked.

The model sees what Tocsin sees (answers of the metrics, what senders and people say: `seen.py`) and what people hear.
It knows nothing of groups' records, timers and outboxes. Some laws hold whenever something is heard; those of `settled`
after a lull: nothing has changed for so long, and nothing has gone wrong, that all that was due has arrived.

A series is an alert of the story by its name and instance; an ear is a group at an integration.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from tests.chaos.seen import Seen, series_of
from tests.chaos.situations import INTERVAL, REPEAT, Series, Situation
from tocsin.core.alerts import Alert, Status
from tocsin.core.incidents import IncidentId
from tocsin.core.notifications import Notification, Reason
from tocsin.core.receivers import IntegrationKey
from tocsin.core.routing import GroupId
from tocsin.pipeline.held_back import HELD_BACK

Ear = tuple[GroupId, IntegrationKey]


class Law(StrEnum):
    ONCE = "nobody hears a notification twice"
    ORDER = "nothing older is heard after something newer"
    HELD = "nothing fires that has not been bad for its whole `for`"
    OVER = "nothing is called resolved that nobody has seen recovered: a failed query is no recovery"
    TRUE = "what arrives late is still true: nothing is told as firing that is long over"
    MUTED = "nothing is told of an alert while it is silenced or inhibited, nor of one that was so all its life"
    TAKEN = "what somebody has taken, snoozed or closed climbs no further and is not repeated, until that ends"
    MEANT = "what somebody does in another place is done to the incident that they saw there, and to no later one"
    NEWS = "a notification says something new, or repeats it no sooner than repeat_interval"
    TOLD = "in the end, all that fires and is not muted has been told to everybody whom it concerns"
    ENDED = "in the end, whoever was told of something that is over has been told that it is"
    REPEATED = "in the end, what goes on firing is told again"
    CLEAN = "when all is over, nothing is left of it"
    RUNS = "nothing fails but what is made to fail"


class BrokenError(AssertionError):
    """A law does not hold."""

    def __init__(self, law: Law, what: str) -> None:
        self.law = law
        self.what = what
        super().__init__(f"{law}: {what}")


@dataclass(frozen=True, slots=True)
class Word:
    """The last that an ear was told of an alert: whether it fires, and since when."""

    alert: Alert
    status: Status
    at: datetime


@dataclass(frozen=True, slots=True)
class Taken:
    """Since when somebody has an incident, and until when nobody else is called; one that is quiet is not repeated.

    A suppressed one is quiet as long as all that fires in it is silenced.
    """

    since: datetime
    until: datetime
    is_quiet: bool
    is_suppressed: bool = False


@dataclass(slots=True)
class Heard:
    """What an ear has heard, and the last of it.

    `offered` is what it was to hear as firing, by when: who answers with an error may have heard it all the same.
    """

    words: dict[Series, Word] = field(default_factory=dict)
    offered: dict[Series, int] = field(default_factory=dict)
    ids: set[str] = field(default_factory=set)
    last: Notification | None = None
    seq: int = 0
    steps: set[tuple[str | None, int | None]] = field(default_factory=set)

    def firing(self) -> dict[Series, Word]:
        return {series: word for series, word in self.words.items() if word.status is Status.FIRING}

    def hear(self, told: Notification) -> None:
        """Remember it; that all is resolved ends what is not listed too, and news of an incident alone ends nothing."""
        self.ids.add(told.id)
        self.seq = told.seq
        if told.reason is Reason.UPDATE:
            return
        self.last = told
        self.steps.add((told.incident, told.step))
        if told.status is Status.RESOLVED:
            self.words.update({s: replace(word, status=Status.RESOLVED) for s, word in self.firing().items()})
        for alert in told.alerts:
            self.words[series_of(alert)] = Word(alert, alert.status_at(told.created_at), told.created_at)
        over = {series_of(alert) for alert in told.alerts if alert.status_at(told.created_at) is Status.RESOLVED}
        is_all = told.status is Status.RESOLVED
        self.offered = {s: seq for s, seq in self.offered.items() if seq > told.seq or not (is_all or s in over)}


@dataclass(frozen=True, slots=True)
class Situated:
    """An incident of a group: whom it has to have reached, and whether somebody has taken or closed it."""

    reached: frozenset[str] = frozenset()
    is_quiet: bool = False


class Model:
    """See the module."""

    def __init__(self, situation: Situation, *, now: datetime) -> None:
        self.seen = Seen(situation, now=now)
        self.taken: dict[IncidentId, Taken] = {}
        self.decided: dict[Ear, list[int]] = defaultdict(list)
        self.ears: dict[Ear, Heard] = defaultdict(Heard)
        self.may_repeat: Counter[str] = Counter()

    # What is heard

    def decided_to_tell(self, told: Notification) -> None:
        """Remember that somebody is to hear this, whether it arrives or not."""
        self.decided[told.group, told.key].append(told.seq)
        firing = (each for each in told.alerts if each.status_at(told.created_at) is Status.FIRING)
        self.ears[told.group, told.key].offered.update((series_of(each), told.seq) for each in firing)

    def heard(self, told: Notification, *, at: datetime) -> None:
        """Check what somebody has heard at an instant. Raises BrokenError."""
        ear = self.ears[told.group, told.key]
        if told.id in ear.ids:
            self.may_repeat[told.id] -= 1
            _expect(self.may_repeat[told.id] >= 0, Law.ONCE, told, "")
        _expect(ear.seq <= told.seq, Law.ORDER, told, "")
        if any(alert.name == HELD_BACK for alert in told.alerts):
            ear.ids, ear.seq = ear.ids | {told.id}, told.seq
            return  # it is about notifications, and nobody's alert
        for alert in told.alerts:
            self._check(told, alert, ear)
            self._check_true(told, alert, at=at)
        if told.status is Status.RESOLVED:
            self._check_over(told, ear)
        self._check_taken(told)
        if told.id not in ear.ids and told.reason is not Reason.UPDATE:
            self._check_news(told, ear)
        ear.hear(told)

    def _check(self, told: Notification, alert: Alert, ear: Heard) -> None:
        series, at, began = series_of(alert), told.created_at, alert.starts_at
        _expect(self.seen.may_fire(series, began), Law.HELD, told, f"{series} since {began:%H:%M:%S}")
        if told.reason is Reason.UPDATE:
            is_muted = False  # it is about what was told, silenced or not
        elif alert.status_at(at) is Status.FIRING:
            is_muted = self.seen.is_silenced(alert, at) or self.seen.is_inhibited(alert, at)
        else:
            _expect(self.seen.may_be_over(series, began, at), Law.OVER, told, f"{series} since {began:%H:%M:%S}")
            # Who believes that it fires, perhaps since an earlier time, has to hear of its end all the same.
            is_awaited = series in ear.firing() or series in ear.offered
            is_silent = self.seen.is_silenced(alert, at, since=began) or self.seen.is_inhibited(alert, at, since=began)
            is_muted = is_silent and not is_awaited
        _expect(not is_muted, Law.MUTED, told, f"{series} since {began:%H:%M:%S}")

    def _check_true(self, told: Notification, alert: Alert, *, at: datetime) -> None:
        if alert.status_at(told.created_at) is Status.RESOLVED or not self.seen.is_long_over(series_of(alert), at):
            return
        is_gone = told.key not in self.seen.situation.everybody  # and if it comes back, it has missed nothing
        may_be_late = is_gone or self._may_wait(told, at)
        _expect(may_be_late, Law.TRUE, told, f"{series_of(alert)}, at {at:%H:%M:%S}")

    def _check_over(self, told: Notification, ear: Heard) -> None:
        """Check that all is over that somebody believes in, listed or not: they are told that everything is."""
        for series, word in ear.firing().items():
            is_over = self._has_left((told.group, told.key), word) or self.seen.may_be_over(
                series, word.alert.starts_at, told.created_at
            )
            _expect(is_over, Law.OVER, told, f"{series}, which is not listed")

    def _check_taken(self, told: Notification) -> None:
        taken = self.taken.get(IncidentId(told.incident or ""))
        if taken is None or not taken.since < told.created_at < taken.until:
            return
        if taken.is_suppressed and not all(self.seen.is_silenced(each, told.created_at) for each in told.alerts):
            return
        is_climb = told.reason is Reason.ESCALATED or (taken.is_quiet and told.reason is Reason.REPEAT)
        _expect(not is_climb, Law.TAKEN, told, f"taken at {taken.since:%H:%M:%S}")

    def _check_news(self, told: Notification, ear: Heard) -> None:
        if ear.last is None:
            return
        if told.reason is Reason.REPEAT:
            _expect(told.created_at - ear.last.created_at > REPEAT, Law.NEWS, told, "so soon")
            return
        if told.reason is Reason.ESCALATED and (told.incident, told.step) not in ear.steps:
            return  # somebody is asked who was told before
        missed = any(ear.last.seq < seq < told.seq for seq in self.decided[told.group, told.key])
        words = {series_of(each): (each.status_at(told.created_at), each.starts_at) for each in told.alerts}
        place = told.group, told.key
        known = {s: (w.status, w.alert.starts_at) for s, w in ear.words.items() if not self._has_left(place, w)}
        is_news = any(known.get(series) != word for series, word in words.items())
        is_news = is_news or (told.status is Status.RESOLVED and bool(ear.firing()))
        _expect(missed or is_news, Law.NEWS, told, "nothing new")

    def _may_wait(self, told: Notification, at: datetime) -> bool:
        """Say whether an end may have to wait: something that the group is told of, or is to be, is muted."""
        ears = (heard for (group, _), heard in self.ears.items() if group == told.group)
        alerts = [*told.alerts, *(word.alert for heard in ears for word in heard.firing().values())]
        return any(self.seen.is_silenced(each, at) or self.seen.is_inhibited(each, at) for each in alerts)

    # What is true after a lull

    def settled(self, firing: Mapping[Series, Alert], incidents: Mapping[GroupId, Situated], *, now: datetime) -> None:
        """Check what everybody believes by now; `firing` is what truly fires. Raises BrokenError."""
        self._check_told(firing, incidents, now=now)
        for (group, integration), heard in sorted(self.ears.items()):
            for series in sorted(heard.firing()):
                if series not in firing and self._must_end((group, integration), heard, series):
                    waits = self._waits(group, heard, firing, now=now)
                    _expect(waits, Law.ENDED, heard.last, f"{integration} still believes in {series}")

    def _check_told(
        self, firing: Mapping[Series, Alert], incidents: Mapping[GroupId, Situated], *, now: datetime
    ) -> None:
        for series, alert in firing.items():
            if self.seen.was_muted(alert, firing, now=now):
                continue
            for group in self.seen.situation.groups_of(alert):
                situated = incidents.get(group, Situated())
                own = self.seen.situation.integrations(self.seen.situation.receivers_of(alert))
                for integration in own | self.seen.situation.integrations(situated.reached):
                    heard = self.ears[group, integration]
                    word = heard.words.get(series)
                    is_told = word is not None and word.status is Status.FIRING
                    _expect(is_told, Law.TOLD, heard.last, f"{integration} does not know of {series}")
                    is_due = integration in own and not situated.is_quiet
                    is_fresh = heard.last is not None and heard.last.created_at > now - REPEAT - 4 * INTERVAL
                    _expect(is_fresh or not is_due, Law.REPEATED, heard.last, f"{integration}, {series}")

    def _must_end(self, ear: Ear, heard: Heard, series: Series) -> bool:
        """Say whether an ear hears of the end of an alert: it always was its business, and it hears of ends."""
        assert heard.last is not None
        return heard.last.integration.send_resolved and not self._has_left(ear, heard.words[series])

    def _waits(self, group: GroupId, heard: Heard, firing: Mapping[Series, Alert], *, now: datetime) -> bool:
        """Say whether ends have to wait: all that still fires in the group is muted, and some of it was told."""
        members = {s: a for s, a in firing.items() if group in self.seen.situation.groups_of(a)}
        return bool(heard.firing().keys() & members) and all(
            self.seen.was_muted(alert, firing, now=now) for alert in members.values()
        )

    def _has_left(self, ear: Ear, word: Word) -> bool:
        """Say whether an alert has been none of an ear's business since the word of it: the word is forgotten."""
        return self.seen.has_left(word.alert, *ear, since=word.at)


def _expect(holds: bool, law: Law, told: Notification | None, what: str) -> None:
    if not holds:
        last = f"{told.key} {told.status} ({told.reason}) of {told.created_at:%H:%M:%S}" if told else "nothing heard"
        raise BrokenError(law, f"{what} [{last}]")
