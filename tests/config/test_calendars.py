"""Calendars that schedules name: whose events are whose, when they are, and what is wrong with a file."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tocsin import config
from tocsin.core.oncall import Schedule, shifts, who
from tocsin.errors import ConfigError

ALERTMANAGER = b"global: {smtp_from: a@example.com}\nroute: {receiver: default}\nreceivers: [{name: default}]\n"
TOCSIN = b"""
users:
- {name: ann, email: ann@example.com}
- {name: bob, email: Bob@example.com}
schedules:
- {name: primary, time_zone: Europe/Berlin, layers: [{name: calendar, ical: primary.ics}]}
"""


PLAIN = TOCSIN.replace(b"{name: calendar, ical: primary.ics}", b"{users: [ann]}")


def calendar(*events: str) -> bytes:
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//example//EN"]
    for number, event in enumerate(events):
        lines += ["BEGIN:VEVENT", f"UID:{number}", *event.strip().splitlines(), "END:VEVENT"]
    return "\r\n".join([*lines, "END:VCALENDAR", ""]).encode()


def load(content: bytes) -> Schedule:
    source = {"alertmanager.yml": ALERTMANAGER, "tocsin.yml": TOCSIN, "oncall/primary.ics": content}
    return config.load(source, environment={}).schedules["primary"]


def refusal(content: bytes) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        load(content)
    return [str(problem) for problem in refused.value.problems]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def said(primary: Schedule, start: str, end: str) -> list[tuple[str, str, str]]:
    found = shifts(primary, utc(start), utc(end))
    return [(f"{each.start:%m-%dT%H:%M}", f"{each.end:%m-%dT%H:%M}", each.user) for each in found]


WEEKLY = "SUMMARY:ann\nDTSTART;TZID=Europe/Berlin:20260316T090000\nDURATION:P7D\nRRULE:FREQ=WEEKLY;INTERVAL=2"


def test_a_recurring_event_stays_at_nine_when_clocks_change():
    primary = load(calendar(WEEKLY, WEEKLY.replace("ann", "bob").replace("0316", "0323")))
    assert said(primary, "2026-03-16T08:00", "2026-04-06T07:00") == [
        ("03-16T08:00", "03-23T08:00", "ann"),
        ("03-23T08:00", "03-30T07:00", "bob"),
        ("03-30T07:00", "04-06T07:00", "ann"),
    ]


def test_days_and_times_without_a_zone_are_read_where_the_schedule_is():
    primary = load(
        calendar(
            "SUMMARY:ann\nDTSTART;VALUE=DATE:20260105\nDTEND;VALUE=DATE:20260107",
            "SUMMARY:bob\nDTSTART:20260110T090000\nDTEND:20260110T170000",
        )
    )
    assert said(primary, "2026-01-01T00:00", "2026-02-01T00:00") == [
        ("01-04T23:00", "01-06T23:00", "ann"),
        ("01-10T08:00", "01-10T16:00", "bob"),
    ]
    assert who(primary, utc("2026-01-04T23:00")) == "ann"
    assert who(primary, utc("2026-01-06T23:00")) is None


def test_exceptions_and_moved_occurrences_of_a_series_hold():
    primary = load(
        calendar(
            "SUMMARY:ann\nDTSTART:20260105T080000Z\nDTEND:20260105T160000Z\nRRULE:FREQ=DAILY;COUNT=4\n"
            "EXDATE:20260106T080000Z",
        ).replace(
            b"END:VCALENDAR",
            b"BEGIN:VEVENT\r\nUID:0\r\nRECURRENCE-ID:20260107T080000Z\r\nSUMMARY:bob\r\n"
            b"DTSTART:20260107T120000Z\r\nDTEND:20260107T130000Z\r\nEND:VEVENT\r\nEND:VCALENDAR",
        )
    )
    assert said(primary, "2026-01-01T00:00", "2026-02-01T00:00") == [
        ("01-05T08:00", "01-05T16:00", "ann"),
        ("01-07T12:00", "01-07T13:00", "bob"),
        ("01-08T08:00", "01-08T16:00", "ann"),
    ]


@pytest.mark.parametrize(
    "event",
    [
        pytest.param("SUMMARY: Bob ", id="the title is the name"),
        pytest.param("SUMMARY:bob@example.com", id="the title is the address"),
        pytest.param("SUMMARY:On call\nATTENDEE;CN=Bob:mailto:bob@example.com", id="an attendee"),
        pytest.param(
            "SUMMARY:ann\nATTENDEE:mailto:boss@example.com\nATTENDEE:MAILTO:BOB@example.com", id="the second attendee"
        ),
    ],
)
def test_whose_an_event_is(event):
    primary = load(calendar(f"{event}\nDTSTART:20260105T080000Z\nDTEND:20260105T160000Z"))
    assert who(primary, utc("2026-01-05T12:00")) == "bob"


def test_of_two_events_at_once_the_one_that_began_later_holds_and_a_cancelled_one_never():
    primary = load(
        calendar(
            "SUMMARY:bob\nDTSTART:20260105T080000Z\nDTEND:20260105T160000Z",
            "SUMMARY:ann\nDTSTART:20260105T100000Z\nDTEND:20260105T120000Z",
            "SUMMARY:ann\nSTATUS:CANCELLED\nDTSTART:20260105T140000Z\nDTEND:20260105T150000Z",
        )
    )
    assert said(primary, "2026-01-05T00:00", "2026-01-06T00:00") == [
        ("01-05T08:00", "01-05T10:00", "bob"),
        ("01-05T10:00", "01-05T12:00", "ann"),
        ("01-05T12:00", "01-05T16:00", "bob"),
    ]
    assert who(primary, utc("2026-01-05T11:00")) == "ann"


FINE = "SUMMARY:ann\nDTSTART:20260105T080000Z\nDTEND:20260105T160000Z"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param(b"", "oncall/primary.ics: not a calendar that can be read: ", id="nothing"),
        pytest.param(b"\xff\xfe", "oncall/primary.ics: not a calendar that can be read: ", id="no text"),
        pytest.param(calendar(), "oncall/primary.ics: expected 1 to 2000 events, found 0", id="no event"),
        pytest.param(
            calendar(FINE.replace("0105T16", "0104T16")),
            "oncall/primary.ics:4: event 1: it ends before it begins",
            id="an end before the beginning",
        ),
        pytest.param(
            calendar(FINE, FINE.replace("ann", "anne")),
            "oncall/primary.ics:10: event 2: no user is called 'anne', nor an attendee, did you mean 'ann'?",
            id="somebody who is no user",
        ),
        pytest.param(calendar("SUMMARY:ann\nDTSTART:soon"), "oncall/primary.ics:4: event 1: DTSTART: ", id="no time"),
        pytest.param(calendar("SUMMARY:ann"), "oncall/primary.ics:4: event 1: DTSTART is missing", id="never"),
        pytest.param(
            calendar("SUMMARY:ann\nDTSTART;TZID=Mars/Olympus:20260105T080000"),
            "oncall/primary.ics:4: event 1: there is no time zone 'Mars/Olympus'",
            id="no such place",
        ),
        pytest.param(
            calendar(FINE + "\nRRULE:FREQ=DAILY;UNTIL=soon"),
            "oncall/primary.ics:4: event 1: RRULE: ",
            id="no such recurrence",
        ),
        *(
            pytest.param(
                calendar(f"{FINE}\nRRULE:{rule}"),
                "oncall/primary.ics:9: recurs at no interval, more often than FREQ=DAILY, or more than 24 times a day",
                id=rule.replace("\n", " "),
            )
            for rule in (
                "FREQ=SECONDLY",
                "FREQ=HOURLY",
                "FREQ=WEEKLY;INTERVAL=0",
                "FREQ=WEEKLY;INT\n ERVAL=0",
                "FREQ=DAILY;BYHOUR=1,2,3,4,5;BYMINUTE=1,2,3,4,5",
                "FREQ=DAILY;FREQ=SECONDLY",
            )
        ),
        pytest.param(
            calendar(FINE.replace("2026", "0001")),
            "oncall/primary.ics:4: event 1: 1 is no year of a schedule",
            id="before there were schedules",
        ),
        pytest.param(
            b"x" * 1024 * 1025, "oncall/primary.ics: not a calendar that can be read: larger than 1024 KiB", id="huge"
        ),
    ],
)
def test_what_is_wrong_with_a_calendar_is_told_with_its_place(content, problem):
    (found,) = refusal(content)
    assert found.startswith(problem)


def test_without_a_calendar_no_library_for_it_is_loaded():
    script = (
        "import sys; sys.path.insert(0, 'functions'); from tocsin import config\n"
        f"config.load({{'alertmanager.yml': {ALERTMANAGER!r}, 'tocsin.yml': {PLAIN!r}}}, environment={{}})\n"
        "print({'icalendar', 'recurring_ical_events', 'dateutil'} & set(sys.modules))"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_calendar_that_nobody_names_is_not_read():
    source = {"alertmanager.yml": ALERTMANAGER, "oncall/other.ics": b"garbage"}
    assert config.load(source, environment={}).schedules == {}
