"""What keeps an alert from being told: inhibition, a silence, or the time of its route, in this order.

Whoever was told of an alert hears of its end even if it is silenced or inhibited by then; an end that falls into muted
time is said when that is over. With `compatibility: alertmanager` it is never said, as Alertmanager does
(prometheus/alertmanager#226).

Source: https://github.com/prometheus/alertmanager/blob/main/notify/mute.go
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from .alerts import Alert
from .inhibition import Inhibitors
from .intervals import MuteReason, NamedIntervals, muted_by
from .labels import Fingerprint
from .routing import Route
from .silences import Silence, silencing

NOBODY = Inhibitors((), ())


class MuteKind(StrEnum):
    INHIBITED = "inhibited"
    SILENCED = "silenced"
    MUTED = "muted"


@dataclass(frozen=True, slots=True)
class Mute:
    """Why an alert is not told: by which alerts, silences or time intervals, and since when."""

    kind: MuteKind
    by: tuple[str, ...]
    since: datetime


@dataclass(frozen=True, slots=True)
class Muters:
    """What can mute at an instant, loaded for a flush."""

    inhibitors: Inhibitors = NOBODY
    silences: Sequence[Silence] = ()
    intervals: NamedIntervals = field(default_factory=dict)


def find_mutes(
    muters: Muters,
    route: Route,
    alerts: Mapping[Fingerprint, Alert],
    before: Mapping[Fingerprint, Mute],
    *,
    now: datetime,
) -> dict[Fingerprint, Mute]:
    """Return the mute of each alert that has one; one that goes on for the same reason keeps its beginning."""
    muting = muted_by(route.mute_time_intervals, route.active_time_intervals, muters.intervals, now=now)
    by_time = () if muting.reason is MuteReason.NONE else muting.names
    found: dict[Fingerprint, Mute] = {}
    for key, alert in alerts.items():
        mute = _mute(muters, alert, by_time, now=now)
        if mute is not None:
            last = before.get(key)
            is_same = last is not None and (last.kind, last.by) == (mute.kind, mute.by)
            found[key] = last if last is not None and is_same else mute
    return found


def _mute(muters: Muters, alert: Alert, by_time: tuple[str, ...], *, now: datetime) -> Mute | None:
    inhibiting = muters.inhibitors.inhibiting(alert.labels)
    if inhibiting:
        return Mute(MuteKind.INHIBITED, inhibiting, now)
    silences = silencing(muters.silences, alert.labels, now=now, named=muters.intervals)
    if silences:
        return Mute(MuteKind.SILENCED, silences, now)
    return Mute(MuteKind.MUTED, by_time, now) if by_time else None
