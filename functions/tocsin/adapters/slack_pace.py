"""One message a second for each channel, over all functions together; Slack refuses more.

Who has to wait longer than a while gives its turn up, and is tried again later, as after Slack's own 429. What is
critical takes a turn and waits for nobody: Slack takes short bursts. Where turns cannot be kept, nobody waits.

Source: https://docs.slack.dev/apis/web-api/rate-limits
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..core.notifications import Notification
from ..errors import DeliveryError, FailureReason, StoreError
from ..ports import Paces

EVERY = timedelta(seconds=1)
# Of what a delivery may take; whoever is behind that many messages is told with the next that the group says.
PATIENCE = timedelta(seconds=15)
CRITICAL = ("critical", "page")


@dataclass(frozen=True, slots=True)
class SlackPace:
    """Waits for a channel's next turn; `sleep` takes seconds."""

    paces: Paces
    sleep: Callable[[float], None]

    def wait(self, name: str, notification: Notification, *, now: datetime, may_have_arrived: bool = False) -> None:
        """Return when a message may be posted. Raises DeliveryError where that is too far away."""
        try:
            turn = self.paces.reserve(f"slack {name}", every=EVERY, within=PATIENCE, now=now)
        except StoreError:
            return
        if notification.severity.lower() in CRITICAL:
            return
        if turn is None:
            message = f"more than {PATIENCE.seconds} messages wait for this channel: this one is tried again"
            raise DeliveryError(
                message,
                reason=FailureReason.RATE_LIMITED,
                retryable=True,
                retry_after_seconds=PATIENCE.total_seconds(),
                may_have_arrived=may_have_arrived,
            )
        self.sleep(max(0.0, (turn - now).total_seconds()))
