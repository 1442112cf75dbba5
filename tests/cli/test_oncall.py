"""`tocsin oncall` on a state file and over HTTP, and what `tocsin check` says of schedules."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.cli.commands import Ran, Shell, write_files
from tests.cli.states import api_of
from tests.cli.test_alert import serving
from tests.golden import assert_golden
from tests.stories.world import World
from tocsin import config
from tocsin.adapters.memory import FixedConfigurations
from tocsin.core.oncall import shifts
from tocsin.pipeline.oncall import Rota

NOW = datetime(2026, 3, 24, 12, 0, tzinfo=UTC)
FILES = {
    "alertmanager.yml": (
        "global: {smtp_from: a@example.com}\nroute: {receiver: default}\nreceivers: [{name: default}]\n"
    ),
    "tocsin.yml": """
users:
- {name: ann, email: ann@example.com}
- {name: bob, email: bob@example.com}
- {name: cy, email: cy@example.com}
escalation: {policies: [{name: all, steps: [{schedules: [primary, office]}]}]}
schedules:
- name: primary
  time_zone: Europe/Berlin
  layers: [{users: [ann, bob], start: 2026-03-23, handoff: monday 09:00}]
- name: office
  time_zone: Europe/Berlin
  layers: [{users: [cy], restrictions: [{days: [monday:friday], from: "09:00", until: "17:00"}]}]
- {name: unused, layers: [{users: [cy], until: 2026-01-01}]}
""",
}


@pytest.fixture
def desk(shell: Shell) -> Shell:
    shell.environment["CONFIG_URI"] = str(write_files(shell.folder / "config", FILES))
    return shell


def oncall(desk: Shell, *words: str, hours: float = 0) -> Ran:
    return desk.run("oncall", *words, now=NOW + timedelta(hours=hours))


def test_who_has_it(desk: Shell) -> None:
    assert oncall(desk, "who").out == (
        "office: cy until Tue 2026-03-24 17:00 CET\nprimary: ann until Mon 2026-03-30 09:00 CEST\nunused: nobody\n"
    )
    assert oncall(desk, "who", "primary", "--at", "2026-03-30T09:00").out.startswith("primary: bob until")
    assert oncall(desk, "who", "primary", "--at", "2026-03-30T06:59:59Z").out.startswith("primary: ann until")
    (found,) = json.loads(oncall(desk, "who", "office", "--at", "8h", "-o", "json").out)
    assert (found["name"], found["user"]) == ("office", None)


def test_a_week_with_an_override_and_a_swap_from_beginning_to_end(desk: Shell) -> None:
    made = oncall(
        desk, "override", "primary", "--user", "cy", "--from", "2026-03-28T20:00", "--until", "12h", "--by", "ann",
        "--comment", "a wedding",
    )  # fmt: skip
    swapped = oncall(desk, "swap", "primary", "2026-03-24", "2026-03-31", "--by", "bob", hours=1)
    shown = oncall(desk, "show", "primary", "--from", "2026-03-23", "--until", "2026-04-13", hours=1)
    removed = oncall(desk, "remove", "primary", made.out.partition(":")[0], hours=2)
    after = oncall(desk, "show", "primary", "--until", "8d", hours=2)
    assert_golden("cli/oncall.txt", "\n".join(each.all for each in (made, swapped, shown, removed, after)))


@pytest.mark.parametrize(
    ("first", "second", "swapped"),
    [
        pytest.param(
            "2026-06-15",
            "2026-06-22",
            [("bob", "06-15 09:00 CEST", "06-22 09:00 CEST"), ("ann", "06-22 09:00 CEST", "06-29 09:00 CEST")],
            id="handed over on these days",
        ),
        pytest.param(
            "2026-06-16",
            "2026-06-22",
            [("bob", "06-15 09:00 CEST", "06-22 09:00 CEST"), ("ann", "06-22 09:00 CEST", "06-29 09:00 CEST")],
            id="a day in the week",
        ),
        pytest.param(
            "2026-06-15T08:59",
            "2026-06-22T08:59",
            [("ann", "06-08 09:00 CEST", "06-15 09:00 CEST"), ("bob", "06-15 09:00 CEST", "06-22 09:00 CEST")],
            id="a time just before",
        ),
        pytest.param(
            "2026-10-19",
            "2026-10-26",
            [("bob", "10-19 09:00 CEST", "10-26 09:00 CET"), ("ann", "10-26 09:00 CET", "11-02 09:00 CET")],
            id="a week in which clocks change",
        ),
        pytest.param(
            "2026-03-23",
            "2026-03-30",
            [("bob", "03-23 09:00 CET", "03-30 09:00 CEST"), ("ann", "03-30 09:00 CEST", "04-06 09:00 CEST")],
            id="a week that is an hour shorter",
        ),
    ],
)
def test_a_day_names_the_shift_that_is_handed_over_on_it(
    desk: Shell, first: str, second: str, swapped: list[tuple[str, str, str]]
) -> None:
    ran = oncall(desk, "swap", "primary", first, second, "--by", "ann")
    assert [line.partition(": ")[2] for line in ran.out.splitlines()] == [
        f"{user} from Mon 2026-{start} until Mon 2026-{end}" for user, start, end in swapped
    ]


def test_shifts_and_gaps_as_json(desk: Shell) -> None:
    (found,) = json.loads(oncall(desk, "show", "office", "--until", "24h", "-o", "json").out)
    assert [each["user"] for each in found["shifts"]] == ["cy", "cy"]
    assert found["gaps"] == [{"from": "2026-03-24T16:00:00Z", "until": "2026-03-25T08:00:00Z"}]


def test_gaps_are_found(desk: Shell) -> None:
    ran = oncall(desk, "gaps", "--days", "1")
    assert ran.status == 1
    assert ran.out == (
        "office: nobody from Tue 2026-03-24 17:00 CET until Wed 2026-03-25 09:00 CET\n"
        "unused: nobody from Tue 2026-03-24 12:00 UTC until Wed 2026-03-25 12:00 UTC\n"
    )
    assert oncall(desk, "gaps", "primary").all == "no gap in the next 30 days\n--- exit status 0 ---\n"


def test_what_is_exported_can_be_read_back(desk: Shell) -> None:
    exported = desk.run("oncall", "export", "primary", "--until", "30d", now=NOW).out
    assert exported == desk.run("oncall", "export", "primary", "--until", "30d", now=NOW).out, "the same bytes"
    users = FILES["tocsin.yml"].partition("escalation")[0]
    calendar = f"{users}schedules: [{{name: primary, layers: [{{ical: primary.ics}}]}}]"
    files = {**FILES, "tocsin.yml": calendar, "oncall/primary.ics": exported}
    own, imported = (
        config.load({name: text.encode() for name, text in each.items()}, environment={}).schedules["primary"]
        for each in (FILES, files)
    )
    end = NOW + timedelta(days=30)
    assert shifts(imported, NOW, end) == shifts(own, NOW, end) != []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param(["who", "nobody"], "there is no schedule nobody: there are office, primary, unused", id="none"),
        pytest.param(
            ["override", "primary", "--user", "di", "--until", "8h"], "there is no such user", id="an unknown user"
        ),
        pytest.param(
            ["override", "primary", "--user", "cy", "--until", "2026-03-24T09:00"],
            "it ends before it begins",
            id="it ends before it begins",
        ),
        pytest.param(
            ["override", "primary", "--user", "cy", "--until", "soon"],
            "--until: expected a time such as 2026-01-05T09:00 or 2026-01-05T08:00:00Z, a day, now, or 8h,"
            " found 'soon'",
            id="no time",
        ),
        pytest.param(["swap", "office", "now", "23h"], "both shifts are the same user's", id="a swap with oneself"),
        pytest.param(
            ["remove", "primary", "ov-1"],
            "there is no override ov-1 of primary that was made at run time",
            id="nothing to take back",
        ),
    ],
)
def test_what_is_refused(desk: Shell, words: list[str], message: str) -> None:
    ran = oncall(desk, *words)
    assert ran.status != 0
    assert ran.err == f"tocsin: {message}\n"


def test_a_deployment_is_asked_and_told_over_http(desk: Shell) -> None:
    files = {name: text.encode() for name, text in FILES.items()}
    world = World(config.load(files, environment={}))
    api = replace(api_of(world), rota=Rota(FixedConfigurations(world.loaded), world.store, world.log))
    with serving(api) as url:
        made = oncall(
            desk, "override", "primary", "--user", "cy", "--from", "2026-12-24", "--until", "8h", "--url", url
        )
        assert made.out.endswith(": cy from Thu 2026-12-24 00:00 CET until Thu 2026-12-24 08:00 CET\n"), made
        assert oncall(desk, "who", "primary", "--at", "2026-12-24T07:59", "--url", url).out.startswith("primary: cy")
        assert oncall(desk, "remove", "primary", made.out.partition(":")[0], "--url", url).status == 0
        assert world.store.overrides == {}


def test_without_schedules_it_is_said_where_they_stand(shell: Shell) -> None:
    ran = shell.run("oncall", "who")
    assert (ran.status, ran.err) == (2, "tocsin: there are no schedules: they stand in tocsin.yml\n")


def test_check_warns_of_a_users_secret_that_is_not_there(desk: Shell) -> None:
    text = FILES["tocsin.yml"].replace("{name: ann,", '{name: ann, pagerduty: "secret:pagerduty#ann",')
    write_files(desk.folder / "config", {"tocsin.yml": text})
    needed = "user/ann/pagerduty: secret:pagerduty#ann needs TOCSIN_SECRET_PAGERDUTY, which is not set here"
    assert needed in desk.run("check", "config", now=NOW).out


def test_check_warns_of_gaps_in_schedules_that_a_policy_tells(desk: Shell) -> None:
    ran = desk.run("check", "config", now=NOW)
    warnings = [line for line in ran.out.splitlines() if "nobody is on call" in line or "more gap" in line]
    assert ran.status == 0
    assert "\n3 users, 3 on-call schedules\n" in ran.out
    assert warnings == [
        "warning: schedule office: nobody is on call from 2026-03-24 17:00 CET until 2026-03-25 09:00 CET",
        "warning: schedule office: nobody is on call from 2026-03-25 17:00 CET until 2026-03-26 09:00 CET",
        "warning: schedule office: nobody is on call from 2026-03-26 17:00 CET until 2026-03-27 09:00 CET",
        "warning: schedule office: and 19 more gaps in the next 30 days: tocsin oncall gaps office",
    ]
