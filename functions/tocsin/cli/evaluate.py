"""`tocsin evaluate`: evaluate now, say what each rule came to, and tell who is to be told.

With a table, this is one more tick of the deployed Tocsin: its groups are told, and its functions send. Without one,
state is kept in a file (or nowhere), group_wait is nothing, and what is due is sent from this process.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ..adapters import local_state
from ..adapters.local_state import LocalStore, StateBusyError
from ..adapters.memory import MemoryStore, MemoryTimers
from ..core.configuration import Configuration
from ..core.notifications import format_time, parse_time
from ..core.receivers import Kind
from ..core.routing import Route
from ..core.rules import Rule, RuleKey, Sample
from ..core.wording import title
from ..errors import QueryError, SettingsError
from ..pipeline import evaluate
from ..pipeline.evaluate import Evaluator, RuleOutcome
from ..ports import LoadedConfiguration, Log, Metrics, Query, Rules, Sender
from ..wiring import Settings, Workplace, compile_pattern
from .addresses import is_http_url
from .failures import FAILED, UsageError, did_you_mean
from .log import StreamLog
from .rehearsal import Rehearsal
from .sending import Office, not_sending
from .session import Session, load_configuration, state_path
from .verdicts import Tag, Values, Verdict, details, verdict

# Whatever a group's interval: a person who asks now is answered now.
EVERY_GROUP = timedelta.max
# A cron job's groups are as late as the cron job is: nothing is overdue that the same run does not do.
NO_SWEEP = timedelta(days=3650)


def run(arguments: argparse.Namespace, session: Session) -> int:
    """Evaluate, and return the exit status."""
    workplace = session.workplace(CONFIG_URI=arguments.config, TOCSIN_PROMETHEUS_URL=arguments.prometheus)
    now = _instant(arguments, session.now)
    _check_settings(arguments, workplace)
    configuration = load_configuration(workplace)
    rules = _chosen(configuration, arguments.rule)
    task = _Task(arguments, workplace, LoadedConfiguration(configuration), rules, now, StreamLog(), _metrics(workplace))
    if not workplace.settings.get("TOCSIN_TABLE"):
        failed = _run_locally(task, state_path(arguments.state, workplace))
    elif arguments.dry_run:
        store = Rehearsal(workplace.rules, workplace.groups, workplace.incidents, now=now)
        failed = _run_in(task, store)
        print("On the table each group is told after its group_wait")
    else:
        failed = _run_on_table(task)
    return FAILED if failed and arguments.strict else 0


def _instant(arguments: argparse.Namespace, now: datetime) -> datetime:
    if arguments.at is None:
        return now
    text = arguments.at
    try:
        at = datetime.fromtimestamp(float(text), UTC) if _is_number(text) else parse_time(text)
    except (ValueError, OverflowError, OSError):
        raise UsageError(
            f"--at: expected a time such as 2026-01-02T03:04:05Z, or seconds since 1970, found {text!r}"
        ) from None
    if at > now and not arguments.dry_run:
        raise UsageError(f"--at: {text} is still to come; add --dry-run to see what would be then")
    return at


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdigit()


def _check_settings(arguments: argparse.Namespace, workplace: Workplace) -> None:
    settings = workplace.settings
    on_table = bool(settings.get("TOCSIN_TABLE"))
    if on_table:
        Settings.read(settings.environment, "evaluate")
    if on_table and arguments.config and not arguments.dry_run:
        raise UsageError(
            "--config: the functions that work on TOCSIN_TABLE have their own configuration (CONFIG_URI), and what it "
            "lacks would be resolved; add --dry-run to try this one out"
        )
    url = settings.get("TOCSIN_PROMETHEUS_URL")
    if not url:
        raise SettingsError(["no Prometheus to ask: give --prometheus URL, or set TOCSIN_PROMETHEUS_URL"])
    if not is_http_url(url):
        raise SettingsError(["the address of Prometheus is not a URL: expected for example http://127.0.0.1:9090"])


def _chosen(configuration: Configuration, name: str | None) -> tuple[Rule, ...]:
    rules = configuration.rules()
    if name is None:
        return rules
    chosen = tuple(rule for rule in rules if rule.name == name)
    if not chosen:
        raise UsageError(f"--rule: there is no rule {name}; {did_you_mean(name, [rule.name for rule in rules])}")
    return chosen


class _TimedMetrics:
    """Metrics, and how long they took."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self.seconds = 0.0

    def query_all(self, queries: Sequence[Query], *, budget_seconds: float) -> Sequence[Sequence[Sample] | QueryError]:
        started = time.monotonic()
        try:
            return self._metrics.query_all(queries, budget_seconds=budget_seconds)
        finally:
            self.seconds += time.monotonic() - started


def _metrics(workplace: Workplace) -> _TimedMetrics:
    return _TimedMetrics(workplace.metrics)


@dataclass(frozen=True, slots=True)
class _Task:
    """One evaluation: what was asked for, and what it works with."""

    arguments: argparse.Namespace
    workplace: Workplace
    loaded: LoadedConfiguration
    rules: tuple[Rule, ...]
    now: datetime
    log: Log
    metrics: _TimedMetrics

    @property
    def evaluator(self) -> Evaluator:
        return replace(
            self.workplace.evaluator,
            metrics=self.metrics,
            log=self.log,
            tick=EVERY_GROUP,
            query_budget_seconds=self.arguments.timeout,
        )

    def announce(self) -> None:
        print(f"Evaluating {len(self.rules)} monitoring alert rule{'' if len(self.rules) == 1 else 's'}...", flush=True)


# Each way to run returns whether anything failed.


def _run_on_table(task: _Task) -> bool:
    task.announce()
    outcome = evaluate.run(task.evaluator, task.loaded, now=task.now, only=task.arguments.rule)
    failed = _show_rules(task, outcome.rules, task.workplace.rules)
    told = sum(len(each.told) for each in outcome.rules)
    alerts = f"{told} alert{'' if told == 1 else 's'}"
    table = task.workplace.settings.get("TOCSIN_TABLE")
    print(f"\nTold the groups of table {table} of {alerts}: its functions send what is due")
    if outcome.not_written:
        print(f"{outcome.not_written} rules were not written: another evaluation came first, or the table failed")
    return failed or outcome.not_written > 0


def _run_locally(task: _Task, path: Path | None) -> bool:
    try:
        with _local_store(task, path) as store:
            failed = _run_in(task, store)
            if isinstance(store, LocalStore) and store.complaint:
                print(f"tocsin: {store.complaint}", file=sys.stderr)
                failed = True
            return failed
    except StateBusyError as error:
        # The other run does what is due, and a cron job goes on.
        print(f"tocsin: {error}", file=sys.stderr)
        return True


@contextmanager
def _local_store(task: _Task, path: Path | None) -> Iterator[MemoryStore]:
    if path is None:
        yield MemoryStore()
    elif task.arguments.dry_run:
        yield local_state.read(path, now=task.now, compile_pattern=compile_pattern)
    else:
        with local_state.opened(
            path, now=task.now, compile_pattern=compile_pattern, patience_seconds=task.arguments.lock_timeout
        ) as store:
            yield store


def _run_in(task: _Task, store: MemoryStore) -> bool:
    """Evaluate and send in this process, and save the store after each of the two."""
    task.announce()
    before = store.writes
    loaded = replace(task.loaded, configuration=_without_waits(task.loaded.configuration))
    world = replace(
        task.evaluator,
        rules=store,
        groups=store,
        inhibitors=store,
        timers=MemoryTimers(),
        sweep_grace=NO_SWEEP,
        reroute=None,
    )
    outcome = evaluate.run(world, loaded, now=task.now, only=task.arguments.rule)
    _save(store, before, task.now)
    failed = _show_rules(task, outcome.rules, store)
    office = Office(loaded, store, _senders(task), task.log, external_url=world.external_url)
    office.settle(now=task.now)
    _save(store, before, task.now)
    _show_sent(task, office)
    return failed or outcome.not_written > 0 or bool(office.failures) or any(each.failure for each in office.told)


def _save(store: MemoryStore, writes_before: int, now: datetime) -> None:
    """Keep what was changed, where it is kept; a run in which nothing changed writes nothing."""
    if isinstance(store, LocalStore) and store.writes != writes_before:
        store.save(now=now)


def _senders(task: _Task) -> Callable[[Kind], Sender]:
    return not_sending if task.arguments.dry_run else task.workplace.sender_of


def _without_waits(configuration: Configuration) -> Configuration:
    """Return the configuration with no group_wait: nothing would come back later to send what has waited."""

    def at_once(route: Route) -> Route:
        return replace(route, group_wait=timedelta(0), routes=tuple(at_once(each) for each in route.routes))

    return replace(configuration, root=at_once(configuration.root))


# What is printed


def _show_rules(task: _Task, outcomes: Sequence[RuleOutcome], rules: Rules) -> bool:
    """Print a line for each rule; return whether one could not be evaluated."""
    bare = _bare_values(task, outcomes)
    by_key = {outcome.rule.key: outcome for outcome in outcomes}
    verdicts = []
    for rule in task.rules:
        outcome = by_key.pop(rule.key, None)
        shown = _skipped(task, rule, rules) if outcome is None else verdict(outcome, bare, now=task.now)
        verdicts.append(shown)
        _show(task, shown, outcome)
    for outcome in by_key.values():
        _show_other(task, outcome)
    if task.arguments.verbose:
        print(f"Queries took {task.metrics.seconds:.3f} s")
    return any(each.tag is Tag.ERROR for each in verdicts)


def _bare_values(task: _Task, outcomes: Sequence[RuleOutcome]) -> Mapping[RuleKey, Values]:
    """Ask what the threshold rules that did not trigger have for a value."""
    quiet = [each.rule for each in outcomes if each.rule.threshold and not each.error and not each.samples]
    queries = [Query(rule.threshold.value_expr, task.now - rule.query_offset) for rule in quiet if rule.threshold]
    results = task.metrics.query_all(queries, budget_seconds=task.arguments.timeout)
    return {rule.key: result for rule, result in zip(quiet, results, strict=True)}


def _skipped(task: _Task, rule: Rule, rules: Rules) -> Verdict:
    record = rules.load_rules(now=task.now).get(rule.key)
    at = format_time(record.changed_at.replace(microsecond=0)) if record and record.changed_at else "a later time"
    hint = "" if task.workplace.settings.get("TOCSIN_TABLE") else "; --state none looks at it without its past"
    return Verdict(Tag.SKIPPED, rule.name, f"its state is already that of {at}{hint}")


def _show(task: _Task, shown: Verdict, outcome: RuleOutcome | None) -> None:
    print(shown)
    if task.arguments.verbose and outcome is not None:
        for line in details(outcome, task.loaded.configuration):
            print(f"    {line}")


def _show_other(task: _Task, outcome: RuleOutcome) -> None:
    """Print Tocsin's own rules where they have something to say, and rules that are gone."""
    shown = verdict(outcome, {}, now=task.now)
    if outcome.rule.key.startswith("<tocsin>;"):
        if shown.tag is Tag.TRIGGERED or task.arguments.verbose:
            _show(task, shown, outcome)
        return
    _show(task, replace(shown, text="no longer configured; its alerts are resolved"), outcome)


def _show_sent(task: _Task, office: Office) -> None:
    print()
    for failure in office.failures:
        print(failure)
    for told in office.told:
        if told.failure:
            print(f"Failed to send to {told.notification.receiver}: {told.failure}")
    sent = [told.notification for told in office.told if not told.failure]
    kinds = Counter(each.integration.kind.value for each in sent)
    # One thing told over two channels is one notification: `Sent 1 notifications (1 email, 1 slack)`.
    things = {(each.status, frozenset(alert.fingerprint for alert in each.alerts)) for each in sent}
    by_kind = f" ({', '.join(f'{kinds[kind]} {kind}' for kind in sorted(kinds))})" if kinds else ""
    print(f"{'Would send' if task.arguments.dry_run else 'Sent'} {len(things)} notifications{by_kind}")
    if task.arguments.dry_run or task.arguments.verbose:
        for notification in sent:
            integration = notification.integration
            print(f"    {notification.receiver} ({integration.kind}): {title(notification)}: {notification.reason}")
        for line in office.withheld:
            print(f"    withheld from {line}")
