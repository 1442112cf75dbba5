"""Matchers: parsed, matched and printed as Alertmanager does."""

from __future__ import annotations

import pytest

from tests.conformance.cases import load_cases, of_kind
from tocsin.config.patterns import compile_pattern
from tocsin.core.matcher_syntax import MatcherSyntaxError, Syntax, is_label_name, parse_matcher, parse_matchers
from tocsin.core.matchers import Matcher, MatchType, matches_all

CASES = load_cases("matchers.json")


def _as_data(matchers):
    return [{"name": matcher.name, "op": str(matcher.type), "value": matcher.value} for matcher in matchers]


@pytest.mark.parametrize("syntax", list(Syntax))
@pytest.mark.parametrize("case", of_kind(CASES, "parse"))
def test_a_text_means_the_matchers_that_alertmanager_reads(case, syntax):
    expected = case["results"][syntax]
    if "error" in expected:
        with pytest.raises(MatcherSyntaxError):
            parse_matchers(case["input"], compile_pattern, syntax)
    else:
        assert _as_data(parse_matchers(case["input"], compile_pattern, syntax)) == expected["matchers"]


@pytest.mark.parametrize("syntax", list(Syntax))
@pytest.mark.parametrize("case", of_kind(CASES, "parse_single"))
def test_a_text_for_one_matcher_means_what_alertmanager_reads(case, syntax):
    expected = case["results"][syntax]
    if "error" in expected:
        with pytest.raises(MatcherSyntaxError):
            parse_matcher(case["input"], compile_pattern, syntax)
    else:
        assert _as_data([parse_matcher(case["input"], compile_pattern, syntax)]) == expected["matchers"]


def _matcher(name, op, value):
    type_ = MatchType(op)
    return Matcher(name, type_, value, compile_pattern(value) if type_.is_regexp else None)


@pytest.mark.parametrize("case", of_kind(CASES, "match_value"))
def test_one_matcher_against_one_value(case):
    if "error" in case:
        with pytest.raises(ValueError, match="RE2"):
            _matcher("label", case["op"], case["value"])
    else:
        assert _matcher("label", case["op"], case["value"]).matches({"label": case["subject"]}) is case["match"]


@pytest.mark.parametrize("case", of_kind(CASES, "match"))
def test_matchers_against_a_label_set(case):
    assert matches_all(parse_matchers(case["matchers"], compile_pattern), case["labels"]) is case["match"]


@pytest.mark.parametrize("case", of_kind(CASES, "print"))
def test_a_matcher_is_printed_canonically(case):
    assert str(_matcher(case["name"], case["op"], case["value"])) == case["text"]


@pytest.mark.parametrize("case", of_kind(CASES, "label_name"))
def test_a_label_name_is_valid_where_alertmanager_says_so(case):
    assert is_label_name(case["name"], Syntax.CLASSIC) is case["classic"]
    assert is_label_name(case["name"], Syntax.UTF8) is case["utf8"]
