"""`heartbeat`, `canary` and the watchdog: what is read, and what is refused."""

from __future__ import annotations

from datetime import time
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.config.files import load, refusal
from tocsin.core.configuration import Configuration
from tocsin.core.receivers import Kind
from tocsin.core.watching import WATCHDOG_RECEIVER, Canary

FULL = """
heartbeat:
  tick:
    url_file: secret:heartbeat#tick
    method: POST
    failure: /fail
    http_config: {authorization: {type: GenieKey, credentials_file: 'secret:heartbeat#key'}}
  delivery: {url_file: secret:heartbeat#delivery}
canary:
  receivers: [pager, default]
  at: 07:30
  time_zone: Europe/Berlin
"""


def watchdog(configuration: Configuration) -> Any:
    (integration,) = configuration.receivers[WATCHDOG_RECEIVER].integrations
    return integration


def test_everything_is_read():
    found = load(tocsin=FULL)
    assert found.canary == Canary(("pager", "default"), time(7, 30), ZoneInfo("Europe/Berlin"))
    assert found.heartbeat is not None
    settings = dict(found.heartbeat)
    assert settings.pop("http_config")["authorization"] == {
        "type": "GenieKey",
        "credentials_file": "secret:heartbeat#key",
    }
    assert settings == {"url_file": "secret:heartbeat#tick", "method": "POST", "failure": "/fail"}
    assert dict(watchdog(found).settings) == {"url_file": "secret:heartbeat#delivery", "method": "GET"}


def test_without_them_there_is_nothing_of_it():
    found = load(tocsin="")
    assert (found.heartbeat, found.canary, found.has_watchdog) == (None, None, False)
    assert WATCHDOG_RECEIVER not in found.receivers


def test_a_canary_is_at_nine_where_nothing_is_said():
    assert load(tocsin="canary: {receivers: [pager]}").canary == Canary(("pager",), time(9), None)


@pytest.mark.parametrize(
    ("name", "environment", "tocsin", "expected"),
    [
        ("the environment switches it on", {"TOCSIN_WATCHDOG": "enabled"}, "", True),
        ("and off", {"TOCSIN_WATCHDOG": "disabled"}, "", False),
        ("whoever wants its arrival told has it", {}, "heartbeat: {delivery: {url_file: 'secret:heartbeat#d'}}", True),
        ("whoever wants ticks told has none", {}, "heartbeat: {tick: {url_file: 'secret:heartbeat#t'}}", False),
    ],
)
def test_when_there_is_a_watchdog(name: str, environment: dict[str, str], tocsin: str, expected: bool):
    found = load(tocsin=tocsin, environment=environment)
    assert found.has_watchdog is expected, name
    assert (WATCHDOG_RECEIVER in found.receivers) is expected, name
    if expected:
        assert (watchdog(found).kind, watchdog(found).send_resolved) == (Kind.HEARTBEAT, False)


def test_the_watchdog_moves_nobody_elses_alerts():
    without, with_it = (load(environment={"TOCSIN_WATCHDOG": text}) for text in ("disabled", "enabled"))
    assert (with_it.routes_digest, with_it.root) == (without.routes_digest, without.root)


@pytest.mark.parametrize(
    ("name", "tocsin", "expected"),
    [
        (
            "an address in clear",
            "heartbeat: {tick: {url: 'https://hc-ping.com/x'}}",
            "tocsin.yml:1:20: heartbeat.tick: url is a secret in clear text: keep it in Secrets Manager and write"
            " `url_file: secret:NAME#KEY` (TOCSIN_ALLOW_INLINE_SECRETS=true allows it on your own machine)",
        ),
        ("no address", "heartbeat: {tick: {method: GET}}", "tocsin.yml:1:13: heartbeat.tick: url_file is missing"),
        (
            "an unknown method",
            "heartbeat: {tick: {url_file: 'secret:a#b', method: PING}}",
            "tocsin.yml:1:52: heartbeat.tick: method: expected GET, POST, PUT or HEAD, found 'PING'",
        ),
        (
            "a failure that is no end of an address",
            "heartbeat: {tick: {url_file: 'secret:a#b', failure: fail}}",
            "tocsin.yml:1:53: heartbeat.tick: failure: expected what is put after the URL,"
            " such as /fail or ?state=fail,"
            " found 'fail'",
        ),
        (
            "a delivery cannot fail",
            "heartbeat: {delivery: {url_file: 'secret:a#b', failure: /fail}}",
            "tocsin.yml:1:48: heartbeat.delivery: unknown key 'failure'"
            " (expected one of url, url_file, method, http_config)",
        ),
        (
            "nobody",
            "canary: {receivers: []}",
            "tocsin.yml:1:10: canary: receivers: name one at least, or leave canary out",
        ),
        (
            "somebody unknown",
            "canary: {receivers: [pagr]}",
            "tocsin.yml:1:22: canary: there is no receiver \"pagr\", did you mean 'pager'?",
        ),
        (
            "no time of day",
            "canary: {receivers: [pager], at: '9'}",
            "tocsin.yml:1:34: canary: at: expected a time of day such as 09:00, found '9'",
        ),
        (
            "no time zone",
            "canary: {receivers: [pager], time_zone: Berlin}",
            "tocsin.yml:1:41: canary: time_zone: no such time zone: 'Berlin'"
            " (expected a name such as Europe/Berlin or UTC)",
        ),
    ],
)
def test_what_is_refused(name: str, tocsin: str, expected: str):
    assert refusal(tocsin=tocsin) == [expected], name


def test_an_address_in_clear_is_for_ones_own_machine():
    environment = {"TOCSIN_ALLOW_INLINE_SECRETS": "true"}
    found = load(tocsin="heartbeat: {tick: {url: 'http://127.0.0.1:1/x'}}", environment=environment)
    assert found.heartbeat == {"url": "http://127.0.0.1:1/x", "method": "GET"}


@pytest.mark.parametrize("name", ["tocsin-watchdog", "tocsin-canary/pager"])
def test_tocsins_own_names_are_taken(name: str):
    text = f"route: {{receiver: {name}}}\nreceivers:\n- name: {name}\n"
    assert refusal(alertmanager=text) == [
        f'alertmanager.yml: a receiver must not be called "{name}": the name is Tocsin\'s own'
    ]
