"""How Go prints values: %v of numbers, maps, slices and structs, and the rules of Print and Println.

Source: https://pkg.go.dev/fmt#hdr-Printing
"""

import math
from collections.abc import Mapping, Sequence

from tocsin.core.templates.buffer import Buffer
from tocsin.core.templates.values import Struct, Value

NO_VALUE = "<no value>"
_MAX_DEPTH = 20


def format_float(value: float, *, precision: int | None = None) -> str:
    """Return a float as %v prints it: the fewest digits that tell it apart; with a precision, as %.{precision}g."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if precision is not None:
        return f"{value:.{precision}g}"
    return _shortest(value)


def _shortest(value: float) -> str:
    """Return a finite float's shortest exact digits, with an exponent below 1e-4 and from 1e+06 on."""
    sign, digits, point = _decimal(value)
    exponent = point - 1
    if -4 <= exponent < 6:
        return sign + _with_point(digits, point)
    return f"{sign}{_with_point(digits, 1)}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def _decimal(value: float) -> tuple[str, str, int]:
    """Return the sign, the significant digits and the position of the decimal point among them."""
    mantissa, _, exponent = f"{abs(value)!r}".partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    digits = digits.rstrip("0")
    return "-" if math.copysign(1.0, value) < 0 else "", digits or "0", point if digits else 1


def _with_point(digits: str, point: int) -> str:
    if point <= 0:
        return "0." + "0" * -point + digits
    whole, fraction = digits[:point].ljust(point, "0"), digits[point:]
    return f"{whole}.{fraction}" if fraction else whole


def print_value(value: object) -> str:
    """Return what an action prints for a value."""
    if value is None:
        return NO_VALUE
    return sprint_one(value, is_operand=False)


def sprint_one(value: object, *, names_fields: bool = False, is_operand: bool = True) -> str:
    """Return a value as %v prints it, or %+v with field names.

    `is_operand` says that the value was given to a function of fmt directly, where a pointer to a struct shows a `&`.
    """
    buffer = Buffer()
    if is_operand and isinstance(value, Struct) and value.go_type.startswith("*"):
        buffer.write("&")
    _write(buffer, value, names_fields, 0)
    return buffer.text()


def _write(buffer: Buffer, value: object, names_fields: bool, depth: int) -> None:
    """Write a value in the %v format; a structure beyond the depth limit is shown as an ellipsis."""
    if depth > _MAX_DEPTH:
        buffer.write("…")
        return
    text = scalar(value)
    if text is not None:
        buffer.write(text)
    elif isinstance(value, Struct):
        _write_struct(buffer, value, names_fields, depth)
    elif isinstance(value, Mapping):
        _write_items(buffer, "map[", sorted_items(value), names_fields, depth)
    elif isinstance(value, Sequence):
        _write_items(buffer, "[", [(None, element) for element in value], names_fields, depth)
    else:
        buffer.write(str(value))


def scalar(value: object) -> str | None:
    """Return the text of a value that has no parts, None for one that has."""
    described = value.go_string() if isinstance(value, Value) else None
    if described is not None:
        return described
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return format_float(value)
    if isinstance(value, int):
        return int.__str__(value)
    return str(value) if isinstance(value, str) else None


def _write_struct(buffer: Buffer, struct: Struct, names_fields: bool, depth: int) -> None:
    buffer.write("{")
    for index, (name, field) in enumerate(struct.fields.items()):
        buffer.write(" " if index else "")
        buffer.write(f"{name}:" if names_fields else "")
        _write(buffer, field, names_fields, depth + 1)
    buffer.write("}")


def _write_items(
    buffer: Buffer, opening: str, items: Sequence[tuple[object, object]], names_fields: bool, depth: int
) -> None:
    buffer.write(opening)
    for index, (key, element) in enumerate(items):
        buffer.write(" " if index else "")
        if key is not None:
            _write(buffer, key, names_fields, depth + 1)
            buffer.write(":")
        _write(buffer, element, names_fields, depth + 1)
    buffer.write("]")


def sorted_items(mapping: Mapping[object, object]) -> list[tuple[object, object]]:
    """Return a map's items in the order in which Go prints them and ranges over them: by key."""
    return sorted(mapping.items(), key=lambda item: (isinstance(item[0], str), item[0]))


def sprint(*values: object) -> str:
    """Return what fmt.Sprint does: a space between two operands if neither is a string."""
    buffer = Buffer()
    for index, value in enumerate(values):
        if index and not isinstance(value, str) and not isinstance(values[index - 1], str):
            buffer.write(" ")
        buffer.write(sprint_one(value))
    return buffer.text()


def sprintln(*values: object) -> str:
    """Return what fmt.Sprintln does: spaces between all operands, and a line break."""
    buffer = Buffer()
    for index, value in enumerate(values):
        buffer.write((" " if index else "") + sprint_one(value))
    buffer.write("\n")
    return buffer.text()
