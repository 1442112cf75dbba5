"""Suppression: silences on exactly what fires in an incident, in as many as fit where silences are kept.

All of them together are one suppression: they bear the incident's id, and end together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from uuid import NAMESPACE_URL, uuid5

from .alerts import Alert
from .incidents import Incident, IncidentId
from .matchers import Matcher, MatchType
from .notifications import encode
from .silences import Silence, SilenceId, SilenceState

# The annotation that says which incident a silence belongs to.
INCIDENT = "incident"
# An item has 400 KB; the labels of an alert are 64 KB at most, and about twice that as matchers.
PART_BYTES = 200 * 1024


def silences_on(
    incident: Incident, alerts: Sequence[Alert], *, by: str, comment: str, until: datetime, now: datetime
) -> tuple[Silence, ...]:
    """Return silences on these alerts and no others; the same order again makes the same ones."""
    parts = list(_parts(alerts))
    numbers = [f" ({number} of {len(parts)})" if len(parts) > 1 else "" for number in range(1, len(parts) + 1)]
    return tuple(
        Silence(
            id=_id_of(incident, number, until),
            matchers=tuple(part),
            starts_at=now,
            ends_at=until,
            created_by=by,
            comment=(comment or f"incident {incident.id}") + numbers[number],
            updated_at=now,
            annotations={INCIDENT: incident.id},
            is_exact=True,
        )
        for number, part in enumerate(parts)
    )


def suppressing(silences: Iterable[Silence], incident: IncidentId, *, now: datetime) -> tuple[Silence, ...]:
    """Return what suppresses an incident now."""
    return tuple(
        each
        for each in silences
        if each.is_exact and each.annotations.get(INCIDENT) == incident and each.state_at(now) is SilenceState.ACTIVE
    )


def _id_of(incident: Incident, number: int, until: datetime) -> SilenceId:
    # With its end: another order may have made its silences, and have got no further.
    name = f"{incident.id}/{incident.version}/{until.isoformat()}" + (f"/{number}" if number else "")
    return SilenceId(str(uuid5(NAMESPACE_URL, name)))


def _parts(alerts: Sequence[Alert]) -> Iterator[list[tuple[Matcher, ...]]]:
    part: list[tuple[Matcher, ...]] = []
    size = 0
    for alert in alerts:
        pairs = sorted(alert.labels.items())
        length = len(encode({"matchers": [[name, MatchType.EQUAL, value] for name, value in pairs]}).encode())
        if part and size + length > PART_BYTES:
            yield part
            part, size = [], 0
        part.append(tuple(Matcher(name, MatchType.EQUAL, value) for name, value in pairs))
        size += length
    if part:
        yield part
