"""Cooldown: what is held, how long, and that nothing is lost by it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.core.alerts import Alert
from tocsin.core.cooldowns import DEFAULT_COOLDOWN, Cooldown, CooldownRule, cooldown_of, count_held, is_held
from tocsin.core.labels import Labels
from tocsin.core.matchers import Matcher, MatchType

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
COOLDOWN = Cooldown(starts_at=NOW, until=NOW + 5 * MINUTE)
FIRED = Alert(Labels({"alertname": "Flaps"}), {}, starts_at=NOW, updated_at=NOW)
FIRED_AGAIN = replace(FIRED, starts_at=NOW + MINUTE)
CRITICAL = Matcher("severity", MatchType.EQUAL, "critical")

HELD = {
    "without a cooldown nothing is held": (None, FIRED_AGAIN, MINUTE, False),
    "the firing that was told is never held": (COOLDOWN, FIRED, MINUTE, False),
    "a later firing is held": (COOLDOWN, FIRED_AGAIN, MINUTE, True),
    "it is held to the last moment": (COOLDOWN, FIRED_AGAIN, 5 * MINUTE - SECOND, True),
    "at the cooldown's end it is not held": (COOLDOWN, FIRED_AGAIN, 5 * MINUTE, False),
}


@pytest.mark.parametrize(("cooldown", "alert", "after", "expected"), HELD.values(), ids=HELD)
def test_a_firing_is_held(cooldown, alert, after, expected):
    assert is_held(cooldown, alert, now=NOW + after) is expected


LENGTHS = {
    "without rules it is the default": ((), "team", {}, DEFAULT_COOLDOWN),
    "a rule without conditions is for all": ((CooldownRule(MINUTE),), "team", {}, MINUTE),
    "matchers must match": ((CooldownRule(MINUTE, (CRITICAL,)),), "team", {"severity": "info"}, DEFAULT_COOLDOWN),
    "the receiver must be the one": ((CooldownRule(MINUTE, receiver="boss"),), "team", {}, DEFAULT_COOLDOWN),
    "both conditions together": (
        (CooldownRule(MINUTE, (CRITICAL,), "team"),),
        "team",
        {"severity": "critical"},
        MINUTE,
    ),
    "the first rule that applies": ((CooldownRule(MINUTE), CooldownRule(2 * MINUTE)), "team", {}, MINUTE),
    "no cooldown at all": ((CooldownRule(timedelta(0)),), "team", {}, timedelta(0)),
}


@pytest.mark.parametrize(("rules", "receiver", "labels", "expected"), LENGTHS.values(), ids=LENGTHS)
def test_a_cooldowns_length(rules, receiver, labels, expected):
    assert cooldown_of(rules, labels, receiver, default=DEFAULT_COOLDOWN) == expected


def test_a_firing_is_counted_once_however_often_it_is_looked_at():
    once = count_held(COOLDOWN, FIRED_AGAIN)
    assert once.held == 1
    assert count_held(once, FIRED_AGAIN) == once
    assert count_held(once, replace(FIRED, starts_at=NOW + 2 * MINUTE)).held == 2


@given(st.integers(0, 600), st.integers(0, 1200))
def test_no_firing_is_held_beyond_the_end(started, looked):
    alert = replace(FIRED, starts_at=NOW + started * SECOND)
    held = is_held(COOLDOWN, alert, now=NOW + looked * SECOND)
    assert held <= (looked < 300 and started != 0)
