"""The template language: what is printed, what is refused, and that everything ends.

Expected texts are what Go's text/template printed for the same template.
"""

import re
from datetime import UTC, datetime

import pytest

from tocsin.config.patterns import compile_pattern
from tocsin.core.steps import Steps
from tocsin.core.templates import (
    Function,
    Limits,
    MissingKey,
    StringMap,
    Struct,
    TemplateError,
    execute,
    expand,
    expand_or_explain,
    parse,
    syntax,
)
from tocsin.core.templates.functions import NAMES, rule_functions

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
LABELS = {"alertname": "DiskFull", "instance": "db-1:9100", "severity": "critical"}


def render(text, **options):
    return expand(
        text,
        labels=LABELS,
        value=81.5,
        external_labels={"region": "eu"},
        now=NOW,
        **{"compile": compile_pattern, **options},
    )


PRINTED = [
    ("text without actions is kept", "50% {full}", "50% {full}"),
    ("$labels is the alert's labels", "{{ $labels.instance }}", "db-1:9100"),
    (".Labels is the same", "{{ .Labels.instance }}", "db-1:9100"),
    ("$value is the expression's value", "{{ $value }} {{ .Value }}", "81.5 81.5"),
    ("$externalLabels are the server's labels", "{{ $externalLabels.region }}", "eu"),
    ("a label that is not there is empty", "[{{ $labels.nope }}]", "[]"),
    ("a field of no data prints as no value", "{{ with args }}x{{ else }}{{ (args).arg9 }}{{ end }}", "<no value>"),
    ("a value is piped in as the last argument", '{{ "x" | printf "%s-%s" "y" }}', "y-x"),
    ("parentheses make one argument", '{{ len (print "a" "b") }}', "2"),
    (
        "a variable is declared once and assigned anywhere below",
        "{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ end }}{{ $x }}",
        "2",
    ),
    (
        "declaring in a block leaves the outer variable alone",
        "{{ $x := 1 }}{{ if true }}{{ $x := 2 }}{{ end }}{{ $x }}",
        "1",
    ),
    ("dollar is the data", "{{ with 5 }}{{ . }}{{ $.Value }}{{ end }}", "581.5"),
    ("else if takes the first that is true", "{{ if false }}a{{ else if true }}b{{ else }}c{{ end }}", "b"),
    ("with sets dot", "{{ with $labels.severity }}<{{ . }}>{{ else }}none{{ end }}", "<critical>"),
    (
        "with an empty value takes its else, where dot is unchanged",
        "{{ with $labels.nope }}x{{ else }}{{ .Value }}{{ end }}",
        "81.5",
    ),
    ("else with tries another value", '{{ with "" }}x{{ else with "b" }}{{ . }}{{ end }}', "b"),
    (
        "range goes through a map in the order of its keys",
        "{{ range $k, $v := .Labels }}{{ $k }}={{ $v }};{{ end }}",
        "alertname=DiskFull;instance=db-1:9100;severity=critical;",
    ),
    (
        "range with one variable gets the elements",
        "{{ range $v := .Labels }}{{ $v }},{{ end }}",
        "DiskFull,db-1:9100,critical,",
    ),
    ("range over a number counts", "{{ range $i := 3 }}{{ $i }}{{ end }}", "012"),
    ("range over nothing takes its else", '{{ range query "x" }}a{{ else }}none{{ end }}', "none"),
    ("break leaves the loop", "{{ range 5 }}{{ if eq . 2 }}{{ break }}{{ end }}{{ . }}{{ end }}", "01"),
    ("continue skips an element", "{{ range 4 }}{{ if eq . 2 }}{{ continue }}{{ end }}{{ . }}{{ end }}", "013"),
    ("a template is defined and invoked with data", '{{ define "t" }}[{{ . }}]{{ end }}{{ template "t" 5 }}', "[5]"),
    ("a block is defined where it stands", '{{ block "b" 5 }}<{{ . }}>{{ end }}{{ template "b" 6 }}', "<5><6>"),
    (
        "an empty definition does not hide another",
        '{{ define "a" }} {{ end }}{{ define "a" }}2{{ end }}{{ template "a" }}',
        "2",
    ),
    ("comments print nothing", "a{{/* b */}}c", "ac"),
    ("trim markers remove white space around an action", "a  {{- 1 -}} \n b", "a1b"),
    ("a comment can trim too", "a  {{- /* x */ -}}  b", "ab"),
    ("a minus directly behind the braces is a sign", "x {{-3}}", "x -3"),
    ("and returns the first empty argument", "{{ and 1 0 2 }} {{ and 1 2 }}", "0 2"),
    ("or returns the first argument that is not empty", '{{ or 0 "" "x" }}', "x"),
    (
        "and and or do not evaluate what they do not need",
        "{{ or true (humanize true) }} {{ and false (humanize true) }}",
        "true false",
    ),
    ("not turns truth around", '{{ not 0 }} {{ not "x" }}', "true false"),
    ("eq compares with any of several", '{{ eq "b" "a" "b" }} {{ eq 1 2 3 }}', "true false"),
    ("strings have an order", '{{ lt "a" "b" }} {{ ge "b" "a" }}', "true true"),
    ("a float compares with a float", "{{ gt $value 80.0 }} {{ le $value 80.0 }}", "true false"),
    ("nil equals nil only", "{{ eq nil nil }} {{ eq .ExternalURL nil }}", "true false"),
    ("index gets a key or a byte", '{{ index .Labels "severity" }} {{ index "abc" 1 }}', "critical 98"),
    ("slice cuts text", '{{ slice "abcdef" 1 3 }} {{ slice "abcdef" 4 }} {{ slice "ab" }}', "bc ef ab"),
    ("len counts bytes", '{{ len "äb" }} {{ len $labels }}', "3 3"),
    ("print puts spaces between operands that are no strings", '{{ print 1 2 "a" "b" 3 4.5 nil }}', "1 2ab3 4.5 <nil>"),
    ("println puts spaces between all", '{{ println "x" 1 2 }}', "x 1 2\n"),
    (
        "numbers have Go's spellings",
        "{{ 0x1F }} {{ 1e3 }} {{ 1_000 }} {{ 'a' }} {{ 017 }} {{ 0o17 }} {{ 0b101 }} {{ +5 }} {{ .5 }} {{ 0x1p4 }}",
        "31 1000 1000 97 15 15 5 5 0.5 16",
    ),
    ("strings have Go's escapes", r'{{ "a\tb\x41\u00e9\101\"" }} {{ `raw\n` }}', 'a\tbAé\101" raw\\n'),
    (
        "html, js and urlquery escape",
        """{{ html "<a href='x'>" }} {{ js "it's <b>" }} {{ urlquery "a b&c/é" }}""",
        r"&lt;a href=&#39;x&#39;&gt; it\'s \u003Cb\u003E a+b%26c%2F%C3%A9",
    ),
    ("an action may span lines", "{{\n print\n 1\n}}", "1"),
    ("braces that close nothing are text", "}} {{ 1 }}}}", "}} 1}}"),
    (
        "a whole data object prints like a Go struct",
        "{{ . }}",
        "{map[alertname:DiskFull instance:db-1:9100 severity:critical] map[region:eu]  81.5}",
    ),
]


@pytest.mark.parametrize(("text", "printed"), [case[1:] for case in PRINTED], ids=[case[0] for case in PRINTED])
def test_template_prints(text, printed):
    assert render(text, query=lambda expression, now: []) == printed


REFUSED_BY_PARSER = [
    ("an action that does not end", "{{ 1", "unclosed action"),
    ("a comment that does not end", "{{/* x", "unclosed comment"),
    ("a comment with something behind it", "{{/* x */ 1}}", "comment ends before closing delimiter"),
    ("a string that does not end", '{{ "x', "unterminated quoted string"),
    ("a raw string that does not end", "{{ `x", "unterminated raw quoted string"),
    ("a string with an unknown escape", r'{{ "\z" }}', "invalid syntax"),
    ("a parenthesis that does not close", "{{ (1 }}", "unclosed left paren"),
    ("a parenthesis that closes nothing", "{{ 1) }}", "unexpected right paren"),
    ("a block that does not end", "{{ if true }}x", "unexpected EOF"),
    ("an end of nothing", "{{ end }}", "unexpected {{end}}"),
    ("two elses", "{{ if 1 }}{{ else }}{{ else }}{{ end }}", "unexpected {{else}}"),
    ("an empty action", "{{ }}", "missing value for command"),
    ("an if without a value", "{{ if }}x{{ end }}", "missing value for if"),
    ("an unknown function", "{{ humanise 1 }}", 'function "humanise" not defined'),
    ("an unknown variable", "{{ $nope }}", 'undefined variable "$nope"'),
    ("a variable of another block", "{{ if 1 }}{{ $x := 1 }}{{ end }}{{ $x }}", 'undefined variable "$x"'),
    ("an alert's variable inside a definition", '{{ define "t" }}{{ $value }}{{ end }}', 'undefined variable "$value"'),
    ("a constant that a value is piped into", "{{ 1 | 2 }}", "non executable command in pipeline stage 2"),
    ("a field of a constant", "{{ 1 .Foo }}{{ true.Foo }}", "unexpected . after term"),
    ("a number with letters", "{{ 1a }}", "bad number syntax"),
    ("a number that no type holds", "{{ 99999999999999999999 }}", "integer overflow"),
    ("break outside a range", "{{ break }}", "{{break}} outside {{range}}"),
    ("break in a definition inside a range", '{{ range 3 }}{{ block "b" . }}{{ break }}{{ end }}{{ end }}', "outside"),
    ("a definition inside a block", '{{ if 1 }}{{ define "t" }}{{ end }}{{ end }}', "unexpected {{define}}"),
    ("two definitions of one name", '{{ define "a" }}1{{ end }}{{ define "a" }}2{{ end }}', "multiple definition"),
    ("three variables of a range", "{{ range $a, $b, $c := .Labels }}{{ end }}", "too many declarations in range"),
    ("two variables outside a range", "{{ $a, $b := 1 }}", "too many declarations in command"),
    ("a character that means nothing", "{{ \u00a0 }}", "unrecognized character in action: U+00A0"),
    ("a template name that is no string", "{{ template x }}", "unexpected"),
    ("blocks nested without end", "{{ if 1 }}" * 100, "levels deep"),
    ("parentheses nested without end", "{{ " + "(" * 100 + "1" + ")" * 100 + " }}", "levels deep"),
]


@pytest.mark.parametrize(
    ("text", "message"), [case[1:] for case in REFUSED_BY_PARSER], ids=[case[0] for case in REFUSED_BY_PARSER]
)
def test_parser_refuses(text, message):
    with pytest.raises(TemplateError, match=re.escape(message)):
        parse(text)


REFUSED_WHEN_EXECUTED = [
    ("an int compared with a float", "{{ gt $value 80 }}", "incompatible types for comparison: float64 and int"),
    ("booleans have no order", "{{ lt true false }}", "invalid type for comparison"),
    ("a comparison with nothing", "{{ eq 1 }}", "missing argument for comparison"),
    ("maps cannot be compared", "{{ eq .Labels .Labels }}", "non-comparable types"),
    ("a field that the data does not have", "{{ .Nope }}", "can't evaluate field Nope in type struct"),
    ("a field of a string", "{{ $labels.job.x }}", "can't evaluate field x in type string"),
    ("a number for a string", "{{ toUpper 1 }}", "expected string; found 1"),
    (
        "a float piped into a string's place",
        "{{ $value | toUpper }}",
        "wrong type for value; expected string; got float64",
    ),
    ("nil for a string", "{{ toUpper nil }}", "cannot assign nil to string"),
    ("too few arguments", '{{ match "x" }}', "wrong number of args for match: want 2 got 1"),
    ("too many arguments", '{{ title "a" "b" }}', "wrong number of args for title: want 1 got 2"),
    ("an argument for a value", '{{ .Value "x" }}', "has arguments"),
    ("nil alone", "{{ nil }}", "nil is not a command"),
    ("an index outside", '{{ index "abc" 3 }}', "index out of range: 3"),
    ("a string as an index", '{{ index "abc" "x" }}', "cannot index slice/array with type string"),
    ("slice bounds in the wrong order", '{{ slice "abc" 2 1 }}', "invalid slice index: 2 > 1"),
    ("the length of a number", "{{ len 3 }}", "len of type int"),
    ("a range over text", '{{ range "abc" }}{{ end }}', "range can't iterate over string"),
    ("a template that is not defined", '{{ template "x" }}', 'template "x" not defined'),
    ("a query where there are none", '{{ query "up" }}', "queries are not available here"),
    ("the first of no samples", "{{ first nil }}", "first() called on vector with no elements"),
    ("an assignment to a variable that was not declared", "{{ $x = 1 }}", "undefined variable: $x"),
    (
        "a template that invokes itself",
        '{{ define "r" }}{{ template "r" . }}{{ end }}{{ template "r" }}',
        "maximum template depth",
    ),
    ("a loop without end", "{{ range 1000000000 }}{{ end }}", "more than 100000 steps"),
    (
        "text that doubles",
        '{{ $x := "0123456789" }}{{ range 99 }}{{ $x = print $x $x }}{{ end }}',
        "more than 100000 steps",
    ),
    (
        "a structure that doubles",
        "{{ $x := 1 }}{{ range 99 }}{{ $x = args $x $x }}{{ end }}{{ $x }}",
        "output is too large",
    ),
    (
        "replacements that multiply",
        '{{ $x := printf "%9999d" 1 }}{{ reReplaceAll "." "$0$0$0$0$0$0$0$0$0$0" $x | reReplaceAll "." $x }}',
        "more than 100000 steps",
    ),
    (
        "a function that goes through the same long text again and again",
        '{{ $x := printf "%9999d" 1 }}{{ range 999 }}{{ $y := toUpper $x }}{{ end }}',
        "more than 100000 steps",
    ),
    (
        "a call with many words, again and again",
        "{{ range 999 }}{{ $x := and" + " 1" * 999 + " }}{{ end }}",
        "more than 100000 steps",
    ),
    (
        "many variables that are looked through",
        "".join(f"{{{{ $v{n} := 1 }}}}" for n in range(3_000)) + "{{ range 9999 }}{{ $x := $v0 }}{{ end }}",
        "more than 100000 steps",
    ),
    (
        "templates that call each other twice",
        '{{ define "a" }}{{ if . }}{{ template "a" (slice . 1) }}{{ template "a" (slice . 1) }}{{ end }}{{ end }}'
        '{{ template "a" "0123456789012345678901234567890123456789" }}',
        "more than 100000 steps",
    ),
    (
        "a pattern that backtracks where others backtrack",
        '{{ $x := printf "%9999d" 1 }}{{ range 99 }}{{ if match "(1+)+$" $x }}{{ end }}{{ end }}',
        "more than 100000 steps",
    ),
    (
        "patterns without end, each of which has to be compiled",
        '{{ range $i := 99999 }}{{ if match (printf "a%d" $i) "" }}{{ end }}{{ end }}',
        "more than 100000 steps",
    ),
    (
        "a pattern that looks through the whole rest for each match",
        '{{ $x := printf "%5000d" 1 }}{{ reReplaceAll "(?:.*x)|." "" $x }}',
        "more than 100000 steps",
    ),
]


@pytest.mark.parametrize(
    ("text", "message"), [case[1:] for case in REFUSED_WHEN_EXECUTED], ids=[case[0] for case in REFUSED_WHEN_EXECUTED]
)
def test_execution_refuses(text, message):
    with pytest.raises(TemplateError, match=re.escape(message)):
        render(text)


def test_error_of_execution_names_template_place_and_expression():
    with pytest.raises(TemplateError) as caught:
        render("ok\n  {{ .Nope }}", name="DiskFull")
    assert str(caught.value).startswith("template: DiskFull:2:6: executing 'DiskFull' at <.Nope>: ")
    assert (caught.value.line, caught.value.column) == (2, 6)


def test_error_of_parsing_has_a_position():
    with pytest.raises(TemplateError) as caught:
        parse("a\nb {{ nope }}", "DiskFull")
    assert str(caught.value) == 'template: DiskFull:2: function "nope" not defined'
    assert (caught.value.line, caught.value.column) == (2, 6)


def test_an_error_becomes_text_so_that_the_alert_still_fires():
    text = expand_or_explain("{{ $nope }}", labels={}, value=1, now=NOW)
    assert text == '<error expanding template: template: rule:1: undefined variable "$nope">'


def test_an_error_of_a_query_becomes_text():
    def query(expression, now):
        raise ConnectionError("no route")

    text = expand_or_explain('{{ query "up" }}', labels={}, value=1, now=NOW, query=query)
    place = """template: rule:1:4: executing 'rule' at <query "up">"""
    assert text == f"<error expanding template: {place}: error calling query: no route>"


# The general entry, with functions and data of the caller's choice

FUNCTIONS = rule_functions(compile=compile_pattern, now=NOW, external_url="", query=None, steps=Steps(1_000_000))


def run(text, data=None, *, functions=None, **options):
    functions = functions or FUNCTIONS
    return execute(syntax.parse(text, name="t", functions={*functions, "and", "or"}), data, functions, **options)


MISSING: list[tuple[str, MissingKey, object, str]] = [
    ("zero: no data has no value", MissingKey.ZERO, None, "<no value>"),
    ("zero: a map of strings has the empty one", MissingKey.ZERO, StringMap(), ""),
    ("zero: a map of anything has no value", MissingKey.ZERO, {}, "<no value>"),
    ("default: a map of strings has no value", MissingKey.DEFAULT, StringMap(), "<no value>"),
]


@pytest.mark.parametrize(
    ("missing_key", "data", "printed"), [case[1:] for case in MISSING], ids=[case[0] for case in MISSING]
)
def test_missing_key(missing_key, data, printed):
    assert run("{{ .Foo }}", data, missing_key=missing_key) == printed


@pytest.mark.parametrize("data", [None, {}, StringMap()], ids=["no data", "a map", "a map of strings"])
def test_missing_key_can_be_an_error(data):
    with pytest.raises(TemplateError, match="no entry for key"):
        run("{{ .Foo }}", data, missing_key=MissingKey.ERROR)


def test_data_with_fields_and_functions_of_the_caller():
    functions = {
        **FUNCTIONS,
        "join": Function(lambda separator, items: separator.join(items), ("string", "interface {}")),
    }
    data = Struct("template.Data", {"Names": ["a", "b"]})
    assert run('{{ .Names | join "+" }} {{ .Names }}', data, functions=functions) == "a+b [a b]"


def test_definitions_of_other_templates_can_be_included_and_replaced():
    base = syntax.parse(
        '{{ define "a" }}1{{ end }}{{ define "b" }}{{ template "a" }}!{{ end }}', name="base", functions=()
    )
    own = syntax.parse('{{ define "a" }}2{{ end }}', name="own", functions=())
    main = syntax.parse('{{ template "b" }}', name="main", functions=())
    assert execute(main.including(base, own), None, {}) == "2!"


def test_values_can_be_escaped_as_they_are_printed():
    assert run('{{ "<b>" }}|<i>', show=lambda value: f"({value})") == "(<b>)|<i>"


def test_the_output_is_bounded():
    with pytest.raises(TemplateError, match="output is too large"):
        run("{{ range 9 }}0123456789{{ end }}", limits=Limits(characters=50))


def test_a_function_that_breaks_is_an_error_of_the_template():
    functions = {"broken": Function(lambda: 1 // 0)}
    with pytest.raises(TemplateError, match="error calling broken: "):
        run("{{ broken }}", functions=functions)


def test_every_name_that_the_parser_admits_is_a_function():
    assert frozenset(FUNCTIONS) | {"and", "or"} == NAMES
