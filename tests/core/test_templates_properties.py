"""What holds for any template: it ends, and all it raises is TemplateError."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from tocsin.core.templates import Limits, TemplateError, expand, expand_or_explain, parse
from tocsin.core.templates.functions import NAMES
from tocsin.core.templates.literals import parse_float, unquote
from tocsin.core.templates.printing import format_float
from tocsin.core.templates.verbs import quote, sprintf

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)

PIECES = st.sampled_from(
    [
        "{{",
        "}}",
        "{{- ",
        " -}}",
        " ",
        "\n",
        "(",
        ")",
        "|",
        ":=",
        "=",
        ",",
        ".",
        "$",
        "$x",
        "$value",
        "$labels",
        ".a",
        ".Labels",
        "if ",
        "else ",
        "end",
        "range ",
        "with ",
        'define "t"',
        'template "t" ',
        'block "t" ',
        "break",
        "continue",
        "nil",
        "true",
        "1",
        "2.5",
        "-3",
        "1e9",
        "0x",
        "'a'",
        '"s"',
        '"%d %s"',
        "`r`",
        "/*",
        "*/",
        "9" * 20,
        "text",
        *sorted(NAMES),
    ]
)
SOUP = st.lists(PIECES, max_size=25).map("".join)
WORDS = st.sampled_from(
    [
        "$value",
        "$labels",
        "$labels.job",
        ".Labels",
        '"x"',
        '"%5.2f"',
        "1",
        "80.0",
        "nil",
        "true",
        '(query "m")',
        "now",
        "(args 1 2)",
    ]
)
CALLS = st.builds(
    lambda name, words, last: "{{ " + " ".join([name, *words]) + f" | {last} }}}}",
    st.sampled_from(sorted(NAMES)),
    st.lists(WORDS, max_size=3),
    st.sampled_from(sorted(NAMES)),
)


def explain(text):
    return expand_or_explain(text, labels={"job": "a"}, value=1.5, now=NOW, query=lambda expression, now: [])


@given(st.one_of(st.text(), SOUP, SOUP.map(lambda text: "{{ " + text + " }}")))
def test_any_text_gives_text_or_a_template_error(text):
    assert isinstance(explain(text), str)


@given(CALLS)
def test_any_call_gives_text_or_a_template_error(text):
    assert isinstance(explain(text), str)


@given(SOUP)
def test_an_error_of_parsing_has_its_line_inside_the_text(text):
    try:
        parse(text)
        line = 1
    except TemplateError as error:
        line = error.line
    assert 1 <= line <= text.count("\n") + 1


@given(st.text().filter(lambda text: "{{" not in text))
def test_text_without_actions_is_itself(text):
    assert expand(text, labels={}, value=0.0, now=NOW) == text


@given(st.dictionaries(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), st.text(), max_size=4))
def test_a_label_prints_as_it_is(labels):
    text = "".join(f"{{{{ $labels.{name} }}}}" for name in labels)
    assert expand(text, labels=labels, value=0.0, now=NOW) == "".join(labels.values())


@given(st.floats(allow_nan=False))
def test_a_printed_float_reads_back_as_itself(number):
    assert parse_float(format_float(number)) == number


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_a_quoted_text_reads_back_as_itself(text):
    assert unquote(quote(text, '"')) == text


@given(
    st.text(alphabet="%#0+- 123456789.*[]dsvqxXeEfgGtTcUbo!z", max_size=12),
    st.lists(st.one_of(st.integers(), st.floats(), st.text(max_size=4), st.none()), max_size=3),
)
def test_printf_always_prints(template, arguments):
    assert isinstance(sprintf(template, *arguments), str)


def test_the_limits_are_what_people_never_reach():
    assert Limits() == Limits(characters=1_000_000, steps=100_000, depth=50)
