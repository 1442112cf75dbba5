"""The functions of rule templates, against cases taken from Prometheus's own tests and measured on its code."""

import pytest

from tests.conformance.rule_templates import check_case, load_cases


@pytest.mark.parametrize("case", load_cases("functions.json"), ids=lambda case: case["id"])
def test_function_gives_what_prometheus_gives(case):
    check_case(case)
