"""All files together: every problem at once, digests, folders, and nothing but ConfigError whatever the bytes."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.config.files import ALERTMANAGER, load, refusal
from tocsin import config
from tocsin.config.blocks import words
from tocsin.config.integrations import INTEGRATIONS
from tocsin.core.configuration import Configuration
from tocsin.errors import ConfigError

RULES = "groups: [{name: g, rules: [{alert: A, expr: up}]}]"
ESCALATION = "escalation: {policies: [{name: a, steps: [{receivers: [pager]}]}]}"


def test_the_problems_of_all_files_come_together_in_their_order():
    problems = refusal("route: {receiver: x}\nreceivers: []", tocsin="rul: []", b="groups: x", a="groups: y")
    assert [problem.split(":")[0] for problem in problems] == [
        "alertmanager.yml",
        "rules/a.yml",
        "rules/b.yml",
        "tocsin.yml",
    ]


def test_a_channel_is_checked_even_when_the_route_tree_is_wrong():
    tocsin = "rules: [{name: a, expr: up, threshold: 1, channels: [nobody]}]"
    problems = refusal("route: {receiver: x}\nreceivers: [{name: y}]", tocsin=tocsin)
    assert [problem.split(":")[0] for problem in problems] == ["alertmanager.yml", "tocsin.yml"]


def test_alertmanager_yml_must_be_there_and_tocsin_yml_need_not():
    with pytest.raises(ConfigError, match=r"alertmanager\.yml: the file is missing"):
        config.load({}, environment={})
    assert config.load({"alertmanager.yml": ALERTMANAGER.encode()}, environment={}).rules() == ()


def test_a_file_that_nothing_reads_is_a_problem():
    with pytest.raises(ConfigError, match=r"rules\.yml: not a configuration file"):
        config.load({"alertmanager.yml": ALERTMANAGER.encode(), "rules.yml": b""}, environment={})


def test_the_digest_changes_with_the_files_and_with_the_variables_they_use():
    tocsin = "rules: [{name: a, expr: up, threshold: '${T:-1}'}]"
    same = {load(tocsin=tocsin).digest, load(tocsin=tocsin, environment={"UNUSED": "1"}).digest}
    assert len(same) == 1
    assert load(tocsin=tocsin, environment={"T": "2"}).digest not in same
    assert load(tocsin=tocsin + "\n").digest not in same


def test_the_routes_digest_changes_with_routes_receivers_and_policies_only():
    digest = load().routes_digest
    assert load(tocsin="cooldown: 1m", a=RULES).routes_digest == digest
    assert load(ALERTMANAGER + "  - name: more").routes_digest != digest
    assert load(ALERTMANAGER.replace("receiver: default", "receiver: default\n  group_by: [a]")).routes_digest != digest
    assert load(tocsin=ESCALATION).routes_digest != digest


def test_digests_are_the_same_in_every_process():
    script = (
        "import sys; sys.path[:0] = ['functions', '.']\n"
        "from tests.config.files import load, ALERTMANAGER\n"
        "routed = ALERTMANAGER.replace('receiver: default', 'receiver: default\\n  group_by: [a, b, c]')\n"
        "print(load(routed).routes_digest)"
    )
    root = Path(__file__).resolve().parents[2]
    runs = [
        subprocess.run(
            [sys.executable, "-c", script],
            cwd=root,
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert runs[0] == runs[1]


def test_a_folder_is_read_with_its_rules(tmp_path):
    (tmp_path / "rules" / "team").mkdir(parents=True)
    (tmp_path / "oncall").mkdir()
    for name in ("alertmanager.yml", "rules/a.yaml", "rules/team/b.yml", "oncall/a.ics", "README.md"):
        (tmp_path / name).write_text(name, encoding="utf-8")
    assert config.read_folder(tmp_path) == {
        name: name.encode() for name in ("alertmanager.yml", "oncall/a.ics", "rules/a.yaml", "rules/team/b.yml")
    }


def test_a_folder_that_is_not_there_is_a_configuration_error(tmp_path):
    with pytest.raises(ConfigError, match="there is no such folder"):
        config.read_folder(tmp_path / "missing")


def test_one_file_is_checked_by_itself():
    config.check_alertmanager("am.yml", ALERTMANAGER.encode(), environment={})
    config.check_tocsin("t.yml", ESCALATION.encode(), environment={})
    for check in (config.check_alertmanager, config.check_tocsin):
        with pytest.raises(ConfigError, match=r"^f\.yml:1:1: "):
            check("f.yml", b"- a", environment={})


def test_importing_the_package_loads_no_library():
    script = (
        "import sys; sys.path.insert(0, 'functions'); import tocsin.config\n"
        "print({'yaml', 'pydantic', 're2'} & set(sys.modules))"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


KEYS = st.sampled_from(
    sorted(
        words(
            """
            groups name rules alert record expr for labels annotations interval limit route receiver receivers routes
            matchers match match_re group_by group_wait continue global slack_configs email_configs to api_url_file
            threshold metric window condition display channels cooldown cooldowns escalation policies steps after
            alertmanager_config << templates template_files inhibit_rules sources source_match_re equal time_intervals
            mute_time_intervals active_time_intervals times start_time weekdays days_of_month months years location
            http_config basic_auth authorization oauth2 tls_config http_headers files proxy_connect_header tracing
            event_recorder outputs type actions fields details responders headers threading sigv4 payload url
            compatibility
            """
        )
        | set(INTEGRATIONS)
    )
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(
        ["5m", "0s", "a=b", "up", "{{ $x", "(", "${A}", "${TOCSIN_A:-b}", "{value}", "secret:slack#a", "..."]
    ),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=5)),
    max_leaves=20,
)
ANY_KEY = sorted({name for model in INTEGRATIONS.values() for name in model.keys()})  # noqa: SIM118
FILES = ["alertmanager.yml", "tocsin.yml", "rules/a.yml"]


def loads_or_is_refused(source):
    with contextlib.suppress(ConfigError):
        assert isinstance(config.load(source, environment={}), Configuration)


@given(st.sampled_from(FILES), st.binary(max_size=200))
def test_any_bytes_are_a_configuration_or_a_config_error(name, content):
    loads_or_is_refused({"alertmanager.yml": ALERTMANAGER.encode(), name: content})


@given(st.sampled_from(FILES), st.text(alphabet="ab:- \n[]{}&*!<>|'\"#?,%@`\t0.", max_size=60))
def test_any_yaml_is_a_configuration_or_a_config_error(name, text):
    loads_or_is_refused({"alertmanager.yml": ALERTMANAGER.encode(), name: text.encode()})


@given(st.sampled_from(FILES), st.dictionaries(KEYS, VALUES, max_size=6))
def test_any_structure_is_a_configuration_or_a_config_error(name, value):
    loads_or_is_refused({"alertmanager.yml": ALERTMANAGER.encode(), name: yaml.safe_dump(value).encode()})


@given(st.dictionaries(KEYS, VALUES, max_size=6))
def test_any_structure_is_an_alertmanager_yml_or_a_config_error_when_all_is_honoured(value):
    content = yaml.safe_dump({"route": {"receiver": "a"}, "receivers": [{"name": "a"}], **value}).encode()
    with contextlib.suppress(ConfigError):
        warnings = config.check_alertmanager("a.yml", content, environment={}, honour_all=True)
        assert all(isinstance(warning, str) for warning in warnings)


@given(st.sampled_from(sorted(INTEGRATIONS)), st.dictionaries(st.sampled_from(ANY_KEY), VALUES, max_size=6))
def test_any_block_of_an_integration_is_taken_or_a_config_error(key, block):
    text = {"route": {"receiver": "a"}, "receivers": [{"name": "a", key: [block]}]}
    with contextlib.suppress(ConfigError):
        config.check_alertmanager("a.yml", yaml.safe_dump(text).encode(), environment={}, honour_all=True)
