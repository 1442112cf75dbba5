"""Text messages: what they say, and in how many segments."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given

from tests.adapters.samples import CASES, alert, notification, notifications
from tests.golden import assert_golden
from tocsin.adapters.sms import SEPTETS, as_gsm, render, segments, septets, units
from tocsin.core.notifications import Notification
from tocsin.core.receivers import Kind

LINK = (
    "https://abcdefghij.execute-api.ap-southeast-2.amazonaws.com/act?t=EQJp9Xq0AAEjRWeJq83vYW5uqlTVfAYAhKnMfIs-sn1_0g"
)


def linked(given_: Notification) -> Notification:
    return replace(given_, acknowledge_url=LINK)


def test_the_usual_one_is_two_segments_with_its_link() -> None:
    text = render(linked(notification(Kind.SNS, alert())))
    assert text.startswith("CRITICAL: HighErrorRate (service=checkout) - 7.2% (threshold: 5%) - checkout answers 7.2%")
    assert text.endswith(f"\nAck: {LINK}")
    assert segments(text) == 2


@pytest.mark.parametrize("name", CASES)
def test_golden(name: str) -> None:
    if name == "broken":
        return
    assert_golden(f"sms/{name}.txt", render(linked(CASES[name](Kind.SNS))) + "\n")


def test_without_a_link_it_names_the_incident() -> None:
    text = render(notification(Kind.SNS, alert(), incident="inc-0123456789abcdef"))
    assert text.endswith("[inc-0123456789abcdef]")
    assert segments(text) == 1


@given(notifications(Kind.SNS))
def test_any_is_short_and_its_link_whole(given_: Notification) -> None:
    text = render(linked(given_))
    assert text.endswith(f"\nAck: {LINK}")
    is_gsm = as_gsm(text) == text
    assert segments(text) <= (2 if is_gsm else 4)
    assert len(text) <= 1600
    text.encode()


def test_accents_and_punctuation_do_not_double_the_price() -> None:
    said = {"summary": "Größe “über” 90 % – São Paulo’s Łódź… ≥ 5 µs ☃"}
    text = render(linked(notification(Kind.SNS, alert(annotations=said, value=None))))
    assert text.split(" - ", 1)[1].split("\n")[0] == 'Größe "über" 90 % - Sao Paulo\'s Lodz... >= 5 us ?'
    assert segments(text) == 2


def test_another_script_is_kept() -> None:
    said = {"summary": "数据库磁盘空间不足，请立即处理" * 20}
    labels = {"alertname": "磁盘空间不足", "service": "数据库", "severity": "critical"}
    text = render(linked(notification(Kind.SNS, alert(labels=labels, annotations=said))))
    assert "磁盘空间不足" in text
    assert text.endswith(LINK)
    assert 1 < segments(text) <= 4


SEGMENTS = {
    "nothing": ("", 1),
    "160 of the alphabet": ("a" * 160, 1),
    "161 of the alphabet": ("a" * 161, 2),
    "306 of the alphabet": ("a" * 306, 2),
    "307 of the alphabet": ("a" * 307, 3),
    "80 brackets take 160": ("[" * 80, 1),
    "81 brackets do not": ("[" * 81, 2),
    "70 of another script": ("数" * 70, 1),
    "71 of another script": ("数" * 71, 2),
    "35 faces take 70": ("😀" * 35, 1),
    "36 faces do not": ("😀" * 36, 2),
}


@pytest.mark.parametrize(("text", "count"), SEGMENTS.values(), ids=SEGMENTS.keys())
def test_segments(text: str, count: int) -> None:
    assert segments(text) == count


def test_how_long_a_text_is() -> None:
    assert (septets("a[€"), units("a😀"), SEPTETS) == (5, 3, 306)
