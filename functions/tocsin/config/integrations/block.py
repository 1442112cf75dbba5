"""What the blocks of all integrations have in common: their settings, completed by what `global` says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar

from ...core.durations import format_duration
from ...core.receivers import Kind
from ..blocks import Block
from ..global_settings import Global
from ..http_client import HttpConfig
from ..values import Flag


@dataclass(frozen=True, slots=True)
class Fallback:
    """Keys that are taken from `global` when none of them is set; `is_needed` when there must be one somewhere."""

    keys: tuple[str, ...]
    globals_: tuple[str, ...]
    is_needed: bool = False


class IntegrationBlock(Block):
    kind: ClassVar[Kind]
    fallbacks: ClassVar[tuple[Fallback, ...]] = ()

    send_resolved: Flag = True

    def settings(self) -> dict[str, Any]:
        """Return the block as it stands, with Alertmanager's defaults."""
        return self.model_dump(by_alias=True, exclude_none=True)

    def complete(self, settings: dict[str, Any], defaults: Mapping[str, Any]) -> None:
        """Put into settings what `global` says of what the block leaves open."""
        for fallback in self.fallbacks:
            take(settings, fallback, defaults)

    def missing(self, settings: Mapping[str, Any]) -> Iterator[str]:
        """Give what must be there, and is neither in the block nor in `global`."""
        for fallback in self.fallbacks:
            if fallback.is_needed and not any(settings.get(key) for key in fallback.keys):
                yield f"{fallback.keys[-1]} is missing, and global has no {fallback.globals_[-1]}"

    def completed(self, globals_: Global) -> tuple[dict[str, Any], tuple[str, ...]]:
        """Return the settings as plain values, and what is missing in them."""
        settings = self.settings()
        self.complete(settings, globals_.as_json())
        missing = tuple(self.missing(settings))
        return {key: _plain(value) for key, value in settings.items()}, missing


class HttpBlock(IntegrationBlock):
    """An integration that is spoken to by HTTP."""

    http_config: HttpConfig | None = None

    def settings(self) -> dict[str, Any]:
        settings = super().settings()
        return {**settings, "http_config": self.http_config.as_json()} if self.http_config else settings

    def complete(self, settings: dict[str, Any], defaults: Mapping[str, Any]) -> None:
        super().complete(settings, defaults)
        settings.setdefault("http_config", defaults["http_config"])


def take(settings: dict[str, Any], fallback: Fallback, defaults: Mapping[str, Any]) -> None:
    """Take what a fallback names from `global`, unless one of its keys is set."""
    if any(settings.get(key) not in (None, "") for key in fallback.keys):
        return
    taken = {key: defaults.get(other) for key, other in zip(fallback.keys, fallback.globals_, strict=True)}
    settings |= {key: value for key, value in taken.items() if value not in (None, "")}


def default(name: str) -> str:
    """Return the text that calls one of Alertmanager's default templates."""
    return f'{{{{ template "{name}" . }}}}'


def _plain(value: Any) -> Any:
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list) else value
