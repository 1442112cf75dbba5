"""The files in events/ are what the pipeline says today; `make golden` rewrites them."""

from __future__ import annotations

import os

import pytest

from tests.functions import happenings

NOW = happenings.events()


def test_there_is_a_file_for_each_event_and_no_other():
    if os.environ.get("GOLDEN"):
        for stale in happenings.EVENTS.glob("*.json"):
            if stale.stem not in NOW:
                stale.unlink()
        happenings.EVENTS.mkdir(exist_ok=True)
    else:
        assert {path.stem for path in happenings.EVENTS.glob("*.json")} == set(NOW)


@pytest.mark.parametrize("name", sorted(NOW))
def test_an_event_is_what_it_would_be_now(name: str):
    path = happenings.EVENTS / f"{name}.json"
    text = happenings.text_of(NOW[name])
    if os.environ.get("GOLDEN"):
        path.write_text(text, encoding="utf-8")
        return
    assert path.read_text(encoding="utf-8") == text, "if it is meant to be: make golden"


@pytest.mark.parametrize("integration", ["slack", "pagerduty", "email"])
@pytest.mark.parametrize("status", ["firing", "resolved"])
def test_each_integration_has_an_event_of_each_status(integration: str, status: str):
    assert f"notify_{integration}_{status}" in NOW
