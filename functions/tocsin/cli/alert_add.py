"""`tocsin alert add`: send an alert, as amtool does; it fires for the resolve timeout where it says no end.

Source: https://github.com/prometheus/alertmanager/blob/main/cli/alert_add.go
"""

from __future__ import annotations

import argparse
from typing import Any

from ..core.notifications import format_time, parse_time
from .asking import V2, ask
from .desks import choose_desk
from .failures import UsageError
from .label_words import read_labels
from .session import Session


def run(arguments: argparse.Namespace, session: Session) -> int:
    """Send it."""
    alert: dict[str, Any] = {
        "labels": read_labels(arguments.labels),
        "annotations": read_labels(arguments.annotation, kind="annotation") if arguments.annotation else {},
        "generatorURL": arguments.generator_url,
    }
    for name, option in (("startsAt", arguments.start), ("endsAt", arguments.end)):
        if option is not None:
            alert[name] = _time(option, name)
    ask(choose_desk(arguments, session), "POST", (*V2, "alerts"), body=[alert])
    return 0


def _time(text: str, name: str) -> str:
    try:
        return format_time(parse_time(text))
    except ValueError:
        option = "--start" if name == "startsAt" else "--end"
        raise UsageError(f"{option}: expected a time such as 2026-01-02T03:04:05Z, found {text!r}") from None
