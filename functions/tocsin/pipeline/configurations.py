"""The configuration in force: the newest that is valid (law 11).

A broken one is refused with all its reasons, and what was good before stays: in memory, and in the table for a cold
start that finds nothing but a broken one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from ..core.configuration import Configuration
from ..core.redaction import Redaction
from ..errors import ConfigError
from ..ports import LoadedConfiguration, Log

REFRESH_INTERVAL = timedelta(seconds=60)


class Source(Protocol):
    """Where the files are."""

    def revision(self) -> str: ...

    def read(self) -> Mapping[str, bytes]: ...


class Snapshots(Protocol):
    """Where the last valid files are kept."""

    def load_digest(self) -> str: ...

    def load_files(self) -> Mapping[str, bytes] | None: ...

    def save_files(self, files: Mapping[str, bytes], digest: str) -> None: ...


class CurrentConfiguration:
    """Reads again when the source has changed, at most once a minute; only one function `keeps` snapshots."""

    def __init__(
        self,
        source: Source,
        parse: Callable[[Mapping[str, bytes]], Configuration],
        log: Log,
        *,
        snapshots: Snapshots | None = None,
        keeps: bool = False,
    ) -> None:
        self._source = source
        self._parse = parse
        self._log = log
        self._snapshots = snapshots
        self._keeps = keeps
        self._loaded: LoadedConfiguration | None = None
        self._revision: str | None = None
        self._checked_at: datetime | None = None

    def current(self, *, now: datetime, fresh: bool = False) -> LoadedConfiguration:
        """Return the configuration in force. Raises what is wrong only where there never was a valid one."""
        if self._loaded is None or fresh or self._is_stale(now):
            self._loaded = self._load()
            self._checked_at = now
        return self._loaded

    @property
    def redaction(self) -> Redaction:
        """Return what must not be shown, as far as it is known without reading anything."""
        return self._loaded.configuration.redaction if self._loaded else Redaction()

    def _is_stale(self, now: datetime) -> bool:
        return self._checked_at is None or now - self._checked_at >= REFRESH_INTERVAL

    def _load(self) -> LoadedConfiguration:
        try:
            revision = self._source.revision()
            if self._loaded is not None and revision == self._revision:
                # What was refused meanwhile is gone again.
                return replace(self._loaded, refused="", is_unreachable=False)
            files = self._source.read()
        except Exception as error:  # out of reach: what runs goes on
            return self._fall_back(error, is_unreachable=not isinstance(error, ConfigError))
        try:
            configuration = self._parse(files)
        except Exception as error:  # refused: what runs goes on
            return self._fall_back(error)
        self._revision = revision
        self._keep(files, configuration)
        self._log.info("configuration_loaded", digest=configuration.digest, rules=len(configuration.rules()))
        return LoadedConfiguration(configuration)

    def _fall_back(self, error: Exception, *, is_unreachable: bool = False) -> LoadedConfiguration:
        refused = str(error) or repr(error)
        self._log.error("configuration_unreachable" if is_unreachable else "configuration_refused", problems=refused)
        if self._loaded is None:
            return LoadedConfiguration(self._last_good(error), refused, is_unreachable)
        if is_unreachable and self._loaded.refused and not self._loaded.is_unreachable:
            return self._loaded  # what is known to be wrong most likely still is
        return replace(self._loaded, refused=refused, is_unreachable=is_unreachable)

    def _last_good(self, error: Exception) -> Configuration:
        """Return what was last valid, read again. Raises the error itself where there is nothing of the kind."""
        files = self._snapshots.load_files() if self._snapshots else None
        if files is None:
            raise error
        try:
            return self._parse(files)
        except ConfigError:
            raise error from None

    def _keep(self, files: Mapping[str, bytes], configuration: Configuration) -> None:
        if not self._keeps or self._snapshots is None:
            return
        try:
            if self._snapshots.load_digest() != configuration.digest:
                self._snapshots.save_files(files, configuration.digest)
        except Exception as error:  # a copy for bad days: what is valid runs without it
            self._log.error("configuration_not_kept", error=repr(error))
