"""Go's time.Time and time.Duration as templates see them: their methods, and the layouts of Format.

Nothing here reads a clock. Source: https://pkg.go.dev/time
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from tocsin.core.templates.values import Function, Value

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ZERO_TIME = datetime(1, 1, 1, tzinfo=UTC)
MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_DEFAULT_LAYOUT = "2006-01-02 15:04:05.999999999 -0700 MST"

LAYOUT_ITEM = re.compile(
    r"January|Jan(?![a-z])|Monday|Mon(?![a-z])|MST|2006|Z07:00:00|Z070000|Z07:00|Z0700|Z07"
    r"|-07:00:00|-070000|-07:00|-0700|-07|002|__2|_2(?!006)|01|02|03|04|05|06|15|PM|pm"
    r"|[.,]0+(?!\d)|[.,]9+(?!\d)|1|2|3|4|5"
)


def _twelve(moment: datetime) -> int:
    return moment.hour % 12 or 12


_FIELDS: dict[str, Callable[[datetime], str]] = {
    "2006": lambda t: f"{t.year:04d}",
    "06": lambda t: f"{t.year % 100:02d}",
    "January": lambda t: MONTHS[t.month - 1],
    "Jan": lambda t: MONTHS[t.month - 1][:3],
    "01": lambda t: f"{t.month:02d}",
    "1": lambda t: str(t.month),
    "Monday": lambda t: WEEKDAYS[t.weekday()],
    "Mon": lambda t: WEEKDAYS[t.weekday()][:3],
    "02": lambda t: f"{t.day:02d}",
    "_2": lambda t: f"{t.day:2d}",
    "2": lambda t: str(t.day),
    "002": lambda t: f"{t.timetuple().tm_yday:03d}",
    "__2": lambda t: f"{t.timetuple().tm_yday:3d}",
    "15": lambda t: f"{t.hour:02d}",
    "03": lambda t: f"{_twelve(t):02d}",
    "3": lambda t: str(_twelve(t)),
    "04": lambda t: f"{t.minute:02d}",
    "4": lambda t: str(t.minute),
    "05": lambda t: f"{t.second:02d}",
    "5": lambda t: str(t.second),
    "PM": lambda t: "PM" if t.hour >= 12 else "AM",
    "pm": lambda t: "pm" if t.hour >= 12 else "am",
    "MST": lambda t: t.tzname() or "UTC",
}


def format_time(moment: datetime, layout: str) -> str:
    """Return a time in a layout that shows how Mon Jan 2 15:04:05 MST 2006 would look."""
    return LAYOUT_ITEM.sub(lambda found: _field(moment, found.group()), layout)


def _field(moment: datetime, item: str) -> str:
    known = _FIELDS.get(item)
    if known is not None:
        return known(moment)
    if item[0] in ".,":
        digits = f"{moment.microsecond:06d}000"[: len(item) - 1].ljust(len(item) - 1, "0")
        shown = digits if item[1] == "0" else digits.rstrip("0")
        return item[0] + shown if shown else ""
    return _offset(moment, item)


def _offset(moment: datetime, item: str) -> str:
    """Return the offset from UTC for a layout item such as -0700 or Z07:00."""
    seconds = int((moment.utcoffset() or timedelta()).total_seconds())
    if item[0] == "Z" and seconds == 0:
        return "Z"
    sign, (minutes, seconds) = "-" if seconds < 0 else "+", divmod(abs(seconds), 60)
    parts = [f"{minutes // 60:02d}", f"{minutes % 60:02d}", f"{seconds:02d}"]
    count = len(item[1:].replace(":", "")) // 2
    return sign + (":" if ":" in item else "").join(parts[:count])


class _Named(int, Value):
    """An integer with a type name and a text of its own."""

    __slots__ = ()

    def go_method(self, name: str) -> Function | None:
        return Function(self.go_string) if name == "String" else None


class Month(_Named):
    """1 to 12."""

    __slots__ = ()
    go_type = "time.Month"

    def go_string(self) -> str:
        return MONTHS[int(self) - 1]


class Weekday(_Named):
    """0 for Sunday to 6."""

    __slots__ = ()
    go_type = "time.Weekday"

    def go_string(self) -> str:
        return WEEKDAYS[int(self) - 1]


class Duration(_Named):
    """A number of nanoseconds."""

    __slots__ = ()
    go_type = "time.Duration"

    def go_string(self) -> str:
        """Return it as 1h2m3.5s."""
        nanoseconds = abs(int(self))
        sign = "-" if self < 0 else ""
        if nanoseconds < 1_000_000_000:
            return sign + _subsecond(nanoseconds)
        minutes, rest = divmod(nanoseconds, 60_000_000_000)
        hours, minutes = divmod(minutes, 60)
        text = f"{_decimal(rest, 9)}s"
        if hours:
            return f"{sign}{hours}h{minutes}m{text}"
        return f"{sign}{minutes}m{text}" if minutes else sign + text

    def go_method(self, name: str) -> Function | None:
        methods: dict[str, Callable[[], object]] = {
            "Hours": lambda: int(self) / 3.6e12,
            "Minutes": lambda: int(self) / 6e10,
            "Seconds": self.seconds,
            "Milliseconds": lambda: _truncated(int(self), 1_000_000),
            "Microseconds": lambda: _truncated(int(self), 1_000),
            "Nanoseconds": lambda: int(self),
            "Abs": lambda: Duration(abs(int(self))),
        }
        if name in ("Round", "Truncate"):
            return Function(self.rounded if name == "Round" else self.truncated, (self.go_type,))
        method = methods.get(name)
        return Function(method) if method else super().go_method(name)

    def seconds(self) -> float:
        return int(self) / 1e9

    def truncated(self, step: int) -> "Duration":
        """Return it as a multiple of a step, towards zero; a step that is not positive changes nothing."""
        return Duration(_truncated(int(self), step) * step) if step > 0 else self

    def rounded(self, step: int) -> "Duration":
        """Return the nearest multiple of a step, from the middle away from zero."""
        if step <= 0:
            return self
        nearest = (2 * abs(int(self)) + step) // (2 * step) * step
        return Duration(nearest if self >= 0 else -nearest)


def _truncated(number: int, by: int) -> int:
    """Divide as Go does, towards zero."""
    return number // by if number >= 0 else -(-number // by)


def _subsecond(nanoseconds: int) -> str:
    if nanoseconds == 0:
        return "0s"
    for unit, digits in (("ms", 6), ("µs", 3)):
        if nanoseconds >= 10**digits:
            return _decimal(nanoseconds, digits) + unit
    return f"{nanoseconds}ns"


def _decimal(number: int, digits: int) -> str:
    whole, fraction = divmod(number, 10**digits)
    return f"{whole}.{fraction:0{digits}d}".rstrip("0").rstrip(".")


class Time(Value):
    """An instant in a time zone, to the microsecond."""

    __slots__ = ("moment",)
    go_type = "time.Time"

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Time) and self.moment == other.moment

    def __hash__(self) -> int:
        return hash(self.moment)

    def go_string(self) -> str:
        return format_time(self.moment, _DEFAULT_LAYOUT)

    def unix_nanoseconds(self) -> int:
        return (self.moment - _EPOCH) // timedelta(microseconds=1) * 1000

    def go_method(self, name: str) -> Function | None:
        plain = _PLAIN_METHODS.get(name)
        if plain is not None:
            return Function(lambda: plain(self.moment))
        methods: dict[str, Function] = {
            "String": Function(self.go_string),
            "Format": Function(lambda layout: format_time(self.moment, layout), ("string",)),
            "UnixNano": Function(self.unix_nanoseconds),
            "UnixMicro": Function(lambda: self.unix_nanoseconds() // 1_000),
            "UnixMilli": Function(lambda: self.unix_nanoseconds() // 1_000_000),
            "Unix": Function(lambda: self.unix_nanoseconds() // 1_000_000_000),
            "Add": Function(self.add, (Duration.go_type,)),
            "AddDate": Function(self.add_date, ("int",) * 3),
            "Round": Function(self.rounded, (Duration.go_type,)),
            "Truncate": Function(self.truncated, (Duration.go_type,)),
            "Sub": Function(self.since, (self.go_type,)),
            "Compare": Function(self.compare, (self.go_type,)),
            "After": Function(lambda other: self.compare(other) > 0, (self.go_type,)),
            "Before": Function(lambda other: self.compare(other) < 0, (self.go_type,)),
            "Equal": Function(lambda other: self.compare(other) == 0, (self.go_type,)),
        }
        return methods.get(name)

    def add(self, duration: int) -> "Time":
        """Return the time so much later, in the same zone; Python's years, 1 to 9999, are where it stops."""
        passed = timedelta(microseconds=_truncated(duration, 1000))
        try:
            return Time((self.moment.astimezone(UTC) + passed).astimezone(self.moment.tzinfo))
        except OverflowError:
            end = datetime.min if passed < timedelta() else datetime.max  # noqa: DTZ901 (it gets the zone)
            return Time(end.replace(tzinfo=self.moment.tzinfo))

    def add_date(self, years: int, months: int, days: int) -> "Time":
        """Return the same time of another day; what a month does not have runs over into the next."""
        year, month = divmod((self.moment.year + years) * 12 + self.moment.month - 1 + months, 12)
        return Time(self.moment.replace(year=year, month=month + 1, day=1) + timedelta(days=self.moment.day - 1 + days))

    def truncated(self, step: int) -> "Time":
        """Return the last multiple of a step."""
        return self.add(-self.past(step))

    def rounded(self, step: int) -> "Time":
        """Return the nearest multiple of a step, from the middle up."""
        past = self.past(step)
        return self.add(step - past if past and 2 * past >= step else -past)

    def since(self, other: "Time") -> Duration:
        """Return what has passed since the other, as far as Go's duration goes: 292 years."""
        passed = self.unix_nanoseconds() - other.unix_nanoseconds()
        return Duration(max(-(2**63), min(passed, 2**63 - 1)))

    def past(self, step: int) -> int:
        """Return the nanoseconds since the last multiple of a step since year 1, in UTC; 0 where it is not positive."""
        return (self.unix_nanoseconds() - Time(ZERO_TIME).unix_nanoseconds()) % step if step > 0 else 0

    def compare(self, other: "Time") -> int:
        """Return -1 for a time before the other, 1 for one behind it, 0 for the same."""
        between = self.since(other)
        return (between > 0) - (between < 0)


_PLAIN_METHODS: dict[str, Callable[[datetime], object]] = {
    "Year": lambda t: t.year,
    "Month": lambda t: Month(t.month),
    "Day": lambda t: t.day,
    "Hour": lambda t: t.hour,
    "Minute": lambda t: t.minute,
    "Second": lambda t: t.second,
    "Nanosecond": lambda t: t.microsecond * 1000,
    "Weekday": lambda t: Weekday(t.isoweekday() % 7),
    "YearDay": lambda t: t.timetuple().tm_yday,
    "UTC": lambda t: Time(t.astimezone(UTC)),
    "Local": lambda t: Time(t.astimezone(UTC)),
    "Location": lambda t: t.tzname() if t.tzinfo is UTC else str(t.tzinfo),
    "IsDST": lambda t: bool(t.dst()),
    "IsZero": lambda t: t.replace(tzinfo=None) == datetime.min,  # noqa: DTZ901 (year 1 has no neighbours to convert to)
}


def from_unix_milliseconds(milliseconds: int) -> Time:
    """Return the UTC time of a Unix timestamp."""
    return Time(_EPOCH + timedelta(milliseconds=milliseconds))
