"""Sessions of this server (RFC 3652 §3.7): a key both sides know, perhaps an administrator, what was seen before."""

from __future__ import annotations

import itertools
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from gongfu.identity.handle import wire
from gongfu.identity.handle.errors import SessionKeyWrong, SessionOver, SessionReplayed
from gongfu.identity.handle.session_keys import SessionKey
from gongfu.identity.resolver.administration import Administrator
from gongfu.identity.resolver.colleagues import ALONE, Colleagues
from gongfu.kernel.i18n import mark

LONGEST = 86_400.0
"""Seconds a session may stay unused, whatever the peer asks for."""
MOST = 10_000
"""Sessions at once; when there are more, the one unused for longest goes."""
_WINDOW = 256  # counters below the highest one that may still come, out of order
_ALL_SEEN = (1 << _WINDOW) - 1


class Session:
    """One session; safe to use from several threads."""

    def __init__(self, number: int, key: SessionKey | None, identity: wire.Reference, timeout: float) -> None:
        """``key`` is None until the peer has sent it; ``identity`` is who the peer says it is, to be proved yet."""
        self.number = number
        self.key = key
        self.identity = identity
        self.timeout = timeout
        self.used = 0.0
        self.administrator: Administrator | None = None
        self._counter = itertools.count(1)
        self._highest = 0
        self._seen = 0  # a bit for each of the last counters, that of the highest first
        self._lock = threading.Lock()

    def check(self, message: wire.Message) -> None:
        """Raises :class:`SessionKeyWrong` or :class:`SessionReplayed` unless the peer just sent ``message``."""
        if self.key is None:
            raise SessionKeyWrong(mark("The session has no key yet."))
        counter = self.key.check(message)
        with self._lock:
            behind = self._highest - counter
            if behind >= _WINDOW or (behind >= 0 and self._seen >> behind & 1):
                raise SessionReplayed(mark("Message {counter} of the session was received before."), counter=counter)
            if behind < 0:
                self._highest = counter
                self._seen = (self._seen << min(-behind, _WINDOW) & _ALL_SEEN) | 1
            else:
                self._seen |= 1 << behind

    def seal(self, message: wire.Message) -> wire.Message:
        """``message`` with this side's code and counter."""
        if self.key is None:
            raise SessionKeyWrong(mark("The session has no key yet."))
        return self.key.seal(message, next(self._counter))


class Sessions:
    """Safe to use from several threads."""

    def __init__(
        self, *, most: int = MOST, clock: Callable[[], float] = time.monotonic, colleagues: Colleagues = ALONE
    ) -> None:
        self._most = most
        self._colleagues = colleagues
        self._clock = clock
        self._open: OrderedDict[int, Session] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._open)

    def begin(self, key: SessionKey | None, identity: wire.Reference, timeout: int) -> Session:
        """A new session that ends ``timeout`` seconds after it was used last; 0 is as long as may be."""
        with self._lock:
            number = self._colleagues.new_number(self._open)
            session = Session(number, key, identity, min(timeout or LONGEST, LONGEST))
            session.used = self._clock()
            self._open[number] = session
            while len(self._open) > self._most:
                self._open.popitem(last=False)
        return session

    def find(self, number: int) -> Session | None:
        """The session, unless it is over; finding it counts as use."""
        with self._lock:
            session = self._open.get(number)
            if session is None:
                return None
            now = self._clock()
            if now - session.used > session.timeout:
                del self._open[number]
                return None
            session.used = now
            self._open.move_to_end(number)
            return session

    def get(self, number: int) -> Session:
        """As :meth:`find`; raises :class:`SessionOver`."""
        session = self.find(number)
        if session is None:
            raise SessionOver(
                mark("Session {number} is not known here, or is over."),
                remedy=mark("Set up a new session."),
                number=number,
            )
        return session

    def end(self, session: Session) -> None:
        """It is over."""
        with self._lock:
            self._open.pop(session.number, None)
