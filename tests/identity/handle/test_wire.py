"""What the decoders make of good, bad and hostile octets."""

from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gongfu.identity.handle import wire
from gongfu.identity.handle.codes import (
    MAX_HANDLE,
    MAX_MESSAGE,
    MAX_VALUES,
    EnvelopeFlag,
    OpCode,
    OpFlag,
    Permission,
    ResponseCode,
    TtlType,
)
from gongfu.identity.handle.errors import BadHandle, Malformed

QUICK = settings(max_examples=150, deadline=None)
u32 = st.integers(0, 2**32 - 1)
text = st.text(max_size=30)
values = st.builds(
    wire.Value,
    index=u32,
    type=text,
    data=st.binary(max_size=60),
    ttl=u32,
    ttl_type=st.sampled_from(TtlType),
    timestamp=u32,
    permissions=st.integers(0, 15).map(Permission),
    references=st.lists(st.builds(wire.Reference, text, u32), max_size=3).map(tuple),
)
requests = st.builds(
    wire.ResolveRequest,
    handle=st.text(min_size=1, max_size=60),
    indexes=st.lists(u32, max_size=5).map(tuple),
    types=st.lists(text, max_size=5).map(tuple),
)


def decode_anything(data: bytes) -> None:
    envelope = wire.decode_envelope(data)
    message = wire.decode_payload(envelope, data[20:])
    wire.decode_resolve_request(message.body)
    wire.decode_response(message)


@QUICK
@given(st.binary(max_size=200))
def test_octets_of_any_kind_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(Malformed):
        decode_anything(data)


@QUICK
@given(requests, st.data())
def test_a_request_with_any_octet_changed_or_cut_is_read_or_refused(
    asked: wire.ResolveRequest, data: st.DataObject
) -> None:
    envelope, payload = wire.resolve_message(asked, 7)
    packet = bytearray(wire.encode_envelope(envelope) + payload)
    for _ in range(data.draw(st.integers(1, 4))):
        packet[data.draw(st.integers(0, len(packet) - 1))] = data.draw(st.integers(0, 255))
    del packet[data.draw(st.integers(0, len(packet))) :]
    with contextlib.suppress(Malformed):
        decode_anything(bytes(packet))


@QUICK
@given(requests, u32, u32)
def test_a_request_comes_back_as_it_was_sent(asked: wire.ResolveRequest, number: int, session: int) -> None:
    envelope, payload = wire.resolve_message(asked, number)
    sent = wire.Envelope(number, envelope.length, 3, session, (2, 5), (2, 9), EnvelopeFlag.TRUNCATED)
    assert wire.decode_envelope(wire.encode_envelope(sent)) == sent
    message = wire.decode_payload(envelope, payload)
    assert message.header == wire.Header(OpCode.RESOLVE, flags=OpFlag.PUBLIC_ONLY)
    assert wire.decode_resolve_request(message.body) == asked


@QUICK
@given(st.text(min_size=1, max_size=40), st.lists(values, max_size=4).map(tuple), st.booleans())
def test_values_come_back_as_they_were_sent(handle: str, sent: tuple[wire.Value, ...], digest: bool) -> None:
    envelope, payload = wire.resolve_message(
        wire.ResolveRequest(handle), 1, OpFlag.REQUEST_DIGEST if digest else OpFlag(0)
    )
    request = wire.decode_payload(envelope, payload)
    body = wire.encode_resolve_response(wire.ResolveResponse(handle, sent))
    answer = wire.decode_payload(*wire.respond(request, ResponseCode.SUCCESS, body))
    assert wire.decode_response(answer) == wire.ResolveResponse(handle, sent)
    assert answer.body.startswith(b"\x03") == digest or not digest  # SHA-256, DO-IRP 3.0


@QUICK
@given(st.text(max_size=40), st.lists(u32, max_size=4).map(tuple))
def test_a_refusal_comes_back_with_its_message_and_indexes(said: str, indexes: tuple[int, ...]) -> None:
    error = wire.ErrorResponse(said, indexes)
    header = wire.Header(1, ResponseCode.VALUE_INVALID)
    payload = wire.encode_payload(header, wire.encode_error(error))
    assert wire.decode_response(wire.decode_payload(wire.Envelope(1, len(payload)), payload)) == error


def body(handle: bytes = b"88.118.1/x", length: int | None = None, rest: bytes = bytes(8)) -> bytes:
    return struct.pack(">I", len(handle) if length is None else length) + handle + rest


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        body(length=11, rest=b""),
        body(length=2**32 - 1),
        body(length=MAX_HANDLE + 1),
        body(rest=struct.pack(">I", 2**32 - 1)),
        body(rest=struct.pack(">II", MAX_VALUES, 1)),
        body(rest=struct.pack(">III", 0, 1, 2**31)),
        body(rest=struct.pack(">III", 0, 1, 1) + b"\xff"),
    ],
)
def test_lengths_that_lie_are_refused(octets: bytes) -> None:
    with pytest.raises(Malformed):
        wire.decode_resolve_request(octets)


@pytest.mark.parametrize("handle", [b"", b"88.118.1/\xff\xfe", b"88.118.1/\xed\xa0\x80"])
def test_a_handle_that_is_empty_or_not_utf8_is_an_invalid_handle(handle: bytes) -> None:
    with pytest.raises(BadHandle) as caught:
        wire.decode_resolve_request(body(handle))
    assert caught.value.handle_code == ResponseCode.INVALID_HANDLE


@pytest.mark.parametrize(
    ("envelope", "why"),
    [
        (struct.pack(">BBBBIIII", 9, 0, 0, 0, 0, 1, 0, 24), "version 9.0"),
        (struct.pack(">BBBBIIII", 2, 1, 0, 0, 0, 1, 0, MAX_MESSAGE + 1), "262145"),
        (bytes(19), "envelope"),
    ],
)
def test_an_envelope_that_cannot_be_is_refused_with_the_reason(envelope: bytes, why: str) -> None:
    with pytest.raises(Malformed, match=why):
        wire.decode_envelope(envelope)


@pytest.mark.parametrize(
    ("flag", "why"), [(EnvelopeFlag.COMPRESSED, "compression flag"), (EnvelopeFlag.ENCRYPTED, "needs a session")]
)
def test_compressed_messages_and_encrypted_ones_outside_a_session_are_refused(flag: EnvelopeFlag, why: str) -> None:
    payload = wire.encode_payload(wire.Header(1), b"")
    with pytest.raises(Malformed, match=why):
        wire.decode_payload(wire.Envelope(1, len(payload), flags=flag), payload)


def test_a_message_over_the_limit_is_not_sent() -> None:
    with pytest.raises(Malformed, match="262144"):
        wire.encode_payload(wire.Header(1), bytes(MAX_MESSAGE))


def test_binary_data_is_shown_as_hexadecimal() -> None:
    assert wire.Value(1, "KEY", b"\xff\x00").text == "ff 00"
    assert wire.Value(1, "URL", "http://甲".encode()).text == "http://甲"
