"""Template files and the texts that call them: which are taken, what is refused, what is only told of."""

from __future__ import annotations

import pytest

from tests.config.files import ROUTE, read_all
from tocsin import config
from tocsin.config.blocks import INLINE_SECRETS
from tocsin.errors import ConfigError

FILES = {
    "templates/default.tmpl": '{{ define "a" }}{{ end }}',
    "templates/team.tmpl": '{{ define "team" }}{{ .Status | toUpper }}{{ end }}',
}


def warnings_of(text, files=FILES):
    return config.check_alertmanager(
        "am.yml", text.encode(), environment={INLINE_SECRETS: "true"}, template_files=files, honour_all=True
    )


@pytest.mark.parametrize(
    ("name", "pattern", "expected"),
    [
        ("all in a folder of another machine", "/etc/alertmanager/*.tmpl", ["default", "team"]),
        ("all in the folder beside the file", "templates/*.tmpl", ["default", "team"]),
        ("one by its name", "/somewhere/team.tmpl", ["team"]),
        ("some by a pattern", "t*.tm?l", ["team"]),
        ("all but some", "[^d]*.tmpl", ["team"]),
        ("none", "missing.tmpl", []),
    ],
)
def test_a_pattern_takes_the_files_of_its_last_part(name, pattern, expected):
    found, problems = read_all(f"templates: ['{pattern}']\n{ROUTE}", template_files=FILES)
    assert problems == []
    assert found.templates == {f"templates/{each}.tmpl": FILES[f"templates/{each}.tmpl"] for each in expected}


def test_the_files_of_an_amp_definition_are_taken_by_their_names():
    text = """
    template_files:
      mine: '{{ define "x" }}{{ end }}'
    alertmanager_config: |
      templates: [mine]
      route: {receiver: a}
      receivers: [{name: a}]
    """
    found, problems = read_all(text)
    assert problems == []
    assert found.templates == {"mine": '{{ define "x" }}{{ end }}'}


@pytest.mark.parametrize(
    ("name", "templates", "expected"),
    [
        ("patterns that are no list", "a.tmpl", "templates: expected a list"),
        ("a pattern that is no text", "[[a]]", "templates: expected the path of files, found a list"),
        ("a pattern that never ends", "['a[b.tmpl']", "templates: not a valid pattern: 'a[b.tmpl'"),
    ],
)
def test_patterns_are_refused_with_their_reason(name, templates, expected):
    _, problems = read_all(f"templates: {templates}\n{ROUTE}")
    assert len(problems) == 1
    assert expected in problems[0]


def test_a_pattern_that_finds_nothing_is_told():
    (warning,) = warnings_of(f"templates: [/etc/alertmanager/*.tmpl]\n{ROUTE}", files={})
    assert warning == "am.yml:1:13: templates: there is no file '*.tmpl' in templates/"


def test_a_broken_template_file_is_refused_with_its_line():
    broken = {"templates/a.tmpl": '{{ define "a" }}\n{{ nosuch }}\n{{ end }}'}
    with pytest.raises(ConfigError) as refused:
        warnings_of(f"templates: ['*.tmpl']\n{ROUTE}", files=broken)
    (problem,) = refused.value.problems
    assert str(problem).startswith("templates/a.tmpl:2:")
    assert 'not a valid template: template: a.tmpl:2: function "nosuch" not defined' in problem.message
    assert warnings_of(ROUTE, files=broken) == (), "no pattern takes it"


def test_a_broken_text_is_no_reason_to_refuse_but_told_with_its_place():
    text = """route: {receiver: a}
receivers:
- name: a
  slack_configs:
  - api_url_file: secret:slack#a
    title: '{{ .Status'
    actions:
    - {type: button, text: '{{ end }}', url: '{{ .ExternalURL }}'}
"""
    title, action = warnings_of(text)
    assert title.startswith('am.yml:6:12: receiver "a", slack_configs 1: title: not a valid template')
    assert action.startswith('am.yml:8:28: receiver "a", slack_configs 1: text: not a valid template')


def test_a_call_of_a_template_that_nobody_defines_is_told_with_the_one_that_was_meant():
    text = """templates: [team.tmpl]
route: {receiver: a}
receivers:
- name: a
  discord_configs:
  - webhook_url_file: secret:discord#a
    title: '{{ if true }}{{ template "teem" . }}{{ end }}'
    message: '{{ template "team" . }}{{ template "slack.default.title" . }}'
    content: '{{ define "own" }}{{ end }}{{ template "own" }}'
"""
    (warning,) = warnings_of(text)
    assert warning == (
        "am.yml:7:12: receiver \"a\", discord_configs 1: title: there is no template 'teem', did you mean 'team'?"
    )


def test_where_alertmanager_reads_a_template_itself_a_broken_one_is_refused():
    for block in (
        "webhook_configs: [{url: 'http://a/{{ .x'}]",
        "opsgenie_configs: [{responders: [{id: a, type: '{{'}]}]",
    ):
        with pytest.raises(ConfigError, match="not a valid template"):
            warnings_of(f"global: {{opsgenie_api_key: a}}\nroute: {{receiver: a}}\nreceivers: [{{name: a, {block}}}]")


def test_a_folders_templates_are_read_and_one_that_nothing_takes_is_told(tmp_path):
    (tmp_path / "templates").mkdir()
    for name in ("alertmanager.yml", "templates/mine.tmpl", "templates/default.tmpl", "templates/notes.txt"):
        (tmp_path / name).write_text(ROUTE if name == "alertmanager.yml" else "", encoding="utf-8")
    files = config.read_folder(tmp_path)
    assert sorted(files) == ["alertmanager.yml", "templates/default.tmpl", "templates/mine.tmpl"]
    assert config.load(files, environment={}).warnings == (
        "templates/mine.tmpl: no pattern of `templates` takes this file",
    )


def test_a_template_file_that_is_no_text_is_refused():
    with pytest.raises(ConfigError, match=r"templates/a\.tmpl: not UTF-8 text"):
        config.load({"alertmanager.yml": ROUTE.encode(), "templates/a.tmpl": b"\xff"}, environment={})
