"""Mail by a mail server: what it is handed, who logs in how, what TLS is asked for, and how its answers are taken."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from dev.receivers import check_parts
from dev.receivers_smtp import Letter, SmtpServer
from tests.adapters.certificates import Certificates
from tests.adapters.samples import CASES, NOW, alert, firing_single, notification
from tests.adapters.scripted import ListedSecrets, outlets
from tests.golden import assert_golden
from tocsin.adapters.http import Response
from tocsin.adapters.mail import render
from tocsin.adapters.mail_sender import EmailSender, is_ses
from tocsin.adapters.ses import request
from tocsin.adapters.texts import Texts
from tocsin.core.notifications import Notification
from tocsin.core.receivers import Kind
from tocsin.errors import DeliveryError, FailureReason

EMAIL = Kind.EMAIL
TO = {"to": "a@example.com, Ops <b@example.com>", "from": "Tocsin <tocsin@example.com>", "require_tls": False}
USERS = {"ops": "s3cret"}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates.make(tmp_path_factory.mktemp("tls"))


def no_ses() -> Any:
    raise AssertionError("this mail goes by a mail server")


def told(server: SmtpServer, **settings: Any) -> Notification:
    given_ = firing_single(EMAIL)
    return notification(EMAIL, *given_.alerts, settings={**TO, "smarthost": server.address, **settings})


def deliver(server: SmtpServer, *secrets: str, **settings: Any) -> str:
    work, _ = outlets(Response(200), secrets=ListedSecrets(*(secrets or ("s3cret",))))
    return EmailSender(no_ses, "", work)(told(server, **settings), now=NOW)


def text_of(letter: Letter, kind: str) -> str:
    part = cast(Any, letter.message.get_body((kind,)))
    return str(part.get_content()) if part else ""


@pytest.mark.parametrize(
    ("smarthost", "by_ses"),
    [
        ("", True),
        ("email-smtp.eu-west-1.amazonaws.com:587", True),
        ("email-smtp-fips.us-east-1.amazonaws.com:465", True),
        ("smtp.example.com:587", False),
        ("email-smtp.eu-west-1.amazonaws.com.evil.example:587", False),
    ],
)
def test_ses_is_chosen_by_the_server(smarthost: str, by_ses: bool) -> None:
    assert is_ses(smarthost) is by_ses


def test_a_letter_arrives_whole() -> None:
    with SmtpServer() as server:
        assert deliver(server) == "127.0.0.1: 2.0.0 taken as 1"
        (letter,) = server.letters
    message = letter.message
    assert (letter.sender, letter.recipients) == ("tocsin@example.com", ("a@example.com", "b@example.com"))
    assert message["Subject"] == "[FIRING:1] HighErrorRate (service=checkout)"
    assert message["Message-ID"] == f"<{firing_single(EMAIL).id}@example.com>"
    assert (message["To"], message["From"]) == ("a@example.com, Ops <b@example.com>", "Tocsin <tocsin@example.com>")
    assert message["Date"] == "Fri, 20 Nov 2026 03:05:00 +0000"
    assert check_parts(str(message["Subject"]), html=text_of(letter, "html"), text=text_of(letter, "plain")) == []
    assert "tocsin alert ack" in text_of(letter, "plain")


@pytest.mark.parametrize("name", CASES)
def test_whatever_happened_fits_into_a_letter(name: str) -> None:
    work, _ = outlets(Response(200))
    with SmtpServer() as server:
        given_ = CASES[name](EMAIL)
        settings = {**TO, "smarthost": server.address}
        given_ = replace(given_, integration=replace(given_.integration, settings=settings))
        EmailSender(no_ses, "", work)(given_, now=NOW)
        (letter,) = server.letters
    assert text_of(letter, "html").replace("\r\n", "\n") == render(given_).html


HEADERS = {
    "Subject": "{{ .Status }} at {{ .CommonLabels.service }}",
    "Reply-To": "ops@example.com",
    "X-Team": "{{ .Receiver }}",
}
OWN = {
    "headers": HEADERS,
    "html": "<p>{{ .CommonAnnotations.description }}</p>",
    "text": "{{ len .Alerts }} alerts",
    "threading": {"enabled": True, "thread_by_date": "daily"},
}


def test_the_settings_own_texts_and_headers() -> None:
    with SmtpServer() as server:
        deliver(server, **OWN)
        (letter,) = server.letters
    message = letter.message
    said = [message[name] for name in ("Subject", "Reply-To", "X-Team")]
    assert said == ["firing at checkout", "ops@example.com", "oncall"]
    root = f"<{firing_single(EMAIL).group[:16]}-2026-11-20@tocsin.invalid>"
    assert (message["References"], message["In-Reply-To"]) == (root, root)
    assert text_of(letter, "plain").strip() == "1 alerts"
    assert "&amp; all &lt;instances&gt;" in text_of(letter, "html")


def test_ses_gets_the_same() -> None:
    given_ = notification(EMAIL, alert(), settings={**TO, **OWN})
    asked = cast(Any, request(given_, render(given_), default_sender=""))
    simple = asked["Content"]["Simple"]
    names = [header["Name"] for header in simple["Headers"]]
    assert simple["Subject"]["Data"] == "firing at checkout"
    assert asked["ReplyToAddresses"] == ["ops@example.com"]
    assert {"X-Team", "References", "In-Reply-To"} <= set(names)
    assert not {"Reply-To", "Subject"} & set(names)


def test_an_empty_page_asks_for_plain_mail() -> None:
    given_ = notification(EMAIL, alert(), settings={**TO, "html": "", "text": "plain"})
    email = render(given_)
    assert (email.html, email.text) == ("", "plain")
    assert "Html" not in cast(Any, request(given_, email, default_sender=""))["Content"]["Simple"]["Body"]


def test_texts_that_fail_say_so_beside_ours() -> None:
    settings = {**TO, "headers": {"Subject": "{{ .Broken }"}, "html": "{{ nothing }}", "text": "{{ .Broken }"}
    email = render(notification(EMAIL, alert(), settings=settings))
    assert email.subject.startswith("[FIRING:1] HighErrorRate")
    assert "The template of this message failed" in email.html
    assert_golden("email/broken_template.html", email.html)
    assert_golden("email/broken_template.txt", f"Subject: {email.subject}\n\n{email.text}")


def test_no_header_brings_another() -> None:
    settings = {**TO, "headers": {"X-Evil": "{{ .CommonLabels.pod }}", "Date": "never"}}
    given_ = notification(EMAIL, alert(labels={"pod": "a\r\nBcc: x@example.com"}), settings=settings)
    assert render(given_, Texts(given_)).headers == {"X-Evil": "a Bcc: x@example.com"}


# Who logs in how


@pytest.mark.parametrize(
    ("ways", "settings"),
    [
        ("PLAIN LOGIN", {"auth_password_file": "secret:email#password"}),
        ("LOGIN", {"auth_password": "s3cret"}),
        ("CRAM-MD5 PLAIN", {"auth_secret_file": "secret:email#secret"}),
    ],
)
def test_a_login(ways: str, settings: dict[str, str]) -> None:
    with SmtpServer(users=USERS, ways=ways) as server:
        deliver(server, auth_username="ops", **settings)
        assert server.letters[0].user == "ops"


def test_a_rotated_password_is_read_anew_once() -> None:
    with SmtpServer(users=USERS) as server:
        deliver(server, "old", "s3cret", auth_username="ops", auth_password_file="secret:email#password")
        assert len(server.letters) == 1


def test_a_wrong_password_is_said_and_not_shown() -> None:
    with SmtpServer(users=USERS) as server, pytest.raises(DeliveryError, match="the login was refused: 535") as raised:
        deliver(server, "wr0ng", auth_username="ops", auth_password_file="secret:email#password")
    assert (raised.value.reason, raised.value.retryable) == (FailureReason.AUTH, False)
    assert "wr0ng" not in str(raised.value)


def test_a_way_that_nobody_speaks_is_said() -> None:
    with SmtpServer(users=USERS, ways="XOAUTH2") as server, pytest.raises(DeliveryError, match="XOAUTH2") as raised:
        deliver(server, auth_username="ops", auth_password="s3cret")
    assert raised.value.reason is FailureReason.NOT_CONFIGURED


# TLS


@pytest.mark.parametrize("implicit", [False, True])
def test_mail_is_encrypted(certificates: Certificates, implicit: bool) -> None:
    settings = {"require_tls": True, "tls_config": {"ca": certificates.ca}, "force_implicit_tls": implicit}
    with SmtpServer(tls=certificates.server_context(), is_implicit=implicit) as server:
        deliver(server, **settings)
        assert server.letters[0].was_encrypted


def test_the_server_s_name_may_be_another(certificates: Certificates) -> None:
    with SmtpServer(tls=certificates.server_context()) as server:
        deliver(server, require_tls=True, tls_config={"ca": certificates.ca, "server_name": "receiver.test"})
        wrong = {"ca": certificates.ca, "server_name": "other.test"}
        with pytest.raises(DeliveryError, match="Hostname mismatch") as raised:
            deliver(server, require_tls=True, tls_config=wrong)
        assert len(server.letters) == 1
    assert raised.value.retryable is False


def test_nothing_is_sent_in_clear_where_tls_is_required() -> None:
    with SmtpServer() as server:
        with pytest.raises(DeliveryError, match="offers no STARTTLS") as raised:
            deliver(server, require_tls=None)
        assert server.letters == []
    assert raised.value.reason is FailureReason.NOT_CONFIGURED


# What the server answers


@pytest.mark.parametrize(
    ("verb", "answer", "reason", "retryable"),
    [
        ("MAIL", "451 4.3.0 later", FailureReason.SERVER_ERROR, True),
        ("MAIL", "550 5.7.1 not you", FailureReason.CLIENT_ERROR, False),
        ("RCPT", "450 4.2.0 greylisted", FailureReason.SERVER_ERROR, True),
        ("RCPT", "550 5.1.1 no such user", FailureReason.CLIENT_ERROR, False),
        ("DATA", "452 4.3.1 full", FailureReason.SERVER_ERROR, True),
        ("DATA", "554 5.6.0 spam", FailureReason.CLIENT_ERROR, False),
    ],
)
def test_refusals(verb: str, answer: str, reason: FailureReason, retryable: bool) -> None:
    with SmtpServer(answers={verb: answer}) as server, pytest.raises(DeliveryError) as raised:
        deliver(server)
    assert (raised.value.reason, raised.value.retryable) == (reason, retryable)
    assert answer[:3] in str(raised.value)


def test_who_is_refused_alone_keeps_it_from_nobody_else() -> None:
    with SmtpServer(refused=frozenset({"a@example.com"})) as server:
        assert deliver(server).endswith(", refused: a@example.com")
        assert server.letters[0].recipients == ("b@example.com",)


def test_a_server_that_is_not_there_may_be_in_a_moment() -> None:
    with pytest.raises(DeliveryError) as raised:
        EmailSender(no_ses, "", outlets(Response(200))[0])(
            notification(EMAIL, alert(), settings={**TO, "smarthost": "127.0.0.1:1"}), now=NOW
        )
    assert (raised.value.reason, raised.value.retryable) == (FailureReason.CONNECTION, True)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"to": "{{ .CommonLabels.nobody }}"}, "`to` holds no address"),
        ({"from": "nobody"}, "there is no sender"),
        ({"smarthost": "mail:smtp"}, "smarthost needs a port by its number"),
    ],
)
def test_settings_with_which_nothing_can_be_sent(settings: dict[str, str], expected: str) -> None:
    with SmtpServer() as server, pytest.raises(DeliveryError, match=expected) as raised:
        deliver(server, **settings)
    assert (raised.value.reason, raised.value.retryable) == (FailureReason.NOT_CONFIGURED, False)


def test_labels_may_choose_who_is_told() -> None:
    with SmtpServer() as server:
        deliver(server, to="{{ .CommonLabels.service }}@example.com")
        assert server.letters[0].recipients == ("checkout@example.com",)


def test_a_mail_server_that_does_not_run_has_no_address() -> None:
    with pytest.raises(RuntimeError, match="not running"):
        _ = SmtpServer().address
