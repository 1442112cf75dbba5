"""The tables at the end: who was told what, when and why; the incidents; the rules' health."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dev.demo.audience import ALERTS, SPARED, STATES, TOLD, count
from dev.demo.journal import alert_of
from dev.demo.screen import clock
from dev.demo.story import STEPS, Result
from dev.demo.world import World
from tocsin.core.rules import Change


def show(console: Console, world: World, results: Sequence[Result]) -> None:
    """Write every table, and what did not happen."""
    console.print()
    console.print(Text("Who was told what, in seconds after the service went bad", style="bold"))
    for table in (*(messages(world, alert) for alert in ALERTS), incidents(world), rules(world)):
        console.print(table)
    happened = sum(result.happened for result in results)
    total = sum(result.seconds for result in results)
    style = "bold green" if happened == len(STEPS) else "bold red"
    console.print(Text(f"{happened} of {len(STEPS)} steps happened, in {total:.0f} s", style=style))
    for line in unhappened(results):
        console.print(Text(line, style="red"))


def unhappened(results: Sequence[Result]) -> list[str]:
    """Return what did not happen: the step that failed with all that it misses, and the steps not reached."""
    lines = []
    for result in results:
        if not result.happened:
            lines += [f"✗ {result.step.name}", *(f"    {missing}" for missing in result.missing)]
    return lines + [f"- not reached: {step.name}" for step in STEPS[len(results) :]]


def messages(world: World, alert: str) -> Table:
    """Return who was told of an alert, how long after the service went bad, and how often."""
    table = _table(alert, "channel", *STATES, "told", "why")
    for channel in TOLD[alert]:
        times = [count(world.messages, alert, status, channel) for status in STATES]
        mark = Text("once each", style="green") if times == [1, 1] else Text(_times(times), style="bold red")
        when = [_arrival(world, alert, status, channel) for status in STATES]
        table.add_row(channel, *when, mark, _why(world, alert, channel))
    for channel in SPARED[alert]:
        told = sum(count(world.messages, alert, status, channel) for status in STATES)
        mark = Text("never", style="green") if not told else Text(f"{told} times", style="bold red")
        table.add_row(channel, "-", "-", mark, _spared_because(world, alert))
    return table


def incidents(world: World) -> Table:
    """Return each incident's course."""
    table = _table("Incidents", "alert", "opened", "steps taken", "acknowledged", "escalation ended", "state")
    for alert in ALERTS:
        incident = world.incident(alert)
        if incident is None:
            table.add_row(alert, "-", "-", "-", "-", "none was opened")
            continue
        ends = world.journal.logs("escalation_decided", incident=incident.id, action="stop")
        table.add_row(
            alert,
            _since(world, incident.opened_at),
            f"{incident.steps_done} of {len(incident.steps)}",
            f"by {world.acknowledged[alert]}" if alert in world.acknowledged else "-",
            f"{_since(world, ends[0].at)} {ends[0].fields['reason']}" if ends else "no",
            incident.state.value,
        )
    return table


def rules(world: World) -> Table:
    """Return each rule's health and the changes of its alert."""
    table = _table("Rules", "rule", "health", "pending", "firing", "resolved", "alerts left")
    for name, record in sorted(world.rule_records().items()):
        changes = [world.changes(name, change) for change in (Change.PENDING, Change.FIRED, Change.RESOLVED)]
        health = record.health.value + (f": {record.error}" if record.error else "")
        times = [", ".join(_since(world, at) for at in each) or "-" for each in changes]
        table.add_row(name, health, *times, str(len(record.active)))
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        table.add_column(name, justify="right" if name in STATES else "left")
    return table


def _since(world: World, at: datetime) -> str:
    return clock(world.journal.seconds_at(at)) or "-"


def _arrival(world: World, alert: str, status: str, channel: str) -> str:
    times = [each.at for each in world.messages if (each.alert, each.status, each.channel) == (alert, status, channel)]
    return ", ".join(_since(world, at) for at in times) or "-"


def _why(world: World, alert: str, channel: str) -> str:
    """Return why a channel was told that an alert fires."""
    lines = world.journal.logs("notification_decided", receiver=channel, status="firing")
    reasons = [str(line.fields["reason"]) for line in lines if alert_of(str(line.fields["group_key"])) == alert]
    return "; ".join(dict.fromkeys(reasons)) or "-"


def _spared_because(world: World, alert: str) -> str:
    incident, by = world.incident(alert), world.acknowledged.get(alert)
    return f"acknowledged by {by} after step {incident.steps_done}" if incident and by else "-"


def _times(times: Sequence[int]) -> str:
    return ", ".join(f"{status} {number} times" for status, number in zip(STATES, times, strict=True))
