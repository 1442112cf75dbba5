"""A notification published to the topic from a command: who has subscribed an address gets mail of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from ..core.notifications import Notification, as_json, message_json
from ..errors import DeliveryError, FailureReason
from ..ports import Sender
from .sns import OUTWARD, SnsTopic, integration_name

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient


class TopicSender:
    """Publishes to the topic with this ARN, and by `outward` what goes elsewhere; `client` makes the SNS client."""

    def __init__(self, arn: str, client: Callable[[], SNSClient], outward: Sender) -> None:
        self._arn = arn
        self._client = client
        self._outward = outward

    def __call__(self, notification: Notification, *, now: datetime) -> str:
        """Publish. Raises DeliveryError."""
        if integration_name(notification, self._arn) == OUTWARD:
            return self._outward(notification, now=now)
        from botocore.exceptions import BotoCoreError, ClientError

        if not self._arn:
            message = "needs AWS (sns), and TOCSIN_TOPIC_ARN is not set"
            raise DeliveryError(message, reason=FailureReason.NOT_CONFIGURED, retryable=False)
        try:
            SnsTopic(self._arn, self._client).publish(message_json(as_json(notification)))
        except (ClientError, BotoCoreError) as error:
            raise DeliveryError(f"SNS: {error}", reason=FailureReason.CLIENT_ERROR, retryable=False) from None
        return "published to the topic"
