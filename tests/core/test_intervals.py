"""Time intervals: their texts, what they contain, and what they hold back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.core.intervals import (
    MuteReason,
    Muting,
    Range,
    TimeInterval,
    TimeRange,
    is_within,
    muted_by,
    parse_days_of_month,
    parse_months,
    parse_times,
    parse_weekdays,
    parse_years,
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("name", "parsed", "expected"),
    [
        ("one weekday", parse_weekdays("saturday"), Range(6, 6)),
        ("a range of weekdays, in any case", parse_weekdays("Monday:FRIDAY"), Range(1, 5)),
        ("one day of the month", parse_days_of_month("5"), Range(5, 5)),
        ("days from the end", parse_days_of_month("-3:-1"), Range(-3, -1)),
        ("from a day to the end", parse_days_of_month("1:-1"), Range(1, -1)),
        ("months by name and number", parse_months("february:3"), Range(2, 3)),
        ("a month that there is not", parse_months("13"), Range(13, 13)),
        ("years", parse_years("2020:2022"), Range(2020, 2022)),
        ("a whole day", parse_times("00:00", "24:00"), TimeRange(0, 1440)),
    ],
)
def test_a_text_is_read(name: str, parsed: object, expected: object) -> None:
    assert parsed == expected, name


@pytest.mark.parametrize(
    ("name", "parse", "text", "reason"),
    [
        ("a week does not wrap around", parse_weekdays, "friday:monday", "start day cannot be after end day"),
        ("weekdays have no short names", parse_weekdays, "mon", "mon is not a valid weekday"),
        ("weekdays have no numbers", parse_weekdays, "1", "1 is not a valid weekday"),
        ("a range has two parts", parse_weekdays, "monday:friday:sunday", "invalid format"),
        ("the end of a range is written", parse_weekdays, "monday:", " is not a valid weekday"),
        ("no day zero", parse_days_of_month, "0", "0 is not a valid day of the month: out of range"),
        ("no day 32", parse_days_of_month, "1:32", "32 is not a valid day of the month: out of range"),
        ("a day is a whole number", parse_days_of_month, "1.5", "'1.5' is not a whole number"),
        ("a day has no separators", parse_days_of_month, "1_0", "'1_0' is not a whole number"),
        (
            "from the end to the beginning",
            parse_days_of_month,
            "-15:5",
            "end day must be negative if start day is negative",
        ),
        ("an end that is always earlier", parse_days_of_month, "10:-25", "end day -25 is always before start day 10"),
        ("months in order", parse_months, "december:january", "end month january is before start month december"),
        ("months in order, even those there are not", parse_months, "14:13", "end month 13 is before start month 14"),
        ("no such month", parse_months, "martius", "martius is not a valid month"),
        ("years in order", parse_years, "2030:2020", "end year 2020 is before start year 2030"),
        ("the year is missing", parse_years, "2020:", "'' is not a whole number"),
    ],
)
def test_a_text_is_refused_with_a_reason(name: str, parse: Callable[[str], Range], text: str, reason: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011
        parse(text)
    assert reason in str(refused.value), name


@pytest.mark.parametrize(
    ("name", "start", "end", "reason"),
    [
        ("both are needed", "09:00", "", "both start and end times must be provided"),
        ("in order", "17:00", "09:00", "start time cannot be equal or greater than end time"),
        ("not empty", "09:00", "09:00", "start time cannot be equal or greater than end time"),
        ("24:00 is only an end", "24:00", "24:00", "start time cannot be equal or greater than end time"),
        ("two digits each", "9:00", "17:00", "couldn't parse timestamp 9:00, invalid format"),
        ("minutes up to 59", "09:60", "17:00", "couldn't parse timestamp 09:60, invalid format"),
        ("nothing after 24:00", "09:00", "24:01", "couldn't parse timestamp 24:01, invalid format"),
        ("no seconds", "09:00", "17:00:00", "couldn't parse timestamp 17:00:00, invalid format"),
    ],
)
def test_times_are_refused_with_a_reason(name: str, start: str, end: str, reason: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011
        parse_times(start, end)
    assert reason in str(refused.value), name


OFFICE = TimeInterval(times=(parse_times("09:00", "17:00"),), weekdays=(parse_weekdays("monday:friday"),))
BERLIN = TimeInterval(times=(parse_times("09:00", "17:00"),), location=ZoneInfo("Europe/Berlin"))


def of_days(text: str) -> TimeInterval:
    return TimeInterval(days_of_month=(parse_days_of_month(text),))


@pytest.mark.parametrize(
    ("name", "interval", "instant", "expected"),
    [
        ("nothing named restricts nothing", TimeInterval(), "2026-11-20T03:00:00Z", True),
        ("a kind that is empty is never fulfilled", TimeInterval(weekdays=()), "2026-11-20T03:00:00Z", False),
        ("from its first minute", OFFICE, "2026-11-20T09:00:00Z", True),
        ("to before its end", OFFICE, "2026-11-20T16:59:59.999Z", True),
        ("not at its end", OFFICE, "2026-11-20T17:00:00Z", False),
        ("every kind has to hold", OFFICE, "2026-11-21T10:00:00Z", False),
        ("without a location it is UTC", OFFICE, "2026-11-20T18:00:00+09:00", True),
        ("in winter Berlin is an hour ahead", BERLIN, "2026-11-20T08:00:00Z", True),
        ("in summer it is two", BERLIN, "2026-07-20T07:00:00Z", True),
        ("so that in winter that is too early", BERLIN, "2026-11-20T07:00:00Z", False),
        ("the last day of a short month", of_days("-1"), "2026-02-28T00:00:00Z", True),
        ("the last day of a leap year's February", of_days("-1"), "2028-02-28T00:00:00Z", False),
        ("an end past the month's is its last day", of_days("25:31"), "2026-02-28T12:00:00Z", True),
        ("a start past the month's end is no day of it", of_days("30:31"), "2026-02-28T12:00:00Z", False),
        ("a start before the month's first day is its first", of_days("-31:-20"), "2026-02-01T12:00:00Z", True),
        ("months", TimeInterval(months=(Range(1, 3),)), "2026-04-01T00:00:00Z", False),
        ("months, the last included", TimeInterval(months=(Range(1, 3),)), "2026-03-31T23:59:00Z", True),
        ("years", TimeInterval(years=(Range(2020, 2026),)), "2026-12-31T23:59:00Z", True),
        ("Sunday is the first day of the week", TimeInterval(weekdays=(Range(0, 0),)), "2026-11-22T12:00:00Z", True),
    ],
)
def test_what_an_interval_contains(name: str, interval: TimeInterval, instant: str, expected: bool) -> None:
    assert interval.contains(at(instant)) is expected, name


NIGHT = TimeInterval(times=(TimeRange(0, 540), TimeRange(1020, 1440)))
WEEKEND = TimeInterval(weekdays=(Range(0, 0), Range(6, 6)))
NAMED = {"night": (NIGHT,), "weekend": (WEEKEND,), "either": (NIGHT, WEEKEND), "empty": ()}


@pytest.mark.parametrize(
    ("name", "mute", "active", "expected"),
    [
        ("no name holds nothing back", (), (), Muting()),
        ("those that contain it mute", ("weekend", "night"), (), Muting(MuteReason.MUTED, ("night", "weekend"))),
        ("those that don't are not named", ("empty", "weekend"), (), Muting(MuteReason.MUTED, ("weekend",))),
        ("any interval of a name", ("either",), (), Muting(MuteReason.MUTED, ("either",))),
        ("outside every active one", (), ("empty",), Muting(MuteReason.INACTIVE, ("empty",))),
        ("within one of the active ones", (), ("empty", "night"), Muting()),
        ("inactive comes before muted", ("night",), ("empty",), Muting(MuteReason.INACTIVE, ("empty",))),
        ("muted within an active one", ("weekend",), ("night",), Muting(MuteReason.MUTED, ("weekend",))),
        ("a name that nobody defines mutes nothing", ("gone",), (), Muting()),
        ("a name that nobody defines is active", (), ("gone", "empty"), Muting()),
    ],
)
def test_what_holds_a_route_back_on_a_saturday_night(
    name: str, mute: tuple[str, ...], active: tuple[str, ...], expected: Muting
) -> None:
    assert muted_by(mute, active, NAMED, now=at("2026-11-21T03:00:00Z")) == expected, name


MINUTES = st.tuples(st.integers(0, 1439), st.integers(1, 1440)).filter(lambda pair: pair[0] < pair[1])
DAYS = st.dates(min_value=date(2000, 1, 1), max_value=date(2100, 1, 1))


@given(MINUTES, DAYS)
def test_a_range_of_times_is_half_open(minutes: tuple[int, int], day: date) -> None:
    interval = TimeInterval(times=(TimeRange(*minutes),))
    midnight = datetime.combine(day, time(), tzinfo=UTC)
    start, end = (midnight + timedelta(minutes=minute) for minute in minutes)
    moment = timedelta(microseconds=1)
    assert interval.contains(start)
    assert interval.contains(end - moment)
    is_whole_day = minutes == (0, 1440)
    assert interval.contains(end) is is_whole_day
    assert interval.contains(start - moment) is is_whole_day


@given(st.integers(1, 1439), st.datetimes(timezones=st.just(UTC), min_value=datetime(1, 1, 2)))  # noqa: DTZ001
def test_two_intervals_that_meet_leave_no_gap_and_no_overlap(minute: int, instant: datetime) -> None:
    before, after = (TimeInterval(times=(TimeRange(*pair),)) for pair in ((0, minute), (minute, 1440)))
    assert before.contains(instant) is not after.contains(instant)
    assert is_within((before, after), instant)


@given(st.integers(-31, 31).filter(bool), st.datetimes(timezones=st.just(UTC), min_value=datetime(1, 1, 2)))  # noqa: DTZ001
def test_a_single_day_is_at_most_one_day_of_a_month(day: int, instant: datetime) -> None:
    interval = of_days(str(day))
    days = {instant.replace(day=number) for number in range(1, 29)}
    assert sum(interval.contains(each) for each in days) <= 1
