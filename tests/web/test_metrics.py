"""`/metrics`: what a Prometheus server reads of what stands in the table."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.stories.configurations import configuration, rule
from tests.stories.world import World
from tests.web.asking import ask
from tocsin.core.watching import Canary
from tocsin.web.http import as_event
from tocsin.web.identities import Identity, Scope

PROMTOOL = shutil.which("promtool")
MINUTE = timedelta(minutes=1)


def exposition(world: World) -> str:
    response = ask(world, "GET", "/metrics")
    assert response.status == 200, response
    return response.text


def scrape(world: World) -> dict[str, float]:
    """Return the samples by name and labels, as they are written."""
    lines = exposition(world).splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


def test_an_installation_in_which_nothing_happens():
    world = World(configuration(rule("DiskFull"), rule("Slow")))
    world.advance(minutes=3)
    assert scrape(world) == {
        'alertmanager_alerts{state="active"}': 0,
        'alertmanager_alerts{state="suppressed"}': 0,
        'alertmanager_silences{state="pending"}': 0,
        'alertmanager_silences{state="active"}': 0,
        'alertmanager_silences{state="expired"}': 0,
        "alertmanager_dispatcher_aggregation_groups": 0,
        "alertmanager_config_last_reload_successful": 1,
        "tocsin_rules": 2,
        "tocsin_rules_failing": 0,
        'tocsin_rule_alerts{state="pending"}': 0,
        'tocsin_rule_alerts{state="firing"}': 0,
        "tocsin_canaries_missing": 0,
        "tocsin_groups_overdue": 0,
        'tocsin_build_info{version="0.1.0"}': 1,
    }


def test_what_stands_is_counted():
    world = World(configuration(rule("DiskFull"), rule("Slow", hold_for=10 * MINUTE)))
    for instance in "abc":
        world.metric_goes_bad("DiskFull", instance=instance)
    world.metric_goes_bad("Slow")
    world.silence(minutes=60, instance="a")
    world.end_silence(world.silence(minutes=60, instance="b"))
    world.advance(minutes=3)
    found = scrape(world)
    assert found['alertmanager_alerts{state="active"}'] == 2
    assert found['alertmanager_alerts{state="suppressed"}'] == 1
    assert found["alertmanager_dispatcher_aggregation_groups"] == 1
    assert found['alertmanager_silences{state="active"}'] == 1
    assert found['alertmanager_silences{state="expired"}'] == 1
    assert found['tocsin_rule_alerts{state="firing"}'] == 3
    assert found['tocsin_rule_alerts{state="pending"}'] == 1


def test_what_goes_wrong_is_counted():
    world = World(configuration(rule("DiskFull"), rule("Slow")))
    world.query_fails("Slow")
    world.refuse_configuration("rules/a.yml:3: no")
    world.metric_goes_bad("DiskFull")
    world.advance(minutes=2)
    world.lose_timers()
    world.loses_timers = True
    world.advance(minutes=10)
    found = scrape(world)
    assert found["tocsin_rules_failing"] == 1
    assert found["alertmanager_config_last_reload_successful"] == 0
    assert found["tocsin_groups_overdue"] >= 1


def test_a_canary_that_is_missing_is_counted():
    made = configuration(rule("DiskFull"))
    world = World(replace(made, canary=Canary(("team",), World(made).now.time())))
    world.receiver_fails("team", retryable=False)
    world.advance(minutes=20)
    assert scrape(world)["tocsin_canaries_missing"] == 1


def test_it_is_text_of_the_type_that_prometheus_expects():
    event = as_event(ask(World(configuration()), "GET", "/metrics"))
    assert event["headers"]["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert event["body"].startswith("# HELP alertmanager_alerts ")
    assert event["body"].endswith("\n")


def test_it_is_for_who_may_read():
    from tests.cli.states import api_of
    from tocsin.web.api import answer
    from tocsin.web.http import Request

    world = World(configuration())
    request = Request("GET", ("metrics",), identity=Identity("ann", frozenset({Scope.INGEST})))
    assert answer(api_of(world), request, now=world.now).status == 403


def test_every_family_has_a_help_and_a_type():
    text = exposition(World(configuration(rule("DiskFull"))))
    names = {re.split(r"[{ ]", line)[0] for line in text.splitlines() if not line.startswith("#")}
    for kind in ("HELP", "TYPE"):
        assert {line.split()[2] for line in text.splitlines() if line.startswith(f"# {kind} ")} == names


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not on PATH")
def test_promtool_finds_nothing_wrong_with_it():
    world = World(configuration(rule("DiskFull")))
    world.metric_goes_bad("DiskFull")
    world.advance(minutes=3)
    done = subprocess.run(
        [str(PROMTOOL), "check", "metrics"], input=exposition(world), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
