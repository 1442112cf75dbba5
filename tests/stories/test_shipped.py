"""Stories of what is shipped, as it is: who hears of what in production, and of what in development."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.stories.world import World
from tocsin import config

SHIPPED = Path(__file__).resolve().parents[2] / "functions" / "config"
CLIMB = ["default", "slack-warnings", "email-oncall", "slack-critical", "email-manager", "pagerduty-oncall"]


def world() -> World:
    return World(config.load(config.read_folder(SHIPPED), environment={}))


def told(shipped: World, environment: str) -> list[str]:
    """Return who was told of an environment's alerts, each once, in their order."""
    found = (p for p in shipped.pages if any(a.labels["environment"] == environment for a in p.notification.alerts))
    return list(dict.fromkeys(page.receiver for page in found))


@pytest.mark.parametrize("environment", ["dev", "development"])
@pytest.mark.parametrize("more", [{}, {"priority": "high"}])
def test_what_is_being_developed_is_told_in_its_channel_and_nowhere_else(environment: str, more: dict[str, str]):
    shipped = world()
    shipped.source_fires("ApiDown", severity="critical", environment=environment, **more)
    shipped.advance(hours=3)
    assert told(shipped, environment) == ["slack-development"]
    assert shipped.incident().policy == "development"


def test_production_climbs_though_the_same_fires_in_development():
    shipped = world()
    shipped.source_fires("ApiDown", severity="critical", environment="dev")
    shipped.source_fires("ApiDown", severity="critical", environment="production")
    shipped.advance(hours=3)
    assert told(shipped, "dev") == ["slack-development"]
    assert sorted(told(shipped, "production")) == sorted([*CLIMB, "pagerduty-executives"])


def test_security_is_told_to_its_people_wherever_it_is():
    shipped = world()
    shipped.source_fires("BruteForce", severity="critical", category="security", environment="dev")
    shipped.advance(minutes=1)
    people = ["email-security", "pagerduty-security", "slack-security"]
    assert sorted(told(shipped, "dev")) == sorted([*people, "slack-development"])
