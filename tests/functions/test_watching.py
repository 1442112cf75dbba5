"""The beat after a tick, as the deployed function sends it: told last, and in nobody's way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.endpoint import Answered, Endpoint, endpoint
from tests.functions.deployment import Deployment
from tests.functions.happenings import ROOT, read

TOCSIN = """
heartbeat:
  tick: {url_file: 'secret:heartbeat#tick', method: POST, failure: /fail}
"""


@pytest.fixture
def switch() -> Iterator[Endpoint]:
    """Somebody outside who notices when nobody asks."""
    with endpoint() as running:
        running.answer = lambda asked: Answered(body=b"OK")
        yield running


@pytest.fixture
def beating(deployed: Deployment, switch: Endpoint, tmp_path: Path) -> dict[str, Any]:
    """The variables of an evaluate function that has somebody to tell."""
    shipped = (ROOT / "functions" / "config" / "alertmanager.yml").read_text(encoding="utf-8")
    (tmp_path / "alertmanager.yml").write_text(shipped, encoding="utf-8")
    rules = (ROOT / "functions" / "config" / "tocsin.yml").read_text(encoding="utf-8")
    (tmp_path / "tocsin.yml").write_text(rules + TOCSIN, encoding="utf-8")
    text = json.dumps({"tick": f"{switch.url}/ping/5bf66975"})
    deployed.client("secretsmanager").create_secret(Name="heartbeats", SecretString=text)
    return {"CONFIG_URI": str(tmp_path), "TOCSIN_SECRET_HEARTBEAT": "heartbeats"}


def run(deployed: Deployment, variables: dict[str, Any], event: str = "evaluate_schedule") -> Any:
    return deployed.load("evaluate", **variables).handler(read(event), None)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def counted(said: list[dict[str, Any]], metric: str) -> list[int]:
    """Return at which lines a metric was written."""
    return [number for number, line in enumerate(said) if metric in line]


def test_a_completed_tick_is_told(deployed: Deployment, switch: Endpoint, beating: dict[str, Any]):
    assert run(deployed, beating)["failed"] == 0
    assert [asked.path for asked in switch.asked] == ["/ping/5bf66975"]


def test_where_no_rule_can_be_evaluated_the_tick_has_failed(
    deployed: Deployment, metrics: Endpoint, switch: Endpoint, beating: dict[str, Any]
):
    metrics.answer = lambda asked: Answered(status=400, body=b"{}")
    assert run(deployed, beating)["failed"] == 4
    assert [asked.path for asked in switch.asked] == ["/ping/5bf66975/fail"]


def test_a_tick_between_the_scheduled_ones_is_not_told(deployed: Deployment, switch: Endpoint, beating: dict[str, Any]):
    run(deployed, beating, "evaluate_tick")
    assert switch.asked == []


def test_who_watches_is_in_nobodys_way(
    deployed: Deployment, switch: Endpoint, beating: dict[str, Any], capsys: pytest.CaptureFixture[str]
):
    switch.answer = lambda asked: Answered(status=404, body=b"no such check")
    assert run(deployed, beating)["failed"] == 0
    said = lines(capsys)
    # What the tick has counted is written before anybody outside is asked.
    assert max(counted(said, "TickCompleted")) < min(counted(said, "HeartbeatsFailed"))
    (failed,) = [line for line in said if line.get("message") == "heartbeat_failed"]
    assert "404" in failed["error"]
    assert not any("5bf66975" in json.dumps(line) for line in said)


def test_a_secret_that_is_missing_fails_no_tick(deployed: Deployment, beating: dict[str, Any]):
    assert run(deployed, {**beating, "TOCSIN_SECRET_HEARTBEAT": "nobody-made-it"})["failed"] == 0


def test_a_tick_that_is_not_completed_is_not_told(deployed: Deployment, switch: Endpoint, beating: dict[str, Any]):
    deployed.client("dynamodb").delete_table(TableName=deployed["Table"])
    with pytest.raises(Exception, match="failed"):
        run(deployed, beating)
    assert switch.asked == []
