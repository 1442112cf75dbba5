"""Links that a person can follow from a message: absolute http(s) URLs, written so that no format breaks on them.

Annotations used by convention: `runbook_url`, `dashboard_url`. An alert's generator URL leads to its query.

Source: https://prometheus.io/docs/prometheus/latest/configuration/alerting_rules/#templating
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from .alerts import Alert
from .notifications import Notification

# Longer ones are cut by mail programs and refused by chat; a cut URL is worse than none.
LONGEST_URL = 2000
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
# What a URL may hold as it is (RFC 3986, and `%` of what is encoded already); the rest is encoded.
_SAFE = "!#$%&'()*+,-./:;=?@[]_~"


@dataclass(frozen=True, slots=True)
class Link:
    """Where to look, and the word for it."""

    label: str
    url: str


def web_url(text: str) -> str | None:
    """Return an absolute http(s) URL with odd characters encoded; None where the text is none, or too long."""
    stripped = text.strip()
    if _FORBIDDEN.search(stripped):
        return None
    try:
        parts = urlsplit(stripped)
    except ValueError:
        return None
    if parts.scheme.lower() not in ("http", "https") or not parts.netloc:
        return None
    encoded = quote(stripped, safe=_SAFE)
    return encoded if len(encoded) <= LONGEST_URL else None


def links_of(alert: Alert) -> tuple[Link, ...]:
    """Return an alert's runbook, dashboard and query, those that it has."""
    candidates = (
        ("Runbook", alert.annotations.get("runbook_url", "")),
        ("Dashboard", alert.annotations.get("dashboard_url", "")),
        ("Query", alert.generator_url),
    )
    return tuple(Link(label, url) for label, text in candidates if (url := web_url(text)))


def back_link(notification: Notification) -> str | None:
    """Return where the notification's title leads: this installation's page, else the first alert's query."""
    candidates = (notification.external_url, *(alert.generator_url for alert in notification.alerts[:1]))
    return next((url for text in candidates if (url := web_url(text))), None)


def distinct(links: Iterable[Link]) -> tuple[Link, ...]:
    """Return links in order, each once."""
    return tuple(dict.fromkeys(links))
