"""SNS as a receiver: other topics, telephones and devices; as whom it is asked, and how its errors are taken."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from hypothesis import given

from tests.adapters.samples import CASES, NOW, alert, firing_single, notification, notifications
from tests.adapters.scripted import outlets
from tests.golden import assert_golden_json
from tocsin.adapters.http import Response
from tocsin.adapters.sns import integration_name
from tocsin.adapters.sns_out import Access, SnsSender, render
from tocsin.core.notifications import Notification
from tocsin.core.receivers import Kind
from tocsin.errors import DeliveryError, FailureReason

SNS = Kind.SNS
TOPIC = "arn:aws:sns:eu-west-1:123456789012:other"
ENDPOINT = "arn:aws:sns:us-east-1:123456789012:endpoint/APNS/app/42"


@dataclass
class FakeSns:
    """Takes messages, or raises; remembers as whom it was asked."""

    error: Exception | None = None
    published: list[dict[str, Any]] = field(default_factory=list)
    accesses: list[Access] = field(default_factory=list)

    def client(self, access: Access) -> Any:
        self.accesses.append(access)
        return self

    def publish(self, **message: Any) -> dict[str, str]:
        if self.error:
            raise self.error
        self.published.append(message)
        return {"MessageId": "m-1"}


def deliver(sns: FakeSns, given_: Notification) -> str:
    return SnsSender(sns.client, outlets(Response(200))[0])(given_, now=NOW)


@pytest.mark.parametrize("name", CASES)
def test_golden(name: str) -> None:
    assert_golden_json(f"sns/{name}.json", render(CASES[name](SNS)))


@given(notifications(SNS))
def test_sns_takes_whatever_is_said(given_: Notification) -> None:
    request = render(given_)
    assert 0 < len(request["Message"].encode()) <= 256 * 1024
    assert request["Subject"].isascii()
    assert 0 < len(request["Subject"]) <= 100
    assert request == render(given_)


def test_the_settings_fill_every_field() -> None:
    settings = {
        "topic_arn": f"{TOPIC}-{{{{ .CommonLabels.service }}}}.fifo",
        "subject": "{{ .Status }}\n{{ .CommonLabels.service }} ünd",
        "message": "{{ len .Alerts }} alerts",
        "attributes": {"severity": "{{ .CommonLabels.severity }}", "team": "{{ .CommonLabels.team }}"},
    }
    given_ = notification(SNS, alert(), settings=settings)
    assert render(given_) == {
        "TopicArn": f"{TOPIC}-checkout.fifo",
        "Subject": "firing checkout und",
        "Message": "1 alerts",
        "MessageAttributes": {"severity": {"DataType": "String", "StringValue": "critical"}},
        "MessageGroupId": given_.group,
        "MessageDeduplicationId": given_.id,
    }


def test_a_telephone_gets_a_short_text_without_a_subject() -> None:
    long = alert(annotations={"summary": "x" * 3000})
    request = render(notification(SNS, long, settings={"phone_number": "+491701234567"}))
    assert set(request) == {"PhoneNumber", "Message", "MessageAttributes"}
    assert len(request["Message"]) <= 1600
    # SNS takes a text message for advertising where nothing is said.
    kind = {"AWS.SNS.SMS.SMSType": {"DataType": "String", "StringValue": "Transactional"}}
    assert request["MessageAttributes"] == kind
    cut = render(notification(SNS, alert(), settings={"phone_number": "+49", "message": "y" * 2000}))
    assert cut["MessageAttributes"] == {**kind, "truncated": {"DataType": "String", "StringValue": "true"}}
    own = {"phone_number": "+49", "attributes": {"AWS.SNS.SMS.SMSType": "Promotional"}}
    asked = render(notification(SNS, alert(), settings=own))
    assert asked["MessageAttributes"]["AWS.SNS.SMS.SMSType"]["StringValue"] == "Promotional"


def test_a_text_that_fails_says_so_and_what_there_is_to_say() -> None:
    settings = {"topic_arn": TOPIC, "subject": "{{ .Broken }", "message": "{{ nothing }}"}
    request = render(notification(SNS, alert(), settings=settings))
    assert request["Subject"].startswith("[FIRING:1] HighErrorRate")
    assert "Roll it back" in request["Message"]
    assert_golden_json("sns/broken_template.json", request)


@pytest.mark.parametrize(
    ("settings", "access"),
    [
        ({"topic_arn": TOPIC}, Access(region="eu-west-1")),
        ({"target_arn": ENDPOINT}, Access(region="us-east-1")),
        ({"phone_number": "+49"}, Access()),
        ({"topic_arn": TOPIC, "sigv4": {"region": "eu-central-1"}}, Access(region="eu-central-1")),
        (
            {"topic_arn": TOPIC, "sigv4": {"role_arn": "arn:r", "profile": "p"}, "api_url": "https://sns.example.com"},
            Access(region="eu-west-1", role_arn="arn:r", profile="p", endpoint="https://sns.example.com"),
        ),
    ],
)
def test_as_whom_it_is_asked(settings: dict[str, Any], access: Access) -> None:
    sns = FakeSns()
    assert deliver(sns, notification(SNS, alert(), settings=settings)) == "MessageId m-1"
    assert sns.accesses == [access]


def refusal(code: str, status: int = 400) -> ClientError:
    response: Any = {"Error": {"Code": code, "Message": "said"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "Publish")


@pytest.mark.parametrize(
    ("error", "reason", "retryable"),
    [
        (refusal("AuthorizationError", 403), FailureReason.AUTH, False),
        (refusal("NotFound", 404), FailureReason.NOT_CONFIGURED, False),
        (refusal("InvalidParameter"), FailureReason.CLIENT_ERROR, False),
        (refusal("Throttling"), FailureReason.RATE_LIMITED, True),
        (refusal("InternalError", 500), FailureReason.SERVER_ERROR, True),
        (EndpointConnectionError(endpoint_url="https://sns"), FailureReason.CONNECTION, True),
    ],
    ids=lambda value: value.response["Error"]["Code"] if isinstance(value, ClientError) else None,
)
def test_refusals(error: Exception, reason: FailureReason, retryable: bool) -> None:
    with pytest.raises(DeliveryError) as raised:
        deliver(FakeSns(error), firing_single(SNS))
    assert (raised.value.reason, raised.value.retryable) == (reason, retryable)


def test_settings_without_a_target_are_not_configured() -> None:
    with pytest.raises(DeliveryError, match="are all empty") as raised:
        deliver(FakeSns(), notification(SNS, alert(), settings={"topic_arn": "{{ .CommonLabels.topic }}"}))
    assert raised.value.reason is FailureReason.NOT_CONFIGURED


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({}, "sns"),
        ({"topic_arn": "arn:own"}, "sns"),
        ({"topic_arn": TOPIC}, "sns-out"),
        ({"phone_number": "+49"}, "sns-out"),
        ({"target_arn": ENDPOINT}, "sns-out"),
    ],
)
def test_what_goes_elsewhere_is_not_for_the_own_topic_s_addresses(settings: dict[str, str], name: str) -> None:
    assert integration_name(notification(SNS, alert(), settings=settings), "arn:own") == name
    assert integration_name(firing_single(Kind.SLACK), "arn:own") == "slack"


def test_moto_takes_it() -> None:
    moto = pytest.importorskip("moto")
    import boto3

    with moto.mock_aws():
        client = boto3.client("sns", region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b")
        arn = client.create_topic(Name="other")["TopicArn"]
        sender = SnsSender(lambda access: cast(Any, client), outlets(Response(200))[0])
        given_ = notification(SNS, alert(), settings={"topic_arn": arn, "attributes": {"a": "b"}})
        assert sender(given_, now=NOW).startswith("MessageId ")
