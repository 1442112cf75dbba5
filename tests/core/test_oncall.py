"""On-call schedules: who has it when, by hand-made cases and by properties; clocks that change are among both."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.core.oncall import (
    Override,
    Schedule,
    SwapRefusal,
    gaps,
    moment_of,
    shift_at,
    shifts,
    swap,
    who,
    with_overrides,
)
from tocsin.core.rotations import WEEK_MINUTES, Layer, Turn, Window
from tocsin.core.shifts import Shift, Span, between, joined, lay_over, within
from tocsin.core.wall_clock import instant_of, wall_of

BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")  # half an hour of summer time
APIA = ZoneInfo("Pacific/Apia")  # had no 30 December 2011
ZONES = (UTC, BERLIN, NEW_YORK, LORD_HOWE, APIA)
AnySpan = TypeVar("AnySpan", bound=Span)
HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)


def wall(text: str) -> datetime:
    return datetime.fromisoformat(text)


def utc(text: str) -> datetime:
    return wall(text).replace(tzinfo=UTC)


def rotation(
    users: str,
    *,
    lasts: timedelta = WEEK,
    anchor: str = "2026-01-05T09:00",
    zone=BERLIN,
    windows: tuple[Window, ...] = (),
    start: datetime | None = None,
    end: datetime | None = None,
) -> Layer:
    first = wall(anchor)
    turns = tuple(Turn(user, lasts) for user in users.split())
    return Layer("", turns, first, start or instant_of(first, zone), end, windows, zone)


def schedule(*layers: Layer, overrides: tuple[Override, ...] = ()) -> Schedule:
    return Schedule("primary", layers, overrides)


def said(found: list[Shift]) -> list[tuple[str, str, str]]:
    return [(f"{each.start:%m-%dT%H:%M}", f"{each.end:%m-%dT%H:%M}", each.user) for each in found]


# Wall clocks


@pytest.mark.parametrize(
    ("zone", "shown", "instant"),
    [
        pytest.param(BERLIN, "2026-01-10T09:00", "2026-01-10T08:00", id="a time that is there once"),
        pytest.param(BERLIN, "2026-03-29T02:30", "2026-03-29T01:00", id="a time that is left out is the jump"),
        pytest.param(BERLIN, "2026-03-29T02:00", "2026-03-29T01:00", id="the first time that is left out"),
        pytest.param(BERLIN, "2026-03-29T03:00", "2026-03-29T01:00", id="the first time after a jump"),
        pytest.param(BERLIN, "2026-10-25T02:30", "2026-10-25T00:30", id="a time that comes twice is the first"),
        pytest.param(NEW_YORK, "2026-03-08T02:15", "2026-03-08T07:00", id="left out in New York"),
        pytest.param(NEW_YORK, "2026-11-01T01:15", "2026-11-01T05:15", id="twice in New York"),
        pytest.param(LORD_HOWE, "2026-10-04T02:10", "2026-10-03T15:30", id="half an hour that is left out"),
        pytest.param(LORD_HOWE, "2026-04-05T01:45", "2026-04-04T14:45", id="half an hour that comes twice"),
        pytest.param(APIA, "2011-12-30T12:00", "2011-12-30T10:00", id="a whole day that is left out"),
    ],
)
def test_a_local_time_is_one_instant(zone, shown, instant):
    assert instant_of(wall(shown), zone) == utc(instant)


walls = st.datetimes(wall("2025-01-01T00:00"), wall("2027-12-31T00:00"))


@given(walls, walls, st.sampled_from(ZONES))
def test_local_times_in_order_are_instants_in_order(one, other, zone):
    early, late = sorted((one, other))
    assert instant_of(early, zone) <= instant_of(late, zone)


@given(walls, st.sampled_from(ZONES))
def test_an_instant_shows_its_local_time_or_the_first_one_after_a_jump(shown, zone):
    instant = instant_of(shown, zone)
    assert wall_of(instant, zone) >= shown
    assert wall_of(instant - timedelta(seconds=1), zone) < shown


# Rotations


def test_users_take_turns_by_the_week():
    primary = schedule(rotation("ann bob"))
    assert said(shifts(primary, utc("2026-01-05T08:00"), utc("2026-01-26T08:00"))) == [
        ("01-05T08:00", "01-12T08:00", "ann"),
        ("01-12T08:00", "01-19T08:00", "bob"),
        ("01-19T08:00", "01-26T08:00", "ann"),
    ]


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        pytest.param(BERLIN, "2026-03-29", id="spring in Berlin"),
        pytest.param(BERLIN, "2026-10-25", id="autumn in Berlin"),
        pytest.param(NEW_YORK, "2026-03-08", id="spring in New York"),
        pytest.param(NEW_YORK, "2026-11-01", id="autumn in New York"),
        pytest.param(LORD_HOWE, "2026-10-04", id="spring on Lord Howe"),
        pytest.param(LORD_HOWE, "2026-04-05", id="autumn on Lord Howe"),
    ],
)
def test_who_takes_over_at_nine_does_so_at_nine_when_clocks_have_changed(zone, day):
    primary = schedule(rotation("ann bob", lasts=DAY, zone=zone))
    noon = instant_of(wall(f"{day}T12:00"), zone)
    found = shifts(primary, noon - 3 * DAY, noon + 3 * DAY)
    assert {f"{each.start.astimezone(zone):%H:%M}" for each in found[1:]} == {"09:00"}
    lengths = {each.end - each.start for each in found[1:-1]}
    assert len(lengths) == 2, "the day on which clocks change is longer or shorter"


def test_twelve_hours_stay_day_and_night_over_the_change():
    primary = schedule(rotation("day night", lasts=12 * HOUR, anchor="2026-03-28T09:00"))
    assert said(shifts(primary, utc("2026-03-28T08:00"), utc("2026-03-30T07:00"))) == [
        ("03-28T08:00", "03-28T20:00", "day"),
        ("03-28T20:00", "03-29T07:00", "night"),  # eleven hours
        ("03-29T07:00", "03-29T19:00", "day"),
        ("03-29T19:00", "03-30T07:00", "night"),
    ]


def test_an_hour_that_is_left_out_is_nobodys_and_one_that_comes_twice_is_one_turn():
    spring = schedule(rotation("one two three", lasts=HOUR, anchor="2026-03-29T01:00"))
    assert said(shifts(spring, utc("2026-03-29T00:00"), utc("2026-03-29T03:00"))) == [
        ("03-29T00:00", "03-29T01:00", "one"),
        ("03-29T01:00", "03-29T02:00", "three"),
        ("03-29T02:00", "03-29T03:00", "one"),
    ]
    autumn = schedule(rotation("one two three", lasts=HOUR, anchor="2026-10-25T01:00"))
    assert said(shifts(autumn, utc("2026-10-24T23:00"), utc("2026-10-25T03:00"))) == [
        ("10-24T23:00", "10-25T00:00", "one"),
        ("10-25T00:00", "10-25T02:00", "two"),
        ("10-25T02:00", "10-25T03:00", "three"),
    ]


def test_who_took_over_in_an_hour_that_comes_twice_keeps_it_when_it_comes_again():
    autumn = schedule(rotation("one two three", lasts=HOUR, anchor="2026-10-25T01:30"))
    assert who(autumn, utc("2026-10-25T00:15")) == "one"
    assert who(autumn, utc("2026-10-25T00:45")) == "two"
    assert who(autumn, utc("2026-10-25T01:15")) == "two", "02:15 again, and turn two began at the first 02:30"


def test_turns_of_their_own_lengths():
    layer = Layer(
        "",
        (Turn("ann", 5 * DAY), Turn("bob", 2 * DAY)),
        anchor=wall("2026-01-05T09:00"),
        start=utc("2026-01-05T09:00"),
    )
    assert said(shifts(schedule(layer), utc("2026-01-05T09:00"), utc("2026-01-19T09:00"))) == [
        ("01-05T09:00", "01-10T09:00", "ann"),
        ("01-10T09:00", "01-12T09:00", "bob"),
        ("01-12T09:00", "01-17T09:00", "ann"),
        ("01-17T09:00", "01-19T09:00", "bob"),
    ]


def test_a_layer_holds_from_its_start_to_before_its_end():
    layer = rotation("ann bob", start=utc("2026-01-08T00:00"), end=utc("2026-01-14T00:00"))
    primary = schedule(layer)
    assert said(shifts(primary, utc("2026-01-01T00:00"), utc("2026-02-01T00:00"))) == [
        ("01-08T00:00", "01-12T08:00", "ann"),
        ("01-12T08:00", "01-14T00:00", "bob"),
    ]
    assert who(primary, utc("2026-01-07T23:59")) is None
    assert who(primary, utc("2026-01-08T00:00")) == "ann"
    assert who(primary, utc("2026-01-14T00:00")) is None


def test_nights_reach_over_midnight_and_weekends_over_days():
    nights = rotation("owl", windows=tuple(Window(day * 1440 + 18 * 60, 15 * 60) for day in range(7)))
    assert said(shifts(schedule(nights), utc("2026-01-06T00:00"), utc("2026-01-07T12:00"))) == [
        ("01-06T00:00", "01-06T08:00", "owl"),
        ("01-06T17:00", "01-07T08:00", "owl"),
    ]
    weekend = rotation("owl", windows=(Window(4 * 1440 + 18 * 60, 2 * 1440 + 15 * 60),))
    assert said(shifts(schedule(weekend), utc("2026-01-05T08:00"), utc("2026-01-19T12:00"))) == [
        ("01-09T17:00", "01-12T08:00", "owl"),
        ("01-16T17:00", "01-19T08:00", "owl"),
    ]
    assert who(schedule(weekend), utc("2026-01-12T03:00")) == "owl", "a weekend ends on a Monday"


def test_a_window_that_begins_when_it_is_left_out_begins_with_the_jump():
    layer = rotation("owl", anchor="2026-03-01T00:00", windows=(Window(6 * 1440 + 150, 60),))  # Sunday 02:30
    assert said(shifts(schedule(layer), utc("2026-03-28T12:00"), utc("2026-03-29T12:00"))) == [
        ("03-29T01:00", "03-29T01:30", "owl")
    ]


# Layers and overrides


def test_a_later_layer_lies_over_an_earlier_one_where_it_holds():
    nights = rotation("owl", zone=UTC, windows=tuple(Window(day * 1440 + 18 * 60, 14 * 60) for day in range(7)))
    primary = schedule(rotation("ann", zone=UTC), nights)
    assert said(shifts(primary, utc("2026-01-06T12:00"), utc("2026-01-07T12:00"))) == [
        ("01-06T12:00", "01-06T18:00", "ann"),
        ("01-06T18:00", "01-07T08:00", "owl"),
        ("01-07T08:00", "01-07T12:00", "ann"),
    ]


def test_the_later_of_two_overrides_holds():
    night = Override(utc("2026-01-06T20:00"), utc("2026-01-07T08:00"), "bob")
    hour = Override(utc("2026-01-06T22:00"), utc("2026-01-06T23:00"), "cy")
    primary = with_overrides(schedule(rotation("ann", zone=UTC), overrides=(night,)), [hour])
    assert said(shifts(primary, utc("2026-01-06T12:00"), utc("2026-01-07T12:00"))) == [
        ("01-06T12:00", "01-06T20:00", "ann"),
        ("01-06T20:00", "01-06T22:00", "bob"),
        ("01-06T22:00", "01-06T23:00", "cy"),
        ("01-06T23:00", "01-07T08:00", "bob"),
        ("01-07T08:00", "01-07T12:00", "ann"),
    ]
    assert who(primary, utc("2026-01-06T22:30")) == "cy"
    other = schedule(rotation("ann", zone=UTC), overrides=(hour, night))
    assert who(other, utc("2026-01-06T22:30")) == "bob"


def test_gaps_are_when_nobody_is_on_call():
    office = rotation("ann", zone=UTC, windows=tuple(Window(day * 1440 + 540, 480) for day in range(5)))
    found = gaps(schedule(office), utc("2026-01-08T12:00"), utc("2026-01-12T12:00"))
    assert found == [
        Span(utc("2026-01-08T17:00"), utc("2026-01-09T09:00")),
        Span(utc("2026-01-09T17:00"), utc("2026-01-12T09:00")),
    ]
    assert gaps(schedule(), utc("2026-01-08T12:00"), utc("2026-01-09T12:00")) == [
        Span(utc("2026-01-08T12:00"), utc("2026-01-09T12:00"))
    ]


def test_two_users_swap_their_shifts():
    primary = schedule(rotation("ann bob"))
    pair = swap(primary, utc("2026-01-06T00:00"), utc("2026-01-13T00:00"))
    assert not isinstance(pair, SwapRefusal)
    swapped = with_overrides(primary, pair)
    assert said(shifts(swapped, utc("2026-01-05T08:00"), utc("2026-02-02T08:00"))) == [
        ("01-05T08:00", "01-12T08:00", "bob"),
        ("01-12T08:00", "01-26T08:00", "ann"),
        ("01-26T08:00", "02-02T08:00", "bob"),
    ]


WEDDING = Override(utc("2026-01-12T19:00"), utc("2026-01-12T22:00"), "cy")
OFFICE = rotation("ann bob", windows=tuple(Window(day * 1440 + 540, 480) for day in range(5)))


@pytest.mark.parametrize(
    ("layer", "day", "expected"),
    [
        pytest.param(rotation("ann bob"), date(2026, 1, 12), "2026-01-12T08:00", id="handed over in the morning"),
        pytest.param(rotation("ann bob"), date(2026, 1, 13), "2026-01-12T23:00", id="handed over on another day"),
        pytest.param(rotation("ann bob"), date(2026, 3, 30), "2026-03-30T07:00", id="in summer"),
        pytest.param(rotation("ann bob"), date(2026, 3, 29), "2026-03-28T23:00", id="the day on which clocks change"),
        pytest.param(
            rotation("ann bob", lasts=12 * HOUR, anchor="2026-01-05T00:00"),
            date(2026, 1, 12),
            "2026-01-11T23:00",
            id="at midnight and at noon",
        ),
        pytest.param(OFFICE, date(2026, 1, 13), "2026-01-13T08:00", id="nobody has it at midnight"),
        pytest.param(OFFICE, date(2026, 1, 17), "2026-01-16T23:00", id="nobody has it all day"),
        pytest.param(rotation("ann bob"), utc("2026-01-12T01:00"), "2026-01-12T01:00", id="an instant"),
    ],
)
def test_which_moment_a_day_is(layer: Layer, day: date, expected: str):
    primary = Schedule("primary", (layer,), (WEDDING,), BERLIN)
    assert moment_of(primary, day) == utc(expected)


@pytest.mark.parametrize(
    ("layers", "refusal"),
    [
        pytest.param([rotation("ann", end=utc("2026-01-12T08:00"))], SwapRefusal.GAP, id="a gap"),
        pytest.param([rotation("ann")], SwapRefusal.SAME, id="one's own"),
        pytest.param([rotation("ann bob", lasts=30 * WEEK, anchor="2025-06-17T00:00")], SwapRefusal.ENDLESS, id="long"),
    ],
)
def test_why_shifts_are_not_swapped(layers, refusal):
    assert swap(schedule(*layers), utc("2026-01-06T00:00"), utc("2026-01-13T00:00")) is refusal


# Properties

users = st.sampled_from(["ann", "bob", "cy", "di"])
# Clocks change in New York on 8 March, in Berlin on the 29th, and on Lord Howe on 5 April.
instants = st.datetimes(wall("2026-03-01T00:00"), wall("2026-04-10T00:00")).map(
    lambda each: each.replace(minute=each.minute // 30 * 30, second=0, microsecond=0, tzinfo=UTC)
)
windows = st.builds(
    Window, st.integers(0, WEEK_MINUTES // 30 - 1).map(lambda n: n * 30), st.integers(1, 96).map(lambda n: n * 30)
)


@st.composite
def layers(draw) -> Layer:
    zone = draw(st.sampled_from(ZONES))
    lengths = st.sampled_from([HOUR, 8 * HOUR, 12 * HOUR, DAY, 3 * DAY, WEEK, 2 * WEEK])
    anchor = wall("2026-02-01T00:30") + draw(st.integers(0, 24 * 35)) * HOUR
    start = instant_of(anchor, zone) + draw(st.sampled_from([timedelta(), 5 * HOUR, 4 * DAY]))
    return Layer(
        "",
        tuple(draw(st.lists(st.builds(Turn, users, lengths), min_size=1, max_size=4))),
        anchor,
        start,
        draw(st.sampled_from([None, None, start + 20 * DAY])),
        tuple(draw(st.lists(windows, max_size=2))),
        zone,
    )


@st.composite
def overrides(draw) -> Override:
    start = draw(instants)
    return Override(start, start + draw(st.sampled_from([HOUR, DAY, WEEK])), draw(users))


schedules = st.builds(
    Schedule,
    st.just("primary"),
    st.lists(layers(), min_size=1, max_size=3).map(tuple),
    st.lists(overrides(), max_size=3).map(tuple),
)
lengths = st.sampled_from([HOUR, 2 * DAY, 5 * WEEK])


@given(schedules, instants, lengths)
def test_shifts_and_gaps_partition_time(primary, start, length):
    end = start + length
    found = sorted([*shifts(primary, start, end), *gaps(primary, start, end)], key=lambda each: (each.start, each.end))
    assert [each.end for each in found] == [*(each.start for each in found[1:]), end]
    assert found[0].start == start
    assert all(each.start < each.end for each in found)


@given(schedules, instants, lengths, st.data())
def test_who_agrees_with_shifts_and_gaps(primary, start, length, data):
    end = start + length
    has, open_ = shifts(primary, start, end), gaps(primary, start, end)
    edges = [edge for each in (*has, *open_) for edge in (each.start, each.end - datetime.resolution)]
    at = data.draw(st.sampled_from(edges) | st.datetimes(start.replace(tzinfo=None), end.replace(tzinfo=None)))
    at = at.replace(tzinfo=UTC)
    if not start <= at < end:
        return
    assert [each.user for each in has if each.contains(at)] == [who(primary, at) or ()][: who(primary, at) is not None]
    assert any(each.contains(at) for each in open_) == (who(primary, at) is None)


@given(schedules, instants, lengths)
def test_what_shifts_say_does_not_depend_on_where_one_begins_to_look(primary, start, length):
    middle, end = start + length / 2, start + length
    halves = joined([*shifts(primary, start, middle), *shifts(primary, middle, end)])
    assert halves == shifts(primary, start, end)


@given(
    st.lists(users, min_size=1, max_size=4, unique=True),
    st.sampled_from([HOUR, 12 * HOUR, DAY, WEEK]),
    st.integers(1, 5),
    walls,
)
def test_in_whole_rounds_everybody_has_it_for_the_same_time(names, lasts, rounds, anchor):
    layer = Layer("", tuple(Turn(name, lasts) for name in names), anchor, anchor.replace(tzinfo=UTC))
    start = layer.start + 3 * rounds * len(names) * lasts
    totals = dict.fromkeys(names, timedelta())
    for shift in shifts(schedule(layer), start, start + rounds * len(names) * lasts):
        totals[shift.user] += shift.end - shift.start
    assert set(totals.values()) == {rounds * lasts}


@given(st.lists(users, min_size=2, max_size=4, unique=True), st.sampled_from([DAY, WEEK]), st.sampled_from(ZONES))
def test_by_the_calendar_turns_are_fair_wherever_clocks_change(names, lasts, zone):
    anchor = wall("2026-01-05T09:00")
    layer = Layer("", tuple(Turn(name, lasts) for name in names), anchor, instant_of(anchor, zone), zone=zone)
    rounds = 30 if lasts == DAY else 6
    counts = dict.fromkeys(names, timedelta())
    end = instant_of(anchor + rounds * len(names) * lasts, zone)
    for shift in layer.shifts(layer.start, end):
        counts[shift.user] += wall_of(shift.end, zone) - wall_of(shift.start, zone)
    assert set(counts.values()) == {rounds * lasts}


def by_hour(spans: Sequence[AnySpan]) -> dict[int, list[AnySpan]]:
    """Return the spans that hold at each of sixty hours."""
    begin = utc("2026-01-01T00:00")
    return {hour: [each for each in spans if each.contains(begin + hour * HOUR)] for hour in range(60)}


@st.composite
def rows(draw) -> list[Shift]:
    """Shifts in order that do not overlap, by the hour."""
    edges = sorted(draw(st.sets(st.integers(0, 50), max_size=8)))
    begin = utc("2026-01-01T00:00")
    pairs = zip(edges[::2], edges[1::2], strict=False)
    return [Shift(begin + one * HOUR, begin + two * HOUR, draw(users)) for one, two in pairs]


@given(rows(), rows())
def test_laying_over_and_cutting_agree_with_looking_hour_by_hour(under, over):
    laid, cut = by_hour(lay_over(under, over)), by_hour(within(under, over))
    below, above = by_hour(under), by_hour(over)
    left = by_hour(between(over, utc("2026-01-01T00:00"), utc("2026-01-03T12:00")))
    for hour in range(60):
        top = above[hour] or below[hour]
        assert [each.user for each in laid[hour]] == [each.user for each in top]
        assert [each.user for each in cut[hour]] == [each.user for each in below[hour] if above[hour]]
        assert bool(left[hour]) == (not above[hour])


def test_the_shift_around_an_instant():
    primary = schedule(rotation("ann bob"))
    found = shift_at(primary, utc("2026-01-06T00:00"))
    assert found is not None
    assert said([found]) == [("01-05T08:00", "01-12T08:00", "ann")]
    assert shift_at(primary, utc("2026-01-01T00:00")) is None
