"""`tocsin backtest`: who would have been told what, had a configuration run over a stretch of the past.

Its rules' expressions are fetched once (for both configurations, where there are two), and all that comes after is the
production pipeline in virtual time. With two configurations, A is --config and B is --against.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from ..core.configuration import Configuration
from ..core.notifications import format_time
from ..core.rules import Rule
from ..core.silences import Silence
from ..errors import SettingsError
from ..simulation.difference import Difference, difference_of
from ..simulation.history import Fetcher, History, HistoryError
from ..simulation.report import Nights, Report, report_of
from ..simulation.report_html import backtest_html
from ..simulation.report_json import backtest_json
from ..simulation.wording import whole_seconds
from ..simulation.world import Scope, World
from ..wiring import Workplace, compile_pattern
from .addresses import is_http_url
from .failures import FAILED, UsageError, did_you_mean
from .reports import difference_lines, report_lines
from .session import Session, load_configuration
from .silence_files import read_silences
from .times import read_duration, read_instant, read_night, read_zone

SHIPPED = "what is shipped"
SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class _Stretch:
    """What is asked: from when to when, how often, and what is warmed up before."""

    start: datetime
    end: datetime
    step: timedelta
    warm_up: timedelta
    ack_after: timedelta | None
    silences: tuple[Silence, ...]

    @property
    def scope(self) -> Scope:
        start = self.start - self.warm_up
        return Scope(
            start,
            self.end,
            self.step,
            ack_after=self.ack_after,
            silences=self.silences,
            compile_pattern=compile_pattern,
        )


def run(arguments: argparse.Namespace, session: Session) -> int:
    """Run it, print it, write it; 1 where something is not known or went wrong inside."""
    workplace = session.workplace(CONFIG_URI=arguments.config, TOCSIN_PROMETHEUS_URL=arguments.prometheus)
    begins, ends = read_night(arguments.night)
    nights = Nights(read_zone(arguments.time_zone), begins, ends)
    stretch = _stretch(arguments, session.now, workplace, nights)
    configurations = {_name(workplace): _chosen(load_configuration(workplace), arguments.rule)}
    if arguments.against is not None:
        other = session.workplace(CONFIG_URI=arguments.against)
        configurations[_name(other, taken=configurations)] = _chosen(load_configuration(other), arguments.rule)
    history = _fetch(arguments, workplace, configurations, stretch)
    reports = {name: _simulate(each, history, stretch, nights) for name, each in configurations.items()}
    difference = difference_of(*(each.pages for each in reports.values())) if len(reports) > 1 else None
    _print(arguments, stretch, history, reports, difference)
    _write(arguments, stretch, history, reports, difference)
    return FAILED if history.gaps or any(each.troubles for each in reports.values()) else 0


def _stretch(arguments: argparse.Namespace, now: datetime, workplace: Workplace, nights: Nights) -> _Stretch:
    zone = read_zone(arguments.time_zone)
    start = read_instant(arguments.from_, "--from", now=now, zone=zone)
    end = read_instant(arguments.to, "--to", now=now, zone=zone)
    if start >= end:
        raise UsageError(f"--from: {format_time(start)} is not before {format_time(end)}")
    step = read_duration(arguments.step, "--step", least=SECOND) or workplace.settings.tick
    if step % SECOND:
        raise UsageError("--step: expected whole seconds")
    warm_up = read_duration(arguments.warm_up, "--warm-up") or timedelta(0)
    ack_after = read_duration(arguments.ack_after, "--ack-after")
    return _Stretch(start, end, step, warm_up, ack_after, read_silences(arguments.silences))


def _name(workplace: Workplace, *, taken: Mapping[str, object] | None = None) -> str:
    name = workplace.settings.get("CONFIG_URI").rstrip("/") or SHIPPED
    return f"{name} (again)" if taken and name in taken else name


def _chosen(configuration: Configuration, name: str | None) -> Configuration:
    if name is None:
        return configuration
    names = [rule.name for rule in configuration.rules()]
    if name not in names:
        raise UsageError(f"--rule: there is no rule {name}; {did_you_mean(name, names)}")
    groups = (
        replace(group, rules=tuple(rule for rule in group.rules if rule.name == name))
        for group in configuration.rule_groups
    )
    return replace(configuration, rule_groups=tuple(group for group in groups if group.rules))


def _fetch(
    arguments: argparse.Namespace,
    workplace: Workplace,
    configurations: Mapping[str, Configuration],
    stretch: _Stretch,
) -> History:
    url = workplace.settings.get("TOCSIN_PROMETHEUS_URL")
    if not url:
        raise SettingsError(["no Prometheus to ask: give --prometheus URL, or set TOCSIN_PROMETHEUS_URL"])
    if not is_http_url(url):
        raise SettingsError(["the address of Prometheus is not a URL: expected for example http://127.0.0.1:9090"])
    rules: list[Rule] = [rule for each in configurations.values() for rule in each.rules()]
    if not rules:
        raise UsageError("there are no alerting rules in this configuration")
    fetcher = Fetcher(
        replace(workplace.metrics, timeout_seconds=arguments.timeout),
        keep_going=arguments.keep_going,
        progress=_progress if sys.stderr.isatty() else lambda done, total: None,
    )
    scope = stretch.scope
    try:
        return fetcher.fetch(rules, scope.start, scope.end, tick=scope.tick)
    except HistoryError as error:
        raise HistoryError(f"{error}; add --keep-going to go on without it") from None


def _progress(done: int, total: int) -> None:
    end = "\n" if done == total else ""
    print(f"\rqueries: {done} of {total}", end=end, file=sys.stderr, flush=True)


def _simulate(configuration: Configuration, history: History, stretch: _Stretch, nights: Nights) -> Report:
    chronicle = World(configuration, history.feeds, stretch.scope).run()
    return report_of(chronicle, stretch.start, stretch.end, nights)


def _print(
    arguments: argparse.Namespace,
    stretch: _Stretch,
    history: History,
    reports: Mapping[str, Report],
    difference: Difference | None,
) -> None:
    for gap in history.gaps:
        print(f"WARNING: {gap}", file=sys.stderr)
    print(
        f"{format_time(stretch.start)} to {format_time(stretch.end)}, every {whole_seconds(stretch.step)},"
        f" {history.queries} queries"
    )
    letters = "AB" if len(reports) > 1 else ""
    for position, (name, report) in enumerate(reports.items()):
        print(f"\n{letters[position] + ': ' if letters else ''}{name}")
        print("\n".join(report_lines(report, pages=0 if letters else arguments.pages)))
    if difference is not None:
        nights = next(iter(reports.values())).nights
        print("\nB instead of A")
        print("\n".join(difference_lines(difference, nights, pages=arguments.pages)))


def _write(
    arguments: argparse.Namespace,
    stretch: _Stretch,
    history: History,
    reports: Mapping[str, Report],
    difference: Difference | None,
) -> None:
    if arguments.json is not None:
        whole = backtest_json(reports, difference, history.gaps, step_seconds=stretch.step.total_seconds())
        text = json.dumps(whole, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
        Path(arguments.json).write_text(text, encoding="utf-8")
    if arguments.html is not None:
        text = backtest_html(reports, difference, history.gaps, step=stretch.step)
        Path(arguments.html).write_text(text, encoding="utf-8")
