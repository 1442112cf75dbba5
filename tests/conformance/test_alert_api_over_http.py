"""Alerts that are posted to the API, and what it lists of them: as Alertmanager was measured to do."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from tests.conformance.cases import load_cases, of_kind
from tests.stories.configurations import configuration
from tests.stories.world import World
from tests.web.asking import ask
from tocsin.core.notifications import format_time


@pytest.mark.parametrize("case", of_kind(load_cases("alert_api.json"), "post"))
def test_an_alert_is_posted_and_listed_as_at_alertmanager(case):
    world = World(configuration())
    alert = {key: value for key, value in case["alert"].items() if not key.endswith("_s")}
    for key in case["alert"].keys() - alert.keys():
        alert[key[:-2]] = format_time(world.now + timedelta(seconds=case["alert"][key]))
    response = ask(world, "POST", "/api/v2/alerts", [alert])
    if "newer_releases" in case:
        assert (response.status, response.value) == (200, None)
        return
    assert response.status == case["status"]
    listed = ask(world, "GET", "/api/v2/alerts").value
    if case["status"] != 200:
        assert (response.value, listed) == (case["error"], [])
        return
    assert bool(listed) is case["listed_as_active"]
    (found,), stored = listed, case["stored"]
    assert (found["labels"], found["annotations"]) == (stored["labels"], stored["annotations"])
    assert found.get("generatorURL") == stored["generatorURL"]
    assert found["status"]["state"] == "active"
    for name in ("startsAt", "endsAt"):
        assert datetime.fromisoformat(found[name]) == world.now + timedelta(seconds=stored[f"{name}_s"])
