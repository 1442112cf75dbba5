"""Where requests may lead: whatever configuration, a label in a URL, a redirect or a name's server says.

What is refused by itself is inside: the machine (on which Lambda keeps its runtime's API), its link, and the addresses
at which a cloud keeps credentials for it. Private networks are not: receivers live there. A list of what is allowed
changes both ends of that:

    *                   any address that is not inside
    hooks.example.org   that name, *.example.org all below it; at addresses that are not inside
    10.0.0.0/8          those addresses that are not inside
    127.0.0.0/8         a network that is inside as a whole: what it says

Nothing said is `*`. What counts is the address that is connected to (guarded.py), so a name that changes its mind, or a
number in an odd spelling, gains nothing.

Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from urllib3.util import parse_url

Resolve = Callable[[str], Iterable[str]]

ANYWHERE = "*"
# The command line runs on somebody's own machine: its loopback is nobody's runtime.
AT_HOME = "*, 127.0.0.0/8, ::1"
_INSIDE = tuple(
    map(
        ip_network,
        (
            "0.0.0.0/8",  # "this network", of which 0.0.0.0 leads to the machine itself
            "127.0.0.0/8",
            "169.254.0.0/16",
            "224.0.0.0/4",
            "::/127",
            "fe80::/10",
            "ff00::/8",
            "fd00:ec2::/32",  # where EC2 and EKS keep credentials for IPv6; it is no link-local address
        ),
    )
)
# Addresses that hold an IPv4 address in their last four bytes, and are taken there: IPv4-compatible, by NAT64.
_HOLDING_IPV4 = (ip_network("::/96"), ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48"))

_Address = IPv4Address | IPv6Address
_Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Targets:
    """What is allowed; names in lower case, those that start with a dot for all below it."""

    anywhere: bool = True
    names: tuple[str, ...] = ()
    networks: tuple[_Network, ...] = ()

    def permit(self, host: str, address: str) -> bool:
        """Say whether a connection to this address of this host may be made."""
        ips = tuple(_meanings(address))
        # 0.0.0.0/0 means the world, and not the machine's credentials: who wants those names them.
        if inside := [ip for ip in ips if _is_in(ip, _INSIDE)]:
            named = [network for network in self.networks if _is_within(network)]
            return all(_is_in(ip, named) for ip in inside)
        return self.anywhere or self.names_host(host) or any(_is_in(ip, self.networks) for ip in ips)

    def names_host(self, host: str) -> bool:
        """Say whether a host is allowed by its name."""
        name = host.rstrip(".").lower()
        return any(name == each or (each.startswith(".") and name.endswith(each)) for each in self.names)

    def permit_others(self, host: str, resolve: Resolve) -> bool:
        """Say whether somebody else, such as a proxy, may be asked to connect to this host."""
        addresses = list(resolve(host))
        if not addresses:
            return self.anywhere or self.names_host(host)
        return all(self.permit(host, address) for address in addresses)

    def besides(self, host: str) -> Targets:
        """Return the same, and this host by its name."""
        return replace(self, names=(*self.names, host.rstrip(".").lower()))


def read_targets(text: str) -> Targets:
    """Return what a list such as `*.example.org, 10.0.0.0/8` allows; an empty one allows `*`. Raises ValueError."""
    words = [word.lower() for word in text.replace(",", " ").split()]
    names = [word for word in words if word != ANYWHERE and not _is_network(word)]
    for word in names:
        if not _is_name(word):
            raise ValueError(f"{word!r} (expected for example hooks.example.org, *.example.org, 10.0.0.0/8 or *)")
    return Targets(
        anywhere=ANYWHERE in words or not words,
        names=tuple(word.removeprefix("*").rstrip(".") for word in names),
        networks=tuple(ip_network(word.strip("[]"), strict=False) for word in words if _is_network(word)),
    )


def host_of(url: str) -> str:
    """Return the host of a URL as urllib3 reads it, which connects to it or tells a proxy; empty where there is none.

    Readers of URLs differ: of `http://127.0.0.1\\@a.example/`, Python's own says a.example, and urllib3 127.0.0.1.
    """
    try:
        return (parse_url(url).host or "").strip("[]")
    except ValueError:
        return ""


def addresses_of(host: str) -> Iterable[str]:
    """Return the IP addresses of a host, however it is spelled; none where it has none."""
    try:
        found = socket.getaddrinfo(host.strip("[]"), None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return list(dict.fromkeys(str(each[4][0]) for each in found))


def is_loopback(address: str) -> bool:
    """Say whether an address leads back to the machine that asks."""
    return any(ip.is_loopback or ip.is_unspecified for ip in _meanings(address))


def _is_in(ip: _Address, networks: Iterable[_Network]) -> bool:
    return any(ip in network for network in networks)


def _is_within(network: _Network) -> bool:
    """Say whether a network is inside as a whole."""
    # Never of two versions, which cannot be compared.
    return any(network.version == each.version and network.subnet_of(each) for each in _INSIDE)  # type: ignore[arg-type]


def _meanings(address: str) -> Iterator[_Address]:
    """Yield an address, and the one that it holds: what is mapped, translated or tunnelled arrives there."""
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address):
        held = (ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ()))
        yield from (each for each in held if each is not None)
        if any(ip in network for network in _HOLDING_IPV4) and int(ip) > 1:
            yield IPv4Address(int(ip) & 0xFFFF_FFFF)
    yield ip


def _is_network(word: str) -> bool:
    try:
        ip_network(word.strip("[]"), strict=False)
    except ValueError:
        return False
    return True


def _is_name(word: str) -> bool:
    labels = word.removeprefix("*.").rstrip(".").split(".")
    is_spelled = all(label and label.replace("-", "").replace("_", "").isalnum() for label in labels)
    # A name whose end is a number is an address in some spelling: those are written as networks.
    return is_spelled and not labels[-1].isdecimal()
