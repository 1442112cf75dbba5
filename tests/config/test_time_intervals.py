"""`time_intervals:` and the routes that name them: what is read, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.config.files import ROUTE, read_all, refusal_of_all

NIGHTS = """
time_intervals:
  - name: nights
    time_intervals:
      - times: [{start_time: '22:00', end_time: '24:00'}]
        weekdays: ['monday:friday', sunday]
        days_of_month: ['1:15', '-3:-1']
        months: ['january:march', 12]
        years: [2026, '2028:2030']
        location: Europe/Berlin
mute_time_intervals:
  - {name: older, time_intervals: [{weekdays: [saturday]}, {}]}
"""


def test_time_intervals_are_read_whatever_the_section_is_called():
    found, problems = read_all(NIGHTS + ROUTE)
    assert problems == []
    assert sorted(found.time_intervals) == ["nights", "older"]
    (nights,) = found.time_intervals["nights"]
    assert nights.contains(datetime(2026, 1, 2, 21, 30, tzinfo=UTC)), "22:30 in Berlin, a Friday"
    assert not nights.contains(datetime(2026, 1, 2, 23, 30, tzinfo=UTC))
    assert len(found.time_intervals["older"]) == 2


def interval(text):
    return f"time_intervals: [{{name: a, time_intervals: [{{{text}}}]}}]\n{ROUTE}"


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("times of another kind", "times: a", "times: expected a list"),
        ("a time that is none", "times: [{start_time: '25:00', end_time: '26:00'}]", "times: couldn't parse"),
        ("a time without an end", "times: [{start_time: '20:00'}]", "times: both start and end"),
        ("an unknown key of a time", "times: [{start: '20:00'}]", "unknown key 'start', did you mean 'start_time'?"),
        ("weekdays of another kind", "weekdays: monday", "weekdays: expected a list"),
        ("a day that is none", "weekdays: [funday]", "weekdays[0]: funday is not a valid weekday"),
        ("a day of no month", "days_of_month: ['32']", "days_of_month[0]: 32 is not a valid day"),
        ("a month that is none", "months: [may, smarch]", "months[1]: smarch is not a valid month"),
        ("a year that is none", "years: [soon]", "years[0]: 'soon' is not a whole number"),
        ("a year of another kind", "years: [[2026]]", "years[0]: expected text"),
        ("a place on Mars", "location: Mars/Phobos", "no such time zone: 'Mars/Phobos'"),
        ("a place outside", "location: ../../etc/passwd", "no such time zone"),
        ("a folder of places", "location: Europe", "no such time zone: 'Europe'"),
        ("an unknown key", "weekday: [monday]", "unknown key 'weekday', did you mean 'weekdays'?"),
    ],
)
def test_a_time_interval_is_refused_with_its_reason(name, text, expected):
    problems = refusal_of_all(interval(text))
    assert any(expected in problem for problem in problems), problems


def test_the_machines_own_time_is_utc_and_that_is_told():
    found, problems = read_all(interval("location: Local"))
    assert problems == []
    assert found.time_intervals["a"][0].location is None
    assert "Local is UTC here" in str(found.warnings[0])


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("no name", "time_intervals: [{time_intervals: []}]", "time_intervals[0]: name is missing"),
        ("a name twice", "time_intervals: [{name: a}]\nmute_time_intervals: [{name: a}]", '"a" is not unique'),
        ("an unknown key", "time_intervals: [{name: a, times: []}]", "unknown key 'times'"),
        ("a section of another kind", "mute_time_intervals: {a: b}", "mute_time_intervals: expected a list"),
        (
            "intervals of another kind",
            "time_intervals: [{name: a, time_intervals: b}]",
            "expected a list, found a text",
        ),
    ],
)
def test_named_intervals_are_refused_with_their_reason(name, text, expected):
    problems = refusal_of_all(f"{text}\n{ROUTE}")
    assert any(expected in problem for problem in problems), problems


def test_routes_have_intervals_of_their_own_and_labels_over_their_parents():
    text = f"""
    {NIGHTS.replace(chr(10), chr(10) + "    ")}
    route:
      receiver: a
      labels: {{team: all, site: b}}
      routes:
        - mute_time_intervals: [nights, older]
          labels: {{team: one}}
          routes: [{{active_time_intervals: [nights]}}]
    receivers: [{{name: a, labels: {{owner: b}}}}]
    """
    found, problems = read_all(text)
    assert problems == []
    (child,) = found.root.routes
    (grandchild,) = child.routes
    assert (child.mute_time_intervals, child.active_time_intervals) == (("nights", "older"), ())
    assert (grandchild.mute_time_intervals, grandchild.active_time_intervals) == ((), ("nights",))
    assert dict(grandchild.labels) == {"team": "one", "site": "b"}
    assert found.receivers["a"].labels == {"name": "a", "owner": "b"}


@pytest.mark.parametrize(
    ("name", "route", "expected"),
    [
        ("a muted root", "mute_time_intervals: [nights]", "it must not have mute_time_intervals"),
        ("a root for some hours", "active_time_intervals: [nights]", "it must not have active_time_intervals"),
        ("an interval that is not there", "routes: [{mute_time_intervals: [night]}]", "did you mean 'nights'?"),
        ("another that is not there", "routes: [{active_time_intervals: [x]}]", 'there is no time interval "x"'),
        ("intervals of another kind", "routes: [{mute_time_intervals: nights}]", "expected a list, found a text"),
        ("labels of another kind", "labels: [a]", "labels: expected a mapping"),
        ("a label without a name", "labels: {'': a}", "not a valid label name: ''"),
    ],
)
def test_a_route_is_refused_with_its_reason(name, route, expected):
    problems = refusal_of_all(f"{NIGHTS}\nroute: {{receiver: a, {route}}}\nreceivers: [{{name: a}}]")
    assert any(expected in problem for problem in problems), problems
