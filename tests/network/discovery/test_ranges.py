"""Which addresses people may have scanned."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongfu.kernel.errors import Forbidden, GongfuError, Invalid
from gongfu.kernel.settings import load
from gongfu.network.discovery import ranges
from gongfu.network.discovery.shapes import MOST_HOSTS


def listed(text: str) -> list[str]:
    return [str(address) for address in ranges.parse(text)]


def test_addresses_ranges_and_networks_may_be_mixed_and_each_counts_once() -> None:
    assert listed("192.168.1.7, 192.168.1.6-8\n10.0.0.0/30；fd00::1") == [
        *("192.168.1.7", "192.168.1.6", "192.168.1.8", "10.0.0.1", "10.0.0.2", "fd00::1")
    ]


def test_a_range_may_end_in_a_whole_address() -> None:
    assert listed("10.0.0.254-10.0.1.1") == ["10.0.0.254", "10.0.0.255", "10.0.1.0", "10.0.1.1"]


def test_a_network_of_1024_addresses_is_the_largest() -> None:
    assert len(ranges.parse("10.0.0.0/22")) == MOST_HOSTS - 2
    for text in ("10.0.0.0/21", "0.0.0.0/0", "::/0", "10.0.0.0-10.9.9.9", "10.0.0.0/22 10.0.4.0/22"):
        with pytest.raises(Invalid, match="too many"):
            ranges.parse(text)


@pytest.mark.parametrize("text", ["", "  ", "press", "10.0.0.300", "10.0.0.9-3", "10.0.0.1-fd00::1", "10.0.0.0/33"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        ranges.parse(text)


def allowed(address: str, *networks: str) -> bool:
    try:
        ranges.check(ranges.parse(address), ranges.permitted(networks))
    except Forbidden:
        return False
    return True


def test_without_a_permitted_network_nothing_may_be_scanned() -> None:
    assert not allowed("192.168.1.7")
    assert not allowed("192.168.2.7", "192.168.1.0/24")
    assert allowed("192.168.1.7", "10.0.0.0/8", "192.168.1.0/24")


@pytest.mark.parametrize("address", ["8.8.8.8", "127.0.0.1", "::1", "169.254.169.254", "fe80::1", "2001:4860::1"])
def test_the_whole_world_permits_private_addresses_only(address: str) -> None:
    assert allowed("10.1.2.3", "0.0.0.0/0")
    assert not allowed(address, "0.0.0.0/0", "::/0", "0.0.0.0/1")


def test_loopback_and_public_addresses_are_permitted_by_name() -> None:
    assert allowed("127.0.0.1", "127.0.0.0/8")
    assert allowed("8.8.8.8", "8.8.8.0/24")
    assert not allowed("8.8.8.8", "8.8.0.0/16")


@pytest.mark.parametrize("address", ["224.0.0.1", "255.255.255.255", "0.0.0.0", "ff02::1"])
def test_multicast_and_broadcast_are_never_permitted(address: str) -> None:
    assert not allowed(address, f"{address}/32" if "." in address else f"{address}/128")


def test_an_ipv4_address_in_ipv6_clothes_is_judged_as_what_it_is() -> None:
    assert listed("::ffff:127.0.0.1") == ["127.0.0.1"]
    assert not allowed("::ffff:127.0.0.1", "0.0.0.0/0", "::/0")


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = ranges.parse(text)
    except GongfuError:
        return
    assert 0 < len(found) <= MOST_HOSTS


@given(st.ip_addresses(), st.ip_addresses(v=4).map(ipaddress.ip_network))
def test_what_is_permitted_lies_in_a_permitted_network(address: ranges.Address, network: ranges.Network) -> None:
    if allowed(str(address), str(network)):
        assert any(found in network for found in ranges.parse(str(address)))


def test_a_setting_that_names_no_network_stops_the_program(tmp_path: Path) -> None:
    environment = {"GONGFU_HOME": str(tmp_path)}
    settings = load(environment | {"GONGFU_DISCOVERY_RANGES": "192.168.1.0/24, 10.0.0.0/8"})
    assert len(ranges.permitted(settings.discovery_ranges)) == 2
    assert load(environment).discovery_ranges == []
    with pytest.raises(Invalid, match="discovery_ranges"):
        load(environment | {"GONGFU_DISCOVERY_RANGES": "the plant"})
