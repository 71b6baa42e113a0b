"""Messages of the Handle protocol, from and to bytes; no input or output, no state.

A message on the wire (RFC 3652 §2.2), all integers big endian::

    envelope 20 | header 24 | body | u32 length, credential
    ----------- | ------------------------------------------
    never cut   | the payload; over UDP cut into packets of 512 octets, each with its own envelope

Whatever the bytes are, the decoders return a value or raise :class:`Malformed`; nothing else.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from gongfu.identity.handle.codes import (
    MAX_HANDLE,
    MAX_MESSAGE,
    MAX_VALUES,
    VERSION,
    Digest,
    EnvelopeFlag,
    OpCode,
    OpFlag,
    Permission,
    ResponseCode,
    TtlType,
)
from gongfu.identity.handle.errors import BadHandle, Malformed
from gongfu.kernel.i18n import mark

ENVELOPE = struct.Struct(">BBBBIIII")
"""major, minor, flags | suggested major, suggested minor, session, request, sequence, payload length."""
HEADER = struct.Struct(">IIIHBBII")
"""operation code, response code, operation flags, site serial, recursion, reserved, expiry, body length."""
_U32 = struct.Struct(">I")
_VALUE = struct.Struct(">IIBIB")  # index, timestamp, ttl type, ttl, permissions
_SUGGESTED_MAJOR = 0x03
NO_FLAG = OpFlag(0)
NO_ENVELOPE_FLAG = EnvelopeFlag(0)
_DIGESTS = {Digest.MD5: hashlib.md5, Digest.SHA1: hashlib.sha1, Digest.SHA256: hashlib.sha256}
_DIGEST_SIZE = {Digest.MD5: 16, Digest.SHA1: 20, Digest.SHA256: 32}


@dataclass(frozen=True, slots=True)
class Envelope:
    """What precedes every packet (RFC 3652 §2.2.1); ``length`` is that of the whole payload, in octets."""

    request: int
    length: int
    sequence: int = 0
    session: int = 0
    version: tuple[int, int] = VERSION
    suggested: tuple[int, int] = VERSION
    flags: EnvelopeFlag = NO_ENVELOPE_FLAG


@dataclass(frozen=True, slots=True)
class Header:
    """Operation and outcome (RFC 3652 §2.2.2); codes stay integers, so that an unknown one can be refused by name."""

    opcode: int
    response: int = ResponseCode.NONE
    flags: OpFlag = NO_FLAG
    site_serial: int = 0
    recursion: int = 0
    expires: int = 0


@dataclass(frozen=True, slots=True)
class Message:
    """One whole request or response; ``signed`` is the octets that a digest or a signature covers."""

    envelope: Envelope
    header: Header
    body: bytes
    credential: bytes = b""

    @property
    def signed(self) -> bytes:
        """Header and body as they are on the wire."""
        return encode_header(self.header, len(self.body)) + self.body


@dataclass(frozen=True, slots=True)
class Reference:
    """Points at a value of another handle."""

    handle: str
    index: int


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a handle (RFC 3651 §3.1); ``timestamp`` in Unix seconds, as is an absolute ``ttl``."""

    index: int
    type: str
    data: bytes
    ttl: int = 86_400
    ttl_type: TtlType = TtlType.RELATIVE
    timestamp: int = 0
    permissions: Permission = Permission.ADMIN_READ | Permission.ADMIN_WRITE | Permission.PUBLIC_READ
    references: tuple[Reference, ...] = ()

    @property
    def public(self) -> bool:
        """Whether anyone may read it."""
        return bool(self.permissions & Permission.PUBLIC_READ)

    @property
    def text(self) -> str:
        """Its data as people read it: UTF-8, or hexadecimal where it is not text."""
        try:
            return self.data.decode()
        except UnicodeDecodeError:
            return self.data.hex(" ")


@dataclass(frozen=True, slots=True)
class ResolveRequest:
    """Asks for values by index or type; both lists empty means all (RFC 3652 §3.2.1)."""

    handle: str
    indexes: tuple[int, ...] = ()
    types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ResolveResponse:
    """The values found (RFC 3652 §3.2.2)."""

    handle: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class ErrorResponse:
    """Why there is no answer, and which value indexes it is about (RFC 3652 §3.3)."""

    message: str
    indexes: tuple[int, ...] = ()


class Reader:
    """Reads fields in order from ``data``; raises :class:`Malformed` instead of running past its end."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        """Octets not read yet."""
        return len(self._data) - self._at

    def fields(self, layout: struct.Struct, what: str) -> tuple[int, ...]:
        """The integers of ``layout``."""
        if self.left < layout.size:
            raise _short(what)
        values: tuple[int, ...] = layout.unpack_from(self._data, self._at)
        self._at += layout.size
        return values

    def u32(self, what: str) -> int:
        """One unsigned integer of 4 octets."""
        return self.fields(_U32, what)[0]

    def octets(self, length: int, what: str) -> bytes:
        """``length`` octets."""
        if length > self.left:
            raise _short(what)
        start = self._at
        self._at += length
        return self._data[start : self._at]

    def counted(self, limit: int, what: str) -> bytes:
        """Octets behind their length; at most ``limit``."""
        length = self.u32(what)
        if length > limit:
            raise Malformed(
                mark("{what}: {length} is over the limit of {limit}."), what=what, length=length, limit=limit
            )
        return self.octets(length, what)

    def text(self, limit: int, what: str) -> str:
        """UTF-8 text behind its length."""
        raw = self.counted(limit, what)
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            raise Malformed(mark("{what} is not UTF-8."), what=what) from error

    def count(self, limit: int, size: int, what: str) -> int:
        """Number of entries that follow; each takes at least ``size`` octets, so that a lie costs no memory."""
        number = self.u32(what)
        if number > limit:
            raise Malformed(
                mark("{what}: {length} is over the limit of {limit}."), what=what, length=number, limit=limit
            )
        if number * size > self.left:
            raise _short(what)
        return number

    def handle(self) -> str:
        """A handle; raises :class:`BadHandle` when it is empty or not UTF-8."""
        raw = self.counted(MAX_HANDLE, "handle")
        try:
            text = raw.decode()
        except UnicodeDecodeError as error:
            raise BadHandle(mark("The identifier is not UTF-8.")) from error
        if not text:
            raise BadHandle(mark("The identifier is empty."))
        return text

    def indexes(self) -> tuple[int, ...]:
        """A list of value indexes."""
        return tuple(self.u32("index") for _ in range(self.count(MAX_VALUES, 4, "index list")))


def decode_envelope(packet: bytes) -> Envelope:
    """Envelope of a packet or a TCP message; raises :class:`Malformed`."""
    reader = Reader(packet)
    major, minor, flags, suggested_minor, session, request, sequence, length = reader.fields(ENVELOPE, "envelope")
    if major not in (2, 3):
        raise Malformed(mark("Protocol version {version} is not spoken here."), version=f"{major}.{minor}")
    if length > MAX_MESSAGE:
        raise Malformed(
            mark("{what}: {length} is over the limit of {limit}."), what="message", length=length, limit=MAX_MESSAGE
        )
    suggested_major = flags & _SUGGESTED_MAJOR
    return Envelope(
        request,
        length,
        sequence,
        session,
        (major, minor),
        (suggested_major, suggested_minor) if suggested_major else (major, minor),
        EnvelopeFlag(flags & 0xE0),
    )


def encode_envelope(envelope: Envelope) -> bytes:
    """20 octets."""
    (major, minor), (suggested_major, suggested_minor) = envelope.version, envelope.suggested
    flags = envelope.flags | suggested_major
    return ENVELOPE.pack(
        major,
        minor,
        flags,
        suggested_minor,
        envelope.session,
        envelope.request,
        envelope.sequence,
        envelope.length,
    )


def encode_header(header: Header, body_length: int) -> bytes:
    """24 octets."""
    return HEADER.pack(
        header.opcode,
        header.response,
        header.flags,
        header.site_serial,
        header.recursion,
        0,
        header.expires,
        body_length,
    )


def decode_payload(envelope: Envelope, payload: bytes) -> Message:
    """Header, body and credential that follow ``envelope``; raises :class:`Malformed`."""
    if len(payload) != envelope.length:
        raise _short("message")
    if envelope.flags & (EnvelopeFlag.COMPRESSED | EnvelopeFlag.ENCRYPTED):
        raise Malformed(mark("Compressed and encrypted messages are not accepted."))
    reader = Reader(payload)
    opcode, response, flags, site, recursion, _, expires, body_length = reader.fields(HEADER, "header")
    body = reader.octets(body_length, "body")
    credential = reader.counted(MAX_MESSAGE, "credential") if reader.left else b""
    if reader.left:
        raise Malformed(mark("{count} octets follow the end of the message."), count=reader.left)
    return Message(envelope, Header(opcode, response, OpFlag(flags), site, recursion, expires), body, credential)


def encode_payload(header: Header, body: bytes, credential: bytes = b"") -> bytes:
    """Header, body and credential; raises :class:`Malformed` when that is over the protocol's limit."""
    payload = encode_header(header, len(body)) + body + _U32.pack(len(credential)) + credential
    if len(payload) > MAX_MESSAGE:
        raise Malformed(
            mark("{what}: {length} is over the limit of {limit}."),
            what="message",
            length=len(payload),
            limit=MAX_MESSAGE,
        )
    return payload


def encode_counted(raw: bytes) -> bytes:
    """Length and octets."""
    return _U32.pack(len(raw)) + raw


def encode_value(value: Value) -> bytes:
    """One handle value."""
    return b"".join(
        (
            _VALUE.pack(value.index, value.timestamp, value.ttl_type, value.ttl, value.permissions),
            encode_counted(value.type.encode()),
            encode_counted(value.data),
            _U32.pack(len(value.references)),
            *(encode_counted(item.handle.encode()) + _U32.pack(item.index) for item in value.references),
        )
    )


def decode_value(reader: Reader) -> Value:
    """One handle value; raises :class:`Malformed`."""
    index, timestamp, ttl_type, ttl, permissions = reader.fields(_VALUE, "value")
    if ttl_type not in (TtlType.RELATIVE, TtlType.ABSOLUTE):
        raise Malformed(mark("There is no time-to-live type {type}."), type=ttl_type)
    kind = reader.text(MAX_HANDLE, "value type")
    data = reader.counted(MAX_MESSAGE, "value data")
    number = reader.count(MAX_VALUES, 8, "references")
    references = tuple(Reference(reader.text(MAX_HANDLE, "reference"), reader.u32("reference")) for _ in range(number))
    return Value(index, kind, data, ttl, TtlType(ttl_type), timestamp, Permission(permissions & 0x0F), references)


def encode_values(values: Sequence[Value]) -> bytes:
    """Count and values."""
    return _U32.pack(len(values)) + b"".join(encode_value(value) for value in values)


def decode_values(reader: Reader) -> tuple[Value, ...]:
    """Count and values; raises :class:`Malformed`. The shortest value takes 26 octets."""
    return tuple(decode_value(reader) for _ in range(reader.count(MAX_VALUES, 26, "values")))


def encode_resolve_request(request: ResolveRequest) -> bytes:
    """Body of a resolve request (RFC 3652 §3.2.1)."""
    return b"".join(
        (
            encode_counted(request.handle.encode()),
            struct.pack(f">I{len(request.indexes)}I", len(request.indexes), *request.indexes),
            _U32.pack(len(request.types)),
            *(encode_counted(kind.encode()) for kind in request.types),
        )
    )


def decode_resolve_request(body: bytes) -> ResolveRequest:
    """Body of a resolve request; raises :class:`Malformed` or :class:`BadHandle`."""
    reader = Reader(body)
    handle = reader.handle()
    indexes = reader.indexes()
    types = tuple(reader.text(MAX_HANDLE, "type") for _ in range(reader.count(MAX_VALUES, 4, "type list")))
    return ResolveRequest(handle, indexes, types)


def encode_resolve_response(response: ResolveResponse) -> bytes:
    """Body of a successful answer (RFC 3652 §3.2.2)."""
    return encode_counted(response.handle.encode()) + encode_values(response.values)


def encode_error(error: ErrorResponse) -> bytes:
    """Body of a refusal (RFC 3652 §3.3)."""
    indexes = error.indexes
    return encode_counted(error.message.encode()) + (
        struct.pack(f">I{len(indexes)}I", len(indexes), *indexes) if indexes else b""
    )


def decode_response(message: Message) -> ResolveResponse | ErrorResponse:
    """What a resolve request was answered with; raises :class:`Malformed`. The request digest, if any, is skipped."""
    reader = Reader(message.body)
    if message.header.flags & OpFlag.REQUEST_DIGEST:
        _read_digest(reader)
    if message.header.response == ResponseCode.SUCCESS:
        return ResolveResponse(reader.handle(), decode_values(reader))
    text = reader.text(MAX_MESSAGE, "error message") if reader.left else ""
    return ErrorResponse(text, reader.indexes() if reader.left else ())


def request_digest(request: Message, algorithm: Digest) -> bytes:
    """What precedes the body of an answer to a request that asked for its digest: algorithm, then digest."""
    return bytes((algorithm,)) + _DIGESTS[algorithm](request.signed, usedforsecurity=False).digest()


def respond(request: Message, code: ResponseCode, body: bytes, flags: OpFlag = NO_FLAG) -> tuple[Envelope, bytes]:
    """Envelope and payload of the answer to ``request``: same ids, its version, digest and keep-connection if asked."""
    asked = request.header.flags
    suggested = request.envelope.suggested
    version = min(suggested, VERSION)
    flags |= asked & (OpFlag.REQUEST_DIGEST | OpFlag.KEEP_CONNECTION | OpFlag.PUBLIC_ONLY | OpFlag.RECURSIVE)
    if asked & OpFlag.REQUEST_DIGEST:
        body = request_digest(request, Digest.SHA256 if version >= (2, 7) else Digest.SHA1) + body
    header = Header(request.header.opcode, code, flags, recursion=request.header.recursion)
    payload = encode_payload(header, body)
    return Envelope(request.envelope.request, len(payload), 0, request.envelope.session, version), payload


def resolve_message(request: ResolveRequest, number: int, flags: OpFlag = OpFlag.PUBLIC_ONLY) -> tuple[Envelope, bytes]:
    """Envelope and payload of a resolve request with request id ``number``."""
    payload = encode_payload(Header(OpCode.RESOLVE, flags=flags), encode_resolve_request(request))
    return Envelope(number, len(payload)), payload


def _read_digest(reader: Reader) -> None:
    (algorithm,) = reader.octets(1, "request digest")
    if algorithm not in _DIGEST_SIZE:
        raise Malformed(mark("There is no digest algorithm {number}."), number=algorithm)
    reader.octets(_DIGEST_SIZE[Digest(algorithm)], "request digest")


def _short(what: str) -> Malformed:
    return Malformed(mark("The message ends inside its {what}."), what=what)
