"""Alerts that are posted: what Alertmanager takes, what it refuses and in which words; webhooks; limits."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.stories.configurations import configuration
from tests.stories.world import World
from tests.web.asking import ask
from tocsin.core.alerts import Status
from tocsin.core.notifications import Reason, format_time
from tocsin.errors import SettingsError
from tocsin.web.limits import Limits, read_limits
from tocsin.wiring import Settings

ZERO = "0001-01-01T00:00:00Z"


@pytest.fixture
def world() -> World:
    return World(configuration())


def at(world: World, seconds: float) -> str:
    return format_time(world.now + timedelta(seconds=seconds))


def stored(world: World) -> Any:
    return world.store.load_ingested(now=world.now)


REFUSALS: dict[str, tuple[Any, int, Any]] = {
    "nothing is sent": (b"", 422, {"code": 602, "message": "alerts in body is required"}),
    "it is not JSON": (
        b"[{",
        400,
        {
            "code": 400,
            "message": 'parsing alerts body from "" failed, because Expecting property name enclosed in double quotes: '
            "line 1 column 3 (char 2)",
        },
    ),
    "it is nested too deeply": (
        b"[" * 60_000,
        400,
        {"code": 400, "message": 'parsing alerts body from "" failed, because it is nested too deeply'},
    ),
    "it is no list": (
        {"labels": {}},
        400,
        {"code": 400, "message": 'parsing alerts body from "" failed, because it is not a list'},
    ),
    "an alert is no object": (
        [1],
        400,
        {"code": 400, "message": 'parsing alerts body from "" failed, because 0 is not an object'},
    ),
    "an alert has no labels": ([{}], 422, {"code": 602, "message": "0.labels in body is required"}),
    "a label is a number": (
        [{"labels": {"a": 1}}],
        400,
        {"code": 400, "message": 'parsing alerts body from "" failed, because 0.labels.a is not a text'},
    ),
    "a time is none": (
        [{"labels": {"a": "b"}, "endsAt": "tomorrow"}],
        400,
        {"code": 400, "message": 'parsing alerts body from "" failed, because "tomorrow" is not a time'},
    ),
    "a link is none": (
        [{"labels": {"a": "b"}, "generatorURL": "nowhere"}],
        422,
        {"code": 601, "message": '0.generatorURL in body must be of type uri: "nowhere"'},
    ),
    "labels are empty": ([{"labels": {"a": ""}}], 400, "at least one label pair required"),
}


@pytest.mark.parametrize(("body", "status", "value"), REFUSALS.values(), ids=REFUSALS.keys())
def test_it_refuses_when(world: World, body: Any, status: int, value: Any) -> None:
    response = ask(world, "POST", "/api/v2/alerts", body)
    assert (response.status, response.value) == (status, value)
    assert (stored(world), world.store.writes) == ([], 0)


def test_another_type_of_content_is_refused(world: World) -> None:
    response = ask(world, "POST", "/api/v2/alerts", [], content_type="text/plain; charset=utf-8")
    message = 'unsupported media type "text/plain", only [application/json] are allowed'
    assert (response.status, response.value) == (415, {"code": 415, "message": message})


def test_the_valid_ones_are_taken(world: World) -> None:
    response = ask(world, "POST", "/api/v2/alerts", [{"labels": {"": "x"}}, {"labels": {"alertname": "Good"}}])
    assert (response.status, response.value) == (400, 'invalid label set: invalid name ""')
    assert [each.alert.name for each in stored(world)] == ["Good"]


def test_go_s_zero_time_is_no_time(world: World) -> None:
    for zero in (ZERO, "0001-01-01T00:00:00+01:00", "", None):
        alert = {"labels": {"alertname": "A"}, "startsAt": zero, "endsAt": zero}
        assert ask(world, "POST", "/api/v2/alerts", [alert]).status == 200
    (found,) = stored(world)
    assert (found.alert.starts_at, found.alert.ends_at) == (world.now, world.now + timedelta(minutes=5))


@pytest.mark.parametrize("zone", ["Z", "-05:00", "+05:00"])
def test_the_last_instant_that_dotnet_knows_is_a_time(world: World, zone: str) -> None:
    last = f"9999-12-31T23:59:59.9999999{zone}"
    for alert in ({"endsAt": last}, {"startsAt": last, "endsAt": last}):
        assert ask(world, "POST", "/api/v2/alerts", [{"labels": {"alertname": "A"}, **alert}]).status == 200
    (found,) = stored(world)
    assert found.alert.ends_at is not None
    assert found.alert.ends_at.year == 9999
    assert ask(world, "GET", "/api/v2/alerts").status == 200


def test_nanoseconds_are_cut_off(world: World) -> None:
    ask(world, "POST", "/api/v2/alerts", [{"labels": {"alertname": "A"}, "startsAt": "2026-11-20T02:59:00.123456789Z"}])
    (found,) = stored(world)
    assert found.alert.starts_at == world.now - timedelta(seconds=60) + timedelta(microseconds=123456)


# Limits

LIMITS = Limits(alerts=2, labels=2, name_bytes=10, value_bytes=20, alert_bytes=60)
TOO_MUCH: dict[str, tuple[Any, int, Any]] = {
    "there are too many alerts": (
        [{"labels": {"a": str(number)}} for number in range(3)],
        413,
        {"code": 413, "message": "3 alerts in one request, at most 2 are allowed"},
    ),
    "there are too many labels": (
        [{"labels": {"a": "1", "b": "1", "c": "1"}}],
        400,
        "too many labels: 3, at most 2 are allowed",
    ),
    "a name is too long": ([{"labels": {"a" * 11: "1"}}], 400, 'label name "aaaaaaaaaaa…" is longer than 10 bytes'),
    "a value is too long": ([{"labels": {"a": "ü" * 11}}], 400, 'the value of label "a" is longer than 20 bytes'),
    "all of it is too large": (
        [{"labels": {"a": "1" * 20, "b": "1" * 20}, "generatorURL": "http://" + "x" * 20}],
        400,
        "the alert is larger than 60 bytes",
    ),
}


@pytest.mark.parametrize(("body", "status", "value"), TOO_MUCH.values(), ids=TOO_MUCH.keys())
def test_it_is_too_much_when(world: World, body: Any, status: int, value: Any) -> None:
    response = ask(world, "POST", "/api/v2/alerts", body, limits=LIMITS)
    assert (response.status, response.value, stored(world)) == (status, value, [])


def test_annotations_that_are_too_long_are_cut_and_the_alert_is_taken(world: World) -> None:
    body = [{"labels": {"alertname": "A"}, "annotations": {"description": "long " * 100, "summary": "short"}}]
    assert ask(world, "POST", "/api/v2/alerts", body, limits=Limits(alert_bytes=200)).status == 200
    (found,) = stored(world)
    assert found.alert.annotations["summary"] == "short"
    cut = found.alert.annotations["description"]
    assert cut.startswith("long long ")
    assert cut.endswith("… (cut here: there were 500 characters)")
    assert len(cut.encode()) < 200


def test_a_large_body_is_for_alerts_only(world: World) -> None:
    padding = b" " * 70_000
    assert ask(world, "POST", "/api/v2/alerts", b"[]" + padding).status == 200
    refused = ask(world, "POST", "/api/v2/silences", b"{}" + padding)
    assert (refused.status, refused.value["message"]) == (413, "the body is larger than 64 KiB")


def test_limits_are_read() -> None:
    assert read_limits("") == Limits()
    assert read_limits("alerts=5, value_bytes=10") == Limits(alerts=5, value_bytes=10)
    for wrong in ("alerts", "alerts=0", "alerts=-1", "alarms=5", "alerts=5;labels=6"):
        with pytest.raises(ValueError, match="expected for example"):
            read_limits(wrong)
        with pytest.raises(SettingsError, match="TOCSIN_INGEST_LIMITS"):
            Settings.read({"TOCSIN_INGEST_LIMITS": wrong})


# Webhooks


def webhook(*alerts: Any, **more: Any) -> dict[str, Any]:
    return {
        "version": "4",
        "groupKey": '{}:{alertname="A"}',
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "tocsin",
        "groupLabels": {},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.example",
        "alerts": list(alerts),
        **more,
    }


def forwarded(status: str = "firing", starts: str = "2026-11-20T02:59:00Z", ends: str = ZERO) -> dict[str, Any]:
    return {
        "status": status,
        "labels": {"alertname": "A"},
        "annotations": {"summary": "s"},
        "startsAt": starts,
        "endsAt": ends,
        "generatorURL": "http://prometheus.example/graph",
        "fingerprint": "aaaa",
    }


def test_a_forwarded_alert_fires_until_it_is_said_to_be_resolved(world: World) -> None:
    assert ask(world, "POST", "/alerts/webhook", webhook(forwarded())).status == 200
    world.advance(hours=3)
    world.expect_page("team", Status.FIRING, Reason.FIRST, alerts=["A"])
    world.expect_silence()
    over = webhook(forwarded("resolved", ends=format_time(world.now)), status="resolved")
    for _ in range(2):
        assert ask(world, "POST", "/alerts/webhook", over).status == 200
    world.advance(minutes=10)
    world.expect_page("team", Status.RESOLVED, Reason.ALL_RESOLVED, resolved=["A"])
    world.expect_silence()


def test_a_forwarded_alert_holds_as_long_as_the_address_says(world: World) -> None:
    assert ask(world, "POST", "/alerts/webhook?hold=30m", webhook(forwarded())).status == 200
    (found,) = stored(world)
    assert found.alert.ends_at == world.now + timedelta(minutes=30)


CLOCKS = {
    "the other clock is ahead": ("firing", 60, None, 0, "held"),
    "the other clock is behind, and it is resolved": ("resolved", -60, 30, -60, 0),
    "its end has passed, but it fires": ("firing", -60, -30, -60, "held"),
    "it is resolved without an end": ("resolved", -60, None, -60, 0),
}


@pytest.mark.parametrize(("status", "starts", "ends", "from_", "to"), CLOCKS.values(), ids=CLOCKS.keys())
def test_clocks_differ(world: World, status: str, starts: float, ends: float | None, from_: float, to: Any) -> None:
    ask(world, "POST", "/alerts/webhook?hold=1h", webhook(forwarded(starts=at(world, -90))))
    alert = forwarded(status, at(world, starts), ZERO if ends is None else at(world, ends))
    assert ask(world, "POST", "/alerts/webhook?hold=1h", webhook(alert)).status == 200
    (found,) = stored(world)
    assert found.alert.ends_at == world.now + (timedelta(hours=1) if to == "held" else timedelta(seconds=to))
    assert found.alert.starts_at == world.now + timedelta(seconds=min(from_, -90))


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("/alerts/webhook", {}, 422, "alerts in body is required"),
        ("/alerts/webhook", [], 400, 'parsing webhook body from "" failed, because it is not an object'),
        (
            "/alerts/webhook?hold=x",
            webhook(),
            400,
            "hold: not a valid duration: 'x' (expected for example 30s, 5m or 1h30m)",
        ),
        ("/alerts/webhook?hold=0s", webhook(), 400, "hold: expected more than 0s"),
    ],
)
def test_a_webhook_is_refused(world: World, path: str, body: Any, status: int, message: str) -> None:
    response = ask(world, "POST", path, body)
    assert (response.status, response.value["message"]) == (status, message)
