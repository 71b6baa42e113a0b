"""A message as UDP packets, and back (RFC 3652 §2.3).

Every packet but the last carries 492 octets of payload behind an envelope that repeats the whole payload's length,
so the sequence number alone says where its octets belong.
"""

from __future__ import annotations

from dataclasses import replace

from gongfu.identity.handle.codes import MAX_PACKET, EnvelopeFlag
from gongfu.identity.handle.errors import Malformed
from gongfu.identity.handle.wire import ENVELOPE, HEADER, Envelope, encode_envelope
from gongfu.kernel.i18n import mark

PIECE = MAX_PACKET - ENVELOPE.size
"""Octets of payload in a packet: 492."""


def split(envelope: Envelope, payload: bytes) -> list[bytes]:
    """The packets of a message, each with the truncated flag if there are several."""
    if len(payload) <= PIECE:
        return [encode_envelope(envelope) + payload]
    flags = envelope.flags | EnvelopeFlag.TRUNCATED
    return [
        encode_envelope(replace(envelope, sequence=number, flags=flags)) + payload[start : start + PIECE]
        for number, start in enumerate(range(0, len(payload), PIECE))
    ]


class Assembly:
    """Collects the packets of one message in any order; a repeated one changes nothing."""

    __slots__ = ("_first", "_missing", "_payload")

    def __init__(self, first: Envelope) -> None:
        """``first`` is the envelope of whichever packet came first; its length decides how many there are."""
        self._first = first
        self._payload = bytearray(first.length)
        self._missing = set(range(max(1, -(-first.length // PIECE))))

    def add(self, envelope: Envelope, piece: bytes) -> bytes | None:
        """The whole payload once nothing is missing, else None; raises :class:`Malformed` if it does not fit."""
        start = envelope.sequence * PIECE
        expected = min(PIECE, self._first.length - start)
        if envelope.length != self._first.length or expected < 0 or len(piece) != expected:
            raise Malformed(mark("Packet {number} does not fit the message it belongs to."), number=envelope.sequence)
        self._payload[start : start + len(piece)] = piece
        self._missing.discard(envelope.sequence)
        return None if self._missing else bytes(self._payload)


def is_cut(envelope: Envelope, payload: bytes) -> bool:
    """Whether a truncated packet says that the answer is too long for UDP: nothing but a header, see ``limiting.cut``.

    Pieces of a message are as long as packets allow, so that no server sends this as one.
    """
    return not envelope.sequence and len(payload) <= HEADER.size < envelope.length
