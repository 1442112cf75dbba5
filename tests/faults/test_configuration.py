"""Every piece of a configuration, broken in turn while an alert fires: what was good runs on, and says what is wrong.

The pieces are found by walking the files, so a key that is added is broken too.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import yaml

from tests.stories.world import START, World
from tocsin import config
from tocsin.adapters.memory import MemoryLog
from tocsin.core.alerts import Status
from tocsin.core.rules import Sample
from tocsin.pipeline.configurations import CurrentConfiguration
from tocsin.pipeline.own_rules import CONFIGURATION_REFUSED

Place = tuple[str | int, ...]
ALERTMANAGER = """
global:
  resolve_timeout: 5m
  smtp_from: t@example.org
  smtp_smarthost: mail.example.org:587
  http_config: {follow_redirects: true}
templates: [templates/*.tmpl]
route:
  receiver: team
  group_by: [alertname]
  group_wait: 10s
  group_interval: 2m
  repeat_interval: 4h
  routes:
    - matchers: ['severity=~"warning|info"', team!=""]
      receiver: mail
      continue: true
      mute_time_intervals: [nights]
    - match: {service: db}
      match_re: {instance: 'db-\\d+'}
      receiver: duty
      active_time_intervals: [nights]
receivers:
  - name: team
    slack_configs:
      - {api_url_file: 'secret:slack#team', channel: '#team', send_resolved: true, title: '{{ template "t" . }}'}
  - name: mail
    email_configs: [{to: a@example.org, headers: {Subject: '{{ .Status }}'}}]
  - name: duty
    pagerduty_configs: [{routing_key_file: 'secret:pagerduty#duty', severity: critical}]
    webhook_configs:
      - url_file: secret:webhook#hook
        max_alerts: 10
        http_config: {authorization: {type: Bearer, credentials_file: 'secret:webhook#token'}}
inhibit_rules:
  - source_matchers: [severity="critical"]
    target_matchers: [severity="warning"]
    equal: [instance]
time_intervals:
  - name: nights
    time_intervals:
      - times: [{start_time: '22:00', end_time: '24:00'}]
        weekdays: ['monday:friday']
        days_of_month: ['1:-1']
        location: Europe/Vienna
"""
TOCSIN = """
cooldown: 5m
cooldowns: [{matchers: ['severity="info"'], receiver: team, cooldown: 1h}]
escalation:
  policies:
    - name: default
      matchers: ['severity="critical"']
      steps:
        - {after: 5m, receivers: [duty], severities: [critical], during: [nights]}
        - {after: 15m, receivers: [mail], users: [ann], schedules: [primary], important: true}
      repeat: 2
      repeat_after: 10m
      acknowledge_timeout: 1h
      reminder: 5m
      reopen_on_new_alerts: true
      acknowledgeable: true
      immediate: false
      fallback: [mail]
external_labels: {cluster: one}
silences: {required_labels: [alertname], max_alerts: 50}
rules:
  - name: errors
    description: More than $threshold failed.
    severity: critical
    metric: app_error_ratio
    condition: gt
    threshold: 0.05
    window: 5
    display: '{value:.1%} of requests'
    recommendations: [Look at it.]
    runbook_url: https://runbooks.example.org/errors
users:
  - name: ann
    slack: U012ABCDE
    email: ann@example.org
    phone: '+441234567890'
    pagerduty: secret:pagerduty#ann
    pagerduty_id: PABC123
    notify: [{by: slack}, {by: sms, after: 2m}]
    notify_important: [{by: pagerduty}, {by: email, after: 1m}]
  - {name: bob, email: bob@example.org}
schedules:
  - name: primary
    time_zone: Europe/Vienna
    layers:
      - users: [ann, bob]
        shift: 1w
        start: '2026-01-05'
        until: '2036-01-05'
        handoff: monday 09:00
        time_zone: Europe/Berlin
        restrictions: [{days: ['monday:friday'], from: '18:00', until: '09:00'}]
      - {turns: [{user: ann, for: 5d}, {user: bob, for: 2d}], start: '2026-01-05T08:00'}
      - {ical: primary.ics}
    overrides: [{user: bob, from: '2026-12-24T09:00', until: '2026-12-27T09:00'}]
links: {secret: 'secret:links#key', valid_for: 12h, url: 'https://tocsin.example.org'}
slack: {bot_token: 'secret:slack#bot', signing_secret: 'secret:slack#signing'}
pagerduty: {webhook_secrets: ['secret:pagerduty#webhook']}
rate_limits: [{receiver: team, notifications: 10, per: 1m, never_held: [critical]}]
redaction: {kinds: [passwords, emails], patterns: ['ACC-[0-9]+'], labels: [customer], keep: [instance]}
heartbeat:
  tick:
    url_file: secret:heartbeat#tick
    method: POST
    failure: /fail
    http_config: {follow_redirects: false}
  delivery: {url_file: 'secret:heartbeat#delivery'}
canary: {receivers: [team], at: '08:30', time_zone: Europe/Vienna}
compatibility: tocsin
"""
CALENDAR = """
BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//example//oncall//EN
BEGIN:VEVENT
UID:1@example.org
DTSTAMP:20260101T000000Z
DTSTART:20260105T080000Z
DTEND:20260106T080000Z
RRULE:FREQ=WEEKLY;COUNT=10
SUMMARY:ann
END:VEVENT
END:VCALENDAR
""".strip().replace("\n", "\r\n")
RULES = """
groups:
  - name: g
    interval: 1m
    limit: 10
    rules:
      - alert: Down
        expr: up == 0
        for: 0s
        keep_firing_for: 1m
        labels: {severity: critical}
        annotations: {summary: '{{ $labels.instance }} is down'}
"""
FILES = {"alertmanager.yml": ALERTMANAGER, "tocsin.yml": TOCSIN, "rules/r.yml": RULES}
TEMPLATE = {"templates/t.tmpl": b'{{ define "t" }}{{ .Status }}{{ end }}'}
CALENDARS = {"oncall/primary.ics": CALENDAR.encode()}
# A calendar is no document of keys: what is wrong with it, by what it takes the place of.
BROKEN_DATES = {
    "DTSTART:20260105T080000Z": "DTSTART:yesterday",
    "DTEND:20260106T080000Z": "DTEND:20260104T080000Z",
    "RRULE:FREQ=WEEKLY;COUNT=10": "RRULE:FREQ=SECONDLY",
    "SUMMARY:ann": "SUMMARY:nobody",
    "END:VCALENDAR": "",
}
# Under these, keys are people's own, and so are most of the texts.
FREE = {"labels", "annotations", "external_labels", "headers", "match", "match_re"}
# Texts of which any says something; `nonsense` breaks the others.
ANY_TEXT = {
    "templates",
    "smtp_from",
    "name",
    "channel",
    "title",
    "to",
    "severity",
    "type",
    "equal",
    "group_by",
    "required_labels",
    "alert",
    "severities",
    "never_held",
    "keep",
}
NONSENSE = "\x01 ((( {{ no"


@dataclass(frozen=True, slots=True)
class Broken:
    """A file with one piece broken."""

    file: str
    what: str
    content: bytes


def pieces(value: Any, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Yield every place of a document with what stands there."""
    yield place, value
    for key, each in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from pieces(each, (*place, key))


def broken_files() -> Iterator[Broken]:
    """Yield each file with each of its pieces broken in each way that makes it wrong."""
    for file, text in FILES.items():
        document = yaml.safe_load(text)
        put = partial(_put, file, document)
        for place, value in pieces(document):
            is_free = any(key in FREE for key in place)
            if isinstance(value, dict) and not is_free and place[-1:] != () and place[-1] not in FREE:
                yield put(place, {**value, "no_such_key": 1}, "a key that there is not")
            if place and not isinstance(value, dict):
                yield put(place, {"a": {"b": []}}, "a mapping")
            is_any = any(key in ANY_TEXT for key in place) or is_free
            if place and not isinstance(value, dict | list | bool) and not is_any:
                yield put(place, NONSENSE, "nonsense")
        yield Broken(file, "cut off in a word", text.encode()[: len(text) // 2].rstrip() + b'\n  "')
        yield Broken(file, "no UTF-8", text.encode() + b"# \xff\xfe\n")
    yield Broken("templates/t.tmpl", "an action that has no end", b"{{ define")
    for right, wrong in BROKEN_DATES.items():
        yield Broken("oncall/primary.ics", f"{right} is {wrong}", CALENDAR.replace(right, wrong).encode())
    for what, content in {"nothing": b"", "cut off": CALENDAR.encode()[:150], "no text": b"\xff\xfe\x00"}.items():
        yield Broken("oncall/primary.ics", what, content)
    for name in ("nights", "team"):
        yield Broken("alertmanager.yml", f"{name} is called otherwise", _renamed(name))


def _put(file: str, document: Any, place: Place, value: Any, what: str) -> Broken:
    changed = copy.deepcopy(document)
    parent = changed
    for key in place[:-1]:
        parent = parent[key]
    parent[place[-1]] = value
    where = ".".join(map(str, place))
    return Broken(file, f"{where}: {what}", yaml.safe_dump(changed, sort_keys=False).encode())


def _renamed(name: str) -> bytes:
    return ALERTMANAGER.replace(f"- name: {name}\n", "- name: other\n").encode()


class Source:
    """Files that can be changed."""

    def __init__(self) -> None:
        self.files = {**{name: text.encode() for name, text in FILES.items()}, **TEMPLATE, **CALENDARS}
        self.revisions = 0

    def revision(self) -> str:
        return str(self.revisions)

    def read(self) -> dict[str, bytes]:
        return dict(self.files)

    def put(self, name: str, content: bytes) -> None:
        self.files[name] = content
        self.revisions += 1


def test_whatever_is_broken_is_refused_with_its_place_and_what_was_good_runs_on(
    record_property: Callable[[str, object], None],
) -> None:
    source, log = Source(), MemoryLog()
    current = CurrentConfiguration(source, partial(config.load, environment={}), log)
    good = current.current(now=START).configuration
    world = World(good)
    world.metrics.results["up == 0"] = [_sample("a")]
    world.advance(minutes=2)
    before = world.record("Down").active
    assert [each.labels["instance"] for each in before.values()] == ["a"]
    told = len(world.pages)
    accepted, unplaced = [], []
    found = list(broken_files())
    for each in found:
        kept = source.files[each.file]
        source.put(each.file, each.content)
        world.loaded = current.current(now=world.now, fresh=True)
        if not world.loaded.refused:
            accepted.append(f"{each.file} {each.what}")
        elif not re.search(_said_of(each.file), world.loaded.refused):
            unplaced.append(f"{each.file} {each.what}: {world.loaded.refused}")
        else:
            assert world.loaded.configuration.digest == good.digest, each.what
        source.put(each.file, kept)
        if not world.loaded.refused:
            current.current(now=world.now, fresh=True)
    assert len(found) > 350
    record_property("faults", len(found))
    assert accepted == []
    assert unplaced == []
    # The last one stays for a while: the alert goes on, an alert of our own says why, and nothing ends.
    world.advance(minutes=6)
    assert world.record("Down").active == before
    own = [page.notification for page in world.pages[told:] if CONFIGURATION_REFUSED in page.names(Status.FIRING)]
    assert own[0].alerts[0].annotations["description"] == world.loaded.refused != ""
    assert not any(page.names(Status.RESOLVED) for page in world.pages)
    source.revisions += 1
    world.loaded = current.current(now=world.now, fresh=True)
    assert (world.loaded.refused, world.loaded.configuration.digest) == ("", good.digest)
    world.metrics.results["up == 0"] = []
    world.advance(minutes=12)
    ended = [name for page in world.pages for name in page.names(Status.RESOLVED)]
    assert {"Down/a", CONFIGURATION_REFUSED} == set(ended)


def test_several_things_that_are_wrong_are_said_together() -> None:
    source = Source()
    current = CurrentConfiguration(source, partial(config.load, environment={}), MemoryLog())
    current.current(now=START)
    source.put("alertmanager.yml", ALERTMANAGER.replace("group_wait: 10s", "group_wait: soon").encode())
    source.put("tocsin.yml", TOCSIN.replace("cooldown: 5m", "cooldown: a while").encode())
    source.put("rules/r.yml", RULES.replace("up == 0", "up ==").encode())
    refused = current.current(now=START + timedelta(minutes=2)).refused
    assert {"alertmanager.yml", "tocsin.yml"} <= {line.partition(":")[0] for line in refused.splitlines()}


def _said_of(file: str) -> str:
    """Return how an error begins: with its place; a calendar that is none has no line to name."""
    least = 0 if file in CALENDARS else 1
    return rf"(?m)^{re.escape(file)}(:\d+){{{least},2}}: \S"


def _sample(instance: str) -> Any:
    return Sample({"instance": instance}, 1.0)
