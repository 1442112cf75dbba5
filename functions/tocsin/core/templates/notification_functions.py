"""The functions of Alertmanager's notification templates, as of its version 0.34.

Source: https://prometheus.io/docs/alerting/latest/notifications/#functions
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from tocsin.core.patterns import Compile
from tocsin.core.steps import Steps
from tocsin.core.templates import functions as shared
from tocsin.core.templates import humanize, language, regex
from tocsin.core.templates.clock import ZERO_TIME, Duration, Time, format_time
from tocsin.core.templates.errors import FunctionError
from tocsin.core.templates.json_values import to_json
from tocsin.core.templates.notification_data import STRINGS, Strings
from tocsin.core.templates.values import ANY, Function, SafeHTML, Value

_TIME = "time.Time"
_SLICE = "[]interface {}"
_SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
# The names of zones are looked up part by part: a thousand parts end the stack.
_LONGEST_ZONE = 64
_LAYOUT_STEPS = 50
_HEX = frozenset("0123456789abcdefABCDEF")


class SafeURL(str, Value):
    """Text that is a URL, or part of one, already."""

    __slots__ = ()
    go_type = "template.URL"


def notification_functions(
    *, compile: Compile, now: datetime, route_label: Callable[[str], str], steps: Steps
) -> dict[str, Function]:
    """Return the functions by name, the language's own included; `route_label` gives a route's label by its name.

    They count what they do.
    """
    return {
        **language.FUNCTIONS,
        **_STATIC,
        **regex.functions(compile, steps),
        "now": Function(lambda: Time(now)),
        "since": Function(lambda time: since(time, now), (_TIME,)),
        "routeLabels": Function(route_label, ("string",)),
        **_dates(steps),
    }


def _dates(steps: Steps) -> dict[str, Function]:
    """Return the functions that read a time by a layout, which has to be taken apart first."""

    def counted(read: Callable[[str, str], Time]) -> Function:
        def call(layout: str, text: str) -> Time:
            steps.take(_LAYOUT_STEPS)
            return read(layout, text)

        return Function(call, ("string",) * 2)

    return {"toDate": counted(to_date), "mustToDate": counted(must_to_date)}


# Text


def title(text: str) -> str:
    """Return every word with its first letter in upper case and the rest in lower case."""
    return shared.title(shared.to_lower(text))


def join(separator: str, texts: Sequence[str] | None) -> str:
    return separator.join(texts or ())


def url_unescape(text: str) -> str:
    """Return the text of a URL's query: a plus sign is a space, %2B a plus sign."""
    data = bytearray()
    octets = text.replace("+", " ").encode("utf-8", "replace")
    position = 0
    while position < len(octets):
        if octets[position] != ord("%"):
            data.append(octets[position])
            position += 1
            continue
        digits = octets[position + 1 : position + 3].decode("latin-1")
        if len(digits) < 2 or not set(digits) <= _HEX:
            raise FunctionError(f'invalid URL escape "%{digits}"')
        data.append(int(digits, 16))
        position += 3
    return data.decode("utf-8", "replace")


def base64_encode(text: str) -> str:
    """Return the base64 of a text, in the alphabet that URLs take."""
    from base64 import urlsafe_b64encode  # rarely needed

    return urlsafe_b64encode(text.encode("utf-8", "replace")).decode()


def base64_decode(text: str) -> str:
    from binascii import Error, a2b_base64  # rarely needed

    kept = text.replace("\n", "").replace("\r", "")
    try:
        if "+" in kept or "/" in kept:
            raise FunctionError("illegal base64 data")
        data = a2b_base64(kept.replace("-", "+").replace("_", "/").encode("ascii"), strict_mode=True)
    except (Error, UnicodeEncodeError):
        raise FunctionError("illegal base64 data") from None
    return data.decode("utf-8", "replace")


# Time


def in_zone(name: str, time: Time) -> Time:
    """Return a time in the zone of an IANA name."""
    if name in ("", "UTC", "Local"):
        return Time(time.moment.astimezone(UTC))
    from zoneinfo import ZoneInfo  # rarely needed, and slow to import

    try:
        if len(name) > _LONGEST_ZONE:
            raise ValueError(name)
        zone = ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        raise FunctionError(f"unknown time zone {name}") from None
    try:
        return Time(time.moment.astimezone(zone))
    except OverflowError:  # the zero time, west of Greenwich: Python has no year 0
        return Time(time.moment.replace(tzinfo=zone))


def since(time: Time, now: datetime) -> Duration:
    return Time(now).since(time)


def must_to_date(layout: str, text: str) -> Time:
    """Return the time that a text says in a layout; ValueError where it does not fit."""
    from tocsin.core.templates.time_parsing import parse_time  # rarely needed

    return Time(parse_time(layout, text))


def to_date(layout: str, text: str) -> Time:
    """Return the time that a text says in a layout, the zero time where it does not fit."""
    try:
        return must_to_date(layout, text)
    except ValueError:
        return Time(ZERO_TIME)


# Lists and maps


def make_list(*values: object) -> list[object]:
    return list(values)


def append(values: Sequence[object] | None, *more: object) -> list[object]:
    return [*(values or ()), *more]


def make_dict(*pairs: object) -> Mapping[str, object]:
    """Return a map of names and values that alternate."""
    if len(pairs) % 2:
        raise FunctionError("dict requires an even number of arguments")
    names = pairs[::2]
    if not all(isinstance(name, str) for name in names):
        raise FunctionError("dict keys must be strings")
    return {str(name): value for name, value in zip(names, pairs[1::2], strict=True)}


_TEXT = ("string",)
_STATIC: dict[str, Function] = {
    "toUpper": Function(shared.to_upper, _TEXT),
    "toLower": Function(shared.to_lower, _TEXT),
    "title": Function(title, _TEXT),
    "trimSpace": Function(lambda text: text.strip(_SPACE), _TEXT),
    "join": Function(join, ("string", STRINGS)),
    "safeHtml": Function(SafeHTML, _TEXT),
    "safeUrl": Function(SafeURL, _TEXT),
    "urlUnescape": Function(url_unescape, _TEXT),
    "stringSlice": Function(lambda *texts: Strings(texts), (), "string"),
    "date": Function(lambda layout, time: format_time(time.moment, layout), ("string", _TIME)),
    "tz": Function(in_zone, ("string", _TIME)),
    "humanizeDuration": Function(humanize.humanize_duration, (ANY,)),
    "toJson": Function(to_json, (ANY,)),
    "base64encode": Function(base64_encode, _TEXT),
    "base64decode": Function(base64_decode, _TEXT),
    "list": Function(make_list, (), ANY),
    "append": Function(append, (_SLICE,), ANY),
    "dict": Function(make_dict, (), ANY),
}

NAMES = frozenset(language.FUNCTIONS) | language.SHORT_CIRCUIT | frozenset(_STATIC) | {
    "match", "reReplaceAll", "now", "since", "routeLabels", "toDate", "mustToDate",
}  # fmt: skip
