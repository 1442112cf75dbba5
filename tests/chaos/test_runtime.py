"""What the sampling on the local stack calls lost, twice, stale, and once more where that is allowed."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from dev.receivers import Received
from tests.chaos.figures import read_block, read_table
from tests.chaos.runtime import ALERTS, delivery, heard, problems

RECEIVERS = ("slack", "pagerduty", "webhook")
NAMES = [f"Chaos{number:02}" for number in range(ALERTS)]


def told(**words):
    """Return what all heard who heard everything, but this of the first alert."""
    everything = {(receiver, name): ["firing", "resolved"] for receiver in RECEIVERS for name in NAMES}
    return everything | {(receiver, NAMES[0]): heard for receiver, heard in words.items()}


KILLED = {("slack", NAMES[0], "resolved"): 1, ("pagerduty", NAMES[0], "resolved"): 1}
VERDICTS = {
    "all is well": (told(), []),
    "an end never came": (told(webhook=["firing"]), ["lost"]),
    "nothing came": (told(slack=[]), ["lost", "lost"]),
    "told again, as its function was killed": (told(slack=["firing", "resolved", "resolved"]), ["once more"]),
    "told again more often than it was killed": (told(slack=["firing", *["resolved"] * 3]), ["once more", "twice"]),
    "told again, and nobody was killed": (told(slack=["firing", "firing", "resolved"]), ["twice"]),
    "told again, and another was killed": (told(webhook=["firing", "resolved", "resolved"]), ["twice"]),
    "told again who never may be": (told(pagerduty=["firing", "resolved", "resolved"]), ["twice"]),
    "the older after the newer": (told(webhook=["resolved", "firing"]), ["stale"]),
}


@pytest.mark.parametrize(("known", "kinds"), VERDICTS.values(), ids=VERDICTS.keys())
def test_a_verdict_on(known, kinds):
    assert [kind for kind, _ in problems(known, KILLED)] == kinds


def received(integration, payload, status=200):
    return Received(integration, "team", payload, datetime(2026, 1, 1, tzinfo=UTC), status, status < 300)


def test_what_is_heard_is_what_was_taken_and_pagerduty_knows_an_event_again():
    trigger, resolve = ({"event_action": action, "dedup_key": "Chaos00"} for action in ("trigger", "resolve"))
    assert heard(
        [
            received("webhook", {"status": "firing", "name": "Chaos00"}, status=503),
            received("webhook", {"status": "resolved", "name": "Chaos00"}),
            *(received("pagerduty", each) for each in (trigger, trigger, resolve, resolve)),
            received("slack", {"text": "*Firing:* Chaos01"}),
        ]
    ) == {
        ("webhook", "Chaos00"): ["resolved"],
        ("pagerduty", "Chaos00"): ["firing", "resolved"],
        ("slack", "Chaos01"): ["firing"],
    }


def test_what_a_killed_function_was_telling_is_in_its_event():
    message = {"integration": "slack", "common_labels": {"alertname": "Chaos07"}, "status": "firing"}
    event = {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": json.dumps(message)}}]}
    assert delivery(json.dumps(event).encode()) == ("slack", "Chaos07", "firing")
    assert delivery(b'{"Records": [{"eventSource": "aws:sqs", "body": "{}"}]}') is None
    assert delivery(b'{"now": "2026-01-01T00:00:00Z"}') is None


def test_the_document_has_the_figures_and_each_is_zero_that_must_be():
    times = {row["what"]: int(row["times"]) for row in read_table(read_block("chaos:runtime"))}
    assert {kind: times[f"**{kind}**"] for kind in ("lost", "twice", "stale")} == {"lost": 0, "twice": 0, "stale": 0}
    killed = {what.removesuffix(" killed") for what in times if what.endswith(" killed")}
    told_by = {"NotifySlackFunction", "NotifyPagerdutyFunction", "NotifyWebhookFunction"}
    assert {"EvaluateFunction", "DispatchFunction"} | told_by <= killed
    assert times["timers and notifications that came twice"] > 0
