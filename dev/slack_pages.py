"""A page that shows a message as Slack's client does: mark-up, blocks, coloured attachments, buttons.

An imitation of its looks, from its documents; what is shown is the message's JSON and nothing else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_LINK = re.compile(r"<([^<>|]+)(?:\|([^<>]*))?>")
_CODE = re.compile(r"`([^`\n]+)`")
_BOLD = re.compile(r"(?<![\w*])\*([^*\n]+)\*(?![\w*])")
_ITALIC = re.compile(r"(?<![\w_])_([^_\n]+)_(?![\w_])")

# Pictures of what machines without a font for them cannot show.
_SIGNS = {
    "🔴": '<circle cx="10" cy="10" r="8" fill="#dd2e44"/>',
    "✅": '<rect x="1" y="1" width="18" height="18" rx="3" fill="#77b255"/>'
    '<path d="M5 10.5l3.4 3.5L15 6.5" fill="none" stroke="#fff" stroke-width="2.6"/>',
    "👀": '<ellipse cx="5.5" cy="10" rx="4.4" ry="7.5" fill="#f5f8fa" stroke="#8899a6"/>'
    '<ellipse cx="14.5" cy="10" rx="4.4" ry="7.5" fill="#f5f8fa" stroke="#8899a6"/>'
    '<circle cx="4.2" cy="10.5" r="2.6" fill="#292f33"/><circle cx="13.2" cy="10.5" r="2.6" fill="#292f33"/>',
    "💤": '<text x="1" y="17" font-size="17" font-weight="bold" fill="#3b88c3">z</text>'
    '<text x="11" y="10" font-size="11" font-weight="bold" fill="#3b88c3">z</text>',
    "🔕": '<path d="M10 2a5 5 0 0 0-5 5v5l-2 3h14l-2-3V7a5 5 0 0 0-5-5z" fill="#ffac33"/>'
    '<path d="M2 2l16 16" stroke="#dd2e44" stroke-width="2.4"/>',
}
_STYLE = """
body { margin: 20px; background: #fff; color: #1d1c1d; font: 15px/1.46 Lato, "Liberation Sans", Arial, sans-serif; }
.message { display: grid; grid-template-columns: 44px 1fr; max-width: 720px; }
.avatar { width: 36px; height: 36px; border-radius: 8px; background: #4a154b; color: #fff; font: bold 20px/36px
  "Liberation Sans", Arial, sans-serif; text-align: center; }
.who { font-weight: bold; } .badge { background: #ebeaeb; color: #616061; font-size: 10px; font-weight: bold;
  border-radius: 2px; padding: 1px 4px; margin: 0 6px; vertical-align: 1px; } .when { color: #616061; font-size: 12px; }
.edited { color: #616061; font-size: 13px; }
a { color: #1264a3; text-decoration: none; }
.section { margin: 4px 0 8px; white-space: pre-wrap; overflow-wrap: anywhere; }
.fields { display: grid; grid-template-columns: 1fr 1fr; gap: 8px 24px; margin: 8px 0; white-space: pre-wrap; }
.context { color: #616061; font-size: 13px; margin: 6px 0 10px; white-space: pre-wrap; overflow-wrap: anywhere; }
.context span { margin-right: 8px; }
.attachment { border-left: 4px solid; border-radius: 4px; padding: 2px 0 2px 12px; margin: 6px 0; }
code { background: #f8f8f8; border: 1px solid #ddd; border-radius: 3px; color: #e01e5a; font: 12px/1.5 "Noto Sans Mono",
  "Liberation Mono", monospace; padding: 2px 3px; }
.actions { display: flex; flex-wrap: wrap; gap: 8px; margin: 6px 0 8px; }
.button { border: 1px solid #bbb; border-radius: 8px; font-size: 13px; font-weight: bold; padding: 4px 12px 5px; }
.primary { background: #007a5a; border-color: #007a5a; color: #fff; }
.select { padding-right: 10px; min-width: 90px; display: flex; justify-content: space-between; gap: 16px; }
.select::after { content: ""; border: solid #616061; border-width: 0 2px 2px 0; width: 5px; height: 5px;
  transform: rotate(45deg); margin-top: 5px; }
.thread { display: flex; align-items: center; gap: 8px; font-size: 13px; margin: 4px 0 0; }
.thread .avatar { width: 24px; height: 24px; border-radius: 5px; font-size: 13px; line-height: 24px; }
.thread b { color: #1264a3; }
svg { width: 18px; height: 18px; vertical-align: -3px; }
"""


def page(message: Mapping[str, Any], *, replies: int = 0, is_edited: bool = False, time: str = "3:05 AM") -> str:
    """Return a page that shows one message in its channel."""
    name = str(message.get("username") or "Tocsin")
    edited = ' <span class="edited">(edited)</span>' if is_edited else ""
    blocks = "".join(_blocks(message.get("blocks") or ()))
    shown = blocks + "".join(map(_attachment, message.get("attachments") or ())) + _thread(replies)
    head = f'<span class="who">{name}</span><span class="badge">APP</span><span class="when">{time}</span>{edited}'
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Slack</title><style>{_STYLE}</style><body>'
        f'<div class="message"><div class="avatar">T</div><div><div>{head}</div>{shown}</div></div></body></html>'
    )


def of_golden(path: Path, *, replies: int = 0) -> str:
    """Return the page of a golden file that holds a message and its news."""
    message = json.loads(path.read_text(encoding="utf-8"))["message"]
    return page(message, replies=replies, is_edited=replies > 0)


def _attachment(attachment: Mapping[str, Any]) -> str:
    blocks = "".join(_blocks(attachment.get("blocks") or ()))
    return f'<div class="attachment" style="border-color: {attachment.get("color", "#ddd")}">{blocks}</div>'


def _blocks(blocks: Any) -> Iterator[str]:
    for block in blocks:
        if block["type"] == "section":
            yield f'<div class="section">{_mark_up(block["text"]["text"])}</div>'
            if block.get("fields"):
                fields = "".join(f"<div>{_mark_up(each['text'])}</div>" for each in block["fields"])
                yield f'<div class="fields">{fields}</div>'
        elif block["type"] == "context":
            shown = "".join(f"<span>{_mark_up(each['text'])}</span>" for each in block["elements"])
            yield f'<div class="context">{shown}</div>'
        elif block["type"] == "actions":
            yield f'<div class="actions">{"".join(map(_element, block["elements"]))}</div>'
        else:
            raise ValueError(f"no picture of a block of type {block['type']}")


def _element(element: Mapping[str, Any]) -> str:
    if element["type"] == "static_select":
        return f'<div class="button select">{element["placeholder"]["text"]}</div>'
    return f'<div class="button {element.get("style", "")}">{element["text"]["text"]}</div>'


def _thread(replies: int) -> str:
    if not replies:
        return ""
    said = "1 reply" if replies == 1 else f"{replies} replies"
    return (
        f'<div class="thread"><div class="avatar">T</div><b>{said}</b><span class="when">Today at 3:05 AM</span></div>'
    )


def _mark_up(text: str) -> str:
    """Return mrkdwn as HTML; what is no mark-up is escaped in it already, as HTML has it."""
    shown = _LINK.sub(lambda found: f'<a href="{found[1]}">{found[2] or found[1]}</a>', text)
    shown = _CODE.sub(r"<code>\1</code>", shown)
    shown = _ITALIC.sub(r"<i>\1</i>", _BOLD.sub(r"<b>\1</b>", shown))
    for sign, drawn in _SIGNS.items():
        shown = shown.replace(sign, f'<svg viewBox="0 0 20 20">{drawn}</svg>')
    return shown
