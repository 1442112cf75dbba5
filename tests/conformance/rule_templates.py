"""Running the conformance cases of rule templates; importing this skips the test module if there is no data.

The data is not part of this repository: CONFORMANCE_DATA names its folder, by default one beside the repository.
"""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tocsin.config.patterns import compile_pattern
from tocsin.core.steps import Steps
from tocsin.core.templates import MissingKey, QueryResult, StringMap, Struct, TemplateError, execute, syntax
from tocsin.core.templates.functions import NAMES, rule_functions
from tocsin.core.templates.language import escape_html
from tocsin.core.templates.printing import print_value

DATA = Path(
    os.environ.get("CONFORMANCE_DATA", Path(__file__).resolve().parents[2] / ".." / "shared" / "conformance")
).resolve()
if not (DATA / "templates_prometheus.json").is_file():
    pytest.skip(f"no conformance data in {DATA} (set CONFORMANCE_DATA)", allow_module_level=True)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def load_cases(file):
    return json.loads((DATA / file).read_text())["cases"]


def typed_value(data):
    """Return the Go value that a case's data describes."""
    value = data.get("value")
    match data["type"]:
        case "nil" | "string" | "string_list" | "map":
            return value
        case "number":
            return float(value)
        case "float_list":
            return [float(item) for item in value]
        case "int_list" | "uint_list":
            return [int(item) for item in value]
        case "prom_alert":
            return rule_data(value)
    raise AssertionError(f"unknown data type {data['type']}")


def rule_data(value):
    fields = {
        "Labels": StringMap(value["labels"]),
        "ExternalLabels": StringMap(value["externalLabels"]),
        "ExternalURL": value["externalURL"],
        "Value": float(value["value"]),
    }
    return Struct("struct", fields)


def run_case(case):
    """Return what the engine makes of a case's template."""
    result = [QueryResult(item["labels"], float(item["value"])) for item in case.get("query_result") or ()]
    functions = rule_functions(
        compile=compile_pattern,
        now=EPOCH + timedelta(milliseconds=case["timestamp_ms"]),
        external_url=case["externalURL"],
        query=lambda expression, now: result,
        steps=Steps(1_000_000),
    )
    options = case.get("options", ["missingkey=zero"])
    missing_key = MissingKey(options[0].removeprefix("missingkey=") if options else "default")
    show = escape_html if case.get("html") else print_value
    template = syntax.parse(case["text"], name="test", functions=NAMES)
    return execute(template, typed_value(case["data"]), functions, missing_key=missing_key, show=show)


def check_case(case):
    if "error" in case:
        with pytest.raises(TemplateError):
            run_case(case)
    else:
        assert run_case(case) == case["output"]
