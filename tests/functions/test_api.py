"""The function `api` on moto's table: real events in, API Gateway's answers out, no more than its role allows."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest

from tests.adapters.stores import DynamoStore
from tests.functions.deployment import Deployment, allowed_actions
from tests.functions.happenings import EVENTS
from tests.stories.configurations import configuration, policy, rule
from tests.stories.world import START, World
from tocsin.adapters.dynamodb import Table
from tocsin.errors import EventError


def read_event(name: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))
    return event


def request(method: str, path: str, query: str = "", body: str | None = None) -> dict[str, Any]:
    """Return the real event with another request in it."""
    event = read_event("api_list")
    event |= {"rawPath": path, "rawQueryString": query}
    event["requestContext"]["http"] |= {"method": method, "path": path}
    return event if body is None else {**event, "body": body}


@pytest.fixture
def world(deployed: Deployment) -> World:
    """Return a world on the deployment's table in which an incident is open."""
    table = Table(deployed["Table"], lambda: deployed.client("dynamodb"))
    made = World(
        configuration(rule("DiskFull"), policies=[policy((60, "team"))]),
        store=DynamoStore(table, deployed.client("dynamodb")),
        start=START.replace(year=2025),
    )
    made.metric_goes_bad("DiskFull", instance="db-1", value=0.97)
    made.advance(minutes=5)
    return made


def ask(deployed: Deployment, event: Any) -> tuple[int, Any]:
    answered = deployed.invoke("api", event)
    assert answered["headers"]["content-type"] == "application/json"
    return answered["statusCode"], json.loads(answered["body"])


def test_alerts_are_listed(deployed: Deployment, world: World) -> None:
    status, alerts = ask(deployed, read_event("api_list"))
    assert status == 200
    (alert,) = alerts
    assert (alert["labels"]["alertname"], alert["receivers"]) == (
        "DiskFull",
        [{"name": "default", "labels": {"name": "default"}}],
    )
    assert ask(deployed, request("GET", "/api/v2/alerts", "filter=severity%3D%22none%22")) == (200, [])


def test_an_incident_is_acknowledged_by_who_signed_the_request(deployed: Deployment, world: World) -> None:
    path = f"/api/tocsin/v1/incidents/{world.incident().id}/acknowledge"
    event = read_event("api_acknowledge") | {"rawPath": path}
    status, answered = ask(deployed, event)
    assert (status, answered["changed"]) == (200, True)
    arn = "arn:aws:sts::123456789012:assumed-role/oncall/ada"
    assert (world.incident().changed_by, world.incident().comment) == (arn, "looking at it")
    status, answered = ask(deployed, event)
    assert (status, answered["changed"]) == (200, False)
    assert answered["message"].startswith(f"already acknowledged by {arn} at ")
    assert [each["integration"] for each in answered["incident"]["deliveries"]] == ["team/slack/0"]


def test_it_asks_no_more_of_aws_than_its_role_allows(deployed: Deployment, world: World) -> None:
    ask(deployed, read_event("api_list"))
    ask(deployed, request("GET", "/api/tocsin/v1/incidents"))
    ask(deployed, request("POST", f"/api/tocsin/v1/incidents/{world.incident().id}/resolve", body='{"by": "ann"}'))
    assert deployed.actions["api"]
    assert deployed.actions["api"] <= allowed_actions("ApiFunction")


def test_a_token_opens_what_its_scopes_say(deployed: Deployment) -> None:
    entry = {"hash": hashlib.sha256(b"a-token").hexdigest(), "scopes": ["ingest"]}
    deployed.keep_secret("ApiTokensSecret", prometheus=entry)
    event = request("POST", "/api/v2/alerts", body='[{"labels": {"alertname": "Theirs"}}]')
    del event["requestContext"]["authorizer"]
    assert ask(deployed, event)[0] == 401
    event["headers"]["authorization"] = "Basic " + base64.b64encode(b"prometheus:a-token").decode()
    answered = deployed.invoke("api", event)
    assert (answered["statusCode"], answered["body"], "content-type" in answered["headers"]) == (200, "", False)
    event["requestContext"]["http"]["method"] = "GET"
    assert ask(deployed, event) == (403, {"code": 403, "message": "this needs the scope read"})
    assert len(deployed.items("ingested")) == 1
    assert len(deployed.messages("TimerQueue")) == 1
    assert deployed.actions["api"] <= allowed_actions("ApiFunction")


def test_what_amazon_s_alert_manager_publishes_is_taken_once(deployed: Deployment) -> None:
    for _ in range(2):
        assert deployed.invoke("api", read_event("api_topic")) == {"alerts": 1}
    status, alerts = ask(deployed, request("GET", "/api/v2/alerts"))
    assert (status, [each["labels"]["alertname"] for each in alerts]) == (200, ["HighErrorRate"])
    # It began long ago, so its group is to be looked at now: announced before it is written, and again after.
    assert len({each["group"] for each in deployed.messages("TimerQueue")}) == 1
    event = read_event("api_topic")
    event["Records"][0]["Sns"]["Message"] = "hello"
    with pytest.raises(EventError, match="names no alert"):
        deployed.invoke("api", event)


def test_silences_are_made_and_ended(deployed: Deployment) -> None:
    silence = {
        "matchers": [{"name": "alertname", "value": "A|B", "isRegex": True}],
        "startsAt": "2026-01-01T00:00:00Z",
        "endsAt": "2199-01-01T00:00:00Z",
        "createdBy": "ann",
        "comment": "x",
    }
    status, made = ask(deployed, request("POST", "/api/v2/silences", body=json.dumps(silence)))
    assert status == 200
    path = f"/api/v2/silence/{made['silenceID']}"
    assert ask(deployed, request("GET", path))[1]["status"] == {"state": "active"}
    assert deployed.invoke("api", request("DELETE", path))["statusCode"] == 200
    (ended,) = ask(deployed, request("GET", "/api/v2/silences"))[1]
    assert (ended["id"], ended["status"]) == (made["silenceID"], {"state": "expired"})
    assert deployed.actions["api"] <= allowed_actions("ApiFunction")


def test_rules_and_status_are_shown(deployed: Deployment) -> None:
    status, rules = ask(deployed, request("GET", "/api/v1/rules"))
    assert (status, rules["status"], len(rules["data"]["groups"]) > 0) == (200, "success", True)
    status, shown = ask(deployed, request("GET", "/api/v2/status"))
    assert (status, "route:" in shown["config"]["original"]) == (200, True)
    assert ask(deployed, request("GET", "/api/v2/receivers"))[0] == 200
    assert ask(deployed, request("GET", "/api/v2/alerts/groups")) == (200, [])


def test_an_unknown_incident_is_not_found(deployed: Deployment) -> None:
    assert ask(deployed, read_event("api_acknowledge"))[0] == 404


def test_a_malformed_event_is_a_bad_request(deployed: Deployment) -> None:
    message = "expected an event of an HTTP API, payload format 2.0"
    assert ask(deployed, {"now": "2026-01-01T00:00:00Z"}) == (400, {"code": 400, "message": message})


def test_a_table_that_fails_is_no_detail_of_the_answer(bare: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(bare, read_event("api_list")) == (
        503,
        {"code": 503, "message": "the table could not be read or written: try again"},
    )
    assert "store_failed" in capsys.readouterr().out


def test_what_nobody_expected_is_logged_and_not_told(
    deployed: Deployment, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    module = deployed.load("api", without=("TOCSIN_TABLE",))
    answered = module.handler(read_event("api_list"), None)
    assert answered["statusCode"] == 500
    assert json.loads(answered["body"]) == {"code": 500, "message": "this failed; the function's log says why"}
    logged = capsys.readouterr().out
    assert "request_failed" in logged
    assert "TOCSIN_TABLE is not set" in logged
