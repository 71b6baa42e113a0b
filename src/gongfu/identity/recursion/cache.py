"""What was learnt from others, for as long as they said, and a day longer in case they fall silent.

The loop that answers over UDP reads it from its own thread through :meth:`Cache.lookup`; everything else, writing
above all, happens in the event loop's thread. A read is one ``dict.get``, which the interpreter makes safe.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from gongfu.identity.handle import wire
from gongfu.identity.handle.codes import ResponseCode, TtlType
from gongfu.identity.recursion.trace import Hop
from gongfu.kernel.errors import GongfuError

LONGEST = 86_400
"""No answer is kept longer than this many seconds, whatever its time to live."""
NEGATIVE_SECONDS = 60
"""How long it is remembered that an identifier does not exist."""
FAILURE_SECONDS = 5
"""How long it is remembered that nobody could be reached (RFC 9520 §3.2: at least one second)."""
STALE_SECONDS = 86_400
"""How long an answer may be used after its time when nobody answers (RFC 8767 §5: one to three days)."""
STALE_TTL = 30
"""Time to live of values in such an answer, and when the silent ones are asked again (RFC 8767 §4, §5)."""
_POPULAR = 2  # hits that make an answer worth fetching before it expires
_PREFETCH = 0.9  # after this part of its life
_OVERHEAD = 700  # octets of an entry besides its texts, measured with sys.getsizeof


@dataclass(slots=True)
class Entry:
    """One answer. ``body`` is the number of values and the values as they go over the wire, an alias followed.

    ``own`` is the same of the identifier itself where it is an alias. Times are of ``time.monotonic``.
    """

    name: str
    code: int
    body: bytes
    server: str
    service: str
    stored: float
    expires: float
    own: bytes = b""
    failed: GongfuError | None = None
    blamed: Hop | None = None
    refresh: float = math.inf
    recheck: float = 0.0
    aged: bytes = b""
    hits: int = 0

    @property
    def size(self) -> int:
        """Octets of memory, roughly."""
        return _OVERHEAD + 2 * len(self.name) + len(self.body) + len(self.own) + len(self.aged)

    @property
    def values(self) -> tuple[wire.Value, ...]:
        """The values of the identifier itself."""
        octets = self.own or self.body
        return wire.decode_values(wire.Reader(octets)) if octets else ()


class Cache:
    """Answers by key (:func:`gongfu.identity.handle.names.key`), never more than ``limit`` octets of them."""

    def __init__(
        self,
        limit: int,
        *,
        wanted: Callable[[bytes], object] = lambda _key: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``wanted(key)`` is called, in whichever thread asks, when a popular answer should be fetched anew."""
        self.wanted = wanted
        self.hits = 0
        self.misses = 0
        self.stale = 0
        self.size = 0
        self._limit = limit
        self._clock = clock
        self._entries: dict[bytes, Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def lookup(self, key: bytes) -> bytes | None:
        """The octets that answer the usual question (all public values) at once: number of values, values."""
        entry = self._entries.get(key)
        if entry is None or entry.code != ResponseCode.SUCCESS:
            return None
        now = self._clock()
        if now < entry.expires:
            self.hits += 1
            entry.hits += 1
            if now >= entry.refresh and entry.hits >= _POPULAR:
                entry.refresh = math.inf
                self.wanted(key)
            return entry.body
        if now < entry.recheck:
            self.stale += 1
            return entry.aged
        return None

    def public(self, key: bytes) -> tuple[int, bytes] | None:
        """As :meth:`lookup`, the number apart from the octets of the values: what the resolver's quick way takes."""
        body = self.lookup(key)
        return None if body is None else (int.from_bytes(body[:4]), body[4:])

    def fresh(self, key: bytes) -> Entry | None:
        """What may be answered without asking, found or not; None if somebody must be asked."""
        entry = self._entries.get(key)
        now = self._clock()
        if entry is None or (now >= entry.expires and now >= entry.recheck):
            return None
        entry.hits += 1
        if now >= entry.refresh and entry.hits >= _POPULAR:
            entry.refresh = math.inf
            self.wanted(key)
        return entry

    def is_stale(self, entry: Entry) -> bool:
        """Whether its time is over."""
        return self._clock() >= entry.expires

    def old(self, key: bytes) -> Entry | None:
        """An answer that may still be used if nobody gives a newer one."""
        entry = self._entries.get(key)
        if entry is None or not entry.body or self._clock() >= entry.expires + STALE_SECONDS:
            return None
        return entry

    def keep_old(self, entry: Entry) -> None:
        """Use ``entry`` for the next 30 s without asking anybody; its values say so in their time to live."""
        before = entry.size
        entry.recheck = self._clock() + STALE_TTL
        entry.aged = entry.aged or _aged(entry.body)
        self.size += entry.size - before

    def distrust(self, key: bytes, older_than: float) -> bool:
        """Let an answer expire that is older than that many seconds; whether there was one."""
        entry = self._entries.get(key)
        now = self._clock()
        if entry is None or now >= entry.expires or now - entry.stored < older_than:
            return False
        entry.expires = now
        return True

    def put(
        self, key: bytes, name: str, code: int, values: Sequence[wire.Value], *, server: str, service: str
    ) -> Entry:
        """Keep an answer for as long as its values allow; one with a time to live of 0 is returned, not kept."""
        seconds: float = NEGATIVE_SECONDS
        if code == ResponseCode.SUCCESS:
            seconds = time_to_live(values, time.time())
        elif code not in (ResponseCode.HANDLE_NOT_FOUND, ResponseCode.VALUES_NOT_FOUND):
            seconds = 0
        now = self._clock()
        body = wire.encode_values(values) if values else b""
        entry = Entry(name, code, body, server, service, now, now + seconds, refresh=now + seconds * _PREFETCH)
        if seconds > 0:
            self._insert(key, entry)
        return entry

    def put_failure(self, key: bytes, name: str, error: GongfuError, blamed: Hop | None) -> None:
        """Remember for a moment that this could not be resolved, and at which hop, unless there is an old answer."""
        now = self._clock()
        if self.old(key) is None:
            code = error.handle_code
            self._insert(key, Entry(name, code, b"", "", "", now, now + FAILURE_SECONDS, failed=error, blamed=blamed))

    def put_alias(self, key: bytes, target: Entry) -> None:
        """Answer the usual question about ``key``, an alias, with what ``target`` has."""
        entry = self._entries.get(key)
        if entry is None or not entry.body:
            return
        self.size -= entry.size
        entry.own = entry.own or entry.body
        entry.body = target.body
        entry.expires = min(entry.expires, target.expires)
        entry.refresh = min(entry.refresh, target.refresh)
        self.size += entry.size

    def _insert(self, key: bytes, entry: Entry) -> None:
        before = self._entries.pop(key, None)
        self.size += entry.size - (before.size if before else 0)
        self._entries[key] = entry
        now = self._clock()
        while self.size > self._limit and len(self._entries) > 1:
            oldest = next(iter(self._entries))
            candidate = self._entries.pop(oldest)
            if candidate.hits and now < candidate.expires and oldest != key:
                candidate.hits = 0  # a second chance for what was used since the last time round
                self._entries[oldest] = candidate
            else:
                self.size -= candidate.size


def time_to_live(values: Sequence[wire.Value], now: float) -> float:
    """Seconds for which all of ``values`` hold, at Unix time ``now``; at most a day, 0 for none."""
    each = (value.ttl if value.ttl_type is TtlType.RELATIVE else value.ttl - now for value in values)
    return max(0.0, min(LONGEST, min(each, default=0)))


def _aged(body: bytes) -> bytes:
    values = wire.decode_values(wire.Reader(body))
    return wire.encode_values([replace(value, ttl=STALE_TTL, ttl_type=TtlType.RELATIVE) for value in values])
