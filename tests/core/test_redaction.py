"""What is a credential, what is none, and what becomes of both."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.core.alerts import Alert
from tocsin.core.credentials import REDACTED, Kind, passes_luhn
from tocsin.core.labels import Labels, fingerprint
from tocsin.core.redaction import Redaction

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
EVERYTHING = Redaction(frozenset(Kind))

# Put together here, so that no scanner of sources takes them for what they look like.
KEY_ID = "AKIA" + "IOSFODNN7EXAMPLE"
SECRET_KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCY" + "EXAMPLEKEY"
JWT = "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0NTY3ODkwIn0." + "dozjgNryP4J3jVmNHl0w5N"
PEM = "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIEow+/=\n-----END RSA " + "PRIVATE KEY-----"

HIDDEN = {
    "a password in a URL": ("postgres://app:hunter2@db:5432/x failed", "postgres://app:[redacted]@db:5432/x failed"),
    "a password in a URL without a name": ("redis://:hunter2@cache", "redis://:[redacted]@cache"),
    "a password in a command": ("mysql --password=letmein -h db", "mysql --password=[redacted] -h db"),
    "a variable": ("DB_PASSWORD=hunter2 DB_HOST=db", "DB_PASSWORD=[redacted] DB_HOST=db"),
    "a quoted password": ('{"password": "correct horse"}', '{"password": "[redacted]"}'),
    "a password in words": ("password: hunter2!", "password: [redacted]"),
    "a parameter": ("GET /x?api_key=abc12345&page=2", "GET /x?api_key=[redacted]&page=2"),
    "an encoded matcher": ("g0.expr=up%7Bpassword%3D%22hunter2%22%7D", "g0.expr=up%7Bpassword%3D%22[redacted]%22%7D"),
    "a header": ("authorization: Bearer abcdef0123456789", "authorization: Bearer [redacted]"),
    "basic authentication": ("Authorization: Basic YWRtaW46aHVudGVyMg==", "Authorization: Basic [redacted]"),
    "an access key": (f"denied for {KEY_ID}", "denied for [redacted]"),
    "an access key and its secret": (f"{KEY_ID} {SECRET_KEY}", "[redacted] [redacted]"),
    "a secret access key": (f"aws_secret_access_key = {SECRET_KEY}", "aws_secret_access_key = [redacted]"),
    "a token of GitHub's": ("push by ghp_" + "a1B2" * 9, "push by [redacted]"),
    "a token of Slack's": ("xoxb-" + "123456789012-abcdef", "[redacted]"),
    "a webhook of Slack's": (
        "posts to https://hooks.slack.com/services/T000/B000/abcdef",
        "posts to https://hooks.slack.com/services/[redacted]",
    ),
    "a bot of Telegram's": (
        "https://api.telegram.org/bot123456789:AA" + "b" * 33 + "/sendMessage",
        "https://api.telegram.org/bot[redacted]/sendMessage",
    ),
    "a JWT": (f"token {JWT} expired", "token [redacted] expired"),
    "a private key": (f"found {PEM} in the log", "found [redacted] in the log"),
    "a private key that is cut off": (PEM[:40], "[redacted]"),
    "a token by its name": ("token=Zx81kQ0pLm39vBt7", "token=[redacted]"),
}


@pytest.mark.parametrize(("text", "shown"), HIDDEN.values(), ids=HIDDEN.keys())
def test_it_is_redacted(text: str, shown: str) -> None:
    assert Redaction().text(text) == shown


SHOWN = {
    "an image's digest": "example.org/app@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "an image with a tag and a digest": "docker-pullable://nginx:1.27@sha256:9f86d081884c7d659a2feaa0c55ad015",
    "a commit": "deployed da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "a UUID": "pod uid=550e8400-e29b-41d4-a716-446655440000",
    "a token that is a UUID": "token=550e8400-e29b-41d4-a716-446655440000",
    "a pod": "checkout-6d4cf56db6-x7k2p",
    "an ARN": "arn:aws:iam::123456789012:role/tocsin",
    "a role's id": "AROAIOSFODNN7EXAMPLE:session",
    "a name of a Kubernetes secret": 'kube_secret_info{secret="default-token-x7k2p"}',
    "a helm release": "secret=sh.helm.release.v1.checkout.v12",
    "an expired password": "password: expired",
    "what a password lacks": "the password is missing; password=unset",
    "a number of failures": "failed_password=3",
    "a placeholder": "password=${DB_PASSWORD} token=<token> password=****",
    "prose about tokens": "Token: the session token expires in 5 minutes",
    "prose about authentication": "Basic authentication fails on the bearer endpoint",
    "an address with a port": "http://prometheus:9090/graph?g0.expr=up",
    "a mail address": "to: ann@example.org",
    "a card's number": "4111 1111 1111 1111",
    "an expression": 'rate(http_requests_total{status=~"5.."}[5m]) > 0.05',
    "a certificate": "-----BEGIN CERTIFICATE-----\nMIIB",
    "nothing": "",
}


@pytest.mark.parametrize("text", SHOWN.values(), ids=SHOWN.keys())
def test_it_is_shown(text: str) -> None:
    assert Redaction().text(text) == text


ON_REQUEST = {
    "a card": ("card 4111 1111 1111 1111 refused", "card [redacted] refused"),
    "a card with dashes": ("5500-0000-0000-0004", "[redacted]"),
    "a card of fifteen digits": ("378282246310005,", "[redacted],"),
    "a wrong check digit": ("4111 1111 1111 1112", "4111 1111 1111 1112"),
    "a time in milliseconds": ("1795143600000", "1795143600000"),
    "one digit over and over": ("4444444444444444", "4444444444444444"),
    "a part of a number": ("0.4111111111111111", "0.4111111111111111"),
    "a mail address": ("ask ann.lee+x@mail.example.org!", "ask [redacted]!"),
    "a mention": ("ask @ann, a@b", "ask @ann, a@b"),
}


@pytest.mark.parametrize(("text", "shown"), ON_REQUEST.values(), ids=ON_REQUEST.keys())
def test_cards_and_addresses_on_request(text: str, shown: str) -> None:
    assert EVERYTHING.text(text) == shown
    assert Redaction().text(text) == text


NAMES = {
    "a password": ("db_password", "hunter2", REDACTED),
    "a key": ("x-api-key", "abcdef12", REDACTED),
    "a vague name": ("secret", "checkout-tls", "checkout-tls"),
    "a vague name with a credential": ("token", "Zx81kQ0pLm39vBt7", REDACTED),
    "a word": ("password", "expired", "expired"),
    "another name": ("password_age", "hunter2", "hunter2"),
    "an empty value": ("password", "", ""),
}


@pytest.mark.parametrize(("name", "value", "shown"), NAMES.values(), ids=NAMES.keys())
def test_a_value_behind_a_label_s_name(name: str, value: str, shown: str) -> None:
    assert Redaction().named(name, value) == shown


def test_names_that_somebody_has_hidden_or_kept() -> None:
    redaction = Redaction(hidden=frozenset({"customer"}), kept=frozenset({"dsn"}))
    labels = {"customer": "ann", "dsn": "pg://a:hunter2@db", "url": "pg://a:hunter2@db"}
    assert redaction.pairs(labels) == {"customer": REDACTED, "dsn": labels["dsn"], "url": "pg://a:[redacted]@db"}


def test_patterns_of_one_s_own_beside_ours() -> None:
    redaction = Redaction(patterns=(re.compile(r"EMP-\d{4}"), re.compile("-12"), re.compile("")))
    assert redaction.text("EMP-1234 has password=hunter2") == "[redacted] has password=[redacted]"
    assert Redaction(frozenset(), redaction.patterns).text("password=hunter2") == "password=hunter2"


def alert(labels: dict[str, str], **annotations: str) -> Alert:
    return Alert(Labels(labels), annotations, NOW, NOW, generator_url="http://p/graph?password=hunter2")


def test_an_alert_keeps_its_fingerprint() -> None:
    secret = alert({"alertname": "Leak", "dsn": "pg://a:hunter2@db"}, summary="on db", dump="api_key=abc12345")
    plain = Alert(Labels({"alertname": "Fine"}), {}, NOW, NOW)
    (shown, same), count = Redaction().alerts([secret, plain])
    assert same is plain
    assert (count, shown.labels["dsn"], shown.annotations["summary"]) == (3, "pg://a:[redacted]@db", "on db")
    assert shown.generator_url == "http://p/graph?password=[redacted]"
    assert shown.fingerprint == secret.fingerprint == fingerprint(secret.labels) != fingerprint(shown.labels)


def test_values_in_values() -> None:
    value = {"a": [{"password": "hunter2", "n": 1, "x": None}, "pg://a:hunter2@db"], "b": True}
    assert Redaction().value(value) == {
        "a": [{"password": REDACTED, "n": 1, "x": None}, "pg://a:[redacted]@db"],
        "b": True,
    }


PIECES = st.sampled_from(
    [
        *(text for text, _ in HIDDEN.values()),
        *SHOWN.values(),
        *(t for t, _ in ON_REQUEST.values()),
        " ",
        "=",
        ":",
        '"',
        "a1",
    ]
)
TEXTS = st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=4).map("".join))


@given(TEXTS)
def test_what_is_redacted_stays_as_it_is(text: str) -> None:
    once = EVERYTHING.text(text)
    assert EVERYTHING.text(once) == once


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz ", max_size=40), st.integers(0, 10**9), TEXTS)
def test_a_credential_is_found_wherever_it_stands(before: str, number: int, after: str) -> None:
    password = f"pw-{number}-X"
    assert password not in Redaction().text(f"{before} redis://user:{password}@cache/ {after}")


@given(st.text(alphabet="0123456789abcdef", min_size=7, max_size=64))
def test_no_hash_is_a_credential(digits: str) -> None:
    for text in (
        digits,
        f"sha256:{digits}",
        f"app-{digits[:8]}-{digits[:5]}",
        f"image@sha256:{digits}",
        f"v1.2.3+{digits}",
    ):
        assert Redaction().text(text) == text


@given(st.text(alphabet="0123456789", min_size=12, max_size=18))
def test_the_check_digit(digits: str) -> None:
    assert sum(passes_luhn(digits + str(last)) for last in range(10)) == 1


HOSTILE = {
    "names": "password" * 8000,
    "assignments": "password=" * 8000,
    "addresses": "://a:" * 12000,
    "digits": "4 " * 30000,
    "tokens": "eyJ-" * 15000,
    "keys": "-----BEGIN PRIVATE KEY-----" * 2000,
    "mails": "a@a." * 15000,
    "headers": "bearer " * 8000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_long_hostile_text_comes_to_an_end(text: str) -> None:
    """With a pattern that tries again from every place, these would go on for minutes."""
    assert len(EVERYTHING.text(text)) > 0
