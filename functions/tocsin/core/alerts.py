"""An alert as its groups know it: what is wrong, since when, and whether it is over.

Intervals are half-open: at `ends_at` the alert is resolved.

Source: https://github.com/prometheus/alertmanager/blob/main/alert/alert.go
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from .labels import ALERTNAME, Fingerprint, Labels, fingerprint


class Status(StrEnum):
    FIRING = "firing"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert; times are aware UTC datetimes, `ends_at` is None while it fires.

    `known_as` is the fingerprint of one whose labels were redacted: it stays the one that it was.
    """

    labels: Labels
    annotations: Mapping[str, str]
    starts_at: datetime
    updated_at: datetime
    ends_at: datetime | None = None
    generator_url: str = ""
    value: float | None = None
    known_as: Fingerprint | None = None

    @property
    def name(self) -> str:
        return self.labels.get(ALERTNAME, "")

    @property
    def fingerprint(self) -> Fingerprint:
        return self.known_as or fingerprint(self.labels)

    @property
    def over_at(self) -> datetime | None:
        """Return its end, or when that was said where that is later; None while it fires."""
        return None if self.ends_at is None else max(self.ends_at, self.updated_at)

    def status_at(self, now: datetime) -> Status:
        """Return whether the alert fires or is resolved at an instant."""
        return Status.RESOLVED if self.ends_at is not None and self.ends_at <= now else Status.FIRING


def presentation_order(alert: Alert) -> tuple[object, ...]:
    """Return the key by which alerts stand in a message: job, then instance (present before absent), all labels."""
    job, instance = alert.labels.get("job"), alert.labels.get("instance")
    return (job is None, job or "", instance is None, instance or "", tuple(alert.labels.items()))
