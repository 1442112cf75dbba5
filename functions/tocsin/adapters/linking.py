"""A sender whose messages carry the link that acknowledges: it is made here, where the message is delivered.

So the capability is in no record, queue or log; what a receiver repeats of it is taken out. Where it cannot be made the
message goes out without it (law 10).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from ..core.action_links import acknowledgement_of, addressee_of, link, read_keys, settings_of, sign, way_of
from ..core.notifications import Notification
from ..core.wording import is_acknowledgeable
from ..errors import DeliveryError, SecretError
from ..ports import Log, Sender
from .hiding import hide
from .secrets import Secrets


@dataclass(frozen=True, slots=True)
class LinkingSender:
    """Delivers as another sender does; `url` is the API's own address, where links lead if settings name no other."""

    sender: Sender
    secrets: Callable[[], Secrets]
    url: str
    log: Log

    def __call__(self, notification: Notification, *, now: datetime) -> str:
        """Deliver. Raises DeliveryError."""
        url = self._link(notification, now=now)
        if not url:
            return self.sender(notification, now=now)
        try:
            return hide(self.sender(replace(notification, acknowledge_url=url), now=now), url)
        except DeliveryError as error:
            said = hide(str(error), url)
            if said == str(error):
                raise
            raise error.saying(said) from None  # not chained: what it came from says the same

    def _link(self, notification: Notification, *, now: datetime) -> str:
        """Return the link for who is told; empty where there is nothing to acknowledge, or no way to make one."""
        integration = notification.integration
        settings, way = settings_of(integration), way_of(integration)
        base = (settings.url if settings else "") or self.url
        if settings is None or way is None or not base or not is_acknowledgeable(notification):
            return ""
        incident = notification.incident or ""
        permit = acknowledgement_of(
            incident, addressee=addressee_of(integration), way=way, expires_at=now + settings.valid_for
        )
        try:
            return link(base, sign(permit, read_keys(self.secrets().read(settings.secret, now=now))[0]))
        except (SecretError, ValueError) as error:
            self.log.error("link_not_made", receiver=integration.receiver, error=str(error))
            self.log.count("LinksNotMade")
            return ""
