"""Dead letters as SQS, Lambda and SNS write them, and a deployment's queues to put them into."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3

from tocsin.core.alerts import Alert
from tocsin.core.clicks import Button, Click, Press
from tocsin.core.clicks import as_json as as_click
from tocsin.core.labels import Labels
from tocsin.core.notifications import Notification, Reason, as_json, compose, encode
from tocsin.core.receivers import Integration, Kind
from tocsin.core.routing import GroupIdentity

REGION = "eu-west-1"
AT = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
GROUP = GroupIdentity("team", "{}", Labels({"alertname": "DiskFull"}))
ACCOUNT = f"{REGION}:123456789012"
SECRET = "https://hooks.slack.com/services/T0000/B0000/XXXXSECRETXXXX"


def notification(*, seq: int = 1, kind: Kind = Kind.SLACK, **settings: Any) -> Notification:
    integration = Integration("team", kind, 0, True, {"api_url_file": "secret:slack#team", **settings})
    alert = Alert(Labels({"alertname": "DiskFull", "instance": "a"}), {"summary": "full"}, AT, AT)
    return compose(
        GROUP,
        integration,
        [alert],
        seq=seq,
        reason=Reason.FIRST,
        retry_after=timedelta(minutes=5),
        incident=None,
        step=None,
        external_url="",
        now=AT,
    )


def sns_event(text: str, *, integration: str = "slack", topic: str = "") -> dict[str, Any]:
    attributes = {"integration": {"Type": "String", "Value": integration}}
    sns = {
        "Type": "Notification",
        "MessageId": "m",
        "TopicArn": topic,
        "Message": text,
        "MessageAttributes": attributes,
    }
    return {"Records": [{"EventSource": "aws:sns", "EventVersion": "1.0", "EventSubscriptionArn": "s", "Sns": sns}]}


def of_lambda(function: str, event: Any, *, error: str = "DeliveryError", message: str = "answered 503") -> str:
    """Return what Lambda sends to an on-failure destination."""
    return json.dumps(
        {
            "version": "1.0",
            "timestamp": "2026-01-01T12:03:00.000Z",
            "requestContext": {
                "requestId": "r",
                "functionArn": f"arn:aws:lambda:{ACCOUNT}:function:{function}:$LATEST",
                "condition": "RetriesExhausted",
                "approximateInvokeCount": 3,
            },
            "requestPayload": event,
            "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
            "responsePayload": {"errorType": error, "errorMessage": message},
        }
    )


def of_sns(told: Notification, topic: str) -> str:
    """Return what SNS sends to a subscription's dead-letter queue."""
    event = sns_event(text_of(told), integration=told.integration.kind.value, topic=topic)
    return json.dumps(event["Records"][0]["Sns"])


def timer(group: str = "0" * 32) -> str:
    return json.dumps({"at": "2026-01-01T12:00:00Z", "group": group}, sort_keys=True)


def tick(at: str = "2026-01-01T12:00:00Z") -> dict[str, str]:
    return {"now": at}


def click(at: datetime = AT) -> str:
    button = Button(Press.ACKNOWLEDGE, "inc-0123456789abcdef")
    return json.dumps(as_click(Click("click-1", button, "U1", "ann", at, "https://hooks.slack.com/actions/T/1/SECRET")))


def text_of(told: Notification) -> str:
    return encode(as_json(told))


@dataclass(frozen=True, slots=True)
class Office:
    """The queues of a deployment by their names: timers, timers-dlq, and so on; its topic and its functions."""

    sqs: Any
    urls: Mapping[str, str]
    topic: str

    def put(self, queue: str, body: str, **attributes: str) -> str:
        """Put a message into a dead-letter queue; returns its id."""
        given = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
        answer = self.sqs.send_message(QueueUrl=self.urls[f"{queue}-dlq"], MessageBody=body, MessageAttributes=given)
        return str(answer["MessageId"])

    def number(self, queue: str) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self.sqs.get_queue_attributes(QueueUrl=self.urls[queue], AttributeNames=names)["Attributes"]
        return sum(map(int, answer.values()))

    def bodies(self, queue: str) -> list[str]:
        answer = self.sqs.receive_message(QueueUrl=self.urls[queue], MaxNumberOfMessages=10)
        return [message["Body"] for message in answer.get("Messages", ())]


def deployment() -> Office:
    """Make the queues, the topic and its functions; moto must be running, with a Lambda that runs nothing."""
    sqs, sns = boto3.client("sqs", REGION), boto3.client("sns", REGION)
    urls = {}
    for name in ("timers-dlq", "ticks-dlq", "deliveries-dlq", "actions-dlq"):
        urls[name] = sqs.create_queue(QueueName=name)["QueueUrl"]
    for name, count in (("timers", 5), ("ticks", 3), ("actions", 6)):
        policy = {"deadLetterTargetArn": f"arn:aws:sqs:{ACCOUNT}:{name}-dlq", "maxReceiveCount": count}
        made = sqs.create_queue(QueueName=name, Attributes={"RedrivePolicy": json.dumps(policy)})
        urls[name] = made["QueueUrl"]
    topic = sns.create_topic(Name="alerts")["TopicArn"]
    role = boto3.client("iam", REGION).create_role(RoleName="any", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    for name, integrations in (
        ("evaluate", []),
        ("notify-slack", ["slack"]),
        ("notify-webhook", ["webhook", "discord"]),
    ):
        function = boto3.client("lambda", REGION).create_function(
            FunctionName=name,
            Role=role,
            Runtime="python3.13",
            Handler="x.x",
            Code={"ZipFile": b"PK\x05\x06" + bytes(18)},
        )
        if integrations:
            sns.subscribe(
                TopicArn=topic,
                Protocol="lambda",
                Endpoint=function["FunctionArn"],
                Attributes={"FilterPolicy": json.dumps({"integration": integrations})},
            )
    return Office(sqs, urls, topic)
