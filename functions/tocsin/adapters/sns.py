"""The topic: a notification's bytes for functions, a readable text for people who subscribe an address.

Source: https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..core.notifications import Notification, encode, from_json
from ..core.receivers import Kind
from ..core.sizes import fit_labels
from ..core.wording import clip, one_line
from . import plain

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sns.type_defs import MessageAttributeValueTypeDef


# All texts and attributes together; what is left of the 256 KiB is for the attributes.
MESSAGE_BYTES = 250 * 1024
# What an `sns_configs` is called that leads somewhere else than to this topic.
OUTWARD = "sns-out"
_ATTRIBUTE_LENGTH = 256
# What a claim check says of its group, and of its settings.
_GROUP_BYTES = 4 * 1024
_SETTINGS_BYTES = 64 * 1024


class SnsTopic:
    """A topic; `client` makes the SNS client when it is first needed."""

    def __init__(self, arn: str, client: Callable[[], SNSClient]) -> None:
        self._arn = arn
        self._client = client

    def publish(self, message: str) -> bool:
        notification = from_json(json.loads(message))
        integration = integration_name(notification, self._arn)
        mail = plain.render(notification)
        texts = {"default": plain.render_short(notification), "email": mail.text, "lambda": message}
        envelope = encode(texts)
        if len(envelope.encode()) > MESSAGE_BYTES:
            envelope = encode({**texts, "lambda": _claim_check(message)})
        self._client().publish(
            TopicArn=self._arn,
            Subject=mail.subject,
            Message=envelope,
            MessageStructure="json",
            MessageAttributes=_attributes(notification, integration),
        )
        return integration != Kind.SNS.value


def _claim_check(message: str) -> str:
    """Return a notification without its alerts: whoever delivers it reads all of it from the table by its id."""
    full = json.loads(message)
    left_out = {
        "alerts": [],
        "common_labels": {},
        "common_annotations": {},
        "truncated": len(full["alerts"]) + full["truncated"],
    }
    group = {
        "group_key": clip(full["group_key"], _GROUP_BYTES),
        "group_labels": dict(fit_labels(full["group_labels"], _GROUP_BYTES)),
    }
    settings = full["settings"] if len(encode(full["settings"]).encode()) <= _SETTINGS_BYTES else {}
    return encode({**full, **left_out, **group, "settings": settings})


def integration_name(notification: Notification, arn: str) -> str:
    """Return what subscriptions filter by: the kind; another topic or a telephone is not for this topic's addresses."""
    integration = notification.integration
    # Who does not know this topic takes every topic for it.
    is_elsewhere = bool(arn) and (integration.settings.get("topic_arn") or arn) != arn
    is_direct = any(integration.settings.get(key) for key in ("phone_number", "target_arn"))
    return OUTWARD if integration.kind is Kind.SNS and (is_elsewhere or is_direct) else integration.kind.value


def _attributes(notification: Notification, integration: str) -> dict[str, MessageAttributeValueTypeDef]:
    values = {
        "receiver": notification.receiver,
        "integration": integration,
        "severity": notification.severity,
        "status": notification.status.value,
    }
    # SNS refuses an empty value.
    texts = {name: clip(one_line(value), _ATTRIBUTE_LENGTH) or "none" for name, value in values.items()}
    return {name: {"DataType": "String", "StringValue": text} for name, text in texts.items()}
