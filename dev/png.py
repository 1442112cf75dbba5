"""PNG pictures of pages made small: without the empty end of the page, and with at most 256 colours.

Only what a browser writes is read: 8 bits a channel, RGB or RGBA, not interlaced.

Source: https://www.w3.org/TR/png-3/
"""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Image:
    """Rows of colours, three bytes each."""

    width: int
    rows: tuple[bytes, ...]


def read(content: bytes) -> Image:
    """Return what a PNG file shows. Raises ValueError on what no browser writes."""
    if not content.startswith(_SIGNATURE):
        raise ValueError("not a PNG file")
    chunks = list(_chunks(content))
    width, height, depth, kind, _, _, interlaced = struct.unpack(">IIBBBBB", dict(chunks)[b"IHDR"])
    if depth != 8 or kind not in (2, 6) or interlaced:
        raise ValueError("expected RGB or RGBA of 8 bits, not interlaced")
    size = 3 if kind == 2 else 4
    data = zlib.decompress(b"".join(body for name, body in chunks if name == b"IDAT"))
    rows, before, step = [], bytes(width * size), width * size + 1
    for start in range(0, height * step, step):
        before = _unfiltered(data[start], data[start + 1 : start + step], before, size)
        rows.append(before if size == 3 else b"".join(before[at : at + 3] for at in range(0, len(before), 4)))
    return Image(width, tuple(rows))


def trimmed(image: Image, margin: int) -> Image:
    """Return an image without the rows at its end that are one colour, but for a margin."""
    rows = list(image.rows)
    while len(rows) > 1 and rows[-1] == rows[-1][:3] * image.width:
        rows.pop()
    return Image(image.width, image.rows[: len(rows) + margin])


def write(image: Image) -> bytes:
    """Return a PNG file with a palette: each colour is taken for its nearest one of the 256 most frequent."""
    palette, places = _palette(image)
    lines = b"".join(b"\0" + bytes(places[colour] for colour in _colours(row)) for row in image.rows)
    head = struct.pack(">IIBBBBB", image.width, len(image.rows), 8, 3, 0, 0, 0)
    body = {b"IHDR": head, b"PLTE": b"".join(map(bytes, palette)), b"IDAT": zlib.compress(lines, 9), b"IEND": b""}
    return _SIGNATURE + b"".join(_chunk(name, content) for name, content in body.items())


def _palette(image: Image) -> tuple[list[Colour], dict[Colour, int]]:
    counts: Counter[Colour] = Counter()
    for row in image.rows:
        counts.update(_colours(row))
    palette = [colour for colour, _ in counts.most_common(256)]
    places = {colour: at for at, colour in enumerate(palette)}
    for colour in counts:
        if colour not in places:
            places[colour] = min(range(len(palette)), key=lambda at: _distance(palette[at], colour))
    return palette, places


def _distance(one: Colour, other: Colour) -> int:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))


def _colours(row: bytes) -> Iterator[Colour]:
    return zip(row[0::3], row[1::3], row[2::3], strict=True)


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_SIGNATURE)
    while at < len(content):
        (length,) = struct.unpack_from(">I", content, at)
        yield content[at + 4 : at + 8], content[at + 8 : at + 8 + length]
        at += length + 12


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def _unfiltered(kind: int, line: bytes, before: bytes, size: int) -> bytes:
    """Return a row as it was before it was written as the difference from its neighbours."""
    found = bytearray(line)
    for at in range(len(found)) if kind else ():
        left = found[at - size] if at >= size else 0
        above, corner = before[at], before[at - size] if at >= size else 0
        found[at] = (found[at] + _prediction(kind, left, above, corner)) & 255
    return bytes(found)


def _prediction(kind: int, left: int, above: int, corner: int) -> int:
    if kind < 3:
        return (0, left, above)[kind]
    if kind == 3:
        return (left + above) // 2
    # Paeth: of the three, the one that is nearest to what the slope says.
    slope = left + above - corner
    return min((left, above, corner), key=lambda each: abs(slope - each))
