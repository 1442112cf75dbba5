"""A notification as a text message: how grave, what, how much, and the link that acknowledges it.

A message is paid for, and arrives, in segments: 160 signs of the GSM alphabet, or 153 where there are several; with
one sign that is not in it 70 or 67 (UTF-16). Ours is at most two segments of the first kind, as accents and punctuation
that the alphabet has not are written with what it has. A text in another script keeps it, and takes a few more.

Sources: https://www.3gpp.org/ftp/Specs/html-info/23038.htm (6.2.1)
https://docs.aws.amazon.com/sns/latest/dg/sms_sending-overview.html
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator

from ..core.alerts import Status
from ..core.drills import marked
from ..core.notifications import Notification
from ..core.wording import clip, facts, firing, is_acknowledgeable, measured, one_line, resolved, title

SEPTETS = 2 * 153
UNITS = 4 * 67
# Of a script's letters so many may be lost before the script itself is sent.
_MOST_LOST = 0.2
_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("^{}\\[~]|€")  # two septets each
_LIKE = str.maketrans(
    {"…": "...", "–": "-", "—": "-", "‘": "'", "’": "'", "“": '"', "”": '"', "«": '"', "»": '"', "`": "'", "·": "-"}
    | {"\u00a0": " ", "µ": "u", "μ": "u", "°": " deg", "≥": ">=", "≤": "<=", "×": "x", "→": "->", "•": "-", "\t": " "}
    | {"Ł": "L", "ł": "l", "Đ": "D", "đ": "d", "ı": "i", "Œ": "OE", "œ": "oe", "Þ": "Th", "þ": "th", "ð": "d"}
)


def render(notification: Notification) -> str:
    """Return the text; what there is no room for is cut, and the link never is."""
    said = one_line(" ".join(_parts(notification)))
    plain = as_gsm(said)
    lost = sum(character == "?" for character in plain) - said.count("?")
    tail = _tail(notification)
    if lost > _MOST_LOST * len(said):
        return _cut(said, UNITS - units(tail), tail, units)
    return _cut(plain, SEPTETS - septets(tail), tail, septets)


def with_link(text: str, notification: Notification, limit: int) -> str:
    """Return a text of the settings' own, cut to a limit, with the link behind it that ours has."""
    tail = _tail(notification)
    return clip(text, limit - len(tail)) + tail if tail and not text.endswith(tail) else text


def as_gsm(text: str) -> str:
    """Return a text in the GSM alphabet: signs by what is most like them, accents dropped, others as `?`."""
    return "".join(
        character if character in _BASIC or character in _EXTENDED else _nearest(character)
        for character in text.translate(_LIKE)
    )


def septets(text: str) -> int:
    """Return how much of a segment a text in the GSM alphabet takes."""
    return sum(2 if character in _EXTENDED else 1 for character in text)


def units(text: str) -> int:
    """Return how much of a segment a text takes that is not in the GSM alphabet: units of UTF-16."""
    return len(text.encode("utf-16-le", "replace")) // 2


def segments(text: str) -> int:
    """Return how many segments a text is sent in."""
    if set(text) <= _BASIC | _EXTENDED:
        length, single, several = septets(text), 160, 153
    else:
        length, single, several = units(text), 70, 67
    return 1 if length <= single else -(-length // several)


def _tail(notification: Notification) -> str:
    return f"\nAck: {notification.acknowledge_url}" if notification.acknowledge_url else ""


def _nearest(character: str) -> str:
    plain = "".join(each for each in unicodedata.normalize("NFKD", character) if not unicodedata.combining(each))
    return plain if plain and all(each in _BASIC or each in _EXTENDED for each in plain) else "?"


def _parts(notification: Notification) -> Iterator[str]:
    is_over = notification.status is Status.RESOLVED
    shown = resolved(notification) if is_over else firing(notification)
    # The title without its bracket, which takes two septets on either side, and says what stands here.
    name = clip(title(notification).partition("] ")[2], 110)
    yield marked(notification, f"{'RESOLVED' if is_over else clip(notification.severity.upper(), 20)}: {name}")
    if len(shown) > 1:
        yield f"({len(shown)} alerts)"
    if shown:
        said = facts(shown[0], now=notification.created_at)
        if measured(said) and not is_over:
            yield f"- {clip(measured(said), 40)}"
        if said.summary:
            yield f"- {clip(said.summary, 300)}"
    if is_acknowledgeable(notification) and not notification.acknowledge_url:
        yield f"[{notification.incident}]"


def _cut(text: str, room: int, tail: str, size: Callable[[str], int]) -> str:
    """Return a text cut to its room, and what stands behind it."""
    if size(text) <= room:
        return text + tail
    kept = text
    while kept and size(kept) > room - 3:
        kept = kept[:-1]
    return kept.rstrip() + "..." + tail
