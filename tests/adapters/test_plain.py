"""The text that a topic's email subscribers read, and what is said when nothing else can be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from tests.adapters.samples import CASES, alert, broken, escalated, notification, notifications
from tests.golden import assert_golden
from tocsin.adapters.plain import DEFAULT_BYTES, TEXT_BYTES, degraded, render, render_short
from tocsin.core.notifications import Notification
from tocsin.core.receivers import Kind

SNS = Kind.SNS


@pytest.mark.parametrize("name", CASES)
def test_golden(name: str) -> None:
    given_ = CASES[name](SNS)
    plain = render(given_)
    assert_golden(
        f"plain/{name}.txt", f"Subject: {plain.subject}\n\n{plain.text}\n== short ==\n{render_short(given_)}\n"
    )


@given(notifications(SNS))
def test_sns_takes_whatever_is_said(given_: Notification) -> None:
    plain, short = render(given_), render_short(given_)
    assert 0 < len(plain.subject) <= 100
    assert all(" " <= character <= "~" for character in plain.subject)
    assert "could not be rendered" not in plain.text
    assert 0 < len(plain.text.encode()) <= TEXT_BYTES
    assert 0 < len(short.encode()) <= DEFAULT_BYTES
    assert plain == render(given_)


@pytest.mark.parametrize(
    ("name", "subject"),
    [
        ("Überlast", "[FIRING:1] Uberlast (service=checkout)"),
        ("過負荷", "[FIRING:1] ??? (service=checkout)"),
        ("a\nb", "[FIRING:1] a b (service=checkout)"),
        ("x" * 200, "[FIRING:1] " + "x" * 86 + "..."),
    ],
)
def test_a_subject_is_ascii_on_one_line(name: str, subject: str) -> None:
    assert render(notification(SNS, alert(name))).subject == subject


def test_the_first_step_comes_at_once_and_blames_nobody() -> None:
    assert "nobody" not in render(replace(escalated(SNS), step=1)).text
    assert "nobody has acknowledged it" in render(escalated(SNS)).text


def test_a_message_that_cannot_be_made_says_why_and_what_it_was_about() -> None:
    text = render(broken(SNS)).text
    assert "could not be rendered: TypeError" in text
    assert 'alertname="HighErrorRate"' in text
    assert "tocsin alert ack" in text


def test_the_last_resort_survives_anything() -> None:
    nothing: Any = None
    hollow = replace(broken(SNS), alerts=nothing, group_key=nothing, status=nothing, severity=nothing)
    plain = degraded(hollow, ValueError("\ud800 odd\nerror"))
    assert plain.subject == "[ALERT] None"
    assert "ValueError" in plain.text
