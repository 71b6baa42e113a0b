"""EtherNet/IP and CIP bytes: examples of the manuals, everything there and back, and hostile bytes."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycomm3 import DINT, REAL, STRING
from pycomm3.cip import PADDED_EPATH, DataSegment, LogicalSegment, PortSegment

from gongfu.network.drivers.ethernetip import cip, kinds, logix, simulator, wire
from gongfu.network.drivers.ethernetip.address import parse as address
from gongfu.network.drivers.ethernetip.cip import Opened, Reply, Request, Segment
from gongfu.network.drivers.ethernetip.kinds import Typed
from gongfu.network.drivers.ethernetip.logix import Member, Symbol, Template, Type
from gongfu.network.drivers.ethernetip.wire import Command, Device, Malformed, Packet

from .plants import plant

byte, word, double = st.integers(0, 0xFF), st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF)
names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,39}", fullmatch=True)
paths = st.lists(
    st.one_of(names.map(cip.symbol), st.builds(cip.logical, st.sampled_from([Segment.CLASS, Segment.ELEMENT]), double)),
    max_size=5,
).map(b"".join)
requests = st.builds(Request, st.integers(1, 0x7F), paths, st.binary(max_size=40))
replies = st.builds(Reply, st.integers(1, 0x7F), byte, st.binary(max_size=40), st.lists(word, max_size=3).map(tuple))
devices = st.builds(Device, word, word, word, byte, byte, double, names, word)
types = st.builds(
    Type, st.sampled_from(sorted(kinds.NAMES)), st.just(0), st.lists(st.integers(1, 99), max_size=3).map(tuple)
)


def test_the_manuals_examples() -> None:
    # 1756-PM020F (January 2019), pages 64 and 67; page 25 for a fragment.
    by_name = logix.read_tag(cip.symbol("parts"), 1)
    assert cip.encode_request(by_name).hex(" ") == "4c 04 91 05 70 61 72 74 73 00 01 00"
    by_instance = logix.read_tag(cip.path_of(0x6B, 0x2582), 1)
    assert cip.encode_request(by_instance).hex(" ") == "4c 03 20 6b 25 00 82 25 01 00"
    reply = cip.decode_reply(bytes.fromhex("cc 00 00 00 c3 00 2a 00"))
    assert kinds.numbers(kinds.decode_typed(reply.data)) == (42,)
    element = logix.write_tag(address("setpoints[5]").path, Typed(0xCA, kinds.encode_number(0xCA, 14.5)))
    assert (
        cip.encode_request(element).hex(" ")
        == "4d 07 91 09 73 65 74 70 6f 69 6e 74 73 00 28 05 ca 00 01 00 00 00 68 41"
    )
    member = logix.write_tag(address("ErrorLimit.PRE").path, Typed(0xC4, kinds.encode_number(0xC4, 50)))
    assert cip.encode_request(member) == bytes.fromhex("4d 09 91 0a") + b"ErrorLimit" + bytes.fromhex(
        "91 03 50 52 45 00 c4 00 01 00 32 00 00 00"
    )
    fragment = logix.read_fragment(cip.path_of(0x6B, 0xE01A), 0x06D6, 490)
    assert cip.encode_request(fragment).hex(" ") == "52 03 20 6b 25 00 1a e0 d6 06 ea 01 00 00"


def test_paths_are_those_a_foreign_library_builds() -> None:
    foreign = PADDED_EPATH.encode(
        [DataSegment("Line"), LogicalSegment(3, "member_id"), LogicalSegment(300, "member_id"), DataSegment("Speed")]
    )
    ours = (
        cip.symbol("Line") + cip.logical(Segment.ELEMENT, 3) + cip.logical(Segment.ELEMENT, 300) + cip.symbol("Speed")
    )
    assert ours == foreign
    assert cip.path_of(0x6B, 0x1234) == PADDED_EPATH.encode(
        [LogicalSegment(0x6B, "class_id"), LogicalSegment(0x1234, "instance_id")]
    )
    assert cip.route("1,0") == PADDED_EPATH.encode([PortSegment("bp", 0)])
    assert cip.route("1/2/2/192.168.10.20/1/0") == PADDED_EPATH.encode(
        [PortSegment("bp", 2), PortSegment(2, "192.168.10.20"), PortSegment("bp", 0)]
    )


def test_values_are_those_a_foreign_library_decodes() -> None:
    assert DINT.decode(kinds.encode_number(kinds.DINT, -70000)) == -70000
    assert REAL.decode(kinds.encode_number(0xCA, 2.5)) == 2.5
    assert STRING.decode(kinds.encode_text("STRING", "abc", "utf-8")) == "abc"


@pytest.mark.parametrize("text", ["1", "1,2,3", "x,0", "0,1", "15,1", "1,", "1,a b", "1,0;2,0"])
def test_what_is_no_route_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no"):
        cip.route(text)


@given(st.sampled_from(Command), double, double, st.binary(min_size=8, max_size=8), st.binary(max_size=60))
def test_packets_are_read_back(command, session: int, status: int, context: bytes, data: bytes) -> None:
    packet = Packet(command, session, status, context, data)
    made = wire.encode_packet(packet)
    head, length = wire.decode_head(made[: wire.HEAD])
    assert length == len(data)
    assert Packet(head.command, head.session, head.status, head.context, made[wire.HEAD :]) == packet


@given(st.lists(st.tuples(word, st.binary(max_size=30)), max_size=4))
def test_items_are_read_back(items) -> None:
    assert wire.decode_items(wire.encode_items(items)) == items


@given(devices)
def test_identities_are_read_back(device: Device) -> None:
    found = Device(
        *[getattr(device, name) if name != "name" else device.name[:32] for name in Device.__struct_fields__]
    )
    assert wire.decode_device(wire.encode_device(device)) == found
    assert wire.decode_identity(wire.encode_identity(device)) == found


@given(requests, replies, st.lists(st.binary(min_size=4, max_size=20), min_size=1, max_size=5))
def test_messages_are_read_back(request: Request, reply: Reply, several: list[bytes]) -> None:
    assert cip.decode_request(cip.encode_request(request)) == request
    assert cip.decode_reply(cip.encode_reply(reply)) == reply
    assert cip.decode_several(cip.encode_several(several)) == several


@given(st.binary(min_size=2, max_size=30), st.sampled_from(["direct", "1,0", "1,2,2,10.0.0.1,1,0"]), st.floats(0.1, 60))
def test_messages_sent_on_are_read_back(message: bytes, way: str, seconds: float) -> None:
    sent = cip.send_unconnected(message, cip.route(way), seconds)
    assert cip.decode_unconnected(sent.data) == (message, cip.route(way))


@given(word, double, st.sampled_from(["", "1,0"]), st.booleans())
def test_connections_are_read_back(serial: int, receive: int, way: str, large: bool) -> None:
    asked, room, to, echo = cip.decode_forward_open(cip.forward_open(serial, receive, cip.route(way), large=large))
    assert asked == Opened(0, receive, serial)
    assert room == (4000 if large else 500)
    assert to == cip.route(way) + cip.path_of(2, 1)
    opened = Opened(7, receive, serial)
    assert cip.decode_opened(cip.encode_opened(opened, echo)) == opened


@given(st.lists(st.tuples(double, names, types, byte), max_size=5), st.booleans())
def test_lists_of_symbols_are_read_back(entries, access: bool) -> None:
    data, expected = b"", []
    for instance, name, kind, code in entries:
        lengths = (*kind.dimensions, 0, 0, 0)[:3]
        data += struct.pack("<IH", instance, len(name)) + name.encode() + struct.pack("<H3I", kind.number, *lengths)
        data += bytes([code]) if access else b""
        expected.append(Symbol(instance, name, kind, code if access else 0))
    assert logix.decode_symbols(data, access=access) == expected


@given(names, st.lists(st.tuples(names, st.sampled_from([0xC2, 0xC3, 0xC4, 0xCA]), word, word), min_size=1, max_size=6))
def test_templates_are_read_back(title: str, fields) -> None:
    members = tuple(Member(n, Type(code, 0, (length,) if length else ()), offset) for n, code, length, offset in fields)
    template = Template(title, 88, 0x1234, members)
    definition, size, count, handle = logix.decode_description(logix.encode_description(template))
    data = logix.encode_template(template)
    assert len(data) <= definition <= len(data) + 3
    assert logix.decode_template(data, size, count, handle) == template


@given(st.sampled_from([0xC2, 0xC3, 0xC4, 0xC6, 0xC7, 0xC8, 0xCA, 0xCB]), st.integers(0, 127))
def test_numbers_are_read_back(code: int, value: int) -> None:
    assert kinds.numbers(Typed(code, kinds.encode_number(code, value))) == (value,)


@given(st.text(max_size=20))
def test_strings_are_read_back(text: str) -> None:
    typed = Typed(kinds.STRUCTURE, kinds.string_of(text, 88, "utf-8"), kinds.STRING_HANDLE)
    assert kinds.is_string(typed)
    assert kinds.text_of(typed, "utf-8") == text
    assert kinds.decode_typed(typed.head + typed.data) == typed


@given(st.binary(max_size=120))
def test_hostile_bytes_are_malformed_and_nothing_else(data: bytes) -> None:
    for read in (
        wire.decode_head,
        wire.decode_items,
        wire.decode_identity,
        wire.decode_device,
        cip.decode_path,
        cip.decode_request,
        cip.decode_reply,
        cip.decode_several,
        cip.decode_unconnected,
        cip.decode_opened,
        lambda d: cip.decode_forward_open(Request(0x54, b"", d)),
        lambda d: cip.decode_forward_open(Request(0x5B, b"", d)),
        lambda d: logix.decode_symbols(d, access=True),
        lambda d: logix.decode_symbols(d, access=False),
        logix.decode_description,
        lambda d: logix.decode_template(d, 88, 5, 1),
        kinds.decode_typed,
        lambda d: kinds.numbers(kinds.decode_typed(d)),
        lambda d: kinds.elements(kinds.decode_typed(d), 3),
        lambda d: kinds.decode_attribute("STRING", d, "utf-8"),
        lambda d: kinds.decode_attribute("LREAL", d, "utf-8"),
    ):
        try:
            read(data)
        except Malformed:
            continue


_KNOWN = st.sampled_from(["Speed", "Counts", "Drive", "Bits", "Program:Main", "Names"]).map(cip.symbol)
_ASKED = st.builds(
    Request,
    st.sampled_from([0x01, 0x03, 0x0A, 0x0E, 0x10, 0x4C, 0x4D, 0x4E, 0x52, 0x53, 0x54, 0x55, 0x5B]),
    st.one_of(
        st.tuples(_KNOWN, paths).map(b"".join),
        st.sampled_from([(1, 1), (2, 1), (6, 1), (0x64, 1), (0x6B, 0), (0x6B, 3), (0x6C, 0x124)]).map(
            lambda pair: cip.path_of(*pair)
        ),
    ),
    st.binary(max_size=40),
)


@given(
    st.one_of(st.binary(max_size=60), requests.map(cip.encode_request), _ASKED.map(cip.encode_request)), st.booleans()
)
def test_no_request_breaks_a_simulated_controller(message: bytes, sent_on: bool) -> None:
    if sent_on:
        message = cip.encode_request(cip.send_unconnected(message, cip.route("1,0"), 1))
    data = wire.encode_items([(0x0000, b""), (0x00B2, message)])
    client = simulator._Client(None)  # type: ignore[arg-type]
    client.session = 1
    try:
        status, _, answer = plant()._command(client, Packet(Command.SEND_RR_DATA, 1), data)
    except Malformed:
        return  # the connection is closed
    assert status == 0
    assert cip.decode_reply(dict(wire.decode_items(answer))[0x00B2])
