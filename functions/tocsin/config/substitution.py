"""Environment variables in configuration: `${NAME}` and `${NAME:-default}`, as a shell has them.

They are put in after YAML is read, so a value can never become structure. An empty variable counts as unset. In
alertmanager.yml only names that begin with TOCSIN_ are ours: everything else there keeps the meaning it has elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..errors import Problem
from .documents import Document, Path, Scalar

ANY_NAME = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
TOCSIN_NAMES = re.compile(r"\$\{(TOCSIN_[A-Z0-9_]+)(?::-([^}]*))?\}")


@dataclass(slots=True)
class Substitution:
    """Puts variables into documents, and keeps what was used of them and what was missing."""

    environment: Mapping[str, str]
    used: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def apply(self, document: Document, names: re.Pattern[str]) -> Document:
        """Return the document with the variables of these names replaced in its values; keys stay as they are."""
        return replace(document, value=self._value(document, document.value, (), names))

    def _value(self, document: Document, value: Any, path: Path, names: re.Pattern[str]) -> Any:
        if isinstance(value, dict):
            return {key: self._value(document, each, (*path, key), names) for key, each in value.items()}
        if isinstance(value, list):
            return [self._value(document, each, (*path, index), names) for index, each in enumerate(value)]
        if isinstance(value, Scalar) and "${" in value:
            return self._scalar(document, value, path, names)
        return value

    def _scalar(self, document: Document, value: Scalar, path: Path, names: re.Pattern[str]) -> Scalar | None:
        def expand(found: re.Match[str]) -> str:
            name, default = found.groups()
            given = self.environment.get(name, "")
            self.used[name] = given
            if given or default is not None:
                return given or str(default)
            place = document.place(path)
            message = (
                f"the environment variable {name} is not set, and {found[0]} has no default (${{{name}:-default}})"
            )
            self.problems.append(Problem(document.file, place.line, message, place.column))
            return found[0]

        text = names.sub(expand, value)
        # Nothing without quotes is what YAML calls null.
        return Scalar(text, is_plain=value.is_plain) if text or not value.is_plain else None
