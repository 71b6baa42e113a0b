"""Sessions of the HTTP API: a nonce to sign, and later who signed it. Shared by all workers of a node, not durable.

Kept in an LMDB of its own that never waits for the disk: a session lost in a power cut is only a sign-in more.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from collections.abc import Callable
from pathlib import Path

import lmdb
import msgspec

from gongfu.identity.handle.wire import Reference
from gongfu.identity.resolver.administration import Administrator
from gongfu.kernel.errors import Unavailable
from gongfu.kernel.i18n import mark

FOLDER = "identity-sessions"
LIFETIME = 1_800
"""Seconds a session lives after it was made or signed in."""
TOKEN_LIFETIME = 86_400
"""Seconds a bearer token lives (24 hours, as the enterprise nodes' documentation says)."""
MOST = 20_000
"""Sessions at once; anybody can make one, so there is an end to it."""
_MAP = 64 * 2**20
_SWEEP = 500
_ID = re.compile(rb"[0-9a-f]{32}")
_SECRET = b"secret"  # no session's id, which are hexadecimal


class Session(msgspec.Struct, frozen=True, array_like=True):
    """One session; ``handle`` and ``index`` are empty until someone signed in."""

    id: str
    nonce: bytes
    expires: int
    handle: str = ""
    index: int = 0

    @property
    def who(self) -> Administrator | None:
        """Who signed in."""
        return Administrator(Reference(self.handle, self.index)) if self.handle else None


class Sessions:
    """The sessions below ``home``; one object a process."""

    def __init__(self, home: Path, clock: Callable[[], float] = time.time, most: int = MOST) -> None:
        self._most = most
        self._clock = clock
        path = home / FOLDER
        try:
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._env = lmdb.open(str(path), map_size=_MAP, sync=False, meminit=False, max_readers=256)
        except (lmdb.Error, OSError) as error:
            raise _unusable(error) from error
        self._decode = msgspec.msgpack.Decoder(Session).decode

    def close(self) -> None:
        """Releases its files."""
        self._env.close()

    def create(self) -> Session:
        """A new session with a new nonce; raises :class:`Unavailable` when there are too many."""
        session = Session(secrets.token_hex(16), secrets.token_bytes(16), self._expiry())
        try:
            with self._env.begin(write=True) as txn:
                if txn.stat()["entries"] >= self._most:
                    self._sweep(txn)
                if txn.stat()["entries"] >= self._most:
                    raise Unavailable(mark("There are too many sessions; try again in a while."))
                self._put(txn, session)
        except lmdb.Error as error:
            raise _unusable(error) from error
        return session

    def get(self, name: str) -> Session | None:
        """The session with that id, None when there is none or it has ended."""
        key = name.encode(errors="replace")
        if len(key) != 32 or not _ID.fullmatch(key):
            return None
        with self._env.begin() as txn:
            octets = txn.get(key)
        session = self._decode(octets) if octets else None
        return session if session and session.expires > self._clock() else None

    def sign_in(self, session: Session, who: Administrator, lifetime: int = LIFETIME) -> Session:
        """``who`` has signed the nonce: the session is his, and the nonce is spent."""
        place = who.reference
        signed = Session(session.id, secrets.token_bytes(16), self._expiry(lifetime), place.handle, place.index)
        with self._env.begin(write=True) as txn:
            self._put(txn, signed)
        return signed

    def end(self, session: Session) -> None:
        """Nobody can use it any more."""
        with self._env.begin(write=True) as txn:
            txn.delete(session.id.encode())

    def spend(self, what: bytes, lifetime: int) -> bool:
        """Whether ``what`` (a nonce) is used for the first time; it is remembered for ``lifetime`` seconds."""
        name = "spent" + hashlib.sha256(what).hexdigest()[:48]
        with self._env.begin(write=True) as txn:
            octets = txn.get(name.encode())
            if octets and self._decode(octets).expires > self._clock():
                return False
            self._put(txn, Session(name, b"", self._expiry(lifetime)))
        return True

    @property
    def secret(self) -> bytes:
        """32 random octets that all workers of this node share."""
        with self._env.begin(write=True) as txn:
            octets = txn.get(_SECRET)
            if octets:
                return self._decode(octets).nonce
            made = Session(_SECRET.decode(), secrets.token_bytes(32), 2**62)
            self._put(txn, made)
        return made.nonce

    def _expiry(self, lifetime: int = LIFETIME) -> int:
        return int(self._clock()) + lifetime

    def _put(self, txn: lmdb.Transaction, session: Session) -> None:
        txn.put(session.id.encode(), msgspec.msgpack.encode(session))

    def _sweep(self, txn: lmdb.Transaction) -> None:
        """Makes room: what has ended, else sessions nobody signed in to; a flood of them drives out no others."""
        now = self._clock()
        found = [(bytes(key), self._decode(octets)) for key, octets in txn.cursor()]
        ended = [key for key, session in found if session.expires <= now]
        unused = [key for key, session in found if _ID.fullmatch(key) and session.who is None]
        for key in (ended or unused)[:_SWEEP]:
            txn.delete(key)


def _unusable(error: Exception) -> Unavailable:
    return Unavailable(mark("Sessions cannot be kept: {reason}."), reason=error)
