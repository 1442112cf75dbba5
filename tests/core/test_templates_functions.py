"""The functions of Prometheus's rule templates."""

from datetime import UTC, datetime

import pytest

from tocsin.config.patterns import compile_pattern
from tocsin.core.templates import QueryResult, TemplateError, expand

NOW = datetime(2026, 11, 20, 3, 0, 0, 500_000, tzinfo=UTC)
SAMPLES = [QueryResult({"instance": "b", "__value__": "x"}, 2.0), QueryResult({"instance": "a"}, 1.5)]


def render(text):
    return expand(
        text,
        labels={},
        value=1.0,
        external_url="https://tocsin.example/a%20b/",
        now=NOW,
        query=lambda expression, now: SAMPLES if now == NOW else [],
        compile=compile_pattern,
    )


PRINTED = [
    (
        "humanize takes metric prefixes",
        "{{ humanize 1536.0 }} {{ humanize 0.00012 }} {{ humanize -1234567 }}",
        "1.536k 120u -1.235M",
    ),
    ("humanize leaves what is not finite", '{{ humanize "NaN" }} {{ humanize "+Inf" }} {{ humanize 0 }}', "NaN +Inf 0"),
    (
        "humanize1024 takes binary prefixes",
        "{{ humanize1024 1536 }} {{ humanize1024 1048576.0 }} {{ humanize1024 0.5 }}",
        "1.5ki 1Mi 0.5",
    ),
    (
        "humanizeDuration",
        "{{ humanizeDuration 93784.5 }}|{{ 0.0123 | humanizeDuration }}|"
        '{{ humanizeDuration "-61" }}|{{ humanizeDuration 0 }}',
        "1d 2h 3m 4s|12.3ms|-1m 1s|0s",
    ),
    ("a duration is humanized by its seconds", "{{ toDuration 90 | humanizeDuration }}", "1m 30s"),
    ("humanizePercentage", "{{ humanizePercentage 0.1234567 }} {{ humanizePercentage 1 }}", "12.35% 100%"),
    (
        "humanizeTimestamp cuts off at milliseconds",
        "{{ humanizeTimestamp 1435065584.1289 }}",
        "2015-06-23 13:19:44.128 +0000 UTC",
    ),
    (
        "now is the evaluation's time",
        "{{ now }} {{ now | humanizeTimestamp }}",
        "1.7951436005e+09 2026-11-20 03:00:00.5 +0000 UTC",
    ),
    ("a time has a layout", '{{ (toTime 1435065584).Format "Mon Jan _2 15:04:05 2006" }}', "Tue Jun 23 13:19:44 2015"),
    (
        "layouts in all their forms",
        '{{ (toTime 1435065584.128).Format "January Monday 1 01 2 02 002 3 03 4 5 06 PM pm" }}'
        '{{ (toTime 1435065584.128).Format " .000 .999 Z07:00 -0700 -07 MST" }}',
        "June Tuesday 6 06 23 23 174 1 01 19 44 15 PM pm .128 .128 Z +0000 +00 UTC",
    ),
    (
        "a time has parts",
        "{{ with toTime 1435065584 }}{{ .Year }} {{ .Month }} {{ .Weekday }} {{ .Unix }}{{ end }}",
        "2015 June Tuesday 1435065584",
    ),
    (
        "times are subtracted",
        "{{ (toTime 90).Sub (toTime 0) }} {{ ((toTime 0).Add (toDuration 3600)).Hour }} "
        "{{ (toTime 1).After (toTime 0) }}",
        "1m30s 1 true",
    ),
    (
        "times are cut and rounded, from year 1 on",
        "{{ with toTime 1435065584.5 }}{{ .Truncate 3600e9 }};{{ .Truncate 604800e9 }};{{ .Truncate 0 }};"
        "{{ .Round 60e9 }};{{ .Round 1e9 }}{{ end }}",
        "2015-06-23 13:00:00 +0000 UTC;2015-06-22 00:00:00 +0000 UTC;2015-06-23 13:19:44.5 +0000 UTC;"
        "2015-06-23 13:20:00 +0000 UTC;2015-06-23 13:19:45 +0000 UTC",
    ),
    (
        "a time on another day",
        '{{ with toTime 1435065584 }}{{ (.AddDate 0 0 8).Format "01-02" }} {{ (.AddDate 1 -4 6).Format "2006-01-02" }} '
        '{{ (.AddDate 0 -6 8).Format "2006-01-02" }}{{ end }}',
        "07-01 2016-02-29 2014-12-31",
    ),
    (
        "a constant is a duration where one is wanted",
        '{{ ((toTime 1e9).Add 3600000000000).Unix }} {{ (toTime 0).Local.Format "15:04" }} {{ (toTime 0).Location }}',
        "1000003600 00:00 UTC",
    ),
    (
        "times are compared",
        "{{ (toTime 1).Compare (toTime 2) }} {{ (toTime 1).Before (toTime 2) }} {{ (toTime 1).Equal (toTime 1) }}",
        "-1 true true",
    ),
    (
        "a month and a weekday have a text",
        "{{ with toTime 0 }}{{ .Month.String }} {{ .Weekday.String }}{{ end }}",
        "January Thursday",
    ),
    (
        "durations are cut and rounded",
        "{{ with toDuration -5400 }}{{ .Round 3600e9 }} {{ .Truncate 3600e9 }} {{ .Round 0 }}{{ end }} "
        "{{ (toDuration 89.6).Round 1e9 }}",
        "-2h0m0s -1h0m0s -1h30m0s 1m30s",
    ),
    (
        "durations print as in Go",
        "{{ toDuration 1800 }} {{ toDuration 0.0015 }} {{ toDuration 3661.5 }} {{ toDuration 0 }} {{ toDuration -90 }}",
        "30m0s 1.5ms 1h1m1.5s 0s -1m30s",
    ),
    (
        "durations have parts",
        "{{ (toDuration 5400).Hours }} {{ (toDuration 1.5).Milliseconds }} {{ (toDuration 90).String }}",
        "1.5 1500 1m30s",
    ),
    (
        "parseDuration gives seconds",
        '{{ parseDuration "1h2m10ms" }} {{ parseDuration "-5m" }} {{ parseDuration "0" }}',
        "3720.01 -300 0",
    ),
    ("title leaves the rest of a word", """{{ title "hELLO wORLD foo-bar o'neil" }}""", "HELLO WORLD Foo-Bar O'neil"),
    (
        "title in alphabets without spaces, and of a letter that has no upper case",
        """{{ title "主机cpu使用率: 日本a'b ßx การx 한글k ae\u0301b" }}""",
        "主机Cpu使用率: 日本A'b Ssx การX 한글K Ae\u0301b",
    ),
    ("case is changed one character for one", '{{ toUpper "straße" }} {{ toLower "ÀÉ" }}', "STRAßE àé"),
    (
        "stripPort",
        '{{ stripPort "db:9100" }} {{ stripPort "[::1]:80" }} {{ stripPort "::1" }} {{ stripPort "db" }}',
        "db ::1 ::1 db",
    ),
    (
        "stripDomain",
        '{{ stripDomain "db.example.com:9100" }} {{ stripDomain "10.0.0.1:80" }} {{ stripDomain "db.example.com" }}',
        "db:9100 10.0.0.1:80 db",
    ),
    (
        "links",
        '{{ graphLink "up == 0" }} {{ tableLink "up" }}',
        "/graph?g0.expr=up+%3D%3D+0&g0.tab=0 /graph?g0.expr=up&g0.tab=1",
    ),
    (
        "the external URL and its path",
        "{{ externalURL }} {{ $externalURL }} {{ pathPrefix }}",
        "https://tocsin.example/a%20b/ https://tocsin.example/a%20b/ /a b/",
    ),
    ("urlQueryEscape", '{{ urlQueryEscape "a b/c&d~" }}', "a+b%2Fc%26d~"),
    ("safeHtml leaves text alone", '{{ safeHtml "<b>" }}', "<b>"),
    (
        "args makes a map for a template",
        '{{ define "t" }}{{ .arg0 }}-{{ .arg1 }}{{ end }}{{ template "t" (args 1 "b") }}',
        "1-b",
    ),
    (
        "a query's samples have labels and a value",
        '{{ range query "m" }}{{ .Labels.instance }}={{ .Value }};{{ end }}',
        "b=2;a=1.5;",
    ),
    (
        "first, value, label and strvalue",
        '{{ with query "m" | first }}{{ value . }} {{ label "instance" . }} {{ strvalue . }}{{ label "x" . }}{{ end }}',
        "2 b x",
    ),
    ("a sample prints like a Go struct", '{{ query "m" | sortByLabel "instance" | first }}', "{map[instance:a] 1.5}"),
    ("sortByLabel", '{{ range query "m" | sortByLabel "instance" }}{{ .Labels.instance }}{{ end }}', "ab"),
    ("some of a query's samples", '{{ slice (query "m") 0 1 | first | value }} {{ len (slice (query "m") 1) }}', "2 1"),
    ("match looks anywhere", '{{ match "a.c" "xabcx" }} {{ match "^a.c$" "xabcx" }}', "true false"),
    ("the end of the text is its very end", r'{{ match "a$" "a\n" }} {{ match "(?m)a$" "a\nb" }}', "false true"),
    (
        "RE2's own syntax",
        r'{{ match "^[[:alpha:]]+\\z" "abc" }} {{ match `\Qa.b\E` "axb" }} '
        '{{ match "(?i)A" "a" }} {{ match "a{,2}" "a{,2}" }}',
        "true false true true",
    ),
    ("reReplaceAll refers to groups", '{{ reReplaceAll "(.*):(?P<port>.*)" "$port-${1}$$" "db:9100" }}', "9100-db$"),
    ("a group's name goes on over letters", '{{ reReplaceAll "(a)b" "x$1y" "ab" }}', "x"),
    ("an empty match directly behind a match is none", '{{ reReplaceAll "a*" "x" "baac" }}', "xbxcx"),
]


@pytest.mark.parametrize(("text", "printed"), [case[1:] for case in PRINTED], ids=[case[0] for case in PRINTED])
def test_function_gives(text, printed):
    assert render(text) == printed


REFUSED = [
    ("text that is no number", '{{ humanize "one" }}', 'strconv.ParseFloat: parsing "one": invalid syntax'),
    ("a truth value", "{{ humanize true }}", "can't convert bool to float"),
    ("a time out of range", "{{ humanizeTimestamp 1e18 }}", "overflows int64"),
    ("a time that is no number", '{{ toTime "NaN" }}', "value is NaN or Inf"),
    ("a duration out of order", '{{ parseDuration "1m1h" }}', "not a valid duration"),
    ("a duration with a fraction", '{{ parseDuration "1.5h" }}', "not a valid duration"),
    ("an expression that does not close", '{{ match "(" "x" }}', "error parsing regexp"),
    ("look-ahead, which RE2 does not have", '{{ match "a(?!b)" "x" }}', "error parsing regexp"),
    ("a back reference, which RE2 does not have", r'{{ match `(a)\1` "x" }}', "error parsing regexp"),
    ("a possessive quantifier, which RE2 does not have", '{{ match "a++" "x" }}', "error parsing regexp"),
    ("more than a thousand repetitions", '{{ match "a{1001}" "x" }}', "error parsing regexp"),
    (
        "a sample where samples are wanted",
        '{{ query "m" | first | first }}',
        "expected template.queryResult; got *template.sample",
    ),
    (
        "a field of a query's result",
        '{{ (query "m").banana }}',
        "can't evaluate field banana in type template.queryResult",
    ),
    ("tmpl, which only console templates have", '{{ tmpl "x" . }}', 'function "tmpl" not defined'),
]


@pytest.mark.parametrize(("text", "message"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_function_refuses(text, message):
    with pytest.raises(TemplateError) as caught:
        render(text)
    assert message in str(caught.value)


def test_the_engine_for_regular_expressions_is_the_callers():
    text = (
        '{{ reReplaceAll "(?P<x>a)(b)?" "<$x|$2>" "abacé" }} {{ match "x(?i)A" "xa" }} {{ match "\\\\p{Greek}" "α" }}'
    )
    printed = expand(text, labels={}, value=1.0, now=NOW, compile=compile_pattern)
    assert printed == "<a|b><a|>cé true true"
