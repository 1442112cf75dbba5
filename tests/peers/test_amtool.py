"""amtool against the whole stack: alerts and silences, as its users type them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.peers.conftest import Amtool, Peers

pytestmark = [pytest.mark.peers, pytest.mark.runtime, pytest.mark.stack, pytest.mark.prometheus]


def names(alerts: Any) -> list[str]:
    return sorted(each["labels"]["alertname"] for each in alerts)


def test_alerts_are_added_and_queried(amtool: Amtool) -> None:
    amtool("alert", "add", "alertname=Added", "severity=warning", "node=a", "--annotation=summary=by hand")
    (found,) = amtool.json("alert", "query", "alertname=Added")
    assert (found["annotations"], found["receivers"]) == ({"summary": "by hand"}, [{"name": "warnings"}])
    assert found["status"]["state"] == "active"
    simple = amtool("alert", "query", "Added")
    assert simple.splitlines()[1].startswith("Added")
    assert "by hand" in simple
    assert "node" in amtool("alert", "query", "Added", "--output=extended")
    assert amtool.json("alert", "query", "node=~b.*") == []
    assert names(amtool.json("alert", "query", "node=a", "--receiver=warnings")) == ["Added"]
    assert amtool.json("alert", "query", "node=a", "--receiver=everybody") == []


def test_an_alert_that_is_invalid_is_refused_in_alertmanager_s_words(amtool: Amtool) -> None:
    said = amtool(
        "alert", "add", "alertname=Wrong", "--start=2026-01-02T00:00:00Z", "--end=2026-01-01T00:00:00Z", fails=True
    )
    assert "start time must be before end time" in said


def test_silences_are_added_queried_updated_and_expired(amtool: Amtool) -> None:
    amtool("alert", "add", "alertname=Noisy", "severity=info")
    made = amtool("silence", "add", "alertname=Noisy", "severity=~i.*", "--comment=known", "--author=ann").strip()
    (silence,) = amtool.json("silence", "query", "alertname=Noisy")
    assert (silence["id"], silence["createdBy"], silence["status"]) == (made, "ann", {"state": "active"})
    assert names(amtool.json("alert", "query", "Noisy")) == []
    (muted,) = amtool.json("alert", "query", "--silenced", "Noisy")
    assert muted["status"]["silencedBy"] == [made]
    updated = amtool.json("silence", "update", "--duration=3h", "--comment=longer", made)
    assert [(each["id"], each["comment"]) for each in updated] == [(made, "longer")]
    amtool("silence", "expire", made)
    assert amtool.json("silence", "query", "alertname=Noisy") == []
    (expired,) = amtool.json("silence", "query", "--expired", "--within=1h", "alertname=Noisy")
    assert expired["status"] == {"state": "expired"}
    assert names(amtool.json("alert", "query", "Noisy")) == ["Noisy"]


def test_silences_are_imported(amtool: Amtool, tmp_path: Path) -> None:
    ids = [
        amtool("silence", "add", f"alertname=Imported{number}", "env!=dev", "--comment=x", "--author=bob").strip()
        for number in range(3)
    ]
    exported = tmp_path / "silences.json"
    exported.write_text(json.dumps(amtool.json("silence", "query", "env!=dev")), encoding="utf-8")
    amtool("silence", "expire", *ids)
    assert amtool.json("silence", "query", "env!=dev") == []
    amtool("silence", "import", "--force", str(exported))
    imported = amtool.json("silence", "query", "env!=dev")
    assert sorted(each["matchers"][0]["value"] for each in imported) == ["Imported0", "Imported1", "Imported2"]
    assert not {each["id"] for each in imported} & set(ids)
    amtool("silence", "expire", *(each["id"] for each in imported))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("add", "alertname=~.*", "--comment=x"), "at least one matcher must not match the empty string"),
        (
            ("add", "alertname=X", "--comment=x", "--start=2024-01-01T00:00:00Z", "--end=2024-01-02T00:00:00Z"),
            "end time can't be in the past",
        ),
        (("expire", "00000000-0000-4000-8000-00000000ffff"), "404"),
    ],
)
def test_a_silence_is_refused_in_alertmanager_s_words(amtool: Amtool, words: tuple[str, ...], message: str) -> None:
    assert message in amtool("silence", *words, fails=True)


def test_a_firing_source_inhibits(amtool: Amtool) -> None:
    amtool("alert", "add", "alertname=Down", "service=shop")
    amtool("alert", "add", "alertname=Slow", "service=shop")
    amtool("alert", "add", "alertname=Slow", "service=bank")
    assert [each["labels"]["service"] for each in amtool.json("alert", "query", "Slow")] == ["bank"]
    (inhibited,) = amtool.json("alert", "query", "--inhibited", "Slow", "service=shop")
    (source,) = amtool.json("alert", "query", "Down")
    assert inhibited["status"]["inhibitedBy"] == [source["fingerprint"]]


def test_the_configuration_is_shown(amtool: Amtool, peers: Peers) -> None:
    assert "resolve_timeout: 5m" in amtool("config", "show")
    assert amtool("config", "routes", "test", "severity=warning").strip() == "warnings"
    assert [each["name"] for each in peers.get("/api/v2/receivers")] == ["everybody", "warnings"]
