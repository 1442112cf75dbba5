"""The tables at the end: who was told what, when and why; the incidents; the rules' health."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from rich.console import Console
from rich.table import Table
from rich.text import Text

from dev.demo.audience import ALERTS, SPARED, STATES, TOLD, count
from dev.demo.journal import alert_of
from dev.demo.screen import clock
from dev.demo.story import STEPS, Result
from dev.demo.world import World
from tocsin.core.escalation import Incident
from tocsin.core.rules import Change


def show(console: Console, world: World, results: Sequence[Result]) -> None:
    """Write every table, and what did not happen."""
    console.print()
    for table in (messages(world), incidents(world), rules(world)):
        console.print(table)
        console.print()
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


def messages(world: World) -> Table:
    """Return what was sent to whom, and how long after the service went bad."""
    table = Table(title="Who was told what, in seconds after the service went bad", title_justify="left")
    for name in ("alert", "channel", "firing", "resolved", "times", "why"):
        table.add_column(name, justify="right" if name in STATES else "left", no_wrap=name != "why")
    for alert in ALERTS:
        for channel in TOLD[alert]:
            times = [count(world.messages, alert, status, channel) for status in STATES]
            mark = Text("once each", style="green") if times == [1, 1] else Text(_times(times), style="bold red")
            when = [_arrival(world, alert, status, channel) for status in STATES]
            table.add_row(alert, channel, *when, mark, _why(world, alert, channel))
        for channel in SPARED[alert]:
            told = sum(count(world.messages, alert, status, channel) for status in STATES)
            mark = Text("never", style="green") if not told else Text(f"{told} times", style="bold red")
            table.add_row(
                alert, channel, "-", "-", mark, _spared_because(world.incident(alert), world.acknowledged.get(alert))
            )
        table.add_section()
    return table


def incidents(world: World) -> Table:
    """Return each incident's course."""
    table = Table(title="Incidents", title_justify="left")
    for name in ("incident", "alert", "opened", "steps taken", "acknowledged by", "escalation ended", "state"):
        table.add_column(name)
    for alert in ALERTS:
        incident = world.incident(alert)
        if incident is None:
            table.add_row("-", alert, "-", "-", "-", "-", "none was opened")
            continue
        ends = world.journal.logs("escalation_decided", incident=incident.id, action="stop")
        table.add_row(
            incident.id,
            alert,
            _since(world, incident.opened_at),
            f"{incident.steps_done} of {len(incident.steps)}",
            world.acknowledged.get(alert, "-"),
            f"{_since(world, ends[0].at)} {ends[0].fields['reason']}" if ends else "no",
            incident.state.value,
        )
    return table


def rules(world: World) -> Table:
    """Return each rule's health and the changes of its alert."""
    table = Table(title="Rules", title_justify="left")
    for name in ("rule", "health", "pending", "firing", "resolved", "alerts left"):
        table.add_column(name)
    for name, record in sorted(world.rule_records().items()):
        changes = [world.changes(name, change) for change in (Change.PENDING, Change.FIRED, Change.RESOLVED)]
        health = record.health.value + (f": {record.error}" if record.error else "")
        times = [", ".join(_since(world, at) for at in each) or "-" for each in changes]
        table.add_row(name, health, *times, str(len(record.active)))
    return table


def _since(world: World, at: datetime) -> str:
    return clock(world.journal.seconds_at(at)) or "-"


def _arrival(world: World, alert: str, status: str, channel: str) -> str:
    times = [each.at for each in world.messages if (each.alert, each.status, each.channel) == (alert, status, channel)]
    return ", ".join(_since(world, at) for at in times) or "-"


def _why(world: World, alert: str, channel: str) -> str:
    return "; ".join(dict.fromkeys(_reasons(world, alert, channel))) or "-"


def _reasons(world: World, alert: str, channel: str) -> Iterator[str]:
    for line in world.journal.logs("notification_decided", receiver=channel):
        if alert_of(str(line.fields["group_key"])) == alert:
            yield str(line.fields["reason"])


def _spared_because(incident: Incident | None, by: str | None) -> str:
    if incident is None or by is None:
        return "-"
    return f"acknowledged by {by} after step {incident.steps_done} of {len(incident.steps)}"


def _times(times: Sequence[int]) -> str:
    return ", ".join(f"{status} {number} times" for status, number in zip(STATES, times, strict=True))
