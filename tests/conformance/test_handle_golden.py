"""Octets of the Handle protocol, laid out by hand from RFC 3652 §2.2 and §3.2 and RFC 3651 §3.1."""

from __future__ import annotations

import time

from gongfu.identity.handle import wire
from gongfu.identity.handle.codes import OpFlag, Permission, ResponseCode, TtlType
from gongfu.identity.handle.names import parse
from gongfu.identity.registry.records import Record
from gongfu.identity.registry.store import IdentifierStore
from gongfu.identity.resolver.answers import Answerer
from gongfu.identity.resolver.counters import Counters, Transport, shared

PEER = ("192.0.2.1", 40000)


def octets(layout: str) -> bytes:
    """Hexadecimal with ``#`` comments."""
    return bytes.fromhex(" ".join(line.partition("#")[0] for line in layout.splitlines()))


REQUEST = octets("""
    02 01                     # envelope: major 2, minor 1
    00 00                     # no flag, no suggested version
    00 00 00 00               # session id
    12 34 56 78               # request id
    00 00 00 00               # sequence number
    00 00 00 37               # message length: 24 + 27 + 4 = 55
    00 00 00 01               # header: OC_RESOLUTION
    00 00 00 00               # response code: none, this is a request
    01 00 00 00               # operation flags: PO, public values only
    00 00                     # site information serial number
    00                        # recursion count
    00                        # reserved
    00 00 00 00               # expiration
    00 00 00 1b               # body length: 4 + 15 + 4 + 4 = 27
    00 00 00 0f               # body: length of the handle
    38 38 2e 31 31 38 2e 31   # "88.118.1"
    2f 63 6e 63 2d 30 31      # "/cnc-01"
    00 00 00 00               # index list: empty
    00 00 00 00               # type list: empty
    00 00 00 00               # credential: none
""")

RESPONSE = octets("""
    02 01                     # envelope: the version of the request
    02 0b                     # suggested version 2.11
    00 00 00 00               # session id
    12 34 56 78               # request id
    00 00 00 00               # sequence number
    00 00 00 7a               # message length: 24 + 94 + 4 = 122
    00 00 00 01               # header: OC_RESOLUTION
    00 00 00 01               # RC_SUCCESS
    81 00 00 00               # AT authoritative, PO
    00 00 00 00               # site serial, recursion count, reserved
    00 00 00 00               # expiration
    00 00 00 5e               # body length: 19 + 4 + 43 + 28 = 94
    00 00 00 0f               # handle, as it was asked for
    38 38 2e 31 31 38 2e 31 2f 63 6e 63 2d 30 31
    00 00 00 02               # two values
    00 00 00 01               # index 1
    66 00 00 00               # timestamp
    00 00 01 51 80            # relative, 86 400 s
    0e                        # administrator reads and writes, everybody reads
    00 00 00 03 55 52 4c      # type "URL"
    00 00 00 0e               # data
    68 74 74 70 3a 2f 2f 61 2e 74 65 73 74 2f   # "http://a.test/"
    00 00 00 00               # no references
    00 00 00 03               # index 3
    66 00 00 00
    01 70 00 00 00            # absolute, until 0x70000000
    02                        # everybody reads
    00 00 00 01 4e            # type "N"
    00 00 00 01 37            # data "7"
    00 00 00 00
    00 00 00 00               # credential: none
""")

NOT_FOUND = octets("""
    02 01 02 0b
    00 00 00 00
    12 34 56 78
    00 00 00 00
    00 00 00 42               # message length: 24 + 38 + 4 = 66
    00 00 00 01
    00 00 00 64               # RC_HANDLE_NOT_FOUND = 100
    81 00 00 00
    00 00 00 00
    00 00 00 00
    00 00 00 26               # body length: 4 + 34
    00 00 00 22               # error message
""") + b"That identifier is not registered." + bytes(4)  # fmt: skip

VALUES = (
    wire.Value(1, "URL", b"http://a.test/", timestamp=0x66000000),
    wire.Value(2, "SECRET", b"for administrators", permissions=Permission.ADMIN_READ),
    wire.Value(3, "N", b"7", 0x70000000, TtlType.ABSOLUTE, 0x66000000, Permission.PUBLIC_READ),
)


def answer(store: IdentifierStore, packet: bytes) -> list[bytes]:
    """The answer's packets, their expiry (RFC 3652 §2.2.2.7) read and set to 0 as in the layouts above."""
    packets = Answerer(store, Counters(shared(1)), Transport.UDP).datagram(packet, PEER)
    assert isinstance(packets, list)
    for sent in packets:
        assert 0 < int.from_bytes(sent[36:40], "big") - time.time() <= 86_400
    return [sent[:36] + bytes(4) + sent[40:] for sent in packets]


def test_a_request_of_the_rfc_is_understood_to_the_last_octet() -> None:
    envelope = wire.decode_envelope(REQUEST)
    message = wire.decode_payload(envelope, REQUEST[20:])
    assert (envelope.request, envelope.version, envelope.suggested) == (0x12345678, (2, 1), (2, 1))
    assert message.header == wire.Header(1, flags=OpFlag.PUBLIC_ONLY)
    assert wire.decode_resolve_request(message.body) == wire.ResolveRequest("88.118.1/cnc-01")


def test_a_registered_identifier_is_answered_octet_by_octet(store: IdentifierStore) -> None:
    store.home("88.118.1")
    store.put(Record(parse("88.118.1/CNC-01"), VALUES, 0x66000000, 0x66000000))
    assert answer(store, REQUEST) == [RESPONSE]


def test_the_short_way_and_the_long_way_say_the_same(store: IdentifierStore) -> None:
    store.home("88.118.1")
    store.put(Record(parse("88.118.1/CNC-01"), (VALUES[0], VALUES[2]), 0x66000000, 0x66000000))
    assert answer(store, REQUEST) == [RESPONSE]


def test_an_unknown_identifier_is_answered_octet_by_octet(store: IdentifierStore) -> None:
    store.home("88.118.1")
    assert answer(store, REQUEST) == [NOT_FOUND]


def test_a_prefix_of_another_node_is_answered_with_301(store: IdentifierStore) -> None:
    [packet] = answer(store, REQUEST)
    assert int.from_bytes(packet[24:28], "big") == 301


def test_a_response_of_the_rfc_is_read_back() -> None:
    message = wire.decode_payload(wire.decode_envelope(RESPONSE), RESPONSE[20:])
    assert message.header.response == ResponseCode.SUCCESS
    assert wire.decode_response(message) == wire.ResolveResponse("88.118.1/cnc-01", (VALUES[0], VALUES[2]))
