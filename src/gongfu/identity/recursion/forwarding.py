"""Who asks, passed on (operation flag 0x4 of the national system).

The flag says that a recursive node hands the asker's identity to the server it asks; no public document says in which
form. Here it is a credential as RFC 3652 §2.2.4 lays it out, of type ``FORWARDED``: the signer is the identity the
asker named, if any, and what would be the signature is the asker's address as text. It proves nothing; it is for
statistics and for limits that the authority sets on those who ask.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from gongfu.identity.handle import wire
from gongfu.identity.handle.codes import MAX_HANDLE
from gongfu.identity.handle.errors import Malformed
from gongfu.kernel.i18n import mark

FORWARDED = "FORWARDED"
_HEAD = struct.Struct(">BBH")  # version, reserved, options
_MAX_ADDRESS = 64


@dataclass(frozen=True, slots=True)
class Asker:
    """Where a question came from, and as whom, as a recursive node tells it."""

    address: str
    identity: wire.Reference | None = None


def encode(asker: Asker) -> bytes:
    """The credential."""
    identity = asker.identity or wire.Reference("", 0)
    return b"".join(
        (
            _HEAD.pack(0, 0, 0),
            wire.encode_counted(identity.handle.encode()),
            identity.index.to_bytes(4, "big"),
            wire.encode_counted(FORWARDED.encode()),
            wire.encode_counted(asker.address.encode()),
        )
    )


def decode(credential: bytes) -> Asker:
    """Who asked; raises :class:`Malformed`, also for a credential that is none of ours."""
    reader = wire.Reader(credential)
    reader.fields(_HEAD, "credential")
    handle, index = reader.text(MAX_HANDLE, "credential"), reader.u32("credential")
    kind = reader.text(MAX_HANDLE, "credential")
    if kind != FORWARDED:
        raise Malformed(mark("A credential of type {type} was not forwarded."), type=kind)
    address = reader.text(_MAX_ADDRESS, "credential")
    return Asker(address, wire.Reference(handle, index) if handle else None)


def signer(credential: bytes) -> wire.Reference | None:
    """As whom a request with this credential was made, unchecked; None when it does not say."""
    try:
        reader = wire.Reader(credential)
        reader.fields(_HEAD, "credential")
        handle, index = reader.text(MAX_HANDLE, "credential"), reader.u32("credential")
    except Malformed:
        return None
    return wire.Reference(handle, index) if handle else None
