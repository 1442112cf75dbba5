"""Bodies of requests, read as Alertmanager reads them: what is wrong is said in its words, with its numbers.

A body that is no JSON of the right types is refused with 400; one that lacks something, or holds something that is not
of its form, with 422 and a number that says which.

Source: https://github.com/go-openapi/errors and https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ..core.json_text import JsonError, read_json
from .http import JSON_TYPE, Refused, Request

WRONG_TYPE, REQUIRED, TOO_FEW_ITEMS = 601, 602, 612

_KINDS = {dict: "an object", list: "a list", str: "a text", bool: "true or false"}


class Body:
    """A JSON value of a request, and where it stands in the body, for what is said of it."""

    __slots__ = ("_root", "path", "value")

    def __init__(self, value: Any, root: str, path: str = "") -> None:
        self.value = value
        self._root = root
        self.path = path

    def get(self, name: str) -> Body:
        """Return a member of an object; its value is None where it is not there."""
        members: dict[str, Any] = self.expect(dict)
        return Body(members.get(name), self._root, f"{self.path}.{name}" if self.path else name)

    def need(self, name: str) -> Body:
        """Return a member that has to be there."""
        found = self.get(name)
        if found.value is None:
            raise Refused(422, f"{found.path} in body is required", code=REQUIRED)
        return found

    def items(self) -> list[Body]:
        """Return the members of a list."""
        values: list[Any] = self.expect(list)
        prefix = f"{self.path}." if self.path else ""
        return [Body(value, self._root, f"{prefix}{number}") for number, value in enumerate(values)]

    def text(self) -> str:
        """Return a text; empty where there is none."""
        return "" if self.value is None else str(self.expect(str))

    def flag(self, *, default: bool) -> bool:
        return default if self.value is None else bool(self.expect(bool))

    def pairs(self) -> dict[str, str]:
        """Return an object of texts; empty where there is none."""
        if self.value is None:
            return {}
        members: dict[str, Any] = self.expect(dict)
        return {name: Body(value, self._root, f"{self.path}.{name}").text() for name, value in members.items()}

    def time(self) -> datetime | None:
        """Return a time in UTC; None where there is none, which Go writes as the first of January of the year 1."""
        text = self.text()
        try:
            return parse_instant(text) if text else None
        except ValueError:
            raise self._unusable(f'"{text}" is not a time') from None

    def expect(self, kind: type) -> Any:
        """Return the value where it is of a type."""
        if not isinstance(self.value, kind):
            raise self._unusable(f"{self.path or 'it'} is not {_KINDS[kind]}")
        return self.value

    def _unusable(self, reason: str) -> Refused:
        return Refused(400, f'parsing {self._root} body from "" failed, because {reason}')


def read_body(request: Request, root: str) -> Body:
    """Return the JSON of a request; `root` is what Alertmanager calls it."""
    kind = request.content_type.partition(";")[0].strip().lower()
    if kind != JSON_TYPE:
        raise Refused(415, f'unsupported media type "{kind}", only [{JSON_TYPE}] are allowed')
    if not request.body.strip():
        raise Refused(422, f"{root} in body is required", code=REQUIRED)
    try:
        return Body(read_json(request.body), root)
    except JsonError as error:
        raise Refused(400, f'parsing {root} body from "" failed, because {error}') from None


def parse_instant(text: str) -> datetime | None:
    """Return a time in UTC, which is also what one without a zone means; None for Go's zero time. Raises ValueError.

    What lies beyond the year 9999 only by its zone (.NET's last instant, west of Greenwich) is that year's end.
    """
    instant = datetime.fromisoformat(text)
    if instant.year <= 1:
        return None
    try:
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)
