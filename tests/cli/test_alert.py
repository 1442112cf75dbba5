"""`tocsin alert` on a state file, over HTTP, and on a table; and beside the real amtool."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dev.emulator import Invocation
from dev.front import IAM, Front, Route
from tests.adapters.stores import dynamodb, new_table
from tests.cli.commands import Shell
from tests.cli.states import ASKED_AT, MINUTE, api_of, burning, keep
from tests.golden import assert_golden
from tests.stories.world import World
from tocsin.web.api import Api, answer
from tocsin.web.http import as_event, parse_event

AMTOOL = shutil.which("amtool")


@pytest.fixture(scope="module")
def world() -> World:
    return burning()


@pytest.fixture
def incident(world: World) -> str:
    return str(world.incident().id)


@pytest.fixture
def desk(shell: Shell, world: World, tmp_path: Path) -> Shell:
    keep(world.store, tmp_path / "state/tocsin/state.json", now=ASKED_AT)
    return shell


@contextmanager
def serving(api: Api) -> Iterator[str]:
    """Serve an API as API Gateway and the function do."""

    def invoke(function: str, event: bytes) -> Invocation:
        response = as_event(answer(api, parse_event(json.loads(event)), now=ASKED_AT))
        return Invocation(payload=response, errored=False, logs="")

    front = Front()
    try:
        front.connect([Route("ANY", "/{proxy+}", "api", IAM)], invoke)
        yield front.url
    finally:
        front.stop()


def test_what_is_printed(desk: Shell, incident: str) -> None:
    printed = []
    for words in (
        ("query",),
        ("query", "-o", "extended"),
        ("query", "--active", "severity=warning"),
        ("query", "DiskFull", 'instance=~"db-.*"'),
        ("query", "Nothing"),
        ("ack", "DiskFull", "--by", "ann", "--comment", "on it"),
        ("ack", "severity=critical", "--by", "bob"),
        ("query", "-o", "extended", "DiskFull"),
        ("resolve", incident, "--by", "bob"),
        ("resolve", incident, "--by", "cid"),
        ("ack", incident, "--by", "cid"),
        ("ack", "SlowDisk"),
        ("ack", "Nothing"),
        ("ack", "inc-0"),
        ("ack", incident, "DiskFull"),
        ("query", "a", "b"),
        ("query", 'a=~"("'),
    ):
        ran = desk.run("alert", *words, now=ASKED_AT)
        shown = " ".join(words).replace(incident, "INCIDENT")
        printed.append(f"$ tocsin alert {shown}\n{ran.all.replace(incident, 'INCIDENT')}")
    assert_golden("cli/alert.txt", "\n".join(printed))


def test_json_is_amtools_with_what_is_ours(desk: Shell, incident: str) -> None:
    (alert,) = json.loads(desk.run("alert", "query", "-o", "json", "DiskFull", now=ASKED_AT).out)
    assert alert["labels"] == {"alertname": "DiskFull", "instance": "db-1", "severity": "critical"}
    assert alert["status"] == {"inhibitedBy": [], "mutedBy": [], "silencedBy": [], "state": "active"}
    assert alert["incidents"] == [{"id": incident, "state": "open", "by": ""}]
    (answered,) = json.loads(desk.run("alert", "ack", "-o", "json", incident, "--by", "ann", now=ASKED_AT).out)
    assert (answered["changed"], answered["incident"]["changed_by"]) == (True, "ann")


def test_incidents_are_listed_shown_and_acted_on(desk: Shell, incident: str) -> None:
    printed = []
    for words in (
        ("list",),
        ("list", "severity=warning"),
        ("snooze", incident, "--until", "2h", "--by", "ann", "--comment", "known"),
        ("escalate", "DiskFull", "--by", "bob"),
        ("ack", incident, "--by", "ann"),
        ("note", incident, "--by", "bob", "--comment", "the disk was replaced"),
        ("list",),
        ("show", incident),
        ("suppress", incident, "--until", "2026-11-20T05:00:00Z", "--by", "ann"),
        ("reassign", incident, "--to", "eve", "--by", "ann"),
        ("resolve", incident, "--by", "ann"),
        ("note", incident, "--by", "bob", "--comment", "for the record"),
        ("snooze", incident, "--until", "2h", "--by", "bob"),
        ("snooze", incident, "--until", "2020-01-01T00:00:00Z", "--by", "bob"),
        ("snooze", incident, "--until", "soon", "--by", "bob"),
        ("show", "inc-0"),
    ):
        ran = desk.run("incident", *words, now=ASKED_AT)
        shown = " ".join(words).replace(incident, "INCIDENT")
        printed.append(f"$ tocsin incident {shown}\n{ran.all.replace(incident, 'INCIDENT')}")
    assert_golden("cli/incident.txt", "\n".join(printed))


def test_an_acknowledgement_is_kept(desk: Shell, incident: str) -> None:
    assert desk.run("alert", "ack", incident, "--by", "ann", now=ASKED_AT).status == 0
    again = desk.run("alert", "ack", incident, "--by", "bob", now=ASKED_AT + MINUTE)
    assert again.out == f"{incident} DiskFull: already acknowledged by ann at 2026-11-20T03:10:00Z\n"
    assert again.status == 0


def test_who_acts_is_who_is_logged_in(desk: Shell, incident: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "eve")
    assert "acknowledged by eve at" in desk.run("alert", "ack", incident, now=ASKED_AT).out


def test_over_http_it_is_the_same(shell: Shell, incident: str) -> None:
    world = burning()
    with serving(api_of(world)) as url:
        by_option = shell.run("alert", "query", "--url", url, now=ASKED_AT)
        by_variable = shell.run("alert", "query", now=ASKED_AT, TOCSIN_URL=f"{url}/")
        assert by_option == by_variable
        assert "DiskFull   2026-11-20 03:01:00 UTC  db-1 is 97% full  active" in by_option.out
        ran = shell.run("alert", "ack", "DiskFull", "--url", url, "--by", "ann", now=ASKED_AT)
        assert ran.out == f"{incident} DiskFull: acknowledged by ann at 2026-11-20T03:10:00Z\n"
    assert world.incident().changed_by == "ann"


def test_on_a_table_it_is_the_same(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with dynamodb() as client:
        store = new_table(client)
        world = World(burning().loaded.configuration, store=store)
        world.metric_goes_bad("DiskFull", instance="db-1")
        world.advance(minutes=10)
        table = {"TOCSIN_TABLE": store.table_name, "AWS_REGION": "eu-west-1"}
        shown = shell.run("alert", "query", "-o", "extended", now=ASKED_AT, env=table)
        assert f"active  {world.incident().id} (open)" in shown.out, shown.all
        ran = shell.run("alert", "ack", "DiskFull", "--by", "ann", now=ASKED_AT, env=table)
        assert ran.out.endswith("DiskFull: acknowledged by ann at 2026-11-20T03:10:00Z\n"), ran.all
        assert world.incident().changed_by == "ann"


@pytest.mark.skipif(AMTOOL is None, reason="amtool is not on PATH")
@pytest.mark.parametrize("words", [[], ["DiskFull"], ["severity=~warning|x"], ["nothing=x"]], ids=" ".join)
def test_amtool_asks_our_api_and_prints_what_we_print(shell: Shell, world: World, words: list[str]) -> None:
    with serving(api_of(world)) as url:
        amtool = subprocess.run(
            [str(AMTOOL), "--alertmanager.url", url, "alert", "query", *words],
            capture_output=True,
            text=True,
            check=True,
        )
        ours = shell.run("alert", "query", "--active", "--url", url, *words, now=ASKED_AT)
    assert ours.out == amtool.stdout


@pytest.mark.skipif(AMTOOL is None, reason="amtool is not on PATH")
def test_amtools_extended_form_is_ours_but_for_the_incident(shell: Shell, world: World) -> None:
    with serving(api_of(world)) as url:
        amtool = subprocess.run(
            [str(AMTOOL), "--alertmanager.url", url, "-o", "extended", "alert", "query", "DiskFull"],
            capture_output=True,
            text=True,
            check=True,
        )
        ours = shell.run("alert", "query", "DiskFull", "--url", url, "-o", "extended", now=ASKED_AT)
    theirs = [line.rstrip() for line in amtool.stdout.splitlines()]
    assert [re.sub(r" +(Incident|inc-.*)$", "", line.rstrip()) for line in ours.out.splitlines()] == theirs


UNREACHABLE = {
    "nothing listens there": ("http://127.0.0.1:9", 1, "http://127.0.0.1:9/… cannot be asked: connection refused"),
    "it is no URL": (
        "127.0.0.1",
        2,
        "the address of Tocsin's API is not a URL: expected for example http://127.0.0.1:3000",
    ),
}


@pytest.mark.parametrize(("url", "status", "error"), UNREACHABLE.values(), ids=UNREACHABLE.keys())
def test_the_api_cannot_be_asked_when(shell: Shell, url: str, status: int, error: str) -> None:
    ran = shell.run("alert", "query", "--url", url)
    assert (ran.status, ran.out, ran.err) == (status, "", f"tocsin: {error}\n")


def test_what_answers_is_not_tocsin(shell: Shell) -> None:
    front = Front()  # answers 503 until it is connected
    try:
        ran = shell.run("alert", "query", "--url", front.url)
    finally:
        front.stop()
    assert (ran.status, ran.err) == (1, "tocsin: the API answered 503: Service Unavailable\n")


def test_a_state_of_another_version_is_left_alone(desk: Shell, tmp_path: Path) -> None:
    state = tmp_path / "state/tocsin/state.json"
    state.write_text('{"version": 99}')
    ran = desk.run("alert", "query")
    assert ran.err == "tocsin: FOLDER/state/tocsin/state.json: the state is of version 99, and this Tocsin knows 1\n"
    assert (ran.status, state.read_text()) == (1, '{"version": 99}')


def test_a_table_that_is_not_there_is_said_in_one_line(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with dynamodb():
        ran = shell.run("alert", "query", TOCSIN_TABLE="nope", AWS_REGION="eu-west-1")
    assert (ran.status, ran.out) == (1, "")
    assert ran.err.splitlines()[-1] == "tocsin: the API answered 503: the table could not be read or written: try again"
