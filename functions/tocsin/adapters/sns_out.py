"""SNS as a receiver: other topics, telephones (SMS) and mobile devices, with a subject, a message and attributes.

`sigv4` names the region, the role to assume or, on one's own machine, a profile or keys; without a region the topic's
own ARN says it. A FIFO topic keeps a group's order and takes a notification once, by its id.

Sources: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
https://prometheus.io/docs/alerting/latest/configuration/#sns_config
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..core.notifications import Notification
from ..core.wording import clean, clip, one_line
from ..errors import DeliveryError, FailureReason
from . import plain, sms
from .channel import Outlets
from .credentials import not_configured
from .texts import Texts

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sns.type_defs import MessageAttributeValueTypeDef

MESSAGE_BYTES = 250 * 1024
SMS_LENGTH = 1600
SUBJECT_LENGTH = 100
_SAID_LENGTH = 300
_TARGETS = {"topic_arn": "TopicArn", "target_arn": "TargetArn", "phone_number": "PhoneNumber"}
_AUTH = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "AuthorizationErrorException",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidClientTokenId",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_GONE = frozenset({"NotFound", "NotFoundException", "EndpointDisabled", "EndpointDisabledException"})
_LATER = frozenset({"Throttled", "ThrottledException", "Throttling", "ThrottlingException", "KMSThrottling"})


@dataclass(frozen=True, slots=True)
class Access:
    """As whom and where SNS is asked; empty is what the function itself has."""

    region: str = ""
    role_arn: str = ""
    profile: str = ""
    endpoint: str = ""
    access_key: str = ""
    secret_key: str = ""


@dataclass(frozen=True, slots=True)
class SnsSender:
    """Publishes notifications to what each one's settings name; `client` makes the client for an access."""

    client: Callable[[Access], SNSClient]
    outlets: Outlets

    def __call__(self, notification: Notification, *, now: datetime) -> str:
        """Publish. Raises DeliveryError."""
        texts = self.outlets.texts(notification, now=now)
        request = render(notification, texts)
        return send(request, access(notification.integration.settings, texts), client=self.client)


def send(request: Mapping[str, Any], as_whom: Access, *, client: Callable[[Access], SNSClient]) -> str:
    """Publish a request and return SNS's message id. Raises DeliveryError."""
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

    if not any(request.get(name) for name in _TARGETS.values()):
        raise not_configured("sns: topic_arn, target_arn and phone_number are all empty")
    try:
        answer = client(as_whom).publish(**request)
    except ClientError as error:
        raise _refusal(error.response) from None
    except BotoCoreError as error:
        message = f"SNS: {type(error).__name__}: {clip(one_line(str(error)), _SAID_LENGTH)}"
        is_nobody = isinstance(error, NoCredentialsError)
        reason = FailureReason.AUTH if is_nobody else FailureReason.CONNECTION
        raise DeliveryError(message, reason=reason, retryable=not is_nobody) from None
    return f"MessageId {answer['MessageId']}"


def access(settings: Mapping[str, Any], texts: Texts) -> Access:
    """Return as whom a notification's settings want to publish."""
    given = settings.get("sigv4") or {}
    own = {key: str(given.get(key) or "") for key in ("role_arn", "profile", "access_key", "secret_key")}
    arn = texts.value("topic_arn") or texts.value("target_arn")
    region = str(given.get("region") or "") or (arn.split(":")[3] if arn.count(":") >= 5 else "")
    return Access(region=region, endpoint=texts.value("api_url"), **own)


def render(notification: Notification, texts: Texts | None = None) -> dict[str, Any]:
    """Return what SNS is asked; what cannot be rendered becomes a plain text. Never raises."""
    texts = texts or Texts(notification)
    try:
        subject, message = _subject(notification, texts), _message(notification, texts)
    except Exception as error:
        rest = plain.degraded(notification, error)
        subject, message = rest.subject, rest.text
    return {**_target(texts), **_said(subject, message, texts), **_fifo(notification, texts)}


def _target(texts: Texts) -> dict[str, str]:
    found = {name: texts.value(key) for key, name in _TARGETS.items()}
    return {name: value for name, value in found.items() if value}


def _said(subject: str, message: str, texts: Texts) -> dict[str, Any]:
    is_sms = bool(texts.settings.get("phone_number"))
    kept = clip(message, SMS_LENGTH) if is_sms else clip(message, MESSAGE_BYTES, size=_bytes)
    request: dict[str, Any] = {"Message": kept}
    if subject and not is_sms:
        request["Subject"] = subject
    attributes = _attributes(texts, is_cut=kept != message, is_sms=is_sms)
    return {**request, "MessageAttributes": attributes} if attributes else request


def _subject(notification: Notification, texts: Texts) -> str:
    own = plain.render(notification).subject
    if not texts.is_given("subject"):
        # An empty subject asks for none.
        return "" if texts.settings.get("subject") == "" else own
    return plain.subject(texts.said("subject", own)) or own


def _message(notification: Notification, texts: Texts) -> str:
    is_sms = bool(texts.settings.get("phone_number"))
    own = sms.render(notification) if is_sms else plain.render(notification, limit_bytes=MESSAGE_BYTES).text
    said = clean(texts.said("message", own)) if texts.is_given("message") else ""
    return (sms.with_link(said, notification, SMS_LENGTH) if is_sms else said) if said else own


def _attributes(texts: Texts, *, is_cut: bool, is_sms: bool) -> dict[str, MessageAttributeValueTypeDef]:
    given = texts.settings.get("attributes") or {}
    # Without it SNS takes a text message for advertising, which networks hold back first.
    filled = {"AWS.SNS.SMS.SMSType": "Transactional"} if is_sms else {}
    filled |= {texts.field(str(name)): texts.field(str(value)) for name, value in given.items()}
    if is_cut:
        filled["truncated"] = "true"
    # SNS refuses an empty name or value.
    return {
        name: {"DataType": "String", "StringValue": filled[name]} for name in sorted(filled) if name and filled[name]
    }


def _fifo(notification: Notification, texts: Texts) -> dict[str, str]:
    if not texts.value("topic_arn").endswith(".fifo"):
        return {}
    return {"MessageGroupId": str(notification.group)[:128], "MessageDeduplicationId": notification.id[:128]}


def _refusal(response: Mapping[str, Any]) -> DeliveryError:
    error = response.get("Error", {})
    code, said = str(error.get("Code", "")), clip(one_line(str(error.get("Message", ""))), _SAID_LENGTH)
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    reason, retryable = FailureReason.CLIENT_ERROR, False
    if code in _LATER or status == 429:
        reason, retryable = FailureReason.RATE_LIMITED, True
    elif code in _AUTH:
        reason = FailureReason.AUTH
    elif code in _GONE:
        reason = FailureReason.NOT_CONFIGURED
    elif status >= 500:
        reason, retryable = FailureReason.SERVER_ERROR, True
    return DeliveryError(f"SNS: {code}: {said}", reason=reason, retryable=retryable)


def _bytes(character: str) -> int:
    return len(character.encode("utf-8", "replace"))
