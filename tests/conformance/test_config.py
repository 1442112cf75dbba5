"""Whole alertmanager.yml files: refused where Alertmanager refuses them, else taken, or said not to be honoured yet."""

from __future__ import annotations

import pytest

from tests.conformance.cases import load_cases, of_kind
from tocsin.config import check_alertmanager
from tocsin.config.blocks import INLINE_SECRETS
from tocsin.errors import ConfigError

CASES = load_cases("config.json")
MEANWHILE = "not honoured by Tocsin yet"

# Stricter on purpose: an SNS integration needs a topic's whole ARN, because a wrong one shows only when it is needed.
STRICTER = frozenset({"config-163", "config-164"})


@pytest.mark.parametrize("case", of_kind(CASES, "config"))
def test_a_file_is_refused_where_alertmanager_refuses_it_and_otherwise_only_for_what_is_not_honoured_yet(case):
    problems = problems_of(case["yaml"])
    assert all(problem.line for problem in problems)
    if not case["valid"]:
        assert problems
    elif case["id"] not in STRICTER:
        assert [str(problem) for problem in problems if MEANWHILE not in str(problem)] == []


def problems_of(text):
    try:
        check_alertmanager("alertmanager.yml", text.encode(), environment={INLINE_SECRETS: "true"})
    except ConfigError as error:
        return error.problems
    return ()
