"""What must not leave does not: notifications, their retries, answers of the API, log lines. What decides is true."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from tests.chaos.slack import edits_messages
from tests.stories.configurations import configuration, policy, receiver, rule
from tests.stories.world import World
from tests.web.asking import ask_well
from tocsin.core.alerts import Status
from tocsin.core.labels import Labels, fingerprint
from tocsin.core.notifications import Reason, from_json
from tocsin.core.receivers import Kind
from tocsin.core.redaction import Redaction
from tocsin.core.routing import RouteSpec
from tocsin.pipeline.incidents import Verb

FIRST, SECOND = "pg://app:hunter2@db", "pg://app:swordfish@db"
SHOWN = "pg://app:[redacted]@db"
RULE = rule("Leak", annotations={"summary": "cannot reach {{ $labels.dsn }}", "query": "api_key=abc12345"})
ROUTE = RouteSpec(receiver="team", group_by=("alertname", "dsn"))


def leaking(redaction: Redaction | None = None) -> World:
    """Return a world in which two alerts fire that differ in a password alone."""
    made = configuration(RULE, route=ROUTE, receivers=[receiver("team", Kind.SLACK, Kind.PAGERDUTY)])
    world = World(replace(made, redaction=redaction or Redaction()))
    for dsn in (FIRST, SECOND):
        world.metric_goes_bad("Leak", dsn=dsn)
    world.advance(minutes=2)
    return world


def test_a_notification_is_redacted_when_it_is_frozen() -> None:
    world = leaking()
    sent = "\n".join([*world.topic.messages, json.dumps(world.store.notifications, default=str)])
    assert "hunter2" not in sent
    assert "swordfish" not in sent
    assert "abc12345" not in sent
    told = from_json(json.loads(world.topic.messages[0]))
    (alert,) = told.alerts
    assert (alert.labels["dsn"], alert.annotations["summary"]) == (SHOWN, f"cannot reach {SHOWN}")
    assert (told.group_labels["dsn"], told.redacted) == (SHOWN, 3)
    assert world.log.counts["ValuesRedacted"] == 3 * 4


def test_two_groups_that_differ_in_a_secret_alone_stay_two() -> None:
    world = leaking()
    told = [from_json(json.loads(each)) for each in world.topic.messages]
    assert len({each.group for each in told}) == len({each.group_key for each in told}) == 2
    assert all(re.search(r':\{.*dsn="pg://app:\[redacted\]@db"\}#[0-9a-f]{12}$', each.group_key) for each in told)


def test_fingerprints_are_those_of_the_true_labels() -> None:
    world = leaking()
    true = {fingerprint(Labels({"alertname": "Leak", "severity": "critical", "dsn": dsn})) for dsn in (FIRST, SECOND)}
    told = [from_json(json.loads(each)) for each in world.topic.messages]
    assert {alert.fingerprint for each in told for alert in each.alerts} == true
    assert {each["fingerprint"] for each in ask_well(world, "GET", "/api/v2/alerts")} == true


def test_a_retry_sends_the_same_bytes() -> None:
    world = leaking()
    first = {json.loads(each)["id"]: each for each in world.topic.messages}
    world.metric_recovers("Leak", dsn=FIRST)
    world.metric_recovers("Leak", dsn=SECOND)
    world.advance(minutes=6)
    for message in world.topic.messages:
        told = json.loads(message)
        assert first.setdefault(told["id"], message) == message
    assert [page.notification.status for page in world.pages[-4:]] == [Status.RESOLVED] * 4
    assert {page.notification.reason for page in world.pages[-4:]} == {Reason.ALL_RESOLVED}
    assert "hunter2" not in "".join(world.topic.messages)


def test_what_decides_sees_what_is_true() -> None:
    world = leaking()
    listed = ask_well(world, "GET", "/api/v2/alerts?filter=dsn%3D%22pg%3A%2F%2Fapp%3Ahunter2%40db%22")
    assert [each["labels"]["dsn"] for each in listed] == [SHOWN]
    silence = {
        "matchers": [{"name": "dsn", "value": FIRST, "isRegex": False}],
        "startsAt": "2026-11-20T03:00:00Z",
        "endsAt": "2026-11-21T03:00:00Z",
        "createdBy": "ann",
        "comment": "x",
    }
    ask_well(world, "POST", "/api/v2/silences", silence)
    states = [each["status"]["state"] for each in ask_well(world, "GET", "/api/v2/alerts")]
    assert sorted(states) == ["active", "suppressed"]


ASKED = (
    "/api/v2/alerts",
    "/api/v2/alerts/groups",
    "/api/v1/rules",
    "/api/v1/alerts",
    "/api/tocsin/v1/alerts",
    "/api/tocsin/v1/incidents",
    "/api/tocsin/v1/explanations?filter=alertname=Leak",
)


def test_no_answer_of_the_api_shows_it() -> None:
    world = leaking()
    for path in ASKED:
        text = json.dumps(ask_well(world, "GET", path))
        assert "hunter2" not in text, path
        assert "swordfish" not in text, path


def test_what_somebody_wants_to_see_is_shown() -> None:
    world = leaking(Redaction(kept=frozenset({"dsn"})))
    told = json.loads(world.topic.messages[0])
    assert told["alerts"][0]["labels"]["dsn"] in (FIRST, SECOND)
    assert told["alerts"][0]["annotations"]["summary"] == f"cannot reach {SHOWN}"
    assert "[redacted]" not in told["group_key"]


def test_who_turns_it_off_gets_what_there_is() -> None:
    world = leaking(Redaction(frozenset()))
    assert "hunter2" in "".join(world.topic.messages)
    assert "redacted" not in "".join(world.topic.messages)
    assert "ValuesRedacted" not in world.log.counts


def test_an_incident_s_title_is_redacted() -> None:
    made = configuration(rule("password=hunter2"), policies=[policy((0, "team"))])
    world = World(made)
    world.metric_goes_bad("password=hunter2")
    world.advance(minutes=2)
    assert world.incident().title == "password=[redacted]"


@pytest.mark.parametrize("typed", ["restarted with password=hunter2", "key " + "AKIA" + "IOSFODNN7EXAMPLE"])
def test_what_somebody_types_is_redacted_when_it_is_frozen(typed: str) -> None:
    made = configuration(rule("Leak"), receivers=[receiver("team")], policies=[policy((0, "team"))])
    world = World(edits_messages(made))
    world.metric_goes_bad("Leak", instance="a")
    world.advance(minutes=2)
    world.act(Verb.ACKNOWLEDGE, by=f"ann {typed}", comment=typed)
    world.act(Verb.NOTE, comment=typed)
    world.advance(minutes=2)
    frozen = [each.notification.standing for each in world.updates]
    assert frozen
    shown = Redaction().text(typed)
    (last,) = {(each.owner, each.comment) for each in frozen[-1:] if each}
    assert last == (f"ann {shown}", shown)
    assert typed not in "".join(world.topic.messages)
    assert world.incident().comment == typed
