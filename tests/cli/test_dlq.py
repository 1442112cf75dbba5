"""`tocsin dlq`: what a person sees of the dead-letter queues, and what becomes of what they hand in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import boto3
import pytest
from moto import mock_aws

from tests.adapters.letters import (
    AT,
    GROUP,
    REGION,
    SECRET,
    Office,
    click,
    deployment,
    notification,
    of_lambda,
    sns_event,
    text_of,
    tick,
    timer,
)
from tests.adapters.stores import DynamoStore, new_table
from tests.cli.commands import NOW, Shell
from tests.golden import assert_golden
from tocsin.core.grouping import Flush

TOLD = notification()
LETTER = of_lambda("notify-slack", sns_event(text_of(TOLD)), message="https://bob:pass@hooks.example.org answered 503")


@pytest.fixture
def office(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    with mock_aws(config={"lambda": {"use_docker": False}}):
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        made = deployment()
        shell.environment.update(
            AWS_REGION=REGION,
            TOCSIN_TIMERS_DLQ_URL=made.urls["timers-dlq"],
            TOCSIN_TICKS_DLQ_URL=made.urls["ticks-dlq"],
            TOCSIN_DELIVERIES_DLQ_URL=made.urls["deliveries-dlq"],
            TOCSIN_ACTIONS_DLQ_URL=made.urls["actions-dlq"],
        )
        yield made


@pytest.fixture
def store(office: Office, shell: Shell) -> DynamoStore:
    made = new_table(boto3.client("dynamodb", REGION))
    shell.environment["TOCSIN_TABLE"] = made.table_name
    return made


def await_(store: DynamoStore, *told: object) -> None:
    """Have the outbox wait for notifications."""
    store.tell(GROUP, TOLD.alerts, first_flush_at=AT)
    for each in (TOLD, *told):
        state = store.load_group(GROUP.id, now=AT)
        assert state is not None
        after = replace(state.group, seq=each.seq)  # type: ignore[attr-defined]
        store.commit(state.group, Flush(group=after, notifications=(each,)), now=AT)  # type: ignore[arg-type]


@pytest.mark.parametrize("output", ["simple", "extended", "json"])
def test_what_is_listed(shell: Shell, office: Office, output: str) -> None:
    ids = {
        office.put("timers", timer()): "TIMER",
        office.put("ticks", of_lambda("evaluate", tick(), error="TimeoutError", message="55 s")): "TICK",
        office.put("deliveries", LETTER): "NOTIFICATION",
        office.put("actions", click()): "CLICK",
    }
    text = shell.run("dlq", "list", "-o", output).all
    for each, name in ids.items():
        text = text.replace(each, f"{name:-<36}")
    text = _without_times(text)
    assert_golden(f"cli/dlq_{output}.txt", text)
    assert "bob:pass" not in text


def _without_times(text: str) -> str:
    import re

    text = re.sub(r"20(?!26-01-01)\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC", "2026-01-01 12:03:00 UTC", text)
    return re.sub(r"20(?!26-01-01)\d\d-\d\d-\d\dT[0-9:.]+Z", "2026-01-01T12:03:00Z", text)


def test_nothing_to_list(shell: Shell, office: Office) -> None:
    ran = shell.run("dlq", "list", "--queue", "ticks")
    assert (ran.status, ran.out.splitlines()) == (0, ["Queue  Number  Oldest", "ticks  0"])


def test_a_letter_is_shown_whole_and_without_secrets(shell: Shell, office: Office) -> None:
    told = notification(api_url=SECRET, http_config={"basic_auth": {"username": "bob", "password": "hunter22"}})
    message = f"https://bob:pass@hooks.example.org answered: ghp_{'x7Kq' * 9}"
    letter = office.put("deliveries", of_lambda("notify-slack", sns_event(text_of(told)), message=message))
    ran = shell.run("dlq", "show", letter[:8], "--queue", "deliveries")
    assert ran.status == 0
    for secret in ("XXXXSECRETXXXX", "hunter22", "bob:pass", "x7Kqx7Kq"):
        assert secret not in ran.out
    shown = json.loads(ran.out)
    assert shown["notification"]["id"] == told.id
    (record,) = shown["event"]["Records"]
    assert record["Sns"]["Message"]["settings"]["api_url_file"] == "secret:slack#team"
    assert record["Sns"]["Message"]["alerts"][0]["annotations"] == {"summary": "full"}


def test_a_letter_that_is_not_there(shell: Shell, office: Office) -> None:
    assert shell.run("dlq", "show", "nowhere", "--queue", "ticks").status == 1
    ran = shell.run("dlq", "redrive", "nowhere", "--queue", "ticks")
    assert (ran.status, ran.err) == (1, "tocsin: there is no dead letter nowhere\n")


def test_what_is_still_of_use_is_handed_in_and_everything_else_dropped(
    shell: Shell, office: Office, store: DynamoStore
) -> None:
    await_(store)
    settled = replace(TOLD, id="f" * 32, seq=0)
    office.put("timers", timer())
    office.put("ticks", of_lambda("evaluate", tick()))
    office.put("deliveries", LETTER)
    office.put("deliveries", of_lambda("notify-slack", sns_event(text_of(settled))))
    office.put("actions", click(AT - timedelta(hours=1)))
    ran = shell.run("dlq", "redrive", "--all", now=AT + timedelta(minutes=30))
    assert (ran.status, ran.err) == (0, "")
    assert sorted(line.partition(" ")[2] for line in ran.out.splitlines()) == [
        "click: dropped: nobody wants any more what was pressed an hour ago",
        "notification team: dropped: delivered, given up, or replaced by something newer",
        "notification team: handed to the function that failed",
        "tick: dropped: the ticks since have done its work",
        "timer: handed to the timer queue",
    ]
    assert office.bodies("timers") == [timer()]
    assert [office.number(f"{name}-dlq") for name in ("timers", "ticks", "deliveries", "actions")] == [0] * 4


def test_what_nobody_knows_stays_and_so_does_what_may_be_over(shell: Shell, office: Office, store: DynamoStore) -> None:
    office.put("deliveries", "hello")
    alerts = office.put("deliveries", of_lambda("evaluate", sns_event("Alerts Firing:")))
    ran = shell.run("dlq", "redrive", "--all", "--queue", "deliveries")
    assert ran.status == 1
    assert ran.out.count(": kept: ") == 2
    assert office.number("deliveries-dlq") == 2
    ran = shell.run("dlq", "redrive", alerts, "--queue", "deliveries")
    assert (ran.status, ran.out) == (
        0,
        f"{alerts} alerts of another alert manager: handed to the function that failed\n",
    )
    assert office.number("deliveries-dlq") == 1


def test_a_click_is_done_after_all_where_somebody_names_it(shell: Shell, office: Office, store: DynamoStore) -> None:
    letter = office.put("actions", click())
    shown = shell.run("dlq", "show", letter, "--queue", "actions")
    assert json.loads(shown.out)["event"]["user"] == "U1"
    assert "hooks.slack.com" not in shown.out
    now = AT + timedelta(minutes=30)
    assert shell.run("dlq", "redrive", "--all", "--queue", "actions", now=now).status == 1
    ran = shell.run("dlq", "redrive", letter, "--queue", "actions", now=now)
    assert (ran.status, ran.out) == (0, f"{letter} click: handed to the action queue\n")
    assert office.bodies("actions") == [click()]
    assert office.number("actions-dlq") == 0


def test_a_letter_that_was_not_accepted_stays(shell: Shell, office: Office, store: DynamoStore) -> None:
    letter = office.put("timers", timer())
    ran = shell.run("dlq", "redrive", letter, "--queue", "timers", TOCSIN_TIMER_QUEUE_URL="http://127.0.0.1:1/1/none")
    assert ran.status == 1
    assert ran.err.startswith(f"tocsin: {letter}: not accepted: ")
    assert office.number("timers-dlq") == 1


def test_the_stack_names_queues_and_table(shell: Shell, office: Office) -> None:
    outputs = {
        "TimerDeadLetterQueueUrl": office.urls["timers-dlq"],
        "TickDeadLetterQueueUrl": office.urls["ticks-dlq"],
        "DeliveryDeadLetterQueueUrl": office.urls["deliveries-dlq"],
        "ActionDeadLetterQueueUrl": office.urls["actions-dlq"],
    }
    template = {
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {name: {"Value": value} for name, value in outputs.items()},
    }
    boto3.client("cloudformation", REGION).create_stack(StackName="tocsin-prod", TemplateBody=json.dumps(template))
    for name in ("TIMERS", "TICKS", "DELIVERIES", "ACTIONS"):
        del shell.environment[f"TOCSIN_{name}_DLQ_URL"]
    office.put("timers", timer())
    ran = shell.run("dlq", "list", "--stack", "tocsin-prod", "--queue", "timers")
    assert ran.status == 0
    assert "timers  1" in ran.out
    assert shell.run("dlq", "list", "--queue", "timers", TOCSIN_STACK="tocsin-prod").out == ran.out
    ran = shell.run("dlq", "list")
    assert (ran.status, ran.err) == (
        2,
        "tocsin: the queues are not known: name the stack (--stack, TOCSIN_STACK), or set their URLs\n",
    )


@pytest.mark.parametrize("words", [["redrive"], ["redrive", "--all", "an-id"], ["list", "--queue", "other"], ["show"]])
def test_wrong_usage(shell: Shell, words: list[str]) -> None:
    assert shell.run("dlq", *words).status == 2


def test_without_aws_it_says_what_is_missing(shell: Shell) -> None:
    ran = shell.run("dlq", "list", "--stack", "x", now=NOW)
    assert (ran.status, ran.err) == (1, "tocsin: needs AWS (cloudformation), and AWS_REGION is not set\n")
