"""Email, by SES v2: what SES is asked. How a message looks is mail.py's, and whether it goes by SES mail_sender.py's.

There is no idempotency, so a notification's id travels in a header and a tag.

Source: https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html
"""

from __future__ import annotations

import re
from email.utils import formataddr, getaddresses
from typing import TYPE_CHECKING

from ..core.notifications import Notification
from ..core.wording import clip, one_line
from ..errors import DeliveryError, FailureReason
from .mail import Email
from .texts import Texts

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError, ClientError
    from mypy_boto3_sesv2 import SESV2Client
    from mypy_boto3_sesv2.type_defs import BodyTypeDef, MessageHeaderTypeDef, SendEmailRequestTypeDef

RECIPIENTS = 50
# SES takes 15.
HEADERS = 12
_ADDRESS_HEADERS = frozenset({"from", "to", "cc", "reply-to"})
_TAG = re.compile(r"[^A-Za-z0-9_-]")
_SAID_LENGTH = 300

_FINAL = {
    "AccessDenied": FailureReason.AUTH,
    "AccessDeniedException": FailureReason.AUTH,
    "AccountSuspendedException": FailureReason.AUTH,
    "ExpiredTokenException": FailureReason.AUTH,
    "InvalidClientTokenId": FailureReason.AUTH,
    "SignatureDoesNotMatch": FailureReason.AUTH,
    "UnrecognizedClientException": FailureReason.AUTH,
    "BadRequestException": FailureReason.CLIENT_ERROR,
    "MailFromDomainNotVerifiedException": FailureReason.NOT_CONFIGURED,
    "MessageRejected": FailureReason.CLIENT_ERROR,
    "NotFoundException": FailureReason.NOT_CONFIGURED,
    "SendingPausedException": FailureReason.NOT_CONFIGURED,
}
_LATER = frozenset(
    {"LimitExceededException", "Throttling", "ThrottlingException", "TooManyRequestsException", "RequestThrottled"}
)


def send(message: SendEmailRequestTypeDef, *, client: SESV2Client) -> str:
    """Hand a request to SES and return its message id. Raises DeliveryError."""
    from botocore.exceptions import BotoCoreError, ClientError  # the client has loaded it by now

    try:
        answer = client.send_email(**message)
    except ClientError as error:
        raise _refusal(error) from error
    except BotoCoreError as error:
        raise _no_answer(error) from error
    return f"MessageId {answer['MessageId']}"


def request(
    notification: Notification, email: Email, *, default_sender: str, texts: Texts | None = None
) -> SendEmailRequestTypeDef:
    """Return what SES is asked. Raises DeliveryError where an address is missing."""
    texts = texts or Texts(notification)
    sender = texts.value("from", default_sender)
    recipients = addresses(texts.value("to"))
    if not recipients:
        raise _not_configured(notification, "`to` holds no address")
    if len(recipients) > RECIPIENTS:
        raise _not_configured(notification, f"`to` holds {len(recipients)} addresses, and SES takes {RECIPIENTS}")
    senders = addresses(sender)
    if not senders:
        raise _not_configured(notification, "there is no sender: set `from`, or TOCSIN_EMAIL_FROM")
    own: list[MessageHeaderTypeDef] = [
        {"Name": name, "Value": _header(value)} for name, value in email.headers.items() if _is_free(name)
    ]
    parts: BodyTypeDef = {"Text": {"Data": email.text, "Charset": "UTF-8"}}
    if email.html:
        parts["Html"] = {"Data": email.html, "Charset": "UTF-8"}
    message: SendEmailRequestTypeDef = {
        "FromEmailAddress": senders[0],
        "Destination": {"ToAddresses": recipients},
        "Content": {
            "Simple": {
                "Subject": {"Data": email.subject, "Charset": "UTF-8"},
                "Body": parts,
                "Headers": [
                    {"Name": "X-Tocsin-Notification", "Value": _header(notification.id)},
                    {"Name": "X-Tocsin-Group", "Value": _header(notification.group)},
                    {"Name": "Auto-Submitted", "Value": "auto-generated"},
                    *own[:HEADERS],
                ],
            }
        },
        "EmailTags": [
            {"Name": "notification", "Value": _TAG.sub("_", notification.id)[:256] or "_"},
            {"Name": "receiver", "Value": _TAG.sub("_", notification.receiver)[:256] or "_"},
        ],
    }
    if reply_to := addresses(email.headers.get("Reply-To", "")):
        message["ReplyToAddresses"] = reply_to
    return message


def _is_free(name: str) -> bool:
    """Say whether a header is one that SES lets others write: it makes the addresses' own."""
    return name.lower() not in _ADDRESS_HEADERS


def addresses(text: str) -> list[str]:
    """Return the addresses of a comma-separated list, each once."""
    pairs = [(name, address) for name, address in getaddresses([text]) if "@" in address]
    return list(dict.fromkeys(formataddr(pair) for pair in pairs))


def _header(text: str) -> str:
    return "".join(character if " " <= character <= "~" else "_" for character in text)[:900] or "_"


def _not_configured(notification: Notification, problem: str) -> DeliveryError:
    message = f"receiver {notification.receiver}: {problem}"
    return DeliveryError(message, reason=FailureReason.NOT_CONFIGURED, retryable=False)


def _refusal(error: ClientError) -> DeliveryError:
    code = error.response.get("Error", {}).get("Code", "")
    said = clip(one_line(error.response.get("Error", {}).get("Message", "")), _SAID_LENGTH)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    message = f"SES: {code}: {said}"
    if code in _LATER or status == 429:
        return DeliveryError(message, reason=FailureReason.RATE_LIMITED, retryable=True)
    if code not in _FINAL and status >= 500:
        return DeliveryError(message, reason=FailureReason.SERVER_ERROR, retryable=True)
    reason = _FINAL.get(code, FailureReason.CLIENT_ERROR)
    if code == "MessageRejected" and "not verified" in said:
        # The sandbox's way of saying that an address has yet to be verified.
        reason = FailureReason.NOT_CONFIGURED
    return DeliveryError(message, reason=reason, retryable=False)


def _no_answer(error: BotoCoreError) -> DeliveryError:
    from botocore import exceptions

    message = f"SES: {type(error).__name__}: {clip(one_line(str(error)), _SAID_LENGTH)}"
    if isinstance(error, (exceptions.ConnectTimeoutError, exceptions.ReadTimeoutError)):
        return DeliveryError(message, reason=FailureReason.TIMEOUT, retryable=True)
    if isinstance(error, (exceptions.HTTPClientError, exceptions.ConnectionError)):
        return DeliveryError(message, reason=FailureReason.CONNECTION, retryable=True)
    if isinstance(error, (exceptions.NoCredentialsError, exceptions.PartialCredentialsError)):
        return DeliveryError(message, reason=FailureReason.AUTH, retryable=False)
    return DeliveryError(message, reason=FailureReason.CLIENT_ERROR, retryable=False)
