"""Every call that reaches the local AWS: who made it, which operation, what was asked and answered.

The functions' clients name themselves in the User-Agent (`app/EvaluateFunction`, botocore's application id), so calls
can be counted per function: what a tick costs is a number of calls, never a duration of the local stand-in.
"""

from __future__ import annotations

import io
import json
import re
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

# Enough for an hour of a busy stack; older calls are forgotten.
KEPT = 20_000
_APP = re.compile(r"\bapp/(\S+)")
_SCOPE = re.compile(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/")

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


@dataclass(frozen=True, slots=True)
class Call:
    """One request to an AWS service. `caller` is a function's logical id, or "" for anyone else."""

    at: datetime
    caller: str
    service: str
    operation: str
    status: int
    request: bytes
    response: bytes

    def parameters(self) -> dict[str, Any]:
        """What was asked, where the service speaks JSON."""
        parsed = json.loads(self.request or b"{}")
        return parsed if isinstance(parsed, dict) else {}

    def result(self) -> dict[str, Any]:
        """What was answered, where the service speaks JSON."""
        parsed = json.loads(self.response or b"{}")
        return parsed if isinstance(parsed, dict) else {}


class Calls:
    """A WSGI middleware that remembers the latest calls and tells whoever listens."""

    def __init__(self, application: WsgiApp, listener: Callable[[Call], None]) -> None:
        self._application = application
        self._listener = listener
        self._calls: deque[Call] = deque(maxlen=KEPT)
        self._lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        request = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(request)
        answered: list[int] = []

        def note_status(status: str, *rest: Any) -> Any:
            answered.append(int(status.split(" ", 1)[0]))
            return start_response(status, *rest)

        response = b"".join(self._application(environ, note_status))
        self._note(environ, request, answered[-1], response)
        return [response]

    def since(self, position: int = 0) -> list[Call]:
        """Return the calls that are remembered, from this position on."""
        with self._lock:
            return list(self._calls)[position:]

    def clear(self) -> None:
        with self._lock:
            self._calls.clear()

    def _note(self, environ: dict[str, Any], request: bytes, status: int, response: bytes) -> None:
        caller = _APP.search(environ.get("HTTP_USER_AGENT", ""))
        scope = _SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
        call = Call(
            at=datetime.now(UTC),
            caller=caller.group(1) if caller else "",
            service=scope.group(1) if scope else "",
            operation=_operation(environ, request),
            status=status,
            request=request,
            response=response,
        )
        with self._lock:
            self._calls.append(call)
        self._listener(call)


def _operation(environ: dict[str, Any], request: bytes) -> str:
    """Name the operation: a header in JSON protocols, a form field in query ones, else method and path."""
    target: str = environ.get("HTTP_X_AMZ_TARGET", "")
    if target:
        return target.rpartition(".")[2]
    if "form-urlencoded" in environ.get("CONTENT_TYPE", ""):
        action = parse_qs(request.decode(errors="replace")).get("Action")
        if action:
            return action[0]
    return f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"
