"""Connections that lead only to where they may (targets.py), and whose answers begin in time (deadlines.py).

A name is resolved once, and the connection is made to the very address that was looked at: nothing is sent to another,
not even the beginning of TLS.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NameResolutionError, NewConnectionError
from urllib3.response import HTTPResponse

from .deadlines import ended_after
from .targets import Resolve, Targets, addresses_of

_Manager = TypeVar("_Manager", bound=urllib3.PoolManager)
_NO_TARGETS = Targets()


class ForbiddenAddressError(HTTPError):
    """A connection would lead to where none may lead."""


def guarded(manager: _Manager, targets: Targets = _NO_TARGETS, resolve: Resolve = addresses_of) -> _Manager:
    """Return the manager, whose connections from now on lead only to what is allowed."""

    class Http(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return _connected(self, targets, resolve)

        def connect(self) -> None:
            with _in_time(self):
                super().connect()

        def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as urllib3's own
            with _in_time(self):
                return super().getresponse()

    class Https(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return _connected(self, targets, resolve)

        def connect(self) -> None:
            with _in_time(self):
                super().connect()

        def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as urllib3's own
            with _in_time(self):
                return super().getresponse()

    class HttpPool(HTTPConnectionPool):
        ConnectionCls = Http

    class HttpsPool(HTTPSConnectionPool):
        ConnectionCls = Https

    manager.pool_classes_by_scheme = {"http": HttpPool, "https": HttpsPool}
    return manager


def open_socket(
    host: str,
    port: int,
    *,
    seconds: float | None,
    targets: Targets,
    resolve: Resolve = addresses_of,
    options: Sequence[Any] = (),
) -> socket.socket:
    """Return a connection to the first of a host's allowed addresses that takes it, within so many seconds in all.

    Raises ForbiddenAddressError where none is allowed, socket.gaierror where there is none, and OSError.
    """
    addresses = list(resolve(host))
    if not addresses:
        raise socket.gaierror(socket.EAI_NONAME, "the name is not known")
    allowed = [address for address in addresses if targets.permit(host, address)]
    if not allowed:
        raise ForbiddenAddressError("the address is none that TOCSIN_ALLOWED_TARGETS allows")
    until = None if seconds is None else time.monotonic() + seconds
    for number, address in enumerate(allowed, 1):
        left = None if until is None else max(until - time.monotonic(), 0.001)
        try:
            made = socket.create_connection((address, port), timeout=left)
        except OSError:
            if number == len(allowed):
                raise
            continue
        for option in options:
            made.setsockopt(*option)
        made.settimeout(seconds)
        return made
    raise AssertionError("the last address was tried")


def _connected(connection: HTTPConnection, targets: Targets, resolve: Resolve) -> socket.socket:
    """Return a socket as urllib3's own connections make it, with its errors."""
    seconds = connection.timeout if isinstance(connection.timeout, int | float) else None
    try:
        return open_socket(
            connection._dns_host,  # `host` is without the dot at its end, which a resolver takes to be the end
            connection.port or 0,
            seconds=seconds,
            targets=targets,
            resolve=resolve,
            options=connection.socket_options or (),
        )
    except socket.gaierror as error:
        raise NameResolutionError(connection.host, connection, error) from error
    except TimeoutError as error:
        raise ConnectTimeoutError(connection, "the connection could not be made in time") from error
    except OSError as error:
        raise NewConnectionError(connection, f"Failed to establish a new connection: {error}") from error


def _in_time(connection: HTTPConnection) -> AbstractContextManager[None]:
    """Shut a connection that takes longer than its timeout, byte by byte."""
    if not isinstance(connection.timeout, int | float):
        return nullcontext()

    def shut() -> None:
        if connection.sock is not None:
            # Not TLS's own method, which another thread may be reading by.
            socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)

    return ended_after(connection.timeout, shut)
