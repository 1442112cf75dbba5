"""The smallest files that make a configuration, and what is said of those that don't."""

from __future__ import annotations

from textwrap import dedent

from tocsin import config
from tocsin.config.alertmanager import read_alertmanager
from tocsin.config.blocks import INLINE_SECRETS
from tocsin.config.substitution import Substitution
from tocsin.errors import ConfigError, Problem

ALERTMANAGER = """
route:
  receiver: default
receivers:
  - name: default
  - name: pager
"""
ROUTE = "route: {receiver: a}\nreceivers: [{name: a}]\n"


def load(alertmanager=ALERTMANAGER, tocsin="", environment=None, **rules):
    """Return the configuration of texts; rule files by their names without folder and suffix."""
    source = {
        "alertmanager.yml": dedent(alertmanager).lstrip("\n").encode(),
        "tocsin.yml": dedent(tocsin).lstrip("\n").encode(),
        **{f"rules/{name}.yml": dedent(text).lstrip("\n").encode() for name, text in rules.items()},
    }
    return config.load(source, environment=environment or {})


def refusal(*args, **kwargs):
    """Return the problems for which texts are refused, as a person reads them."""
    try:
        load(*args, **kwargs)
    except ConfigError as error:
        return [str(problem) for problem in error.problems]
    return []


def read_all(text, *, allow_inline_secrets=True, template_files=None):
    """Return what an alertmanager.yml says when all of it is honoured, and what is wrong with it."""
    problems: list[Problem] = []
    substitution = Substitution({INLINE_SECRETS: "true"} if allow_inline_secrets else {})
    found = read_alertmanager(
        "am.yml",
        dedent(text).encode(),
        substitution,
        problems=problems,
        template_files=template_files,
        honour_all=True,
    )
    return found, [str(problem) for problem in problems]


def refusal_of_all(text, **options):
    """Return the problems for which a text is refused even when all of it is honoured."""
    return read_all(text, **options)[1]
