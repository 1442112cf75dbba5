"""What receivers got in a life that was interrupted, held against what they got in the undisturbed one.

For each group and integration: a notification that comes once more (same id) is doubled; one that was frozen before
another that has arrived already is stale. What is left is compared as the scenario says: every notification (status,
reason, who fires, who is resolved, in this order), every fact (for each alert the sequence of what was told of it, and
as many repeats), or the end (what is believed of each alert when all is quiet). In the last two, a notification that
tells its receiver nothing new is doubled as well. At the end the store must hold the same as in the undisturbed life.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.chaos.scenarios import Compared
from tests.stories.world import Page, World, name_of
from tocsin.core.alerts import Status
from tocsin.core.incidents import Source
from tocsin.core.notifications import Reason
from tocsin.core.receivers import IntegrationKey, Kind
from tocsin.core.routing import GroupId
from tocsin.core.rules import AlertState

Ear = tuple[GroupId, IntegrationKey]
# Status, reason, who fires, who is resolved; of what is told of an incident only, how it stands.
Content = tuple[Status, Reason, frozenset[str], frozenset[str], str]
Left = tuple[tuple[str, object], ...]
INCIDENTS, PEOPLE = "incidents", "what people did"
# A step that is due is told within this.
PROMPT = timedelta(seconds=10)
SOON = timedelta(minutes=6)


@dataclass(frozen=True, slots=True)
class Heard:
    """One arrival at one ear."""

    at: datetime
    id: str
    frozen_at: datetime
    kind: Kind
    content: Content
    # Each alert with its beginning: firing anew is news.
    spells: frozenset[tuple[str, Status, datetime]]

    @property
    def facts(self) -> Iterator[tuple[str, Status]]:
        _, reason, firing, resolved, _ = self.content
        if reason is Reason.UPDATE:
            return
        yield from ((name, Status.FIRING) for name in firing)
        yield from ((name, Status.RESOLVED) for name in resolved)


@dataclass(frozen=True, slots=True)
class Life:
    """All that was heard, by ear and in order, and what the store holds at the end."""

    heard: Mapping[Ear, Sequence[Heard]]
    left: Left
    told: str
    calls: Sequence[str]
    taken_at: datetime | None = None


def look_back(world: World, calls: Sequence[str]) -> Life:
    """Return what a world has come to."""
    heard: dict[Ear, list[Heard]] = {}
    for page in world.heard:
        heard.setdefault((page.notification.group, page.notification.key), []).append(_heard(page))
    pages = len(world.pages)
    many = pages > 20 or any(len(page.notification.alerts) > 20 for page in world.pages)
    return Life(heard, _left(world), f"{pages} pages" if many else world.told(), tuple(calls), world.taken_at)


def _heard(page: Page) -> Heard:
    note = page.notification
    spells = frozenset((name_of(each), each.status_at(note.created_at), each.starts_at) for each in note.alerts)
    firing = frozenset(name for name, status, _ in spells if status is Status.FIRING)
    resolved = frozenset(name for name, status, _ in spells if status is Status.RESOLVED)
    stands = note.standing.state if note.standing and note.reason is Reason.UPDATE else ""
    content = (note.status, note.reason, firing, resolved, stands)
    return Heard(page.at, note.id, note.created_at, note.integration.kind, content, spells)


def _left(world: World) -> Left:
    """Return what must be the same at the end, whatever was interrupted: all but times and numbers."""
    store, records = world.store, world.store.load_rules(now=world.now)
    firing = {
        (key, alert)
        for key, record in records.items()
        for alert, each in record.active.items()
        if each.state is AlertState.FIRING
    }
    groups = {page.notification.group for page in world.pages} | {*store.active_groups()}
    started = list(dict.fromkeys(world.escalations.started))
    incidents = filter(None, map(store.load_incident, started))
    events = (event for each in started for event in store.load_events(each))
    return (
        ("groups that somebody looks at", frozenset(store.active_groups())),
        ("alerts that fire", frozenset(firing)),
        ("rules that are telling", sum(bool(record.telling) for record in records.values())),
        ("outbox", sum(len(store.load_outbox(group)) for group in groups)),
        ("who inhibits", frozenset(each.fingerprint for each in store.load_inhibitors(now=world.now))),
        (INCIDENTS, tuple(sorted((each.state, each.steps_done) for each in incidents))),
        (PEOPLE, tuple((each.change, each.by, each.source) for each in events if each.source is not Source.SYSTEM)),
        *((what, look()) for what, look in world.outside.items()),
        ("untold alerts that were sent", sum(not each.is_told for each in store.load_ingested(now=world.now))),
    )


@dataclass(slots=True)
class Verdict:
    """How many notifications were lost, came twice (allowed or not), came too late to be true, or should not be."""

    lost: int = 0
    allowed: int = 0
    doubled: int = 0
    stale: int = 0
    other: int = 0
    latest: timedelta = timedelta(0)
    problems: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        return not (self.lost or self.doubled or self.stale or self.other)


def judge(
    expected: Life,
    got: Life,
    compared: Compared,
    *,
    may_repeat: frozenset[Kind] = frozenset(),
    most_repeats: int = 1,
) -> Verdict:
    """Hold a life against the undisturbed one.

    Receivers of the kinds `may_repeat` may hear something once more, so often in all.
    """
    verdict = Verdict()
    for ear in sorted(expected.heard.keys() | got.heard.keys()):
        then, now = expected.heard.get(ear, ()), _once(got.heard.get(ear, ()), verdict, may_repeat)
        if compared is Compared.EXACTLY:
            _updates(then, now, verdict)
            then, now = _pages(then), _pages(now)
        if compared is Compared.CLIMB:
            _climb(then, now, verdict, got.taken_at)
        else:
            {Compared.EXACTLY: _exactly, Compared.FACTS: _facts, Compared.END: _end}[compared](then, now, verdict)
    if verdict.allowed > most_repeats:
        verdict.doubled += verdict.allowed - most_repeats
        verdict.problems.append(f"told once more {verdict.allowed} times, not at most {most_repeats}")
    for (what, left), (_, is_left) in zip(expected.left, got.left, strict=True):
        if left != is_left and (compared is not Compared.CLIMB or what not in (INCIDENTS, PEOPLE)):
            verdict.other += 1
            verdict.problems.append(f"{what} at the end: {is_left}, not {left}")
    return verdict


def _once(heard: Sequence[Heard], verdict: Verdict, may_repeat: frozenset[Kind]) -> list[Heard]:
    """Return the first arrival of each notification, and count what came twice or after something newer."""
    once: dict[str, Heard] = {}
    newest: datetime | None = None
    for each in heard:
        if newest is not None and each.frozen_at < newest:
            verdict.stale += 1
            verdict.problems.append(f"stale: {_shown(each)}")
        if each.id in once:
            _count_double(each, verdict, is_allowed=each.kind in may_repeat)
        once.setdefault(each.id, each)
        newest = each.frozen_at if newest is None else max(newest, each.frozen_at)
    return list(once.values())


def _count_double(each: Heard, verdict: Verdict, *, is_allowed: bool) -> None:
    if is_allowed:
        verdict.allowed += 1
    else:
        verdict.doubled += 1
        verdict.problems.append(f"twice: {_shown(each)}")


def _pages(heard: Sequence[Heard]) -> list[Heard]:
    return [each for each in heard if each.content[1] is not Reason.UPDATE]


def _updates(expected: Sequence[Heard], got: Sequence[Heard], verdict: Verdict) -> None:
    """Each change of an incident is shown, by itself or by what is told soon after; once more is no harm."""
    shown = Counter(each.content[4] for each in got)
    for each in expected:
        state = each.content[4]
        if each.content[1] is not Reason.UPDATE:
            continue
        shown[state] -= 1
        is_told_otherwise = any(each.at <= later.at <= each.at + SOON for later in _pages(got))
        if shown[state] < 0 and not is_told_otherwise:
            verdict.lost += 1
            verdict.problems.append(f"the change of {each.at:%H:%M:%S} to {state} is not shown")


def _exactly(expected: Sequence[Heard], got: Sequence[Heard], verdict: Verdict) -> None:
    wanted, have = [each.content for each in expected], [each.content for each in got]
    if wanted == have:
        _note_delays(((then.at, now.at) for then, now in zip(expected, got, strict=True)), verdict)
        return
    missing, added = Counter(wanted) - Counter(have), Counter(have) - Counter(wanted)
    doubled = sum(count for content, count in added.items() if content in wanted)
    verdict.lost += missing.total()
    verdict.doubled += doubled
    verdict.other += added.total() - doubled
    if not missing and not added:
        verdict.stale += 1
    verdict.problems.append("not as undisturbed: " + "; ".join(map(_shown, got)))


def _facts(expected: Sequence[Heard], got: Sequence[Heard], verdict: Verdict) -> None:
    _count_what_says_nothing_new(got, verdict)
    wanted, have = _news(expected), _news(got)
    for name in sorted(wanted.keys() | have.keys()):
        then, now = wanted.get(name, []), have.get(name, [])
        states, told = [state for _, state in then], [state for _, state in now]
        if states == told:
            _note_delays(((a, b) for (a, _), (b, _) in zip(then, now, strict=True)), verdict)
            continue
        verdict.lost += max(len(states) - len(told), 0)
        verdict.other += len(states) <= len(told)
        verdict.problems.append(f"told of {name}: {', '.join(told)}; not {', '.join(states)}")
    more = _repeats(got) - _repeats(expected)
    verdict.lost += max(-more, 0)
    verdict.doubled += max(more, 0)
    if more:
        verdict.problems.append(f"{_repeats(got)} repeats, not {_repeats(expected)}")


def _end(expected: Sequence[Heard], got: Sequence[Heard], verdict: Verdict) -> None:
    _count_what_says_nothing_new(got, verdict)
    wanted, have = _news(expected), _news(got)
    for name in sorted(wanted.keys() | have.keys()):
        then, now = _believed(wanted.get(name)), _believed(have.get(name))
        if then is not now:
            verdict.lost += 1
            verdict.problems.append(f"believed of {name} at the end: {now}, not {then}")
        elif name in wanted and name in have:
            _note_delays([(wanted[name][-1][0], have[name][-1][0])], verdict)


def _climb(expected: Sequence[Heard], got: Sequence[Heard], verdict: Verdict, taken_at: datetime | None) -> None:
    """A step that was due before somebody took the incident is told; one that is decided after that is not."""
    # Who knows of something firing is told that somebody has it; in the undisturbed life nobody does.
    got = [each for each in got if each.content[1] is not Reason.UPDATE]
    is_step = bool(expected) and expected[0].content[1] is Reason.ESCALATED
    if not got and is_step and taken_at is not None and taken_at < expected[0].frozen_at + PROMPT:
        return
    if got and is_step and taken_at is not None and got[0].frozen_at > taken_at:
        verdict.other += 1
        verdict.problems.append(f"taken at {taken_at:%H:%M:%S}, and told after that: {_shown(got[0])}")
    _exactly(expected, got, verdict)


def _believed(news: Sequence[tuple[datetime, Status]] | None) -> Status:
    return news[-1][1] if news else Status.RESOLVED


def _news(heard: Iterable[Heard]) -> dict[str, list[tuple[datetime, Status]]]:
    """Return what was new of each alert, in order, and when."""
    news: dict[str, list[tuple[datetime, Status]]] = {}
    for each in heard:
        for name, status in each.facts:
            known = news.setdefault(name, [])
            if not known or known[-1][1] is not status:
                known.append((each.at, status))
    return news


def _count_what_says_nothing_new(heard: Iterable[Heard], verdict: Verdict) -> None:
    known: dict[str, tuple[Status, datetime]] = {}
    for each in heard:
        told = {name: (status, starts_at) for name, status, starts_at in each.spells}
        is_news = each.content[1] in (Reason.REPEAT, Reason.UPDATE)
        if not is_news and all(known.get(name) == what for name, what in told.items()):
            verdict.doubled += 1
            verdict.problems.append(f"nothing new: {_shown(each)}")
        known |= told


def _repeats(heard: Iterable[Heard]) -> int:
    return sum(each.content[1] is Reason.REPEAT for each in heard)


def _note_delays(pairs: Iterable[tuple[datetime, datetime]], verdict: Verdict) -> None:
    verdict.latest = max([verdict.latest, *(now - then for then, now in pairs)])


def _shown(each: Heard) -> str:
    status, reason, firing, resolved, stands = each.content
    why = f"{reason}: {stands}" if stands else str(reason)
    return f"{each.at:%H:%M:%S} {status} ({why}) firing={_few(firing)} resolved={_few(resolved)}"


def _few(names: frozenset[str]) -> str:
    return ",".join(sorted(names)) if len(names) < 6 else f"{len(names)} alerts"
