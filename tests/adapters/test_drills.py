"""A drill is marked in whatever a person reads of it, also where the settings have texts of their own."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from dev.receivers import check_pagerduty, check_slack
from tests.adapters.samples import SETTINGS, alert, broken, notification
from tests.golden import assert_golden, assert_golden_json
from tocsin.adapters import (
    discord,
    mail,
    msteamsv2,
    opsgenie,
    pagerduty,
    plain,
    slack,
    slack_news,
    sns_out,
    telegram,
    webhook,
)
from tocsin.adapters.http import encode
from tocsin.core.drills import is_drill
from tocsin.core.notifications import Notification, Reason, Standing
from tocsin.core.receivers import Kind

OWN = "Something is wrong with {{ .CommonLabels.service }}"
RENDERED: Mapping[Kind, Callable[[Notification], Any]] = {
    Kind.SLACK: slack.render,
    Kind.PAGERDUTY: pagerduty.render,
    Kind.EMAIL: lambda given: [mail.render(given).subject],
    Kind.SNS: sns_out.render,
    Kind.DISCORD: discord.render,
    Kind.MSTEAMSV2: msteamsv2.render,
    Kind.TELEGRAM: telegram.render,
    Kind.OPSGENIE: lambda given: [str(call) for call in opsgenie.render(given)],
}
TEXTS: Mapping[Kind, list[dict[str, Any]]] = {
    Kind.SLACK: [{"title": OWN}, {"text": OWN}, {"pretext": OWN}, {"message_text": OWN, "text": OWN}],
    Kind.PAGERDUTY: [{"description": OWN}],
    Kind.EMAIL: [{"headers": {"Subject": OWN}}],
    Kind.SNS: [{"subject": OWN, "message": OWN}, {"phone_number": "+441234567890", "message": OWN}],
    Kind.DISCORD: [{"title": OWN, "message": OWN}],
    Kind.MSTEAMSV2: [{"title": OWN, "text": OWN}],
    Kind.TELEGRAM: [{"message": OWN, "parse_mode": mode} for mode in ("HTML", "MarkdownV2", "")],
    Kind.OPSGENIE: [{"message": OWN}],
}


def drill(kind: Kind, **settings: Any) -> Notification:
    burning = alert(labels={"drill": "true"})
    return notification(kind, burning, settings={**SETTINGS.get(kind, {}), **settings})


def is_marked(kind: Kind, given: Notification) -> bool:
    return "DRILL: " in json.dumps(RENDERED[kind](given), default=str)


@pytest.mark.parametrize("kind", RENDERED)
def test_every_message_of_a_drill_says_so(kind: Kind) -> None:
    assert is_marked(kind, drill(kind))
    assert not is_marked(kind, notification(kind, alert()))


@pytest.mark.parametrize(
    ("kind", "settings"), [(kind, each) for kind, several in TEXTS.items() for each in several], ids=str
)
def test_the_settings_own_texts_are_marked_too(kind: Kind, settings: dict[str, Any]) -> None:
    assert is_marked(kind, drill(kind, **settings))
    assert not is_marked(kind, notification(kind, alert(), settings={**SETTINGS.get(kind, {}), **settings}))


def test_what_somebody_did_about_a_drill_is_marked_in_the_thread() -> None:
    acknowledged = Standing("acknowledged", "ann", "ann", said="Acknowledged by ann")
    for given in (drill(Kind.SLACK), notification(Kind.SLACK, alert(), settings=SETTINGS.get(Kind.SLACK, {}))):
        text = slack_news.news(replace(given, standing=acknowledged, reason=Reason.UPDATE))["text"]
        assert "Acknowledged by ann" in text
        assert text.startswith("DRILL: ") is is_drill(given)


def test_what_cannot_be_rendered_is_marked_too() -> None:
    wrong: Any = {"summary": 5}
    given = notification(Kind.SLACK, alert(annotations=wrong, labels={"drill": "true"}))
    assert plain.degraded(given, ValueError("no")).subject.startswith("DRILL: [FIRING]")
    assert not plain.degraded(broken(Kind.SLACK), ValueError("no")).subject.startswith("DRILL")


def test_a_webhook_keeps_its_format_and_has_the_label() -> None:
    body = json.loads(webhook.render(drill(Kind.WEBHOOK)))
    assert body["commonLabels"]["drill"] == "true"
    assert "DRILL" not in json.dumps(body)


def test_a_payload_of_one_s_own_can_be_marked() -> None:
    own = {"payload": {"text": '{{ if eq .CommonLabels.drill "true" }}DRILL: {{ end }}{{ .CommonLabels.service }}'}}
    for given, is_marked_there in (
        (drill(Kind.WEBHOOK, **own), True),
        (notification(Kind.WEBHOOK, alert(), settings={**SETTINGS.get(Kind.WEBHOOK, {}), **own}), False),
    ):
        text = json.loads(webhook.render(given))["text"]
        assert text.startswith("DRILL: ") is is_marked_there, text
        assert "could not" not in text


def test_golden() -> None:
    message, event = slack.render(drill(Kind.SLACK)), pagerduty.render(drill(Kind.PAGERDUTY))
    assert check_slack(encode(message))[1] == []
    assert check_pagerduty(json.dumps({**event, "routing_key": "0" * 32}).encode())[1] == []
    assert_golden_json("slack/drill.json", message)
    assert_golden_json("pagerduty/drill.json", event)
    mailed = mail.render(drill(Kind.EMAIL))
    assert_golden("email/drill.txt", f"Subject: {mailed.subject}\n\n{mailed.text}\n")
    assert_golden("sns/drill_sms.txt", sns_out.render(drill(Kind.SNS, phone_number="+441234567890"))["Message"] + "\n")
