"""HS_SITE as RFC 3651 §3.2.2 lays it out, as Handle.Net pads it, and as bytes nobody should trust."""

from __future__ import annotations

import contextlib
import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongfu.identity.handle import site, site_json
from gongfu.identity.handle.errors import BadHandle, Malformed
from gongfu.identity.handle.site import HashOption, Interface, Server, Service, Site, Transmission
from gongfu.identity.handle.wire import Value

# RFC 3651 §3.2.2, field by field. Mask: leftmost bits primary and multi-primary as Handle.Net 9.3.1 has them.
GOLDEN = bytes.fromhex(
    "0001"  # <VersionNumber>
    "020b"  # <ProtocolVersion> 2.11
    "0007"  # <SerialNumber>
    "80"  # <PrimaryMask>: primary
    "02"  # <HashOption>: by the whole handle
    "00000000"  # <HashFilter>
    "00000001"  # <AttributeList>
    "00000004" "64657363" "00000006" "e6b58be8af95"  # desc, 测试
    "00000002"  # <NumOfServer>
    "00000001" "00000000000000000000ffffc0000207" "00000000"  # 1, 192.0.2.7, no key
    "00000002" "03" "01" "00000a51" "02" "00" "00000a51"  # both over TCP 2641, resolution over UDP 2641
    "00000002" "20010db8000000000000000000000007" "00000003" "010203"  # 2, 2001:db8::7, a key
    "00000001" "03" "01" "00000a51"
)  # fmt: skip
TWO = Site(
    (
        Server(
            1,
            ipaddress.ip_address("192.0.2.7"),
            (
                Interface(site.BOTH, Transmission.TCP, 2641),
                Interface(Service.RESOLUTION, Transmission.UDP, 2641),
            ),
        ),
        Server(2, ipaddress.ip_address("2001:db8::7"), (Interface(site.BOTH, Transmission.TCP, 2641),), b"\1\2\3"),
    ),
    serial=7,
    attributes=(("desc", "测试"),),
)

texts = st.text(max_size=20)
interfaces = st.builds(Interface, st.integers(0, 3).map(Service), st.integers(0, 255), st.integers(1, 65_535))
servers = st.builds(
    Server,
    st.integers(0, 2**32 - 1),
    st.ip_addresses().map(lambda address: site.read_address(str(address))),
    st.lists(interfaces, max_size=4).map(tuple),
    st.binary(max_size=40),
)
any_site = st.builds(
    Site,
    st.lists(servers, max_size=4).map(tuple),
    st.integers(0, 65_535),
    st.booleans(),
    st.booleans(),
    st.sampled_from(HashOption),
    texts,
    st.lists(st.tuples(texts, texts), max_size=3).map(tuple),
    st.tuples(st.integers(0, 255), st.integers(0, 255)),
    st.integers(0, 65_535),
)


def test_a_site_is_written_and_read_as_the_rfc_says() -> None:
    assert site.encode(TWO) == GOLDEN
    assert site.decode(GOLDEN) == TWO


def test_an_address_padded_with_zeros_as_handle_net_does_is_the_same_ipv4_address() -> None:
    padded = GOLDEN.replace(bytes.fromhex("0000ffffc0000207"), bytes.fromhex("00000000c0000207"))
    assert site.decode(padded) == TWO


@given(any_site)
def test_a_site_comes_back_from_octets_and_from_json(made: Site) -> None:
    assert site.decode(site.encode(made)) == made
    assert site_json.from_json(site_json.to_json(made)) == made


@given(st.binary(max_size=300))
def test_octets_that_are_no_site_are_malformed_and_nothing_worse(data: bytes) -> None:
    for read in (site.decode, site_json.from_json, site.decode_referral):
        with contextlib.suppress(Malformed):
            read(data)


@given(st.data())
def test_a_site_cut_or_changed_anywhere_is_read_or_malformed(data: st.DataObject) -> None:
    broken = bytearray(GOLDEN[: data.draw(st.integers(0, len(GOLDEN)))])
    for _ in range(data.draw(st.integers(0, 3)) if broken else 0):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(Malformed):
        site.encode(site.decode(bytes(broken)))


@pytest.mark.parametrize("cut", range(len(GOLDEN)))
def test_a_site_that_ends_early_is_malformed(cut: int) -> None:
    with pytest.raises(Malformed):
        site.decode(GOLDEN[:cut])


def test_a_lie_about_the_number_of_servers_costs_no_memory() -> None:
    with pytest.raises(Malformed):
        site.decode(GOLDEN[:12] + bytes(4) + b"\x7f\xff\xff\xff")


def test_the_siteinfo_json_of_handle_net_is_read() -> None:
    # Form of the file that Handle.Net 9's hdl-setup-server writes (field names of its GsonUtility), key left out.
    text = b"""{"version": 1, "protocolVersion": "2.10", "serialNumber": 1, "primarySite": true, "multiPrimary": false,
      "attributes": [{"name": "desc", "value": "Test"}],
      "servers": [{"serverId": 1, "address": "192.0.2.7", "interfaces": [
        {"query": true, "admin": true, "protocol": "TCP", "port": 2641},
        {"query": true, "admin": false, "protocol": "UDP", "port": 2641},
        {"query": true, "admin": true, "protocol": "HTTP", "port": 8000}]}]}"""
    read = site_json.from_json(text)
    assert read.primary
    assert read.hash_option is HashOption.HANDLE
    assert read.servers[0].port(Transmission.UDP) == 2641
    assert read.servers[0].port(Transmission.UDP, Service.ADMINISTRATION) is None
    assert read.servers[0].port(Transmission.HTTP) == 8000


# Last four octets of `printf '%s' TEXT | md5sum`, as a signed integer, absolute, modulo 3 (RFC 3652 §3.1).
@pytest.mark.parametrize(
    ("option", "last"),
    [(HashOption.HANDLE, "HANDLE"), (HashOption.PREFIX, "PREFIX"), (HashOption.SUFFIX, "SUFFIX")],
)
def test_a_handle_belongs_to_the_server_its_hash_says(option: HashOption, last: str) -> None:
    md5sum = {"HANDLE": "8031b25c", "PREFIX": "e8604766", "SUFFIX": "4d95b85a"}
    number = int(md5sum[last], 16)
    number = abs(number - 2**32 if number >= 2**31 else number)
    for buckets in (1, 2, 3, 7):
        assert site.bucket("88.118.1/CNC-0001", option, buckets) == number % buckets
        assert site.bucket("88.118.1/cnc-0001", option, buckets) == number % buckets


def test_the_responsible_server_comes_first_and_the_others_stand_behind_it() -> None:
    three = Site(tuple(Server(n, ipaddress.ip_address(f"192.0.2.{n}"), ()) for n in (1, 2, 3)))
    firsts = set()
    for number in range(60):
        order = three.ordered(f"88.118.1/{number}")
        firsts.add(order[0].number)
        assert {server.number for server in order} == {1, 2, 3}
    assert firsts == {1, 2, 3}
    assert Site(()).ordered("88.118.1/1") == ()


def test_an_alias_and_a_service_handle_lead_on() -> None:
    values = (Value(1, "hs_alias", b"88.118.2/B"), Value(2, "HS_SERV", b"0.SERV/88.118"))
    assert site.alias(values) == "88.118.2/B"
    assert site.service_handle(values) == "0.SERV/88.118"
    assert site.alias(()) is None
    for wrong in (b"", b"no-slash", b"\xff/x", b"88.1/\x00", b"8" * 3000 + b"/x"):
        with pytest.raises(BadHandle):
            site.alias((Value(1, "HS_ALIAS", wrong),))


def test_one_broken_site_does_not_hide_the_others_and_mirrors_are_asked_before_primaries() -> None:
    mirror = site.single("192.0.2.9")
    mirror = Site(mirror.servers, primary=False)
    values = (
        Value(1, "HS_SITE", GOLDEN),
        Value(2, "HS_SITE", b"\0"),
        Value(3, "HS_SITE", site.encode(mirror)),
    )
    assert site.sites(values) == (mirror, TWO)
    with pytest.raises(Malformed):
        site.sites(values[1:2])
    assert site.sites(()) == ()


def test_a_site_takes_addresses_and_no_host_names() -> None:
    assert site.single("192.0.2.7", 2641).servers[0].port(Transmission.TCP) == 2641
    for wrong in ("resolver.example", "", "192.0.2"):
        with pytest.raises(Malformed):
            site.single(wrong)


def test_a_referral_carries_the_sites_it_points_to() -> None:
    value = Value(1, "HS_SITE", GOLDEN)
    assert site.decode_referral(site.encode_referral("0.NA/88.118", (value,))) == site.Referral("0.NA/88.118", (value,))
    assert site.decode_referral(site.encode_referral("0.NA/88.118")) == site.Referral("0.NA/88.118")


def test_the_lineage_of_a_prefix_starts_at_the_top() -> None:
    assert site.lineage("88.118.1") == ["88", "88.118", "88.118.1"]
    assert site.prefix_handle("88.118") == "0.NA/88.118"
