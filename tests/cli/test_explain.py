"""`tocsin explain`: alerts notified, inhibited, silenced, muted, cooled down, acknowledged, pending and over."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.cli.commands import Shell
from tests.cli.states import api_of
from tests.cli.test_alert import serving
from tests.golden import assert_golden
from tests.stories.configurations import configuration, equal, policy, receiver, rule
from tests.stories.world import START, World
from tocsin.core.inhibition import InhibitRule, InhibitSource
from tocsin.core.intervals import TimeInterval
from tocsin.core.labels import Labels, fingerprint
from tocsin.core.routing import RouteSpec
from tocsin.core.silences import Silence, SilenceId

ROUTE = RouteSpec(
    receiver="team",
    group_by=("alertname",),
    routes=(RouteSpec(matchers=(equal("severity", "info"),), receiver="shop", mute_time_intervals=("always",)),),
)


def told() -> World:
    """Return a world in which everything that can be said of an alert is true of one."""
    names = ("Down", "Hot", "Full", "Flaps", "Sold", "Slow")
    severities = {"Down": "critical", "Sold": "info"}
    setting = configuration(
        *(
            rule(
                name,
                severity=severities.get(name, "warning"),
                hold_for=timedelta(hours=1 if name == "Slow" else 0),
            )
            for name in names
        ),
        route=ROUTE,
        receivers=[receiver("boss"), receiver("chief"), receiver("shop")],
        policies=[policy((5, "boss"), (60, "chief"), matchers=(equal("severity", "critical"),))],
        default_cooldown=timedelta(minutes=30),
    )
    world = World(
        replace(
            setting,
            inhibit_rules=(InhibitRule((InhibitSource((equal("alertname", "Down"),)),), (equal("alertname", "Hot"),)),),
            time_intervals={"always": (TimeInterval(),)},
        )
    )
    world.store.silences[SilenceId("s-1")] = Silence(
        id=SilenceId("s-1"),
        matchers=((equal("alertname", "Full"),),),
        starts_at=START,
        ends_at=START + timedelta(hours=3),
        created_by="ann",
        comment="moving disks",
        updated_at=START,
    )
    world.metric_goes_bad("Flaps", instance="a")
    world.advance(minutes=2)
    world.metric_recovers("Flaps", instance="a")
    world.advance(minutes=6)
    for name in names:
        world.metric_goes_bad(name, instance="a", value=3.0)
    world.advance(minutes=13)
    return world


@pytest.fixture(scope="module")
def world() -> World:
    return told()


@pytest.fixture(scope="module")
def url(world: World) -> Iterator[str]:
    with serving(api_of(world)) as address:
        yield address


@pytest.mark.parametrize("name", ["Down", "Hot", "Full", "Flaps", "Sold", "Slow"])
def test_what_is_explained(shell: Shell, url: str, name: str) -> None:
    ran = shell.run("explain", name, "--url", url)
    assert ran.status == 0
    assert_golden(f"cli/explain_{name.lower()}.txt", ran.out)


def test_an_alert_that_is_over_is_explained_by_all_its_labels(shell: Shell) -> None:
    world = World(configuration(rule("Down")))
    world.metric_goes_bad("Down", instance="a")
    world.advance(minutes=2)
    world.metric_recovers("Down", instance="a")
    world.advance(minutes=30)
    with serving(api_of(world)) as url:
        ran = shell.run("explain", "Down", "severity=critical", "instance=a", "--url", url)
    assert_golden("cli/explain_over.txt", ran.out)


def test_an_acknowledged_incident_withholds(shell: Shell, world: World) -> None:
    taken = told()
    taken.acknowledge()
    with serving(api_of(taken)) as url:
        said = shell.run("explain", "Down", "--url", url).out
    assert "chief/slack/0 (step 2): withheld: acknowledged" in said


def test_a_fingerprint_and_json(shell: Shell, url: str) -> None:
    key = fingerprint(Labels({"alertname": "Hot", "instance": "a", "severity": "warning"}))
    ran = shell.run("explain", key, "--url", url, "-o", "json")
    (explained,) = json.loads(ran.out)
    assert explained["fingerprint"] == key
    assert explained["groups"][0]["mute"]["kind"] == "inhibited"


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        pytest.param(["0123456789abcdef"], 1, "no alert is known for 0123456789abcdef", id="an unknown fingerprint"),
        pytest.param(['instance!="a"'], 1, 'no alert is known for instance!="a"', id="matchers of nothing"),
        pytest.param(["a=b", "c"], 2, "c: expected a matcher", id="no matcher"),
    ],
)
def test_what_is_not_known(shell: Shell, url: str, words: list[str], status: int, said: str) -> None:
    ran = shell.run("explain", *words, "--url", url)
    assert (ran.status, ran.out) == (status, "")
    assert said in ran.err


def test_without_a_deployment_there_is_the_configuration(shell: Shell) -> None:
    ran = shell.run("explain", "high_error_rate", "severity=critical")
    assert ran.status == 0
    assert "not known now" in ran.out
    assert "default/sns/0: over" in ran.out
