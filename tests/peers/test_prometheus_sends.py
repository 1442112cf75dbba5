"""A real Prometheus beside the whole stack: it sends its alerts, and both tell the same of the same rules."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.peers.conftest import TOKENS, Peers, get_json, status_of

pytestmark = [pytest.mark.peers, pytest.mark.runtime, pytest.mark.stack, pytest.mark.prometheus]


def test_its_alerts_arrive(peers: Peers) -> None:
    def sent() -> Any:
        return peers.get("/api/v2/alerts?filter=cluster%3D%22peer%22")

    (alert,) = peers.eventually(sent, until=bool)
    assert alert["labels"] == {"alertname": "AlwaysOn", "cluster": "peer", "severity": "warning"}
    assert alert["annotations"] == {"summary": "the value is 1"}
    assert alert["receivers"] == [{"name": "warnings", "labels": {"name": "warnings"}}]
    assert "/graph?g0.expr=vector" in alert["generatorURL"]
    left = datetime.fromisoformat(alert["endsAt"]) - datetime.fromisoformat(alert["updatedAt"])
    # Four times the longer of its evaluation interval and its resend delay.
    assert timedelta(minutes=3) < left <= timedelta(minutes=4, seconds=1)


def test_its_token_is_for_sending_only(peers: Peers) -> None:
    url, (token, _) = f"{peers.stack.client_api_url}/api/v2/alerts", TOKENS["prometheus"]
    assert status_of(url, Authorization=f"Bearer {token}") == 403
    assert status_of(url, Authorization="Bearer something") == 401
    assert status_of(url) == 401


RULE = ("state", "name", "query", "duration", "keepFiringFor", "labels", "annotations", "health", "type")


def test_both_list_the_same_rules(peers: Peers) -> None:
    def ours() -> Any:
        return peers.get("/api/v1/rules")

    def both_fire() -> bool:
        found = [ours()["data"]["groups"][0], theirs()["data"]["groups"][0]]
        return all([rule.get("state") for rule in group["rules"]][:2] == ["firing", "pending"] for group in found)

    def theirs() -> Any:
        return get_json(f"{peers.prometheus.url}/api/v1/rules")

    assert peers.eventually(both_fire, until=bool)
    (our_group,), (their_group,) = (answer()["data"]["groups"] for answer in (ours, theirs))
    for name in ("name", "interval", "limit"):
        assert our_group[name] == their_group[name]
    for our_rule, their_rule in zip(our_group["rules"], their_group["rules"], strict=True):
        if their_rule["type"] == "recording":
            # It is the endpoint's own ruler that evaluates these.
            our_rule["health"] = their_rule["health"]
        assert {name: our_rule.get(name) for name in RULE} == {name: their_rule.get(name) for name in RULE}
        assert set(their_rule) <= set(our_rule)
        for our_alert, their_alert in zip(our_rule.get("alerts", ()), their_rule.get("alerts", ()), strict=True):
            for name in ("labels", "annotations", "state", "value"):
                assert our_alert[name] == their_alert[name]
            assert set(our_alert) == set(their_alert)


def test_both_list_the_same_alerts(peers: Peers) -> None:
    ours, theirs = (
        sorted(answer["data"]["alerts"], key=lambda each: str(each["labels"]["alertname"]))
        for answer in (peers.get("/api/v1/alerts"), get_json(f"{peers.prometheus.url}/api/v1/alerts"))
    )
    assert [{**each, "activeAt": ""} for each in ours] == [{**each, "activeAt": ""} for each in theirs]


# The release that is asked knows no other parameter.
@pytest.mark.parametrize("query", ["type=alert", "type=record"])
def test_both_select_the_same_rules(peers: Peers, query: str) -> None:
    ours = peers.get(f"/api/v1/rules?{query}")["data"]["groups"]
    theirs = get_json(f"{peers.prometheus.url}/api/v1/rules?{query}")["data"]["groups"]
    assert [[rule["name"] for rule in group["rules"]] for group in ours] == [
        [rule["name"] for rule in group["rules"]] for group in theirs
    ]


def test_an_unknown_type_is_refused_by_both_alike(peers: Peers) -> None:
    base, (token, _) = peers.stack.client_api_url, TOKENS["grafana"]
    assert status_of(f"{base}/api/v1/rules?type=x", Authorization=f"Bearer {token}") == 400
    assert status_of(f"{peers.prometheus.url}/api/v1/rules?type=x") == 400
