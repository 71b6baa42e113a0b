"""What a resolution is made of: on whose behalf, by whom a prefix is served, how a look-up and the whole ended."""

from __future__ import annotations

from dataclasses import dataclass

from gongfu.identity.handle import site, wire
from gongfu.identity.recursion.cache import Entry
from gongfu.identity.recursion.endpoints import Endpoint, of_sites
from gongfu.identity.recursion.trace import Hop, Trace
from gongfu.kernel.errors import GongfuError

MAX_SERVERS = 4
"""Servers of a service that are tried for one question."""


@dataclass(frozen=True, slots=True)
class Service:
    """Who serves ``prefix``: its sites, or the roots; ``told_by`` said so.

    ``exact`` if it was named for just the prefix in question, not for one above it: then it has to know.
    """

    prefix: str
    roots: tuple[Endpoint, ...] = ()
    sites: tuple[site.Site, ...] = ()
    told_by: Endpoint | None = None
    exact: bool = True

    def endpoints(self, handle: str) -> list[Endpoint]:
        """Whom to ask about ``handle``, most likely one first."""
        if self.told_by is None:
            return list(self.roots[:MAX_SERVERS])
        return of_sites(self.sites, handle, self.told_by)[:MAX_SERVERS]


@dataclass(frozen=True, slots=True)
class Why:
    """On whose behalf, how long, and within which look-ups of servers a question is asked."""

    deadline: float
    recursion: int = 0
    credential: bytes = b""
    chain: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Fetched:
    """How a look-up of one identifier ended; the hops are those that were needed for it."""

    entry: Entry | None
    error: GongfuError | None
    hops: tuple[Hop, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a resolution ended: code, octets (number of values, values), the path, and the error if there is one."""

    handle: str
    code: int
    body: bytes
    trace: Trace
    stale: bool = False
    error: GongfuError | None = None

    @property
    def values(self) -> tuple[wire.Value, ...]:
        """The values found."""
        return wire.decode_values(wire.Reader(self.body)) if self.body else ()
