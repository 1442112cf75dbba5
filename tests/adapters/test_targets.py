"""Where requests may lead: what is inside, in every spelling; and what a list of targets makes of it."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.adapters.targets import AT_HOME, Targets, addresses_of, host_of, is_loopback, read_targets

INSIDE = {
    "loopback, where Lambda's runtime listens": "127.0.0.1",
    "any other loopback address": "127.255.0.1",
    "loopback by IPv6": "::1",
    "the metadata service of EC2": "169.254.169.254",
    "credentials of ECS": "169.254.170.2",
    "credentials of EKS": "169.254.170.23",
    "the metadata service by IPv6": "fd00:ec2::254",
    "credentials of EKS by IPv6": "fd00:ec2::23",
    "a link-local address": "fe80::1",
    "a link-local address with its zone": "fe80::1%eth0",
    "no address": "0.0.0.0",
    "this network": "0.1.2.3",
    "no address by IPv6": "::",
    "many": "224.0.0.1",
    "many by IPv6": "ff02::1",
    "mapped metadata": "::ffff:169.254.169.254",
    "mapped loopback": "::ffff:127.0.0.1",
    "compatible metadata": "::169.254.169.254",
    "metadata by NAT64": "64:ff9b::a9fe:a9fe",
    "metadata by a local NAT64": "64:ff9b:1::a9fe:a9fe",
    "loopback by 6to4": "2002:7f00:1::1",
    "metadata by Teredo": "2001:0:1::5601:5601",
}
OUTSIDE = {
    "a public address": "203.0.113.7",
    "a private network": "10.0.0.1",
    "another": "192.168.1.1",
    "a third": "172.16.0.1",
    "carriers' own": "100.64.0.1",
    "a public address by IPv6": "2001:db8::1",
    "a private one": "fd12:3456::1",
    "a mapped public address": "::ffff:203.0.113.7",
    "a public address by NAT64": "64:ff9b::cb00:7107",
}


@pytest.mark.parametrize("address", INSIDE.values(), ids=INSIDE)
def test_inside(address: str) -> None:
    assert not Targets().permit("hooks.example.org", address)


@pytest.mark.parametrize("address", OUTSIDE.values(), ids=OUTSIDE)
def test_outside(address: str) -> None:
    assert Targets().permit("hooks.example.org", address)


@pytest.mark.parametrize(
    ("spelled", "address"),
    [
        ("2852039166", "169.254.169.254"),
        ("0xA9FEA9FE", "169.254.169.254"),
        ("0251.0376.0251.0376", "169.254.169.254"),
        ("169.254.43518", "169.254.169.254"),
        ("0x7f.1", "127.0.0.1"),
        ("127.1", "127.0.0.1"),
        ("017700000001", "127.0.0.1"),
        ("[::1]", "::1"),
        ("::ffff:7f00:1", "::ffff:127.0.0.1"),
        ("0", "0.0.0.0"),
    ],
)
def test_an_address_in_another_spelling_is_that_address(spelled: str, address: str) -> None:
    assert list(addresses_of(spelled)) == [address]
    assert not Targets().permit(spelled, address)


@pytest.mark.parametrize("host", ["", "no such host", "a" * 300, "x..y", "\ud800"])
def test_a_host_without_an_address_has_none(host: str) -> None:
    assert list(addresses_of(host)) in ([], ["127.0.0.1"], ["::1", "127.0.0.1"])


@given(st.integers(0, 2**32 - 1))
def test_a_mapped_address_is_what_it_maps(number: int) -> None:
    plain, mapped = IPv4Address(number), IPv6Address((0xFFFF << 32) | number)
    assert Targets().permit("x", str(plain)) == Targets().permit("x", str(mapped))


# ------------------------------------------------------------------------------------------------- lists

LISTS: dict[str, tuple[str, str, str, bool]] = {
    "nothing said allows what is outside": ("", "any.example", "203.0.113.7", True),
    "and nothing inside": ("", "any.example", "127.0.0.1", False),
    "a star is the same": ("*", "any.example", "203.0.113.7", True),
    "a star allows nothing inside": ("*", "any.example", "169.254.169.254", False),
    "a name allows itself": ("hooks.example.org", "hooks.example.org", "203.0.113.7", True),
    "in capitals, with a dot at its end": ("Hooks.example.org", "hooks.EXAMPLE.org.", "203.0.113.7", True),
    "and no other": ("hooks.example.org", "example.org", "203.0.113.7", False),
    "nor one that ends like it": ("hooks.example.org", "evilhooks.example.org", "203.0.113.7", False),
    "nor what is below it": ("example.org", "a.example.org", "203.0.113.7", False),
    "a name with a star allows what is below it": ("*.example.org", "a.b.example.org", "203.0.113.7", True),
    "and not itself": ("*.example.org", "example.org", "203.0.113.7", False),
    "nor one that ends like it, either": ("*.example.org", "evilexample.org", "203.0.113.7", False),
    "a name that leads inside is not allowed by being listed": ("a.example", "a.example", "169.254.169.254", False),
    "a network allows its addresses": ("10.0.0.0/8", "any.example", "10.1.2.3", True),
    "and no others": ("10.0.0.0/8", "any.example", "203.0.113.7", False),
    "a network that is inside allows what is inside": ("127.0.0.0/8", "localhost", "127.0.0.1", True),
    "and no more of it": ("127.0.0.0/8", "x", "169.254.169.254", False),
    "the whole world holds nothing inside": ("0.0.0.0/0", "x", "169.254.169.254", False),
    "and is the world": ("0.0.0.0/0", "x", "203.0.113.7", True),
    "the whole world by IPv6 holds nothing inside": ("::/0", "x", "::ffff:127.0.0.1", False),
    "nor does half of it": ("0.0.0.0/1", "x", "127.0.0.1", False),
    "private networks hold no credentials": ("fd00::/8", "x", "fd00:ec2::254", False),
    "and are what they are": ("fd00::/8", "x", "fd12::1", True),
    "credentials are reached by who names them": ("fd00:ec2::/32", "x", "fd00:ec2::254", True),
    "an address is a network": ("169.254.10.1", "sidecar", "169.254.10.1", True),
    "of that address alone": ("169.254.10.1", "sidecar", "169.254.169.254", False),
    "a network is meant also where it is mapped": ("127.0.0.1", "x", "::ffff:127.0.0.1", True),
    "an address by IPv6": ("[::1], fd00::/8", "x", "::1", True),
    "a star and a network": ("*, 127.0.0.1", "any.example", "203.0.113.7", True),
    "and its addresses": ("* 127.0.0.1", "any.example", "127.0.0.1", True),
    "at home, everything but the cloud": (AT_HOME, "x", "169.254.169.254", False),
    "and this machine": (AT_HOME, "x", "::1", True),
}


@pytest.mark.parametrize(("text", "host", "address", "is_allowed"), LISTS.values(), ids=LISTS)
def test_a_list(text: str, host: str, address: str, is_allowed: bool) -> None:
    assert read_targets(text).permit(host, address) is is_allowed


@pytest.mark.parametrize(
    "text", ["https://a.example", "a.example:443", "10.0.0.0/99", "1.2.3", "*.", "a*.example", "a..b", "**"]
)
def test_what_is_no_target_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected for example hooks"):
        read_targets(f"ok.example, {text}")


def test_one_more_name_is_allowed_besides() -> None:
    targets = read_targets("hooks.example.org").besides("Metrics.example.org.")
    assert targets.permit("metrics.example.org", "10.0.0.1")
    assert not targets.permit("metrics.example.org", "127.0.0.1")


@pytest.mark.parametrize(
    ("name", "text", "host", "found", "is_allowed"),
    [
        ("a name that leads outside", "", "a.example", ["203.0.113.7"], True),
        ("a name that leads inside", "", "a.example", ["127.0.0.1"], False),
        ("a name that leads to both", "", "a.example", ["203.0.113.7", "127.0.0.1"], False),
        ("a name that is not known here", "", "a.example", [], True),
        ("a name that is not known here, and not listed", "b.example", "a.example", [], False),
        ("a name that is not known here, and listed", "a.example", "a.example", [], True),
    ],
)
def test_what_a_proxy_may_be_asked_for(name: str, text: str, host: str, found: Iterable[str], is_allowed: bool) -> None:
    assert read_targets(text).permit_others(host, lambda _: found) is is_allowed, name


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://u:p@A.example:1/x", "a.example"),
        ("http://[::1]/", "::1"),
        ("http://[x", ""),
        ("", ""),
        ("a.example", "a.example"),
        ("http://169.254.169.254\\@a.example/", "169.254.169.254"),
        ("http://169.254.169.254\\.a.example/", "169.254.169.254"),
        ("http://%31%36%39.254.169.254/", "169.254.169.254"),
    ],
)
def test_the_host_of_a_url_is_the_one_that_is_connected_to(url: str, host: str) -> None:
    assert host_of(url) == host


@pytest.mark.parametrize(
    ("address", "expected"), [("127.0.0.9", True), ("::1", True), ("0.0.0.0", True), ("10.0.0.1", False)]
)
def test_what_leads_back(address: str, expected: bool) -> None:
    assert is_loopback(address) is expected
