"""The buttons of an incident's message in Slack: what can still be done about it, and who did what already.

An app's messages have them where somebody takes their clicks (web/slack.py); what is over has none.

Source: https://docs.slack.dev/reference/block-kit/blocks/actions-block, .../block-elements/button-element
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from ..core.alerts import Status
from ..core.clicks import VALUE_LENGTH, Button, Press
from ..core.incidents import OVER, IncidentState
from ..core.links import web_url
from ..core.notifications import Notification
from ..core.wording import firing

Block = dict[str, Any]

BLOCK_ID = "tocsin"
# How long alerts are silenced, and how that is said.
HOLDS = ((timedelta(hours=1), "1 hour"), (timedelta(hours=4), "4 hours"), (timedelta(days=1), "1 day"))


def is_open(notification: Notification) -> bool:
    """Say whether there is an incident about which something can still be done."""
    is_over = notification.standing is not None and notification.standing.state in {state.value for state in OVER}
    return notification.incident is not None and notification.status is Status.FIRING and not is_over


def buttons(notification: Notification) -> list[Block]:
    """Return the block of buttons; none where nothing can be done any more."""
    if (
        not is_open(notification)
        or len(Button(Press.ACKNOWLEDGE, notification.incident or "").value) > VALUE_LENGTH - 10
    ):
        return []
    elements = list(_elements(notification, notification.incident or ""))
    return [{"type": "actions", "block_id": BLOCK_ID, "elements": elements}]


def _elements(notification: Notification, incident: str) -> Iterator[Block]:
    standing = notification.standing
    is_acknowledgeable = standing is None or standing.is_acknowledgeable
    if is_acknowledgeable and (standing is None or standing.state != IncidentState.ACKNOWLEDGED):
        yield {**_button("Acknowledge", Button(Press.ACKNOWLEDGE, incident)), "style": "primary"}
    yield {**_button("Resolve", Button(Press.RESOLVE, incident)), "confirm": _SURE}
    if is_acknowledgeable:
        yield _silence(incident)
    yield _button("Escalate", Button(Press.ESCALATE, incident))
    if url := runbook(notification):
        yield {"type": "button", "action_id": "runbook", "text": _plain("Runbook"), "url": url}


_SURE = {
    "title": {"type": "plain_text", "text": "Resolve this incident?"},
    "text": {"type": "mrkdwn", "text": "Nobody will be told of it again, though its alerts may still fire."},
    "confirm": {"type": "plain_text", "text": "Resolve"},
    "deny": {"type": "plain_text", "text": "Not yet"},
}


def _silence(incident: str) -> Block:
    options = [
        {"text": _plain(f"for {words}"), "value": Button(Press.SUPPRESS, incident, hold).value} for hold, words in HOLDS
    ]
    return {
        "type": "static_select",
        "action_id": Press.SUPPRESS.value,
        "placeholder": _plain("Silence"),
        "options": options,
    }


def _button(text: str, button: Button) -> Block:
    return {"type": "button", "action_id": button.press.value, "text": _plain(text), "value": button.value}


def _plain(text: str) -> Block:
    return {"type": "plain_text", "text": text}


def runbook(notification: Notification) -> str | None:
    """Return the first runbook of what fires."""
    urls = (web_url(alert.annotations.get("runbook_url", "")) for alert in firing(notification))
    return next((url for url in urls if url), None)
