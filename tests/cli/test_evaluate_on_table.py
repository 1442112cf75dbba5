"""`tocsin evaluate` with a table: one more tick of what is deployed, and a rehearsal that writes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import boto3
import pytest

from tests.adapters.endpoint import Endpoint, endpoint, vector
from tests.adapters.stores import DynamoStore, dynamodb, new_table
from tests.cli.commands import NOW, Shell, write_files

ALERTMANAGER = """
route: {receiver: team, group_wait: 30s}
receivers:
  - name: team
    slack_configs: [{api_url_file: "secret:slack#team"}]
"""
TOCSIN = "rules: [{name: load, metric: load, threshold: 1, severity: critical}]\n"
MINUTE = timedelta(minutes=1)
EXPR = "(avg_over_time(load[5m])) > 1"


@pytest.fixture
def metrics() -> Iterator[Endpoint]:
    with endpoint() as running:
        running.say({EXPR: vector(({"host": "a"}, 2.5), ({"host": "b"}, 3.5))})
        yield running


@pytest.fixture
def store() -> Iterator[DynamoStore]:
    with dynamodb() as client:
        yield new_table(client)


@pytest.fixture
def deployed(shell: Shell, metrics: Endpoint, store: DynamoStore, monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    config: Path = write_files(shell.folder / "config", {"alertmanager.yml": ALERTMANAGER, "tocsin.yml": TOCSIN})
    queue = boto3.client("sqs", "eu-west-1").create_queue(QueueName="timers")["QueueUrl"]
    shell.environment.update(
        TOCSIN_TABLE=store.table_name,
        TOCSIN_TIMER_QUEUE_URL=queue,
        TOCSIN_PROMETHEUS_URL=metrics.url,
        CONFIG_URI=str(config),
        AWS_REGION="eu-west-1",
    )
    return shell


def items(store: DynamoStore) -> list[dict[str, object]]:
    found: list[dict[str, object]] = store.client.scan(TableName=store.table_name)["Items"]
    return found


def test_it_tells_the_groups_and_sets_a_timer_and_sends_nothing_itself(deployed: Shell, store: DynamoStore) -> None:
    ran = deployed.run("evaluate")
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.splitlines() == [
        "Evaluating 1 monitoring alert rule...",
        "[TRIGGERED] load: 3.5 (threshold: 1) (+1 more)",
        "",
        f"Told the groups of table {store.table_name} of 2 alerts: its functions send what is due",
    ]
    (group,) = store.active_groups()
    sqs = boto3.client("sqs", "eu-west-1")
    attributes = sqs.get_queue_attributes(
        QueueUrl=deployed.environment["TOCSIN_TIMER_QUEUE_URL"], AttributeNames=["ApproximateNumberOfMessagesDelayed"]
    )
    assert attributes["Attributes"]["ApproximateNumberOfMessagesDelayed"] == "1"
    state = store.load_group(group, now=NOW)
    assert state is not None
    assert len(state.alerts) == 2
    assert deployed.run("evaluate").out.splitlines()[-1].endswith("of 0 alerts: its functions send what is due")


def test_a_dry_run_shows_what_the_table_would_have_sent_and_writes_nothing(deployed: Shell, store: DynamoStore) -> None:
    ran = deployed.run("evaluate", "--dry-run")
    assert ran.out.splitlines()[-4:] == [
        "",
        "Would send 1 notifications (1 slack)",
        "    team (slack): [FIRING:2] load: first notification",
        "On the table each group is told after its group_wait",
    ]
    assert items(store) == []
    deployed.run("evaluate")
    before = json.dumps(items(store), default=str)
    assert "Would send 1 notifications" in deployed.run("evaluate", "--dry-run", "-v", now=NOW + MINUTE).out
    assert json.dumps(items(store), default=str) == before


def test_another_configuration_is_only_for_a_dry_run(deployed: Shell, store: DynamoStore) -> None:
    other = str(write_files(deployed.folder / "other", {"alertmanager.yml": ALERTMANAGER, "tocsin.yml": TOCSIN}))
    ran = deployed.run("evaluate", "--config", other)
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.startswith("tocsin: --config: the functions that work on TOCSIN_TABLE have their own configuration")
    assert items(store) == []
    assert deployed.run("evaluate", "--config", other, "--dry-run").status == 0


def test_a_table_that_is_not_there_is_said_in_one_line(deployed: Shell) -> None:
    ran = deployed.run("evaluate", TOCSIN_TABLE="nope")
    assert ran.status == 1
    assert len(ran.err.splitlines()) == 1
    assert ran.err.startswith("tocsin: query failed: ")
