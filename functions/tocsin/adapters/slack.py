"""Slack: what a message looks like, and how it is posted to an incoming webhook or by an app (slack_app.py).

One message a notification: the title (a link back), who has the incident, then one coloured attachment for what fires
and a green one for what is resolved; or what the settings' own texts make of it (slack_attachment.py). An app's message
has buttons (slack_buttons.py). Slack's limits are kept by cutting, and the message says what was left out.

Sources: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
https://docs.slack.dev/reference/block-kit/blocks
https://docs.slack.dev/messaging/formatting-message-text#escaping
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from ..core.alerts import Alert, Status
from ..core.links import back_link
from ..core.notifications import Notification, Reason
from ..core.slack import BUTTONS
from ..core.wording import (
    Facts,
    acknowledgement,
    clip,
    colour,
    facts,
    firing,
    measured,
    one_line,
    plural,
    resolved,
    title,
    value_label,
    why,
)
from ..errors import FailureReason
from ..ports import Threads
from . import slack_app, slack_attachment
from .channel import Channel, Outlets
from .http import Response, refused
from .plain import Plain, degraded
from .slack_buttons import Block, buttons, runbook
from .slack_news import standing_blocks, standing_lines
from .slack_pace import SlackPace
from .slack_text import escape, mrkdwn, section, units
from .texts import Texts

BLOCKS = 40  # Slack takes 50 in a message; some are the title's, the footer's and the buttons'
FIELDS = 10
LINK_LENGTH = 2000  # of 3,000
# Slack refuses what is too long as a whole (msg_blocks_too_long) at a length it does not document, about 13,000.
MESSAGE_LENGTH = 11_000
TITLE_LENGTH = 600
FALLBACK_LENGTH = 900
_PLAIN_LENGTH = 8_000
_PASSED_ON = ("channel", "username", "icon_emoji", "icon_url")
# What Slack answers when the webhook itself is not valid (any more), whatever the status.
_BAD_WEBHOOKS = frozenset(
    {"invalid_token", "no_service", "no_service_id", "no_team", "no_active_hooks", "team_disabled"}
)


@dataclass(frozen=True, slots=True)
class SlackSender:
    """Delivers notifications to the webhook that each one's settings refer to, or as an app; `threads` is an app's.

    Without a `pace`, Slack's own 429 is all that holds it back.
    """

    outlets: Outlets
    threads: Threads
    pace: SlackPace | None = None

    def __call__(self, notification: Notification, *, now: datetime) -> str:
        """Post. Raises DeliveryError."""
        texts = self.outlets.texts(notification, now=now)
        return self.outlets.deliver(notification, partial(send, texts, self.threads, self.pace), now=now)


def send(texts: Texts, threads: Threads, pace: SlackPace | None, channel: Channel) -> str:
    """Post a message and return Slack's answer. Raises DeliveryError."""
    url = channel.secret("api_url")
    if slack_app.is_app(url):
        message = render(channel.notification, texts, by_app=True)
        return slack_app.send(message, slack_app.Line(url, channel, pace, str(message.get("channel") or "")), threads)
    if pace is not None:
        pace.wait(url, channel.notification, now=channel.now)
    response = channel.post(url, render(channel.notification, texts))
    if response.status == 200:
        return response.text or "ok"
    raise refused(response, url, reason=_refusal(response))


def _refusal(response: Response) -> FailureReason | None:
    return FailureReason.AUTH if response.text in _BAD_WEBHOOKS else None


def render(notification: Notification, texts: Texts | None = None, *, by_app: bool = False) -> dict[str, Any]:
    """Return the payload, with buttons where an app takes their clicks; what fails becomes plain. Never raises."""
    texts = texts or Texts(notification)
    has_buttons = by_app and bool(notification.integration.settings.get(BUTTONS))
    try:
        if not by_app and notification.reason is Reason.UPDATE and standing_lines(notification):
            message = _change(notification)
        else:
            message = _own_message(notification, texts, buttons(notification) if has_buttons else [])
    except Exception as error:
        message = _plain_message(degraded(notification, error))
    return {**message, **_passed_on(texts)}


def _own_message(notification: Notification, texts: Texts, actions: list[Block]) -> dict[str, Any]:
    if not slack_attachment.has_texts(texts):
        return _message(notification, texts.value("color") if texts.is_given("color") else "", actions)
    heading = escape(title(notification), TITLE_LENGTH)
    message = slack_attachment.render(texts, heading=heading, story=_fallback(notification, title(notification)))
    more = [*standing_blocks(notification), *actions]
    if notification.acknowledge_url and not actions:
        more.append(section(_acknowledge(notification)))
    if more:
        message["attachments"].append(_attachment(notification.severity, notification.status, more))
    return message


def _change(notification: Notification) -> dict[str, Any]:
    """Return who did what, for those whose messages cannot be edited: what it is about, they have been told."""
    blocks = [_top(notification), *standing_blocks(notification)]
    footer = _footer(notification, 0, has_buttons=False)
    attachments = [_attachment(notification.severity, notification.status, [footer])]
    said = f"{title(notification)}\n{notification.standing.said if notification.standing else ''}"
    return {"text": escape(said, FALLBACK_LENGTH), "blocks": blocks, "attachments": attachments}


def _top(notification: Notification) -> Block:
    link = back_link(notification)
    shown = escape(title(notification), TITLE_LENGTH)
    return section(f"*<{_url(link)}|{shown.replace('|', '¦')}>*" if link else f"*{shown}*")


def _message(notification: Notification, tone: str, actions: list[Block]) -> dict[str, Any]:
    # What a button leads to needs no link beside it.
    attachments, left_out = _attachments(notification, without=runbook(notification) if actions else None)
    footer = _footer(notification, left_out + notification.truncated, has_buttons=bool(actions))
    if not attachments:
        attachments = [_attachment(notification.severity, notification.status, [])]
    attachments[-1]["blocks"] += [footer, *actions]
    if tone:
        attachments[0]["color"] = tone
    blocks = [_top(notification), *standing_blocks(notification)]
    return {"text": _fallback(notification, title(notification)), "blocks": blocks, "attachments": attachments}


def _attachments(notification: Notification, *, without: str | None) -> tuple[list[dict[str, Any]], int]:
    """Return what fires and what is resolved, as far as there is room, and how many alerts there was none for."""
    now, budget = notification.created_at, MESSAGE_LENGTH
    burning, over = firing(notification), resolved(notification)
    kept: dict[Status, list[Block]] = {Status.FIRING: [], Status.RESOLVED: []}
    shown = 0
    for alert in (*burning, *over):
        blocks = list(_alert_blocks(alert, now=now, without=without))
        budget -= sum(_length(block) for block in blocks)
        count = sum(len(each) for each in kept.values()) + len(blocks)
        if shown and (budget < 0 or count > BLOCKS):
            break
        kept[alert.status_at(now)] += blocks
        shown += 1
    attachments = [_attachment(notification.severity, status, blocks) for status, blocks in kept.items() if blocks]
    return attachments, len(burning) + len(over) - shown


def _attachment(severity: str, status: Status, blocks: list[Block]) -> dict[str, Any]:
    return {"color": colour(severity, status), "blocks": blocks}


def _alert_blocks(alert: Alert, *, now: datetime, without: str | None) -> Iterator[Block]:
    said = facts(alert, now=now)
    block = section("\n".join(_alert_lines(said)))
    fields = _fields(said)
    if fields:
        block["fields"] = fields
    yield block
    links = [f"<{_url(link.url)}|{link.label}>" for link in said.links if link.url != without]
    elements = [mrkdwn(link) for link in links if len(link) <= LINK_LENGTH]
    if elements:
        yield {"type": "context", "elements": elements}


def _alert_lines(said: Facts) -> Iterator[str]:
    # Each part is cut for itself, so that together they stay below SECTION_LENGTH.
    headline = f"*{escape(said.headline, 300)}*"
    yield headline if said.status is Status.FIRING else f"{headline} — resolved"
    if said.description and said.description != said.headline:
        yield escape(said.description, 900)
    if measured(said):
        yield f"*{value_label(said)}:* {escape(measured(said), 200)}"
    yield f"*{'Firing' if said.status is Status.FIRING else 'Fired'}:* {escape(said.when, 200)}"
    if said.recommendations and said.status is Status.FIRING:
        yield f"*What to do:*\n{escape(said.recommendations, 700)}"


def _fields(said: Facts) -> list[Block]:
    pairs = said.labels if said.headline == said.name else (("alert", said.name), *said.labels)
    room = FIELDS if len(pairs) <= FIELDS else FIELDS - 1
    fields = [mrkdwn(f"*{escape(name, 80)}*\n{escape(value, 120)}") for name, value in pairs[:room]]
    if len(pairs) > room:
        fields.append(mrkdwn(f"_and {plural(len(pairs) - room, 'more label')}_"))
    return fields


def _footer(notification: Notification, left_out: int, *, has_buttons: bool) -> Block:
    lines = [f"*Severity:* {escape(one_line(notification.severity), 60)}"]
    if not standing_lines(notification) or notification.reason is not Reason.UPDATE:
        lines[0] = f"*Why:* {escape(why(notification), 300)} · {lines[0]}"
    if left_out:
        lines.insert(0, f"*… and {plural(left_out, 'more alert')} not shown here*")
    command = acknowledgement(notification)
    if notification.acknowledge_url and not has_buttons:
        lines.append(_acknowledge(notification))
    elif command and not has_buttons:
        lines.append(f"*Acknowledge:* `{escape(command, 200)}`")
    about = f"Group {escape(one_line(notification.group_key), 500)}"
    if notification.incident:
        about += f" · Incident {escape(notification.incident, 120)}"
    return {"type": "context", "elements": [mrkdwn("\n".join([*lines, about]))]}


def _acknowledge(notification: Notification) -> str:
    return f"*<{_url(notification.acknowledge_url)}|Acknowledge>*"


def _fallback(notification: Notification, heading: str) -> str:
    """Return what a phone shows: the title, and what is wrong."""
    now = notification.created_at
    shown: Sequence[Alert] = firing(notification) or notification.alerts
    summaries = (facts(alert, now=now).summary for alert in shown[:5])
    headlines = dict.fromkeys(clip(summary, 200) for summary in summaries if summary)
    return escape("\n".join([clip(heading, TITLE_LENGTH), *headlines]), FALLBACK_LENGTH)


def _passed_on(texts: Texts) -> dict[str, Any]:
    """Return who posts it where, as far as the settings say so."""
    said = {name: texts.value(name) for name in _PASSED_ON if texts.is_given(name)}
    names = {"link_names": True} if texts.settings.get("link_names") else {}
    return {**{name: value for name, value in said.items() if value}, **names}


def _plain_message(plain: Plain) -> dict[str, Any]:
    return {"text": escape(plain.text, _PLAIN_LENGTH)}


def _url(url: str) -> str:
    return url.replace("&", "&amp;")


def _length(block: Block) -> int:
    texts = [block.get("text"), *block.get("fields", ()), *block.get("elements", ())]
    return sum(units(text["text"]) for text in texts if text)
