"""`tocsin simulate`: labels in, timeline out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.commands import Shell, write_files
from tests.cli.what_if import FILES
from tests.golden import assert_golden

SUNDAY_NIGHT = "2026-01-04T23:00:00Z"


@pytest.fixture
def config(tmp_path: Path) -> str:
    return str(write_files(tmp_path / "config", FILES))


@pytest.mark.parametrize(
    ("golden", "words"),
    [
        pytest.param("down", "Down instance=db-1 --resolve-after 40m --for 3h", id="a rule's labels are added"),
        pytest.param("ack", "Down instance=db-1 --ack-after 5m --for 3h", id="an acknowledgement stops the climb"),
        pytest.param(
            "inhibited", "Down instance=a + Hot instance=a + Hot instance=b --for 1h", id="one inhibits another"
        ),
        pytest.param("muted", f"Sold team=shop --at {SUNDAY_NIGHT} --for 3h", id="a quiet week end ends"),
        pytest.param("zone", "Sold team=shop --at 2026-01-05 --time-zone Asia/Tokyo --for 3h", id="a time zone"),
        pytest.param("nobody", "Note severity=info --for 1h", id="a receiver without integrations"),
    ],
)
def test_what_is_printed(shell: Shell, config: str, golden: str, words: str) -> None:
    ran = shell.run("simulate", *words.split(), "--config", config)
    assert_golden(f"cli/simulate_{golden}.txt", ran.all)


def test_json_says_the_same(shell: Shell, config: str) -> None:
    ran = shell.run("simulate", "Down", "instance=db-1", "--for", "1h", "--config", config, "-o", "json")
    said = json.loads(ran.out)
    assert said["alerts"][0]["labels"] == {"alertname": "Down", "instance": "db-1", "severity": "critical"}
    assert [route["receiver"] for route in said["alerts"][0]["routes"]] == ["oncall"]
    told = [each for each in said["timeline"] if each["what"] == "told"]
    assert [(each["receiver"], each["after_seconds"]) for each in told] == [("oncall", 30.0), ("boss", 630.0)]


def test_what_is_shipped_can_be_asked_about(shell: Shell) -> None:
    ran = shell.run("simulate", "high_error_rate", "--for", "2h")
    assert ran.status == 0
    assert "pagerduty-executives" in ran.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(
            ["Down", "+"], "expected labels such as alertname=NodeDown severity=critical", id="nothing after a +"
        ),
        pytest.param(["a=b", "c"], "c: expected a label such as severity=critical", id="no label"),
        pytest.param(["a=~b"], "a=~b: an alert has labels such as severity=critical, not matchers", id="a matcher"),
        pytest.param(
            ["A", "--for", "soon"], "--for: expected a duration such as 90s, 15m or 1h30m, found 'soon'", id="for"
        ),
        pytest.param(["A", "--time-zone", "Mars"], "--time-zone: there is no time zone 'Mars'", id="zone"),
        pytest.param(["A", "--at", "noon"], "--at: expected a time such as", id="at"),
    ],
)
def test_wrong_usage(shell: Shell, config: str, words: list[str], said: str) -> None:
    ran = shell.run("simulate", *words, "--config", config)
    assert (ran.status, ran.out) == (2, "")
    assert said in ran.err


def test_silences_from_a_file_hold(shell: Shell, config: str, tmp_path: Path) -> None:
    silence = {
        "id": "s-1",
        "matchers": [{"name": "alertname", "value": "H.*", "isRegex": True, "isEqual": True}],
        "startsAt": "2026-01-01T12:00:00Z",
        "endsAt": "2026-01-01T13:00:00Z",
        "createdBy": "ann",
        "comment": "heat is expected",
    }
    file = tmp_path / "silences.json"
    file.write_text(json.dumps([silence]))
    ran = shell.run("simulate", "Hot", "--for", "1h", "--silences", str(file), "--config", config)
    assert "silenced by s-1" in ran.out
    assert "2026-01-01 13:00:30  30m30s  told" in ran.out
    exact = {**silence, "matchers": [{"name": "alertname", "value": "Hot", "isRegex": False}], "isExact": True}
    file.write_text(json.dumps([exact]))
    ran = shell.run("simulate", "Hot", "instance=a", "--for", "1h", "--silences", str(file), "--config", config)
    assert "silenced by s-1" not in ran.out, "it has more labels than what is silenced"
    file.write_text(json.dumps([{**silence, "endsAt": None}]))
    assert shell.run("simulate", "Hot", "--silences", str(file), "--config", config).status == 2
