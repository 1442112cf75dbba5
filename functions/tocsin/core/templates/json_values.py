"""A template's values as JSON, as Go's encoding/json writes them.

Keys of maps are sorted, those of structs stand in their own order; `<`, `>` and `&` are escaped, so that the text can
stand in HTML. Source: https://pkg.go.dev/encoding/json#Marshal
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from tocsin.core.templates.buffer import Buffer
from tocsin.core.templates.clock import Time
from tocsin.core.templates.errors import FunctionError
from tocsin.core.templates.notification_data import ALERT, DATA, KV, PAIR
from tocsin.core.templates.printing import sorted_items
from tocsin.core.templates.values import Struct, type_name

_NAMES = {
    "Receiver": "receiver",
    "Status": "status",
    "Alerts": "alerts",
    "NotificationReason": "notification_reason",
    "GroupLabels": "groupLabels",
    "CommonLabels": "commonLabels",
    "CommonAnnotations": "commonAnnotations",
    "RouteLabels": "routeLabels",
    "ExternalURL": "externalURL",
    "Labels": "labels",
    "Annotations": "annotations",
    "StartsAt": "startsAt",
    "EndsAt": "endsAt",
    "GeneratorURL": "generatorURL",
    "Fingerprint": "fingerprint",
}
_FIELD_NAMES: Mapping[str, Mapping[str, str]] = {DATA: _NAMES, ALERT: _NAMES, PAIR: {}}
_LEFT_OUT_IF_EMPTY = "routeLabels"
_UNSAFE = re.compile("[<>&\u2028\u2029]")
_EXPONENT = re.compile(r"e-0(\d)$")
_MAX_DEPTH = 50


def to_json(value: object) -> str:
    """Return a value as JSON; FunctionError where it has none, or one that is too large."""
    buffer = Buffer()
    _write(buffer, value, 0)
    return buffer.text()


def json_time(moment: datetime) -> str:
    """Return a time in RFC 3339 with as many decimals as it needs, UTC as Z."""
    text = moment.replace(tzinfo=None).isoformat()
    if moment.microsecond:
        text = text.rstrip("0")
    offset = moment.strftime("%z")
    return text + ("Z" if moment.tzinfo is UTC or offset == "+0000" else f"{offset[:3]}:{offset[3:5]}")


def _write(buffer: Buffer, value: object, depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise FunctionError("json: nested too deeply")
    scalar = _scalar(value)
    if scalar is not None:
        buffer.write(scalar)
    elif isinstance(value, Struct):
        _write_object(buffer, _fields(value), depth)
    elif isinstance(value, Mapping):
        _write_object(buffer, ((str(key), element) for key, element in sorted_items(value)), depth)
    elif isinstance(value, Sequence):
        buffer.write("[")
        for number, element in enumerate(value):
            buffer.write("," if number else "")
            _write(buffer, element, depth + 1)
        buffer.write("]")
    else:
        raise FunctionError(f"json: unsupported type: {type_name(value)}")


def _scalar(value: object) -> str | None:
    """Return the JSON of what has no parts, None for what has."""
    if value is None or (isinstance(value, KV) and value.is_nil):
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float):
        return _number(value)
    return f'"{json_time(value.moment)}"' if isinstance(value, Time) else None


def _string(text: str) -> str:
    quoted = json.dumps(str(text), ensure_ascii=False)
    return _UNSAFE.sub(lambda found: f"\\u{ord(found.group()):04x}", quoted)


def _number(number: float) -> str:
    if not math.isfinite(number):
        raise FunctionError(f"json: unsupported value: {number}")
    if number and not 1e-6 <= abs(number) < 1e21:
        return _EXPONENT.sub(r"e-\1", repr(number))
    if number.is_integer():
        return f"{number:.0f}"
    return repr(number) if "e" not in repr(number) else _written_out(number)


def _written_out(number: float) -> str:
    from decimal import Decimal  # rarely needed, and slow to import

    return format(Decimal(repr(number)), "f")


def _fields(struct: Struct) -> Iterable[tuple[str, object]]:
    names = _FIELD_NAMES.get(struct.go_type, {})
    for name, value in struct.fields.items():
        key = names.get(name, name)
        if key != _LEFT_OUT_IF_EMPTY or value:
            yield key, value


def _write_object(buffer: Buffer, items: Iterable[tuple[str, object]], depth: int) -> None:
    buffer.write("{")
    for number, (key, value) in enumerate(items):
        buffer.write("," if number else "")
        buffer.write(f"{_string(key)}:")
        _write(buffer, value, depth + 1)
    buffer.write("}")
