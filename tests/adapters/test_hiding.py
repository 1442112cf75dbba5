"""Secrets taken out of texts, whatever they were made into, and no more than that."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.secrets.marks import forms, in_base64
from tocsin.adapters.hiding import hide, hide_bytes

SECRET = 'zq1f3/+"&=9a7c5k'
HOOK = "https://hooks.example.com/services/T000/B000/zq1f39a7c5kzq1f3?key=zq7c5kzq1f39a"

CASES = {
    "as it is": (f"no {SECRET}!", "no …!"),
    "percent-encoded": (quote(SECRET, safe=""), "…"),
    "as JSON": (json.dumps({"e": SECRET}), '{"e": "…"}'),
    "twice": (f"{SECRET} {SECRET}", "… …"),
    "cut off before an ellipsis": (f"sent {SECRET[:9]}… and more", "sent … and more"),
    "cut off at the end": (f"sent {SECRET[:9]}", "sent …"),
    "a beginning that goes on otherwise": (f"{SECRET[:7]}XYZ", f"{SECRET[:7]}XYZ"),
    "another text": ("nothing to hide", "nothing to hide"),
}


@pytest.mark.parametrize(("text", "shown"), CASES.values(), ids=CASES.keys())
def test_a_secret_is_hidden(text: str, shown: str) -> None:
    assert hide(text, SECRET) == shown


URLS = {
    "all of it": (f"POST {HOOK}", "POST …"),
    "its path": ("POST /services/T000/B000/zq1f39a7c5kzq1f3", "POST /…"),
    "its last part": ("no hook zq1f39a7c5kzq1f3", "no hook …"),
    "a parameter": ("no key zq7c5kzq1f39a", "no key …"),
    "its host": ("hooks.example.com answered 404", "hooks.example.com answered 404"),
    "its host, as errors have it": ("https://hooks.example.com/… answered", "https://hooks.example.com/… answered"),
    "a word of its path": ("the services are down: service", "the services are down: service"),
}


@pytest.mark.parametrize(("text", "shown"), URLS.values(), ids=URLS.keys())
def test_what_of_a_url_is_hidden(text: str, shown: str) -> None:
    assert hide(text, HOOK) == shown


def test_a_url_without_a_path_hides_nothing_but_its_password() -> None:
    assert (
        hide("https://example.com/… says hunter22", "https://ann:hunter22@example.com/")
        == "https://example.com/… says …"
    )


@pytest.mark.parametrize("name", ["ann", "ann0", "ann00"])
def test_a_header_that_is_repeated(name: str) -> None:
    header = base64.b64encode(f"{name}:{SECRET}".encode()).decode()
    assert in_base64(SECRET.encode(), (len(name) + 1) % 3) not in hide(f"you sent {header}", SECRET)


def test_what_is_too_short_to_be_told_from_words_stays() -> None:
    assert hide("a cat", "a", "cat", "") == "a cat"


def test_bytes_without_a_secret_are_the_very_same() -> None:
    body = b"\xff\xfe broken"
    assert hide_bytes(body, [SECRET]) is body
    assert hide_bytes(b"\xff" + SECRET.encode(), [SECRET]) == b"\xff\xe2\x80\xa6"


@given(st.text(max_size=30), st.text(max_size=30), st.text("abcXYZ019+/=&\"'<>% ", min_size=8, max_size=40))
def test_no_form_is_left(before: str, after: str, secret: str) -> None:
    secret = "q7" + secret.strip() + "7q"
    for name, form in forms(secret).items():
        if name != "its first half":
            hidden = hide(f"{before} {form} {after}", secret)
            assert secret not in hidden
            assert form not in hidden.replace("…", "")
