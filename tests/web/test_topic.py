"""What Amazon's alert manager publishes: JSON by its documentation's template, the default template's text; rubbish."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.cli.states import api_of
from tests.stories.configurations import configuration
from tests.stories.world import World
from tocsin.core.alerts import Status
from tocsin.core.notifications import Reason
from tocsin.errors import EventError
from tocsin.web.http import Refused
from tocsin.web.topic import is_topic_event, parse_go_time, take_topic_event

TOLD_AT = "2026-11-20T02:59:30.123Z"
GO_ZERO = "0001-01-01 00:00:00 +0000 UTC"


@pytest.fixture
def world() -> World:
    return World(configuration())


def event(*messages: str) -> dict[str, Any]:
    records = [{"EventSource": "aws:sns", "Sns": {"Message": text, "Timestamp": TOLD_AT}} for text in messages]
    return {"Records": records}


def take(world: World, *messages: str) -> dict[str, int]:
    return take_topic_event(api_of(world), event(*messages), now=world.now)


def as_json(status: str = "firing", ends: str = GO_ZERO, **annotations: str) -> str:
    alert = {
        "status": status,
        "labels": {"alertname": "CpuHigh", "instance": "i-1"},
        "annotations": annotations,
        "startsAt": "2026-11-20 02:58:00.123456789 +0000 UTC",
        "endsAt": ends,
        "generatorURL": "/graph?g0.expr=up",
        "fingerprint": "abc",
    }
    return json.dumps({"receiver": "default", "status": status, "alerts": [alert]})


def stored(world: World) -> Any:
    (found,) = world.store.load_ingested(now=world.now)
    return found.alert


def test_json_is_taken(world: World) -> None:
    assert take(world, as_json(summary="93 %")) == {"alerts": 1}
    alert = stored(world)
    assert dict(alert.labels) == {"alertname": "CpuHigh", "instance": "i-1"}
    assert alert.annotations == {"summary": "93 %"}
    assert alert.starts_at == datetime(2026, 11, 20, 2, 58, 0, 123456, tzinfo=UTC)
    world.advance(hours=20)
    world.expect_page("team", Status.FIRING, Reason.FIRST, alerts=["CpuHigh/i-1"])
    take(world, as_json("resolved", ends="2026-11-20 22:59:00 +0000 UTC"))
    world.advance(minutes=10)
    assert world.pages[-1].names(Status.RESOLVED) == ["CpuHigh/i-1"]


def test_line_breaks_that_the_template_did_not_escape_are_taken(world: World) -> None:
    take(world, as_json(summary="one BREAK two").replace("BREAK", "\n"))
    assert stored(world).annotations == {"summary": "one \n two"}


TEXT = """
Alerts Firing:
Labels:
 - alertname = CpuHigh
 - instance = i-1
Annotations:
 - description = first line
second line
 - summary = a = b
Source: /graph?g0.expr=up
Labels:
 - alertname = DiskFull
Annotations:
Source: http://prometheus.example/graph

Alerts Resolved:
Labels:
 - alertname = Old
Annotations:
Source:
"""


def test_the_default_template_s_text_is_taken(world: World) -> None:
    assert take(world, TEXT) == {"alerts": 3}
    found = {each.alert.name: each.alert for each in world.store.load_ingested(now=world.now)}
    assert set(found) == {"CpuHigh", "DiskFull"}
    cpu = found["CpuHigh"]
    assert cpu.annotations == {"description": "first line\nsecond line", "summary": "a = b"}
    assert cpu.starts_at == datetime(2026, 11, 20, 2, 59, 30, 123000, tzinfo=UTC)
    assert (cpu.generator_url, found["DiskFull"].generator_url) == (
        "/graph?g0.expr=up",
        "http://prometheus.example/graph",
    )
    take(world, TEXT.replace("Alerts Firing:", "Alerts Resolved:"))
    assert all(each.alert.status_at(world.now) is Status.RESOLVED for each in world.store.load_ingested(now=world.now))


def test_a_message_that_comes_twice_says_nothing_new(world: World) -> None:
    take(world, as_json(), as_json())
    writes = world.store.writes
    take(world, as_json())
    assert world.store.writes == writes


RUBBISH = {
    "an unescaped quote": as_json(summary="QUOTE").replace("QUOTE", 'a "b" c'),
    "JSON that ends too early": as_json()[:-20],
    "JSON of something else": '{"AlarmName": "cpu", "NewStateValue": "ALARM"}',
    "alerts that are none": '{"alerts": [1]}',
    "labels that are none": '{"alerts": [{"labels": []}]}',
    "a time that is none": '{"alerts": [{"labels": {"a": "b"}, "startsAt": "soon"}]}',
    "no alerts": '{"alerts": []}',
    "nested too deeply": '{"alerts": ' + "[" * 100_000,
    "a letter": "Dear operator, all is well.",
    "nothing": "",
}


@pytest.mark.parametrize("message", RUBBISH.values(), ids=RUBBISH.keys())
def test_what_is_not_understood_is_refused(world: World, message: str) -> None:
    with pytest.raises(EventError, match=r"the message|not an alert manager's|names no alert"):
        take(world, message)
    assert world.store.writes == 0
    assert refused(world) == [("topic", "malformed", 400)]


def test_what_is_not_accepted_is_refused_beside_what_is(world: World) -> None:
    with pytest.raises(Refused, match="at least one label pair required"):
        take(world, json.dumps({"alerts": [{"labels": {}}, {"labels": {"alertname": "Good"}}]}))
    assert stored(world).name == "Good"
    assert refused(world) == [("topic", "not valid", 400)]
    assert world.log.counts["RequestsRefused"] == 1


def test_what_is_too_much_is_refused_by_that_name(world: World) -> None:
    with pytest.raises(Refused, match="at most 2000"):
        take(world, json.dumps({"alerts": [{"labels": {"alertname": f"A{number}"}} for number in range(2001)]}))
    assert refused(world) == [("topic", "too large", 413)]


def refused(world: World) -> list[tuple[object, ...]]:
    return [(each["path"], each["reason"], each["status"]) for each in world.log.events("request_refused")]


@pytest.mark.parametrize(
    "wrong",
    [{"Records": [{"Sns": {}}]}, {"Records": [{"Sns": {"Message": 1}}]}, {"Records": [{"Sns": 1}]}],
)
def test_what_is_no_event_of_sns_is_said(world: World, wrong: Any) -> None:
    with pytest.raises(EventError, match="expected an event of SNS"):
        take_topic_event(api_of(world), wrong, now=world.now)


def test_only_events_of_sns_are_its_own() -> None:
    assert is_topic_event(event(TEXT))
    others: list[Any] = [{}, {"Records": []}, {"Records": [{"body": "{}"}]}, {"requestContext": {}}, None, []]
    assert not any(is_topic_event(other) for other in others)


TIMES = {
    "2026-11-20 03:00:00 +0000 UTC": timedelta(0),
    "2026-11-20 04:30:00.5 +0100 CET": timedelta(minutes=30, milliseconds=500),
    "2026-11-20 03:00:00 +0000 UTC m=+0.000000001": timedelta(0),
    "2026-11-20T03:00:01Z": timedelta(seconds=1),
}


@pytest.mark.parametrize(("text", "after"), TIMES.items())
def test_times_are_go_s_or_rfc_3339(text: str, after: timedelta) -> None:
    assert parse_go_time(text) == datetime(2026, 11, 20, 3, 0, tzinfo=UTC) + after


def test_no_time_is_none() -> None:
    assert parse_go_time("") is None
    assert parse_go_time(GO_ZERO) is None
