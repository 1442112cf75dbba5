"""`rate_limits` in tocsin.yml: how many notifications a receiver's integrations are told, the rest held back.

receiver        whose each integration has this limit
notifications   how many in a window
per             how long a window is (1m)
never_held      severities that are neither held nor counted (critical, page, error)
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta

from pydantic import Field

from ..core.rate_limits import NEVER_HELD, RATE_LIMIT, RateLimit, as_settings
from ..core.receivers import Integration, Receiver
from .blocks import Block, Reading, did_you_mean
from .values import Count, Duration, FilledText, Texts

_PATH = ("rate_limits",)
SHORTEST, LONGEST = timedelta(seconds=1), timedelta(hours=1)
MOST = 1_000


class _Limit(Block):
    receiver: FilledText
    notifications: Count
    per: Duration = timedelta(minutes=1)
    never_held: Texts = Field(default_factory=lambda: list(NEVER_HELD))


def read_rate_limits(reading: Reading, receivers: Collection[str] | None) -> Mapping[str, RateLimit]:
    """Return the limits by receiver; whatever is wrong with them is noted. Without `receivers` any name will do."""
    found: dict[str, RateLimit] = {}
    for path in reading.items(_PATH):
        context = f"rate_limits[{path[-1]}]"
        block = reading.block(_Limit, path, context=context)
        if block is None:
            continue
        for key, reason in _wrong(block, found, receivers):
            reading.problem((*path, key), f"{key}: {reason}", context=context)
        exempt = tuple(each.lower() for each in block.never_held)
        found[block.receiver] = RateLimit(block.notifications, block.per, exempt)
    return found


def _wrong(
    block: _Limit, known: Mapping[str, RateLimit], receivers: Collection[str] | None
) -> Iterator[tuple[str, str]]:
    if receivers is not None and block.receiver not in receivers:
        yield "receiver", f"there is no receiver {block.receiver!r}{did_you_mean(block.receiver, receivers)}"
    if block.receiver in known:
        yield "receiver", f"{block.receiver} has a limit already"
    if not 1 <= block.notifications <= MOST:
        yield "notifications", f"expected 1 to {MOST}, found {block.notifications}"
    if not SHORTEST <= block.per <= LONGEST:
        yield "per", "expected a duration from 1s to 1h"


def with_limits(receivers: Mapping[str, Receiver], limits: Mapping[str, RateLimit]) -> Mapping[str, Receiver]:
    """Return the receivers; each integration knows its limit."""
    return {
        name: replace(receiver, integrations=tuple(_limited(receiver, limits[name]))) if name in limits else receiver
        for name, receiver in receivers.items()
    }


def _limited(receiver: Receiver, limit: RateLimit) -> Iterator[Integration]:
    for each in receiver.integrations:
        yield replace(each, settings={**each.settings, RATE_LIMIT: as_settings(limit)})
