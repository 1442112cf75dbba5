"""`/metrics`: what stands in the table now, for a Prometheus server to scrape.

Gauges only, each read from the table when it is asked for. A function knows nothing of what others have counted, and
the table keeps no counters (a quiet tick writes nothing): what is counted, and how long it took, is in CloudWatch
alone. What means the same as in Alertmanager bears Alertmanager's name.

Source: https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from ..core.rules import AlertState
from ..core.silences import SilenceState
from ..core.watching import CANARY_MISSING
from ..pipeline.own_rules import key_of
from ..pipeline.standing import group_standing, list_standing
from ..ports import Health, LoadedConfiguration, RuleRecord
from .http import Request, Response
from .serving import Api

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# What the sweep of a tick would wake; more than this many are not counted.
_OVERDUE_AFTER, _MOST_OVERDUE = timedelta(seconds=30), 100


def metrics(api: Api, request: Request, now: datetime) -> Response:
    """Answer in Prometheus's text format."""
    loaded = api.configurations.current(now=now)
    families = [*_alertmanagers(api, loaded, now=now), *_of_rules(api, loaded, now=now), *_of_tocsin(api, now=now)]
    return Response(200, headers={"content-type": CONTENT_TYPE}, text="".join(families))


def _alertmanagers(api: Api, loaded: LoadedConfiguration, *, now: datetime) -> Iterator[str]:
    standing = list_standing(api.board, loaded.configuration, now=now)
    suppressed = sum(each.is_suppressed for each in standing)
    yield _by_state(
        "alertmanager_alerts",
        "How many alerts fire: our rules' and those that were sent to us.",
        {"active": len(standing) - suppressed, "suppressed": suppressed},
    )
    silences = Counter(each.state_at(now) for each in api.board.silences.load_silences(now=now))
    yield _by_state(
        "alertmanager_silences",
        "How many silences there are.",
        {state.value: silences[state] for state in SilenceState},
    )
    yield _gauge(
        "alertmanager_dispatcher_aggregation_groups",
        "How many groups the alerts that fire are in.",
        len(group_standing(standing, loaded.configuration, now=now)),
    )
    yield _gauge(
        "alertmanager_config_last_reload_successful",
        "Whether the newest configuration is in force: 0 while it is refused or cannot be read.",
        0 if loaded.refused else 1,
    )


def _of_rules(api: Api, loaded: LoadedConfiguration, *, now: datetime) -> Iterator[str]:
    rules = {rule.key for rule in loaded.configuration.rules()}
    records = api.desk.rules.load_rules(now=now)
    failing = [key for key, record in records.items() if key in rules and record.health is Health.FAILING]
    yield _gauge("tocsin_rules", "How many alerting rules there are.", len(rules))
    yield _gauge("tocsin_rules_failing", "How many of them cannot be evaluated.", len(failing))
    yield _by_state("tocsin_rule_alerts", "How many alerts our rules have.", _states(records.values()))
    missing = records.get(key_of(CANARY_MISSING))
    yield _gauge(
        "tocsin_canaries_missing",
        "How many integrations have not got the daily test notification.",
        len(missing.active) if missing else 0,
    )


def _states(records: Iterable[RuleRecord]) -> dict[str, int]:
    found = Counter(alert.state for record in records for alert in record.active.values())
    return {state.value: found[state] for state in AlertState}


def _of_tocsin(api: Api, *, now: datetime) -> Iterator[str]:
    overdue = api.desk.groups.overdue(before=now - _OVERDUE_AFTER, limit=_MOST_OVERDUE)
    yield _gauge(
        "tocsin_groups_overdue", f"How many groups should have been looked at ({_MOST_OVERDUE} at most).", len(overdue)
    )
    yield _family("tocsin_build_info", "Which version answers.", {f'{{version="{api.about.version}"}}': 1})


def _gauge(name: str, text: str, value: int) -> str:
    return _family(name, text, {"": value})


def _by_state(name: str, text: str, values: Mapping[str, int]) -> str:
    return _family(name, text, {f'{{state="{state}"}}': value for state, value in values.items()})


def _family(name: str, text: str, samples: Mapping[str, int]) -> str:
    lines = [f"# HELP {name} {text}", f"# TYPE {name} gauge"]
    return "\n".join([*lines, *(f"{name}{labels} {value}" for labels, value in samples.items())]) + "\n"
