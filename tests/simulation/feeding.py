"""Timelines for tests, written as what each series is at each minute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from tests.stories.configurations import MINUTE
from tests.stories.world import START
from tocsin.core.configuration import Configuration
from tocsin.core.series import Series
from tocsin.simulation.feeds import Feed, Feeds, feed_of, feeds_of
from tocsin.simulation.timelines import Timeline
from tocsin.simulation.world import Scope, World

Values = Sequence[float | None]


def series(labels: Mapping[str, str], values: Values, *, start: datetime = START, step: timedelta = MINUTE) -> Series:
    """Return a series with a value at each step from a start on; None is a step without one."""
    there = [(start + number * step, value) for number, value in enumerate(values) if value is not None]
    return Series(labels, [at.timestamp() for at, _ in there], [value for _, value in there])


def feeds(
    configuration: Configuration, given: Mapping[str, Mapping[str, Values]], *, tick: timedelta = MINUTE
) -> Feeds:
    """Return what each rule's expression gives, by the rule's name and then by instance."""
    timelines: dict[Feed, Timeline] = {}
    for rule in configuration.rules():
        timeline = Timeline(tick, phase=-rule.query_offset % tick)
        named = given.get(rule.name, {})
        timeline.add(series({"instance": name}, values, step=tick) for name, values in named.items())
        timelines[feed_of(rule, tick=tick)] = timeline
    return feeds_of(timelines)


def world(
    configuration: Configuration,
    given: Mapping[str, Mapping[str, Values]],
    *,
    minutes: float,
    tick: timedelta = MINUTE,
    ack_after: timedelta | None = None,
    every_tick: bool = False,
) -> World:
    """Return a world that is ready to run."""
    scope = Scope(START, START + timedelta(minutes=minutes), tick, ack_after=ack_after, every_tick=every_tick)
    return World(configuration, feeds(configuration, given, tick=tick), scope)


def told(ran: World) -> list[str]:
    """Return every page on one line: after how long, to whom, what and why, which alerts."""
    lines = []
    for page in ran.chronicle.pages:
        after = int((page.at - ran.scope.start).total_seconds())
        alerts = " ".join(f"{a.name}/{a.labels.get('instance', '')}={a.value}" for a in page.notification.alerts)
        lines.append(f"{after}s {page.receiver} {page.notification.status} ({page.reason}) {alerts}")
    return lines
