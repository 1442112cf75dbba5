"""The topic: a notification's bytes for functions, a readable text for people who subscribe an address.

Source: https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..core.notifications import Notification, from_json
from . import plain

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sns.type_defs import MessageAttributeValueTypeDef


class SnsTopic:
    """A topic; `client` makes the SNS client when it is first needed."""

    def __init__(self, arn: str, client: Callable[[], SNSClient]) -> None:
        self._arn = arn
        self._client = client

    def publish(self, message: str) -> None:
        notification = from_json(json.loads(message))
        mail = plain.render(notification)
        texts = {"default": plain.render_short(notification), "email": mail.text, "lambda": message}
        self._client().publish(
            TopicArn=self._arn,
            Subject=mail.subject,
            Message=json.dumps(texts, sort_keys=True),
            MessageStructure="json",
            MessageAttributes=_attributes(notification),
        )


def _attributes(notification: Notification) -> dict[str, MessageAttributeValueTypeDef]:
    values = {
        "receiver": notification.receiver,
        "integration": notification.integration.kind.value,
        "severity": notification.severity,
        "status": notification.status.value,
    }
    return {name: {"DataType": "String", "StringValue": value} for name, value in values.items()}
