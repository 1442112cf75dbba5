"""What surrounds an installation in virtual time: files, snapshots, secrets, metrics, and senders of alerts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from tocsin.core.configuration import Configuration
from tocsin.core.merging import Posted
from tocsin.core.rules import Sample
from tocsin.errors import ConfigError, QueryError
from tocsin.ports import LoadedConfiguration, Query

SENT_EVERY = timedelta(minutes=1)
# As Prometheus has it: an end ahead while an alert fires, and the resolution again and again for a while.
END_AHEAD = timedelta(minutes=4)
RESOLVED_SENT_FOR = timedelta(minutes=15)


class ServiceError(Exception):
    """A service other than the table did not do what it was asked."""


class RefusedFilesError(ConfigError):
    """The files in the source are not valid."""

    def __init__(self, text: str) -> None:
        super().__init__([])
        self.text = text

    def __str__(self) -> str:
        return self.text


@dataclass(slots=True)
class Files:
    """The source of configuration; its only file is the digest of a configuration that `parse` knows."""

    loaded: Callable[[], LoadedConfiguration]
    known: dict[str, Configuration] = field(default_factory=dict)

    def revision(self) -> str:
        return f"{self._digest()} {self.loaded().refused}"

    def read(self) -> Mapping[str, bytes]:
        return {"refused" if self.loaded().refused else "digest": (self.loaded().refused or self._digest()).encode()}

    def parse(self, files: Mapping[str, bytes]) -> Configuration:
        """Return the configuration. Raises RefusedFilesError."""
        if "refused" in files:
            raise RefusedFilesError(files["refused"].decode())
        return self.known[files["digest"].decode()]

    def _digest(self) -> str:
        configuration = self.loaded().configuration
        # Stories' configurations that differ in their rules only have the same digest.
        digest = f"{configuration.digest} {id(configuration)}"
        self.known[digest] = configuration
        return digest


@dataclass(slots=True)
class Snapshots:
    """The last files that were valid."""

    files: Mapping[str, bytes]
    digest: str

    def load_digest(self) -> str:
        return self.digest

    def load_files(self) -> Mapping[str, bytes]:
        return self.files

    def save_files(self, files: Mapping[str, bytes], digest: str) -> None:
        self.files, self.digest = files, digest


@dataclass(slots=True)
class Vault:
    """Every secret that is asked for."""

    read: list[str] = field(default_factory=list)

    def read_secret(self, reference: Any) -> str:
        self.read.append(str(reference))
        return "secret"


@dataclass(frozen=True, slots=True)
class AnsweringMetrics:
    """A query endpoint that may not be there: it answers with errors and raises nothing, as the port says."""

    endpoint: Any

    def query_all(self, queries: Sequence[Query], *, budget_seconds: float) -> Sequence[Sequence[Sample] | QueryError]:
        try:
            return self.endpoint.query_all(queries, budget_seconds=budget_seconds)
        except ServiceError as error:
            return [QueryError(str(error), retryable=True) for _ in queries]


@dataclass(slots=True)
class Senders:
    """Another Prometheus: what it says of its alerts every minute."""

    alerts: dict[str, Posted] = field(default_factory=dict)
    next_at: datetime | None = None

    def begin(self, labels: Mapping[str, str], *, now: datetime) -> None:
        self.alerts[_key(labels)] = Posted(labels, {"summary": f"{labels['alertname']} elsewhere"}, now)

    def end(self, labels: Mapping[str, str], *, now: datetime) -> None:
        self.alerts[_key(labels)] = replace(self.alerts[_key(labels)], ends_at=now)

    def forget(self, labels: Mapping[str, str]) -> None:
        del self.alerts[_key(labels)]

    def speak(self, *, now: datetime) -> list[Posted]:
        """Return what is sent now, and plan the next time."""
        self.alerts = {
            key: each
            for key, each in self.alerts.items()
            if each.ends_at is None or now - each.ends_at <= RESOLVED_SENT_FOR
        }
        self.next_at = now + SENT_EVERY if self.alerts else None
        return [each if each.ends_at else replace(each, ends_at=now + END_AHEAD) for each in self.alerts.values()]


def _key(labels: Mapping[str, str]) -> str:
    return repr(sorted(labels.items()))
