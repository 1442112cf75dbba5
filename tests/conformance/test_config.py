"""Whole alertmanager.yml files: Alertmanager's verdict, and its reading of what is left open, of each."""

from __future__ import annotations

import pytest
import yaml

from tests.conformance.cases import load_cases, of_kind
from tocsin.config import check_alertmanager
from tocsin.config.alertmanager import read_alertmanager
from tocsin.config.blocks import INLINE_SECRETS
from tocsin.config.substitution import Substitution
from tocsin.errors import ConfigError

CASES = load_cases("config.json")
MEANWHILE = "not honoured by Tocsin yet"
ENVIRONMENT = {INLINE_SECRETS: "true"}

# Stricter on purpose, where not all is to be honoured: a topic that is no ARN is found out when it is needed.
STRICTER = frozenset({"config-164"})


@pytest.mark.parametrize("case", of_kind(CASES, "config"))
def test_a_file_has_alertmanagers_verdict(case):
    problems = problems_of(case["yaml"], honour_all=True)
    assert all(problem.line for problem in problems)
    assert bool(problems) is not case["valid"], problems


@pytest.mark.parametrize("case", of_kind([case for case in CASES if case["valid"]], "config"))
def test_a_valid_file_is_refused_only_for_what_is_not_honoured_yet(case):
    problems = problems_of(case["yaml"], honour_all=False)
    assert all(problem.line for problem in problems)
    if case["id"] not in STRICTER:
        assert [str(problem) for problem in problems if MEANWHILE not in str(problem)] == []


@pytest.mark.parametrize("case", of_kind([case for case in CASES if case.get("resolved")], "config"))
def test_what_a_file_leaves_open_is_filled_in_as_alertmanager_does(case):
    resolved = yaml.safe_load(case["resolved"])
    found = read_alertmanager(
        "case.yml", case["yaml"].encode(), Substitution(ENVIRONMENT), problems=[], honour_all=True
    )
    assert found is not None
    assert sorted(found.receivers) == sorted(receiver["name"] for receiver in resolved["receivers"])
    for expected in resolved["receivers"]:
        receiver = found.receivers[expected["name"]]
        assert receiver.labels == expected["labels"]
        for key, blocks in expected.items():
            if key.endswith("_configs"):
                settings = [each.settings for each in receiver.integrations if f"{each.kind}_configs" == key]
                assert [without_secrets(each) for each in settings] == [without_secrets(block) for block in blocks]


SECRETS = ("token", "key", "password", "secret", "credentials", "token_id", "webhook_url")


def without_secrets(settings):
    """Return settings with secrets as Alertmanager prints them, on both sides."""
    if not isinstance(settings, dict):
        return settings
    hidden = {key: "<secret>" for key in settings if key.endswith(SECRETS)}
    # Slack's URL is a secret as it stands; that of the others is not.
    hidden |= {"api_url": "<secret>"} if "app_url" in settings else {}
    return {key: hidden.get(key, without_secrets(value)) for key, value in settings.items()}


def problems_of(text, *, honour_all):
    try:
        check_alertmanager("alertmanager.yml", text.encode(), environment=ENVIRONMENT, honour_all=honour_all)
    except ConfigError as error:
        return error.problems
    return ()
