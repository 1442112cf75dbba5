"""Values: what one key of a configuration file may hold, and what is said when it holds something else.

Scalars arrive as the text that was written (documents.py), so that each key says itself what a text means. Secrets are
references: clear ones are refused by their block (blocks.py).

Source: https://prometheus.io/docs/alerting/latest/configuration/ (the placeholders),
https://pkg.go.dev/time#ParseDuration, https://pkg.go.dev/net#SplitHostPort
"""

from __future__ import annotations

import math
import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator

from ..core.durations import parse_duration
from ..core.matcher_syntax import is_label_name
from ..core.templates import syntax
from ..core.templates.errors import TemplateError
from ..core.templates.notification_functions import NAMES
from .documents import Scalar

_TRUTHS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_INTEGER = re.compile(r"[+-]?(0|[1-9][0-9]*)")
_GO_UNITS_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_GO_DURATION = re.compile(r"[+-]?(0|((\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h))+)")
_GO_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_HOST_AND_PORT = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*):([^:\[\]]+)")
_LARGEST_COUNT = 2**64 - 1
_REFERENCE = re.compile(r"secret:[a-z][a-z0-9_-]*#\S+|secretsmanager:[^\s#]+(#\S+)?|ssm:\S+|/\S+")


def describe(value: Any) -> str:
    """Return what was found, in a word or as it was written."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return repr(str(value))


def kind_of(value: Any) -> str:
    """Return what was found, in a word: a text in the place of a block may be a secret, and is not repeated."""
    return "a text" if isinstance(value, str) else describe(value)


def is_template(text: str) -> bool:
    """Say whether a text has something to be filled in when it is sent."""
    return "{{" in text


def why_no_template(text: str) -> str:
    """Return why a text's template cannot be read; empty when it can, or when it has none."""
    try:
        syntax.parse(text, name="", functions=NAMES)
    except TemplateError as error:
        return str(error).removeprefix("template: ").removeprefix(":")
    return ""


def _text(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError(f"expected text, found {describe(value)}")
    return str(value)


def _filled(value: Any) -> str:
    text = _text(value)
    if not text.strip():
        raise ValueError("expected a text that is not empty")
    return text


def _flag(value: Any) -> bool:
    if isinstance(value, Scalar) and value.is_plain and value.lower() in _TRUTHS:
        return _TRUTHS[value.lower()]
    raise ValueError(f"expected true or false, found {describe(value)}")


def _duration(value: Any) -> timedelta:
    if not isinstance(value, str):
        raise ValueError(f"expected a duration such as 30s, 5m or 1h30m, found {describe(value)}")
    return parse_duration(str(value))


def _positive_duration(value: Any) -> timedelta:
    duration = _duration(value)
    if not duration:
        raise ValueError("expected a duration above zero")
    return duration


def _go_duration(value: Any) -> timedelta:
    """Return what Go's own durations mean: fractions are allowed, days are not, and a bare number is nanoseconds."""
    text = str(value) if isinstance(value, str) else ""
    try:
        if isinstance(value, Scalar) and value.is_plain and _INTEGER.fullmatch(text):
            return timedelta(microseconds=int(text) / 1000)
        if _GO_DURATION.fullmatch(text):
            seconds = math.fsum(float(count) * _GO_UNITS_SECONDS[unit] for count, unit in _GO_PART.findall(text))
            return timedelta(seconds=-seconds if text.startswith("-") else seconds)
    except OverflowError:
        raise ValueError(f"duration out of range: {text!r}") from None
    raise ValueError(f"expected a duration such as 500ms, 30s or 1.5h, found {describe(value)}")


def _count(value: Any) -> int:
    if isinstance(value, Scalar) and value.is_plain and re.fullmatch(r"[0-9]{1,20}", value):
        count = int(value)
        if count <= _LARGEST_COUNT:
            return count
    raise ValueError(f"expected a whole number, found {describe(value)}")


def _integer(value: Any) -> int:
    if isinstance(value, Scalar) and value.is_plain and _INTEGER.fullmatch(value) and len(value) < 20:
        return int(value)
    raise ValueError(f"expected a whole number, found {describe(value)}")


def parse_number(value: Any) -> float:
    """Return the finite number that a scalar is; ValueError says what it is instead."""
    if isinstance(value, str) and _NUMBER.fullmatch(value) and math.isfinite(float(value)):
        return float(value)
    raise ValueError(f"expected a number, found {describe(value)}")


def _label_name(value: Any) -> str:
    name = str(value)
    if not is_label_name(name) or name == "__name__":
        raise ValueError(f"not a valid label name: {name!r}")
    return name


def _list(value: Any) -> Any:
    if not isinstance(value, list):
        raise ValueError(f"expected a list, found {kind_of(value)}")
    return value


def _mapping(value: Any) -> Any:
    if not isinstance(value, dict):
        raise ValueError(f"expected a mapping, found {kind_of(value)}")
    return value


def _url(value: Any) -> str:
    text = _text(value)
    if not re.match(r"(?i:https?)://[^/\s]+", text):
        raise ValueError("expected a URL that begins with http:// or https://")
    return text


def _url_or_template(value: Any) -> str:
    text = _text(value)
    if not text or not is_template(text):
        return text and _url(value)
    if reason := why_no_template(text):
        raise ValueError(f"not a valid template: {reason}")
    return text


def _with_slash(value: Any) -> str:
    text = _url(value)
    return text if text.endswith("/") or "?" in text else text + "/"


def _host_and_port(value: Any) -> str:
    text = _text(value)
    if text and not _HOST_AND_PORT.fullmatch(text):
        raise ValueError(f"expected HOST:PORT, found {describe(value)}")
    return text


def _reference(value: Any) -> str:
    if not isinstance(value, str) or not _REFERENCE.fullmatch(value):
        raise ValueError(
            "expected a reference to a secret such as secret:slack#warnings, secretsmanager:NAME#KEY, ssm:NAME"
            " or the path of a file"
        )
    return str(value)


def plain(value: Any) -> Any:
    """Return a value as JSON would have it: what stands without quotes may be a number, a truth value or nothing."""
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    if not isinstance(value, Scalar) or not value.is_plain:
        return value if value is None else str(value)
    if value.lower() in _TRUTHS:
        return _TRUTHS[value.lower()]
    if _INTEGER.fullmatch(value) and len(value) < 20:
        return int(value)
    if _NUMBER.fullmatch(value) and math.isfinite(float(value)):
        return float(value)
    return str(value)


# What a list of blocks within a block must be first of all.
IS_LIST = BeforeValidator(_list)

Text = Annotated[str, BeforeValidator(_text)]
FilledText = Annotated[str, BeforeValidator(_filled)]
Flag = Annotated[bool, BeforeValidator(_flag)]
Duration = Annotated[timedelta, BeforeValidator(_duration)]
PositiveDuration = Annotated[timedelta, BeforeValidator(_positive_duration)]
GoDuration = Annotated[timedelta, BeforeValidator(_go_duration)]
Count = Annotated[int, BeforeValidator(_count)]
Integer = Annotated[int, BeforeValidator(_integer)]
Number = Annotated[float, BeforeValidator(parse_number)]
LabelName = Annotated[str, BeforeValidator(_label_name)]
Url = Annotated[str, BeforeValidator(_url)]
UrlOrTemplate = Annotated[str, BeforeValidator(_url_or_template)]
UrlWithSlash = Annotated[str, BeforeValidator(_with_slash)]
HostAndPort = Annotated[str, BeforeValidator(_host_and_port)]
Reference = Annotated[str, BeforeValidator(_reference)]
Texts = Annotated[list[FilledText], IS_LIST]
PlainTexts = Annotated[list[Text], IS_LIST]
TextMap = Annotated[dict[str, Text], BeforeValidator(_mapping)]
TextsMap = Annotated[dict[str, PlainTexts], BeforeValidator(_mapping)]
LabelMap = Annotated[dict[LabelName, Text], BeforeValidator(_mapping)]
# Whatever YAML can say, as JSON says it.
Anything = Annotated[Any, BeforeValidator(plain)]
AnyMap = Annotated[dict[str, Anything], BeforeValidator(_mapping)]
# A list or a mapping of blocks: read by its own turn.
Blocks = Any
