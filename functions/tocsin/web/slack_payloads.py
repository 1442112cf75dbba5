"""What Slack sends when somebody presses a button or types `/tocsin`: forms, one of them with JSON in it.

Nothing here is read before its signature was found to be Slack's. What is none of ours is None; what is no request of
Slack's at all is a PayloadError.

Sources: https://docs.slack.dev/reference/interaction-payloads/block_actions-payload
https://docs.slack.dev/interactivity/implementing-slash-commands
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

from ..core.clicks import Button, Click, Press, read_button
from ..core.json_text import JsonError, read_json
from ..core.wording import clip, one_line

FIELDS = 60
NAME_LENGTH, COMMENT_LENGTH, URL_LENGTH, INCIDENT_LENGTH = 80, 500, 1000, 100
HELP = """*/tocsin list* — incidents that are open
*/tocsin ack ID* [comment] — acknowledge one
*/tocsin oncall* — who is on call
*/tocsin help* — this"""


class PayloadError(ValueError):
    """A body is no request of Slack's."""


@dataclass(frozen=True, slots=True)
class Command:
    """What was typed: something to do, or else what to say at once."""

    click: Click | None
    answer: str = ""


def read_interaction(body: bytes, *, key: str, at: datetime) -> Click | None:
    """Return what was pressed; None for what is none of our buttons. Raises PayloadError."""
    try:
        payload = read_json(_form(body).get("payload", ""))
    except JsonError as error:
        raise PayloadError(f"the payload is no JSON: {error}") from None
    if not isinstance(payload, Mapping):
        raise PayloadError("the payload is no object")
    actions = payload.get("actions")
    if payload.get("type") != "block_actions" or not isinstance(actions, list) or not actions:
        return None
    button = _button(actions[0])
    user = payload.get("user")
    if button is None or not isinstance(user, Mapping):
        return None
    name = _text(user.get("name")) or _text(user.get("username"))
    return _click(key, button, _text(user.get("id")), name, at, payload.get("response_url"))


def _button(action: Any) -> Button | None:
    if not isinstance(action, Mapping):
        return None
    chosen = action.get("selected_option")
    value = chosen.get("value") if isinstance(chosen, Mapping) else action.get("value")
    try:
        return read_button(_text(value))
    except ValueError:
        return None


def read_command(body: bytes, *, key: str, at: datetime) -> Command:
    """Return what was typed. Raises PayloadError."""
    form = _form(body)
    if not form.get("command") or not form.get("user_id"):
        raise PayloadError("the form has no command or no user")
    word, _, rest = one_line(form.get("text", "")).partition(" ")
    incident, _, comment = rest.partition(" ")
    press = _WORDS.get(word.lower())
    if press is None:
        return Command(None, HELP if word.lower() in ("", "help") else f"I do not know `{_quoted(word)}`.\n{HELP}")
    if press is Press.ACKNOWLEDGE and (not incident or len(incident) > INCIDENT_LENGTH):
        return Command(None, "Which one? `/tocsin ack inc-…`; `/tocsin list` has them.")
    button = Button(press, incident if press is Press.ACKNOWLEDGE else "")
    url = form.get("response_url")
    return Command(_click(key, button, form["user_id"], form.get("user_name", ""), at, url, comment))


_WORDS = {
    "list": Press.LIST,
    "ack": Press.ACKNOWLEDGE,
    "acknowledge": Press.ACKNOWLEDGE,
    "oncall": Press.ONCALL,
    "on-call": Press.ONCALL,
}


def _click(key: str, button: Button, user: str, name: str, at: datetime, url: Any, comment: str = "") -> Click:
    reply_to = _text(url)
    return Click(
        key,
        button,
        clip(one_line(user), NAME_LENGTH),
        clip(one_line(name), NAME_LENGTH),
        at,
        reply_to if len(reply_to) <= URL_LENGTH else "",
        clip(one_line(comment), COMMENT_LENGTH),
    )


def _form(body: bytes) -> dict[str, str]:
    try:
        found = parse_qs(body.decode("ascii"), keep_blank_values=True, max_num_fields=FIELDS)
    except ValueError:
        raise PayloadError("the body is no form") from None
    return {name: values[-1] for name, values in found.items()}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _quoted(word: str) -> str:
    safe = "".join(each for each in clip(word, 40) if each.isalnum() or each in "-_.…")
    return safe or "that"
