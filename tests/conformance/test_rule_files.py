"""Rule files: taken and refused as Prometheus does."""

from __future__ import annotations

import pytest

from tests.conformance.cases import load_cases, of_kind
from tocsin.config import check_rules
from tocsin.errors import ConfigError

CASES = load_cases("rule_files.json")

# PromQL is not parsed here: the metrics endpoint does that, and a rule whose query it refuses says so in its health.
NEEDS_PROMQL = frozenset({"rule_files-007", "rule_files-022", "rule_files-027", "rule_files-048"})
# The verdict is promtool 2.42's, which knows no query_offset and no UTF-8 names: newer ones accept these.
OLDER_PROMTOOL = frozenset({"rule_files-053", "rule_files-062", "rule_files-083", "rule_files-102"})


@pytest.mark.parametrize("case", of_kind(CASES, "rule_file"))
def test_a_rule_file_is_taken_where_prometheus_takes_it(case):
    content = case["yaml"].encode()
    if case["valid"] or case["id"] in NEEDS_PROMQL | OLDER_PROMTOOL:
        check_rules("rules/case.yml", content)
        return
    with pytest.raises(ConfigError) as refused:
        check_rules("rules/case.yml", content)
    assert all(problem.line for problem in refused.value.problems)


def test_the_exceptions_are_what_they_are_said_to_be():
    by_id = {case["id"]: case for case in CASES}
    assert all(by_id[each]["promtool_2_42"] == "invalid" for each in NEEDS_PROMQL | OLDER_PROMTOOL)
    assert not any(by_id[each]["asserted_by_source"] for each in OLDER_PROMTOOL)
