"""Silences: what a person wants to hear nothing of, for a time.

A silence silences an alert that fulfils every matcher of any of its sets, from its start to before its end. It only
moves from pending to active to expired, and what it has silenced is history that nobody changes: an update that would
change it expires the silence and makes a new one. A schedule (our own) makes a silence recur within its time. An exact
silence (our own) silences the alerts whose labels its sets name in full, and none that has others beside them.

Source: https://github.com/prometheus/alertmanager/blob/main/silence/silence.go and api/v2/api.go
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import NewType

from .intervals import NamedIntervals, TimeInterval, is_within
from .labels import quote
from .matcher_syntax import Syntax, is_label_name
from .matchers import Matcher, MatchType, matches_all
from .patterns import Compile

SilenceId = NewType("SilenceId", str)

# Any of the sets has to match, with all of its matchers.
MatcherSets = tuple[tuple[Matcher, ...], ...]

_NO_INTERVALS: NamedIntervals = MappingProxyType({})


class SilenceState(StrEnum):
    PENDING = "pending"
    ACTIVE = "active"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Recurrence:
    """When a recurring silence holds within its time: in intervals of configuration, by name, or in its own."""

    names: tuple[str, ...] = ()
    intervals: tuple[TimeInterval, ...] = ()

    def contains(self, instant: datetime, named: NamedIntervals) -> bool:
        """Say whether any of the intervals contains an instant; a name that nobody defines contains none."""
        return is_within(self.intervals, instant) or any(is_within(named.get(name, ()), instant) for name in self.names)


@dataclass(frozen=True, slots=True)
class Silence:
    """One silence; times are aware UTC datetimes, `ends_at` is no longer part of it.

    An exact one has matchers for equality only.
    """

    id: SilenceId
    matchers: MatcherSets
    starts_at: datetime
    ends_at: datetime
    created_by: str
    comment: str
    updated_at: datetime
    annotations: Mapping[str, str] = field(default_factory=dict)
    schedule: Recurrence | None = None
    is_exact: bool = False
    _named: frozenset[frozenset[tuple[str, str]]] = field(init=False, compare=False, repr=False, default=frozenset())

    def __post_init__(self) -> None:
        if self.is_exact:
            named = frozenset(frozenset((each.name, each.value) for each in matchers) for matchers in self.matchers)
            object.__setattr__(self, "_named", named)

    def state_at(self, now: datetime) -> SilenceState:
        """Return whether it is yet to come, holds, or is over."""
        if self.ends_at <= now:
            return SilenceState.EXPIRED
        return SilenceState.PENDING if now < self.starts_at else SilenceState.ACTIVE

    def holds_at(self, now: datetime, named: NamedIntervals = _NO_INTERVALS) -> bool:
        """Say whether it silences at an instant: while it is active, and within its schedule where it has one."""
        if self.state_at(now) is not SilenceState.ACTIVE:
            return False
        return self.schedule is None or self.schedule.contains(now, named)

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Say whether the labels fulfil any of the sets, whatever the time."""
        if self.is_exact:
            return frozenset(labels.items()) in self._named
        return _match(self.matchers, labels)


def silencing(
    silences: Iterable[Silence], labels: Mapping[str, str], *, now: datetime, named: NamedIntervals = _NO_INTERVALS
) -> tuple[SilenceId, ...]:
    """Return the silences that silence an alert with these labels now, sorted; empty if none does."""
    found = (silence.id for silence in silences if silence.holds_at(now, named) and silence.matches(labels))
    return tuple(sorted(found))


class SilenceRefusal(StrEnum):
    """Why a silence is not made or changed."""

    INVALID = "invalid"
    NOT_FOUND = "not found"
    TOO_BROAD = "too broad"


class RefusedSilenceError(ValueError):
    """A silence that is not made or changed; the text is Alertmanager's where it has one."""

    def __init__(self, reason: SilenceRefusal, text: str) -> None:
        self.reason = reason
        super().__init__(text)


@dataclass(frozen=True, slots=True)
class MatcherText:
    """A matcher as it is sent: not yet checked, not yet compiled."""

    name: str
    type: MatchType
    value: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A silence as somebody asks for it. Without an id it is a new one; without a start it begins now."""

    matchers: MatcherSets
    starts_at: datetime | None
    ends_at: datetime | None
    created_by: str
    comment: str
    id: SilenceId | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)
    schedule: Recurrence | None = None


def compile_sets(
    sets: Sequence[Sequence[MatcherText]], compile_pattern: Compile, syntax: Syntax = Syntax.FALLBACK
) -> MatcherSets:
    """Return matchers that can match. Raises RefusedSilenceError for a name or a pattern that is not valid."""
    return tuple(
        tuple(
            _compile(text, f"invalid label matcher {position} in set {number}", compile_pattern, syntax)
            for position, text in enumerate(texts)
        )
        for number, texts in enumerate(sets)
    )


def _compile(text: MatcherText, place: str, compile_pattern: Compile, syntax: Syntax) -> Matcher:
    if not is_label_name(text.name, syntax):
        raise _invalid(f"{place}: invalid label name {quote(text.name)}")
    if not text.type.is_regexp:
        return Matcher(text.name, text.type, text.value)
    try:
        return Matcher(text.name, text.type, text.value, compile_pattern(text.value))
    except ValueError as error:
        raise _invalid(f"{place}: invalid regular expression {quote(text.value)}: {error}") from None


def validate(draft: Draft, named: NamedIntervals = _NO_INTERVALS) -> None:
    """Check what is wrong with a silence whatever the time. Raises RefusedSilenceError with the first reason."""
    if not draft.matchers:
        raise _invalid("at least one matcher set required")
    for number, matchers in enumerate(draft.matchers):
        if not matchers:
            raise _invalid(f"matcher set {number} is empty")
        if all(_matches_empty(matcher) for matcher in matchers):
            raise _invalid(f"matcher set {number}: at least one matcher must not match the empty string")
    if draft.starts_at is None:
        raise _invalid("invalid zero start timestamp")
    if draft.ends_at is None:
        raise _invalid("invalid zero end timestamp")
    if draft.ends_at < draft.starts_at:
        raise _invalid("end time must not be before start time")
    if draft.schedule is not None:
        _validate_schedule(draft.schedule, named)


def _validate_schedule(schedule: Recurrence, named: NamedIntervals) -> None:
    if not schedule.names and not schedule.intervals:
        raise _invalid("the schedule names no time interval")
    unknown = sorted(set(schedule.names) - set(named))
    if unknown:
        raise _invalid(f"undefined time interval {quote(unknown[0])} used in schedule")


def _matches_empty(matcher: Matcher) -> bool:
    """Say whether a matcher asks for nothing; negative ones never count as that."""
    return matcher.type in (MatchType.EQUAL, MatchType.REGEXP) and matcher.matches({})


class ChangeKind(StrEnum):
    CREATED = "created"
    UPDATED = "updated"
    REPLACED = "replaced"


@dataclass(frozen=True, slots=True)
class Change:
    """What saving a draft comes to: the silence to keep, and the one before it, expired, where its id changed."""

    kind: ChangeKind
    silence: Silence
    expired: Silence | None = None


def decide_change(
    stored: Silence | None, draft: Draft, *, new_id: SilenceId, now: datetime, named: NamedIntervals = _NO_INTERVALS
) -> Change:
    """Return what saving a draft changes; `stored` is what its id names, `new_id` is used where a new one is made.

    The id stays where history stays as it was: the same matchers; of an active silence the same start (to the second);
    of a pending one a start that is not past. A new silence never starts in the past. Raises RefusedSilenceError.
    """
    wanted = replace(draft, starts_at=draft.starts_at or now)
    validate(wanted, named)
    starts_at, ends_at = _times(wanted, now=now)
    if draft.id is not None and stored is None:
        raise RefusedSilenceError(SilenceRefusal.NOT_FOUND, "silence not found")
    if stored is not None and _keeps_history(stored, wanted, starts_at, now=now):
        if stored.state_at(now) is SilenceState.ACTIVE:
            starts_at = stored.starts_at
        silence = _made(wanted, stored.id, starts_at, ends_at, now=now)
        return Change(ChangeKind.UPDATED, _as_exact(silence, stored))
    silence = _made(wanted, new_id, max(starts_at, now), ends_at, now=now)
    if stored is None:
        return Change(ChangeKind.CREATED, silence)
    silence = _as_exact(silence, stored)
    is_over = stored.state_at(now) is SilenceState.EXPIRED
    return Change(ChangeKind.REPLACED, silence, expired=None if is_over else expire(stored, now=now))


def expire(silence: Silence, *, now: datetime) -> Silence:
    """Return the silence ended now; one that is over stays as it is, a pending one never was."""
    state = silence.state_at(now)
    if state is SilenceState.EXPIRED:
        return silence
    starts_at = now if state is SilenceState.PENDING else silence.starts_at
    return replace(silence, starts_at=starts_at, ends_at=now, updated_at=now)


def _times(draft: Draft, *, now: datetime) -> tuple[datetime, datetime]:
    starts_at, ends_at = draft.starts_at, draft.ends_at
    if starts_at is None or ends_at is None or ends_at <= starts_at:
        raise _invalid("start time must be before end time")
    if ends_at <= now:
        raise _invalid("end time can't be in the past")
    return starts_at, ends_at


def _keeps_history(stored: Silence, draft: Draft, starts_at: datetime, *, now: datetime) -> bool:
    same = _as_set(stored.matchers) == _as_set(draft.matchers) and stored.schedule == draft.schedule
    match stored.state_at(now):
        case SilenceState.PENDING:
            return same and now <= starts_at
        case SilenceState.ACTIVE:
            return same and _second(stored.starts_at) == _second(starts_at)
        case SilenceState.EXPIRED:
            return False


def _as_exact(silence: Silence, stored: Silence) -> Silence:
    """Return a silence as exact as the one that it was made of, where it names the same: clients don't know of that."""
    if not stored.is_exact or _as_set(stored.matchers) != _as_set(silence.matchers):
        return silence
    return replace(silence, is_exact=True, annotations={**stored.annotations, **silence.annotations})


def _as_set(sets: MatcherSets) -> frozenset[frozenset[Matcher]]:
    return frozenset(frozenset(matchers) for matchers in sets)


def _second(instant: datetime) -> datetime:
    return instant - timedelta(microseconds=instant.microsecond)


def _made(draft: Draft, id_: SilenceId, starts_at: datetime, ends_at: datetime, *, now: datetime) -> Silence:
    return Silence(
        id=id_,
        matchers=draft.matchers,
        starts_at=starts_at,
        ends_at=ends_at,
        created_by=draft.created_by,
        comment=draft.comment,
        updated_at=now,
        annotations=dict(draft.annotations),
        schedule=draft.schedule,
    )


@dataclass(frozen=True, slots=True)
class BroadnessRule:
    """What makes a silence too broad; nothing by default.

    Each of its sets needs an equality matcher on one of `required_labels`, where there are any; and it may match at
    most `max_alerts` of the alerts that are there, where that is not None.
    """

    required_labels: tuple[str, ...] = ()
    max_alerts: int | None = None


def check_breadth(matchers: MatcherSets, rule: BroadnessRule, alerts: Iterable[Mapping[str, str]]) -> None:
    """Check that matchers don't silence too much of what is there. Raises RefusedSilenceError."""
    for number, each in enumerate(matchers):
        if rule.required_labels and not any(_names_one(matcher, rule.required_labels) for matcher in each):
            names = ", ".join(rule.required_labels)
            raise _too_broad(f"matcher set {number}: an equality matcher on one of {names} is required")
    if rule.max_alerts is None:
        return
    count = sum(_match(matchers, labels) for labels in alerts)
    if count > rule.max_alerts:
        raise _too_broad(f"it matches {count} current alerts, at most {rule.max_alerts} are allowed")


def _names_one(matcher: Matcher, names: Sequence[str]) -> bool:
    return matcher.type is MatchType.EQUAL and matcher.name in names and matcher.value != ""


def _match(sets: MatcherSets, labels: Mapping[str, str]) -> bool:
    return any(matches_all(matchers, labels) for matchers in sets)


def _invalid(text: str) -> RefusedSilenceError:
    return RefusedSilenceError(SilenceRefusal.INVALID, text)


def _too_broad(text: str) -> RefusedSilenceError:
    return RefusedSilenceError(SilenceRefusal.TOO_BROAD, f"silence too broad: {text}")
