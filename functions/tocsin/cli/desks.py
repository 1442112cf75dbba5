"""Where `tocsin alert` asks: a deployment's API, or that same API in this process, on the table or a state file."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from ..adapters import local_state
from ..adapters.local_state import LocalStore
from ..adapters.memory import MemoryTimers
from ..pipeline.configurations import CurrentConfiguration
from ..ports import Log
from ..web.api import Api, answer, trusted
from ..web.http import Request
from ..wiring import Workplace, build_api, compile_pattern
from .addresses import is_http_url
from .failures import UsageError
from .log import StreamLog
from .session import Session, state_path

Query = Mapping[str, tuple[str, ...]]
Body = Mapping[str, Any] | Sequence[Any] | None


class Asked(Protocol):
    """Something that answers as the API does: status and JSON value."""

    def ask(self, method: str, path: tuple[str, ...], query: Query, body: Body) -> tuple[int, Any]: ...


class InProcess:
    """The API in this process."""

    def __init__(self, api: Api, now: datetime) -> None:
        self._api = api
        self._now = now

    def ask(self, method: str, path: tuple[str, ...], query: Query, body: Body) -> tuple[int, Any]:
        content = b"" if body is None else json.dumps(body).encode()
        response = answer(self._api, trusted(Request(method, path, query, content)), now=self._now)
        return response.status, response.value


class OnStateFile:
    """The API on the local state: locked while it answers, and saved where the answer changed something."""

    def __init__(self, path: Path, workplace: Workplace, log: Log, now: datetime) -> None:
        self._path = path
        self._workplace = workplace
        self._log = log
        self._now = now

    def ask(self, method: str, path: tuple[str, ...], query: Query, body: Body) -> tuple[int, Any]:
        with self._store(method) as store:
            if store.complaint:
                print(f"tocsin: {store.complaint}", file=sys.stderr)
            api = self._api(store)
            answered = InProcess(api, self._now).ask(method, path, query, body)
            if store.writes:
                store.save(now=self._now)
            return answered

    def _api(self, store: LocalStore) -> Api:
        return build_api(
            self._workplace,
            CurrentConfiguration(self._workplace.source, self._workplace.parse, self._log),
            rules=store,
            groups=store,
            incidents=store,
            deliveries=store,
            silences=store,
            ingested=store,
            inhibitors=store,
            overrides=store,
            timers=MemoryTimers(),  # the next evaluation looks at every group that is due
            log=self._log,
        )

    def _store(self, method: str) -> AbstractContextManager[LocalStore]:
        if method == "GET":
            return nullcontext(local_state.read(self._path, now=self._now, compile_pattern=compile_pattern))
        return local_state.opened(self._path, now=self._now, compile_pattern=compile_pattern)


def choose_desk(arguments: argparse.Namespace, session: Session) -> Asked:
    """Return the API at --url or TOCSIN_URL; else on the table; else on the state file."""
    workplace = session.workplace(TOCSIN_URL=arguments.url)
    log = StreamLog()
    url = workplace.settings.get("TOCSIN_URL")
    if url:
        return workplace.remote_api(_checked(url))
    if workplace.settings.get("TOCSIN_TABLE"):
        return InProcess(_on_table(workplace, log), session.now)
    path = state_path(arguments.state, workplace)
    if path is None:
        raise UsageError("--state: with none there is nothing to ask")
    return OnStateFile(path, workplace, log, session.now)


def _on_table(workplace: Workplace, log: Log) -> Api:
    return build_api(
        workplace,
        CurrentConfiguration(workplace.source, workplace.parse, log),
        rules=workplace.rules,
        groups=workplace.groups,
        incidents=workplace.incidents,
        deliveries=workplace.deliveries,
        silences=workplace.silences,
        ingested=workplace.ingested,
        inhibitors=workplace.inhibitors,
        overrides=workplace.overrides,
        # Without the queue the next tick finds the group: it is overdue.
        timers=workplace.timers if workplace.settings.get("TOCSIN_TIMER_QUEUE_URL") else MemoryTimers(),
        log=log,
    )


def _checked(url: str) -> str:
    if not is_http_url(url):
        raise UsageError("the address of Tocsin's API is not a URL: expected for example http://127.0.0.1:3000")
    return url
