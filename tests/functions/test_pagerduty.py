"""The function `api` takes PagerDuty's webhooks as API Gateway hands them over, on moto's table."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dev.pagerduty_account import ANN, Account, Webhook
from tests.adapters.stores import DynamoStore
from tests.functions.deployment import Deployment, allowed_actions
from tests.stories.configurations import configuration, policy, rule
from tests.stories.world import START, World
from tests.web.paging import pages_pagerduty
from tocsin.adapters.dynamodb import Table
from tocsin.core.incidents import IncidentState, Source
from tocsin.core.pagerduty import dedup_key

SECRET = "a-webhook-secret"
FILES = {
    "alertmanager.yml": "route: {receiver: pager}\nreceivers: [{name: pager}]\n",
    "tocsin.yml": "pagerduty: {webhook_secrets: ['secret:pagerduty#webhook', 'secret:pagerduty#next']}\n"
    "users: [{name: ann, pagerduty_id: PANN001}]\n",
}


@pytest.fixture
def world(deployed: Deployment, tmp_path: Path) -> World:
    """Return a world on the deployment's table in which an incident is open, and webhooks are believed."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    deployed._overrides["CONFIG_URI"] = str(tmp_path)
    deployed.keep_secret("PagerdutySecret", webhook=SECRET, next="another")
    table = Table(deployed["Table"], lambda: deployed.client("dynamodb"))
    made = World(
        configuration(rule("Down"), receivers=[pages_pagerduty("pager")], policies=[policy((60, "pager"))]),
        store=DynamoStore(table, deployed.client("dynamodb")),
        start=START.replace(year=2025),
    )
    made.metric_goes_bad("Down")
    made.advance(minutes=5)
    return made


@pytest.fixture
def there(world: World) -> Account:
    """Return an account in which the incident is open too."""
    account = Account(webhook_secrets=("old", SECRET), clock=lambda: datetime.now(UTC))
    account.subscribe("https://us.example")
    event = {
        "routing_key": "r" * 32,
        "event_action": "trigger",
        "dedup_key": dedup_key(world.incident().group, "pager"),
        "payload": {"summary": "Down", "source": "x", "severity": "critical"},
    }
    assert account.take("/v2/enqueue", json.dumps(event).encode())[0] == 202
    account._queue.clear()
    return account


def gateway(webhook: Webhook, *secrets: str) -> dict[str, Any]:
    """Return the event of a webhook; the gateway has looked at nobody, and writes headers in small letters."""
    return {
        "version": "2.0",
        "routeKey": "POST /pagerduty/webhook",
        "rawPath": "/pagerduty/webhook",
        "rawQueryString": "",
        "headers": webhook.headers(secrets or ("old", SECRET)),
        "requestContext": {
            "http": {"method": "POST", "path": "/pagerduty/webhook", "sourceIp": "203.0.113.9"},
            "stage": "$default",
        },
        "body": base64.b64encode(webhook.body).decode(),
        "isBase64Encoded": True,
    }


def queued(there: Account) -> Webhook:
    (_, webhook) = there._queue.popleft()
    return webhook


def test_an_acknowledgement_there_is_one_here_and_a_second_delivery_is_none(
    deployed: Deployment, world: World, there: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    there.acknowledge(there.incidents[0], by=ANN)
    webhook = queued(there)
    assert deployed.invoke("api", gateway(webhook, "guessed"))["statusCode"] == 401
    assert world.incident().state is IncidentState.OPEN
    answered = deployed.invoke("api", gateway(webhook))
    assert (answered["statusCode"], json.loads(answered["body"])) == (202, {"message": "done"})
    found = world.incident()
    assert (found.state, found.owner, found.source) == (IncidentState.ACKNOWLEDGED, "ann", Source.PAGERDUTY)
    assert json.loads(deployed.invoke("api", gateway(webhook))["body"]) == {"message": "it came before"}
    assert world.incident() == found
    logged = capsys.readouterr().out
    assert [reason for reason in ("forged", "replayed") if f'"reason":"{reason}"' in logged] == ["forged", "replayed"]
    assert SECRET not in logged
    assert deployed.messages("TimerQueue")  # who follows the incident is to be told
    assert deployed.actions["api"] <= allowed_actions("ApiFunction")


def test_a_note_and_a_resolution_follow(deployed: Deployment, world: World, there: Account) -> None:
    (incident,) = there.incidents
    there.reassign(incident, ANN)
    there.note(incident, "rebooted it")
    there.resolve(incident)
    outcomes = [json.loads(deployed.invoke("api", gateway(queued(there)))["body"])["message"] for _ in range(3)]
    assert outcomes == ["done"] * 3
    assert world.incident().state is IncidentState.RESOLVED
    assert [each.comment for each in world.store.load_events(world.incident().id) if each.comment] == [
        "PagerDuty: reassigned there to Ann",
        "rebooted it",
    ]
    assert deployed.actions["api"] <= allowed_actions("ApiFunction")
