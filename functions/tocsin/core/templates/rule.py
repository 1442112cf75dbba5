"""Expanding the labels and annotations of a rule.

The template sees $labels, $value, $externalLabels and $externalURL, and the same as fields of dot. One that fails
becomes a text that says so: an alert is worth more than its description.
Source: https://prometheus.io/docs/prometheus/latest/configuration/alerting_rules/#templating, rules/alerting.go
"""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache

from tocsin.core.patterns import Compile, without_engine
from tocsin.core.steps import Steps
from tocsin.core.templates import syntax
from tocsin.core.templates.errors import TemplateError
from tocsin.core.templates.execute import Limits, execute
from tocsin.core.templates.functions import NAMES, Query, rule_functions
from tocsin.core.templates.nodes import Template
from tocsin.core.templates.values import StringMap, Struct

_VARIABLES = {
    "$labels": "Labels",
    "$externalLabels": "ExternalLabels",
    "$externalURL": "ExternalURL",
    "$value": "Value",
}
_DATA_TYPE = (
    "struct { Labels map[string]string; ExternalLabels map[string]string; ExternalURL string; Value interface {} }"
)


@lru_cache(maxsize=1024)
def parse(text: str, name: str = "rule") -> Template:
    """Return the parsed template of a label or annotation; TemplateError, with its position, where it has none."""
    return syntax.parse(text, name=name, functions=NAMES, variables=tuple(_VARIABLES))


def expand(
    text: str,
    *,
    labels: Mapping[str, str],
    value: float,
    external_labels: Mapping[str, str] | None = None,
    external_url: str = "",
    now: datetime,
    query: Query | None = None,
    name: str = "rule",
    compile: Compile = without_engine,
    steps: Steps | None = None,
) -> str:
    """Return a label or annotation with its template expanded; TemplateError where it cannot be.

    `value` is the result of the rule's expression, `query` runs an instant query, `name` stands in errors, and
    `compile` is the engine for regular expressions in RE2 syntax. `steps` is what several texts may take together.
    """
    if "{{" not in text:
        return text
    data = Struct(
        _DATA_TYPE,
        {
            "Labels": StringMap(labels),
            "ExternalLabels": StringMap(external_labels or {}),
            "ExternalURL": external_url,
            "Value": float(value),
        },
    )
    variables = {name: data.fields[field] for name, field in _VARIABLES.items()}
    own = Steps(Limits().steps, within=steps)
    functions = rule_functions(compile=compile, now=now, external_url=external_url, query=query, steps=own)
    return execute(parse(text, name), data, functions, variables=variables, steps=own)


def expand_or_explain(
    text: str,
    *,
    labels: Mapping[str, str],
    value: float,
    external_labels: Mapping[str, str] | None = None,
    external_url: str = "",
    now: datetime,
    query: Query | None = None,
    name: str = "rule",
    compile: Compile = without_engine,
    steps: Steps | None = None,
) -> str:
    """Return what expand does, or a text with the error in its place; it never raises TemplateError."""
    try:
        return expand(
            text,
            labels=labels,
            value=value,
            external_labels=external_labels,
            external_url=external_url,
            now=now,
            query=query,
            name=name,
            compile=compile,
            steps=steps,
        )
    except TemplateError as error:
        return f"<error expanding template: {error}>"
