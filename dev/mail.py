"""The mail that would have been sent: by SES, and by SNS to the addresses that are subscribed to a topic."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from dev.calls import Call
from dev.cloud import Notification

SNS_SENDER = "no-reply@sns.amazonaws.com"
_SES_SEND = "POST /v2/email/outbound-emails"


@dataclass(frozen=True, slots=True)
class Email:
    """A mail as it was handed over; `via` is "ses" or "sns"."""

    at: datetime
    via: str
    sender: str
    to: tuple[str, ...]
    subject: str
    text: str
    html: str = ""


class Mailbox:
    """Every mail of this stack, in the order of sending."""

    def __init__(self, log: Callable[[str, str], None]) -> None:
        self._log = log
        self._emails: list[Email] = []
        self._lock = threading.Lock()

    def emails(self) -> list[Email]:
        with self._lock:
            return list(self._emails)

    def take_call(self, call: Call) -> None:
        """Keep the mail of a successful SES v2 call; moto itself keeps only one of its two bodies."""
        if call.operation == _SES_SEND and call.status == 200:
            self._keep(_from_ses(call))

    def take_notification(self, notification: Notification) -> None:
        self._keep(
            Email(
                at=datetime.now(UTC),
                via="sns",
                sender=SNS_SENDER,
                to=(notification.endpoint,),
                subject=notification.subject or "AWS Notification Message",
                text=notification.text,
            )
        )

    def _keep(self, email: Email) -> None:
        with self._lock:
            self._emails.append(email)
        self._log(email.via, f"mail to {', '.join(email.to)}: {email.subject}")


def _from_ses(call: Call) -> Email:
    request = call.parameters()
    destination: dict[str, list[str]] = request.get("Destination", {})
    simple: dict[str, Any] = request.get("Content", {}).get("Simple", {})
    body = simple.get("Body", {})
    return Email(
        at=call.at,
        via="ses",
        sender=request.get("FromEmailAddress", ""),
        to=tuple(
            address for kind in ("ToAddresses", "CcAddresses", "BccAddresses") for address in destination.get(kind, [])
        ),
        subject=simple.get("Subject", {}).get("Data", ""),
        text=body.get("Text", {}).get("Data", "") if simple else json.dumps(request.get("Content", {})),
        html=body.get("Html", {}).get("Data", ""),
    )
