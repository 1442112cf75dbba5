"""Go's text/template, for the labels and annotations of rules and for notifications.

    parse, expand, expand_or_explain     a rule's template (rule.py)
    syntax.parse, execute                any template, with functions of the caller's choice (execute.py)
    alertmanager.TemplateSet             notification templates, as text or as HTML; imported by whoever sends

The language: https://pkg.go.dev/text/template. Its use in rules:
https://prometheus.io/docs/prometheus/latest/configuration/template_reference/
and in notifications: https://prometheus.io/docs/alerting/latest/notifications/
"""

from tocsin.core.templates.errors import FunctionError, TemplateError
from tocsin.core.templates.evaluate import MissingKey
from tocsin.core.templates.execute import Limits, execute
from tocsin.core.templates.functions import Query, QueryResult
from tocsin.core.templates.nodes import Template
from tocsin.core.templates.rule import expand, expand_or_explain, parse
from tocsin.core.templates.values import Function, StringMap, Struct, Value

__all__ = [
    "Function",
    "FunctionError",
    "Limits",
    "MissingKey",
    "Query",
    "QueryResult",
    "StringMap",
    "Struct",
    "Template",
    "TemplateError",
    "Value",
    "execute",
    "expand",
    "expand_or_explain",
    "parse",
]
