"""What the demo's checks notice, without the stack: who was told too little, too much, or something refused."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

import pytest

from dev.demo.audience import ERRORS, SLACK_CRITICAL, SLACK_WARNINGS, SLOW, SUBSCRIBERS, surplus, untold
from dev.demo.journal import Journal, Kind, Message, alert_of, read_log
from dev.demo.story import Step, take
from dev.demo.world import World, message_of_mail, message_of_post, message_of_slack
from dev.mail import Email
from dev.receivers import Received
from dev.slack_workspace import Event

NOW = datetime(2026, 11, 20, 3, tzinfo=UTC)


def message(channel: str, alert: str = ERRORS, status: str = "firing", *problems: str) -> Message:
    return Message(NOW, channel, alert, status, f"[{status.upper()}:1] {alert}", problems)


SURPLUS: dict[str, tuple[list[Message], list[str]]] = {
    "once per state is right": ([message(SUBSCRIBERS), message(SUBSCRIBERS, ERRORS, "resolved")], []),
    "twice is too much": (
        [message(SUBSCRIBERS), message(SUBSCRIBERS)],
        ["subscribers was told 2 times that HighErrorRate is firing"],
    ),
    "who was spared must not be told": (
        [message(SLACK_CRITICAL, SLOW)],
        ["slack-critical was told that SlowResponses is firing, and should not have been"],
    ),
    "a message about no alert of ours is noticed": (
        [message(SUBSCRIBERS, "")],
        ["subscribers was told that an unknown alert is firing, and should not have been"],
    ),
    "what a receiver refuses is noticed": (
        [message(SLACK_WARNINGS, ERRORS, "firing", "invalid_blocks: blocks[0]")],
        ["slack-warnings refused a message: invalid_blocks: blocks[0]"],
    ),
}


@pytest.mark.parametrize(("messages", "found"), SURPLUS.values(), ids=SURPLUS)
def test_what_should_not_have_arrived(messages: list[Message], found: list[str]) -> None:
    assert surplus(messages) == found


def test_who_was_not_told() -> None:
    told = [message(SUBSCRIBERS), message(SLACK_WARNINGS, SLOW)]
    assert untold(told, ERRORS, "firing", (SUBSCRIBERS, SLACK_WARNINGS)) == [
        "slack-warnings was not told that HighErrorRate is firing"
    ]


def seen(what: str, title: str) -> Event:
    group = 'Group {}:{alertname="SlowResponses"}'
    blocks = [{"text": {"text": f"*<https://t|{title}>*"}}, {"text": {"text": "👀 *Acknowledged by ada (slack)*"}}]
    return Event(NOW, what, "C1", {"blocks": blocks, "footer": group})


@pytest.mark.parametrize(
    ("event", "status"),
    [
        (seen("posted", "[FIRING:1] SlowResponses"), "firing"),
        (seen("edited", "[RESOLVED] SlowResponses"), "resolved"),
        (seen("edited", "[FIRING:1] SlowResponses"), None),
        (seen("replied", "[RESOLVED] SlowResponses"), None),
    ],
)
def test_what_is_news_of_what_people_see_in_slack(event: Event, status: str | None) -> None:
    found = message_of_slack(event)
    assert (found.status if found else None) == status
    assert found is None or (found.channel, found.alert) == (SLACK_WARNINGS, SLOW)


MISSING: dict[str, tuple[list[list[str]], float, bool]] = {
    "what is there at once has happened": ([[]], 0.0, True),
    "what comes in time has happened": ([["not yet"], []], 0.0, True),
    "what does not come has not happened": ([["never"]], 0.0, False),
    "what does not stay has not happened": ([[], [], ["one too many"]], 0.5, False),
}


@pytest.mark.parametrize(("looks", "holds", "happened"), MISSING.values(), ids=MISSING)
def test_a_step_happens_in_time_and_stays(looks: list[list[str]], holds: float, happened: bool) -> None:
    left = list(looks)

    def missing(world: World) -> list[str]:
        return left.pop(0) if len(left) > 1 else left[0]

    assert take(cast(World, None), Step("a step", 0.1, missing, holds=holds)).happened is happened


def test_a_step_that_cannot_begin_says_why() -> None:
    def begin(world: World) -> None:
        raise LookupError("there is no incident")

    step = Step("a step", 0.1, lambda world: [], begin=begin)
    assert take(cast(World, None), step).missing == ("LookupError: there is no incident",)


def test_a_function_s_log_line_becomes_a_line_of_the_timeline() -> None:
    journal = Journal()
    journal.take_log(
        "EvaluateFunction",
        '{"level":"INFO","message":"alert_changed","change":"held for its whole `for`","labels":{"alertname":"A"}}',
    )
    journal.take_log("EvaluateFunction", "START RequestId: 1")
    journal.take_log("DispatchFunction", '{"level":"ERROR","message":"timer_failed","error":"boom"}')
    assert [(entry.kind, entry.text, entry.why) for entry in journal.entries] == [
        (Kind.RULE, "A is firing", "held for its whole `for`"),
        (Kind.PROBLEM, "DispatchFunction: timer_failed", "boom"),
    ]
    assert journal.logs("alert_changed", change="held for its whole `for`")
    assert not journal.logs("alert_changed", change="expression became true")


def test_metrics_are_read_too() -> None:
    line = read_log("EvaluateFunction", '{"_aws":{},"TickCompleted":[1.0]}')
    assert line is not None
    assert (line.event, line.fields["TickCompleted"]) == ("metrics", [1.0])


POSTS: dict[str, tuple[str, str, Any, tuple[str, str, str, str]]] = {
    "a message in Slack": (
        "slack",
        "critical",
        {"text": "*<https://tocsin.example.com|[FIRING:2] HighErrorRate (service=shop)>*"},
        (SLACK_CRITICAL, ERRORS, "firing", "[FIRING:2] HighErrorRate (service=shop)"),
    ),
    "PagerDuty's resolve": (
        "pagerduty",
        "0" * 31 + "1",
        {"event_action": "resolve", "payload": {"summary": "[RESOLVED] SlowResponses: over", "class": SLOW}},
        ("pagerduty-oncall", SLOW, "resolved", "resolve [RESOLVED] SlowResponses"),
    ),
    "a channel that nobody knows": (
        "slack",
        "elsewhere",
        {"text": "[FIRING:1] Other"},
        ("slack elsewhere", "", "firing", "[FIRING:1] Other"),
    ),
}


@pytest.mark.parametrize(("integration", "target", "payload", "said"), POSTS.values(), ids=POSTS)
def test_what_arrived_is_understood(integration: str, target: str, payload: Any, said: tuple[str, ...]) -> None:
    found = message_of_post(Received(integration, target, payload, NOW, 200, True))
    assert (found.channel, found.alert, found.status, found.title) == said


def test_mail_is_checked_as_it_arrives() -> None:
    mail = Email(NOW, "ses", "a@example.com", ("oncall@example.com",), "[RESOLVED] HighErrorRate", "over", "<p>over")
    found = message_of_mail(mail)
    assert (found.channel, found.alert, found.status) == ("email-oncall", ERRORS, "resolved")
    assert found.problems == ("HTML part: <p> is not closed",)


def test_the_alert_of_a_group_key() -> None:
    assert alert_of('{}/{severity="critical"}:{alertname="HighErrorRate", service="shop"}') == ERRORS
    assert alert_of("{}:{}") == ""
