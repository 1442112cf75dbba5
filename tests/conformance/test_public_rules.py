"""Rule files that people run, as they are: `tocsin check rules` agrees with promtool, and reads what it reads."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.conformance.cases import data_folder, load_cases
from tocsin import config
from tocsin.cli.main import main
from tocsin.config.patterns import compile_pattern
from tocsin.core import templates

CASES = [pytest.param(case, id=case["id"]) for case in load_cases("rules_index.json")]
FOLDER = data_folder() / "rules"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
LABELS = {"instance": "host:9100", "job": "node", "alertname": "A"}


@pytest.mark.prometheus
@pytest.mark.parametrize("case", CASES)
def test_the_verdict_is_promtools(case: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["check", "rules", str(FOLDER / case["file"])], environment={})
    assert (status == 0) == (case["promtool"] == "valid"), capsys.readouterr().err


@pytest.mark.parametrize("case", CASES)
def test_every_group_and_rule_is_read(case: dict[str, Any]) -> None:
    groups = config.check_rules(case["file"], (FOLDER / case["file"]).read_bytes())
    alerting = [rule for group in groups for rule in group.rules]
    recording = [rule for group in groups for rule in group.recording_rules]
    assert len(groups) == case["groups"]
    assert len(alerting) + len(recording) == case["rules"]
    assert [rule.name for rule in alerting] == case["alert_names"]


@pytest.mark.parametrize("case", CASES)
def test_every_text_is_filled_in_without_an_error(case: dict[str, Any]) -> None:
    groups = config.check_rules(case["file"], (FOLDER / case["file"]).read_bytes())
    for rule in (rule for group in groups for rule in group.rules):
        for text in (*rule.labels.values(), *rule.annotations.values()):
            said = templates.expand_or_explain(
                text, labels=LABELS, value=1.5, now=NOW, query=lambda expr, at: [], compile=compile_pattern
            )
            assert "<error expanding template" not in said, text
