"""Notification templates: their functions, what they see of a notification, the user's files, and broken texts."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.config.patterns import compile_pattern
from tocsin.core.alerts import Alert
from tocsin.core.labels import Labels
from tocsin.core.notifications import Reason, compose
from tocsin.core.receivers import Integration, Kind
from tocsin.core.routing import GroupId, GroupIdentity
from tocsin.core.templates import TemplateError
from tocsin.core.templates.alertmanager import TemplateSet, shipped
from tocsin.core.templates.clock import format_time
from tocsin.core.templates.json_values import to_json
from tocsin.core.templates.notification_data import in_order, quote_meta
from tocsin.core.templates.time_parsing import parse_time

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
TEMPLATES = TemplateSet(compile=compile_pattern)


def alert(*, ends_at=None, annotations=None, **labels):
    return Alert(
        labels=Labels({"alertname": "Down", **labels}),
        annotations=annotations or {},
        starts_at=NOW - timedelta(hours=1, minutes=2),
        updated_at=NOW,
        ends_at=ends_at,
        generator_url="https://prometheus.example/graph?g0.expr=up",
    )


def notification(*alerts, receiver="team.x"):
    return compose(
        GroupIdentity(GroupId("0" * 32), "{}", Labels({"alertname": "Down"})),
        Integration(receiver, Kind.SLACK, 0, send_resolved=True),
        alerts or [alert(instance="a"), alert(instance="b", ends_at=NOW - timedelta(minutes=1))],
        seq=1,
        reason=Reason.FIRST,
        retry_after=timedelta(hours=4),
        incident=None,
        step=None,
        external_url="https://tocsin.example",
        now=NOW,
    )


def expand(template, **given):
    return TEMPLATES.text(template, notification(), now=NOW, **given)


EXPANSIONS = {
    # Data
    "the receiver, as a regular expression": ("{{ .Receiver }}", r"team\.x"),
    "the reason": ("{{ .NotificationReason }}", "first notification"),
    "the link back": ("{{ .ExternalURL }}", "https://tocsin.example"),
    "alerts of each status": (
        "{{ range .Alerts.Firing }}{{ .Labels.instance }}{{ end }}|{{ range .Alerts.Resolved }}{{ .EndsAt }}{{ end }}",
        "a|2026-11-20 02:59:00 +0000 UTC",
    ),
    "the fingerprint": (
        "{{ (index .Alerts 0).Fingerprint }}",
        str(alert(instance="a").fingerprint),
    ),
    "labels as text": ("{{ (index .Alerts 0).Labels }}", "alertname=Down, instance=a"),
    "some of the names": ('{{ slice (index .Alerts 0).Labels.Names 0 1 | join "," }}', "alertname"),
    "some that fire": ("{{ (slice .Alerts 0 2).Firing | len }}{{ len (slice .Alerts 1).Firing }}", "10"),
    "some of the labels": ("{{ (slice (index .Alerts 0).Labels.SortedPairs 1).Values }}", "[a]"),
    "the types of parts": (
        '{{ printf "%T %T %T" (slice .Alerts 0 1) (slice (safeHtml "abc") 1) (slice (list 1 2) 1) }}',
        "template.Alerts template.HTML []interface {}",
    ),
    "labels without some": ("{{ (index .Alerts 0).Labels.Remove .GroupLabels.Names }}", "instance=a"),
    "no route labels": ("[{{ .RouteLabels.x }}]", "[]"),
    "all of it as JSON": ('{{ (toJson .) | slice | printf "%.40s" }}', r'{"receiver":"team\\.x","status":"firing"'),
    # Functions
    "how long it has been so": ("{{ since (index .Alerts 0).StartsAt | humanizeDuration }}", "1h 2m 0s"),
    "the time": ('{{ now | date "2006-01-02 15:04" }}', "2026-11-20 03:00"),
    "the time elsewhere": ('{{ now | tz "Europe/Zurich" | date "15:04 MST" }}', "04:00 CET"),
    "no end, elsewhere": ('{{ (index .Alerts 0).EndsAt | tz "America/New_York" | date "2006" }}', "0001"),
    "a time later by a number of nanoseconds": (
        '{{ range .Alerts }}{{ (.StartsAt.Add 28800e9).Format "2006-01-02 15:04:05" }};{{ end }}',
        "2026-11-20 09:58:00;" * 2,
    ),
    "hours later where an hour is missing": (
        '{{ (toDate "2006-01-02" "2026-03-28" | tz "Europe/Zurich").Add 93600e9 }}', "2026-03-29 04:00:00 +0200 CEST"
    ),
    "the server's own zone is UTC": ('{{ (now | tz "Asia/Tokyo").Local.Format "15:04 MST" }}', "03:00 UTC"),
    "no end, and sooner": ('{{ ((index .Alerts 0).EndsAt.Add -5e12).Format "2006" }}', "0001"),
    "a firing alert's age at its end": ("{{ with index .Alerts 0 }}{{ .EndsAt.Sub .StartsAt }}{{ end }}",
        "-2562047h47m16.854775808s",
    ),
    "a zone that has no name": ('{{ toDate "2006 -0700" "2026 -0530" }}', "2026-01-01 00:00:00 -0530 -0530"),
    "a zone that has one": ('{{ toDate "2006 MST" "2026 GMT-11" }}', "2026-01-01 00:00:00 -1100 GMT-11"),
    "base64 for links": ('{{ base64encode "???>>>" }} {{ base64decode "Pz8_Pj4-" }}', "Pz8_Pj4- ???>>>"),
    "text that cannot be read as a time": ('{{ (toDate "2006" "x").IsZero }}', "true"),
    "a map in a list": ('{{ toJson (list (dict "a" 1) nil 1.5 true) }}', '[{"a":1},null,1.5,true]'),
    "a map's values by name": ('{{ (dict "a" "x").a }}', "x"),
    "an appended list": ('{{ join "," .GroupLabels.Names }} {{ append (list 1) 2 }}', "alertname [1 2]"),
    "title": ('{{ title "o\'NEIL sAYS foo.bar" }}', "O'neil Says Foo.bar"),
    "trimSpace, by Unicode's white space": ('{{ trimSpace "\\u00a0 x\\u2003" }}', "x"),
    "urlUnescape of other alphabets": ('{{ urlUnescape "%C3%A9+%2B" }}', "é +"),
}  # fmt: skip


@pytest.mark.parametrize(("template", "text"), EXPANSIONS.values(), ids=EXPANSIONS)
def test_a_template_sees_the_notification_and_has_alertmanagers_functions(template, text):
    assert expand(template) == text


REFUSED = {
    "an unknown function": ('{{ nope "x" }}', 'function "nope" not defined'),
    "an unknown field": ("{{ .Nope }}", "can't evaluate field Nope in type template.Data"),
    "a time zone that is none": ('{{ now | tz "Mars/Base" }}', "unknown time zone Mars/Base"),
    "a time zone that is a path": ('{{ now | tz "../../etc/passwd" }}', "unknown time zone"),
    "a text that is no base64": ('{{ base64decode "a+b=" }}', "illegal base64 data"),
    "an escape that is none": ('{{ urlUnescape "%zz" }}', 'invalid URL escape "%zz"'),
    "a map with a name too many": ('{{ dict "a" }}', "even number of arguments"),
    "a part of a nanosecond": ("{{ now.Add 1.5 }}", "expected time.Duration; found 1.5"),
    "a number of nanoseconds with a type": ("{{ 5 | now.Add }}", "expected time.Duration; got int"),
    "a list where texts are asked for": ('{{ join "," (list "a") }}', "wrong type for value; expected []string"),
    "a time that does not fit its layout": ('{{ mustToDate "2006-01-02" "2026-13-01" }}', "parsing time"),
    "an expression that is none": ('{{ match "(" "x" }}', "error parsing regexp"),
    "JSON of what has none": ("{{ toJson (toJson) }}", "wrong number of args for toJson"),
}


@pytest.mark.parametrize(("template", "reason"), REFUSED.values(), ids=REFUSED)
def test_a_broken_template_is_an_error_that_says_why(template, reason):
    with pytest.raises(TemplateError) as caught:
        expand(template)
    assert reason in str(caught.value)


def test_a_text_without_templates_is_itself():
    assert expand("50% } {") == "50% } {"


def test_a_later_file_redefines_an_earlier_one_and_the_shipped_templates_use_it():
    templates = TemplateSet(
        {
            "templates/one.tmpl": '{{ define "__subject" }}one{{ end }}{{ define "mine" }}{{ .Status }}{{ end }}',
            "templates/two.tmpl": '{{ define "__subject" }}two {{ template "mine" . }}{{ end }}',
        }
    )
    assert templates.text('{{ template "pagerduty.default.description" . }}', notification(), now=NOW) == "two firing"
    assert expand('{{ template "pagerduty.default.description" . }}') == "[FIRING:1] Down "


def test_a_file_can_be_used_by_its_own_name():
    templates = TemplateSet({"/etc/alertmanager/note.tmpl": "{{ .Status }}!"})
    assert templates.text('{{ template "note.tmpl" . }}', notification(), now=NOW) == "firing!"


def test_a_broken_file_is_refused_with_its_name_and_line():
    with pytest.raises(TemplateError, match=r"bad\.tmpl:2") as caught:
        TemplateSet({"templates/bad.tmpl": "\n{{ nope }}"})
    assert caught.value.line == 2


def test_labels_of_a_route_may_use_templates_and_each_other():
    labels = {"team": "{{ .GroupLabels.alertname }}", "room": 'room-{{ routeLabels "team" | toLower }}', "plain": "x"}
    assert expand('{{ routeLabels "room" }}', route_labels=labels) == "room-down"
    assert TEMPLATES.route_labels(labels, notification(), now=NOW) == {
        "team": "Down",
        "room": "room-down",
        "plain": "x",
    }


def test_labels_of_a_route_that_need_each_other_are_an_error():
    labels = {"a": '{{ routeLabels "b" }}', "b": '{{ routeLabels "a" }}'}
    with pytest.raises(TemplateError, match="route label cycle detected: a -> b -> a"):
        expand('{{ routeLabels "a" }}', route_labels=labels)


PRIORITIES = {
    "the gravest that fires": ([("info", False), ("critical", False)], "High"),
    "what fires, whatever is over": ([("info", False), ("critical", True)], "Low"),
    "what is over where nothing fires": ([("warning", True), ("info", True)], "Medium"),
    "none that is known": ([("page", False)], ""),
}


@pytest.mark.parametrize(("severities", "priority"), PRIORITIES.values(), ids=PRIORITIES)
def test_a_ticket_has_the_priority_of(severities, priority):
    alerts = [
        alert(severity=severity, instance=str(number), ends_at=NOW if over else None)
        for number, (severity, over) in enumerate(severities)
    ]
    told = notification(*alerts)
    assert TEMPLATES.text('{{ template "jira.default.priority" . }}', told, now=NOW) == priority


def test_every_shipped_template_can_be_expanded():
    parts = {"tocsin.pairs", "tocsin.part", "tocsin.markdown_part"}
    lists = {"__text_alert_list", "__text_alert_list_markdown", "pagerduty.default.instances", "tocsin.mail.alerts"}
    for name in shipped().definitions.keys() - parts:
        data = ".Alerts" if name in lists else "."
        for expand in (TEMPLATES.text, TEMPLATES.html):
            expand(f'{{{{ template "{name}" {data} }}}}', notification(), now=NOW)


def test_the_shipped_mail_shows_what_alerts_say_and_nothing_as_markup():
    told = notification(alert(instance="<b>", annotations={"summary": "</td><script>alert(1)</script>"}))
    page = TEMPLATES.html('{{ template "email.default.html" . }}', told, now=NOW)
    assert "instance = &lt;b&gt;<br>" in page
    assert "&lt;script&gt;" in page
    assert "<script" not in page
    assert 'href="https://prometheus.example/graph?g0.expr=up"' in page


def test_a_storm_of_alerts_is_told_whole():
    told = notification(*[alert(instance=f"host-{number}", rack=str(number % 40)) for number in range(2000)])
    assert TEMPLATES.text('{{ template "sns.default.message" . }}', told, now=NOW).count("Source: ") == 2000


# JSON

NUMBERS = {
    0.0: "0", 1.0: "1", -1.5: "-1.5", 1e6: "1000000", 1e20: "100000000000000000000", 1e21: "1e+21", 1e-6: "0.000001",
    1.25e-5: "0.0000125", 1e-7: "1e-7", 1.5e-10: "1.5e-10",
}  # fmt: skip


@pytest.mark.parametrize(("number", "text"), NUMBERS.items())
def test_numbers_are_written_as_go_writes_them_in_json(number, text):
    assert to_json(number) == text


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(VALUES)
def test_json_means_the_value_and_is_harmless_in_a_page(value):
    text = to_json(value)
    assert json.loads(text) == value
    assert not set("<>&\u2028\u2029") & set(text)


# Time

LAYOUTS = {
    "date and time": ("2006-01-02 15:04:05", "2026-11-20 03:04:05", "2026-11-20T03:04:05Z"),
    "RFC 3339": ("2006-01-02T15:04:05Z07:00", "2026-11-20T03:04:05.25+02:00", "2026-11-20T01:04:05.25Z"),
    "RFC 3339 in UTC": ("2006-01-02T15:04:05Z07:00", "2026-11-20T03:04:05Z", "2026-11-20T03:04:05Z"),
    "RFC 1123": ("Mon, 02 Jan 2006 15:04:05 MST", "Fri, 20 Nov 2026 03:04:05 UTC", "2026-11-20T03:04:05Z"),
    "with an offset": ("Jan _2 2006 3:04PM -0700", "Nov  5 2026 12:30AM -0530", "2026-11-05T06:00:00Z"),
    "the afternoon": ("January 2, 2006 at 3pm", "November 20, 2026 at 1pm", "2026-11-20T13:00:00Z"),
    "a short year": ("02.01.06", "20.11.26", "2026-11-20T00:00:00Z"),
    "a short year of the last century": ("02.01.06", "20.11.70", "1970-11-20T00:00:00Z"),
    "a day of the year": ("2006-002", "2026-324", "2026-11-20T00:00:00Z"),
    "names in any case": ("Mon, 2 January 2006", "FRI, 20 november 2026", "2026-11-20T00:00:00Z"),
    "hours from Greenwich": ("2006-01-02 15:04 MST", "2026-11-20 03:04 GMT+3", "2026-11-20T00:04:00Z"),
    "an offset and a name": ("2006-01-02 15:04 -0700 MST", "2026-11-20 03:04 +0200 EET", "2026-11-20T01:04:00Z"),
    "names that do not end in T": ("2006 MST", "2026 WITA", "2026-01-01T00:00:00Z"),
    "thousandths": ("15:04:05.000 2006", "03:04:05.125 2026", "2026-01-01T03:04:05.125Z"),
}


@pytest.mark.parametrize(("layout", "text", "said"), LAYOUTS.values(), ids=LAYOUTS)
def test_a_time_is_read_by_its_layout(layout, text, said):
    assert parse_time(layout, text) == datetime.fromisoformat(said)


@pytest.mark.parametrize(
    ("layout", "text"),
    [
        ("2006-01-02", "2026-1-2"),
        ("2006-01-02", "2026-02-30"),
        ("2006", "2026 "),
        ("15:04", "25:00"),
        ("2006", ""),
        ("3:04PM", "3:04pm"),
        ("2006 MST", "2026 GMT+24"),
        ("2006 MST", "2026 est"),
        ("2006 MST", "2026 WITX"),
        ("2006 Jan", "2026 Foo"),
    ],
)
def test_what_does_not_fit_its_layout_is_refused(layout, text):
    with pytest.raises(ValueError, match="parsing time"):
        parse_time(layout, text)


@given(
    st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2068, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001
    st.sampled_from(
        ("2006-01-02T15:04:05.999999999Z07:00", "Mon Jan _2 15:04:05.000000 2006", "06002 030405.000000pm")
    ),
)
def test_reading_undoes_writing(moment, layout):
    assert parse_time(layout, format_time(moment, layout)) == moment


# Order

ORDERED = (
    {"job": "a", "instance": "9"},
    {"job": "b", "instance": "1"},
    {"job": "b", "instance": "2"},
    {"job": "b"},
    {"instance": "5"},
    {"z": "1"},
    {"b": "1"},
    {"a": "1"},
    {"a": "2"},
    {"a": "1", "b": "1"},
)


@given(st.permutations(ORDERED))
def test_alerts_stand_by_job_then_instance_then_how_many_labels_they_have_then_labels(labels):
    ordered = in_order([alert(**each) for each in labels])
    assert [dict(each.labels.without("alertname")) for each in ordered] == [dict(each) for each in ORDERED]


@given(st.text())
def test_a_receivers_name_as_an_expression_matches_that_name_alone(name):
    assert re.fullmatch(quote_meta(name), name, re.DOTALL)
