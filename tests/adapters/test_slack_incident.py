"""An incident in Slack: one message that is edited, its buttons, and what is new in its thread."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dev.receivers_slack import check_slack
from dev.slack_workspace import Workspace
from tests.adapters.local import local_transport
from tests.adapters.samples import INCIDENT, NOW, alert, notification, notifications
from tests.adapters.scripted import ListedSecrets
from tests.golden import assert_golden_json
from tocsin.adapters.channel import Outlets
from tocsin.adapters.http import Http, encode
from tocsin.adapters.http_config import HttpClients
from tocsin.adapters.memory import MemoryStore
from tocsin.adapters.slack import SlackSender, render
from tocsin.adapters.slack_buttons import buttons
from tocsin.adapters.slack_news import news
from tocsin.core.incidents import IncidentState
from tocsin.core.notifications import Notification, Reason, Standing
from tocsin.core.receivers import Kind
from tocsin.core.slack import BUTTONS
from tocsin.errors import DeliveryError, FailureReason

SLACK = Kind.SLACK
STANDINGS = {
    "open": Standing("open", said="Open again: the acknowledgement by ann has ended", number=4),
    "acknowledged": Standing(
        "acknowledged", "ann", "ann", "slack", "rolling back & watching", "Acknowledged by ann (slack)", number=1
    ),
    "snoozed": Standing("snoozed", "ann", "ann", "cli", "", "Snoozed by ann (cli) until 2026-11-20 05:00 UTC"),
    "suppressed": Standing(
        "suppressed", "", "bob", "slack", "", "Suppressed by bob (slack) until 2026-11-20 04:00 UTC"
    ),
    "resolved": Standing("resolved", "ann", "ann", "pagerduty", "rolled back", "Resolved by ann (pagerduty)", number=3),
    "expired": Standing("expired", "", "tocsin", "tocsin", "", "Expired"),
    "security": Standing("open", said="Open again", is_acknowledgeable=False),
}


APP = {"channel": "#ops", BUTTONS: True}


def standing(name: str, *, reason: Reason = Reason.UPDATE) -> Notification:
    return replace(notification(SLACK, alert(), reason=reason, settings=APP), standing=STANDINGS[name])


def words(given_: Notification) -> list[str]:
    """Return what can be pressed."""
    elements = [element for block in buttons(given_) for element in block["elements"]]
    return [element.get("text", element.get("placeholder"))["text"] for element in elements]


@pytest.mark.parametrize("name", sorted(STANDINGS))
def test_golden(name: str) -> None:
    payload = render(standing(name), by_app=True)
    assert check_slack(encode(payload))[1] == []
    assert_golden_json(f"slack/incident_{name}.json", {"message": payload, "thread": news(standing(name))})


def test_what_is_over_has_no_buttons_and_says_how_it_ended() -> None:
    over = notification(SLACK, alert(resolved=True), reason=Reason.ALL_RESOLVED, settings=APP)
    # Frozen as its alerts ended: what had been said last was who took it.
    given_ = replace(over, standing=STANDINGS["acknowledged"])
    payload = render(given_, by_app=True)
    assert check_slack(encode(payload))[1] == []
    assert_golden_json("slack/incident_over.json", {"message": payload, "thread": news(given_)})


def test_what_is_new_has_buttons() -> None:
    given_ = notification(SLACK, alert(), settings=APP)
    payload = render(given_, by_app=True)
    assert check_slack(encode(payload))[1] == []
    assert_golden_json("slack/incident_new.json", {"message": payload, "thread": news(given_)})


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("open", ["Acknowledge", "Resolve", "Silence", "Escalate", "Runbook"]),
        ("acknowledged", ["Resolve", "Silence", "Escalate", "Runbook"]),
        ("snoozed", ["Acknowledge", "Resolve", "Silence", "Escalate", "Runbook"]),
        ("suppressed", ["Acknowledge", "Resolve", "Silence", "Escalate", "Runbook"]),
        ("security", ["Resolve", "Escalate", "Runbook"]),
        ("resolved", []),
        ("expired", []),
    ],
)
def test_the_buttons_are_what_can_still_be_done(name: str, expected: list[str]) -> None:
    assert words(standing(name)) == expected


def test_there_are_no_buttons_without_an_incident_or_with_one_whose_alerts_are_over() -> None:
    assert words(notification(SLACK, alert(), incident=None)) == []
    assert words(notification(SLACK, alert(resolved=True), reason=Reason.ALL_RESOLVED)) == []
    assert words(notification(SLACK, alert(annotations={}))) == ["Acknowledge", "Resolve", "Silence", "Escalate"]


def test_an_incident_whose_name_does_not_fit_behind_a_button_has_none() -> None:
    assert words(notification(SLACK, alert(), incident="inc-" + "x" * 150)) == []


def test_the_command_stands_where_there_is_no_button() -> None:
    given_ = notification(SLACK, alert(), settings=APP)
    assert f"tocsin alert ack {INCIDENT}" in json.dumps(render(given_))
    assert f"tocsin alert ack {INCIDENT}" not in json.dumps(render(given_, by_app=True))


def test_a_webhook_is_told_who_did_what_and_not_all_of_it_again() -> None:
    payload = render(standing("acknowledged"))
    assert check_slack(encode(payload))[1] == []
    assert_golden_json("slack/incident_by_webhook.json", payload)
    assert "Customers see errors" not in json.dumps(payload)


def test_nobody_gets_buttons_whose_clicks_nobody_takes() -> None:
    for settings, by_app in (({}, True), (APP, False)):
        assert '"actions"' not in json.dumps(render(notification(SLACK, alert(), settings=settings), by_app=by_app))


def test_where_there_is_no_button_there_is_a_link() -> None:
    given_ = replace(notification(SLACK, alert()), acknowledge_url="https://tocsin.example.com/act?t=a&b")
    payload = render(given_)
    assert check_slack(encode(payload))[1] == []
    assert "*<https://tocsin.example.com/act?t=a&amp;b|Acknowledge>*" in json.dumps(payload)
    assert "/act?" not in json.dumps(render(replace(given_, integration=standing("open").integration), by_app=True))


def test_a_message_of_the_settings_own_texts_has_buttons_too() -> None:
    settings = {"title": "{{ .Status }}", "text": "our own", BUTTONS: True}
    own = replace(notification(SLACK, alert(), settings=settings), standing=STANDINGS["acknowledged"])
    payload = render(own, by_app=True)
    assert check_slack(encode(payload))[1] == []
    assert payload["attachments"][0]["text"] == "our own"
    last = payload["attachments"][-1]["blocks"]
    assert [block["type"] for block in last] == ["section", "actions"]
    assert "Acknowledged by ann" in last[0]["text"]["text"]


_STANDING = st.builds(
    Standing,
    state=st.sampled_from([state.value for state in IncidentState]),
    said=st.text(max_size=600),
    comment=st.text(max_size=2000),
    is_acknowledgeable=st.booleans(),
)


@given(notifications(SLACK), st.none() | _STANDING)
def test_slack_takes_whatever_an_incident_says(given_: Notification, found: Standing | None) -> None:
    integration = replace(given_.integration, settings={**given_.integration.settings, BUTTONS: True})
    told = replace(given_, standing=found, integration=integration)
    for payload in (render(told, by_app=True), render(told), news(told)):
        assert check_slack(encode(payload))[1] == []
        assert "could not be rendered" not in payload["text"]


@pytest.mark.parametrize(
    ("reason", "is_loud"),
    [
        (Reason.NEW_ALERTS, True),
        (Reason.REPEAT, True),
        (Reason.ESCALATED, True),
        (Reason.UPDATE, False),
        (Reason.NEW_RESOLVED, False),
        (Reason.ALL_RESOLVED, False),
    ],
)
def test_what_people_should_look_at_again_is_shown_in_the_channel_too(reason: Reason, *, is_loud: bool) -> None:
    assert news(standing("acknowledged", reason=reason)).get("reply_broadcast", False) is is_loud


class Teller:
    """One integration and its workspace."""

    def __init__(self, slack: Workspace, **settings: Any) -> None:
        bot = {"authorization": {"type": "Bearer", "credentials": slack.token}}
        self.settings = {"api_url": slack.api_url, "http_config": bot, **APP, **settings}
        http = Http(local_transport(), lambda _: None, lambda: 0.0, lambda: 0.0, timeout_seconds=2)
        self.sender = SlackSender(Outlets(ListedSecrets(slack.token), HttpClients(http)), MemoryStore())

    def tell(self, name: str = "", *, incident: str | None = INCIDENT, reason: Reason = Reason.UPDATE) -> str:
        over = name == "over"
        given_ = notification(SLACK, alert(resolved=over), reason=reason, incident=incident, settings=self.settings)
        return self.sender(replace(given_, standing=STANDINGS.get(name)), now=NOW)


def test_an_incident_is_one_message_and_its_thread_says_what_happened() -> None:
    with Workspace(seconds_a_message=0) as slack:
        teller = Teller(slack)
        teller.tell(reason=Reason.FIRST)
        for name in ("acknowledged", "open", "resolved"):
            teller.tell(name)
        (message,) = slack.messages
        assert slack.refusals == []
        assert message.edits == 3
        assert message.buttons == {}
        assert [each.content["text"].splitlines()[0] for each in message.thread] == [
            "👀 *Acknowledged by ann (slack)*",
            "🔴 *Open again: the acknowledgement by ann has ended*",
            "✅ *Resolved by ann (pagerduty)*",
        ]


def test_another_incident_of_the_group_is_another_message() -> None:
    with Workspace(seconds_a_message=0) as slack:
        teller = Teller(slack)
        for incident in (INCIDENT, "inc-other", "inc-other"):
            teller.tell(incident=incident, reason=Reason.FIRST)
        assert [message.edits for message in slack.messages] == [0, 1]


def test_when_all_is_over_the_next_is_a_new_message_and_what_is_told_again_is_none() -> None:
    with Workspace(seconds_a_message=0) as slack:
        teller = Teller(slack)
        for name in ("", "over", "over"):
            teller.tell(name, reason=Reason.FIRST)
        teller.tell(incident="inc-next", reason=Reason.FIRST)
        teller.settings |= {"update_message": True}
        teller.tell(incident=None, reason=Reason.FIRST)
        assert [message.edits for message in slack.messages] == [2, 0, 0]


def test_a_message_from_before_is_the_incident_s_from_now_on() -> None:
    with Workspace(seconds_a_message=0) as slack:
        teller = Teller(slack, update_message=True)
        teller.tell(incident=None, reason=Reason.FIRST)
        for name in ("", "over"):
            teller.tell(name, reason=Reason.FIRST)
        teller.tell(incident="inc-next", reason=Reason.FIRST)
        assert [message.edits for message in slack.messages] == [2, 0]


def test_who_wants_no_thread_has_none() -> None:
    with Workspace(seconds_a_message=0) as slack:
        teller = Teller(slack, post_updates_to_thread=False)
        teller.tell(reason=Reason.FIRST)
        teller.tell("acknowledged")
        assert [(message.edits, message.thread) for message in slack.messages] == [(1, [])]


def test_who_has_alertmanager_s_faults_has_a_message_each() -> None:
    with Workspace(seconds_a_message=0) as slack:
        teller = Teller(slack)
        for _ in range(2):
            given_ = notification(SLACK, alert(), settings=teller.settings)
            teller.sender(replace(given_, is_compatible=True), now=NOW)
        assert len(slack.messages) == 2


@pytest.mark.parametrize(
    ("given_", "reason"),
    [
        ({"token": "xoxb-other"}, FailureReason.AUTH),
        ({"channels": ("#others",)}, FailureReason.CLIENT_ERROR),
        ({"seconds_a_message": 1e9}, FailureReason.RATE_LIMITED),
    ],
)
def test_the_workspace_refuses_as_slack_does(given_: dict[str, Any], reason: FailureReason) -> None:
    with Workspace(**{"seconds_a_message": 0, **given_}) as slack:
        teller = Teller(slack)
        teller.settings["http_config"]["authorization"]["credentials"] = "xoxb-local"
        http = Http(local_transport(), lambda _: None, lambda: 0.0, iter(range(0, 10**6, 15)).__next__)
        teller.sender = SlackSender(Outlets(ListedSecrets("xoxb-local"), HttpClients(http)), MemoryStore())
        if reason is FailureReason.RATE_LIMITED:
            teller.tell(incident=None)
        with pytest.raises(DeliveryError) as raised:
            teller.tell(incident=None)
        assert raised.value.reason is reason
