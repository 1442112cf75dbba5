"""Printf: Go's formatting verbs, with Go's way of reporting a wrong one inside the text.

Flags, width, precision, `*` and `[n]` are understood; %#v and %p are not told apart from %v. Source:
https://pkg.go.dev/fmt#hdr-Printing, fmt/print.go, fmt/format.go
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tocsin.core.templates.buffer import Buffer
from tocsin.core.templates.printing import format_float, sorted_items, sprint_one
from tocsin.core.templates.values import Struct, Value, type_name

_DIRECTIVE = re.compile(
    r"%(?P<flags>[#0+\- ]*)"
    r"(?:(?P<width_index>\[[^\]]*\])?(?P<width>\*|\d+))?"
    r"(?:\.(?:(?P<precision_index>\[[^\]]*\])?(?P<precision>\*|\d*)))?"
    r"(?P<index>\[[^\]]*\])?(?P<verb>.?)",
    re.DOTALL | re.ASCII,
)
_MAX_WIDTH = 10_000
_NON_DECIMAL = {"b": ("b", "0b"), "o": ("o", "0"), "O": ("o", "0o"), "x": ("x", "0x"), "X": ("X", "0X")}
_QUOTED = {7: "\\a", 8: "\\b", 12: "\\f", 10: "\\n", 13: "\\r", 9: "\\t", 11: "\\v", 92: "\\\\"}
_MAX_DEPTH = 20
_MISSING = object()


class Spec(NamedTuple):
    """One verb with what stands between it and its percent sign."""

    verb: str
    flags: str
    width: int
    precision: int | None


def sprintf(template: str, *arguments: object) -> str:
    """Return what fmt.Sprintf does."""
    return _Printf(arguments).run(template)


class _Printf:
    def __init__(self, arguments: Sequence[object]) -> None:
        self.arguments = arguments
        self.index = 0
        self.reordered = False
        self.buffer = Buffer()

    def run(self, template: str) -> str:
        position = 0
        while (percent := template.find("%", position)) >= 0:
            self.buffer.write(template[position:percent])
            found = _DIRECTIVE.match(template, percent)
            assert found is not None  # every part of the pattern behind the percent sign is optional
            self.buffer.write(self.directive(found))
            position = found.end()
        self.buffer.write(template[position:])
        self.extra()
        return self.buffer.text()

    def directive(self, found: re.Match[str]) -> str:
        width, bad_width = self.number(found["width_index"], found["width"], "%!(BADWIDTH)")
        precision, bad_precision = self.number(found["precision_index"], found["precision"], "%!(BADPREC)")
        verb = found["verb"]
        if verb == "%":
            return "%"
        flags = found["flags"]
        if width is not None and width < 0:
            flags, width = flags + "-", -width
        return bad_width + bad_precision + self.value(verb, found["index"], flags, width or 0, precision)

    def value(self, verb: str, index: str | None, flags: str, width: int, precision: int | None) -> str:
        if not verb:
            return "%!(NOVERB)"
        if not self.select(index):
            return f"%!{verb}(BADINDEX)"
        argument = self.take()
        if argument is _MISSING:
            return f"%!{verb}(MISSING)"
        if verb == "T":
            return _pad(type_name(argument), Spec("s", flags, width, None))
        return format_value(argument, Spec(verb, flags, width, precision), is_operand=True)

    def number(self, index: str | None, text: str | None, complaint: str) -> tuple[int | None, str]:
        """Return a width or precision, from the text or for `*` from an argument, and any complaint about it."""
        if text is None:
            return None, ""
        if text != "*":
            value = int(text or 0)
            return (value, "") if value <= _MAX_WIDTH else (None, complaint)
        argument = self.take() if self.select(index) else _MISSING
        if isinstance(argument, int) and not isinstance(argument, bool) and abs(argument) <= _MAX_WIDTH:
            return argument, ""
        return None, complaint

    def select(self, index: str | None) -> bool:
        if index is None:
            return True
        self.reordered = True
        number = index[1:-1]
        if not number.isdecimal() or not 1 <= int(number) <= len(self.arguments):
            return False
        self.index = int(number) - 1
        return True

    def take(self) -> object:
        if self.index >= len(self.arguments):
            return _MISSING
        self.index += 1
        return self.arguments[self.index - 1]

    def extra(self) -> None:
        left = self.arguments[self.index :]
        if not left or self.reordered:
            return
        self.buffer.write("%!(EXTRA ")
        for number, argument in enumerate(left):
            self.buffer.write(", " if number else "")
            self.buffer.write("<nil>" if argument is None else f"{type_name(argument)}={sprint_one(argument)}")
        self.buffer.write(")")


def format_value(value: object, spec: Spec, *, is_operand: bool = False) -> str:
    """Return a value formatted by a verb."""
    described = value.go_string() if isinstance(value, Value) and spec.verb in "vsxXq" else None
    if described is not None:
        return _format_string(described, spec)
    if isinstance(value, bool):
        return _pad(sprint_one(value), spec) if spec.verb in "tv" else _bad(value, spec)
    if isinstance(value, int):
        return _format_integer(value, spec)
    if isinstance(value, float):
        return _format_float(value, spec)
    if isinstance(value, str):
        return _format_string(value, spec)
    if value is None:
        return _pad("<nil>", spec) if spec.verb == "v" else f"%!{spec.verb}(<nil>)"
    if spec.verb == "v":
        return sprint_one(value, names_fields="+" in spec.flags, is_operand=is_operand)
    if _parts(value)[0] is None:
        return _bad(value, spec)
    buffer = Buffer()
    _write_parts(buffer, value, spec, 0)
    return buffer.text()


def _write_parts(buffer: Buffer, value: object, spec: Spec, depth: int) -> None:
    """Apply a verb to the parts of a value; what is nested deeper than the limit is shown as an ellipsis."""
    parts, opening, closing = _parts(value)
    if parts is None:
        buffer.write(format_value(value, spec))
        return
    buffer.write(opening)
    for index, (key, part) in enumerate(parts):
        buffer.write(" " if index else "")
        buffer.write("" if key is None else f"{format_value(key, spec)}:")
        if depth < _MAX_DEPTH:
            _write_parts(buffer, part, spec, depth + 1)
        else:
            buffer.write("…")
    buffer.write(closing)


def _parts(value: object) -> tuple[list[tuple[object, object]] | None, str, str]:
    """Return a value's parts, with their keys where they are printed, and what encloses them; None if it has none."""
    if isinstance(value, Value) and value.go_string() is not None:
        return None, "", ""
    if isinstance(value, Struct):
        return [(None, field) for field in value.fields.values()], "{", "}"
    if isinstance(value, Mapping):
        return sorted_items(value), "map[", "]"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [(None, element) for element in value], "[", "]"
    return None, "", ""


def _bad(value: object, spec: Spec) -> str:
    plain = int(value) if isinstance(value, int) and isinstance(value, Value) else value  # its text is left out here
    return f"%!{spec.verb}({type_name(value)}={format_value(plain, spec._replace(verb='v'))})"


def _pad(text: str, spec: Spec) -> str:
    if "-" in spec.flags:
        return text.ljust(spec.width)
    return text.rjust(spec.width, "0" if "0" in spec.flags else " ")


def _sign(spec: Spec, *, negative: bool) -> str:
    if negative:
        return "-"
    # %+v asks for the names of fields, not for a sign.
    return "+" if "+" in spec.flags and spec.verb != "v" else " " if " " in spec.flags else ""


def _pad_number(sign: str, digits: str, spec: Spec, *, zeros: bool) -> str:
    if zeros and "0" in spec.flags and "-" not in spec.flags:
        return sign + digits.rjust(spec.width - len(sign), "0")
    return _pad(sign + digits, spec._replace(flags=spec.flags.replace("0", "")))


def _format_integer(value: int, spec: Spec) -> str:
    number, verb, fills = int(value), spec.verb, spec.precision is None
    if verb in "vd":
        return _pad_number(_sign(spec, negative=number < 0), _digits(number, "d", spec), spec, zeros=fills)
    if verb in _NON_DECIMAL:
        base, prefix = _NON_DECIMAL[verb]
        prefix = prefix if "#" in spec.flags or verb == "O" else ""
        sign = _sign(spec, negative=number < 0)
        return _pad_number(sign, prefix + _digits(number, base, spec), spec, zeros=fills)
    if verb in "cqU" and 0 <= number <= 0x10FFFF:
        character = "�" if 0xD800 <= number < 0xE000 else chr(number)
        shown = f" '{character}'" if "#" in spec.flags and character.isprintable() else ""
        texts = {"c": character, "q": quote(character, "'"), "U": f"U+{number:04X}{shown}"}
        return _pad(texts[verb], spec)
    return _bad(value, spec)


def _digits(number: int, base: str, spec: Spec) -> str:
    return format(abs(number), base).rjust(spec.precision or 0, "0")


def _format_float(value: float, spec: Spec) -> str:
    if spec.verb not in "vgGeEfFxX":
        return _bad(value, spec)
    if math.isnan(value) or math.isinf(value):
        text = format_float(value)
        if text == "NaN":
            text = _sign(spec, negative=False) + text
        elif text == "+Inf" and _sign(spec, negative=False) == " ":
            text = " Inf"
        return _pad_number("", text, spec, zeros=False)
    sign = _sign(spec, negative=math.copysign(1.0, value) < 0)
    return _pad_number(sign, _float_digits(abs(value), spec), spec, zeros=True)


def _float_digits(value: float, spec: Spec) -> str:
    if spec.verb in "xX":
        mantissa, _, exponent = value.hex().partition("p")
        text = f"{mantissa.rstrip('0').rstrip('.') if '.' in mantissa else mantissa}p{int(exponent):+03d}"
        return text.upper() if spec.verb == "X" else text
    if spec.verb in "vgG":
        text = format_float(value, precision=spec.precision)
        return text.upper() if spec.verb == "G" else text
    return format(value, f".{6 if spec.precision is None else spec.precision}{spec.verb}")


def _format_string(value: str, spec: Spec) -> str:
    text = str(value)[: spec.precision]
    if spec.verb in "vs":
        return _pad(text, spec)
    if spec.verb == "q":
        if "#" in spec.flags and "`" not in text and text.isprintable():
            return _pad(f"`{text}`", spec)
        return _pad(quote(text, '"', ascii_only="+" in spec.flags), spec)
    if spec.verb in "xX":
        return _pad(_hexadecimal(str(value).encode("utf-8", "replace"), spec), spec)
    return _bad(value, spec)


def _hexadecimal(data: bytes, spec: Spec) -> str:
    prefix = f"0{spec.verb}" if "#" in spec.flags else ""
    octets = [format(octet, f"02{spec.verb}") for octet in data[: spec.precision]]
    if " " in spec.flags:
        return " ".join(prefix + octet for octet in octets)
    return prefix + "".join(octets) if octets else ""


def quote(text: str, mark: str, *, ascii_only: bool = False) -> str:
    """Return text as a Go constant in the given quotation marks, as strconv.Quote does."""
    return mark + "".join(_quoted(character, mark, ascii_only) for character in text) + mark


def _quoted(character: str, mark: str, ascii_only: bool) -> str:
    code = ord(character)
    if character == mark:
        return "\\" + character
    if code in _QUOTED:
        return _QUOTED[code]
    if character.isprintable() and (code < 0x80 or not ascii_only):
        return character
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
