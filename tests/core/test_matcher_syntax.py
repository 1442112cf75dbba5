"""The text of matchers: Alertmanager's two grammars and the fall-back between them."""

from __future__ import annotations

import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.core.matcher_syntax import MatcherSyntaxError, Syntax, is_label_name, parse_matcher, parse_matchers
from tocsin.core.matchers import Matcher, MatchType

TEXTS = st.text(alphabet="ab=!~{},\" \\\n'`xu041é🙂", max_size=20)


def compile_pattern(text):
    try:
        return re.compile(text)
    except re.error as error:
        raise ValueError(str(error)) from None


def read(text, syntax=Syntax.FALLBACK):
    return [str(each) for each in parse_matchers(text, compile_pattern, syntax)]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("braces are optional", 'severity="critical"', ['severity="critical"']),
        ("a comma stands between matchers", '{a="1",b!="2"}', ['a="1"', 'b!="2"']),
        ("values may stand without quotes", "a=b", ['a="b"']),
        ("a comma in quotes belongs to the value", 'a="x,y"', ['a="x,y"']),
        ("where both grammars accept, the classic meaning holds", r'a="\x41"', [r'a="\\x41"']),
        ("names outside the classic letters need the newer grammar", '"a.b"="c"', ['a.b="c"']),
        ("a name with reserved characters is printed in quotes", '"a b"="c"', ['"a b"="c"']),
        ("nothing is no matcher", "{}", []),
    ],
)
def test_texts_that_are_read(name, text, expected):
    assert read(text) == expected


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("no sign", "severity", "bad matcher format"),
        ("a quote that is never closed", 'a="b', "closing double quote"),
        ("a quote inside a value", 'a=b"c', "unescaped double quote"),
        ("a pattern that does not compile", 'a=~"("', "a=~"),
    ],
)
def test_texts_that_are_refused_with_a_reason(name, text, reason):
    with pytest.raises(MatcherSyntaxError, match=reason):
        parse_matchers(text, compile_pattern)


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("an open brace needs its close", "{a=b", "expected }"),
        ("a close brace needs its open", "a=b}", "expected the end of the input"),
        ("a comma needs a matcher before it", "{,}", "expected a quoted text"),
        ("a character that must stand in quotes", "a='b'", "needs double quotes"),
        ("an exclamation mark alone", "a!b", "must be followed"),
        ("bytes that are no text", r'a="\xff"', "not UTF-8"),
        ("half a surrogate pair", r'a="\ud800"', "no character"),
        ("an octal escape above a byte", r'a="\777"', "no character"),
        ("an escape that Go does not know", r'a="\q"', "escape"),
        ("a line break in quotes", 'a="b\nc"', "line break"),
        ("a quote that is never closed", 'a="b', "never closed"),
    ],
)
def test_the_newer_grammar_says_where_it_stops(name, text, reason):
    with pytest.raises(MatcherSyntaxError, match=reason):
        parse_matchers(text, compile_pattern, Syntax.UTF8)


def test_one_matcher_takes_its_commas_in_the_classic_grammar():
    assert parse_matcher("a=b,c", compile_pattern) == Matcher("a", MatchType.EQUAL, "b,c")
    with pytest.raises(MatcherSyntaxError, match="expected one matcher, found 2"):
        parse_matcher("a=b,c=d", compile_pattern, Syntax.UTF8)
    with pytest.raises(MatcherSyntaxError, match="brace"):
        parse_matcher("{a=b}", compile_pattern)


def test_label_names_may_be_any_text_but_the_empty_one():
    assert is_label_name("a b.c")
    assert not is_label_name("")
    assert not is_label_name("\ud800")
    assert not is_label_name("a.b", Syntax.CLASSIC)


@given(TEXTS, st.sampled_from(list(Syntax)))
def test_any_text_gives_matchers_or_a_syntax_error(text, syntax):
    for parse in (parse_matchers, parse_matcher):
        with contextlib.suppress(MatcherSyntaxError):
            parse(text, compile_pattern, syntax)


@given(st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]*", fullmatch=True), st.text(), st.sampled_from(["=", "!="]))
def test_reading_what_was_printed_gives_the_matcher_again(name, value, sign):
    printed = Matcher(name, MatchType(sign), value)
    assert parse_matchers(str(printed), compile_pattern, Syntax.CLASSIC) == (printed,)
