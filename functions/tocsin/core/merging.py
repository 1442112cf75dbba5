"""What becomes of an alert that is sent to us: its times completed, and merged with what is known of it.

Source: https://github.com/prometheus/alertmanager/blob/main/api/v2/api.go, alert/alert.go and provider/mem/mem.go
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from .alerts import Alert

DEFAULT_RESOLVE_TIMEOUT = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Posted:
    """An alert as it is sent: labels may be empty, times may be missing (None, or Go's zero time)."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str] = field(default_factory=dict)
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    generator_url: str = ""


@dataclass(frozen=True, slots=True)
class Received:
    """An alert as it is kept; `is_timeout` says that its end was not given, but made from resolve_timeout."""

    alert: Alert
    is_timeout: bool = False
