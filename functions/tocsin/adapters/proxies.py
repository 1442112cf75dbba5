"""Which proxy a request takes: `proxy_url` with `no_proxy`, or what the environment says.

Source: https://pkg.go.dev/golang.org/x/net/http/httpproxy#Config (what `no_proxy` means)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any
from urllib.parse import SplitResult, urlsplit

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy's URL and the headers of its CONNECT requests; no URL: no proxy."""

    url: str = ""
    headers: tuple[tuple[str, str], ...] = ()


def proxy_for(url: str, config: Mapping[str, Any], environment: Mapping[str, str]) -> Proxy:
    """Return the proxy for a URL."""
    target = urlsplit(url)
    if config.get("proxy_from_environment"):
        proxy = _variable(environment, f"{target.scheme}_proxy")
        no_proxy = _variable(environment, "no_proxy")
    else:
        proxy, no_proxy = str(config.get("proxy_url") or ""), str(config.get("no_proxy") or "")
    if not proxy or is_excluded(target, no_proxy):
        return Proxy()
    connect = config.get("proxy_connect_header") or {}
    headers = tuple((name, ", ".join(str(each) for each in connect[name])) for name in sorted(connect))
    return Proxy(proxy if "://" in proxy else f"http://{proxy}", headers)


def is_excluded(target: SplitResult, no_proxy: str) -> bool:
    """Say whether a URL is reached without the proxy; one's own machine always is."""
    host = (target.hostname or "").rstrip(".").lower()
    port = target.port or _PORTS.get(target.scheme, 0)
    if host == "localhost" or (_is_ip(host) and ip_address(host).is_loopback):
        return True
    return any(_excludes(entry.strip().lower(), host, port) for entry in no_proxy.split(",") if entry.strip())


def _excludes(entry: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    if "/" in entry:
        return _is_in(host, entry)
    name, _, wanted = entry.rpartition(":") if entry.count(":") == 1 else (entry, "", "")
    if wanted.isdecimal() and int(wanted) != port:
        return False
    name = name.strip("[]").removeprefix("*")
    if name.startswith("."):
        return host.endswith(name)
    return host == name or (not _is_ip(name) and host.endswith(f".{name}"))


def _is_in(host: str, network: str) -> bool:
    try:
        return ip_address(host) in ip_network(network, strict=False)
    except ValueError:
        return False


def _is_ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _variable(environment: Mapping[str, str], name: str) -> str:
    return environment.get(name.upper()) or environment.get(name) or ""
