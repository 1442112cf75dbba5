"""Email, by Amazon SES or by a mail server of one's own: by SES unless the settings name another `smarthost`.

SES's own mail server counts as SES: the function's role takes the place of its user and password.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from ..core.notifications import Notification
from . import ses
from .channel import Outlets
from .credentials import with_fresh_secrets
from .mail import render

if TYPE_CHECKING:
    from mypy_boto3_sesv2 import SESV2Client

_SES = re.compile(r"email-smtp(-fips)?\.[a-z0-9-]+\.amazonaws\.com(\.cn)?:[0-9]+")


@dataclass(frozen=True, slots=True)
class EmailSender:
    """Delivers notifications by mail; `client` makes SES's, `sender` is the address where the settings name none."""

    client: Callable[[], SESV2Client]
    sender: str
    outlets: Outlets

    def __call__(self, notification: Notification, *, now: datetime) -> str:
        """Send, and return what the server said. Raises DeliveryError."""
        texts = self.outlets.texts(notification, now=now)
        email = render(notification, texts)
        if is_ses(str(notification.integration.settings.get("smarthost") or "")):
            request = ses.request(notification, email, default_sender=self.sender, texts=texts)
            return ses.send(request, client=self.client())
        from . import smtp  # only who has a mail server pays for its protocol

        message = smtp.message(notification, email, default_sender=self.sender, texts=texts)
        send = partial(smtp.send, message, notification, targets=self.outlets.clients.targets)
        return with_fresh_secrets(self.outlets.secrets, send, now=now)


def is_ses(smarthost: str) -> bool:
    """Say whether mail goes by SES: there is no mail server, or it is SES's."""
    return not smarthost or _SES.fullmatch(smarthost) is not None
