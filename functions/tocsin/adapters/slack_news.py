"""What a person reads of an incident in Slack beside its alerts: who has it, and what is new, in the thread.

An edited message makes no sound. What people should look at again (more alerts, a step of the escalation, a
repetition) is therefore said in the thread and shown in the channel too; what somebody did is said in the thread alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..core.alerts import Status
from ..core.drills import marked
from ..core.incidents import OVER, IncidentState
from ..core.notifications import Notification, Reason
from ..core.wording import clip, facts, firing, one_line, title, why
from .slack_text import escape, section

HEADLINES = 5
_LOUD = frozenset({Reason.NEW_ALERTS, Reason.REPEAT, Reason.ESCALATED})
_MARKS = {
    IncidentState.OPEN: "🔴",
    IncidentState.ACKNOWLEDGED: "👀",
    IncidentState.SNOOZED: "💤",
    IncidentState.SUPPRESSED: "🔕",
    IncidentState.RESOLVED: "✅",
    IncidentState.EXPIRED: "✅",
}


def standing_lines(notification: Notification) -> str:
    """Return who did what last, as mrkdwn; empty where nobody did anything yet."""
    standing = notification.standing
    if standing is None or not standing.said:
        return ""
    state = IncidentState(standing.state)
    if notification.status is Status.RESOLVED and state not in OVER:
        # Frozen with the end of its alerts, which is the incident's: what was said of it last is over.
        had = f"\n{escape(one_line(standing.owner), 200)} had it" if standing.owner else ""
        return f"{_MARKS[IncidentState.RESOLVED]} *Resolved*{had}"
    said = f"{_MARKS[state]} *{escape(one_line(standing.said), 400)}*"
    return f"{said}\n“{escape(one_line(standing.comment), 600)}”" if standing.comment else said


def standing_blocks(notification: Notification) -> list[dict[str, Any]]:
    """Return the block that says who did what last; none where nobody did."""
    lines = standing_lines(notification)
    return [section(lines)] if lines else []


def news(notification: Notification) -> Mapping[str, Any]:
    """Return the message for the thread: what is new, in a few lines."""
    text = marked(notification, standing_lines(notification)) if notification.reason is Reason.UPDATE else ""
    if not text:
        now = notification.created_at
        headlines = (one_line(facts(alert, now=now).headline) for alert in firing(notification)[:HEADLINES])
        listed = "".join(f"\n• {escape(clip(each, 200), 250)}" for each in dict.fromkeys(headlines))
        text = f"*{escape(title(notification), 600)}*\n{escape(why(notification), 300)}{listed}"
    return {"text": text, **({"reply_broadcast": True} if notification.reason in _LOUD else {})}
