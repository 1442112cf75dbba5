"""A notification as plain text: the mail of a topic's email subscribers, and what every integration falls back to.

Law 10: a message that cannot be rendered is sent as a plain one that carries the error. `degraded` trusts nothing.
SNS subjects: ASCII, at most 100 characters, no line breaks.

Source: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from ..core.alerts import Status
from ..core.drills import marked
from ..core.links import back_link
from ..core.notifications import Notification
from ..core.wording import (
    Facts,
    acknowledgement,
    clip,
    facts,
    firing,
    measured,
    one_line,
    plural,
    resolved,
    time_text,
    title,
    value_label,
    why,
)

SUBJECT_LENGTH = 100
# SNS takes 256 KiB for all protocols' texts together; most of it is the JSON's.
TEXT_BYTES = 16 * 1024
DEFAULT_BYTES = 1024
_RULE = "-" * 60
_TEXT_LENGTH = 1500
_LABEL_LENGTH = 200
_ERROR_LENGTH = 300
_DEGRADED_ALERTS = 20
_TAIL_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Plain:
    """A subject of one line and a text."""

    subject: str
    text: str


def render(notification: Notification, *, limit_bytes: int = TEXT_BYTES) -> Plain:
    """Return the whole story as text. Never raises."""
    try:
        return Plain(subject=_ascii(title(notification)), text=_text(notification, limit_bytes))
    except Exception as error:
        return degraded(notification, error)


def render_short(notification: Notification) -> str:
    """Return the title and the headlines: what protocols without a text of their own get. Never raises."""
    try:
        lines = [title(notification)]
        lines += [facts(alert, now=notification.created_at).headline for alert in notification.alerts]
        return clip("\n".join(dict.fromkeys(lines)), DEFAULT_BYTES, size=_size)
    except Exception as error:
        return clip(degraded(notification, error).text, DEFAULT_BYTES, size=_size)


def degraded(notification: Notification, error: Exception) -> Plain:
    """Return a message made of what can still be said, with the error that kept the proper one from being made."""
    status = _attempt(lambda: notification.status.value.upper(), "ALERT")
    name = _attempt(lambda: str(notification.alerts[0].name), "")
    key = _attempt(lambda: str(notification.group_key), "")
    labels = [_attempt(partial(_labels_text, notification, index), "") for index in range(_DEGRADED_ALERTS)]
    heading = _attempt(lambda: _ascii(f"[{status}] {name or key or 'an alert'}"), f"[{status}] an alert")
    subject = _attempt(lambda: _ascii(marked(notification, heading)), heading)
    lines = [
        f"{subject} (severity: {_attempt(lambda: str(notification.severity), 'unknown')})",
        *(clip(label, _TEXT_LENGTH) for label in labels if label),
        _attempt(lambda: f"To acknowledge: {_how(notification) or 'not needed'}", ""),
        f"Group: {clip(key, _TEXT_LENGTH)}",
        f"The message itself could not be rendered: {error_text(error)}",
    ]
    text = "\n".join(line.encode("utf-8", "replace").decode() for line in lines)
    return Plain(subject=subject, text=clip(text, TEXT_BYTES, size=_size))


def error_text(error: Exception) -> str:
    """Return an error in one line, for a person who can pass it on."""
    said = _attempt(lambda: " ".join(str(error).split()), "")
    return clip(f"{type(error).__name__}: {said}".encode("ascii", "backslashreplace").decode(), _ERROR_LENGTH)


def _labels_text(notification: Notification, index: int) -> str:
    return str(notification.alerts[index].labels)


def _attempt(say: Callable[[], str], otherwise: str) -> str:
    try:
        return say()
    except Exception:
        return otherwise


def _text(notification: Notification, limit_bytes: int) -> str:
    tail = "\n".join(_tail(notification))
    room = limit_bytes - _size(tail) - _TAIL_BYTES
    blocks = list(_blocks(notification))
    kept: list[str] = []
    for block in blocks:
        room -= _size(block) + 2
        if room < 0 and kept:
            break
        kept.append(clip(block, limit_bytes // 2, size=_size))
    left_out = len(blocks) - len(kept) + notification.truncated
    if left_out:
        kept.append(f"... and {plural(left_out, 'more alert')} not shown here.")
    return clip("\n\n".join([_head(notification), *kept, tail]), limit_bytes - 1, size=_size) + "\n"


def _head(notification: Notification) -> str:
    reason, severity = f"Why you get this: {why(notification)}", f"Severity: {one_line(notification.severity)}"
    lines = [clip(title(notification), 400), "", reason, severity]
    how = _how(notification)
    if how:
        lines.append(f"To acknowledge: {how}")
    return "\n".join(clip(line, 600) for line in lines)


def _how(notification: Notification) -> str | None:
    """Return how it is acknowledged: by the link that was sent with it, or by a command."""
    return notification.acknowledge_url or acknowledgement(notification)


def _blocks(notification: Notification) -> Iterator[str]:
    now = notification.created_at
    for alert in (*firing(notification), *resolved(notification)):
        yield "\n".join(_alert_lines(facts(alert, now=now)))


def _alert_lines(said: Facts) -> Iterator[str]:
    yield _RULE
    yield f"{said.status.value.upper()}: {clip(said.headline, 300)}"
    if said.headline != said.name:
        yield f"Alert: {clip(said.name, 300)}"
    yield said.when[0].upper() + said.when[1:]
    if measured(said):
        yield f"{value_label(said)}: {clip(measured(said), 300)}"
    if said.description:
        yield f"\n{clip(said.description, _TEXT_LENGTH)}"
    if said.recommendations and said.status is Status.FIRING:
        yield f"\nWhat to do:\n{clip(said.recommendations, _TEXT_LENGTH)}"
    if said.links or said.labels:
        yield ""
    for link in said.links:
        yield f"{link.label}: {link.url}"
    if said.labels:
        yield "Labels: " + ", ".join(f"{name}={clip(value, _LABEL_LENGTH)}" for name, value in said.labels)


def _tail(notification: Notification) -> Iterator[str]:
    yield _RULE
    yield f"Sent {time_text(notification.created_at)} to {clip(one_line(notification.receiver), 200)}"
    yield f"Group: {clip(one_line(notification.group_key), 400)}"
    if notification.incident:
        yield f"Incident: {notification.incident}"
    link = back_link(notification)
    if link:
        yield f"More: {link}"


def subject(text: str) -> str:
    """Return any text as a subject that SNS takes."""
    return _ascii(one_line(text))


def _ascii(text: str) -> str:
    """Return text as SNS takes a subject: accents dropped, other signs as a question mark."""
    plain = unicodedata.normalize("NFKD", text).replace("…", "...")
    kept = "".join(character for character in plain if not unicodedata.combining(character))
    printable = "".join(c if " " <= c <= "~" else "?" for c in kept)
    return printable if len(printable) <= SUBJECT_LENGTH else printable[: SUBJECT_LENGTH - 3].rstrip() + "..."


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))
