"""Tocsin's HTTP API, asked from elsewhere: signed for AWS where credentials are there to sign with.

Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-access-control-iam.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import urllib3

from ..errors import TocsinError
from .http import redact
from .prometheus import Pool, Signer

TIMEOUT_SECONDS = 35.0  # API Gateway gives up after 30
ANSWER_BYTES = 32 * 1024 * 1024
_LOCAL = ("127.0.0.1", "localhost", "::1")


class RemoteError(TocsinError):
    """The API could not be asked, or what answered is not Tocsin's API."""


def is_local(url: str) -> bool:
    """Say whether a URL leads to this machine, where nothing checks signatures."""
    return urlsplit(url).hostname in _LOCAL


@dataclass(frozen=True, slots=True)
class RemoteApi:
    """The API at a base URL."""

    url: str
    pool: Pool
    sign: Signer | None = None

    def ask(
        self,
        method: str,
        path: tuple[str, ...],
        query: Mapping[str, tuple[str, ...]],
        body: Mapping[str, Any] | Sequence[Any] | None,
    ) -> tuple[int, Any]:
        """Return status and JSON value of the answer. Raises RemoteError."""
        url = f"{self.url.rstrip('/')}/{'/'.join(quote(part, safe='') for part in path)}"
        if query:
            url += "?" + urlencode([(name, each) for name, values in query.items() for each in values], quote_via=quote)
        content = json.dumps(body).encode() if body is not None else b""
        headers: Mapping[str, str] = {"Content-Type": "application/json"} if content else {}
        if self.sign is not None:
            headers = self.sign(method, url, headers, content)
        status, answer = self._send(method, url, headers, content)
        try:
            return status, json.loads(answer) if answer else None
        except ValueError:
            start = answer[:80].decode(errors="replace").strip()
            raise RemoteError(f"{redact(self.url)} is not Tocsin's API: HTTP {status}, {start!r}") from None

    def _send(self, method: str, url: str, headers: Mapping[str, str], content: bytes) -> tuple[int, bytes]:
        try:
            answer = self.pool.request(
                method,
                url,
                headers=dict(headers),
                body=content,
                timeout=TIMEOUT_SECONDS,
                retries=False,
                redirect=False,
                preload_content=False,
            )
            try:
                return answer.status, answer.read(ANSWER_BYTES)
            finally:
                answer.release_conn()
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise RemoteError(f"{redact(self.url)} cannot be asked: {_cause(error)}") from None


def _cause(error: BaseException) -> str:
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ConnectionRefusedError):
            return "connection refused"
        seen = seen.__cause__ or seen.__context__
    return str(error).rsplit(": ", 1)[-1] or type(error).__name__
