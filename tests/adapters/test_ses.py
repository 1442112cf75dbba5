"""Email: what a message looks like, what SES is asked, and how its errors are taken."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest
from botocore import exceptions
from botocore.exceptions import ClientError
from hypothesis import given

from dev.receivers import check_email
from tests.adapters.samples import CASES, NOW, alert, bare, firing_single, notification, notifications
from tests.adapters.scripted import outlets
from tests.golden import assert_golden
from tocsin.adapters.http import Response
from tocsin.adapters.mail import Email, render
from tocsin.adapters.mail_sender import EmailSender
from tocsin.adapters.ses import addresses, request
from tocsin.core.notifications import Notification
from tocsin.core.receivers import Kind
from tocsin.errors import DeliveryError, FailureReason

EMAIL = Kind.EMAIL
SENDER = "tocsin@example.com"


@dataclass
class FakeSes:
    """Takes messages, or raises."""

    error: Exception | None = None
    sent: list[dict[str, Any]] = field(default_factory=list)

    def send_email(self, **message: Any) -> dict[str, str]:
        if self.error:
            raise self.error
        self.sent.append(message)
        return {"MessageId": "0100"}


def problems(given_: Notification) -> list[str]:
    return check_email(cast(Any, request(given_, render(given_), default_sender=SENDER)))


@pytest.mark.parametrize("name", CASES)
def test_golden(name: str) -> None:
    given_ = CASES[name](EMAIL)
    email = render(given_)
    assert problems(given_) == []
    assert_golden(f"email/{name}.html", email.html)
    assert_golden(f"email/{name}.txt", f"Subject: {email.subject}\n\n{email.text}")


@given(notifications(EMAIL))
def test_a_mail_program_takes_whatever_is_said(given_: Notification) -> None:
    email = render(given_)
    assert problems(given_) == []
    assert "could not be rendered" not in email.html + email.text
    assert len(email.subject) <= 200
    assert email == render(given_)


def test_nothing_from_outside_is_html() -> None:
    hostile = "<script>alert(1)</script>\"'&"
    said = {"summary": hostile, "description": hostile, "recommendations": hostile, "value": hostile}
    links = {"runbook_url": 'https://x/"><script>', "dashboard_url": "javascript:alert(1)"}
    given_ = notification(EMAIL, alert(labels={"pod": hostile}, annotations={**said, **links}), external_url=hostile)
    html = render(given_).html
    assert "<script" not in html
    assert "javascript:" not in html
    assert problems(given_) == []


def test_a_hundred_alerts_have_a_row_each_and_the_rest_a_count() -> None:
    alerts = [alert(labels={"instance": f"host-{index:03}"}) for index in range(130)]
    email = render(notification(EMAIL, *alerts))
    assert "host-099" in email.html
    assert "host-100" not in email.html
    assert "and 30 more alerts</b> not shown here" in email.html


def test_the_plain_part_holds_what_the_html_does() -> None:
    email = render(firing_single(EMAIL))
    for said in ("7.2%", "5%", "Roll it back", "https://grafana.example.com/d/checkout", "tocsin alert ack"):
        assert said in email.html, said
        assert said in email.text, said


def test_there_is_no_link_without_a_url() -> None:
    assert "href" not in render(bare(EMAIL)).html


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a@x.org", ["a@x.org"]),
        ("a@x.org, b@x.org,a@x.org", ["a@x.org", "b@x.org"]),
        ('"On, Call" <a@x.org>', ['"On, Call" <a@x.org>']),
        ("", []),
        ("nobody", []),
    ],
)
def test_addresses(text: str, expected: list[str]) -> None:
    assert addresses(text) == expected


def ask(**settings: str) -> dict[str, Any]:
    given_ = notification(EMAIL, alert(), settings=settings)
    return cast(dict[str, Any], request(given_, Email("s", "<p>h</p>", "t"), default_sender=SENDER))


def test_a_senders_name_is_written_as_mail_has_it() -> None:
    assert ask(to="a@x.org", **{"from": "Alarmzentrale Köln <a@x.org>"})["FromEmailAddress"] == (
        "=?utf-8?q?Alarmzentrale_K=C3=B6ln?= <a@x.org>"
    )
    assert ask(to="a@x.org", **{"from": '"Tocsin, prod" <a@x.org>'})["FromEmailAddress"] == '"Tocsin, prod" <a@x.org>'


def test_the_settings_name_the_sender() -> None:
    assert ask(to="a@x.org")["FromEmailAddress"] == SENDER
    assert ask(to="a@x.org", **{"from": "other@x.org"})["FromEmailAddress"] == "other@x.org"


def test_the_notification_can_be_traced() -> None:
    given_ = firing_single(EMAIL)
    message = cast(Any, request(given_, render(given_), default_sender=SENDER))
    assert {"Name": "X-Tocsin-Notification", "Value": given_.id} in message["Content"]["Simple"]["Headers"]
    assert {"Name": "notification", "Value": given_.id} in message["EmailTags"]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "`to` holds no address"),
        ({"to": "${ONCALL}"}, "`to` holds no address"),
        ({"to": "a@x.org", "from": "nobody"}, "there is no sender"),
        ({"to": ",".join(f"a{index}@x.org" for index in range(51))}, "`to` holds 51 addresses, and SES takes 50"),
    ],
)
def test_addresses_that_are_missing(settings: dict[str, str], said: str) -> None:
    with pytest.raises(DeliveryError) as raised:
        ask(**settings)
    assert said in str(raised.value)
    assert (raised.value.reason, raised.value.retryable) == (FailureReason.NOT_CONFIGURED, False)


def sender(ses: FakeSes) -> EmailSender:
    return EmailSender(lambda: cast(Any, ses), SENDER, outlets(Response(200))[0])


def test_a_delivery_returns_the_message_id() -> None:
    ses = FakeSes()
    assert sender(ses)(firing_single(EMAIL), now=NOW) == "MessageId 0100"
    assert ses.sent[0]["Destination"] == {"ToAddresses": ["oncall@example.com", "Ops <ops@example.com>"]}


def refusal(code: str, status: int = 400, said: str = "said") -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": said}, "ResponseMetadata": cast(Any, {"HTTPStatusCode": status})},
        "SendEmail",
    )


@pytest.mark.parametrize(
    ("error", "reason", "retryable"),
    [
        (refusal("TooManyRequestsException", 429), FailureReason.RATE_LIMITED, True),
        (refusal("Throttling"), FailureReason.RATE_LIMITED, True),
        (refusal("LimitExceededException"), FailureReason.RATE_LIMITED, True),
        (refusal("InternalFailure", 500), FailureReason.SERVER_ERROR, True),
        (refusal("MessageRejected"), FailureReason.CLIENT_ERROR, False),
        (refusal("MessageRejected", said="Email address is not verified."), FailureReason.NOT_CONFIGURED, False),
        (refusal("BadRequestException"), FailureReason.CLIENT_ERROR, False),
        (refusal("MailFromDomainNotVerifiedException"), FailureReason.NOT_CONFIGURED, False),
        (refusal("SendingPausedException"), FailureReason.NOT_CONFIGURED, False),
        (refusal("AccountSuspendedException"), FailureReason.AUTH, False),
        (refusal("AccessDeniedException", 403), FailureReason.AUTH, False),
        (refusal("SomethingNew"), FailureReason.CLIENT_ERROR, False),
        (exceptions.ReadTimeoutError(endpoint_url="https://email"), FailureReason.TIMEOUT, True),
        (exceptions.EndpointConnectionError(endpoint_url="https://email"), FailureReason.CONNECTION, True),
        (exceptions.NoCredentialsError(), FailureReason.AUTH, False),
        (exceptions.ParamValidationError(report="wrong"), FailureReason.CLIENT_ERROR, False),
    ],
    ids=lambda value: value.response["Error"]["Code"] if isinstance(value, ClientError) else None,
)
def test_refusals(error: Exception, reason: FailureReason, retryable: bool) -> None:
    with pytest.raises(DeliveryError) as raised:
        sender(FakeSes(error))(firing_single(EMAIL), now=NOW)
    assert (raised.value.reason, raised.value.retryable) == (reason, retryable)
    assert str(raised.value).startswith("SES: ")


def test_a_name_that_no_tag_may_hold_is_rewritten() -> None:
    given_ = firing_single(EMAIL)
    odd = replace(given_, integration=replace(given_.integration, receiver="team/ünï code"))
    assert problems(odd) == []
