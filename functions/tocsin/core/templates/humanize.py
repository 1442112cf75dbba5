"""Numbers for people: 1.5k, 2Mi, 1h 2m 3s, 12.3%, a date.

Source: https://github.com/prometheus/prometheus/blob/main/template/template.go, prometheus/common helpers/templates
"""

import math

from tocsin.core.templates.clock import Duration, Time, from_unix_milliseconds
from tocsin.core.templates.errors import FunctionError
from tocsin.core.templates.literals import parse_float
from tocsin.core.templates.printing import format_float
from tocsin.core.templates.values import type_name

_LARGE = ("k", "M", "G", "T", "P", "E", "Z", "Y")
_SMALL = ("m", "u", "n", "p", "f", "a", "z", "y")
_BINARY = ("ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi")
_INT64_MAX = float(2**63)


def to_float(value: object) -> float:
    """Return a number, or the number that a string spells, or a duration's seconds."""
    if isinstance(value, Duration):
        return value.seconds()
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str):
        return parse_float(value)
    raise FunctionError(f"can't convert {type_name(value)} to float")


def _four_digits(number: float, unit: str = "") -> str:
    return format_float(number, precision=4) + unit


def _scaled_up(number: float, base: float, units: tuple[str, ...]) -> tuple[float, str]:
    unit = ""
    for larger in units:
        if abs(number) < base:
            break
        unit = larger
        number /= base
    return number, unit


def _scaled_down(number: float) -> tuple[float, str]:
    unit = ""
    for smaller in _SMALL:
        if abs(number) >= 1:
            break
        unit = smaller
        number *= 1000
    return number, unit


def humanize(value: object) -> str:
    """Return a number with a metric prefix: 1536 is 1.536k."""
    number = to_float(value)
    if number == 0 or not math.isfinite(number):
        return _four_digits(number)
    return _four_digits(*(_scaled_up(number, 1000, _LARGE) if abs(number) >= 1 else _scaled_down(number)))


def humanize_1024(value: object) -> str:
    """Return a number with a binary prefix: 1536 is 1.5ki."""
    number = to_float(value)
    if abs(number) <= 1 or not math.isfinite(number):
        return _four_digits(number)
    return _four_digits(*_scaled_up(number, 1024, _BINARY))


def humanize_duration(value: object) -> str:
    """Return seconds as 1d 2h 3m 4s, or below a second as 12.5ms."""
    number = to_float(value)
    if not math.isfinite(number):
        return _four_digits(number)
    if number == 0:
        return _four_digits(number, "s")
    if abs(number) < 1:
        scaled, unit = _scaled_down(number)
        return _four_digits(scaled, unit + "s")
    return ("-" if number < 0 else "") + _whole_duration(abs(number))


def _whole_duration(number: float) -> str:
    minutes, seconds = divmod(int(number), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d {hours}h {minutes}m {seconds}s"
    if hours:
        return f"{hours}h {minutes}m {seconds}s"
    return f"{minutes}m {seconds}s" if minutes else _four_digits(number, "s")


def humanize_percentage(value: object) -> str:
    """Return a ratio in percent: 0.1234 is 12.34%."""
    return _four_digits(to_float(value) * 100, "%")


def humanize_timestamp(value: object) -> str:
    """Return a Unix timestamp in seconds as a UTC date and time."""
    number = to_float(value)
    if not math.isfinite(number):
        return _four_digits(number)
    return _time(number).go_string()


def to_time(value: object) -> Time:
    """Return a Unix timestamp in seconds as a time with methods."""
    return _time(to_float(value))


def _time(seconds: float) -> Time:
    if not math.isfinite(seconds):
        raise FunctionError("value is NaN or Inf")
    nanoseconds = seconds * 1e9
    if not -_INT64_MAX <= nanoseconds < _INT64_MAX:
        shown = format_float(seconds)
        raise FunctionError(f"{shown} cannot be represented as a nanoseconds timestamp since it overflows int64")
    # Towards zero: Prometheus's own timestamps are milliseconds, cut off like Go's integers.
    return from_unix_milliseconds(math.trunc(int(nanoseconds) / 1_000_000))


def to_duration(value: object) -> Duration:
    """Return a number of seconds as a duration with methods."""
    seconds = to_float(value)
    if not math.isfinite(seconds):
        raise FunctionError("value is NaN or Inf")
    if not -_INT64_MAX <= seconds * 1e9 < _INT64_MAX:
        shown = format_float(seconds)
        raise FunctionError(f"{shown} cannot be represented as a nanoseconds duration since it overflows int64")
    return Duration(int(seconds * 1e9))
