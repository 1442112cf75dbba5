"""Matchers: what they match, and how they are ordered and printed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.config.patterns import compile_pattern
from tocsin.core.matchers import Matcher, MatchType, matches_all


def matcher(name: str, sign: str, value: str) -> Matcher:
    type_ = MatchType(sign)
    return Matcher(name, type_, value, compile_pattern(value) if type_.is_regexp else None)


@pytest.mark.parametrize(
    ("name", "condition", "labels", "expected"),
    [
        ("an equal value matches", ("a", "=", "1"), {"a": "1"}, True),
        ("another value does not", ("a", "=", "1"), {"a": "2"}, False),
        ("an absent label is an empty one", ("a", "=", ""), {}, True),
        ("an absent label is not equal to a value", ("a", "!=", "1"), {}, True),
        ("a pattern matches the whole value", ("a", "=~", "b|bc"), {"a": "bc"}, True),
        ("a pattern does not match a part", ("a", "=~", "b"), {"a": "bc"}, False),
        ("a negated pattern matches the rest", ("a", "!~", "b"), {"a": "bc"}, True),
        ("a pattern may match an absent label", ("a", "=~", ".*"), {}, True),
    ],
)
def test_a_condition_on_one_label(name, condition, labels, expected):
    assert matcher(*condition).matches(labels) is expected


def test_all_conditions_must_hold_and_none_is_fulfilled_by_all():
    assert matches_all([], {"a": "1"})
    assert matches_all([matcher("a", "=", "1"), matcher("b", "!=", "1")], {"a": "1"})
    assert not matches_all([matcher("a", "=", "1"), matcher("b", "=", "1")], {"a": "1"})


def test_a_pattern_belongs_to_regular_expressions_only():
    with pytest.raises(ValueError, match="pattern"):
        Matcher("a", MatchType.REGEXP, "b")
    with pytest.raises(ValueError, match="pattern"):
        Matcher("a", MatchType.EQUAL, "b", compile_pattern("b"))


def test_matchers_are_ordered_by_name_then_value_then_sign():
    ordered = [matcher("a", "=", "1"), matcher("a", "=~", "1"), matcher("a", "!=", "2"), matcher("b", "=", "0")]
    assert sorted([ordered[2], ordered[3], ordered[1], ordered[0]]) == ordered


def test_a_pattern_is_no_part_of_equality():
    assert matcher("a", "=~", "b") == Matcher("a", MatchType.REGEXP, "b", compile_pattern("(?i)b"))


@given(st.text(), st.text(), st.sampled_from(["=", "!="]))
def test_a_sign_and_its_opposite_never_agree(value, other, sign):
    opposite = "!=" if sign == "=" else "="
    labels = {"a": other}
    assert matcher("a", sign, value).matches(labels) is not matcher("a", opposite, value).matches(labels)
