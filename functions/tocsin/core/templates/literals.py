"""Go's constants: numbers, strings and characters as written in a template.

Sources: https://go.dev/ref/spec#Constants, strconv.ParseInt with base 0, strconv.ParseFloat, strconv.Unquote.
"""

import math
import re

_DECIMAL = re.compile(r"[+-]?(\d[\d_]*\.?[\d_]*|\.\d[\d_]*)([eE][+-]?[\d_]+)?", re.ASCII)
_HEXADECIMAL = re.compile(r"[+-]?0[xX][\da-fA-F_]*\.?[\da-fA-F_]*[pP][+-]?[\d_]+", re.ASCII)
_SPECIAL = {"nan": math.nan, "inf": math.inf, "infinity": math.inf}
_OCTAL = re.compile(r"([+-]?)0_?([0-7][0-7_]*)", re.ASCII)
_SIMPLE_ESCAPES = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11, "\\": 92}
_HEX_ESCAPES = {"x": 2, "u": 4, "U": 8}
_INT64 = range(-(2**63), 2**63)
_HEX_DIGITS = frozenset("0123456789abcdefABCDEF")


def parse_float(text: str) -> float:
    """Return what strconv.ParseFloat returns; ValueError with its wording where that is an error."""
    sign = -1.0 if text.startswith("-") else 1.0
    special = _SPECIAL.get(text.lstrip("+-").lower()) if text[:2] not in ("--", "++", "+-", "-+") else None
    if special is not None and not (math.isnan(special) and text[0] in "+-"):
        return sign * special
    try:
        value = _finite_float(text)
    except (ValueError, OverflowError):
        value = None
    if value is None:
        raise ValueError(f'strconv.ParseFloat: parsing "{text}": invalid syntax')
    if math.isinf(value):
        raise ValueError(f'strconv.ParseFloat: parsing "{text}": value out of range')
    return value


def _finite_float(text: str) -> float | None:
    if _DECIMAL.fullmatch(text):
        return float(text)
    if _HEXADECIMAL.fullmatch(text):
        return float.fromhex(text.replace("_", ""))
    return None


def parse_number(text: str) -> tuple[int | None, float]:
    """Return a constant as an integer (None if it has no integral value) and as a float; ValueError if it is neither.

    `10`, `0x1F`, `0b1`, `0o17`, `017`, `1_000`, `1e3`, `.5`, `0x1p-2`, `'a'`. Imaginary constants are not supported.
    """
    if text.startswith("'"):
        code = unquote_character(text)
        return code, float(code)
    if text.endswith("i"):
        raise ValueError(f"imaginary numbers are not supported: {text!r}")
    integer = _parse_integer(text)
    if integer is not None:
        return integer, float(integer)
    floating = parse_float(text)
    if not any(character in ".eEpP" for character in text):
        raise ValueError(f"integer overflow: {text!r}")
    is_integral = floating.is_integer() and int(floating) in _INT64
    return (int(floating) if is_integral else None), floating


def _parse_integer(text: str) -> int | None:
    octal = _OCTAL.fullmatch(text)
    try:
        value = int(octal[1] + octal[2], 8) if octal else int(text, 0)
    except ValueError:
        return None
    if value in _INT64 or 0 <= value < 2**64:
        return value
    raise ValueError(f"integer overflow: {text!r}")


def unquote(literal: str) -> str:
    """Return the text of a string constant in double quotes or back quotes; ValueError if it is malformed."""
    if literal.startswith("`"):
        return literal[1:-1].replace("\r", "")
    return _unescape(literal[1:-1], quote='"')


def unquote_character(literal: str) -> int:
    """Return the code point of a character constant."""
    text = _unescape(literal[1:-1], quote="'", as_bytes=False)
    if len(text) != 1:
        raise ValueError(f"malformed character constant: {literal}")
    return ord(text)


def _unescape(body: str, *, quote: str, as_bytes: bool = True) -> str:
    if quote in body.replace("\\" + quote, "") and quote == "'":
        raise ValueError("invalid syntax")
    if "\\" not in body:
        return body
    pieces = bytearray()
    position = 0
    while position < len(body):
        character = body[position]
        position += 1
        if character != "\\":
            pieces += character.encode("utf-8", "replace")
            continue
        encoded, position = _escape(body, position, quote, as_bytes=as_bytes)
        pieces += encoded
    return pieces.decode("utf-8", "replace")


def _escape(body: str, position: int, quote: str, *, as_bytes: bool) -> tuple[bytes, int]:
    """Return the bytes of the escape sequence whose letter is at `position`, and the position behind it."""
    letter = body[position : position + 1]
    if letter in _SIMPLE_ESCAPES:
        return bytes([_SIMPLE_ESCAPES[letter]]), position + 1
    if letter and letter == quote:
        return quote.encode(), position + 1
    if letter in _HEX_ESCAPES:
        digits = body[position + 1 : position + 1 + _HEX_ESCAPES[letter]]
        if len(digits) != _HEX_ESCAPES[letter] or not _HEX_DIGITS.issuperset(digits):
            raise ValueError("invalid syntax")
        return _encode(int(digits, 16), is_byte=letter == "x" and as_bytes), position + 1 + len(digits)
    digits = body[position : position + 3]
    if len(digits) == 3 and all(digit in "01234567" for digit in digits) and int(digits, 8) < 256:
        return _encode(int(digits, 8), is_byte=as_bytes), position + 3
    raise ValueError("invalid syntax")


def _encode(code: int, *, is_byte: bool) -> bytes:
    if is_byte:
        return bytes([code])
    if code > 0x10FFFF or 0xD800 <= code < 0xE000:
        raise ValueError("invalid syntax")
    return chr(code).encode()
