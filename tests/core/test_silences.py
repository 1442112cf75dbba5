"""Silences: their states, what they silence, how they change, and which are too broad."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.config.patterns import compile_pattern
from tocsin.core.intervals import TimeInterval, parse_times, parse_weekdays
from tocsin.core.matchers import Matcher, MatchType
from tocsin.core.silences import (
    BroadnessRule,
    ChangeKind,
    Draft,
    MatcherSets,
    MatcherText,
    Recurrence,
    RefusedSilenceError,
    Silence,
    SilenceId,
    SilenceRefusal,
    SilenceState,
    check_breadth,
    compile_sets,
    decide_change,
    expire,
    silencing,
    validate,
)

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
NEW = SilenceId("new")
OLD = SilenceId("old")


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def on(**labels: str) -> tuple[Matcher, ...]:
    return tuple(Matcher(name, MatchType.EQUAL, value) for name, value in labels.items())


def regexp(name: str, value: str, type_: MatchType = MatchType.REGEXP) -> Matcher:
    return Matcher(name, type_, value, compile_pattern(value))


def silence(starts: float = 0, ends: float = 3600, *, id_: str = OLD, **changes: Any) -> Silence:
    made = Silence(SilenceId(id_), (on(a="1"),), at(starts), at(ends), "ann", "why", updated_at=at(-7200))
    return replace(made, **changes)


def draft(starts: float | None = 0, ends: float | None = 3600, **changes: Any) -> Draft:
    starts_at, ends_at = (None if seconds is None else at(seconds) for seconds in (starts, ends))
    return replace(Draft((on(a="1"),), starts_at, ends_at, "bob", "because"), **changes)


@pytest.mark.parametrize(
    ("name", "starts", "ends", "expected"),
    [
        ("before its start", 1, 3600, SilenceState.PENDING),
        ("at its start", 0, 3600, SilenceState.ACTIVE),
        ("just before its end", -3600, 0.000001, SilenceState.ACTIVE),
        ("at its end", -3600, 0, SilenceState.EXPIRED),
        ("one that was expired before it began", 0, 0, SilenceState.EXPIRED),
    ],
)
def test_the_state_of_a_silence(name: str, starts: float, ends: float, expected: SilenceState) -> None:
    assert silence(starts, ends).state_at(NOW) is expected, name


TWO_SETS = (on(a="1", b="2"), (regexp("c", "x|y"),))


@pytest.mark.parametrize(
    ("name", "matchers", "labels", "expected"),
    [
        ("every matcher of a set has to match", TWO_SETS, {"a": "1", "b": "2"}, True),
        ("half a set is not enough", TWO_SETS, {"a": "1"}, False),
        ("another set will do", TWO_SETS, {"a": "1", "c": "y"}, True),
        ("sets are not mixed", TWO_SETS, {"b": "2", "c": "xy"}, False),
        ("no set at all matches nothing", (), {"a": "1"}, False),
    ],
)
def test_what_matches(name: str, matchers: MatcherSets, labels: dict[str, str], expected: bool) -> None:
    assert silence(matchers=matchers).matches(labels) is expected, name


def test_the_active_silences_that_match_are_named_in_order() -> None:
    silences = [
        silence(id_="z"),
        silence(id_="a"),
        silence(60, id_="pending"),
        silence(-60, 0, id_="expired"),
        silence(id_="other", matchers=(on(a="2"),)),
    ]
    assert silencing(silences, {"a": "1"}, now=NOW) == ("a", "z")


NIGHTS = {"nights": (TimeInterval(times=(parse_times("00:00", "06:00"),)),), "never": ()}
FRIDAYS = Recurrence(intervals=(TimeInterval(weekdays=(parse_weekdays("friday"),)),))


@pytest.mark.parametrize(
    ("name", "schedule", "seconds", "expected"),
    [
        ("within a named interval", Recurrence(("nights",)), 0, True),
        ("outside it", Recurrence(("nights",)), 3 * 3600, False),
        ("within it on the next day", Recurrence(("nights",)), 23 * 3600, True),
        ("any of the names", Recurrence(("never", "nights")), 0, True),
        ("within its own interval", FRIDAYS, 20 * 3600, True),
        ("outside its own interval", FRIDAYS, 22 * 3600, False),
        ("a name that nobody defines any more", Recurrence(("gone",)), 0, False),
        ("after the silence's own end", Recurrence(("nights",)), 47 * 3600, False),
        ("before the silence's own start", Recurrence(("nights",)), -3600, False),
    ],
)
def test_a_recurring_silence_silences(name: str, schedule: Recurrence, seconds: float, expected: bool) -> None:
    recurring = silence(0, 47 * 3600, schedule=schedule)
    found = silencing([recurring], {"a": "1"}, now=at(seconds), named=NIGHTS)
    assert found == ((OLD,) if expected else ()), name


@pytest.mark.parametrize(
    ("name", "wanted", "reason"),
    [
        ("no sets", draft(matchers=()), "at least one matcher set required"),
        ("an empty set", draft(matchers=(on(a="1"), ())), "matcher set 1 is empty"),
        (
            "a set that matches what has none of its labels",
            draft(matchers=(on(a="1"), (*on(a=""), regexp("b", ".*")))),
            "matcher set 1: at least one matcher must not match the empty string",
        ),
        ("no start", draft(None), "invalid zero start timestamp"),
        ("no end", draft(0, None), "invalid zero end timestamp"),
        ("an end before the start", draft(0, -1), "end time must not be before start time"),
        ("a schedule of nothing", draft(schedule=Recurrence()), "the schedule names no time interval"),
        (
            "a schedule that nobody knows",
            draft(schedule=Recurrence(("nights", "days"))),
            'undefined time interval "days" used in schedule',
        ),
    ],
)
def test_a_silence_is_refused_with_a_reason(name: str, wanted: Draft, reason: str) -> None:
    with pytest.raises(RefusedSilenceError) as refused:
        validate(wanted, NIGHTS)
    assert (refused.value.reason, str(refused.value)) == (SilenceRefusal.INVALID, reason), name


@pytest.mark.parametrize(
    ("name", "matchers"),
    [
        ("one matcher that asks for something is enough", (*on(a=""), *on(b="1"))),
        ("a negative one is", (Matcher("a", MatchType.NOT_EQUAL, "1"),)),
        ("a negative one is, even where it asks for nothing", (regexp("a", ".+", MatchType.NOT_REGEXP),)),
    ],
)
def test_what_a_silence_may_match(name: str, matchers: tuple[Matcher, ...]) -> None:
    validate(draft(matchers=(matchers,)))


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("a name", MatcherText("", MatchType.EQUAL, "x"), 'invalid label matcher 1 in set 0: invalid label name ""'),
        (
            "a pattern",
            MatcherText("a", MatchType.REGEXP, "("),
            'invalid label matcher 1 in set 0: invalid regular expression "(": broken',
        ),
    ],
)
def test_a_matcher_is_refused_with_its_place(name: str, text: MatcherText, reason: str) -> None:
    def refuse(pattern: str) -> NoReturn:
        raise ValueError("broken")

    with pytest.raises(RefusedSilenceError) as refused:
        compile_sets([[MatcherText("a", MatchType.EQUAL, "1"), text]], refuse)
    assert str(refused.value) == reason, name


def test_matchers_are_compiled() -> None:
    sets = compile_sets(
        [[MatcherText("a", MatchType.REGEXP, "x|y")], [MatcherText("b", MatchType.EQUAL, "1")]], compile_pattern
    )
    assert sets == ((regexp("a", "x|y"),), on(b="1"))
    assert sets[0][0].matches({"a": "y"})


@pytest.mark.parametrize(
    ("name", "stored", "wanted", "kind"),
    [
        ("a new one", None, draft(), ChangeKind.CREATED),
        ("an active one that ends later", silence(), draft(0, 7200), ChangeKind.UPDATED),
        ("an active one that ends earlier", silence(), draft(0, 60), ChangeKind.UPDATED),
        ("an active one, the start to the second", silence(-59.5), draft(-60), ChangeKind.UPDATED),
        ("an active one with another comment", silence(), draft(comment="x"), ChangeKind.UPDATED),
        ("an active one whose start moves", silence(-60), draft(-30), ChangeKind.REPLACED),
        ("an active one with other matchers", silence(), draft(matchers=(on(a="2"),)), ChangeKind.REPLACED),
        ("an active one with another set", silence(), draft(matchers=(on(a="1"), on(b="1"))), ChangeKind.REPLACED),
        (
            "an active one whose matchers change places",
            silence(matchers=TWO_SETS),
            draft(matchers=(TWO_SETS[1], TWO_SETS[0][::-1])),
            ChangeKind.UPDATED,
        ),
        ("an active one that is to recur", silence(), draft(schedule=FRIDAYS), ChangeKind.REPLACED),
        ("a pending one whose start moves", silence(60), draft(30), ChangeKind.UPDATED),
        ("a pending one that is to begin now", silence(60), draft(None), ChangeKind.UPDATED),
        ("a pending one whose start moves into the past", silence(60), draft(-30), ChangeKind.REPLACED),
        ("a pending one with other matchers", silence(60), draft(60, matchers=(on(a="2"),)), ChangeKind.REPLACED),
        ("an expired one", silence(-60, 0), draft(), ChangeKind.REPLACED),
    ],
)
def test_when_the_id_stays(name: str, stored: Silence | None, wanted: Draft, kind: ChangeKind) -> None:
    change = decide_change(stored, replace(wanted, id=stored.id if stored else None), new_id=NEW, now=NOW)
    assert change.kind is kind, name
    assert change.silence.id == (OLD if kind is ChangeKind.UPDATED else NEW)
    assert (change.silence.created_by, change.silence.updated_at) == ("bob", NOW)


def test_an_update_in_place_leaves_the_start_as_it_was() -> None:
    change = decide_change(silence(-59.5), draft(-60, 7200, id=OLD), new_id=NEW, now=NOW)
    assert (change.silence.starts_at, change.silence.ends_at) == (at(-59.5), at(7200))


def test_what_is_replaced_is_expired() -> None:
    change = decide_change(silence(-60), draft(-30, id=OLD), new_id=NEW, now=NOW)
    assert change.expired == silence(-60, 0, updated_at=NOW)
    assert change.silence.starts_at == NOW, "a new silence never starts in the past"


def test_what_is_over_is_not_expired_again() -> None:
    assert decide_change(silence(-60, -30), draft(id=OLD), new_id=NEW, now=NOW).expired is None


@pytest.mark.parametrize(
    ("name", "wanted", "reason", "text"),
    [
        ("an id that nobody knows", draft(id=OLD), SilenceRefusal.NOT_FOUND, "silence not found"),
        ("an end in the past", draft(-60, -30), SilenceRefusal.INVALID, "end time can't be in the past"),
        ("an end that is now", draft(-60, 0), SilenceRefusal.INVALID, "end time can't be in the past"),
        ("no time at all", draft(60, 60), SilenceRefusal.INVALID, "start time must be before end time"),
        ("what is not valid", draft(matchers=()), SilenceRefusal.INVALID, "at least one matcher set required"),
    ],
)
def test_a_change_is_refused_with_a_reason(name: str, wanted: Draft, reason: SilenceRefusal, text: str) -> None:
    with pytest.raises(RefusedSilenceError) as refused:
        decide_change(None, wanted, new_id=NEW, now=NOW)
    assert (refused.value.reason, str(refused.value)) == (reason, text), name


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("an active one ends now", silence(-60), silence(-60, 0, updated_at=NOW)),
        ("a pending one never was", silence(60), silence(0, 0, updated_at=NOW)),
        ("one that is over stays as it is", silence(-60, -30), silence(-60, -30)),
    ],
)
def test_expiring(name: str, before: Silence, after: Silence) -> None:
    assert expire(before, now=NOW) == after, name
    assert expire(after, now=at(1)) == after, "expiring twice is expiring once"


ALERTS = [{"alertname": "X", "instance": str(number)} for number in range(3)]
NAMED = BroadnessRule(required_labels=("alertname", "instance"))


@pytest.mark.parametrize(
    ("name", "matchers", "rule", "reason"),
    [
        ("nothing is too broad by default", (on(severity="x"),), BroadnessRule(), None),
        ("one of the labels is named", (on(instance="1"),), NAMED, None),
        (
            "none of the labels is named",
            (on(instance="1"), on(severity="x")),
            NAMED,
            "silence too broad: matcher set 1: an equality matcher on one of alertname, instance is required",
        ),
        (
            "a regular expression names none",
            ((regexp("alertname", ".+"),),),
            NAMED,
            "silence too broad: matcher set 0: an equality matcher on one of alertname, instance is required",
        ),
        (
            "that a label is absent names none",
            (on(alertname=""),),
            NAMED,
            "silence too broad: matcher set 0: an equality matcher on one of alertname, instance is required",
        ),
        ("as many alerts as are allowed", (on(alertname="X"),), BroadnessRule(max_alerts=3), None),
        (
            "more alerts than are allowed",
            (on(alertname="X"),),
            BroadnessRule(max_alerts=2),
            "silence too broad: it matches 3 current alerts, at most 2 are allowed",
        ),
        ("an alert that two sets match counts once", (on(instance="1"), on(instance="1")), BroadnessRule((), 1), None),
    ],
)
def test_what_is_too_broad(name: str, matchers: MatcherSets, rule: BroadnessRule, reason: str | None) -> None:
    if reason is None:
        check_breadth(matchers, rule, ALERTS)
        return
    with pytest.raises(RefusedSilenceError) as refused:
        check_breadth(matchers, rule, ALERTS)
    assert (refused.value.reason, str(refused.value)) == (SilenceRefusal.TOO_BROAD, reason), name


RANKS = list(SilenceState)
SECONDS = st.integers(-50, 50)
EDITS = st.lists(
    st.tuples(st.integers(0, 20), SECONDS, SECONDS, st.sampled_from(["edit", "expire", "wait"])), max_size=8
)


@given(SECONDS, SECONDS, EDITS)
def test_whatever_is_done_a_silence_only_moves_on(
    starts: int, ends: int, edits: list[tuple[int, int, int, str]]
) -> None:
    current, now, rank = silence(starts, ends), at(0), 0
    for later, new_starts, new_ends, what in edits:
        now += timedelta(seconds=later)
        if what == "expire":
            current = expire(current, now=now)
        elif what == "edit":
            try:
                change = decide_change(current, draft(new_starts, new_ends, id=OLD), new_id=NEW, now=now)
            except RefusedSilenceError:
                continue
            current = change.silence if change.kind is ChangeKind.UPDATED else change.expired or current
        assert RANKS.index(current.state_at(now)) >= rank
        rank = RANKS.index(current.state_at(now))


@given(SECONDS, SECONDS, st.lists(SECONDS))
def test_with_time_a_silence_only_moves_on(starts: int, ends: int, moments: list[int]) -> None:
    states = [RANKS.index(silence(starts, ends).state_at(at(moment))) for moment in sorted(moments)]
    assert states == sorted(states)


@given(SECONDS, SECONDS)
def test_an_expired_silence_silences_nothing_ever(starts: int, ends: int) -> None:
    over = expire(silence(starts, ends), now=NOW)
    assert all(not over.holds_at(at(moment)) for moment in range(0, 60, 5))
