"""What the topic is handed: attributes for filter policies, a text for each protocol, never too large (law 9)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from tests.adapters import samples
from tocsin.adapters.sns import SnsTopic
from tocsin.core.notifications import Notification, as_json, from_json, message_json
from tocsin.core.receivers import Kind

TOPIC = "arn:aws:sns:eu-west-1:123456789012:tocsin"
# https://docs.aws.amazon.com/sns/latest/api/API_Publish.html: attributes count as well.
LARGEST = 256 * 1024


class Client:
    """An SNS client that keeps what it is asked to publish."""

    def __init__(self) -> None:
        self.published: list[dict[str, Any]] = []

    def publish(self, **arguments: Any) -> None:
        self.published.append(arguments)


def publish(notification: Notification) -> dict[str, Any]:
    client: Any = Client()
    SnsTopic(TOPIC, lambda: client).publish(message_json(as_json(notification)))
    (published,) = client.published
    return dict(published)


def size(published: dict[str, Any]) -> int:
    attributes = published["MessageAttributes"]
    texts = [name + each["DataType"] + each["StringValue"] for name, each in attributes.items()]
    return sum(len(text.encode()) for text in [published["Message"], published["Subject"], *texts])


def test_the_attributes_are_what_filter_policies_look_at():
    published = publish(samples.firing_single(Kind.SLACK))
    assert published["TopicArn"] == TOPIC
    assert {name: (each["DataType"], each["StringValue"]) for name, each in published["MessageAttributes"].items()} == {
        "integration": ("String", "slack"),
        "receiver": ("String", "oncall"),
        "severity": ("String", "critical"),
        "status": ("String", "firing"),
    }


def test_each_protocol_has_its_text():
    notification = samples.firing_single(Kind.SNS)
    published = publish(notification)
    assert published["MessageStructure"] == "json"
    texts = json.loads(published["Message"])
    assert set(texts) == {"default", "email", "lambda"}
    assert from_json(json.loads(texts["lambda"])) == notification
    assert "FIRING: checkout answers 7.2% of its requests with 5xx" in texts["email"]
    assert texts["default"].startswith("[FIRING:1] HighErrorRate")


def test_the_same_notification_is_the_same_bytes():
    notification = samples.grouped(Kind.SLACK)
    assert publish(notification) == publish(notification)


def large(count: int, *, text: str, times: int) -> Notification:
    alerts = [
        samples.alert(labels={"instance": f"host-{number}"}, annotations={"summary": text * times, "n": str(number)})
        for number in range(count)
    ]
    return samples.notification(Kind.SLACK, *alerts)


LARGE = {
    "ten thousand alerts": large(10_000, text="The disk is nearly full. ", times=4),
    "alerts of many quotes": large(100, text='say "no" to \\n', times=300),
    "alerts of accents": large(100, text="é", times=3000),
    "alerts of emoji": large(100, text="🔥", times=3000),
    "alerts of Chinese": large(100, text="火", times=3000),
    "one alert of half a megabyte": large(1, text="x", times=1 << 19),
    "one alert of half a megabyte of quotes": large(1, text='"', times=1 << 19),
    "one alert of half a megabyte of emoji": large(1, text="🔥", times=1 << 17),
    "one alert of control signs": large(1, text="\x01", times=1 << 18),
    "a severity of a hundred kilobytes": replace(samples.firing_single(Kind.SLACK), severity="severe" * 17_000),
}


@pytest.mark.parametrize("notification", LARGE.values(), ids=LARGE.keys())
def test_no_message_is_too_large(notification: Notification):
    published = publish(notification)
    assert size(published) <= LARGEST
    told = from_json(json.loads(json.loads(published["Message"])["lambda"]))
    assert told.id == notification.id
    assert len(told.alerts) + told.truncated == len(notification.alerts), "the others are read from the table"


@given(st.data())
def test_whatever_is_told_is_taken(data: st.DataObject):
    notification = data.draw(samples.notifications(Kind.SLACK))
    try:
        message = message_json(as_json(notification))
    except UnicodeEncodeError:
        return  # half a character: nothing that Prometheus stores
    client: Any = Client()
    SnsTopic(TOPIC, lambda: client).publish(message)
    (published,) = client.published
    assert size(published) <= LARGEST
    subject = published["Subject"]
    assert 0 < len(subject) <= 100
    assert all(" " <= character <= "~" for character in subject)
    assert not subject.startswith(" ")
    for each in published["MessageAttributes"].values():
        assert each["StringValue"] != ""


def test_a_severity_that_is_empty_is_none():
    published = publish(replace(samples.firing_single(Kind.SLACK), severity=""))
    assert published["MessageAttributes"]["severity"]["StringValue"] == "none"


@pytest.fixture
def topic() -> Iterator[tuple[SnsTopic, str]]:
    with mock_aws():
        client = boto3.client("sns", region_name="eu-west-1")
        arn = client.create_topic(Name="tocsin")["TopicArn"]
        yield SnsTopic(arn, lambda: client), arn


@pytest.mark.parametrize(
    "notification", [LARGE["ten thousand alerts"], LARGE["one alert of half a megabyte of quotes"]]
)
def test_sns_takes_it(topic: tuple[SnsTopic, str], notification: Notification):
    topic[0].publish(message_json(as_json(notification)))


@pytest.mark.parametrize(
    ("kind", "settings", "confirmed"),
    [
        pytest.param(Kind.SLACK, {}, True, id="a function that delivers says so"),
        pytest.param(Kind.SNS, {"topic_arn": TOPIC}, False, id="what this topic mails itself nobody confirms"),
        pytest.param(Kind.SNS, {"topic_arn": f"{TOPIC}-other"}, True, id="another topic is a function's to reach"),
        pytest.param(Kind.SNS, {"phone_number": "+49170000000"}, True, id="and so is a telephone"),
    ],
)
def test_whether_somebody_confirms(kind: Kind, settings: dict[str, Any], confirmed: bool):
    told = samples.firing_single(kind)
    told = replace(told, integration=replace(told.integration, settings=settings))
    client: Any = Client()
    assert SnsTopic(TOPIC, lambda: client).publish(message_json(as_json(told))) is confirmed
