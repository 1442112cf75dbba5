"""`links` in tocsin.yml: links in mail, text messages and chats that acknowledge an incident.

secret     a reference to the key that they are signed with; while keys are exchanged several, the newest first
valid_for  how long one is good, 24h where nothing is said
url        where the API is reached from outside; where nothing is said, at its own address
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator

from ..core.action_links import DEFAULT_VALID_FOR, LONGEST_URL, LONGEST_VALID_FOR, LinkSettings, as_settings, way_of
from ..core.durations import format_duration
from ..core.links import web_url
from ..core.receivers import LINKS, Integration, Receiver
from .blocks import Block, Reading
from .values import PositiveDuration, Reference, describe

_PATH = ("links",)


def _address(value: Any) -> str:
    if not isinstance(value, str) or web_url(value) != value or len(value) > LONGEST_URL or set(value) & set("?#@"):
        message = f"expected http(s)://… of at most {LONGEST_URL} characters, without user and parameters"
        raise ValueError(f"{message}, found {describe(value)}")
    return str(value)


class _Links(Block):
    secret: Reference
    valid_for: PositiveDuration = DEFAULT_VALID_FOR
    url: Annotated[str, BeforeValidator(_address)] | None = None


def read_links(reading: Reading) -> LinkSettings | None:
    """Return how links are made, or None where there are none; whatever is wrong with it is noted."""
    if reading.document.value.get(_PATH[0]) is None:
        return None
    block = reading.block(_Links, _PATH, context=_PATH[0])
    if block is None:
        return None
    if not timedelta(minutes=1) <= block.valid_for <= LONGEST_VALID_FOR:
        most = format_duration(LONGEST_VALID_FOR)
        reading.problem((*_PATH, "valid_for"), f"valid_for: expected 1m to {most}", context=_PATH[0])
    return LinkSettings(block.secret, block.valid_for, block.url or "")


def with_links(receivers: Mapping[str, Receiver], links: LinkSettings | None) -> Mapping[str, Receiver]:
    """Return the receivers; each integration that people read knows how its links are made."""
    if links is None:
        return receivers
    settings = as_settings(links)
    return {
        name: replace(receiver, integrations=tuple(_marked(receiver.integrations, settings)))
        for name, receiver in receivers.items()
    }


def _marked(integrations: Iterable[Integration], settings: Mapping[str, Any]) -> Iterable[Integration]:
    for each in integrations:
        yield replace(each, settings={**each.settings, LINKS: settings}) if way_of(each) else each
