"""Finds any identifier, beginning at the roots.

For 88.118.1/A the roots are asked who serves 88.118 (``0.NA/88.118``), those who serves 88.118.1, and those for the
identifier; a prefix that has no servers of its own is served by the one above. Referrals (302, 303) and aliases
(HS_ALIAS) are followed. Whatever is learnt goes into the cache; questions for the same thing are asked once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace

import msgspec
import structlog

from gongfu.identity.handle import names, site, wire
from gongfu.identity.handle.codes import ResponseCode
from gongfu.identity.handle.errors import Malformed
from gongfu.identity.recursion import asking
from gongfu.identity.recursion.asking import Query, Reply
from gongfu.identity.recursion.cache import STALE_TTL, Cache, Entry
from gongfu.identity.recursion.endpoints import Endpoint
from gongfu.identity.recursion.errors import Lame, Loop, Unreachable
from gongfu.identity.recursion.failures import again, endless, failure, of_code
from gongfu.identity.recursion.outcomes import Fetched, Outcome, Service, Why
from gongfu.identity.recursion.trace import Hop, Problem, Purpose, Trace
from gongfu.kernel.errors import GongfuError, Unavailable
from gongfu.kernel.i18n import mark

log = structlog.get_logger("recursion")

MAX_ALIASES = 8
MAX_REFERRALS = 8
MAX_LEVELS = 8
"""Labels of a prefix below the top; the national system has two."""
RECURSION_LIMIT = 10
"""Recursive nodes a question may pass through; beyond it is answered with code 6."""
HOP_SECONDS = 2.5
RESOLUTION_SECONDS = 8.0
PATIENCE = 1.8
"""Seconds after which an old answer is given while the new one is still being looked for (RFC 8767 §5)."""
MAX_UNDER_WAY = 2_000
"""Questions under way at once; a further one is told that the server is busy."""


class Recursor:
    """Resolves from ``roots`` through ``cache``. Use it in one event loop only."""

    def __init__(
        self,
        roots: Sequence[Endpoint],
        cache: Cache,
        *,
        top: str = "88",
        ask: asking.Ask = asking.ask,
        hop_seconds: float = HOP_SECONDS,
        seconds: float = RESOLUTION_SECONDS,
    ) -> None:
        self.cache = cache
        self.roots = tuple(roots)
        self._top = top
        self._ask = ask
        self._hop_seconds = hop_seconds
        self._seconds = seconds
        self._running: dict[bytes, asyncio.Task[Fetched]] = {}
        self._tasks: set[asyncio.Task[Fetched]] = set()

    @property
    def under_way(self) -> int:
        """Identifiers being looked up."""
        return len(self._running)

    async def resolve(
        self, handle: str, *, recursion: int = 0, credential: bytes = b"", follow: bool = True
    ) -> Outcome:
        """All public values of ``handle``, of what it is an alias of if ``follow``. Never raises a GongfuError."""
        start = time.monotonic()
        hops: list[Hop] = []
        stale = False
        try:
            if recursion >= RECURSION_LIMIT:
                raise Loop(mark("The question passed through {count} recursive nodes."), count=recursion)
            if self.under_way >= MAX_UNDER_WAY:
                raise Unavailable(mark("Too many questions are under way."), remedy=mark("Try again later."))
            why = Why(start + self._seconds, recursion, credential)
            entry, stale = await self._followed(handle, why, hops, follow)
        except GongfuError as error:
            return self._ended(handle, error.handle_code, b"", hops, start, error=error)
        body = entry.own if entry.own and not follow else entry.body
        missing = None if body else of_code(entry.code, handle, entry.server)
        return self._ended(handle, entry.code, body, hops, start, stale=stale, error=missing)

    async def prefetch(self, key: bytes) -> None:
        """Fetch a popular answer anew before it expires."""
        entry = self.cache.old(key)
        if entry is not None and key not in self._running and self.under_way < MAX_UNDER_WAY // 2:
            purpose = Purpose.PREFIX if site.is_prefix_handle(key) else Purpose.IDENTIFIER
            await self._task(key, entry.name, Why(time.monotonic() + self._seconds), purpose)

    async def _followed(self, handle: str, why: Why, hops: list[Hop], follow: bool) -> tuple[Entry, bool]:
        """The entry that answers ``handle``, its aliases followed, and whether anything on the way was stale."""
        name, keys, stale = handle, [names.key(handle.encode())], False
        first = entry = await self._get(name, why, hops, Purpose.IDENTIFIER)
        while True:
            stale |= self.cache.is_stale(entry) and entry.recheck > 0
            target = _alias(entry, name) if follow and entry.code == ResponseCode.SUCCESS else None
            if target is None:
                break
            key = names.key(target.encode())
            if key in keys or len(keys) > MAX_ALIASES:
                raise Loop(
                    mark("{handle} is an alias of {target}, which leads back or on for ever."),
                    remedy=mark("Its owner has to correct the alias."),
                    handle=name,
                    target=target,
                )
            keys.append(key)
            name = target
            entry = await self._get(name, why, hops, Purpose.ALIAS)
        if entry is not first and entry.body:
            self.cache.put_alias(keys[0], entry)
        return entry, stale

    def _ended(
        self,
        handle: str,
        code: int,
        body: bytes,
        hops: Sequence[Hop],
        start: float,
        *,
        stale: bool = False,
        error: GongfuError | None = None,
    ) -> Outcome:
        took = round((time.monotonic() - start) * 1000, 3)
        path = Trace(handle, code, took, tuple(hops), stale, message=str(error) if error else "")
        return Outcome(handle, code, body, path, stale, error)

    # --- one identifier ---

    async def _get(self, name: str, why: Why, hops: list[Hop], purpose: Purpose, *, quiet: bool = False) -> Entry:
        """What is known of ``name``, from the cache or from whoever serves it; raises when nobody can tell."""
        key = names.key(name.encode())
        entry = self.cache.fresh(key)
        if entry is None:
            old = self.cache.old(key)
            task = self._task(key, name, why, purpose)
            fetched = await _patiently(task, PATIENCE if old else max(0.05, why.deadline - time.monotonic()))
            if fetched is None and old is None:
                raise Unreachable(
                    mark("{handle} could not be resolved within {seconds} seconds."),
                    remedy=mark("Try again; the path shows who was slow."),
                    handle=name,
                    seconds=self._seconds,
                )
            if fetched is not None:
                hops += fetched.hops
                if fetched.entry is not None:
                    return fetched.entry
            if old is None:
                assert fetched is not None
                assert fetched.error is not None
                raise fetched.error
            self.cache.keep_old(old)
            log.info("an old answer is used", handle=name, age=round(time.monotonic() - old.stored))
            entry = old
        stale = self.cache.is_stale(entry)
        if entry.failed is not None:
            if entry.blamed is not None:
                hops.append(msgspec.structs.replace(entry.blamed, cached=True, took_ms=0.0))
            raise again(entry.failed)
        if not quiet:
            hops.append(Hop(name, purpose, entry.server, entry.service, code=entry.code, cached=not stale, stale=stale))
        return replace(entry, body=entry.aged, own=b"", recheck=entry.recheck) if stale and not entry.own else entry

    def _task(self, key: bytes, name: str, why: Why, purpose: Purpose) -> asyncio.Task[Fetched]:
        """The look-up under way for ``key``, or a new one.

        Within the look-up of a service handle none is joined: two that wait for each other would wait for ever.
        """
        running = self._running.get(key)
        if running is not None and not why.chain:
            return running
        task = asyncio.create_task(self._fetch(key, name, why, purpose))
        self._tasks.add(task)  # the loop itself would forget one that nobody waits for any more
        task.add_done_callback(self._tasks.discard)
        if running is None:
            self._running[key] = task
            task.add_done_callback(lambda _: self._running.pop(key, None))
        return task

    async def _fetch(self, key: bytes, name: str, why: Why, purpose: Purpose) -> Fetched:
        """Ask for ``key``; once more with newly asked servers if those that the cache named do not answer."""
        hops: list[Hop] = []
        try:
            if key in why.chain:
                raise endless(name)
            why = replace(why, chain=(*why.chain, key)) if why.chain else why
            service = await self._service_of(name, why, hops)
            try:
                entry = await self._ask_service(service, name, why, hops, purpose)
            except (Unreachable, Lame):
                if not self.cache.distrust(names.key(site.prefix_handle(service.prefix).encode()), STALE_TTL):
                    raise
                service = await self._service_of(name, why, hops)
                entry = await self._ask_service(service, name, why, hops, purpose)
        except GongfuError as error:
            if isinstance(error, (Unreachable, Lame, Loop)):
                self.cache.put_failure(key, name, error, hops[-1] if hops else None)
            return Fetched(None, error, tuple(hops))
        return Fetched(entry, None, tuple(hops))

    # --- who serves it ---

    async def _service_of(self, name: str, why: Why, hops: list[Hop]) -> Service:
        prefix, _, suffix = name.partition("/")
        above = prefix.upper() == site.PREFIX_ROOT  # a prefix handle stands with the prefix above its own
        return await self._service(self._levels(suffix)[:-1] if above else self._levels(prefix), why, hops)

    def _levels(self, prefix: str) -> list[str]:
        """The prefixes that may have servers of their own, highest first; the roots serve what is above them."""
        lineage = site.lineage(prefix)
        if len(lineage) - 1 > MAX_LEVELS:
            raise Loop(mark("The prefix {prefix} has too many levels."), prefix=prefix[:100])
        above = set(site.lineage(self._top)) | ({lineage[0]} if len(lineage) > 1 else set())
        return [level for level in lineage if level not in above]

    async def _service(self, levels: Sequence[str], why: Why, hops: list[Hop]) -> Service:
        """The servers of the lowest of ``levels`` that has any; the roots if none has."""
        quiet = False
        for number in range(len(levels), 0, -1):
            entry = await self._get(site.prefix_handle(levels[number - 1]), why, hops, Purpose.PREFIX, quiet=quiet)
            quiet = True  # asking for this one has shown those above it already
            if entry.code == ResponseCode.SUCCESS:
                teller = _teller(entry, self.roots[0])
                found = await self._sites(entry.values, entry.name, why, hops, teller)
                if found:
                    return Service(levels[number - 1], (), found, teller, exact=number == len(levels))
        return Service("", self.roots)

    async def _sites(
        self, values: Sequence[wire.Value], name: str, why: Why, hops: list[Hop], teller: Endpoint
    ) -> tuple[site.Site, ...]:
        """The sites among ``values``, or those of the service handle that they name (HS_SERV)."""
        try:
            found = site.sites(values)
            service = None if found else site.service_handle(values)
            if service is None:
                return found
            chain = why.chain or (names.key(name.encode()),)
            entry = await self._get(service, replace(why, chain=chain), hops, Purpose.SERVICE)
            return site.sites(entry.values)
        except Malformed as error:
            raise _blamed(Problem.UNREADABLE, hops, name, teller, name) from error

    # --- asking ---

    async def _ask_service(self, service: Service, name: str, why: Why, hops: list[Hop], purpose: Purpose) -> Entry:
        """Ask ``service``, and whoever it refers to; what comes back is in the cache."""
        visited: set[Endpoint] = set()
        for _ in range(MAX_REFERRALS):
            reply, endpoint = await self._ask_any(service, name, why, hops, purpose)
            if reply.referral is None:
                code = reply.code
                if code == ResponseCode.NOT_RESPONSIBLE:
                    if service.told_by is not None and service.exact:
                        raise _blamed(Problem.NOT_RESPONSIBLE, hops, name, endpoint, service.prefix)
                    code = ResponseCode.HANDLE_NOT_FOUND  # whoever serves the prefixes above does not know it
                return self.cache.put(
                    names.key(name.encode()), name, code, reply.values, server=str(endpoint), service=service.prefix
                )
            visited.add(endpoint)
            referral = reply.referral
            found = await self._sites(referral.values, name, why, hops, endpoint)
            if not found and "/" in referral.handle:
                serving = wire.Value(1, site.HS_SERV, referral.handle.encode())
                found = await self._sites((serving,), name, why, hops, endpoint)
            service = Service(_referred(referral.handle) or service.prefix, (), found, endpoint)
            if found and all(item in visited for item in service.endpoints(name)):
                raise _blamed(Problem.LOOP, hops, name, endpoint, service.prefix)
        raise _blamed(Problem.LOOP, hops, name, endpoint, service.prefix)

    async def _ask_any(
        self, service: Service, name: str, why: Why, hops: list[Hop], purpose: Purpose
    ) -> tuple[Reply, Endpoint]:
        """The first usable reply of the servers in turn; raises :class:`Unreachable` or :class:`Lame`."""
        query = Query(name, why.recursion + 1, why.credential)
        worst, last = Problem.NO_ADDRESS, service.told_by or self.roots[0]
        for endpoint in service.endpoints(name):
            left = why.deadline - time.monotonic()
            if left <= 0:
                break
            reply = await self._ask(query, endpoint, min(self._hop_seconds, left))
            hops.append(
                Hop(
                    name,
                    purpose,
                    str(endpoint),
                    service.prefix,
                    reply.transport,
                    reply.code,
                    round(reply.took * 1000, 3),
                    problem=reply.problem,
                )
            )
            if reply.problem is Problem.NONE:
                return reply, endpoint
            worst, last = reply.problem, endpoint
        raise failure(worst, hops, name, last, service.prefix)


def _blamed(problem: Problem, hops: list[Hop], asked: str, server: Endpoint, prefix: str) -> GongfuError:
    """The error of the last hop, which it is noted on."""
    if hops:
        hops[-1] = msgspec.structs.replace(hops[-1], problem=problem)
    return failure(problem, hops, asked, server, prefix)


def _teller(entry: Entry, default: Endpoint) -> Endpoint:
    """Who told where a prefix is served: only whether that was this machine matters."""
    host, _, port = entry.server.rpartition(":")
    return Endpoint(host.strip("[]"), int(port), None) if port.isdigit() else default


def _alias(entry: Entry, name: str) -> str | None:
    try:
        return site.alias(entry.values)
    except Malformed as error:
        raise Lame(
            mark("{handle} is an alias of something that is no identifier."),
            remedy=mark("Its owner has to correct the alias."),
            handle=name,
        ) from error


def _referred(handle: str) -> str:
    return handle.partition("/")[2] if handle.upper().startswith(f"{site.PREFIX_ROOT}/") else ""


async def _patiently(task: asyncio.Task[Fetched], seconds: float) -> Fetched | None:
    """What the task returns within ``seconds``; it goes on when it takes longer."""
    done, _ = await asyncio.wait((task,), timeout=seconds)
    return task.result() if done else None
