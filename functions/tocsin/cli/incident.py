"""`tocsin incident`: what is open and who has it, all that happened to one, and what there is to do about it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from .alert import act, ask_desk, filters
from .desks import choose_desk
from .session import Session
from .tables import columns

Shown = Mapping[str, Any]


def list_(arguments: argparse.Namespace, session: Session) -> int:
    """Print the incidents of what fires, oldest first."""
    found = ask_desk(choose_desk(arguments, session), "GET", ("incidents",), filters(arguments.matchers))["incidents"]
    if arguments.output == "json":
        print(json.dumps(found, ensure_ascii=False))
    elif found:
        rows = [("Incident", "Title", "Severity", "State", "By", "Opened", "Next step", "Fired")]
        print("\n".join(line.rstrip() for line in columns([*rows, *(_row(each) for each in found)])))
    else:
        print("no incident is open")
    return 0


def show(arguments: argparse.Namespace, session: Session) -> int:
    """Print one incident, over or not."""
    found = ask_desk(choose_desk(arguments, session), "GET", ("incidents", arguments.id))
    print(json.dumps(found, ensure_ascii=False) if arguments.output == "json" else "\n".join(_lines(found)))
    return 0


def _act(verb: str, *needed: str) -> Callable[[argparse.Namespace, Session], int]:
    def run(arguments: argparse.Namespace, session: Session) -> int:
        return act(verb, arguments, session, **{name: getattr(arguments, name) for name in needed})

    return run


ack = _act("acknowledge")
resolve = _act("resolve")
snooze = _act("snooze", "until")
suppress = _act("suppress", "until")
escalate = _act("escalate")
reassign = _act("reassign", "to")
note = _act("note")


def _row(incident: Shown) -> tuple[str, ...]:
    return (
        incident["id"],
        incident["title"],
        incident["severity"],
        incident["state"],
        incident["owner"] or incident["changed_by"],
        _time(incident["opened_at"]),
        _time(incident["next_step_at"]),
        str(incident["counts"]["fired"]),
    )


def _lines(incident: Shown) -> Iterator[str]:
    counts = incident["counts"]
    yield f"{incident['id']}  {incident['title']}  ({incident['severity']})"
    until = f" until {_time(incident['until'])}" if incident["until"] else ""
    owner = f" by {incident['owner']}" if incident["owner"] else ""
    yield f"State     {incident['state']}{owner}{until}"
    yield f"Opened    {_time(incident['opened_at'])}"
    first = f", first at {_time(counts['first_at'])}" if counts["first_at"] else ""
    last = f", last at {_time(counts['last_at'])}" if counts["last_at"] else ""
    value = f", newest value {counts['last_value']}" if counts["last_value"] else ""
    yield f"Fired     {counts['fired']} times{first}{last}{value}"
    yield f"Policy    {incident['policy']}"
    yield from _indented("Steps", [_step(number, each) for number, each in enumerate(incident["steps"], start=1)])
    yield from _indented("Firing", [_labels(each["labels"]) for each in incident["alerts"]])
    yield from _indented("Events", [_event(each) for each in incident["events"]])
    yield from _indented("Told", [_delivery(each) for each in incident["deliveries"]])


def _indented(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield ""
        yield title
        yield from (f"  {line}" for line in lines)


def _step(number: int, step: Shown) -> str:
    schedules = [f"on call in {name}" for name in step["schedules"]]
    whom = ", ".join([*step["receivers"], *step["users"], *schedules])
    return f"{number}  after {step['after_seconds'] / 60:g} min  {whom}{'  (taken)' if step['is_taken'] else ''}"


def _event(event: Shown) -> str:
    comment = f" — {event['comment']}" if event["comment"] else ""
    return f"{_time(event['at'])}  {event['said']}{comment}"


def _delivery(delivery: Shown) -> str:
    return f"{_time(delivery['at'])}  {delivery['integration']}  {delivery['state']}  {delivery['reason']}"


def _labels(labels: Mapping[str, str]) -> str:
    return " ".join(f'{name}="{labels[name]}"' for name in sorted(labels))


def _time(text: str | None) -> str:
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M:%S} UTC" if text else ""
