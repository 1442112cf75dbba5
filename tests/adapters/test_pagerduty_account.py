"""The PagerDuty of the tests keeps PagerDuty's rules, so that what passes here passes there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from dev.pagerduty_account import ANN, BOB, PATH, RETRY_SECONDS, Account, Webhook, sign
from tocsin.core.pagerduty import Meaning, meaning, read_event
from tocsin.web.signatures import is_signed_once

KEY = "a" * 32
START = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Place:
    """Where webhooks go: it answers what it is told to, 202 after that."""

    def __init__(self, *answers: int) -> None:
        self.answers = list(answers)
        self.came: list[tuple[Mapping[str, str], bytes]] = []

    def __call__(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        self.came.append((headers, body))
        return self.answers.pop(0) if self.answers else 202


def account(place: Place | None = None, **more: Any) -> Account:
    clock = Clock()
    found = Account(clock=clock, wait=clock.wait, post=place or Place(), **more)
    found.subscribe("https://us.example/pagerduty/webhook")
    return found


def tell(to: Account, action: str = "trigger", key: str | None = "k", **more: Any) -> tuple[int, dict[str, Any]]:
    event: dict[str, Any] = {"routing_key": KEY, "event_action": action, "dedup_key": key, **more}
    if action == "trigger":
        event["payload"] = {"summary": "Disk is full", "source": "db-1", "severity": "critical"}
    return to.take(PATH, json.dumps({name: value for name, value in event.items() if value is not None}).encode())


def states(of: Account) -> list[str]:
    return [each.status for each in of.incidents]


def kinds(webhooks: list[Webhook]) -> list[str]:
    return [each.kind for each in webhooks]


def test_a_trigger_opens_or_joins_and_the_key_ties_them() -> None:
    there = account()
    assert tell(there) == (202, {"status": "success", "message": "Event processed", "dedup_key": "k"})
    tell(there)
    tell(there, key="other")
    assert [(each.key, each.events) for each in there.incidents] == [("k", 2), ("other", 1)]
    assert tell(there, "acknowledge")[0] == 202
    assert states(there) == ["acknowledged", "triggered"]
    tell(there, "resolve")
    tell(there)
    assert states(there) == ["resolved", "triggered", "triggered"]


def test_what_is_not_open_is_taken_and_nothing_happens() -> None:
    there = account()
    assert [tell(there, action)[0] for action in ("acknowledge", "resolve")] == [202, 202]
    assert (there.incidents, there.deliver()) == ([], [])


def test_a_trigger_without_a_key_is_given_one() -> None:
    there = account()
    assert tell(there, key=None)[1]["dedup_key"] == there.incidents[0].key


def test_what_is_not_an_event_is_refused_with_all_that_is_wrong() -> None:
    there = account()
    status, answer = there.take(PATH, b'{"routing_key": "short", "event_action": "acknowledge"}')
    assert (status, len(answer["errors"])) == (400, 2)
    assert tell(there, key="k" * 256)[0] == 400
    assert there.take(PATH, b"x" * (512 * 1024 + 1))[0] == 400
    assert there.incidents == []


def test_too_many_in_a_minute_are_throttled_for_each_key() -> None:
    there = account(events_a_minute=3)
    assert [tell(there)[0] for _ in range(4)] == [202, 202, 202, 429]
    assert there._clock() == START
    there._wait(60)
    assert tell(there)[0] == 202


def test_people_s_doings_and_ours_are_told_by_who_did_them() -> None:
    place = Place()
    there = account(place)
    tell(there)
    (incident,) = there.incidents
    there.acknowledge(incident, by=BOB)
    there.acknowledge(incident)
    there.note(incident, "looking")
    tell(there, "resolve")
    there.ping()
    sent = there.deliver()
    assert kinds(sent) == [
        "incident.triggered",
        "incident.acknowledged",
        "incident.annotated",
        "incident.resolved",
        "pagey.ping",
    ]
    read = [read_event(body) for _, body in place.came]
    assert [meaning(each) for each in read] == [
        Meaning.NOTHING,
        Meaning.ACKNOWLEDGE,
        Meaning.NOTE,
        Meaning.ECHO,
        Meaning.NOTHING,
    ]
    assert (read[1].agent.id, read[1].key, read[2].incident) == (BOB.id, "k", incident.id)


def test_each_secret_signs() -> None:
    place = Place()
    there = account(place, webhook_secrets=("old", "new"))
    there.ping()
    there.deliver()
    ((headers, body),) = place.came
    signatures = [each.removeprefix("v1=") for each in headers["x-pagerduty-signature"].split(",")]
    assert [
        is_signed_once(body, [each], [secret]) for each, secret in zip(signatures, ("old", "new"), strict=True)
    ] == [
        True,
        True,
    ]
    assert sign(b"x", "old") != sign(b"x", "new")


def test_a_webhook_is_sent_until_it_is_taken_under_one_id_and_what_is_behind_it_waits() -> None:
    place = Place(503, 0, 429)
    there = account(place)
    tell(there)
    there.acknowledge(there.incidents[0], by=ANN)
    sent = there.deliver()
    assert [each.answers for each in sent] == [[503, 0, 429, 202], [202]]
    ids = [headers["x-webhook-id"] for headers, _ in place.came]
    assert ids == [ids[0]] * 4 + [ids[-1]]
    assert len({body for _, body in place.came[:4]}) == 1
    assert there._clock() == START + timedelta(seconds=sum(RETRY_SECONDS[:3]))


def test_it_gives_up_after_five_tries_and_at_once_where_it_is_refused() -> None:
    there = account(Place(500, 500, 500, 500, 500, 403))
    there.ping()
    there.ping()
    there.ping()
    assert [each.answers for each in there.deliver()] == [[500] * 5, [403], [202]]
    assert (len(there.dropped), there.is_disabled) == (2, False)


def test_three_that_are_dropped_end_it() -> None:
    there = account(Place(403, 403, 403))
    for _ in range(5):
        there.ping()
    assert len(there.deliver()) == 3
    assert there.is_disabled
    assert there.deliver() == []
