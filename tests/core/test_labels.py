"""Label sets: identity, order, and the pairs that several have in common."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.core.labels import Labels, common, fingerprint, quote

PAIRS = st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=6)


@given(PAIRS, st.randoms())
def test_a_fingerprint_ignores_the_order(pairs, random):
    shuffled = list(pairs.items())
    random.shuffle(shuffled)
    assert fingerprint(dict(shuffled)) == fingerprint(pairs)


@given(PAIRS, st.randoms())
def test_label_sets_are_equal_whatever_the_order_and_without_empty_values(pairs, random):
    shuffled = [*pairs.items()]
    random.shuffle(shuffled)
    with_empty = dict([*shuffled, ("no such name before", "")])
    assert Labels(with_empty) == Labels(pairs)
    assert hash(Labels(with_empty)) == hash(Labels(pairs))
    assert list(Labels(pairs)) == sorted(name for name, value in pairs.items() if value)


@given(st.lists(PAIRS, min_size=1, max_size=4))
def test_what_is_common_is_in_every_set(sets):
    shared = common(sets)
    assert all(shared.items() <= each.items() for each in sets)
    assert all(pair in shared.items() for pair in sets[0].items() if all(pair in each.items() for each in sets))


def test_nothing_is_common_to_no_sets():
    assert common([]) == {}


def test_label_sets_are_changed_by_making_new_ones():
    labels = Labels({"a": "1", "b": "2"})
    assert labels.with_({"b": "", "c": "3"}) == Labels({"a": "1", "c": "3"})
    assert labels.only(["b", "missing"]) == Labels({"b": "2"})
    assert labels.without("a") == Labels({"b": "2"})
    assert labels == Labels({"b": "2", "a": "1"})
    assert labels != {"a": "1", "b": "2"}
    assert repr(labels) == 'Labels({a="1", b="2"})'


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("quotes and backslashes are escaped", 'a"b\\c', r'"a\"b\\c"'),
        ("line breaks are escaped", "a\nb", r'"a\nb"'),
        ("control characters are hexadecimal", "\x01", r'"\x01"'),
        ("what cannot be printed keeps its code point", "\u200b\U000e0001", r'"\u200b\U000e0001"'),
        ("other letters stay", "Zürich", '"Zürich"'),
    ],
)
def test_quoting_is_gos(name, text, expected):
    assert quote(text) == expected
