"""`schedules` in tocsin.yml: who is on call when.

name, time_zone   a schedule, and where its times are read; UTC where nothing is said
layers            the strongest last
  users, shift    who takes turns, and how long each has it: 12h, 1d, 1w (a week where nothing is said)
  turns           or turns of their own lengths: [{user: ann, for: 5d}, {user: bob, for: 2d}]
  ical            or a calendar that somebody keeps, a file oncall/NAME.ics beside this one (calendars.py)
  start, until    when the first turn begins, which says whose turn it is; when the layer ends
  handoff         when turns are handed over: 09:00, or monday 09:00; without it, at the time of `start`
  restrictions    when the layer holds: [{days: [monday:friday], from: "18:00", until: "09:00"}]
  time_zone       where its own times are read, for layers that follow the sun
overrides         [{user: cy, from: 2026-12-24T09:00, until: 2026-12-27T09:00}], the strongest last
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field

from ..core.oncall import Override, Schedule, Shifting
from ..core.rotations import Layer, Turn, Window
from ..core.users import User
from ..core.wall_clock import wall_of
from . import CALENDARS
from .blocks import Block, Reading, did_you_mean
from .calendars import read_calendar
from .documents import Path, Scalar
from .rotations import (
    DAYS,
    Days,
    Handoff,
    Moment,
    Point,
    PointOfTime,
    ShiftLength,
    anchor,
    instant,
    windows,
)
from .time_intervals import parse_time_zone
from .users import Name
from .values import Blocks, FilledText, Texts

_SECTION = "schedules"
_WEEK = timedelta(weeks=1)
_MIDNIGHT = Point(0)
_EVERY_DAY = tuple(range(len(DAYS)))
# Where there is one user only, it does not matter when turns began.
_ALWAYS = datetime(1970, 1, 5, tzinfo=UTC)
MOST_TURNS = 366

_Zone = Annotated[Any, BeforeValidator(parse_time_zone)]


class _Schedule(Block):
    name: Name
    time_zone: _Zone = None
    layers: Blocks = None
    overrides: Blocks = None


class _Layer(Block):
    at_most_one: ClassVar[tuple[tuple[str, ...], ...]] = (("users", "turns", "ical"), ("shift", "turns"))
    one_of: ClassVar[tuple[tuple[str, ...], ...]] = (("users", "turns", "ical"),)

    name: FilledText | None = None
    users: Texts | None = None
    shift: ShiftLength = _WEEK
    turns: Blocks = None
    ical: FilledText | None = None
    start: Moment | None = None
    until: Moment | None = None
    handoff: Handoff | None = None
    restrictions: Blocks = None
    time_zone: _Zone = None

    @classmethod
    def between(cls, found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        if "ical" in found:
            for key in ("shift", "start", "until", "handoff", "restrictions"):
                if key in found:
                    yield key, f"{key} has no meaning beside ical: the calendar says when"
        several = [key for key in ("users", "turns") if isinstance(found.get(key), list) and len(found[key]) > 1]
        if several and "start" not in found:
            yield "", "start is missing: it says whose turn it is"


class _Turn(Block):
    user: FilledText
    for_: ShiftLength = Field(alias="for")


class _Restriction(Block):
    days: Days | None = None
    from_: PointOfTime = Field(default=_MIDNIGHT, alias="from")
    until: PointOfTime = _MIDNIGHT

    @classmethod
    def between(cls, found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        named = [key for key in ("from", "until") if " " in str(found.get(key, "")).strip()]
        if len(named) == 1:
            yield named[0], "from and until must both name a day, or neither"
        elif named and "days" in found:
            yield "days", "days has no meaning where from and until name a day"


class _Override(Block):
    user: FilledText
    from_: Moment = Field(alias="from")
    until: Moment


def read_schedules(reading: Reading, users: Mapping[str, User], calendars: Mapping[str, bytes]) -> dict[str, Schedule]:
    """Return the schedules by name; whatever is wrong with them, or with a calendar of theirs, is noted.

    `calendars` are the files that there are, by their names inside the configuration.
    """
    if reading.document.value.get(_SECTION) is None:
        return {}
    reader = _Reader(reading, users, calendars)
    for path in reading.items((_SECTION,)):
        reader.read(path)
    return reader.schedules


class _Reader:
    def __init__(self, reading: Reading, users: Mapping[str, User], calendars: Mapping[str, bytes]) -> None:
        self._reading = reading
        self._users = users
        self._calendars = calendars
        self.schedules: dict[str, Schedule] = {}

    def read(self, path: Path) -> None:
        name = self._value(path).get("name")
        context = f'schedule "{name}"' if isinstance(name, Scalar) else f"schedule {int(path[-1]) + 1}"
        block = self._reading.block(_Schedule, path, context=context)
        zone = (block.time_zone if block else None) or UTC
        layers = [self._layer(at, zone, f"{context}, layer {int(at[-1]) + 1}") for at in self._items(path, "layers")]
        overrides = [
            self._override(at, zone, f"{context}, override {int(at[-1]) + 1}") for at in self._items(path, "overrides")
        ]
        if block is None:
            return
        if not layers:
            self._reading.problem(path, "layers is missing: who is on call", context=context)
        if block.name in self.schedules:
            self._reading.problem((*path, "name"), "the name stands twice", context=context)
        self.schedules.setdefault(
            block.name,
            Schedule(
                block.name,
                tuple(layer for layer in layers if layer),
                tuple(override for override in overrides if override),
                zone,
            ),
        )

    def _value(self, path: Path) -> Mapping[str, Any]:
        value = self._reading.document.at(path)
        return value if isinstance(value, dict) else {}

    def _items(self, path: Path, key: str) -> list[Path]:
        return list(self._reading.items((*path, key))) if self._value(path).get(key) is not None else []

    def _layer(self, path: Path, zone: tzinfo, context: str) -> Shifting | None:
        self._check_users(path, context)
        block = self._reading.block(_Layer, path, context=context)
        turns = self._turns(path, block, context)
        open_ = tuple(window for at in self._items(path, "restrictions") for window in self._restriction(at, context))
        zone = (block.time_zone if block else None) or zone
        if block and block.ical:
            return self._calendar((*path, "ical"), block.ical, zone, name=block.name or "", context=context)
        if block is None or not turns:
            return None
        start = instant(block.start, zone, block.handoff) if block.start else _ALWAYS
        end = instant(block.until, zone) if block.until else None
        if end and end <= start:
            self._reading.problem((*path, "until"), "until: the layer ends before it begins", context=context)
        every = block.shift if block.users else None
        begin = anchor(wall_of(start, zone), block.handoff, every)
        return Layer(block.name or "", turns, begin, start, end, open_, zone)

    def _calendar(self, path: Path, ical: str, zone: tzinfo, *, name: str, context: str) -> Shifting | None:
        file = f"{CALENDARS}{ical}"
        if file not in self._calendars:
            hint = did_you_mean(file, self._calendars)
            self._reading.problem(path, f"there is no file {file}{hint}", context=context)
            return None
        problems = self._reading.problems
        return read_calendar(file, self._calendars[file], self._users, zone, name=name, problems=problems)

    def _turns(self, path: Path, block: _Layer | None, context: str) -> tuple[Turn, ...]:
        named = self._items(path, "turns")
        found = [self._reading.block(_Turn, at, context=f"{context}, turn {int(at[-1]) + 1}") for at in named]
        turns = [Turn(turn.user, turn.for_) for turn in found if turn]
        if block and block.users:
            turns = [Turn(user, block.shift) for user in block.users]
        if len(turns) > MOST_TURNS:
            self._reading.problem(path, f"more than {MOST_TURNS} turns", context=context)
        return tuple(turns)

    def _restriction(self, path: Path, context: str) -> tuple[Window, ...]:
        block = self._reading.block(_Restriction, path, context=f"{context}, restriction {int(path[-1]) + 1}")
        return windows(block.days or _EVERY_DAY, block.from_, block.until) if block else ()

    def _override(self, path: Path, zone: tzinfo, context: str) -> Override | None:
        self._check_user((*path, "user"), self._value(path).get("user"), context)
        block = self._reading.block(_Override, path, context=context)
        if block is None:
            return None
        start, end = instant(block.from_, zone), instant(block.until, zone)
        if end <= start:
            self._reading.problem((*path, "until"), "until: the override ends before it begins", context=context)
        return Override(start, end, block.user)

    def _check_users(self, path: Path, context: str) -> None:
        users = self._value(path).get("users")
        for index, name in enumerate(users if isinstance(users, list) else ()):
            self._check_user((*path, "users", index), name, context)
        turns = self._value(path).get("turns")
        for index, turn in enumerate(turns if isinstance(turns, list) else ()):
            if isinstance(turn, dict):
                self._check_user((*path, "turns", index, "user"), turn.get("user"), context)

    def _check_user(self, path: Path, name: Any, context: str) -> None:
        if not isinstance(name, Scalar) or not name:
            return
        if reason := why_nobody(name, self._users):
            self._reading.problem(path, reason, context=context)


def why_nobody(name: str, users: Mapping[str, User]) -> str:
    """Return why nobody can be told by a user's name; empty where they can be."""
    user = users.get(str(name))
    if user is None:
        return f'there is no user "{name}"{did_you_mean(name, users)}'
    return "" if user.rules else f'user "{name}" cannot be told anything: there is no way that works'
