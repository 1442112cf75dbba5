"""Notification templates: the files that `templates:` names, and the texts in receivers that call them.

The files lie in the folder `templates` beside alertmanager.yml, or in an AMP definition's `template_files`. A pattern's
folder is that of the machine on which Alertmanager ran, so it is the last part that counts: `/etc/alertmanager/*.tmpl`
takes every `*.tmpl` that is there. A pattern that finds nothing is no error, as in Alertmanager, but it is told.

A file that is no template is refused. A text in a receiver that is none is told of, and no reason to refuse: when it is
sent, the error stands in its place.

Source: https://prometheus.io/docs/alerting/latest/notifications/,
https://github.com/prometheus/alertmanager/blob/main/template/template.go (FromGlobs)
"""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from typing import Any

from ..core.templates import syntax
from ..core.templates.errors import TemplateError
from ..core.templates.notification_functions import NAMES
from ..errors import Problem
from . import TEMPLATES
from .blocks import Reading
from .documents import Path, Scalar
from .values import describe, is_template, why_no_template


def read_templates(reading: Reading, files: Mapping[str, str]) -> dict[str, str]:
    """Return the files that the patterns take, in the order in which they are read; broken ones are noted."""
    found: dict[str, str] = {}
    for path in reading.items(("templates",)) if "templates" in reading.document.value else ():
        pattern = reading.document.at(path)
        if not isinstance(pattern, Scalar):
            reading.problem(path, f"templates: expected the path of files, found {describe(pattern)}")
            continue
        taken = _matching(str(pattern), files)
        if taken is None:
            reading.problem(path, f"templates: not a valid pattern: {str(pattern)!r}")
        elif not taken:
            reading.warn(path, f"templates: there is no file {_last(str(pattern))!r} in {TEMPLATES}")
        found |= {name: files[name] for name in taken or ()}
    return found


def _matching(pattern: str, files: Mapping[str, str]) -> list[str] | None:
    """Return the names of the files that a pattern takes; None where it is none."""
    last = _last(pattern)
    if last.count("[") != last.count("]"):
        return None
    glob = last.replace("[^", "[!")
    return sorted(name for name in files if fnmatch.fnmatchcase(_last(name), glob))


def _last(path: str) -> str:
    return path.rpartition("/")[2]


def check_file(name: str, text: str) -> Problem | None:
    """Return why a file is no template, or None."""
    try:
        syntax.parse(text, name=_last(name), functions=NAMES)
    except TemplateError as error:
        return Problem(name, error.line or None, f"not a valid template: {error}", error.column or None)
    return None


def warn_of_broken_texts(reading: Reading, path: Path, value: Any, context: str) -> None:
    """Warn of every text at a path, and below it, that calls for a template and is none."""
    if isinstance(value, dict):
        for key, each in value.items():
            warn_of_broken_texts(reading, (*path, key), each, context)
    elif isinstance(value, list):
        for index, each in enumerate(value):
            warn_of_broken_texts(reading, (*path, index), each, context)
    elif isinstance(value, Scalar) and is_template(value) and (reason := why_no_template(str(value))):
        reading.warn(path, f"{path[-1]}: not a valid template, and sent as this error: {reason}", context=context)
