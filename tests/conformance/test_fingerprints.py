"""Fingerprints and printed label sets: those that Alertmanager shows."""

from __future__ import annotations

import pytest

from tests.conformance.cases import load_cases, of_kind
from tocsin.core.labels import Labels, fingerprint

CASES = load_cases("fingerprints.json")

# Our label sets never hold an empty value (an empty label is an absent one), so these are compared by fingerprint only.
NOT_PRINTED = frozenset({"fingerprints-005"})


@pytest.mark.parametrize("case", of_kind(CASES, "fingerprint"))
def test_a_label_set_has_the_fingerprint_that_alertmanager_shows(case):
    assert fingerprint(case["labels"]) == case["fingerprint"]


@pytest.mark.parametrize("case", of_kind(CASES, "fingerprint"))
def test_a_label_set_is_printed_as_in_group_keys(case):
    if case["id"] in NOT_PRINTED:
        assert "" in case["labels"].values()
    else:
        assert str(Labels(case["labels"])) == case["text"]
