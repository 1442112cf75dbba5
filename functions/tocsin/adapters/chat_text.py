"""What fires and what is resolved as a text of a chat: the same words for every one, in each one's own mark-up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ..core.alerts import Status
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
    value_label,
    why,
)

LABELS = 12
LINK_LENGTH = 500
_LABELS_LENGTH = 800
_LEFT_OUT_LENGTH = 60


def _without_backticks(text: str) -> str:
    return text.replace("`", "'")


def _without_parentheses(url: str) -> str:
    """Return a URL without the only signs in it (the others are encoded) that can end a link early."""
    return url.replace("(", "%28").replace(")", "%29")


@dataclass(frozen=True, slots=True)
class Markup:
    """A chat's mark-up: how text is escaped, and what stands around it (`link` has the label, then the URL)."""

    escape: Callable[[str], str]
    bold: str
    link: str
    code: str
    line_end: str = "\n"
    escape_code: Callable[[str], str] = _without_backticks
    escape_url: Callable[[str], str] = _without_parentheses

    def strong(self, text: str) -> str:
        return self.bold.format(self.escape(text))

    def quoted(self, text: str) -> str:
        return self.code.format(self.escape_code(text))

    def linked(self, label: str, url: str) -> str:
        return self.link.format(self.escape(label), self.escape_url(url))


def alerts_text(notification: Notification, markup: Markup, limit: int, *, size: Callable[[str], int] = len) -> str:
    """Return the alerts as far as there is room, and how to acknowledge them; the first one is always told of."""
    head = _head(notification, markup)
    room = limit - size(head) - _LEFT_OUT_LENGTH
    alerts = (*firing(notification), *resolved(notification))
    parts: list[str] = []
    for alert in alerts:
        part = markup.line_end.join(_lines(facts(alert, now=notification.created_at), markup))
        room -= size(part) + 2 * len(markup.line_end)
        if parts and room < 0:
            break
        parts.append(part)
    left_out = len(alerts) - len(parts) + notification.truncated
    if left_out:
        parts.append(markup.escape(f"… and {plural(left_out, 'more alert')} not shown here"))
    return (2 * markup.line_end).join([*parts, head])


def with_link(
    text: str, notification: Notification, markup: Markup, limit: int, *, size: Callable[[str], int] = len
) -> str:
    """Return a text of the settings' own with the link that acknowledges below it, where there is one."""
    if not notification.acknowledge_url:
        return text
    tail = 2 * markup.line_end + markup.linked("Acknowledge", notification.acknowledge_url)
    return clip(text, limit - size(tail), size=size) + tail


def _head(notification: Notification, markup: Markup) -> str:
    lines = [f"{markup.strong('Why:')} {markup.escape(clip(why(notification), 200))}"]
    lines[0] += f" · {markup.strong('Severity:')} {markup.escape(clip(one_line(notification.severity), 60))}"
    command = acknowledgement(notification)
    if notification.acknowledge_url:
        lines.append(markup.linked("Acknowledge", notification.acknowledge_url))
    elif command:
        lines.append(f"{markup.strong('Acknowledge:')} {markup.quoted(clip(command, 200))}")
    return markup.line_end.join(lines)


def _lines(said: Facts, markup: Markup) -> Iterator[str]:
    headline = markup.strong(clip(said.headline, 250))
    yield headline if said.status is Status.FIRING else f"{headline} — resolved"
    if said.description and said.description != said.headline:
        yield markup.line_end.join(markup.escape(clip(said.description, 500)).split("\n"))
    if measured(said):
        yield f"{markup.strong(value_label(said) + ':')} {markup.escape(clip(measured(said), 150))}"
    began = "Firing" if said.status is Status.FIRING else "Fired"
    yield f"{markup.strong(began + ':')} {markup.escape(said.when)}"
    if said.recommendations and said.status is Status.FIRING:
        advice = markup.line_end.join(markup.escape(clip(said.recommendations, 400)).split("\n"))
        yield f"{markup.strong('What to do:')} {advice}"
    yield from _labels(said, markup)
    links = [markup.linked(link.label, link.url) for link in said.links if len(link.url) <= LINK_LENGTH]
    if links:
        yield " · ".join(links)


def _labels(said: Facts, markup: Markup) -> Iterator[str]:
    pairs = said.labels if said.headline == said.name else (("alert", said.name), *said.labels)
    shown = [f"{clip(name, 60)}={clip(value, 100)}" for name, value in pairs[:LABELS]]
    more = len(pairs) - len(shown)
    if shown:
        text = ", ".join(shown) + (f" and {plural(more, 'more label')}" if more > 0 else "")
        yield markup.escape(clip(text, _LABELS_LENGTH))
