"""The events in events/: one real event for each function and case, as AWS shapes it.

What the messages say is what the pipeline says with the shipped configuration: a story in virtual time in which the
error rate goes over its threshold, nobody acknowledges for a quarter of an hour, and the service recovers.

Shapes: https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html and with-sns.html,
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from tests.stories.world import World
from tocsin import config
from tocsin.adapters.sns import SnsTopic
from tocsin.core.clicks import Button, Click, Press, as_json
from tocsin.core.configuration import Configuration
from tocsin.core.notifications import encode, format_time
from tocsin.core.rules import Sample

ROOT = Path(__file__).parents[2]
EVENTS = ROOT / "events"

REGION, ACCOUNT, STACK = "eu-west-1", "123456789012", "tocsin-dev"
TOPIC_ARN = f"arn:aws:sns:{REGION}:{ACCOUNT}:{STACK}-AlertsTopic-4Qx7W2mBZJ8t"
ENVIRONMENT = {
    "TOCSIN_TOPIC_ARN": TOPIC_ARN,
    "TOCSIN_EMAIL_FROM": "tocsin@example.com",
    "TOCSIN_EMAIL_ONCALL": "oncall@example.com",
    "TOCSIN_EMAIL_MANAGER": "manager@example.com",
}
# Past on every machine: a function that reads a clock must find its event due.
BAD = datetime(2025, 11, 20, 3, 0, tzinfo=UTC)
GOOD = BAD + timedelta(minutes=17)
RULE = "high_error_rate"


@cache
def shipped() -> Configuration:
    """Return the configuration that a deployment runs by default."""
    return config.load(config.read_folder(ROOT / "functions" / "config"), environment=ENVIRONMENT)


@cache
def story() -> World:
    """Return the world after the error rate went over its threshold, and under it again 17 minutes later."""
    world = World(shipped(), start=BAD)
    expr = next(rule.expr for rule in shipped().rules() if rule.name == RULE)
    world.metrics.results[expr] = lambda at: [Sample({}, 0.0723)] if BAD <= at < GOOD else []
    world.advance(minutes=30)
    return world


def events() -> dict[str, Any]:
    """Return every event by the name of its file."""
    incident = story().escalations.started[0]
    opened_at = story().incident().opened_at
    group = story().incident().group
    return {
        "evaluate_schedule": {"now": format_time(BAD + timedelta(minutes=1))},
        "evaluate_tick": queue_event("TickQueue", {"now": format_time(BAD + timedelta(seconds=75))}),
        "dispatch_timer": queue_event("TimerQueue", {"group": group, "at": format_time(opened_at)}),
        "dispatch_timers": queue_event(
            "TimerQueue",
            {"group": group, "at": format_time(opened_at)},
            {"group": hashlib.sha256(b"a group that is gone").hexdigest()[:32], "at": format_time(opened_at)},
        ),
        "escalate_first": {"incident": incident, "now": _milliseconds(opened_at)},
        "escalate_later": {"incident": incident, "now": _milliseconds(opened_at + timedelta(minutes=5))},
        **_notifications(),
        "act_click": queue_event("ActionQueue", as_json(_click(Button(Press.ACKNOWLEDGE, incident)))),
        "act_command": queue_event("ActionQueue", as_json(_click(Button(Press.LIST)))),
        "api_topic": topic_event(
            """
Alerts Firing:
Labels:
 - alertname = HighErrorRate
 - severity = critical
Annotations:
 - summary = 7 % of the requests fail
Source: /graph?g0.expr=up&g0.tab=1

"""
        ),
        "api_list": api_event("GET", "/api/v2/alerts", query={"active": "true", "filter": 'severity="critical"'}),
        "api_acknowledge": api_event(
            "POST", f"/api/tocsin/v1/incidents/{incident}/acknowledge", body={"comment": "looking at it"}
        ),
    }


def _click(button: Button) -> Click:
    """Return what somebody pressed a minute after the incident opened."""
    url = f"https://hooks.slack.com/actions/T0TOCSIN/1/{_id('slack', button.value)}"
    at = story().incident().opened_at + timedelta(minutes=1)
    return Click(_id("click", button.value), button, "U012ABC", "ada", at, url)


def _notifications() -> dict[str, Any]:
    """Return the first thing that each integration heard, and how the same receiver heard that all was well again."""
    found: dict[str, Any] = {}
    receivers: dict[str, str] = {}
    for message in story().topic.messages:
        told = json.loads(message)
        integration = told["integration"]
        if integration != "sns" and receivers.setdefault(integration, told["receiver"]) == told["receiver"]:
            found.setdefault(f"notify_{integration}_{told['status']}", notification_event(message))
            if integration == "slack":
                found.setdefault(f"notify_webhook_{told['status']}", notification_event(_to_a_webhook(told)))
    return found


def _to_a_webhook(told: Mapping[str, Any]) -> str:
    """Return a notification as a webhook's receiver would get it; the shipped configuration has none."""
    settings = {"url_file": "secret:webhook#alerts", "send_resolved": True, "max_alerts": 0}
    return encode({**told, "receiver": "webhook", "integration": "webhook", "settings": settings})


class Publisher:
    """An SNS client that keeps what it is asked to publish."""

    def __init__(self) -> None:
        self.published: list[dict[str, Any]] = []

    def publish(self, **arguments: Any) -> dict[str, str]:
        self.published.append(arguments)
        return {"MessageId": _id("sns", arguments["Message"])}


def notification_event(message: str) -> dict[str, Any]:
    """Return the event that a subscribed function gets of a published notification."""
    publisher: Any = Publisher()
    SnsTopic(TOPIC_ARN, lambda: publisher).publish(message)
    (published,) = publisher.published
    text = json.loads(published["Message"])["lambda"]
    told = json.loads(text)
    host = f"https://sns.{REGION}.amazonaws.com"
    subscription = f"{TOPIC_ARN}:{_id('subscription', told['integration'])}"
    return {
        "Records": [
            {
                "EventSource": "aws:sns",
                "EventVersion": "1.0",
                "EventSubscriptionArn": subscription,
                "Sns": {
                    "Type": "Notification",
                    "MessageId": _id("sns", text),
                    "TopicArn": TOPIC_ARN,
                    "Subject": published["Subject"],
                    "Message": text,
                    "Timestamp": _milliseconds(_time(told["created_at"])),
                    "SignatureVersion": "1",
                    "Signature": "EXAMPLEpH+DcEwjAPg8O9mY8dReBSwksfg2S7WKQcikcNKWLQjwu6A4VbeS0QHVC=",
                    "SigningCertUrl": f"{host}/SimpleNotificationService-01d088a6f77103d0fe307c0069e40ed6.pem",
                    "UnsubscribeUrl": f"{host}/?Action=Unsubscribe&SubscriptionArn={subscription}",
                    "MessageAttributes": {
                        name: {"Type": value["DataType"], "Value": value["StringValue"]}
                        for name, value in sorted(published["MessageAttributes"].items())
                    },
                },
            }
        ]
    }


def topic_event(message: str) -> dict[str, Any]:
    """Return the event that a function gets of what Amazon's own alert manager publishes."""
    arn = f"arn:aws:sns:{REGION}:{ACCOUNT}:amp-alerts"
    host = f"https://sns.{REGION}.amazonaws.com"
    return {
        "Records": [
            {
                "EventSource": "aws:sns",
                "EventVersion": "1.0",
                "EventSubscriptionArn": f"{arn}:{_id('subscription', 'amp')}",
                "Sns": {
                    "Type": "Notification",
                    "MessageId": _id("sns", message),
                    "TopicArn": arn,
                    "Subject": "[FIRING:1]  (HighErrorRate critical)",
                    "Message": message,
                    "Timestamp": _milliseconds(BAD + timedelta(minutes=1)),
                    "SignatureVersion": "1",
                    "Signature": "EXAMPLEpH+DcEwjAPg8O9mY8dReBSwksfg2S7WKQcikcNKWLQjwu6A4VbeS0QHVC=",
                    "SigningCertUrl": f"{host}/SimpleNotificationService-01d088a6f77103d0fe307c0069e40ed6.pem",
                    "UnsubscribeUrl": f"{host}/?Action=Unsubscribe&SubscriptionArn={arn}",
                    "MessageAttributes": {},
                },
            }
        ]
    }


def queue_event(queue: str, *bodies: Mapping[str, Any] | str) -> dict[str, Any]:
    """Return the event that a function gets of a queue's messages."""
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{STACK}-{queue}-Lh3kT9vRfYdq"
    sent = int((BAD + timedelta(minutes=1)).timestamp() * 1000)
    return {"Records": [_record(body, arn, sent=sent, number=number) for number, body in enumerate(bodies)]}


def _record(body: Mapping[str, Any] | str, arn: str, *, sent: int, number: int) -> dict[str, Any]:
    text = body if isinstance(body, str) else json.dumps(body, sort_keys=True)
    return {
        "messageId": _id("sqs", f"{number} {text}"),
        "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0aEXAMPLE",
        "body": text,
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": str(sent),
            "SenderId": "AROAEXAMPLEEXAMPLE123:tocsin-dev-evaluate",
            "ApproximateFirstReceiveTimestamp": str(sent + 30_001),
        },
        "messageAttributes": {},
        "md5OfBody": hashlib.md5(text.encode(), usedforsecurity=False).hexdigest(),
        "eventSource": "aws:sqs",
        "eventSourceARN": arn,
        "awsRegion": REGION,
    }


def api_event(
    method: str, path: str, *, query: Mapping[str, str] | None = None, body: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return a request to the HTTP API, payload version 2.0, signed by a role."""
    host = f"a1b2c3d4e5.execute-api.{REGION}.amazonaws.com"
    raw_query = "&".join(f"{name}={_quoted(value)}" for name, value in (query or {}).items())
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": raw_query,
        "headers": {
            "accept": "application/json",
            "content-length": str(len(json.dumps(body))) if body is not None else "0",
            "content-type": "application/json",
            "host": host,
            "user-agent": "tocsin",
            "x-forwarded-for": "203.0.113.7",
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
        },
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": "a1b2c3d4e5",
            "authentication": None,
            "authorizer": {
                "iam": {
                    "accessKey": "ASIAEXAMPLEEXAMPLE12",
                    "accountId": ACCOUNT,
                    "callerId": "AROAEXAMPLEEXAMPLE456:ada",
                    "cognitoIdentity": None,
                    "principalOrgId": "o-exampleorgid",
                    "userArn": f"arn:aws:sts::{ACCOUNT}:assumed-role/oncall/ada",
                    "userId": "AROAEXAMPLEEXAMPLE456:ada",
                }
            },
            "domainName": host,
            "domainPrefix": "a1b2c3d4e5",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.7",
                "userAgent": "tocsin",
            },
            "requestId": "Hq3kXjY1DoEEPXA=",
            "routeKey": "$default",
            "stage": "$default",
            "time": (BAD + timedelta(minutes=6)).strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "timeEpoch": int((BAD + timedelta(minutes=6)).timestamp() * 1000),
        },
        "isBase64Encoded": False,
    }
    if query:
        event["queryStringParameters"] = dict(query)
    if body is not None:
        event["body"] = json.dumps(body)
    return event


def text_of(event: Any) -> str:
    """Return an event as it stands in its file."""
    return json.dumps(event, indent=2, ensure_ascii=False) + "\n"


def read(name: str) -> Any:
    """Return the event of a file."""
    return json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))


def _quoted(value: str) -> str:
    from urllib.parse import quote

    return quote(value, safe="")


def _id(kind: str, text: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{kind}:{text}"))


def _milliseconds(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%S.") + f"{instant.microsecond // 1000:03d}Z"


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
