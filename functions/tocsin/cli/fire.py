"""`tocsin fire`: send the alerts of a scenario, marked as a drill, through the door that every alert comes by.

What is shipped is in functions/config/scenarios; a folder of one's own (--scenarios) stands over it, name by name.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from ..config.scenarios import read_scenario
from ..core.drills import LABEL
from ..core.durations import format_duration, parse_duration
from ..core.merging import Posted
from ..core.notifications import format_time
from ..core.scenarios import Scenario, alerts_of
from ..errors import ConfigError, Problem
from ..wiring import SHIPPED_CONFIG
from .asking import V2, ask
from .desks import choose_desk
from .failures import UsageError, did_you_mean
from .label_words import read_labels
from .session import Session
from .tables import columns

SHIPPED = SHIPPED_CONFIG / "scenarios"
_SUFFIX = ".yml"


def run(arguments: argparse.Namespace, session: Session) -> int:
    """List the scenarios, or fire one."""
    files = scenario_files(arguments.scenarios)
    if arguments.list or arguments.scenario is None:
        if arguments.scenario is not None:
            raise UsageError("--list: expected no scenario beside it")
        print("\n".join(_listed(files)))
        return 0
    scenario = _read(files, arguments.scenario)
    alerts = alerts_of(
        scenario,
        labels=_labels(arguments),
        is_real=arguments.real,
        lasts=_lasts(arguments, scenario),
        now=session.now,
    )
    ask(choose_desk(arguments, session), "POST", (*V2, "alerts"), body=[as_json(alert) for alert in alerts])
    print("\n".join(_said(scenario, alerts, arguments)))
    return 0


def scenario_files(folder: str | None) -> dict[str, Path]:
    """Return each scenario's file by its name. Raises ConfigError where there is no such folder."""
    if folder is not None and not Path(folder).is_dir():
        raise ConfigError([Problem(folder, None, "there is no such folder of scenarios")])
    folders = [SHIPPED, *([Path(folder)] if folder is not None else [])]
    return {path.stem: path for each in folders for path in sorted(each.glob(f"*{_SUFFIX}"))}


def as_json(alert: Posted) -> dict[str, Any]:
    """Return an alert as API v2 takes it."""
    times = {"startsAt": alert.starts_at, "endsAt": alert.ends_at}
    return {
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        **{name: format_time(time) for name, time in times.items() if time is not None},
        "generatorURL": alert.generator_url,
    }


def _read(files: Mapping[str, Path], name: str) -> Scenario:
    if name not in files:
        raise UsageError(f"there is no scenario {name}: {did_you_mean(name, files)}")
    return read_scenario(str(files[name]), files[name].read_bytes())


def _labels(arguments: argparse.Namespace) -> dict[str, str]:
    """Return the labels that are put over the scenario's."""
    labels = read_labels(["x=", *arguments.labels]) if arguments.labels else {}
    labels.pop("x", None)
    if LABEL in labels:
        raise UsageError(f"{LABEL}: the mark is set by this command, unless it is told --real")
    return labels


def _lasts(arguments: argparse.Namespace, scenario: Scenario) -> timedelta:
    if arguments.resolve:
        if arguments.for_ is not None:
            raise UsageError("--for: what is resolved lasts no longer")
        return timedelta(0)
    if arguments.for_ is None:
        return scenario.lasts
    try:
        lasts = parse_duration(arguments.for_)
    except ValueError as error:
        raise UsageError(f"--for: {error}") from None
    if not lasts:
        raise UsageError("--for: expected a duration above zero")
    return lasts


def _listed(files: Mapping[str, Path]) -> list[str]:
    """Return the table; raises ConfigError with what is wrong in all of the files."""
    rows = [("SCENARIO", "ALERTS", "LASTS", "WHAT HAPPENS")]
    problems: list[Problem] = []
    for name, path in sorted(files.items()):
        try:
            found = read_scenario(str(path), path.read_bytes())
        except ConfigError as error:
            problems += error.problems
            continue
        rows.append((name, str(len(found.parts)), format_duration(found.lasts), found.description))
    if problems:
        raise ConfigError(problems)
    return [line.rstrip() for line in columns(rows)]


def _said(scenario: Scenario, alerts: list[Posted], arguments: argparse.Namespace) -> list[str]:
    rows = [(alert.labels["alertname"], alert.labels.get("severity", ""), _place(alert)) for alert in alerts]
    lines = [line.rstrip() for line in columns(rows)]
    if arguments.resolve:
        return [*lines, f"{scenario.name}: resolved"]
    marked = "NOT marked as a drill" if arguments.real else "marked as a drill"
    until = max(alert.ends_at for alert in alerts if alert.ends_at is not None)
    return [*lines, f"{scenario.name}: firing, {marked}, until {format_time(until.replace(microsecond=0))}"]


def _place(alert: Posted) -> str:
    shown = {name: value for name, value in alert.labels.items() if name not in ("alertname", "severity", LABEL)}
    return " ".join(f"{name}={value}" for name, value in sorted(shown.items()))
