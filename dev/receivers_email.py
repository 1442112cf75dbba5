"""What SES would refuse in a message, and what a reader's mail program would show wrongly.

Source: https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from typing import Any

SUBJECT_LENGTH = 998  # of a header's line (RFC 5322)
RECIPIENTS = 50
MESSAGE_BYTES = 10 * 1024 * 1024
_ADDRESS = re.compile(r"[^@\s<>,]+@[^@\s<>,]+")
_HEADER_NAME = re.compile(r"[!-9;-@A-~]{1,126}")
_HEADER_VALUE = re.compile(r"[ -~]{1,995}")
_TAG = re.compile(r"[A-Za-z0-9_-]{1,256}")
_VOID = frozenset({"meta", "br", "hr", "img", "link"})
_ACTIVE = frozenset({"script", "iframe", "object", "embed", "form", "link", "img"})


def check_email(message: Mapping[str, Any]) -> list[str]:
    """Return everything that is wrong with an SES v2 `send_email` request of Simple content."""
    return list(_request(message))


def check_parts(subject: str, *, html: str | None, text: str | None) -> list[str]:
    """Return everything that is wrong with a subject and a message's parts (where only these are known)."""
    return [*_subject(subject), *_parts(html, text)]


def _request(message: Mapping[str, Any]) -> Iterator[str]:
    yield from _address("FromEmailAddress", message.get("FromEmailAddress"))
    recipients = [address for every in (message.get("Destination") or {}).values() for address in every]
    if not 1 <= len(recipients) <= RECIPIENTS:
        yield f"Destination: {len(recipients)} addresses, 1 to {RECIPIENTS} allowed"
    for recipient in recipients:
        yield from _address("Destination", recipient)
    simple = (message.get("Content") or {}).get("Simple")
    if not simple:
        yield "Content: no Simple content"
        return
    body = simple.get("Body", {})
    yield from _subject(simple.get("Subject", {}).get("Data"))
    yield from _parts(body.get("Html", {}).get("Data"), body.get("Text", {}).get("Data"))
    for header in simple.get("Headers", []):
        if not _HEADER_NAME.fullmatch(header["Name"]) or not _HEADER_VALUE.fullmatch(header["Value"]):
            yield f"header {header['Name']!r}: not allowed"
    for tag in message.get("EmailTags", []):
        if not _TAG.fullmatch(tag["Name"]) or not _TAG.fullmatch(tag["Value"]):
            yield f"tag {tag['Name']!r}: letters, digits, _ and - only, at most 256"


def _address(where: str, address: Any) -> Iterator[str]:
    bare = address.rpartition("<")[2].rstrip(">") if isinstance(address, str) else ""
    if not _ADDRESS.fullmatch(bare):
        yield f"{where}: {address!r} is no address"


def _subject(subject: Any) -> Iterator[str]:
    if not isinstance(subject, str) or not subject.strip():
        yield "subject: empty"
        return
    if any(ord(character) < 0x20 or character in "\x7f\u2028\u2029" for character in subject):
        yield "subject: a line break or control character"
    if len(subject) > SUBJECT_LENGTH:
        yield f"subject: {len(subject)} characters"


def _parts(html: str | None, text: str | None) -> Iterator[str]:
    if not text or not text.strip():
        yield "text part: empty"
    if html is None:
        return
    if not html.strip():
        yield "HTML part: empty"
    if len(html.encode("utf-8", "replace")) + len((text or "").encode("utf-8", "replace")) > MESSAGE_BYTES:
        yield f"more than {MESSAGE_BYTES} bytes"
    reader = _Reader()
    reader.feed(html)
    reader.close()
    yield from reader.problems
    if reader.open:
        yield f"HTML part: <{reader.open[-1]}> is not closed"


class _Reader(HTMLParser):
    """Reads HTML as strictly as a mail program hopes for: everything closed, nothing active, links to the web only."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.problems: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _ACTIVE:
            self.problems.append(f"HTML part: <{tag}>")
        if tag not in _VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name.startswith("on"):
                self.problems.append(f"HTML part: <{tag} {name}>")
            if name == "href" and not (value or "").startswith(("http://", "https://", "mailto:")):
                self.problems.append(f"HTML part: a link to {value!r}")

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.problems.append(f"HTML part: </{tag}> closes nothing")
