"""`tocsin check`: everything that is wrong with configuration and rule files, at once, and what is odd about it.

Where promtool is on PATH it reads the rules too: it knows all of PromQL.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from .. import config as configuration_files
from ..core.configuration import Configuration
from ..core.oncall import gaps
from ..core.receivers import Integration
from ..core.routing import Route
from ..core.rules import RuleGroup
from ..errors import ConfigError, Problem
from ..wiring import SECRET_PREFIX, Workplace
from .failures import FAILED, lines_of
from .session import Session, in_folder, load_configuration

PROMTOOL_SECONDS = 60
# How far ahead gaps of schedules are looked for, and how many of one are told.
GAP_DAYS, SHOWN_GAPS = 30, 3
_PLACE = re.compile(r"(\d+):(\d+): ")
_NOT_A_REASON = re.compile(r"^\s*(Checking .*|FAILED:?|SUCCESS: .*|)$")


def config(arguments: argparse.Namespace, session: Session) -> int:
    """Check a folder as a whole."""
    workplace = session.workplace(CONFIG_URI=arguments.folder)
    files = _files(workplace)
    problems: list[Problem] = []
    try:
        found = load_configuration(workplace)
    except ConfigError as error:
        return _report(error.problems, ())
    with tempfile.TemporaryDirectory() as folder:
        for name, text in _for_promtool(found, files).items():
            path = Path(folder) / "rules.yml"
            path.write_text(text, encoding="utf-8")
            found_here = promtool(path, name)
            # Threshold rules are in no file that promtool could name a line of.
            is_file = name in files and name != configuration_files.TOCSIN
            for each in found_here:
                problems.append(in_folder(workplace, each if is_file else replace(each, line=None, column=None)))
    print("\n".join(_summary(found)))
    return _report(problems, [*_warnings(found, workplace), *gap_warnings(found, now=session.now)])


def rules(arguments: argparse.Namespace, session: Session) -> int:
    """Check rule files one by one."""
    problems: list[Problem] = []
    warnings: list[str] = []
    for name in arguments.files:
        try:
            groups = configuration_files.check_rules(name, Path(name).read_bytes())
        except ConfigError as error:
            problems += error.problems
            continue
        except OSError as error:
            problems.append(Problem(name, None, f"cannot be read: {error.strerror}"))
            continue
        problems += promtool(Path(name), name)
        warnings += _rule_warnings(groups)
        print(f"{name}: {_count_rules(groups)}")
    return _report(problems, warnings)


def promtool(path: Path, name: str) -> list[Problem]:
    """Return what promtool has against a rule file, which is told by this name; nothing without a promtool."""
    program = shutil.which("promtool")
    if program is None:
        return []
    try:
        ran = subprocess.run(
            [program, "check", "rules", str(path)],
            capture_output=True,
            text=True,
            timeout=PROMTOOL_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return [Problem(name, None, f"promtool did not answer: {error}")]
    if ran.returncode == 0:
        return []
    lines = [line for line in (ran.stdout + ran.stderr).splitlines() if not _NOT_A_REASON.match(line)]
    said = [line.strip().removeprefix(f"{path}: ") for line in lines] or ["the file is refused"]
    return [_problem(name, line) for line in said]


def _problem(name: str, line: str) -> Problem:
    place = _PLACE.match(line)
    if place is None:
        return Problem(name, None, f"promtool: {line}")
    return Problem(name, int(place[1]), f"promtool: {line[place.end() :]}", int(place[2]))


def _files(workplace: Workplace) -> Mapping[str, bytes]:
    return workplace.source.read()


def _for_promtool(found: Configuration, files: Mapping[str, bytes]) -> dict[str, str]:
    """Return each rule file's text, and threshold rules as the rule file that they mean."""
    texts = {name: text.decode(errors="replace") for name, text in files.items() if name.startswith("rules/")}
    compiled = tuple(group for group in found.rule_groups if group.file not in texts)
    if compiled:
        texts[configuration_files.TOCSIN] = configuration_files.compiled_rule_file(compiled)
    return texts


def _summary(found: Configuration) -> Iterator[str]:
    yield _count_rules(found.rule_groups)
    kinds = [f"{each.kind}" for receiver in found.receivers.values() for each in receiver.integrations]
    by_kind = ", ".join(f"{kinds.count(kind)} {kind}" for kind in sorted(set(kinds)))
    yield f"{_plural(len(found.receivers), 'receiver')}: {by_kind or 'no integration'}"
    yield _plural(sum(1 for _ in _routes(found.root)), "route")
    yield _policies(found)
    if found.users:
        yield f"{_plural(len(found.users), 'user')}, {_plural(len(found.schedules), 'on-call schedule')}"


def _policies(found: Configuration) -> str:
    steps = [f"{policy.name} ({_plural(len(policy.steps), 'step')})" for policy in found.policies]
    count = _plural(len(found.policies), "escalation policy", "escalation policies")
    return f"{count}: {', '.join(steps)}" if steps else count


def _count_rules(groups: Sequence[RuleGroup]) -> str:
    alerting = sum(len(group.rules) for group in groups)
    recording = sum(len(group.recording_rules) for group in groups)
    also = f", {_plural(recording, 'recording rule')} (left to the metrics endpoint)" if recording else ""
    return f"{_plural(len(groups), 'rule group')}, {_plural(alerting, 'alerting rule')}{also}"


def _plural(count: int, one: str, many: str = "") -> str:
    return f"{count} {one if count == 1 else many or one + 's'}"


def _warnings(found: Configuration, workplace: Workplace) -> Iterator[str]:
    yield from found.warnings
    yield from _rule_warnings(found.rule_groups)
    used = {route.receiver for route in _routes(found.root)}
    used |= {name for policy in found.policies for step in policy.steps for name in step.receivers}
    used |= {name for rule in found.rules() for name in rule.receivers}
    for name in sorted(set(found.receivers) - used):
        yield f"receiver {name}: no route, rule or escalation step leads to it"
    for name in sorted(used & set(found.receivers)):
        if not found.receivers[name].integrations:
            yield f"receiver {name}: it has no integration: what goes there is told to nobody"
    known = workplace.settings.secret_names
    for receiver in (*found.receivers.values(), *found.contacts.values()):
        for integration in receiver.integrations:
            yield from _secret_warnings(integration, known)


def gap_warnings(found: Configuration, *, now: datetime) -> Iterator[str]:
    """Give when nobody is on call in the coming days, in schedules that a policy tells."""
    used = {name for policy in found.policies for step in policy.steps for name in step.schedules}
    for name in sorted(used & set(found.schedules)):
        schedule = found.schedules[name]
        open_ = gaps(schedule, now, now + timedelta(days=GAP_DAYS))
        for gap in open_[:SHOWN_GAPS]:
            start, end = (f"{each.astimezone(schedule.zone):%Y-%m-%d %H:%M %Z}" for each in (gap.start, gap.end))
            yield f"schedule {name}: nobody is on call from {start} until {end}"
        if len(open_) > SHOWN_GAPS:
            left = _plural(len(open_) - SHOWN_GAPS, "more gap")
            yield f"schedule {name}: and {left} in the next {GAP_DAYS} days: tocsin oncall gaps {name}"


def _secret_warnings(integration: Integration, known: Mapping[str, str]) -> Iterator[str]:
    for name, value in sorted(integration.settings.items()):
        if name.endswith("_file") and str(value).startswith("secret:"):
            secret = str(value).removeprefix("secret:").partition("#")[0]
            if secret not in known:
                variable = SECRET_PREFIX + secret.upper().replace("-", "_")
                yield f"receiver {integration.receiver}: {value} needs {variable}, which is not set here"


def _rule_warnings(groups: Sequence[RuleGroup]) -> Iterator[str]:
    for group in groups:
        for rule in group.rules:
            if "severity" not in rule.labels:
                yield f"{group.file}: rule {rule.name}: it has no label severity, which routes and messages look at"


def _routes(route: Route) -> Iterator[Route]:
    yield route
    for child in route.routes:
        yield from _routes(child)


def _report(problems: Sequence[Problem], warnings: Sequence[str] | Iterator[str]) -> int:
    for warning in warnings:
        print(f"warning: {warning}")
    if problems:
        for line in lines_of(ConfigError(problems)):
            print(line, file=sys.stderr)
        print(_plural(len(problems), "problem"), file=sys.stderr)
        return FAILED
    print("OK" if shutil.which("promtool") else "OK (without promtool on PATH, PromQL is only looked over)")
    return 0
