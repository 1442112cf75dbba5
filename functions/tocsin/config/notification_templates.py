"""Notification templates: the files that `templates:` names, and the texts in receivers that call them.

The files lie in the folder `templates` beside alertmanager.yml, or in an AMP definition's `template_files`. A pattern's
folder is that of the machine on which Alertmanager ran, so it is the last part that counts: `/etc/alertmanager/*.tmpl`
takes every `*.tmpl` that is there. A pattern that finds nothing is no error, as in Alertmanager, but it is told.

A file that is no template is refused. A text in a receiver that is none, or that calls one that nobody defines, is told
of and no reason to refuse: when it is sent, the error stands in its place.

Source: https://prometheus.io/docs/alerting/latest/notifications/,
https://github.com/prometheus/alertmanager/blob/main/template/template.go (FromGlobs)
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..core.templates import nodes, syntax
from ..core.templates.alertmanager import SHIPPED
from ..core.templates.errors import TemplateError
from ..core.templates.notification_functions import NAMES
from ..errors import Problem
from . import TEMPLATES
from .blocks import Reading, did_you_mean
from .documents import Path, Scalar
from .values import describe, is_template, why_no_template

_DEFINITION = re.compile(r'{{-?\s*(?:define|block)\s+["`]([^"`]*)["`]')


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


def defined_names(files: Mapping[str, str]) -> frozenset[str]:
    """Return the names of the templates that texts may call: those of the files, and the defaults.

    The files are not read as templates for this: it is for a hint, and start-up is spared the parsing of the defaults.
    """
    return definitions({"": SHIPPED.read_text(encoding="utf-8"), **files})


def definitions(files: Mapping[str, str]) -> frozenset[str]:
    """Return the names that files define."""
    return frozenset(name for text in files.values() for name in _DEFINITION.findall(text))


@dataclass(frozen=True, slots=True)
class TextChecker:
    """Warns of the texts in receivers that could not be expanded; `files` are the template files that are taken."""

    reading: Reading
    files: Mapping[str, str]

    def check(self, path: Path, value: Any, context: str) -> None:
        """Look at every text at a path, and below it."""
        if isinstance(value, dict):
            for key, each in value.items():
                self.check((*path, key), each, context)
        elif isinstance(value, list):
            for index, each in enumerate(value):
                self.check((*path, index), each, context)
        elif isinstance(value, Scalar) and is_template(value):
            self._check_text(path, str(value), context)

    def _check_text(self, path: Path, text: str, context: str) -> None:
        if reason := why_no_template(text):
            message = f"{path[-1]}: not a valid template, and sent as this error: {reason}"
            self.reading.warn(path, message, context=context)
            return
        template = syntax.parse(text, name="", functions=NAMES)
        missing = {node.name for node in _invocations(template.main.body)} - set(template.definitions)
        known = defined_names(self.files) if missing else frozenset()
        for name in sorted(missing - known):
            message = f"{path[-1]}: there is no template {name!r}{did_you_mean(name, sorted(known))}"
            self.reading.warn(path, message, context=context)


def _invocations(node: Any) -> Iterator[nodes.Invoke]:
    if isinstance(node, nodes.Invoke):
        yield node
    elif isinstance(node, tuple):
        for each in node:
            yield from _invocations(each)
