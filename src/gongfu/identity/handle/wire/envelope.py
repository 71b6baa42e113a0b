"""Messages of the Handle protocol, from and to bytes: envelope, header, body, credential.

A message on the wire (RFC 3652 §2.2), all integers big endian::

    envelope 20 | header 24 | body | u32 length, credential
    ----------- | ------------------------------------------
    never cut   | the payload; over UDP cut into packets of 512 octets, each with its own envelope
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass, replace

from gongfu.identity.handle.codes import MAX_MESSAGE, VERSION, Digest, EnvelopeFlag, OpFlag, ResponseCode
from gongfu.identity.handle.errors import Malformed
from gongfu.identity.handle.wire.reader import U32, Reader, short
from gongfu.kernel.i18n import mark

ENVELOPE = struct.Struct(">BBBBIIII")
"""major, minor, flags | suggested major, suggested minor, session, request, sequence, payload length."""
HEADER = struct.Struct(">IIIHBBII")
"""operation code, response code, operation flags, site serial, recursion, reserved, expiry, body length."""
_SUGGESTED_MAJOR = 0x03
NO_FLAG = OpFlag(0)
NO_ENVELOPE_FLAG = EnvelopeFlag(0)
_DIGESTS = {Digest.MD5: hashlib.md5, Digest.SHA1: hashlib.sha1, Digest.SHA256: hashlib.sha256}
_DIGEST_SIZE = {Digest.MD5: 16, Digest.SHA1: 20, Digest.SHA256: 32}
_ECHOED = OpFlag.REQUEST_DIGEST | OpFlag.KEEP_CONNECTION | OpFlag.PUBLIC_ONLY | OpFlag.RECURSIVE


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

    @property
    def spoken(self) -> tuple[int, int]:
        """The version both sides know, to answer in."""
        return min(self.suggested, VERSION)


@dataclass(frozen=True, slots=True)
class Header:
    """Operation and outcome (RFC 3652 §2.2.2); codes stay integers, so that an unknown one can be refused by name."""

    opcode: int
    response: int = ResponseCode.NONE
    flags: OpFlag = NO_FLAG
    site_serial: int = 0
    recursion: int = 0
    expires: int = 0
    reserved: int = 0


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

    @property
    def content(self) -> bytes:
        """The body behind the request digest that it may begin with; raises :class:`Malformed`."""
        return split_digest(self)[1]


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
        header.reserved,
        header.expires,
        body_length,
    )


def decode_payload(envelope: Envelope, payload: bytes) -> Message:
    """Header, body and credential that follow ``envelope``; raises :class:`Malformed`.

    An encrypted payload is decrypted before, by whoever has the session's key.
    """
    if len(payload) != envelope.length:
        raise short("message")
    if envelope.flags & EnvelopeFlag.COMPRESSED:
        raise Malformed(
            mark("Compressed messages are not accepted."),
            remedy=mark("Send the message without the compression flag."),
        )
    if envelope.flags & EnvelopeFlag.ENCRYPTED:
        raise Malformed(mark("An encrypted message needs a session."))
    reader = Reader(payload)
    opcode, response, flags, site, recursion, reserved, expires, length = reader.fields(HEADER, "header")
    body = reader.octets(length, "body")
    credential = reader.counted(MAX_MESSAGE, "credential") if reader.left else b""
    reader.end()
    header = Header(opcode, response, OpFlag(flags), site, recursion, expires, reserved)
    return Message(envelope, header, body, credential)


def encode_payload(header: Header, body: bytes, credential: bytes = b"") -> bytes:
    """Header, body and credential; raises :class:`Malformed` when that is over the protocol's limit."""
    payload = encode_header(header, len(body)) + body + U32.pack(len(credential)) + credential
    if len(payload) > MAX_MESSAGE:
        raise Malformed(
            mark("{what}: {length} is over the limit of {limit}."),
            what="message",
            length=len(payload),
            limit=MAX_MESSAGE,
        )
    return payload


def encode_message(message: Message) -> tuple[Envelope, bytes]:
    """Envelope with the right length, and payload; raises :class:`Malformed` as :func:`encode_payload`."""
    payload = encode_payload(message.header, message.body, message.credential)
    return replace(message.envelope, length=len(payload)), payload


def digest(octets: bytes, algorithm: Digest) -> bytes:
    """The digest of ``octets``, without the algorithm's number."""
    return _DIGESTS[algorithm](octets, usedforsecurity=False).digest()


def digested(octets: bytes, algorithm: int) -> bytes:
    """The digest of ``octets`` behind its algorithm's number; empty for an algorithm nobody knows."""
    return bytes((algorithm,)) + digest(octets, Digest(algorithm)) if algorithm in _DIGEST_SIZE else b""


def digest_algorithm(version: tuple[int, int]) -> Digest:
    """What a server of ``version`` digests requests with: SHA-256 from 2.7, SHA-1 before (DO-IRP 3.0)."""
    return Digest.SHA256 if version >= (2, 7) else Digest.SHA1


def request_digest(request: Message, algorithm: Digest) -> bytes:
    """What precedes the body of an answer to a request that asked for its digest: algorithm, then digest."""
    return bytes((algorithm,)) + digest(request.signed, algorithm)


def read_digest(reader: Reader) -> bytes:
    """A request digest, its algorithm's number first; raises :class:`Malformed`."""
    algorithm = reader.u8("request digest")
    if algorithm not in _DIGEST_SIZE:
        raise Malformed(mark("There is no digest algorithm {number}."), number=algorithm)
    return bytes((algorithm,)) + reader.octets(_DIGEST_SIZE[Digest(algorithm)], "request digest")


def split_digest(message: Message) -> tuple[bytes, bytes]:
    """The request digest (with its algorithm, or empty) and the body behind it; raises :class:`Malformed`."""
    if not message.header.response or not message.header.flags & OpFlag.REQUEST_DIGEST:
        return b"", message.body
    reader = Reader(message.body)
    return read_digest(reader), reader.rest()


def answer(
    request: Message,
    code: int,
    body: bytes,
    flags: OpFlag = NO_FLAG,
    *,
    session: int | None = None,
    expires: int = 0,
) -> Message:
    """The answer to ``request``: same ids, its version, digest and keep-connection if asked; not signed yet.

    ``session`` replaces the request's; ``expires`` in Unix seconds, 0 for never.
    """
    asked = request.header.flags
    version = request.envelope.spoken
    flags |= asked & _ECHOED
    if flags & OpFlag.REQUEST_DIGEST:
        body = request_digest(request, digest_algorithm(version)) + body
    header = Header(request.header.opcode, code, flags, recursion=request.header.recursion, expires=expires)
    envelope = Envelope(
        request.envelope.request, 0, 0, request.envelope.session if session is None else session, version
    )
    return Message(envelope, header, body)


def respond(request: Message, code: ResponseCode, body: bytes, flags: OpFlag = NO_FLAG) -> tuple[Envelope, bytes]:
    """Envelope and payload of :func:`answer`, unsigned."""
    return encode_message(answer(request, code, body, flags))
