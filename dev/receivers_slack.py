"""What Slack's incoming webhooks and methods refuse, and what they would show wrongly.

Documented limits and answers. Stricter than Slack in one point: a colour or mark-up that it would swallow is a problem.

Sources: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks#handling_errors
https://docs.slack.dev/reference/block-kit/blocks
https://docs.slack.dev/messaging/formatting-message-text
https://docs.slack.dev/reference/methods/chat.postMessage
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

TEXT_LENGTH = 40_000
BLOCKS = 50
ATTACHMENTS = 100
SECTION_LENGTH = 3_000
FIELDS = 10
FIELD_LENGTH = 2_000
HEADER_LENGTH = 150
ELEMENTS = 10
BLOCKS_LENGTH = 13_000
LINK_LENGTH = 3_000
ID_LENGTH = 255
BUTTON_VALUE_LENGTH = 2_000
OPTION_VALUE_LENGTH = 150
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}|good|warning|danger")
_ENTITY = re.compile(r"&(?!(?:amp|lt|gt);)")
_MARKUP = re.compile(r"<([^<>]*)>")
_LINK = re.compile(r"https?://[^\s|]+(\|[^|]+)?|mailto:[^\s|]+(\|[^|]+)?|!date\^\d+\^[^|]+\|[^|]+")
_KEYS = frozenset(
    {
        "text",
        "blocks",
        "attachments",
        "channel",
        "username",
        "icon_emoji",
        "icon_url",
        "link_names",
        "mrkdwn",
        "unfurl_links",
        "unfurl_media",
        "thread_ts",
        "reply_broadcast",
    }
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Slack's word for what is wrong (the body of its answer), and where."""

    code: str
    where: str

    def __str__(self) -> str:
        return f"{self.code}: {self.where}"


def check_slack(body: bytes, *, also: frozenset[str] = frozenset()) -> tuple[Any, list[Refusal]]:
    """Return a request's payload and everything that is wrong with it."""
    try:
        payload = json.loads(body)
    except ValueError as error:
        return None, [Refusal("invalid_payload", f"not JSON: {error}")]
    if not isinstance(payload, dict):
        return payload, [Refusal("invalid_payload", "not a JSON object")]
    return payload, list(_message(payload, also))


def check_slack_app(method: str, token: str, body: bytes) -> tuple[Any, list[Refusal]]:
    """Return the arguments of chat.postMessage or chat.update, and everything that is wrong with them."""
    if not token.startswith("Bearer xox"):
        return None, [Refusal("not_authed" if not token else "invalid_auth", "Authorization")]
    payload, refusals = check_slack(body, also=frozenset({"ts"}) if method == "chat.update" else frozenset())
    if not isinstance(payload, dict):
        return payload, refusals
    if not payload.get("channel"):
        refusals.append(Refusal("channel_not_found", "channel: empty"))
    if method == "chat.update" and not payload.get("ts"):
        refusals.append(Refusal("message_not_found", "ts: empty"))
    return payload, refusals


def _message(payload: Mapping[str, Any], also: frozenset[str]) -> Iterator[Refusal]:
    for name in sorted(set(payload) - _KEYS - also):
        yield Refusal("invalid_payload", f"unknown key {name!r}")
    text, blocks, attachments = payload.get("text"), payload.get("blocks"), payload.get("attachments")
    if not any((text, blocks, attachments)):
        yield Refusal("no_text", "neither text nor blocks nor attachments")
    if text is not None:
        yield from _text_length("text", text, TEXT_LENGTH, code="msg_too_long")
        yield from _mark_up("text", text)
    yield from _blocks("blocks", blocks or [])
    if not isinstance(attachments or [], list) or len(attachments or []) > ATTACHMENTS:
        yield Refusal("too_many_attachments", f"more than {ATTACHMENTS}, or not a list")
        return
    for index, attachment in enumerate(attachments or []):
        yield from _attachment(f"attachments[{index}]", attachment)
    every = [*(blocks or []), *(b for a in attachments or [] if isinstance(a, dict) for b in a.get("blocks") or [])]
    if len(every) > BLOCKS:
        yield Refusal("invalid_blocks", f"{len(every)} blocks in all, {BLOCKS} allowed")
    if sum(_shown_length(block) for block in every) > BLOCKS_LENGTH:
        yield Refusal("msg_blocks_too_long", f"more than {BLOCKS_LENGTH} characters in all blocks")


def _attachment(where: str, attachment: Any) -> Iterator[Refusal]:
    if not isinstance(attachment, dict):
        yield Refusal("invalid_attachments", f"{where}: not an object")
        return
    if not any(attachment.get(name) for name in ("blocks", "text", "fallback", "title", "fields")):
        yield Refusal("no_text", f"{where}: empty")
    colour = attachment.get("color")
    if colour is not None and not (isinstance(colour, str) and _COLOUR.fullmatch(colour)):
        yield Refusal("invalid_attachments", f"{where}.color: {colour!r} is no colour")
    yield from _blocks(f"{where}.blocks", attachment.get("blocks") or [])


def _blocks(where: str, blocks: Any) -> Iterator[Refusal]:
    if not isinstance(blocks, list) or len(blocks) > BLOCKS:
        yield Refusal("invalid_blocks", f"{where}: more than {BLOCKS}, or not a list")
        return
    for index, block in enumerate(blocks):
        place = f"{where}[{index}]"
        kind = block.get("type") if isinstance(block, dict) else None
        check = _KINDS.get(kind) if isinstance(kind, str) else None
        if check is None:
            yield Refusal("invalid_blocks", f"{place}: type {kind!r}")
        else:
            yield from check(place, block)


def _section(where: str, block: Mapping[str, Any]) -> Iterator[Refusal]:
    fields = block.get("fields")
    if block.get("text") is None and not fields:
        yield Refusal("invalid_blocks", f"{where}: neither text nor fields")
    if block.get("text") is not None:
        yield from _text(f"{where}.text", block["text"], SECTION_LENGTH)
    if fields is not None:
        yield from _texts(f"{where}.fields", fields, FIELDS, FIELD_LENGTH)


def _header(where: str, block: Mapping[str, Any]) -> Iterator[Refusal]:
    yield from _text(f"{where}.text", block.get("text"), HEADER_LENGTH, kinds=("plain_text",))


def _context(where: str, block: Mapping[str, Any]) -> Iterator[Refusal]:
    yield from _texts(f"{where}.elements", block.get("elements"), ELEMENTS, FIELD_LENGTH)


def _divider(where: str, block: Mapping[str, Any]) -> Iterator[Refusal]:
    if set(block) - {"type", "block_id"}:
        yield Refusal("invalid_blocks", f"{where}: a divider has nothing of its own")


def _actions(where: str, block: Mapping[str, Any]) -> Iterator[Refusal]:
    elements = block.get("elements")
    if not isinstance(elements, list) or not 1 <= len(elements) <= 25:
        yield Refusal("invalid_blocks", f"{where}.elements: 1 to 25")
        return
    yield from _short(f"{where}.block_id", block.get("block_id", "-"), ID_LENGTH)
    ids = [element.get("action_id") for element in elements if isinstance(element, dict) and "action_id" in element]
    if len(set(map(str, ids))) != len(ids):
        yield Refusal("invalid_blocks", f"{where}.elements: an action_id stands twice")
    for index, element in enumerate(elements):
        place = f"{where}.elements[{index}]"
        kind = element.get("type") if isinstance(element, dict) else None
        check = _ELEMENTS.get(kind) if isinstance(kind, str) else None
        if check is None:
            yield Refusal("invalid_blocks", f"{place}: type {kind!r}")
            continue
        yield from _short(f"{place}.action_id", element.get("action_id", "-"), ID_LENGTH)
        yield from check(place, element)
        if "confirm" in element:
            yield from _confirmation(f"{place}.confirm", element["confirm"])


def _button(where: str, element: Mapping[str, Any]) -> Iterator[Refusal]:
    yield from _strangers(where, element, {"text", "value", "url", "style", "accessibility_label"})
    yield from _text(f"{where}.text", element.get("text"), 75, kinds=("plain_text",))
    yield from _short(f"{where}.value", element.get("value", "-"), BUTTON_VALUE_LENGTH)
    yield from _short(f"{where}.url", element.get("url", "-"), LINK_LENGTH)
    if element.get("style", "primary") not in ("primary", "danger"):
        yield Refusal("invalid_blocks", f"{where}.style: {element['style']!r}")


def _select(where: str, element: Mapping[str, Any]) -> Iterator[Refusal]:
    yield from _strangers(where, element, {"placeholder", "options", "initial_option", "focus_on_load"})
    if "placeholder" in element:
        yield from _text(f"{where}.placeholder", element["placeholder"], 150, kinds=("plain_text",))
    yield from _options(where, element.get("options"), 100)


def _overflow(where: str, element: Mapping[str, Any]) -> Iterator[Refusal]:
    yield from _strangers(where, element, {"options"})
    yield from _options(where, element.get("options"), 5)


def _options(where: str, options: Any, most: int) -> Iterator[Refusal]:
    if not isinstance(options, list) or not 1 <= len(options) <= most:
        yield Refusal("invalid_blocks", f"{where}.options: 1 to {most}")
        return
    for index, option in enumerate(options):
        place = f"{where}.options[{index}]"
        yield from _text(f"{place}.text", option.get("text"), 75)
        yield from _short(f"{place}.value", option.get("value"), OPTION_VALUE_LENGTH)


def _confirmation(where: str, confirm: Any) -> Iterator[Refusal]:
    if not isinstance(confirm, dict):
        yield Refusal("invalid_blocks", f"{where}: not an object")
        return
    for name, most in (("title", 100), ("confirm", 30), ("deny", 30)):
        yield from _text(f"{where}.{name}", confirm.get(name), most, kinds=("plain_text",))
    yield from _text(f"{where}.text", confirm.get("text"), 300)


def _strangers(where: str, element: Mapping[str, Any], known: set[str]) -> Iterator[Refusal]:
    for name in sorted(set(element) - known - {"type", "action_id", "confirm"}):
        yield Refusal("invalid_blocks", f"{where}: unknown key {name!r}")


def _short(where: str, text: Any, length: int) -> Iterator[Refusal]:
    if not isinstance(text, str) or not 1 <= _units(text) <= length:
        yield Refusal("invalid_blocks", f"{where}: 1 to {length} characters")


_ELEMENTS: Mapping[str, Callable[[str, Mapping[str, Any]], Iterator[Refusal]]] = {
    "button": _button,
    "static_select": _select,
    "overflow": _overflow,
}
_KINDS: Mapping[str, Callable[[str, Mapping[str, Any]], Iterator[Refusal]]] = {
    "section": _section,
    "header": _header,
    "context": _context,
    "divider": _divider,
    "actions": _actions,
}


def _texts(where: str, texts: Any, most: int, length: int) -> Iterator[Refusal]:
    if not isinstance(texts, list) or not 1 <= len(texts) <= most:
        yield Refusal("invalid_blocks", f"{where}: 1 to {most} texts")
        return
    for index, text in enumerate(texts):
        yield from _text(f"{where}[{index}]", text, length)


def _text(where: str, text: Any, length: int, *, kinds: Sequence[str] = ("mrkdwn", "plain_text")) -> Iterator[Refusal]:
    if not isinstance(text, dict) or text.get("type") not in kinds:
        yield Refusal("invalid_blocks", f"{where}: not a text of type {' or '.join(kinds)}")
        return
    yield from _text_length(where, text.get("text"), length, code="invalid_blocks")
    if text["type"] == "mrkdwn":
        yield from _mark_up(where, text.get("text"))


def _text_length(where: str, text: Any, length: int, *, code: str) -> Iterator[Refusal]:
    if not isinstance(text, str) or not text.strip():
        yield Refusal("no_text" if code == "msg_too_long" else code, f"{where}: empty, or not a text")
    elif _units(text) > length:
        yield Refusal(code, f"{where}: {_units(text)} characters, {length} allowed")


def _mark_up(where: str, text: Any) -> Iterator[Refusal]:
    """Report a `<`, `>` or `&` that is neither escaped nor part of a link: it would be shown as something else."""
    if not isinstance(text, str):
        return
    for inside in _MARKUP.findall(text):
        if not _LINK.fullmatch(inside) or len(inside) > LINK_LENGTH:
            yield Refusal("invalid_blocks", f"{where}: <{inside[:60]}> is no link")
    rest = _MARKUP.sub("", text)
    if "<" in rest or ">" in rest or _ENTITY.search(text):
        yield Refusal("invalid_blocks", f"{where}: an unescaped <, > or &")


def _shown_length(block: Any) -> int:
    if not isinstance(block, dict):
        return 0
    texts = [block.get("text"), *(block.get("fields") or ())]
    texts += (block.get("elements") or ()) if block.get("type") == "context" else ()
    return sum(_units(str(text.get("text", ""))) for text in texts if isinstance(text, dict))


def _units(text: str) -> int:
    """Return the length as JavaScript counts it, in UTF-16 units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
