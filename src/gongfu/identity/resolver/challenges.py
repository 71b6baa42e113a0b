"""Challenges that wait for their answer: each is answered once, in time, or not at all.

The request that caused a challenge is kept, for its answer does not repeat it (RFC 3652 §3.5). Memory is bounded in
number and octets; when full, the oldest challenge goes.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from gongfu.identity.handle import wire
from gongfu.identity.handle.errors import TooLate
from gongfu.identity.handle.proofs import NONCE_SIZE
from gongfu.identity.resolver.colleagues import ALONE, Colleagues
from gongfu.kernel.i18n import mark

SECONDS = 60.0
"""How long a challenge may wait for its answer; measured here, so that the peer's clock does not matter."""
MOST = 65_536
"""Challenges that wait at once."""
MOST_OCTETS = 64 * 2**20
"""Octets of requests that wait at once."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """What was asked and how the one who asked is to prove himself; ``digest`` is that of the request."""

    request: wire.Message
    nonce: bytes
    digest: bytes
    given: float

    @property
    def size(self) -> int:
        """Octets of memory, roughly."""
        return len(self.request.body) + 512


class Challenges:
    """Safe to use from several threads."""

    def __init__(
        self,
        *,
        seconds: float = SECONDS,
        most: int = MOST,
        octets: int = MOST_OCTETS,
        clock: Callable[[], float] = time.monotonic,
        colleagues: Colleagues = ALONE,
    ) -> None:
        self._colleagues = colleagues
        self._seconds = seconds
        self._most = most
        self._room = octets
        self._clock = clock
        self._waiting: OrderedDict[int, Challenge] = OrderedDict()
        self._octets = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._waiting)

    def give(self, request: wire.Message, session: int = 0) -> tuple[int, Challenge]:
        """A challenge for ``request``, and the session id under which its answer is to come.

        That is ``session`` if there is one, which forgets an earlier challenge there; else a new one.
        """
        algorithm = wire.digest_algorithm(request.envelope.spoken)
        challenge = Challenge(
            request, secrets.token_bytes(NONCE_SIZE), wire.digest(request.signed, algorithm), self._clock()
        )
        with self._lock:
            number = session or self._colleagues.new_number(self._waiting)
            self._drop(number)
            self._waiting[number] = challenge
            self._octets += challenge.size
            while len(self._waiting) > 1 and (len(self._waiting) > self._most or self._octets > self._room):
                self._drop(next(iter(self._waiting)))
        return number, challenge

    def take(self, number: int) -> Challenge:
        """The challenge that is answered under ``number``; it is gone then. Raises :class:`TooLate`."""
        with self._lock:
            challenge = self._drop(number)
        if challenge is None or self._clock() - challenge.given > self._seconds:
            raise TooLate(
                mark("That challenge was answered before, or {seconds} s ago or longer."),
                remedy=mark("Send the request again and answer the new challenge."),
                seconds=int(self._seconds),
            )
        return challenge

    def _drop(self, number: int) -> Challenge | None:
        challenge = self._waiting.pop(number, None)
        if challenge is not None:
            self._octets -= challenge.size
        return challenge
