"""Law 1 on the whole stack: Prometheus is killed while an alert fires, and comes back.

The rule has `keep_firing_for`, as a rule should that must not resolve over a gap in the data: a Prometheus that is back
answers with nothing until it has scraped twice.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator

import pytest

from dev.demo import story
from dev.demo.audience import EMAIL_ONCALL, ERRORS, SLACK_WARNINGS, SLOW, SUBSCRIBERS, count, untold
from dev.demo.journal import Entry, Journal
from dev.demo.story import Missing, Result, Step, take
from dev.demo.world import CONFIG, World, open_world
from tocsin.core.incidents import IncidentState
from tocsin.core.rules import AlertState, Change
from tocsin.ports import Health

_REASON = re.compile("connection refused|no time left in this tick's budget")

pytestmark = [pytest.mark.runtime, pytest.mark.stack, pytest.mark.prometheus]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("config") / "killed"
    shutil.copytree(CONFIG, folder)
    rules = folder / "rules" / "shop.yml"
    rules.write_text(rules.read_text().replace("for: 3s", "for: 3s\n        keep_firing_for: 20s"))
    with open_world(Journal(_print), folder) as running:
        yield running


@pytest.fixture(scope="module")
def results() -> list[Result]:
    return []


def _print(entry: Entry) -> None:
    print(entry.seconds, entry.kind, entry.text, entry.why)


def not_told(alert: str, *channels: str) -> Missing:
    return lambda world: untold(world.messages, alert, "firing", channels)


def not_failing_or_not_kept(world: World) -> list[str]:
    """The health says why, and the alert is exactly what it was.

    A tick a second has six tenths of one for its queries: where the machine is busy, none of them may be asked in it.
    """
    records = world.rule_records()
    wrong = [
        f"the health of {name} is {record.health.value}: {record.error}"
        for name, record in records.items()
        if record.health is not Health.FAILING or not _REASON.search(record.error) or record.failing_since is None
    ]
    said = {line.fields["rule"] for line in world.journal.logs("rule_failing") if "refused" in line.fields["error"]}
    unsaid = [f"nothing said that Prometheus refuses {name}" for name in records if name not in said]
    states = [alert.state for alert in records[ERRORS].active.values()]
    return [*wrong, *unsaid, *([] if states == [AlertState.FIRING] else [f"{ERRORS} is {states}"]), *resolved(world)]


def resolved(world: World) -> list[str]:
    incident = world.incident(ERRORS)
    is_open = incident is not None and incident.state is IncidentState.OPEN
    return [
        *([f"{ERRORS} was resolved"] if world.changes(ERRORS, Change.RESOLVED) else []),
        *(f"{message.channel} was told: {message.title}" for message in world.messages if message.status == "resolved"),
        *([] if is_open else [f"the incident of {ERRORS} is not open"]),
    ]


def not_recovered(world: World) -> list[str]:
    """Every rule is evaluated again, and the alert was kept over the gap."""
    failing = [name for name, record in world.rule_records().items() if record.health is not Health.OK]
    gap = [] if world.changes(ERRORS, Change.RECOVERED) else [f"{ERRORS} has not been seen true again"]
    return [*(f"{name} is not evaluated again" for name in failing), *gap, *resolved(world)]


def told_twice(world: World) -> list[str]:
    channels = (SUBSCRIBERS, SLACK_WARNINGS, EMAIL_ONCALL)
    return [channel for channel in channels if count(world.messages, ERRORS, "firing", channel) != 1]


def all_of(*parts: Missing) -> Missing:
    return lambda world: [missing for part in parts for missing in part(world)]


STEPS = (
    story.STEPS[0],
    Step(
        "the errors fire, and the first people are told",
        120,
        not_told(ERRORS, SUBSCRIBERS, SLACK_WARNINGS),
        begin=lambda world: world.service.degrade(failing=0.4),
    ),
    Step(
        "Prometheus is killed: the rules' health says why, and for ticks on end nothing resolves",
        48,
        not_failing_or_not_kept,
        begin=lambda world: world.prometheus.kill(),
        holds=6,
    ),
    Step("the escalation climbs on without Prometheus", 48, not_told(ERRORS, EMAIL_ONCALL)),
    Step(
        "Prometheus is back: every rule is evaluated again, and the alert still fires",
        100,
        not_recovered,
        begin=lambda world: world.prometheus.start(),
    ),
    Step(
        "alerting goes on: what goes bad now is told, and nobody hears of the errors again",
        100,
        all_of(not_told(SLOW, SUBSCRIBERS, SLACK_WARNINGS), told_twice),
        begin=lambda world: world.service.degrade(failing=0.4, delay_seconds=0.5),
    ),
)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_step(step: Step, world: World, results: list[Result]) -> None:
    if not all(result.happened for result in results):
        pytest.skip("a step before this one did not happen")
    results.append(take(world, step))
    assert not results[-1].missing
