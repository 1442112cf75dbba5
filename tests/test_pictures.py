"""docs/pictures: what is there, how large it is, and that a picture survives being made small."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import pytest

from dev import png
from dev.pictures import FOLDER, LARGEST_BYTES, PICTURES

RED, GREEN, WHITE = (200, 30, 30), (20, 200, 20), (255, 255, 255)


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def paeth(left: int, above: int, corner: int) -> int:
    near = left + above - corner
    distances = [abs(near - left), abs(near - above), abs(near - corner)]
    return (left, above, corner)[distances.index(min(distances))]


def picture(rows: list[list[tuple[int, int, int]]], kind: int, *, alpha: bool = False) -> bytes:
    """Return a PNG file of these rows, each filtered the same way."""
    size = 4 if alpha else 3
    lines, before = [], bytes(len(rows[0]) * size)
    for row in rows:
        plain = b"".join(bytes(colour) + (b"\xff" if alpha else b"") for colour in row)
        line = bytearray()
        for at, value in enumerate(plain):
            left = plain[at - size] if at >= size else 0
            corner = before[at - size] if at >= size else 0
            above = before[at]
            line.append((value - (0, left, above, (left + above) // 2, paeth(left, above, corner))[kind]) & 255)
        lines.append(bytes((kind,)) + bytes(line))
        before = plain
    head = struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, 6 if alpha else 2, 0, 0, 0)
    data = zlib.compress(b"".join(lines))
    half = len(data) // 2
    body = chunk(b"IHDR", head) + chunk(b"IDAT", data[:half]) + chunk(b"IDAT", data[half:]) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


ROWS = [[RED, GREEN, WHITE], [WHITE, RED, (7, 9, 201)], [WHITE] * 3, [WHITE] * 3, [WHITE] * 3]


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("kind", range(5))
def test_a_browser_s_picture_is_read(kind: int, alpha: bool) -> None:
    found = png.read(picture(ROWS, kind, alpha=alpha))
    assert found.width == 3
    assert [list(zip(row[0::3], row[1::3], row[2::3], strict=True)) for row in found.rows] == ROWS


def test_the_empty_end_is_cut_but_for_a_margin() -> None:
    found = png.trimmed(png.read(picture(ROWS, 0)), margin=1)
    assert len(found.rows) == 3


def test_what_is_written_has_a_palette_and_the_same_colours() -> None:
    written = png.write(png.read(picture(ROWS, 4)))
    width, height, depth, kind = struct.unpack_from(">IIBB", written, 16)
    assert (width, height, depth, kind) == (3, 5, 8, 3)
    at = written.index(b"PLTE")
    (length,) = struct.unpack_from(">I", written, at - 4)
    palette = written[at + 4 : at + 4 + length]
    lines = zlib.decompress(written[written.index(b"IDAT") + 4 :])
    colours = [tuple(palette[3 * place : 3 * place + 3]) for place in lines[1:4]]
    assert colours == ROWS[0]


def test_more_colours_than_a_palette_has_are_taken_for_their_nearest() -> None:
    rows = [[(red, green, 0) for red in range(32)] for green in range(32)]
    written = png.write(png.read(picture(rows, 1)))
    at = written.index(b"PLTE")
    assert struct.unpack_from(">I", written, at - 4) == (256 * 3,)


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", bytes(13))])
def test_what_is_no_picture_of_a_browser_s(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"expected|not a PNG"):
        png.read(content)


def test_every_picture_is_kept_small_and_every_one_that_is_kept_is_made() -> None:
    kept = {path.stem: path.stat().st_size for path in Path(FOLDER).glob("*.png")}
    assert set(kept) == set(PICTURES)
    assert max(kept.values()) <= LARGEST_BYTES
