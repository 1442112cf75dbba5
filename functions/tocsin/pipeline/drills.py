"""Whether an incident is a drill's: what is said of it outside of notifications is marked as they are."""

from __future__ import annotations

from datetime import datetime

from ..core.drills import are_drills, mark
from ..core.incidents import Incident
from ..errors import StoreError
from ..ports import Groups


def marked(groups: Groups, incident: Incident, text: str, *, now: datetime) -> str:
    """Return what a person reads of an incident, marked where all that fires in its group is a drill's.

    What is over, and what cannot be read at this moment, has no mark: nothing for real is ever taken for a drill.
    """
    try:
        state = groups.load_group(incident.group, now=now)
    except StoreError:
        return text
    if state is None or state.group.incident != incident.id or not are_drills(state.alerts.values(), now=now):
        return text
    return mark(text)
