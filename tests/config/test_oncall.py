"""`schedules` in tocsin.yml: what layers, restrictions and overrides mean, and every mistake with its line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.config.files import load, refusal
from tocsin.core.oncall import Schedule, gaps, shifts, who

ALERTMANAGER = "global: {smtp_from: a@example.com}\nroute: {receiver: default}\nreceivers: [{name: default}]\n"
USERS = """\
users:
- {name: ann, email: ann@example.com}
- {name: bob, email: bob@example.com}
- {name: cy, email: cy@example.com}
"""
LINES = USERS.count("\n")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def schedule(text: str) -> Schedule:
    return load(ALERTMANAGER, tocsin=USERS + text).schedules["primary"]


def layer(text: str, zone: str = "Europe/Berlin") -> Schedule:
    return schedule(f"schedules: [{{name: primary, time_zone: {zone}, layers: [{{{text}}}]}}]")


def said(primary: Schedule, start: str, end: str) -> list[tuple[str, str]]:
    return [(f"{each.start:%m-%dT%H:%M}", each.user) for each in shifts(primary, utc(start), utc(end))]


def test_a_week_each_from_a_monday_morning():
    primary = layer("users: [ann, bob], start: 2026-01-05, handoff: 09:00")
    assert said(primary, "2026-01-05T00:00", "2026-01-20T00:00") == [
        ("01-05T08:00", "ann"),
        ("01-12T08:00", "bob"),
        ("01-19T08:00", "ann"),
    ]


@pytest.mark.parametrize(
    ("start", "handoff", "first"),
    [
        pytest.param("2026-01-07", "monday 09:00", [("01-07T08:00", "ann"), ("01-12T08:00", "bob")], id="midweek"),
        pytest.param("2026-01-05", "monday 09:00", [("01-05T08:00", "ann"), ("01-12T08:00", "bob")], id="on the day"),
        pytest.param(
            "2026-01-05T08:00", "monday 09:00", [("01-05T07:00", "ann"), ("01-05T08:00", "bob")], id="before the hour"
        ),
        pytest.param(
            "2026-01-05T12:00Z", "monday 09:00", [("01-05T12:00", "ann"), ("01-12T08:00", "bob")], id="an instant"
        ),
        pytest.param("2026-01-05T10:00", "", [("01-05T09:00", "ann"), ("01-12T09:00", "bob")], id="no handoff"),
    ],
)
def test_the_first_user_has_it_from_the_start_to_the_first_handoff(start, handoff, first):
    given = f', handoff: "{handoff}"' if handoff else ""
    primary = layer(f'users: [ann, bob], start: "{start}"{given}')
    assert said(primary, "2026-01-01T00:00", "2026-01-13T00:00")[:2] == first


def test_half_days_begin_with_whom_the_start_says():
    primary = layer("users: [ann, bob], shift: 12h, start: 2026-01-05T21:00, handoff: 09:00", "UTC")
    assert said(primary, "2026-01-05T00:00", "2026-01-07T00:00") == [
        ("01-05T21:00", "ann"),
        ("01-06T09:00", "bob"),
        ("01-06T21:00", "ann"),
    ]


def test_turns_of_their_own_lengths():
    primary = layer("turns: [{user: ann, for: 5d}, {user: bob, for: 2d}], start: 2026-01-05, handoff: monday 09:00")
    assert said(primary, "2026-01-05T08:00", "2026-01-13T00:00") == [
        ("01-05T08:00", "ann"),
        ("01-10T08:00", "bob"),
        ("01-12T08:00", "ann"),
    ]


def test_turns_of_their_own_lengths_begin_before_a_start_that_is_no_handoff():
    primary = layer('turns: [{user: ann, for: 1d}, {user: bob, for: 2d}], start: "2026-01-05T08:00", handoff: 09:00')
    assert said(primary, "2026-01-05T00:00", "2026-01-06T00:00") == [("01-05T07:00", "ann"), ("01-05T08:00", "bob")]


def test_one_user_needs_no_start():
    primary = layer("users: [ann]")
    assert who(primary, utc("1999-01-01T00:00")) == "ann"
    assert said(primary, "2026-01-05T08:00", "2027-01-01T00:00") == [("01-05T08:00", "ann")]


@pytest.mark.parametrize(
    ("restriction", "expected"),
    [
        pytest.param('from: "18:00", until: "09:00"', ["08 18:00", "09 18:00", "10 18:00", "11 18:00"], id="nights"),
        pytest.param('days: [monday:friday], from: "9:00"'.replace('"9', '"09'), ["08 09:00", "09 09:00"], id="from"),
        pytest.param("days: [saturday:sunday]", ["10 00:00"], id="whole days that follow each other"),
        pytest.param("days: [sunday:thursday]", ["11 00:00"], id="days round the end of the week"),
        pytest.param('from: "friday 18:00", until: "monday 09:00"', ["09 18:00"], id="from day to day"),
        pytest.param('days: [thursday], from: "22:00", until: "24:00"', ["08 22:00"], id="to midnight"),
    ],
)
def test_restrictions_say_when_a_layer_holds(restriction, expected):
    primary = layer(f"users: [ann], restrictions: [{{{restriction}}}]", "UTC")
    # What began before Thursday does not count.
    begin = utc("2026-01-08T00:00")
    found = [
        each for each in shifts(primary, begin - timedelta(days=7), begin + timedelta(days=4)) if each.start >= begin
    ]
    assert [f"{each.start:%d %H:%M}" for each in found] == expected


def test_several_restrictions_add_up():
    office = layer(
        'users: [ann], restrictions: [{days: [monday:friday], from: "09:00", until: "12:00"},'
        ' {days: [monday:friday], from: "12:00", until: "17:00"}]',
        "UTC",
    )
    assert [each.start for each in gaps(office, utc("2026-01-05T09:00"), utc("2026-01-06T09:00"))] == [
        utc("2026-01-05T17:00")
    ]


def test_overrides_are_read_where_the_schedule_is():
    primary = schedule(
        """
schedules:
- name: primary
  time_zone: America/New_York
  layers: [{users: [ann]}]
  overrides:
  - {user: bob, from: 2026-12-24T09:00, until: 2026-12-26}
  - {user: cy, from: "2026-12-25T00:00Z", until: "2026-12-25T06:00+01:00"}
"""
    )
    assert said(primary, "2026-12-24T00:00", "2026-12-27T00:00") == [
        ("12-24T00:00", "ann"),
        ("12-24T14:00", "bob"),
        ("12-25T00:00", "cy"),
        ("12-25T05:00", "bob"),
        ("12-26T05:00", "ann"),
    ]


def test_layers_may_follow_the_sun():
    primary = schedule(
        """
schedules:
- name: primary
  layers:
  - {users: [ann]}
  - {users: [bob], time_zone: Australia/Sydney, restrictions: [{from: "09:00", until: "17:00"}]}
"""
    )
    assert who(primary, utc("2026-01-05T23:00")) == "bob"  # ten o'clock in Sydney
    assert who(primary, utc("2026-01-05T12:00")) == "ann"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param(
            "users: [ann, bop], start: 2026-01-05",
            """schedule "primary", layer 1: there is no user "bop", did you mean 'bob'?""",
            id="an unknown user",
        ),
        pytest.param(
            "turns: [{user: bop, for: 1d}]",
            """schedule "primary", layer 1: there is no user "bop", did you mean 'bob'?""",
            id="an unknown user in a turn",
        ),
        pytest.param(
            "users: [ann, bob]",
            'schedule "primary", layer 1: start is missing: it says whose turn it is',
            id="nobody knows whose turn it is",
        ),
        pytest.param("shift: 1d", 'schedule "primary", layer 1: users is missing', id="nobody at all"),
        pytest.param(
            "users: [ann], turns: [{user: ann, for: 1d}]",
            'schedule "primary", layer 1: at most one of users, turns and ical may be set',
            id="both kinds of turns",
        ),
        pytest.param(
            "users: [ann], shift: 5m",
            'schedule "primary", layer 1: shift: expected 1h to 366d',
            id="a shift of minutes",
        ),
        pytest.param(
            "users: [ann], start: soon",
            "schedule \"primary\", layer 1: start: expected a time such as 2026-01-05T09:00 or a day, found 'soon'",
            id="no time",
        ),
        pytest.param(
            "users: [ann], start: 9999-12-31",
            'schedule "primary", layer 1: start: expected a time such as 2026-01-05T09:00 or a day,'
            " found '9999-12-31'",
            id="a time that nobody will see",
        ),
        pytest.param(
            "users: [ann], handoff: 9am",
            "schedule \"primary\", layer 1: handoff: expected a time of day such as 09:00 or monday 09:00, found '9am'",
            id="no time of day",
        ),
        pytest.param(
            "users: [ann], start: 2026-01-05, until: 2026-01-05",
            'schedule "primary", layer 1: until: the layer ends before it begins',
            id="no time at all",
        ),
        pytest.param(
            "users: [ann], time_zone: Mars/Olympus",
            "schedule \"primary\", layer 1: time_zone: no such time zone: 'Mars/Olympus'"
            " (expected a name such as Europe/Berlin or UTC)",
            id="no such place",
        ),
        pytest.param(
            "users: [ann], restrictions: [{days: [moonday]}]",
            'schedule "primary", layer 1, restriction 1: days: expected a day such as monday, or monday:friday,'
            " found 'moonday'",
            id="no day",
        ),
        pytest.param(
            'users: [ann], restrictions: [{from: "friday 18:00", until: "09:00"}]',
            'schedule "primary", layer 1, restriction 1: from and until must both name a day, or neither',
            id="a day on one side only",
        ),
        pytest.param(
            "ical: primary.ics",
            'schedule "primary", layer 1: there is no file oncall/primary.ics',
            id="no calendar",
        ),
        pytest.param(
            "ical: primary.ics, shift: 1d",
            'schedule "primary", layer 1: shift has no meaning beside ical: the calendar says when',
            id="a calendar with turns",
        ),
    ],
)
def test_what_is_wrong_with_a_layer_is_told_with_its_place(text, problem):
    found = refusal(ALERTMANAGER, tocsin=f"{USERS}schedules:\n- name: primary\n  layers:\n  - {{{text}}}\n")
    places = [each.partition(": ") for each in found]
    assert problem in [message for _, _, message in places]
    assert {place.split(":")[:2] == ["tocsin.yml", str(LINES + 4)] for place, _, _ in places} == {True}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("- {name: primary}", 'schedule "primary": layers is missing: who is on call', id="no layers"),
        pytest.param(
            "- {name: a, layers: [{users: [ann]}]}\n- {name: a, layers: [{users: [ann]}]}",
            'schedule "a": the name stands twice',
            id="a name that stands twice",
        ),
        pytest.param(
            "- {name: a, layers: [{users: [ann]}], overrides: [{user: bib, from: 2026-01-01, until: 2026-01-02}]}",
            """schedule "a", override 1: there is no user "bib", did you mean 'bob'?""",
            id="an unknown user overrides",
        ),
        pytest.param(
            "- {name: a, layers: [{users: [ann]}], overrides: [{user: bob, from: 2026-01-02, until: 2026-01-02}]}",
            'schedule "a", override 1: until: the override ends before it begins',
            id="an override of no time",
        ),
        pytest.param(
            "- {name: a, layers: [{users: [mute]}]}",
            'schedule "a", layer 1: user "mute" cannot be told anything: there is no way that works',
            id="a user without any way",
        ),
    ],
)
def test_what_is_wrong_with_a_schedule_is_told(text, problem):
    found = refusal(ALERTMANAGER, tocsin=f"{USERS}- {{name: mute}}\nschedules:\n{text}")
    assert [each.partition(": ")[2] for each in found] == [problem]


def test_what_the_document_shows_is_valid():
    text = (Path(__file__).parents[2] / "docs/oncall.md").read_text(encoding="utf-8")
    shown = text.partition("```yaml\n")[2].partition("```")[0]
    configuration = load(ALERTMANAGER, tocsin=shown)
    assert who(configuration.schedules["primary"], utc("2026-01-06T12:00")) == "ann"
    assert who(configuration.schedules["primary"], utc("2026-01-10T23:00")) == "cy"
    assert configuration.policies[0].steps[0].schedules == ("primary",)
