"""A click in Slack through the deployed functions: `api` believes and hands over, `act` does and answers, on moto."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dev.slack_workspace import Signed, Workspace, click_body, command_body, sign
from tests.adapters.stores import DynamoStore
from tests.functions.deployment import FUNCTIONS, Deployment, allowed_actions
from tests.functions.happenings import queue_event, read
from tests.stories.configurations import configuration, equal, policy, receiver, rule
from tests.stories.world import START, World
from tocsin.adapters.dynamodb import Table
from tocsin.adapters.dynamodb.receipts import DynamoReceipts
from tocsin.core.clicks import Button, Press
from tocsin.core.incidents import IncidentState, Source
from tocsin.pipeline import clicks

OLD, NEW = "the-old-signing-secret-of-slack", "the-new-signing-secret-of-slack"
FILES = {
    "alertmanager.yml": "route: {receiver: team}\nreceivers: [{name: team}]\n",
    "tocsin.yml": "slack: {signing_secret: 'secret:slack#signing_secret'}\nusers: [{name: ann, slack: U1ANN0001}]\n",
}
MARKS = (OLD, NEW)
ZERO, HOLDS = timedelta(0), {Press.SUPPRESS: timedelta(hours=1)}


@pytest.fixture
def world(deployed: Deployment, tmp_path: Path) -> World:
    """Return a world on the deployment's table in which an incident is open, and clicks are believed."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    deployed._overrides["CONFIG_URI"] = str(tmp_path)
    deployed.keep_secret("SlackSecret", signing_secret=f"{NEW} {OLD}")
    table = Table(deployed["Table"], lambda: deployed.client("dynamodb"))
    told = configuration(
        rule("Down"), receivers=[receiver("boss")], policies=[policy((0, "team"), (60, "boss"), matchers=CRITICAL)]
    )
    made = World(told, store=DynamoStore(table, deployed.client("dynamodb")), start=START.replace(year=2025))
    made.metric_goes_bad("Down")
    made.advance(minutes=5)
    return made


CRITICAL = (equal("severity", "critical"),)


@pytest.fixture
def slack() -> Iterator[Workspace]:
    with Workspace(signing_secret=NEW) as running:
        yield running


def gateway(signed: Signed, path: str = "/slack/interactions", *, is_encoded: bool = False) -> dict[str, Any]:
    """Return the event of a request of Slack's; the gateway has looked at nobody."""
    body = base64.b64encode(signed.body).decode() if is_encoded else signed.body.decode()
    return {
        "version": "2.0",
        "routeKey": f"POST {path}",
        "rawPath": path,
        "rawQueryString": "",
        "headers": dict(signed.headers),
        "requestContext": {
            "http": {"method": "POST", "path": path, "sourceIp": "203.0.113.9"},
            "stage": "$default",
        },
        "body": body,
        "isBase64Encoded": is_encoded,
    }


def click(world: World, slack: Workspace, press: Press = Press.ACKNOWLEDGE, *, secret: str = NEW) -> Signed:
    element = {"type": "button", "action_id": press.value, "value": Button(press, world.incident().id).value}
    body = click_body(element, None, user="U1ANN0001", name="annie", reply_to=slack.reply_url())
    return sign(secret, body, at=time.time())


def work(deployed: Deployment) -> Any:
    """Have done what is in the queue, as Lambda hands it over."""
    return deployed.invoke("act", queue_event("ActionQueue", *map(json.dumps, deployed.messages("ActionQueue"))))


@pytest.mark.parametrize(("secret", "is_encoded"), [(NEW, False), (OLD, True)])
def test_a_click_acknowledges_and_who_clicked_is_told(
    deployed: Deployment, world: World, slack: Workspace, secret: str, *, is_encoded: bool
) -> None:
    answer = deployed.invoke("api", gateway(click(world, slack, secret=secret), is_encoded=is_encoded))
    assert (answer["statusCode"], answer["body"]) == (200, "")
    assert world.incident().state is IncidentState.OPEN, "Slack has its answer before anything is done"
    assert work(deployed) == {"batchItemFailures": []}
    incident = world.incident()
    assert (incident.state, incident.owner, incident.source) == (IncidentState.ACKNOWLEDGED, "ann", Source.SLACK)
    (said,) = slack.answers
    assert f"({incident.id}): acknowledged by ann at " in said["text"]
    assert said["response_type"] == "ephemeral"


def test_the_same_message_again_does_nothing_and_says_nothing(
    deployed: Deployment, world: World, slack: Workspace
) -> None:
    deployed.invoke("api", gateway(click(world, slack, Press.ESCALATE)))
    work(deployed)
    climb = world.incident().climb
    assert work(deployed) == {"batchItemFailures": []}
    assert (world.incident().climb, len(slack.answers)) == (climb, 1)


def test_the_same_request_again_is_refused_and_so_is_a_forged_one(
    deployed: Deployment, world: World, slack: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    request = gateway(click(world, slack))
    forged = gateway(click(world, slack, secret="guessed"))
    assert [deployed.invoke("api", each)["statusCode"] for each in (request, request, forged)] == [200, 401, 401]
    assert len(deployed.messages("ActionQueue")) == 1
    logged = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["reason"] for each in logged if each.get("message") == "request_refused"] == ["replayed", "forged"]


def test_a_command_is_answered(deployed: Deployment, world: World, slack: Workspace) -> None:
    for text in ("list", "oncall"):
        body = command_body(text, user="U1ANN0001", name="annie", reply_to=slack.reply_url())
        deployed.invoke("api", gateway(sign(NEW, body, at=time.time()), "/slack/commands"))
    work(deployed)
    assert [each["text"].splitlines()[0] for each in slack.answers] == [
        "1 incident open",
        "There is no on-call schedule.",
    ]


def test_what_is_no_click_comes_back_and_the_others_are_done(
    deployed: Deployment, world: World, slack: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed.invoke("api", gateway(click(world, slack)))
    (good,) = deployed.messages("ActionQueue")
    event = queue_event("ActionQueue", "{}", json.dumps(good), "no JSON " + slack.reply_url())
    failed = [event["Records"][number]["messageId"] for number in (0, 2)]
    answer = deployed.invoke("act", event)
    assert answer == {"batchItemFailures": [{"itemIdentifier": each} for each in failed]}
    assert world.incident().state is IncidentState.ACKNOWLEDGED
    assert "/actions/" not in capsys.readouterr().out, "a response_url is a capability"


def test_what_cannot_be_done_comes_again_within_seconds_and_the_last_time_it_is_said(
    deployed: Deployment, world: World, slack: Workspace
) -> None:
    deployed.invoke("api", gateway(click(world, slack)))
    sqs, url = deployed.client("sqs"), deployed["ActionQueue"]
    (message,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1)["Messages"]
    (record,) = queue_event("ActionQueue", message["Body"])["Records"]
    record |= {"receiptHandle": message["ReceiptHandle"]}
    table = Table(deployed["Table"], lambda: deployed.client("dynamodb"))
    receipts, now = DynamoReceipts(table), datetime.now(UTC)
    receipts.begin(f"click {json.loads(message['Body'])['id']}", until=now + timedelta(minutes=5), now=now)
    for receives in (1, clicks.TRIES):
        record["attributes"]["ApproximateReceiveCount"] = str(receives)
        answer = deployed.invoke("act", {"Records": [record]})
        assert answer == {"batchItemFailures": [{"itemIdentifier": record["messageId"]}]}
        assert len(slack.answers) == (receives == clicks.TRIES)
    assert "could not be done" in slack.answers[0]["text"]
    assert "sqs:ChangeMessageVisibility" in deployed.actions["act"]
    assert deployed.actions["act"] - allowed_actions(FUNCTIONS["act"]) == set()


def test_an_old_event_is_not_done(deployed: Deployment, world: World) -> None:
    assert deployed.invoke("act", read("act_click")) == {"batchItemFailures": []}
    assert world.incident().state is IncidentState.OPEN


def test_no_log_and_no_item_holds_the_secret_or_a_response_url(
    deployed: Deployment, world: World, slack: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    for press in (Press.ACKNOWLEDGE, Press.RESOLVE):
        deployed.invoke("api", gateway(click(world, slack, press)))
    deployed.invoke("api", gateway(click(world, slack, secret="guessed")))
    work(deployed)
    kept = repr(deployed.items()) + capsys.readouterr().out
    for mark in (*MARKS, "/actions/"):
        assert mark not in kept


def test_each_function_may_do_what_it_does(deployed: Deployment, world: World, slack: Workspace) -> None:
    for press in (Press.ACKNOWLEDGE, Press.SUPPRESS, Press.ESCALATE, Press.RESOLVE):
        element = {"type": "button", "value": Button(press, world.incident().id, HOLDS.get(press, ZERO)).value}
        body = click_body(element, None, user="U1ANN0001", name="annie", reply_to=slack.reply_url())
        deployed.invoke("api", gateway(sign(NEW, body, at=time.time())))
    body = command_body("list", user="U1ANN0001", name="annie", reply_to=slack.reply_url())
    deployed.invoke("api", gateway(sign(NEW, body, at=time.time()), "/slack/commands"))
    work(deployed)
    assert len(slack.answers) == 5
    for function in ("api", "act"):
        assert deployed.actions[function] - allowed_actions(FUNCTIONS[function]) == set()
    assert "sqs:SendMessage" in deployed.actions["api"]
