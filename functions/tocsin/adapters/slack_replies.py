"""Answers to who pressed a button, by the response_url that came with the click: seen by them alone.

A response_url leads to Slack, whatever a request says: to its own hosts by https; or, where TOCSIN_ALLOWED_TARGETS
names one's own machine as such, to there, which no deployment does.

Source: https://docs.slack.dev/interactivity/handling-user-interaction#message_responses
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from ..errors import DeliveryError, FailureReason
from .hiding import hide
from .http import Http, redact, refused
from .slack_text import escape
from .targets import Targets, host_of, is_loopback

HOSTS = frozenset({"hooks.slack.com", "hooks.slack-gov.com"})
TEXT_LENGTH = 3_000


@dataclass(frozen=True, slots=True)
class SlackReplies:
    """Posts sentences; raises DeliveryError, without the URL, which is a capability."""

    http: Http
    targets: Targets

    def __call__(self, url: str, text: str, *, now: datetime) -> None:
        """Say a sentence to who clicked."""
        if not is_reply_url(url, self.targets):
            message = f"{redact(url)} is no response_url of Slack's: nothing is sent there"
            raise DeliveryError(message, reason=FailureReason.NOT_CONFIGURED, retryable=False)
        said = {"text": escape(text, TEXT_LENGTH), "response_type": "ephemeral", "replace_original": False}
        response = self.http.post_json(url, said, now=now)
        if response.status != 200:
            raise refused(response, url, said=hide(response.text, url))


def is_reply_url(url: str, targets: Targets) -> bool:
    """Say whether a URL is one that Slack takes answers at, or one of our own machine where that is allowed by name."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    host = host_of(url).lower()
    if host != (parts.hostname or "").strip("[]") or parts.username or parts.password:
        return False  # two readers of URLs do not agree on where it leads
    if parts.scheme == "https" and host in HOSTS and port in (None, 443):
        return True
    return parts.scheme == "http" and _is_own(host) and targets.permit(host, host)


def _is_own(host: str) -> bool:
    try:
        return is_loopback(host)
    except ValueError:
        return False
