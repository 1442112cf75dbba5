"""SNS → Lambda: the event that SNS really makes of a message.

Format: https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html#sns-sample-event
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from dev.cloud import Notification


def lambda_event(notification: Notification, now: datetime | None = None) -> dict[str, Any]:
    """Return the event of one notification; SNS never puts more than one record into it."""
    at = (now or datetime.now(UTC)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    region = notification.topic_arn.split(":")[3]
    host = f"https://sns.{region}.amazonaws.com"
    return {
        "Records": [
            {
                "EventSource": "aws:sns",
                "EventVersion": "1.0",
                "EventSubscriptionArn": notification.subscription_arn,
                "Sns": {
                    "Type": "Notification",
                    "MessageId": notification.message_id,
                    "TopicArn": notification.topic_arn,
                    "Subject": notification.subject,
                    "Message": notification.text,
                    "Timestamp": at,
                    "SignatureVersion": "1",
                    "Signature": "bG9jYWw=",
                    "SigningCertUrl": f"{host}/SimpleNotificationService-local.pem",
                    "UnsubscribeUrl": f"{host}/?Action=Unsubscribe&SubscriptionArn={notification.subscription_arn}",
                    "MessageAttributes": {
                        name: {"Type": value["Type"], "Value": _text(value["Value"])}
                        for name, value in notification.attributes.items()
                    },
                },
            }
        ]
    }


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
