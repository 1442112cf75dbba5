"""Stories of who is on call, from the files that say so to who is told: a handoff, an override, a calendar."""

from __future__ import annotations

from datetime import timedelta

from tests.config.test_calendars import calendar
from tests.stories.configurations import MINUTE
from tests.stories.test_incidents import OPENED, told
from tests.stories.world import START, World
from tocsin import config
from tocsin.adapters.memory import FixedConfigurations
from tocsin.core.oncall import Override
from tocsin.pipeline import oncall
from tocsin.pipeline.oncall import Change, Rota

ALERTMANAGER = """
global: {smtp_from: tocsin@example.com}
route: {receiver: team, group_by: [alertname], repeat_interval: 1d}
receivers: [{name: team, sns_configs: [{topic_arn: "arn:aws:sns:eu-west-1:123456789012:team"}]}, {name: desk}]
"""
RULES = "groups: [{name: g, rules: [{alert: Down, expr: down, labels: {severity: critical}}]}]"
TOCSIN = """
users:
- {name: ann, email: ann@example.com, phone: "+441234567890", notify: [{by: email}, {by: sms, after: 2m}]}
- {name: bob, email: bob@example.com}
- {name: cy, phone: "+441234567891"}
escalation:
  policies:
  - name: all
    steps:
    - {schedules: [primary]}
    - {after: 15m, schedules: [primary]}
    - {after: 30m, schedules: [primary]}
schedules:
- name: primary
  layers: [LAYER]
"""
# Ann hands over to bob a quarter of an hour after the story begins.
HANDOVER = f"{{users: [ann, bob], shift: 12h, start: '{START - 12 * 60 * MINUTE + 15 * MINUTE:%Y-%m-%dT%H:%M}'}}"


def world_of(layer: str, **files: bytes) -> World:
    source = {"alertmanager.yml": ALERTMANAGER, "rules/a.yml": RULES, "tocsin.yml": TOCSIN.replace("LAYER", layer)}
    encoded = {name: text.encode() for name, text in source.items()}
    return World(config.load({**encoded, **files}, environment={}))


def override(world: World, user: str, *, minutes: int) -> None:
    """Have a user take over from now on."""
    rota = Rota(FixedConfigurations(world.loaded), world.store, world.log)
    change = Change("ann", "ill", world.now)
    made = oncall.override(rota, "primary", user, world.now, world.now + timedelta(minutes=minutes), change)
    assert isinstance(made, Override), made


def test_a_step_tells_who_has_it_when_it_is_due():
    world = world_of(HANDOVER)
    world.metric_goes_bad("Down")
    world.advance(hours=2)
    assert told(world) == [
        (0, "team"),
        (0, "user/ann/email"),
        (2, "user/ann/sms"),
        (15, "user/bob/email"),
    ]
    assert OPENED + 15 * MINUTE > START + 15 * MINUTE, "the second step is due after the handoff"


def test_who_takes_over_while_an_incident_climbs_is_told_of_its_next_step():
    world = world_of(HANDOVER)
    world.metric_goes_bad("Down")
    world.at(START + 10 * MINUTE, lambda: override(world, "cy", minutes=60))
    world.advance(hours=2)
    assert told(world) == [(0, "team"), (0, "user/ann/email"), (2, "user/ann/sms"), (15, "user/cy/sms")]


def test_an_override_that_has_ended_changes_nothing_any_more():
    world = world_of(HANDOVER)
    world.at(START, lambda: override(world, "cy", minutes=20))
    world.metric_goes_bad("Down")
    world.advance(hours=2)
    assert told(world) == [(0, "team"), (0, "user/cy/sms"), (30, "user/bob/email")]


def test_a_calendar_says_who_is_told():
    event = f"SUMMARY:bob\nDTSTART:{START:%Y%m%dT%H%M%SZ}\nDURATION:PT1H"
    world = world_of("{ical: primary.ics}", **{"oncall/primary.ics": calendar(event)})
    world.metric_goes_bad("Down")
    world.advance(hours=2)
    assert told(world) == [(0, "team"), (0, "user/bob/email")]
