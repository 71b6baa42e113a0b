"""Sequence numbers of one connection (IEC 60870-5-104 §5.1): what may be sent, what must be confirmed. Pure."""

from __future__ import annotations

from collections import deque

from gongfu.network.drivers.iec104.wire import Information, Supervisory

_MODULUS = 32768


class OutOfSequence(Exception):
    """The peer counts otherwise: frames are lost or doubled, and the connection is of no use (§5.1)."""


class Flow:
    """Both directions of one connection. Times are of any one clock, in seconds."""

    def __init__(self, k: int, w: int) -> None:
        self._k = k
        self._w = w
        self._send = 0
        self._receive = 0
        self._sent: deque[float] = deque()
        """When each frame that the peer has not confirmed was sent."""
        self._unconfirmed = 0
        self._first_unconfirmed = 0.0

    @property
    def may_send(self) -> bool:
        """Whether fewer than k frames are on their way."""
        return len(self._sent) < self._k

    @property
    def oldest_sent(self) -> float | None:
        """When the oldest frame was sent that the peer has not confirmed."""
        return self._sent[0] if self._sent else None

    @property
    def oldest_received(self) -> float | None:
        """When the oldest frame arrived that has not been confirmed."""
        return self._first_unconfirmed if self._unconfirmed else None

    @property
    def must_confirm(self) -> bool:
        """Whether w frames have arrived without a confirmation."""
        return self._unconfirmed >= self._w

    def send(self, asdu: bytes, now: float) -> Information:
        """The next frame; it confirms what has arrived."""
        frame = Information(self._send, self._receive, asdu)
        self._send = (self._send + 1) % _MODULUS
        self._sent.append(now)
        self._unconfirmed = 0
        return frame

    def confirm(self) -> Supervisory:
        """A frame that only confirms what has arrived."""
        self._unconfirmed = 0
        return Supervisory(self._receive)

    def take(self, frame: Information | Supervisory, now: float) -> None:
        """Count ``frame``; raises :class:`OutOfSequence`."""
        if isinstance(frame, Information) and frame.send != self._receive:
            raise OutOfSequence(f"frame {frame.send} instead of {self._receive}")
        ahead = (self._send - frame.receive) % _MODULUS
        if ahead > len(self._sent):
            raise OutOfSequence(f"frame {frame.receive} confirmed, {self._send} is the next to be sent")
        while len(self._sent) > ahead:
            self._sent.popleft()
        if isinstance(frame, Information):
            self._receive = (self._receive + 1) % _MODULUS
            self._unconfirmed += 1
            if self._unconfirmed == 1:
                self._first_unconfirmed = now
