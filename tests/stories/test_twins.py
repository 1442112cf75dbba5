"""Stories of alerts that come to a receiver by two ways: twin routes by day and by night, a receiver named twice."""

from __future__ import annotations

import pytest

from tests.adapters.stores import Store, dynamodb, new_table
from tests.stories.configurations import configuration, rule
from tests.stories.world import World
from tocsin.adapters.memory import MemoryStore
from tocsin.config.loading import load_configuration
from tocsin.core.alerts import Status
from tocsin.core.notifications import Reason

# Every story begins at 03:00; here it is night until 03:30.
ALERTMANAGER = b"""
route:
  receiver: rest
  group_by: [alertname]
  routes:
  - matchers: ['severity="critical"']
    receiver: team
    repeat_interval: 10m
    active_time_intervals: [day]
    continue: true
  - matchers: ['severity="critical"']
    receiver: team
    repeat_interval: 1h
    mute_time_intervals: [day]
receivers: [{name: rest}, {name: team, webhook_configs: [{url_file: 'secret:hook#url'}]}]
time_intervals:
- name: day
  time_intervals: [{times: [{start_time: '03:30', end_time: '21:00'}]}]
"""
RULES = b"""
groups:
- name: g
  rules:
  - alert: DiskFull
    expr: diskfull
    labels: {severity: critical}
"""


@pytest.fixture(params=["memory", "dynamodb"])
def store(request):
    if request.param == "memory":
        yield MemoryStore()
        return
    with dynamodb() as client:
        yield new_table(client)


def twin_world(store: Store) -> World:
    return World(
        load_configuration({"alertmanager.yml": ALERTMANAGER, "rules/a.yml": RULES}, environment={}), store=store
    )


def test_of_a_twin_by_day_and_one_by_night_each_tells_at_its_own_times(store):
    world = twin_world(store)
    world.metric_goes_bad("DiskFull", instance="a")
    world.advance(minutes=29)
    night = world.expect_page("team", Status.FIRING, Reason.FIRST, alerts=["DiskFull/a"])
    world.expect_silence()  # the hour of the night's repeat is not over
    world.advance(minutes=8)
    day = world.expect_page("team", Status.FIRING, Reason.FIRST, alerts=["DiskFull/a"])
    world.advance(minutes=20)
    world.expect_page("team", Status.FIRING, Reason.REPEAT, alerts=["DiskFull/a"])
    assert {page.notification.group for page in world.pages} == {night.group, day.group}
    assert night.group != day.group
    assert {page.notification.group_key for page in world.pages} == {
        '{}/{severity="critical"}:{alertname="DiskFull"}'
    }, "Alertmanager's"


def test_what_a_twin_has_told_it_takes_back(store):
    world = twin_world(store)
    world.metric_goes_bad("DiskFull", instance="a")
    world.advance(minutes=5)
    world.expect_page("team", Status.FIRING, Reason.FIRST, alerts=["DiskFull/a"])
    world.metric_recovers("DiskFull", instance="a")
    world.advance(minutes=15)
    world.expect_page("team", Status.RESOLVED, Reason.ALL_RESOLVED, resolved=["DiskFull/a"])
    world.advance(minutes=60)
    world.expect_silence()


def test_a_receiver_that_a_rule_names_twice_is_told_once(store):
    world = World(configuration(rule("DiskFull", receivers=("team", "team"))), store=store)
    world.metric_goes_bad("DiskFull", instance="a")
    world.advance(minutes=5)
    world.expect_page("team", Status.FIRING, Reason.FIRST, alerts=["DiskFull/a"])
    world.expect_silence()


def test_what_two_rules_of_a_name_send_to_one_group_is_there_once(store):
    """What is sent to us goes where each rule of its name would send it."""
    rules = (rule("DiskFull", receivers=("team",)), rule("DiskFull", severity="warning", receivers=("team", "rest")))
    world = World(configuration(*rules), store=store)
    world.source_fires("DiskFull", instance="a")
    world.advance(minutes=5)
    world.expect_page("team", Status.FIRING, Reason.FIRST, alerts=["DiskFull/a"])
