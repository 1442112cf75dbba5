"""The smallest files that make a configuration, and what is said of those that don't."""

from __future__ import annotations

from textwrap import dedent

from tocsin import config
from tocsin.errors import ConfigError

ALERTMANAGER = """
route:
  receiver: default
receivers:
  - name: default
  - name: pager
"""


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
