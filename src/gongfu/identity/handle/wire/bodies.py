"""Bodies of requests and responses (RFC 3652 §3), as dataclasses.

Where Handle.Net writes more or other octets than the RFC, its form is read as well; that is said beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gongfu.identity.handle.codes import MAX_HANDLE, MAX_MESSAGE, MAX_VALUES, KeyExchange, OpCode, OpFlag, ResponseCode
from gongfu.identity.handle.errors import Malformed
from gongfu.identity.handle.wire.envelope import Envelope, Header, Message, encode_payload, read_digest
from gongfu.identity.handle.wire.reader import (
    U16,
    U32,
    Reader,
    encode_counted,
    encode_indexes,
    encode_text,
    encode_texts,
)
from gongfu.identity.handle.wire.values import (
    Reference,
    Value,
    decode_reference,
    decode_values,
    encode_reference,
    encode_values,
)
from gongfu.kernel.i18n import mark


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


@dataclass(frozen=True, slots=True)
class ValuesRequest:
    """Values to create, add or change (RFC 3652 §3.6.1, §3.6.3)."""

    handle: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class IndexesRequest:
    """Values to remove (RFC 3652 §3.6.2)."""

    handle: str
    indexes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ChallengeAnswer:
    """Who says to be an administrator, and the proof (RFC 3652 §3.5.2); ``kind`` is HS_SECKEY or HS_PUBKEY."""

    kind: str
    administrator: Reference
    proof: bytes


@dataclass(frozen=True, slots=True)
class VerifyRequest:
    """Asks the server that holds a secret key whether a proof is right (RFC 3652 §3.5.3).

    ``digest`` is the digest alone, without the number of its algorithm.
    """

    administrator: Reference
    nonce: bytes
    digest: bytes
    proof: bytes


@dataclass(frozen=True, slots=True)
class SessionRequest:
    """Asks for a session (RFC 3652 §3.7.1); ``timeout`` in seconds, ``key`` as an HS_PUBKEY value holds it.

    ``key`` goes with client's key and Diffie-Hellman, ``key_reference`` with a key in an identifier.
    """

    mode: int
    timeout: int
    identity: Reference
    key: bytes = b""
    key_reference: Reference | None = None


@dataclass(frozen=True, slots=True)
class SessionAnswer:
    """What the other side needs to know the session's key (RFC 3652 §3.7.1)."""

    mode: int
    data: bytes


def encode_resolve_request(request: ResolveRequest) -> bytes:
    """Body of a resolve request (RFC 3652 §3.2.1)."""
    return encode_text(request.handle) + encode_indexes(request.indexes) + encode_texts(request.types)


def decode_resolve_request(body: bytes) -> ResolveRequest:
    """Body of a resolve request; raises :class:`Malformed` or :class:`BadHandle`."""
    reader = Reader(body)
    handle = reader.handle()
    indexes = reader.indexes()
    types = tuple(reader.text(MAX_HANDLE, "type") for _ in range(reader.count(MAX_VALUES, 4, "type list")))
    return ResolveRequest(handle, indexes, types)


def encode_resolve_response(response: ResolveResponse) -> bytes:
    """Body of a successful answer (RFC 3652 §3.2.2)."""
    return encode_text(response.handle) + encode_values(response.values)


def decode_resolve_response(body: bytes) -> ResolveResponse:
    """Body of a successful answer; raises :class:`Malformed`."""
    reader = Reader(body)
    return ResolveResponse(reader.handle(), decode_values(reader))


def encode_error(error: ErrorResponse) -> bytes:
    """Body of a refusal (RFC 3652 §3.3)."""
    return encode_text(error.message) + (encode_indexes(error.indexes) if error.indexes else b"")


def decode_error(body: bytes) -> ErrorResponse:
    """Body of a refusal; an empty one is accepted. Raises :class:`Malformed`."""
    reader = Reader(body)
    text = reader.text(MAX_MESSAGE, "error message") if reader.left else ""
    return ErrorResponse(text, reader.indexes() if reader.left else ())


def decode_response(message: Message) -> ResolveResponse | ErrorResponse:
    """What a resolve request was answered with; raises :class:`Malformed`. The request digest, if any, is skipped."""
    if message.header.response == ResponseCode.SUCCESS:
        return decode_resolve_response(message.content)
    return decode_error(message.content)


def encode_handle_request(handle: str) -> bytes:
    """Body that names one identifier: delete, list, home, unhome, site info, end of a session."""
    return encode_text(handle)


def decode_handle_request(body: bytes) -> str:
    """Body that names one identifier, perhaps an empty one; raises :class:`Malformed`."""
    reader = Reader(body)
    return reader.text(MAX_HANDLE, "handle") if reader.left else ""


def encode_values_request(request: ValuesRequest) -> bytes:
    """Body of create, add and modify."""
    return encode_text(request.handle) + encode_values(request.values)


def decode_values_request(body: bytes) -> ValuesRequest:
    """Body of create, add and modify; raises :class:`Malformed` or :class:`BadHandle`."""
    reader = Reader(body)
    request = ValuesRequest(reader.handle(), decode_values(reader))
    reader.end()
    return request


def encode_indexes_request(request: IndexesRequest) -> bytes:
    """Body of remove."""
    return encode_text(request.handle) + encode_indexes(request.indexes)


def decode_indexes_request(body: bytes) -> IndexesRequest:
    """Body of remove; raises :class:`Malformed` or :class:`BadHandle`."""
    reader = Reader(body)
    request = IndexesRequest(reader.handle(), reader.indexes())
    reader.end()
    return request


def encode_handles(handles: Iterable[str]) -> bytes:
    """Body of a list (RFC 3652 §3.6.4): count and identifiers."""
    return encode_texts(handles)


def decode_handles(body: bytes) -> tuple[str, ...]:
    """Body of a list; raises :class:`Malformed`."""
    reader = Reader(body)
    number = reader.count(MAX_MESSAGE, 4, "handle list")
    return tuple(reader.text(MAX_HANDLE, "handle") for _ in range(number))


def encode_challenge(nonce: bytes) -> bytes:
    """Body of AUTHENTICATION_NEEDED behind the request digest, which is always there (RFC 3652 §3.5.1)."""
    return encode_counted(nonce)


def decode_challenge(body: bytes) -> bytes:
    """The nonce; raises :class:`Malformed`."""
    return Reader(body).counted(MAX_HANDLE, "nonce")


def encode_challenge_answer(answer: ChallengeAnswer) -> bytes:
    """Body of the answer to a challenge (RFC 3652 §3.5.2)."""
    return encode_text(answer.kind) + encode_reference(answer.administrator) + encode_counted(answer.proof)


def decode_challenge_answer(body: bytes) -> ChallengeAnswer:
    """Body of the answer to a challenge; raises :class:`Malformed`."""
    reader = Reader(body)
    return ChallengeAnswer(
        reader.text(MAX_HANDLE, "authentication type"), decode_reference(reader), reader.counted(MAX_MESSAGE, "proof")
    )


def encode_verify_request(request: VerifyRequest) -> bytes:
    """Body of a verification (RFC 3652 §3.5.3), the digest behind its length as Handle.Net writes it."""
    return (
        encode_reference(request.administrator)
        + encode_counted(request.nonce)
        + encode_counted(request.digest)
        + encode_counted(request.proof)
    )


def decode_verify_request(body: bytes) -> VerifyRequest:
    """Body of a verification; raises :class:`Malformed`.

    The digest stands behind its length (first octet 0) or behind the number of its algorithm (RFC 3652 §2.2.3).
    """
    reader = Reader(body)
    administrator = decode_reference(reader)
    nonce = reader.counted(MAX_HANDLE, "nonce")
    counted = reader.left and body[len(body) - reader.left] == 0
    digest = reader.counted(MAX_HANDLE, "request digest") if counted else read_digest(reader)[1:]
    return VerifyRequest(administrator, nonce, digest, reader.counted(MAX_MESSAGE, "proof"))


def encode_session_request(request: SessionRequest) -> bytes:
    """Body of a session's set-up (RFC 3652 §3.7.1)."""
    head = U16.pack(request.mode) + U32.pack(request.timeout) + encode_reference(request.identity)
    if request.key_reference is not None:
        return head + encode_reference(request.key_reference)
    return head + (encode_counted(request.key) if request.key else b"")


def decode_session_request(body: bytes) -> SessionRequest:
    """Body of a session's set-up; raises :class:`Malformed`. Handle.Net leaves two octets behind it: accepted."""
    reader = Reader(body)
    mode, timeout = reader.u16("key exchange"), reader.u32("timeout")
    identity = decode_reference(reader)
    match mode:
        case KeyExchange.CLIENT | KeyExchange.DIFFIE_HELLMAN:
            return SessionRequest(mode, timeout, identity, reader.counted(MAX_MESSAGE, "exchange key"))
        case KeyExchange.IDENTIFIER:
            return SessionRequest(mode, timeout, identity, key_reference=decode_reference(reader))
    return SessionRequest(mode, timeout, identity)


def encode_session_answer(answer: SessionAnswer) -> bytes:
    """Body of the answer to a session's set-up."""
    return U16.pack(answer.mode) + encode_counted(answer.data)


def decode_session_answer(body: bytes) -> SessionAnswer:
    """Body of the answer to a session's set-up; raises :class:`Malformed`."""
    reader = Reader(body)
    return SessionAnswer(reader.u16("key exchange"), reader.counted(MAX_MESSAGE, "exchange key"))


def encode_key(key: bytes) -> bytes:
    """Body of a key exchange (RFC 3652 §3.7.2): the session's key, encrypted."""
    return encode_counted(key)


def decode_key(body: bytes) -> bytes:
    """Body of a key exchange; raises :class:`Malformed`."""
    return Reader(body).counted(MAX_MESSAGE, "session key")


def encode_login(administrator: Reference) -> bytes:
    """Body of the national system's LOGIN (operation 2001): who signs in. The answer's body is empty."""
    return encode_reference(administrator)


def decode_login(body: bytes) -> Reference:
    """Body of LOGIN; raises :class:`Malformed`."""
    return decode_reference(Reader(body))


def resolve_message(request: ResolveRequest, number: int, flags: OpFlag = OpFlag.PUBLIC_ONLY) -> tuple[Envelope, bytes]:
    """Envelope and payload of a resolve request with request id ``number``."""
    payload = encode_payload(Header(OpCode.RESOLVE, flags=flags), encode_resolve_request(request))
    return Envelope(number, len(payload)), payload


def pages(handles: Sequence[str], room: int) -> list[list[str]]:
    """``handles`` in parts whose encoding takes at most ``room`` octets; raises :class:`Malformed` if one does not."""
    parts: list[list[str]] = [[]]
    left = room - 4
    for handle in handles:
        size = 4 + len(handle.encode())
        if size > room - 4:
            raise Malformed(
                mark("{what}: {length} is over the limit of {limit}."), what="handle", length=size, limit=room
            )
        if size > left:
            parts.append([])
            left = room - 4
        parts[-1].append(handle)
        left -= size
    return parts
