"""`tocsin template render`: what amtool prints of the same templates and data."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.commands import Shell, write_files
from tests.golden import assert_golden

AMTOOL = shutil.which("amtool")

TEMPLATES = """
{{ define "team.title" }}[{{ .Status | toUpper }}:{{ .Alerts.Firing | len }}] {{ .CommonLabels.alertname }}{{ end }}
{{ define "team.text" }}{{ range .Alerts }}{{ .Labels.SortedPairs.Values | join "," }} since {{ .StartsAt }}
{{ end }}{{ end }}
"""
DATA = {
    "receiver": "team",
    "status": "firing",
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "Hot", "instance": "<a>"},
            "annotations": {"summary": "it's hot"},
            "startsAt": "2026-01-01T00:00:00Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://prometheus.example.com",
            "fingerprint": "f",
        }
    ],
    "groupLabels": {"alertname": "Hot"},
    "commonLabels": {"alertname": "Hot", "instance": "<a>"},
    "commonAnnotations": {"summary": "it's hot"},
    "externalURL": "http://alertmanager.example.com",
}
TEXTS = [
    '{{ template "team.title" . }}',
    '{{ template "team.text" . }}',
    "{{ .GroupLabels.SortedPairs.Names }} {{ .Receiver }} {{ .ExternalURL }}",
    '<a title="{{ .CommonAnnotations.summary }}">{{ .CommonLabels.instance }}</a>',
    "{{ range .Alerts.Resolved }}x{{ else }}none{{ end }}",
    '{{ template "nobody" . }}',
    "{{ .Nothing }}",
    "{{ if }}",
    "plain",
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_files(tmp_path, {"team.tmpl": TEMPLATES, "data.json": json.dumps(DATA)})


@pytest.mark.skipif(AMTOOL is None, reason="amtool is not on PATH")
@pytest.mark.parametrize("kind", ["text", "html"])
@pytest.mark.parametrize("text", TEXTS)
def test_amtool_renders_what_we_render(shell: Shell, folder: Path, text: str, kind: str) -> None:
    words = [f"--template.glob={folder}/*.tmpl", f"--template.data={folder}/data.json", f"--template.text={text}"]
    words.append(f"--template.type={kind}")
    ran = shell.run("template", "render", *words)
    theirs = subprocess.run(
        [str(AMTOOL), "template", "render", *words], capture_output=True, text=True, check=False, timeout=30
    )
    assert (ran.status, ran.out) == (theirs.returncode, theirs.stdout)


def test_without_files_and_data_there_are_the_shipped_ones_and_an_example(shell: Shell) -> None:
    texts = (
        '{{ template "slack.default.title" . }}',
        '{{ template "email.default.subject" . }}',
        "{{ range .Alerts }}{{ .Status }} {{ .Annotations.description }}; {{ end }}",
    )
    printed = [shell.run("template", "render", "--template.text", text).out for text in texts]
    assert_golden("cli/template.txt", "\n".join(printed) + "\n")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param("{", "is not JSON", id="no JSON"),
        pytest.param("[]", "is not a JSON object", id="a list"),
        pytest.param('{"alerts": [{"startsAt": "noon"}]}', "not the data of a notification", id="no time"),
        pytest.param('{"groupLabels": "a"}', "not the data of a notification", id="no labels"),
    ],
)
def test_data_that_is_none_is_refused(shell: Shell, tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "data.json").write_text(content)
    ran = shell.run("template", "render", "--template.text=x", f"--template.data={tmp_path}/data.json")
    assert (ran.status, ran.out) == (2, "")
    assert said in ran.err
