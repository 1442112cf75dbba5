"""A notification published to the topic from a command: who has subscribed an address gets mail of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from ..core.notifications import Notification, as_json, message_json
from ..errors import DeliveryError, FailureReason
from .sns import SnsTopic

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient


class TopicSender:
    """Publishes to the topic with this ARN; `client` makes the SNS client when it is first needed."""

    def __init__(self, arn: str, client: Callable[[], SNSClient]) -> None:
        self._arn = arn
        self._client = client

    def __call__(self, notification: Notification, *, now: datetime) -> str:
        """Publish. Raises DeliveryError."""
        from botocore.exceptions import BotoCoreError, ClientError

        if not self._arn:
            message = "needs AWS (sns), and TOCSIN_TOPIC_ARN is not set"
            raise DeliveryError(message, reason=FailureReason.NOT_CONFIGURED, retryable=False)
        try:
            SnsTopic(self._arn, self._client).publish(message_json(as_json(notification)))
        except (ClientError, BotoCoreError) as error:
            raise DeliveryError(f"SNS: {error}", reason=FailureReason.CLIENT_ERROR, retryable=False) from None
        return "published to the topic"
