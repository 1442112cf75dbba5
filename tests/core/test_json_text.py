"""JSON that others send: what is read as Go reads it, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.core.json_text import CONTAINERS, DEPTH, VALUES, JsonError, read_json, whole_text

READ: dict[str, tuple[str | bytes, Any]] = {
    "an object": ('{"a": [1, -2.5e3, true, null, "ü"]}', {"a": [1, -2500.0, True, None, "ü"]}),
    "bytes": ('{"a": "ü"}'.encode(), {"a": "ü"}),
    "a broken byte": (b'{"a": "\xff!"}', {"a": "\ufffd!"}),
    "half a pair": (r'{"\ud800": "a\udc00b"}', {"\ufffd": "a\ufffdb"}),
    "a pair": (r'"\ud83d\ude00"', "😀"),
    "what looks like an escape": (r'"\\ud800"', r"\ud800"),
    "one key in two objects": ('[{"a": 1}, {"a": 1}]', [{"a": 1}, {"a": 1}]),
    "depth that is allowed": ("[" * DEPTH + "]" * DEPTH, json.loads("[" * DEPTH + "]" * DEPTH)),
}


@pytest.mark.parametrize(("text", "value"), READ.values(), ids=READ.keys())
def test_it_is_read(text: str | bytes, value: Any) -> None:
    assert read_json(text) == value


REFUSED: dict[str, tuple[str | bytes, str]] = {
    "nothing": ("", "Expecting value: line 1 column 1 (char 0)"),
    "a key twice": ('{"a": {"b": 1, "c": 2, "b": 3}}', "the key 'b' stands twice in an object"),
    "a key twice, escaped": (r'{"a": 1, "\u0061": 2}', "the key 'a' stands twice in an object"),
    "no number": ('{"a": NaN}', "NaN is no JSON"),
    "infinity": ("[-Infinity]", "-Infinity is no JSON"),
    "a number that is too long": ("1" * 41, "a number in it is too long"),
    "a fraction that is too long": ("0." + "1" * 40, "a number in it is too long"),
    "a number that is far too long": ("1" * 1_000_000, "a number in it is too long"),
    "depth": ("[" * (DEPTH + 2) + "]" * (DEPTH + 2), "it is nested too deeply"),
    "depth of objects": ('{"a":' * 40 + "1" + "}" * 40, "it is nested too deeply"),
    "depth beyond the stack": ("[" * 90_000 + "]" * 90_000, "it is nested too deeply"),
    "too many lists": ("[" + "[]," * CONTAINERS + "[]]", "it holds too many values"),
    "too many values": ("[" + "1," * VALUES + "1,1]", "it holds too many values"),
    "a line break in a text": ('"a\nb"', "Invalid control character at: line 1 column 3 (char 2)"),
    "another encoding": ('{"a": 1}'.encode("utf-16"), "Expecting value: line 1 column 1 (char 0)"),
}


@pytest.mark.parametrize(("text", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_it_is_refused(text: str | bytes, reason: str) -> None:
    with pytest.raises(JsonError) as refused:
        read_json(text)
    assert str(refused.value) == reason


def test_line_breaks_in_texts_where_they_are_allowed() -> None:
    assert read_json('"a\nb"', is_strict=False) == "a\nb"


VALUES_OF_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES_OF_JSON, st.booleans())
def test_what_is_written_is_read(value: Any, ascii_only: bool) -> None:
    assert read_json(json.dumps(value, ensure_ascii=ascii_only)) == value


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_whatever_comes_is_a_value_or_refused(text: str | bytes) -> None:
    try:
        value = read_json(text)
    except JsonError:
        return
    json.dumps(value, ensure_ascii=False).encode()  # what was read can be written


@given(st.text(st.characters(exclude_categories=[]), max_size=40))
def test_a_whole_text_is_utf_8_and_stays_as_it_is(text: str) -> None:
    whole = whole_text(text)
    assert whole == whole_text(whole)
    whole.encode()
    if not any(0xD800 <= ord(each) <= 0xDFFF for each in text):
        assert whole == text
