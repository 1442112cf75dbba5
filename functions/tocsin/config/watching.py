"""`heartbeat` and `canary` in tocsin.yml: how somebody outside, and Tocsin itself, sees that it works.

heartbeat
  tick      a URL that is asked after each tick that was completed; `failure` is put after it where one was not
  delivery  a URL that is asked with each arrival of the watchdog's notification
canary
  receivers who is sent a test notification once a day
  at        the time of day there, 09:00 where nothing is said
  time_zone a name such as Europe/Berlin; UTC where nothing is said
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import time
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator

from ..core.watching import Canary
from .blocks import Block, Reading, did_you_mean
from .http_client import HttpConfig
from .time_intervals import parse_time_zone
from .values import Blocks, Reference, Texts, Url, describe

_METHODS = ("GET", "POST", "PUT", "HEAD")
_TIME = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]")
_DEFAULT_TIME = "09:00"


def _method(value: Any) -> str:
    if value not in _METHODS:
        raise ValueError(f"expected {', '.join(_METHODS[:-1])} or {_METHODS[-1]}, found {describe(value)}")
    return str(value)


def _failure(value: Any) -> str:
    if not isinstance(value, str) or not value.startswith(("/", "?")):
        raise ValueError(f"expected what is put after the URL, such as /fail or ?state=fail, found {describe(value)}")
    return str(value)


def _time_of_day(value: Any) -> time:
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise ValueError(f"expected a time of day such as {_DEFAULT_TIME}, found {describe(value)}")
    return time.fromisoformat(value)


class _Heartbeat(Block):
    tick: Blocks = None
    delivery: Blocks = None


class _Delivery(Block):
    secrets: ClassVar[Mapping[str, str]] = {"url": "url_file"}
    one_of: ClassVar[tuple[tuple[str, ...], ...]] = (("url_file", "url"),)

    url: Url | None = None
    url_file: Reference | None = None
    method: Annotated[str, BeforeValidator(_method)] = "GET"
    http_config: HttpConfig | None = None

    def settings(self) -> dict[str, Any]:
        """Return it as integrations have their settings: plain JSON values."""
        values = self.model_dump(exclude={"http_config"}, exclude_none=True)
        return {**values, **({"http_config": self.http_config.as_json()} if self.http_config else {})}


class _Tick(_Delivery):
    failure: Annotated[str, BeforeValidator(_failure)] | None = None


class _Canary(Block):
    receivers: Texts
    at: Annotated[time, BeforeValidator(_time_of_day)] = time.fromisoformat(_DEFAULT_TIME)
    time_zone: Annotated[Any, BeforeValidator(parse_time_zone)] = None


@dataclass(frozen=True, slots=True)
class Beats:
    """The settings of both heartbeats; None where there is none."""

    tick: Mapping[str, Any] | None = None
    delivery: Mapping[str, Any] | None = None


def read_heartbeat(reading: Reading) -> Beats:
    """Return where beats go; whatever is wrong with it is noted."""
    if reading.document.value.get("heartbeat") is None:
        return Beats()
    block = reading.block(_Heartbeat, ("heartbeat",), context="heartbeat")
    return Beats(_beat(reading, "tick", _Tick), _beat(reading, "delivery", _Delivery)) if block else Beats()


def _beat(reading: Reading, name: str, model: type[_Delivery]) -> dict[str, Any] | None:
    if reading.document.value["heartbeat"].get(name) is None:
        return None
    block = reading.block(model, ("heartbeat", name), context=f"heartbeat.{name}")
    return block.settings() if block else None


def read_canary(reading: Reading, receivers: Collection[str] | None) -> Canary | None:
    """Return who gets a canary; whatever is wrong with it is noted. `receivers` are those that there are, if known."""
    if reading.document.value.get("canary") is None:
        return None
    block = reading.block(_Canary, ("canary",), context="canary")
    if block is None:
        return None
    at = ("canary", "receivers")
    if not block.receivers:
        reading.problem(at, "receivers: name one at least, or leave canary out", context="canary")
    for index, name in enumerate(block.receivers):
        if receivers is not None and name not in receivers:
            hint = did_you_mean(name, receivers)
            reading.problem((*at, index), f'there is no receiver "{name}"{hint}', context="canary")
    return Canary(tuple(dict.fromkeys(block.receivers)), block.at, block.time_zone)
