"""Connections that never lead to link-local addresses, where clouds keep credentials for the machine itself, and whose
answers begin in time (deadlines.py).

The address is looked at after a connection is made and before anything of a request is sent, so a name that leads there
helps nobody. Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TypeVar

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError
from urllib3.response import HTTPResponse

from .deadlines import ended_after

_Manager = TypeVar("_Manager", bound=urllib3.PoolManager)
# Where EC2 and EKS keep credentials for IPv6; it is no link-local address.
_CLOUD = ip_network("fd00:ec2::/32")


class ForbiddenAddressError(HTTPError):
    """A connection would lead to a link-local address."""


def guarded(manager: _Manager, refuses: Callable[[str], bool] | None = None) -> _Manager:
    """Return the manager, whose connections from now on refuse link-local addresses."""
    check = refuses or is_forbidden

    class Http(HTTPConnection):
        def connect(self) -> None:
            with _in_time(self):
                super().connect()
            _check(self, check)

        def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as urllib3's own
            with _in_time(self):
                return super().getresponse()

    class Https(HTTPSConnection):
        def connect(self) -> None:
            with _in_time(self):
                super().connect()
            _check(self, check)

        def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as urllib3's own
            with _in_time(self):
                return super().getresponse()

    class HttpPool(HTTPConnectionPool):
        ConnectionCls = Http

    class HttpsPool(HTTPSConnectionPool):
        ConnectionCls = Https

    manager.pool_classes_by_scheme = {"http": HttpPool, "https": HttpsPool}
    return manager


def is_forbidden(address: str) -> bool:
    """Say whether an IP address is link-local, a cloud's own, or none that one can send to."""
    ip = _ip(address)
    return ip.is_link_local or ip.is_multicast or ip.is_unspecified or (ip.version == 6 and ip in _CLOUD)


def is_loopback(address: str) -> bool:
    return _ip(address).is_loopback


def addresses_of(host: str) -> Iterable[str]:
    """Return the IP addresses of a host; none where it has none."""
    try:
        return [str(found[4][0]) for found in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError):
        return []


def _ip(address: str) -> IPv4Address | IPv6Address:
    ip = ip_address(address.partition("%")[0])
    return ip.ipv4_mapped or ip if isinstance(ip, IPv6Address) else ip


def _in_time(connection: HTTPConnection) -> AbstractContextManager[None]:
    """Shut a connection that takes longer than its timeout, byte by byte."""
    if not isinstance(connection.timeout, int | float):
        return nullcontext()

    def shut() -> None:
        if connection.sock is not None:
            # Not TLS's own method, which another thread may be reading by.
            socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)

    return ended_after(connection.timeout, shut)


def _check(connection: HTTPConnection, refuses: Callable[[str], bool]) -> None:
    peer = connection.sock.getpeername() if connection.sock else None
    if isinstance(peer, tuple) and refuses(str(peer[0])):
        connection.close()
        raise ForbiddenAddressError("a link-local address")
