"""The link in a message: who gets one, what it permits, and that it comes out nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.adapters import samples
from tests.adapters.samples import NOW, SETTINGS, alert
from tests.golden import assert_golden
from tocsin.adapters import discord, mail, msteamsv2, slack, sns_out, telegram
from tocsin.adapters.linking import LinkingSender
from tocsin.adapters.memory import MemoryLog
from tocsin.adapters.secrets import Secrets
from tocsin.core.action_links import Permit, Way, verify
from tocsin.core.notifications import Notification, Standing, as_json, encode, from_json
from tocsin.core.receivers import LINKS, Kind
from tocsin.core.wording import acknowledgement, is_acknowledgeable
from tocsin.errors import DeliveryError, FailureReason, SecretError

KEY, OLD = "k" * 43, "o" * 43
API = "https://abcdefghij.execute-api.eu-west-1.amazonaws.com"
MADE = {"secret": "secret:links#key", "valid_for": "1d", "url": ""}
PHONE = {"phone_number": "+441234567890"}
OPEN = Standing("open", number=1)


class FakeSecrets(Secrets):
    """Secrets that are said, and which of them were read."""

    def __init__(self, text: str | None) -> None:
        self.text = text

    def read(self, reference: str, *, now: Any) -> str:
        if self.text is None:
            raise SecretError(f"{reference}: there is no such secret")
        return self.text


class Receiver:
    """Keeps what it was given, and answers, or fails, with what it is told to."""

    def __init__(self, error: str = "", answer: str = "ok") -> None:
        self.got: list[Notification] = []
        self.error = error
        self.answer = answer

    def __call__(self, notification: Notification, *, now: Any) -> str:
        self.got.append(notification)
        if self.error:
            raise DeliveryError(
                self.error.format(url=notification.acknowledge_url),
                reason=FailureReason.SERVER_ERROR,
                retryable=True,
                retry_after_seconds=7,
                may_have_arrived=False,
            )
        return self.answer.format(url=notification.acknowledge_url)


def told(
    kind: Kind = Kind.EMAIL,
    *,
    links: Mapping[str, str] | None = MADE,
    receiver: str = "oncall",
    standing: Standing | None = OPEN,
    settings: Mapping[str, Any] | None = None,
    **more: Any,
) -> Notification:
    own = {**(SETTINGS[kind] if settings is None else settings), **({LINKS: links} if links else {})}
    made = samples.notification(kind, alert(**more), incident="inc-0123456789abcdef", settings=own)
    return replace(made, integration=replace(made.integration, receiver=receiver), standing=standing)


def deliver(given: Notification, *, text: str | None = KEY, url: str = API) -> tuple[str, MemoryLog]:
    """Return the link that a receiver is given, and the log."""
    log, receiver = MemoryLog(), Receiver()
    LinkingSender(receiver, lambda: FakeSecrets(text), url, log)(given, now=NOW)
    return receiver.got[0].acknowledge_url, log


def permit(url: str, key: str = KEY) -> Any:
    (token,) = parse_qs(urlsplit(url).query)["t"]
    return verify(token, (key.encode(),), verb="acknowledge", now=NOW)


def test_a_mail_s_link_permits_its_receiver_to_acknowledge_its_incident() -> None:
    url, _ = deliver(told())
    assert url.startswith(f"{API}/act?t=")
    assert permit(url) == Permit("acknowledge", "inc-0123456789abcdef", "oncall", Way.EMAIL, NOW + timedelta(days=1))


def test_a_user_s_link_is_theirs() -> None:
    url, _ = deliver(told(Kind.SNS, receiver="user/ann/sms", settings=PHONE))
    found = permit(url)
    assert (found.addressee, found.way) == ("ann", Way.SMS)
    assert len(url) <= 120


WAYS = {
    Kind.EMAIL: Way.EMAIL,
    Kind.SLACK: Way.SLACK,
    Kind.DISCORD: Way.CHAT,
    Kind.MSTEAMSV2: Way.CHAT,
    Kind.TELEGRAM: Way.CHAT,
}


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind in SETTINGS])
def test_who_gets_one(kind: Kind) -> None:
    url, _ = deliver(told(kind))
    assert (permit(url).way if url else None) == WAYS.get(kind)


NONE = {
    "nothing is configured": {"links": None},
    "it is resolved": {"resolved": True},
    "somebody has it": {"standing": Standing("acknowledged", owner="bob")},
    "it is over": {"standing": Standing("resolved")},
    "its policy lets nobody": {"standing": Standing("open", is_acknowledgeable=False)},
    "a topic's readers are unknown": {"kind": Kind.SNS},
}


@pytest.mark.parametrize("case", NONE.values(), ids=NONE.keys())
def test_who_gets_none(case: dict[str, Any]) -> None:
    url, log = deliver(told(**case))
    assert (url, log.counts) == ("", {})


def test_an_alert_without_an_incident_has_none() -> None:
    url, _ = deliver(replace(told(), incident=None, standing=None))
    assert url == ""


def test_what_somebody_has_is_not_to_be_acknowledged_by_command_either() -> None:
    given = told(standing=Standing("acknowledged", owner="bob"))
    assert not is_acknowledgeable(given)
    assert acknowledgement(given) is None
    assert acknowledgement(told()) == "tocsin alert ack inc-0123456789abcdef"


def test_the_settings_own_address_comes_first() -> None:
    url, _ = deliver(told(links={**MADE, "url": "https://alerts.example.com/tocsin"}))
    assert url.startswith("https://alerts.example.com/tocsin/act?t=")


def test_without_an_address_there_is_none() -> None:
    assert deliver(told(), url="")[0] == ""


def test_the_first_of_several_keys_signs() -> None:
    url, _ = deliver(told(), text=f"{KEY} {OLD}")
    assert isinstance(permit(url), Permit)
    assert not isinstance(permit(url, OLD), Permit)


@pytest.mark.parametrize("text", [None, "", "tooshort"])
def test_a_message_goes_out_without_a_link_that_cannot_be_made(text: str | None) -> None:
    url, log = deliver(told(), text=text)
    assert url == ""
    assert log.counts == {"LinksNotMade": 1}
    assert "tooshort" not in str(log.lines)


def test_what_is_frozen_holds_no_link() -> None:
    url, _ = deliver(told())
    linked = replace(told(), acknowledge_url=url)
    assert url.rpartition("=")[2] not in encode(as_json(linked))
    assert from_json(as_json(linked)) == replace(linked, acknowledge_url="")
    assert url not in repr(linked)


def test_what_a_receiver_repeats_of_it_is_taken_out() -> None:
    log = MemoryLog()
    answer = LinkingSender(Receiver(answer="took {url}"), lambda: FakeSecrets(KEY), API, log)(told(), now=NOW)
    assert "act?t=" not in answer
    assert answer.startswith("took ")


def test_an_error_that_repeats_it_does_not_and_is_otherwise_the_same() -> None:
    receiver = Receiver(error="cannot read {url} of yours")
    with pytest.raises(DeliveryError) as raised:
        LinkingSender(receiver, lambda: FakeSecrets(KEY), API, MemoryLog())(told(), now=NOW)
    token = receiver.got[0].acknowledge_url.rpartition("=")[2]
    assert token
    assert token not in str(raised.value)
    assert (raised.value.reason, raised.value.retryable) == (FailureReason.SERVER_ERROR, True)
    assert (raised.value.retry_after_seconds, raised.value.may_have_arrived) == (7, False)
    assert raised.value.__suppress_context__


def test_every_message_shows_it_instead_of_the_command() -> None:
    url = f"{API}/act?t=TOKEN"

    def linked(kind: Kind, **more: Any) -> Notification:
        return replace(told(kind, **more), acknowledge_url=url)

    email = mail.render(linked(Kind.EMAIL))
    said = {
        "html": email.html,
        "text": email.text,
        "sms": str(sns_out.render(linked(Kind.SNS, settings=PHONE))),
        "slack": str(slack.render(linked(Kind.SLACK))),
        "discord": str(discord.render(linked(Kind.DISCORD))),
        "teams": str(msteamsv2.render(linked(Kind.MSTEAMSV2))),
        "telegram": str(telegram.render(linked(Kind.TELEGRAM))),
    }
    assert {name for name, text in said.items() if url not in text} == set()
    assert {name for name, text in said.items() if "tocsin alert ack" in text} == set()
    assert f'<a href="{url}"' in email.html


OWN: dict[str, tuple[Kind, dict[str, Any]]] = {
    "a page with a body": (Kind.EMAIL, {"html": "<html><body class='x'><p>{{ .Status }}</p></body></html>"}),
    "a page without one": (Kind.EMAIL, {"html": "<p>{{ .Status }}</p>"}),
    "plain mail": (Kind.EMAIL, {"html": "", "text": "{{ .Status }}"}),
    "a text message": (Kind.SNS, {**PHONE, "message": "{{ .Status }}" * 300}),
    "a Slack message": (Kind.SLACK, {"api_url_file": "secret:slack#x", "text": "{{ .Status }}"}),
    "a Discord message": (Kind.DISCORD, {"message": "{{ .Status }}" * 900}),
    "a card": (Kind.MSTEAMSV2, {"text": "{{ .Status }}"}),
    "a Telegram message": (Kind.TELEGRAM, {"message": "<b>{{ .Status }}</b>", "parse_mode": "HTML"}),
}


@pytest.mark.parametrize(("kind", "settings"), OWN.values(), ids=OWN.keys())
def test_texts_of_one_s_own_have_it_too(kind: Kind, settings: dict[str, Any]) -> None:
    url = f"{API}/act?t=TOKEN"

    def rendered(given: Notification) -> str:
        if kind is Kind.EMAIL:
            email = mail.render(given)
            return email.html or email.text
        render = {
            Kind.SNS: sns_out.render,
            Kind.SLACK: slack.render,
            Kind.DISCORD: discord.render,
            Kind.MSTEAMSV2: msteamsv2.render,
            Kind.TELEGRAM: telegram.render,
        }[kind]
        return str(render(given))

    given = told(kind, settings=settings)
    without, linked = rendered(given), rendered(replace(given, acknowledge_url=url))
    assert "firing" in linked
    assert "tocsin alert ack" not in linked
    assert linked.count(url) == 1
    assert url not in without


def test_a_page_s_button_is_in_its_body() -> None:
    given = replace(
        told(settings={"html": "<html><body class='x'><p>ours</p></body></html>"}), acknowledge_url="https://x"
    )
    html = mail.render(given).html
    assert html.startswith("<html><body class='x'><div")
    assert html.endswith("<p>ours</p></body></html>")


def test_a_message_that_cannot_be_rendered_has_it_too() -> None:
    url = f"{API}/act?t=TOKEN"
    wrong: Any = {"summary": 5}
    broken = replace(samples.notification(Kind.EMAIL, alert(annotations=wrong)), acknowledge_url=url)
    assert f"To acknowledge: {url}" in mail.render(broken).text


def test_golden() -> None:
    """The mail with its button; the plain part says the same."""
    url = f"{API}/act?t=EQEAAVGAASNFZ4mrze9hbm6qVNV8BgCEqcx8iz6yfX_SAA"
    given = replace(told(receiver="user/ann/email"), acknowledge_url=url)
    email = mail.render(given)
    assert_golden("email/linked.html", email.html)
    assert_golden("email/linked.txt", f"Subject: {email.subject}\n\n{email.text}")
