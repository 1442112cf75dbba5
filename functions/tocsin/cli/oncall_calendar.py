"""A schedule's shifts as a calendar, for whoever wants to see them beside their own.

Source: https://www.rfc-editor.org/rfc/rfc5545
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ..core.notifications import parse_time


def as_ical(schedule: Mapping[str, Any], *, now: datetime) -> str:
    """Return an event for each shift that the API showed; its title is the user, so that it can be read back."""
    from icalendar import Calendar, Event

    calendar = Calendar()
    calendar.add("PRODID", "-//Tocsin//On call//EN")
    calendar.add("VERSION", "2.0")
    calendar.add("X-WR-CALNAME", f"On call: {schedule['name']}")
    for shift in schedule["shifts"]:
        event = Event()
        event.add("UID", _uid(schedule["name"], shift))
        event.add("DTSTAMP", now)
        event.add("DTSTART", parse_time(shift["from"]))
        event.add("DTEND", parse_time(shift["until"]))
        event.add("SUMMARY", shift["user"])
        calendar.add_component(event)
    text: str = calendar.to_ical().decode()
    return text


def _uid(name: str, shift: Mapping[str, str]) -> str:
    """Return what a shift is known by, so that a calendar that is read again replaces it."""
    text = "\0".join((name, shift["from"], shift["user"]))
    return f"{hashlib.sha256(text.encode()).hexdigest()[:32]}@tocsin"
