"""What the settings of an email integration make of our own message: its subject, parts and headers.

Who gives `html` alone gets a mail with that part alone, as with Alertmanager.

Source: https://prometheus.io/docs/alerting/latest/configuration/#email_config
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING, Any

from ..core.drills import marked
from ..core.notifications import Notification
from ..core.wording import clip, one_line
from .texts import Texts

if TYPE_CHECKING:
    from .mail import Email

SUBJECT_LENGTH = 500
HEADER_LENGTH = 900
HEADERS = 12
# Written by whoever sends the message.
_NOT_OURS = frozenset(
    {
        "bcc",
        "content-transfer-encoding",
        "content-type",
        "date",
        "dkim-signature",
        "message-id",
        "mime-version",
        "return-path",
        "sender",
        "subject",
    }
)
# Where a page's content begins: behind the tag, or where there is none, at once.
_BODY = re.compile(r"<body(?:\s[^>]*)?>|\A(?!.*<body[\s>])", re.IGNORECASE | re.DOTALL)
_NAME = re.compile(r"[!-9;-~]{1,76}")


def overlay(own: Email, texts: Texts, *, button: str = "") -> Email:
    """Return a message with everything in it that the settings say otherwise; the button stays, if there is one."""
    subject = str((texts.settings.get("headers") or {}).get("Subject") or "")
    if texts.is_own(subject):
        said = marked(texts.notification, one_line(texts.prose(subject, own.subject)))
        own = replace(own, subject=clip(said, SUBJECT_LENGTH) or own.subject)
    return replace(own, html=_html(own, texts, button), text=_text(own, texts), headers=dict(_headers(texts)))


def _html(own: Email, texts: Texts, button: str) -> str:
    html = texts.settings.get("html")
    if texts.is_given("html"):
        try:
            filled = texts.filled(str(html), as_html=True)
            return _BODY.sub(lambda found: found[0] + button, filled, count=1) if filled else own.html
        except Exception as error:
            note = escape(f"{type(error).__name__}: {one_line(str(error))}")
            return f"{own.html}<p>The template of this message failed: {note}</p>\n"
    # An empty `html` asks for plain mail.
    return "" if html == "" and texts.is_given("text") else own.html


def _text(own: Email, texts: Texts) -> str:
    if not texts.is_given("text"):
        return own.text
    said, url = texts.said("text", own.text), texts.notification.acknowledge_url
    return f"{said}\n\nTo acknowledge: {url}\n" if url and url not in said else said


def _headers(texts: Texts) -> Iterator[tuple[str, str]]:
    given: Mapping[str, Any] = texts.settings.get("headers") or {}
    for name in sorted(given)[:HEADERS]:
        value = clip(one_line(texts.field(str(given[name]))), HEADER_LENGTH)
        if value and name.lower() not in _NOT_OURS and _NAME.fullmatch(name):
            yield name, value
    threading = texts.settings.get("threading") or {}
    if threading.get("enabled"):
        root = thread_root(texts.notification, is_daily=threading.get("thread_by_date") == "daily")
        yield "References", root
        yield "In-Reply-To", root


def thread_root(notification: Notification, *, is_daily: bool) -> str:
    """Return the id of the message that all mail of a group answers; nobody needs to have got it."""
    day = f"-{notification.created_at:%Y-%m-%d}" if is_daily else ""
    return f"<{notification.group[:16]}{day}@tocsin.invalid>"
