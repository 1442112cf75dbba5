"""Discord, Microsoft Teams, Telegram: what a message holds, that it fits, and how answers are taken."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dev.receivers import check_discord, check_teams, check_telegram
from tests.adapters.samples import CASES, NOW, alert, bare, firing_single, grouped, notification, notifications
from tests.adapters.scripted import ListedSecrets, Outcome, outlets
from tests.golden import assert_golden_json
from tocsin.adapters import discord, msteamsv2, telegram
from tocsin.adapters.http import Response, encode
from tocsin.adapters.texts import Texts
from tocsin.core.notifications import Notification
from tocsin.core.receivers import Kind
from tocsin.errors import DeliveryError, FailureReason

URL, OTHER = "https://chat.example.com/hook/one", "https://chat.example.com/hook/two"
TOKEN = "123:abc"
RENDERERS: dict[Kind, Callable[..., dict[str, Any]]] = {
    Kind.DISCORD: discord.render,
    Kind.MSTEAMSV2: msteamsv2.render,
    Kind.TELEGRAM: telegram.render,
}
SENDERS: dict[Kind, Any] = {
    Kind.DISCORD: discord.DiscordSender,
    Kind.MSTEAMSV2: msteamsv2.Msteamsv2Sender,
    Kind.TELEGRAM: telegram.TelegramSender,
}
KINDS = sorted(RENDERERS)
TEXT_KEYS = {Kind.DISCORD: "message", Kind.MSTEAMSV2: "text", Kind.TELEGRAM: "message"}


def problems(kind: Kind, message: dict[str, Any]) -> list[str]:
    if kind is Kind.TELEGRAM:
        return check_telegram(encode({**message, "chat_id": 1}))[1]
    return (check_discord if kind is Kind.DISCORD else check_teams)(encode(message))[1]


def shown(kind: Kind, message: dict[str, Any]) -> str:
    """Return what a person reads, in one text."""
    if kind is Kind.DISCORD:
        return "\n".join(
            [message.get("content", ""), *(f"{e['title']}\n{e['description']}" for e in message["embeds"])]
        )
    if kind is Kind.TELEGRAM:
        return str(message["text"])
    return "\n".join(block["text"] for block in message["attachments"][0]["content"]["body"])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", CASES)
def test_golden(name: str, kind: Kind) -> None:
    message = RENDERERS[kind](CASES[name](kind))
    assert problems(kind, message) == []
    assert_golden_json(f"{kind}/{name}.json", message)


@given(st.sampled_from(KINDS).flatmap(notifications))
def test_a_chat_takes_whatever_is_said(given_: Notification) -> None:
    kind = given_.integration.kind
    message = RENDERERS[kind](given_)
    assert problems(kind, message) == []
    assert "could not be rendered" not in json.dumps(message)
    assert message == RENDERERS[kind](given_)


@pytest.mark.parametrize("kind", KINDS)
def test_a_person_reads_what_is_wrong_and_what_to_do(kind: Kind) -> None:
    said = shown(kind, RENDERERS[kind](firing_single(kind))).replace("\\", "")
    for expected in ("checkout answers 7.2%", "threshold: 5%", "Roll it back", "tocsin alert ack 5f0c1d3b9a7e4c28"):
        assert expected in said, expected
    assert "resolved" in shown(kind, RENDERERS[kind](grouped(kind)))


@pytest.mark.parametrize("kind", KINDS)
def test_there_is_no_link_without_a_url(kind: Kind) -> None:
    said = json.dumps(RENDERERS[kind](bare(kind))).replace("adaptivecards.io", "").replace("http://", "", 1)
    assert "href" not in said
    assert "](http" not in said
    assert '"url"' not in said


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_left_out_is_counted(kind: Kind) -> None:
    assert "more alerts not shown here" in shown(kind, RENDERERS[kind](CASES["truncated"](kind)))


def test_nobody_is_mentioned_by_a_label() -> None:
    hostile = notification(Kind.DISCORD, alert(annotations={"summary": "@everyone <@1> **x**"}))
    message = discord.render(hostile)
    assert message["allowed_mentions"] == {"parse": []}
    assert r"\@everyone \<\@1\> \*\*x\*\*" in message["embeds"][0]["description"]


def test_nothing_from_outside_is_html() -> None:
    hostile = notification(Kind.TELEGRAM, alert(annotations={"summary": "<script>x</script> & <b>"}))
    assert "&lt;script&gt;x&lt;/script&gt; &amp; &lt;b&gt;" in telegram.render(hostile)["text"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_settings_texts_take_the_place_of_ours(kind: Kind) -> None:
    settings = {"title": "{{ .Status }}: {{ .CommonLabels.service }}", TEXT_KEYS[kind]: "{{ len .Alerts }} alert <b>"}
    message = RENDERERS[kind](notification(kind, alert(), settings=settings))
    said = shown(kind, message)
    assert "1 alert <b>" in said if kind is not Kind.TELEGRAM else True
    assert "Customers see errors" not in said
    if kind is not Kind.TELEGRAM:
        assert "firing: checkout" in said


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_that_fails_says_so_and_what_there_is_to_say(kind: Kind) -> None:
    message = RENDERERS[kind](notification(kind, alert(), settings={TEXT_KEYS[kind]: "{{ .Nothing.At.All }"}))
    said = shown(kind, message)
    assert problems(kind, message) == []
    assert "error expanding template" in said
    assert "checkout answers 7.2" in said.replace("\\", "")
    assert_golden_json(f"{kind}/broken_template.json", message)


@pytest.mark.parametrize("kind", KINDS)
def test_a_default_counts_only_where_the_user_redefines_it(kind: Kind) -> None:
    name = f"{kind}.default.{TEXT_KEYS[kind]}"
    settings = {TEXT_KEYS[kind]: f'{{{{ template "{name}" . }}}}'}
    assert "Roll it back" in shown(kind, RENDERERS[kind](notification(kind, alert(), settings=settings)))
    own = {**settings, "redefined_templates": [name]}
    work, _ = outlets(Response(200), own=f'{{{{ define "{name}" }}}}mine{{{{ end }}}}')
    given_ = notification(kind, alert(), settings=own)
    assert "mine" in shown(kind, RENDERERS[kind](given_, work.texts(given_, now=NOW)))


@pytest.mark.parametrize(
    ("mode", "text", "expected"),
    [
        ("HTML", "<b>{{ .CommonLabels.pod }}</b>", {"text": "<b>a&lt;b</b>", "parse_mode": "HTML"}),
        ("HTML", "<b>" + "x" * 5000 + "</b>", {"text": "x" * 4095 + "…"}),
        ("MarkdownV2", "*x*", {"text": "*x*", "parse_mode": "MarkdownV2"}),
        ("Markdown", "*" + "x" * 5000, {"text": "*" + "x" * 4094 + "…"}),
        ("", "{{ .CommonLabels.pod }}", {"text": "a<b"}),
    ],
)
def test_telegram_s_modes(mode: str, text: str, expected: dict[str, str]) -> None:
    settings = {"message": text, "parse_mode": mode}
    message = telegram.render(notification(Kind.TELEGRAM, alert(labels={"pod": "a<b"}), settings=settings))
    assert {key: message[key] for key in ("text", "parse_mode") if key in message} == expected


def test_telegram_s_options() -> None:
    settings = {"disable_notifications": True, "message_thread_id": 7}
    message = telegram.render(notification(Kind.TELEGRAM, alert(), settings=settings))
    assert (message["disable_notification"], message["message_thread_id"]) == (True, 7)


def deliver(kind: Kind, *outcomes: Outcome, settings: dict[str, Any] | None = None, secret: str = "") -> Any:
    secrets = ListedSecrets(secret or (TOKEN if kind is Kind.TELEGRAM else URL), OTHER)
    work, transport = outlets(*outcomes, secrets=secrets)
    given_ = firing_single(kind) if settings is None else notification(kind, alert(), settings=settings)
    return SENDERS[kind](work)(given_, now=NOW), transport.requests


SENT = b'{"ok":true,"result":{"message_id":42}}'


@pytest.mark.parametrize(
    ("kind", "response", "answer", "url"),
    [
        (Kind.DISCORD, Response(204), "ok", URL),
        (Kind.MSTEAMSV2, Response(202), "accepted", URL),
        (Kind.TELEGRAM, Response(200, {}, SENT), "message 42", f"https://api.telegram.org/bot{TOKEN}/sendMessage"),
    ],
)
def test_a_delivery(kind: Kind, response: Response, answer: str, url: str) -> None:
    said, requests = deliver(kind, response)
    assert (said, [request.url for request in requests]) == (answer, [url])


def test_a_chat_s_number_may_be_a_secret() -> None:
    settings = {"bot_token": TOKEN, "chat_id_file": "secret:webhook#chat", "api_url": "https://telegram.internal/"}
    _, requests = deliver(Kind.TELEGRAM, Response(200, {}, SENT), settings=settings, secret="-100")
    assert json.loads(requests[0].body)["chat_id"] == -100
    assert requests[0].url == f"https://telegram.internal/bot{TOKEN}/sendMessage"


NO_BOT = b'{"ok":false,"error_code":404,"description":"Not Found"}'
NO_CHAT = b'{"ok":false,"error_code":400,"description":"Bad Request: chat not found"}'


@pytest.mark.parametrize(
    ("kind", "response", "reason", "retryable"),
    [
        (Kind.DISCORD, Response(400, {}, b'{"code":50035}'), FailureReason.CLIENT_ERROR, False),
        (Kind.DISCORD, Response(404), FailureReason.AUTH, False),
        (Kind.DISCORD, Response(429), FailureReason.RATE_LIMITED, True),
        (Kind.MSTEAMSV2, Response(400, {}, b"x"), FailureReason.CLIENT_ERROR, False),
        (Kind.MSTEAMSV2, Response(401), FailureReason.AUTH, False),
        (Kind.MSTEAMSV2, Response(410), FailureReason.AUTH, False),
        (Kind.MSTEAMSV2, Response(502), FailureReason.SERVER_ERROR, True),
        (Kind.TELEGRAM, Response(404, {}, NO_BOT), FailureReason.AUTH, False),
        (Kind.TELEGRAM, Response(400, {}, NO_CHAT), FailureReason.CLIENT_ERROR, False),
        (Kind.TELEGRAM, Response(429), FailureReason.RATE_LIMITED, True),
    ],
)
def test_refusals(kind: Kind, response: Response, reason: FailureReason, retryable: bool) -> None:
    with pytest.raises(DeliveryError) as raised:
        deliver(kind, response)
    assert (raised.value.reason, raised.value.retryable) == (reason, retryable)
    assert TOKEN not in str(raised.value)
    assert "hook/one" not in str(raised.value)


TOO_MANY = '{"ok":false,"error_code":429,"description":"Too Many Requests","parameters":{"retry_after":%s}}'


@pytest.mark.parametrize(
    ("headers", "seconds", "waited"),
    [
        ({}, "7", 7.0),
        ({"retry-after": "3"}, "7", 3.0),
        ({}, "0", 0.5),
        ({}, "-1", 0.5),
        ({}, '"7"', 0.5),
        ({}, "true", 0.5),
        ({}, "null", 0.5),
    ],
)
def test_telegram_says_in_the_body_how_long_to_wait(headers: dict[str, str], seconds: str, waited: float) -> None:
    work, transport = outlets(
        Response(429, headers, (TOO_MANY % seconds).encode()), Response(200, {}, SENT), secrets=ListedSecrets(TOKEN)
    )
    assert telegram.TelegramSender(work)(firing_single(Kind.TELEGRAM), now=NOW) == "message 42"
    assert transport.clock.slept == [waited]


def test_a_wait_that_telegram_asks_for_beyond_the_budget_is_left_to_what_is_above() -> None:
    with pytest.raises(DeliveryError) as raised:
        deliver(Kind.TELEGRAM, Response(429, {}, (TOO_MANY % 35).encode()))
    assert (raised.value.reason, raised.value.retryable) == (FailureReason.RATE_LIMITED, True)
    assert raised.value.retry_after_seconds == 35


@pytest.mark.parametrize("kind", KINDS)
def test_settings_without_an_address_are_not_configured(kind: Kind) -> None:
    with pytest.raises(DeliveryError, match="is set") as raised:
        deliver(kind, Response(200), settings={})
    assert (raised.value.reason, raised.value.retryable) == (FailureReason.NOT_CONFIGURED, False)


def test_texts_need_no_engine_where_there_is_no_template() -> None:
    def fail() -> Any:
        raise AssertionError("nothing is to be filled in")

    given_ = notification(Kind.DISCORD, alert(), settings={"title": "plain", "username": "Tocsin"})
    message = discord.render(given_, Texts(given_, fail))
    assert (message["embeds"][0]["title"], message["username"]) == ("plain", "Tocsin")
