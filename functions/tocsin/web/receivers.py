"""Receivers as Alertmanager's API shows them: a name and labels, of which `name` is always one.

`receiver` is a regular expression for names; `receiver_matchers`, which may be given several times, are conditions on
labels that all have to hold. An alert goes through if one of its receivers does.

Source: https://github.com/prometheus/alertmanager/pull/5152
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..core.matchers import Matcher, matches_all
from ..core.patterns import Pattern
from ..core.receivers import Receiver
from .http import Request, Response
from .serving import Api, matchers_of, receiver_pattern


def receivers(api: Api, request: Request, now: datetime) -> Response:
    """List the receivers that `receiver_matchers` let through, in the order of the configuration."""
    wanted = Wanted(matchers_of(api, request, "receiver_matchers"))
    configured = api.configurations.current(now=now).configuration.receivers
    return Response(200, [receiver_view(configured, name) for name in configured if wanted.takes(configured, name)])


def receiver_view(configured: Mapping[str, Receiver], name: str) -> dict[str, Any]:
    """Return a receiver in Alertmanager's shape."""
    return {"name": name, "labels": _labels(configured, name)}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which receivers a request asks for; all where it says nothing."""

    matchers: list[Matcher]
    pattern: Pattern | None = None

    def takes(self, configured: Mapping[str, Receiver], name: str) -> bool:
        """Say whether a receiver is one of them."""
        if self.pattern is not None and not self.pattern.fullmatch(name):
            return False
        return matches_all(self.matchers, _labels(configured, name))


def wanted_receivers(api: Api, request: Request) -> Wanted:
    """Return what the parameters ask for. Raises Refused."""
    # Their order is also that of the complaints.
    pattern = receiver_pattern(api, request)
    return Wanted(matchers_of(api, request, "receiver_matchers"), pattern)


def _labels(configured: Mapping[str, Receiver], name: str) -> dict[str, str]:
    receiver = configured.get(name)
    return {**(receiver.labels if receiver else {}), "name": name}
