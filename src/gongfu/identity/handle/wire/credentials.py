"""The credential behind a message: a signature or a session's code over it (RFC 3652 §2.2.4).

    u8 version 0 | u8 reserved | u16 options | signer: counted handle, u32 index | counted type |
    u32 length of the rest | counted algorithm | counted signature

The signer is left empty; its index carries the session's counter, which a peer accepts once (DO-IRP 3.0).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from gongfu.identity.handle.codes import MAX_HANDLE, MAX_MESSAGE
from gongfu.identity.handle.wire.envelope import Message
from gongfu.identity.handle.wire.reader import Reader, encode_counted, encode_text
from gongfu.identity.handle.wire.values import Reference, decode_reference, encode_reference

MAC = "HS_MAC"
"""Type of a code made with a session's key."""
SIGNED = "HS_SIGNED"
"""Type of a signature made with a private key."""
_HEAD = struct.Struct(">BBH")


@dataclass(frozen=True, slots=True)
class Credential:
    """``algorithm`` names the digest, such as SHA256 or HMAC-SHA256; ``counter`` counts a session's messages."""

    kind: str
    algorithm: str
    signature: bytes
    counter: int = 0
    signer: str = ""


def encode_credential(credential: Credential) -> bytes:
    """The octets behind the credential's length."""
    inner = encode_text(credential.algorithm) + encode_counted(credential.signature)
    return (
        _HEAD.pack(0, 0, 0)
        + encode_reference(Reference(credential.signer, credential.counter))
        + encode_text(credential.kind)
        + encode_counted(inner)
    )


def decode_credential(octets: bytes) -> Credential:
    """Raises :class:`Malformed`. A one-octet algorithm is the number of a digest, as old servers write it."""
    reader = Reader(octets)
    reader.fields(_HEAD, "credential")
    signer = decode_reference(reader)
    kind = reader.text(MAX_HANDLE, "credential type")
    inner = Reader(reader.counted(MAX_MESSAGE, "credential"))
    raw = inner.counted(MAX_HANDLE, "signature algorithm")
    algorithm = _NUMBERED.get(raw) or raw.decode("ascii", "replace")
    return Credential(kind, algorithm, inner.counted(MAX_MESSAGE, "signature"), signer.index, signer.handle)


def covered(message: Message, counter: int) -> bytes:
    """The octets that a credential of ``message`` covers.

    Header and body; before them, since 2.7, version, session, request and counter, since 2.8 the suggested version.
    """
    envelope = message.envelope
    if envelope.version < (2, 7):
        return message.signed
    versions = envelope.version + (envelope.suggested if envelope.version >= (2, 8) else ())
    return bytes(versions) + struct.pack(">III", envelope.session, envelope.request, counter) + message.signed


_NUMBERED = {b"\x01": "MD5", b"\x02": "SHA1", b"\x03": "SHA256"}
