"""That a search for secrets finds one, whatever it was made into."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest

from tests.secrets.marks import Marks

WAYS = {
    "as it is": lambda mark: f"password {mark}!",
    "in capitals": lambda mark: mark.upper(),
    "percent-encoded": lambda mark: quote(mark, safe=""),
    "as JSON": lambda mark: json.dumps({"error": mark}),
    "as JSON in JSON": lambda mark: json.dumps({"error": json.dumps([mark])}),
    "as a text of Python": repr,
    "in a header": lambda mark: "Basic " + base64.b64encode(f"ann:{mark}".encode()).decode(),
    "in another header": lambda mark: "Basic " + base64.b64encode(f"ann0:{mark}".encode()).decode(),
    "in a third header": lambda mark: "Basic " + base64.b64encode(f"ann00:{mark}\n".encode()).decode(),
    "cut off": lambda mark: f"error: {mark[:20]}…",
}


@pytest.mark.parametrize("odd", [True, False])
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_it_is_found(way, odd):
    marks = Marks()
    other, mark = marks("another place"), marks("here", odd=odd)
    assert {place for place, _ in marks.found_in(["nothing", way(mark)])} == {"here"}
    assert marks.found_in(["nothing", other[:6]]) == set()
