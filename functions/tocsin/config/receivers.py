"""`receivers:`: who can be told, and by what.

Secrets are references: clear ones are refused unless the environment allows them, which is for one's own machine
(law 12). What each integration takes stands in integrations/. Every receiver has a label `name`, which is its name.

Source: https://prometheus.io/docs/alerting/latest/configuration/#receiver
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field, create_model

from ..core.receivers import Integration, Receiver
from .blocks import Block, Reading
from .documents import Path, Scalar
from .global_settings import Global
from .integrations import INTEGRATIONS
from .notification_templates import TextChecker
from .values import Blocks, FilledText, LabelMap


class _ReceiverKeys(Block):
    name: FilledText
    labels: LabelMap = Field(default_factory=dict)

    @classmethod
    def between(cls, found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        labels, name = found.get("labels"), str(found.get("name", ""))
        if isinstance(labels, dict) and str(labels.get("name", name)) != name:
            yield "labels", f"labels: name is always the receiver's own name, {name!r}"


_BLOCKS: dict[str, Any] = dict.fromkeys(INTEGRATIONS, (Blocks, None))
_Receiver: type[_ReceiverKeys] = create_model("_Receiver", __base__=_ReceiverKeys, **_BLOCKS)


class ReceiverReader:
    """Reads `receivers:`; knows what integrations fall back to, and looks at their texts.

    Without `globals_` (they have problems of their own) nothing is said about a fallback that is missing.
    """

    def __init__(self, reading: Reading, globals_: Global | None, texts: TextChecker) -> None:
        self._reading = reading
        self._texts = texts
        self._globals = globals_ or Global()
        self._knows_globals = globals_ is not None

    def read(self) -> dict[str, Receiver]:
        """Return the receivers by name; a name stands once."""
        receivers: dict[str, Receiver] = {}
        for path in self._reading.items(("receivers",)):
            name, context = name_and_context(self._reading.document.at(path), path)
            if name in receivers:
                message = f'the receiver name "{name}" is not unique'
                self._reading.problem((*path, "name"), message)
            block = self._reading.block(_Receiver, path, context=context)
            if name:
                labels = {"name": name, **(block.labels if block else {})}
                receivers.setdefault(name, Receiver(name, self._integrations(path, name, context), labels))
        return receivers

    def _integrations(self, path: Path, receiver: str, context: str) -> tuple[Integration, ...]:
        found: list[Integration] = []
        present = self._reading.document.at(path)
        for key in INTEGRATIONS:
            for at in self._reading.items((*path, key), context=context) if key in present else ():
                integration = self._integration(at, receiver, f"{context}, {key} {int(at[-1]) + 1}")
                found += [integration] if integration else []
        return tuple(found)

    def _integration(self, path: Path, receiver: str, context: str) -> Integration | None:
        block = self._reading.block(INTEGRATIONS[str(path[-2])], path, context=context)
        self._texts.check(path, self._reading.document.at(path), context)
        if block is None:
            return None
        settings, missing = block.completed(self._globals)
        for message in missing if self._knows_globals else ():
            self._reading.problem(path, message, context=context)
        return Integration(receiver, block.kind, int(path[-1]), block.send_resolved, settings)


def name_and_context(value: Any, path: Path) -> tuple[str, str]:
    """Return a receiver's name, and how to speak of it when something in it is wrong."""
    given = value.get("name") if isinstance(value, dict) else None
    name = str(given) if isinstance(given, Scalar) else ""
    return name, f'receiver "{name}"' if name else f"receiver {int(path[-1]) + 1}"
