"""The HTTP API over a store in memory: what it answers, and what it refuses."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any

import pytest

from tests.cli.states import api_of, burning
from tests.golden import assert_golden_json
from tests.stories.world import World
from tocsin.core.incidents import Actor, Incident, IncidentId, IncidentState
from tocsin.core.labels import fingerprint
from tocsin.errors import ConflictError, EventError
from tocsin.pipeline import incidents
from tocsin.pipeline.incidents import Order, Verb
from tocsin.web.api import answer
from tocsin.web.http import (
    LARGEST_BODY_BYTES,
    Refused,
    Request,
    Response,
    as_event,
    parse_event,
    parse_query,
    split_path,
)
from tocsin.web.identities import EVERYTHING, Identity


@pytest.fixture
def world() -> World:
    return burning()


def ask(world: World, method: str, path: str, *, body: Any = None, caller: str = "") -> Response:
    path, _, query = path.partition("?")
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    identity = Identity(caller, EVERYTHING)
    request = Request(method, split_path(path), parse_query(query), content, identity)
    return answer(api_of(world), request, now=world.now)


def names(response: Response) -> list[str]:
    alerts = response.value if isinstance(response.value, list) else response.value["alerts"]
    return sorted(each["labels"]["alertname"] for each in alerts)


def test_firing_alerts_have_alertmanagers_shape(world: World) -> None:
    response = ask(world, "GET", "/api/v2/alerts")
    assert response.status == 200
    assert_golden_json("web/alerts_v2.json", response.value)
    for each in response.value:
        assert each["fingerprint"] == fingerprint(each["labels"])


def test_our_own_form_has_pending_alerts_values_and_incidents(world: World) -> None:
    assert_golden_json("web/alerts.json", ask(world, "GET", "/api/tocsin/v1/alerts").value)


def test_an_incident_has_its_steps_alerts_and_deliveries(world: World) -> None:
    listed = ask(world, "GET", "/api/tocsin/v1/incidents").value["incidents"]
    assert [each["title"] for each in listed] == ["DiskFull"]
    assert_golden_json("web/incident.json", ask(world, "GET", f"/api/tocsin/v1/incidents/{world.incident().id}").value)


SELECTIONS = {
    "nothing is asked for": ("", ["DiskFull", "SlowDisk"]),
    "a label equals": ("?filter=severity%3D%22critical%22", ["DiskFull"]),
    "a label equals, unquoted": ("?filter=severity=critical", ["DiskFull"]),
    "a label matches an expression": ("?filter=instance=~%22db-.%2A%22", ["DiskFull", "SlowDisk"]),
    "an expression must match the whole value": ("?filter=instance=~db", []),
    "a label must not match": ("?filter=instance!~%22.*1%22", ["SlowDisk"]),
    "two filters must both match": ("?filter=severity=critical&filter=instance=db-2", []),
    "active ones are not wanted": ("?active=false", []),
    "others than active ones are not wanted": ("?silenced=false&inhibited=false", ["DiskFull", "SlowDisk"]),
    "nothing that is unprocessed": ("?unprocessed=false", ["DiskFull", "SlowDisk"]),
    "a receiver": ("?receiver=te.m", ["DiskFull", "SlowDisk"]),
    "another receiver": ("?receiver=oncall", []),
}


@pytest.mark.parametrize(("query", "expected"), SELECTIONS.values(), ids=SELECTIONS.keys())
def test_alerts_are_selected_when(world: World, query: str, expected: list[str]) -> None:
    assert names(ask(world, "GET", f"/api/v2/alerts{query}")) == expected


def test_a_pending_alert_is_none_of_alertmanagers(world: World) -> None:
    assert names(ask(world, "GET", "/api/tocsin/v1/alerts?filter=alertname=Hot")) == ["Hot"]
    assert names(ask(world, "GET", "/api/v2/alerts?filter=alertname=Hot")) == []


def test_what_is_resolved_is_not_listed(world: World) -> None:
    world.metric_recovers("DiskFull", instance="db-1")
    world.advance(minutes=1)
    assert names(ask(world, "GET", "/api/v2/alerts")) == ["SlowDisk"]
    world.advance(minutes=6)
    assert ask(world, "GET", "/api/tocsin/v1/incidents").value == {"incidents": []}
    over = ask(world, "GET", f"/api/tocsin/v1/incidents/{world.incident().id}").value
    assert (over["state"], over["alerts"], over["changed_by"]) == ("resolved", [], "tocsin")


def test_the_first_to_acknowledge_has_it(world: World) -> None:
    path = f"/api/tocsin/v1/incidents/{world.incident().id}/acknowledge"
    first = ask(world, "POST", path, body={"by": "ann", "comment": "on it"})
    assert (first.status, first.value["changed"]) == (200, True)
    assert first.value["message"] == "acknowledged by ann at 2026-11-20T03:10:00Z (on it)"
    world.advance(minutes=1)
    second = ask(world, "POST", path, body={"by": "bob"})
    assert (second.status, second.value["changed"]) == (200, False)
    assert second.value["message"] == "already acknowledged by ann at 2026-11-20T03:10:00Z (on it)"
    assert second.value["incident"]["changed_by"] == world.incident().changed_by == "ann"
    world.advance(hours=2)
    assert "boss" not in [page.receiver for page in world.pages]


def test_who_signed_has_it_where_the_body_names_nobody(world: World) -> None:
    path = f"/api/tocsin/v1/incidents/{world.incident().id}/resolve"
    assert ask(world, "POST", path, caller="arn:aws:iam::1:user/ann").value["changed"] is True
    assert world.incident().changed_by == "arn:aws:iam::1:user/ann"
    assert world.incident().state is IncidentState.RESOLVED
    again = ask(world, "POST", path, body={"by": "bob"})
    assert (again.status, again.value["changed"]) == (200, False)


def test_a_resolved_incident_cannot_be_acknowledged(world: World) -> None:
    path = f"/api/tocsin/v1/incidents/{world.incident().id}"
    ask(world, "POST", f"{path}/resolve", body={"by": "ann"})
    refused = ask(world, "POST", f"{path}/acknowledge", body={"by": "bob"})
    assert refused.status == 409
    message = f"incident {world.incident().id} is already resolved by ann at 2026-11-20T03:10:00Z"
    assert refused.value == {"code": 409, "message": message}


ACT = "/api/tocsin/v1/incidents/INCIDENT/acknowledge"
REFUSALS: dict[str, tuple[str, str, Any, int, str]] = {
    "there is no such path": ("GET", "/api/v2/nope", None, 404, "path /api/v2/nope was not found"),
    "an id is missing": (
        "GET",
        "/api/tocsin/v1/incidents//acknowledge",
        None,
        404,
        "path /api/tocsin/v1/incidents//acknowledge was not found",
    ),
    "there is no such incident": ("GET", "/api/tocsin/v1/incidents/inc-0", None, 404, "there is no incident inc-0"),
    "there is no such incident to act on": (
        "POST",
        "/api/tocsin/v1/incidents/inc-0/resolve",
        {"by": "ann"},
        404,
        "there is no incident inc-0",
    ),
    "rules are posted": ("POST", "/api/v1/rules", [], 405, "method POST is not allowed, but [GET] are"),
    "an action is only looked at": ("GET", ACT, None, 405, "method GET is not allowed, but [POST] are"),
    "a filter is none": (
        "GET",
        "/api/tocsin/v1/alerts?filter=severity",
        None,
        400,
        "filter: bad matcher format: 'severity' (expected for example severity=\"critical\")",
    ),
    "a filter's expression is none": (
        "GET",
        "/api/tocsin/v1/incidents?filter=a=~%28",
        None,
        400,
        "filter: a=~\"(\": not a valid RE2 pattern: '(' (missing ): ()",
    ),
    "nobody acts": ("POST", ACT, {}, 400, "`by` is missing from the body: who acts?"),
    "the body is not JSON": ("POST", ACT, b"by=ann", 400, "the body is not JSON"),
    "the body is too deep": ("POST", ACT, b"[" * 60_000, 400, "the body is not JSON"),
    "the body is not UTF-8": ("POST", ACT, b"\xff", 400, "the body is not JSON"),
    "the body is no object": ("POST", ACT, ["ann"], 400, "the body is not a JSON object"),
    "the body has a strange key": (
        "POST",
        ACT,
        {"By": "ann"},
        400,
        "unknown key 'By' in the body: expected by, comment, source",
    ),
    "a name is no text": ("POST", ACT, {"by": 1}, 400, "`by` is not a text"),
    "a name is too long": ("POST", ACT, {"by": "a" * 201}, 400, "`by` is longer than 200 characters"),
    "a comment is too long": (
        "POST",
        ACT,
        {"by": "a", "comment": "a" * 2001},
        400,
        "`comment` is longer than 2000 characters",
    ),
}


@pytest.mark.parametrize(("method", "path", "body", "status", "message"), REFUSALS.values(), ids=REFUSALS.keys())
def test_it_refuses_when(world: World, method: str, path: str, body: Any, status: int, message: str) -> None:
    before = world.store.writes
    response = ask(world, method, path.replace("INCIDENT", world.incident().id), body=body)
    assert (response.status, response.value) == (status, {"code": status, "message": message})
    assert world.store.writes == before


def test_it_says_what_there_is(world: World) -> None:
    assert ask(world, "GET", "/").value["paths"]["/api/v2/alerts"] == ["GET", "POST"]


class Contended:
    """Incidents that somebody else changes first, so many times."""

    def __init__(self, world: World, times: int) -> None:
        self._store = world.store
        self.times = times

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def escalate(self, incident: Incident, receivers: Any, *, starts: bool = False, now: Any) -> None:
        if self.times > 0:
            self.times -= 1
            raise ConflictError("somebody else was there first")
        self._store.escalate(incident, receivers, starts=starts, now=now)


def test_a_lost_write_is_decided_again(world: World) -> None:
    store: Any = Contended(world, times=3)
    desk = incidents.Desk(store, store, store, store, store, world.timers, world.log)
    acted = incidents.act(desk, Order(Verb.ACKNOWLEDGE, world.incident().id, Actor("ann")), now=world.now)
    assert acted is not None
    assert (acted.refusal, world.incident().changed_by) == (None, "ann")


def test_a_write_that_is_always_lost_is_a_conflict(world: World) -> None:
    store: Any = Contended(world, times=99)
    desk = incidents.Desk(store, store, store, store, store, world.timers, world.log)
    with pytest.raises(ConflictError, match="changed 5 times"):
        incidents.act(desk, Order(Verb.RESOLVE, world.incident().id, Actor("ann")), now=world.now)


def test_nobody_has_an_unknown_incident(world: World) -> None:
    desk = api_of(world).desk
    assert incidents.act(desk, Order(Verb.RESOLVE, IncidentId("inc-0"), Actor("ann")), now=world.now) is None
    assert incidents.find_incident(desk, IncidentId("inc-0"), now=world.now + timedelta(days=1)) is None


# Events


def event(**more: Any) -> dict[str, Any]:
    return {
        "version": "2.0",
        "rawPath": "/api/tocsin/v1/incidents/a%2Fb",
        "rawQueryString": "filter=a%3D1&filter=b",
        "requestContext": {"http": {"method": "get", "path": "/x"}, "stage": "$default"},
        "isBase64Encoded": False,
        **more,
    }


def test_an_event_becomes_a_request() -> None:
    caller = {"authorizer": {"iam": {"userArn": "arn:x"}}, "http": {"method": "POST", "path": "/"}, "stage": "prod"}
    path = ("api", "tocsin", "v1", "incidents", "a/b")
    assert parse_event(event()) == Request("GET", path, {"filter": ("a=1", "b")})
    encoded = event(
        requestContext=caller,
        rawPath="/prod/api",
        rawQueryString="",
        body=base64.b64encode(b"{}").decode(),
        isBase64Encoded=True,
    )
    assert parse_event(encoded) == Request("POST", ("api",), {}, b"{}", Identity("arn:x", EVERYTHING))


@pytest.mark.parametrize(
    "wrong",
    [None, [], {}, {"rawPath": "/"}, {"requestContext": 1, "rawPath": "/"}, event(rawPath=7), event(body=["x"])],
    ids=[
        "null",
        "a list",
        "an empty object",
        "no context",
        "a number for context",
        "a number for path",
        "a list for body",
    ],
)
def test_what_is_no_request_is_said(wrong: Any) -> None:
    with pytest.raises(EventError, match="expected an event of an HTTP API"):
        parse_event(wrong)


BODIES = {
    "it is too large": ({"body": "a" * (LARGEST_BODY_BYTES + 1)}, 413, "the body is larger than 4096 KiB"),
    "it is not base64": ({"body": "a", "isBase64Encoded": True}, 400, "the body is not what its encoding says"),
}


@pytest.mark.parametrize(("more", "status", "message"), BODIES.values(), ids=BODIES.keys())
def test_a_body_is_refused_when(more: dict[str, Any], status: int, message: str) -> None:
    with pytest.raises(Refused, match=message) as refused:
        parse_event(event(**more))
    assert refused.value.response.status == status


def test_a_response_becomes_an_event() -> None:
    made = as_event(Response(405, {"a": "ü"}, {"allow": "GET"}))
    assert made == {
        "statusCode": 405,
        "headers": {"content-type": "application/json", "cache-control": "no-store", "allow": "GET"},
        "body": '{"a": "ü"}',
    }
