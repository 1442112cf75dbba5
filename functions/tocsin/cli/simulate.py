"""`tocsin simulate`: labels in, timeline out. Who is told what and when, if these alerts fired and nothing else did.

Routing, grouping, intervals, inhibition between the given alerts, cooldown and escalation are the production pipeline's
in virtual time. Nobody acknowledges, unless --ack-after says so.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ..core.configuration import Configuration
from ..core.durations import format_duration
from ..core.notifications import Reason, format_time
from ..simulation.events import Chronicle
from ..simulation.report import Nights
from ..simulation.stimulus import Stimulus, stimulus, world_of
from ..simulation.wording import moment, whole_seconds
from .failures import UsageError
from .label_words import read_labels
from .session import Session, load_configuration
from .silence_files import read_silences
from .tables import columns
from .times import read_duration, read_instant, read_zone

AND = "+"
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the timeline."""

    at: datetime
    kind: str
    receiver: str
    channel: str
    status: str
    why: str


def run(arguments: argparse.Namespace, session: Session) -> int:
    """Simulate, and print."""
    configuration = load_configuration(session.workplace(CONFIG_URI=arguments.config))
    alerts = [stimulus(configuration, labels) for labels in _alerts(arguments.labels)]
    nights = Nights(read_zone(arguments.time_zone))
    start = read_instant(arguments.at, "--at", now=session.now, zone=read_zone(arguments.time_zone))
    start = start.replace(microsecond=0)
    length = read_duration(arguments.for_, "--for", least=timedelta(seconds=1)) or DAY
    chronicle = world_of(
        configuration,
        alerts,
        start=start,
        end=start + length,
        resolve_after=read_duration(arguments.resolve_after, "--resolve-after"),
        ack_after=read_duration(arguments.ack_after, "--ack-after"),
        silences=read_silences(arguments.silences),
    ).run()
    entries = sorted(_entries(chronicle), key=lambda entry: entry.at)
    if arguments.output == "json":
        print(json.dumps(_json(configuration, alerts, entries, start), ensure_ascii=False))
    else:
        print("\n".join([*_routes(configuration, alerts), *_lines(entries, start, nights, length)]))
    for trouble in chronicle.troubles:
        raise UsageError(trouble)
    return 0


def _alerts(words: Sequence[str]) -> Iterator[Mapping[str, str]]:
    """Yield each alert's labels: a plus between words begins another alert."""
    rest = list(words)
    while AND in rest:
        position = rest.index(AND)
        yield read_labels(rest[:position])
        rest = rest[position + 1 :]
    yield read_labels(rest)


def _entries(chronicle: Chronicle) -> Iterator[Entry]:
    for firing in chronicle.firings:
        yield Entry(firing.began, "fires", "", "", "", str(firing.labels))
    for incident in chronicle.incidents.values():
        steps = ", ".join(
            f"{' and '.join(step.receivers)} after {format_duration(step.after)}" for step in incident.steps
        )
        yield Entry(incident.opened_at, "incident", "", "", "", f"policy {incident.policy}: {steps}")
    for quiet in chronicle.quiet:
        by = f" by {', '.join(quiet.by)}" if quiet.by else ""
        yield Entry(quiet.at, "quiet", quiet.receiver, "", "", f"{quiet.labels} {quiet.why}{by}")
    for page in chronicle.pages:
        told = page.notification
        step = f" ({told.step})" if told.reason is Reason.ESCALATED else ""
        why = f"{told.reason.value}{step}: {page.what}"
        yield Entry(page.at, "told", page.receiver, page.integration.kind.value, told.status.value, why)
    for held in chronicle.withheld:
        receiver, channel, _ = held.integration.rsplit("/", 2)
        yield Entry(held.at, "not told", receiver, channel, "", held.reason)
    for at, acknowledged in chronicle.acknowledged:
        yield Entry(at, "acknowledged", "", "", "", acknowledged.title)
    for firing in chronicle.firings:
        if firing.ended is not None:
            yield Entry(firing.ended, "resolved", "", "", "", str(firing.labels))


def _routes(configuration: Configuration, alerts: Sequence[Stimulus]) -> Iterator[str]:
    for alert in alerts:
        yield str(alert.labels) + (f" ({alert.added} from its rule)" if alert.added else "")
        found = alert.routes(configuration)
        for route, group in found:
            yield (
                f"  to {route.receiver} by {route.key}, group {group.labels},"
                f" waits {format_duration(route.group_wait)}, looks every {format_duration(route.group_interval)},"
                f" repeats after {format_duration(route.repeat_interval)}"
            )
        if not found:
            yield "  to nobody: the root route does not match"


def _lines(entries: Sequence[Entry], start: datetime, nights: Nights, length: timedelta) -> Iterator[str]:
    rows = [("When", "After", "What", "Receiver", "Channel", "Status", "Why")]
    rows += [
        (
            moment(nights, each.at),
            whole_seconds(each.at - start),
            each.kind,
            each.receiver,
            each.channel,
            each.status,
            each.why,
        )
        for each in entries
    ]
    yield ""
    yield from (line.rstrip() for line in columns(rows))
    yield ""
    yield f"Nobody is told anything else in {format_duration(length)} ({nights.zone})"


def _json(
    configuration: Configuration, alerts: Sequence[Stimulus], entries: Sequence[Entry], start: datetime
) -> dict[str, Any]:
    return {
        "alerts": [
            {
                "labels": dict(alert.labels),
                "routes": [
                    {"receiver": route.receiver, "route": route.key, "group": dict(group.labels), "group_id": group.id}
                    for route, group in alert.routes(configuration)
                ],
            }
            for alert in alerts
        ],
        "timeline": [
            {
                "at": format_time(each.at),
                "after_seconds": (each.at - start).total_seconds(),
                "what": each.kind,
                "receiver": each.receiver,
                "channel": each.channel,
                "status": each.status,
                "why": each.why,
            }
            for each in entries
        ],
    }
