"""The resolver as a process: one worker in it, or several beside each other on the same port."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import gc
import multiprocessing
import resource
import shutil
import socket
import sys
import tempfile
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from multiprocessing.process import BaseProcess
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import structlog
from prometheus_client import REGISTRY

from gongfu.identity.handle import keys, site
from gongfu.identity.handle.errors import Malformed
from gongfu.identity.recursion import process as recursion
from gongfu.identity.registry.store import IdentifierStore, open_store
from gongfu.identity.resolver import elsewhere, usage
from gongfu.identity.resolver.administration import Administration
from gongfu.identity.resolver.answers import Answerer
from gongfu.identity.resolver.colleagues import ALONE, Colleagues
from gongfu.identity.resolver.counters import Collected, Counters, Memory, Transport, shared, tables
from gongfu.identity.resolver.desk import assemble
from gongfu.identity.resolver.http import tls
from gongfu.identity.resolver.http.service import HttpService
from gongfu.identity.resolver.server import Restraint, TcpServer, bind, serve_udp
from gongfu.identity.resolver.streams import MAX_CONNECTIONS
from gongfu.kernel import ops, process
from gongfu.kernel.errors import Unavailable
from gongfu.kernel.settings import Settings

log = structlog.get_logger("resolver")

_Sockets = tuple[socket.socket, socket.socket, socket.socket]
_LOOK_SECONDS = 2.0
_START_AGAIN_SECONDS = 0.5
_TURN_SECONDS = 0.0005
"""How long another thread may keep the interpreter from the one that answers UDP; Python's 5 ms are 400 questions."""


def main(settings: Settings) -> None:
    """Answer the Handle protocol until SIGTERM; raises :class:`Conflict` at once when a port is taken."""
    health_socket = ops.listen(settings.host, settings.resolver_port, "resolver_port")
    _tls(settings)  # made, or found wrong, before anything starts
    sockets = _bind(settings, together=False)
    recursive = _bind_recursive(settings) if "recursive" in settings.roles else None
    if "top" in settings.roles and settings.top_prefix not in open_store(settings.home).prefixes():
        open_store(settings.home).home(settings.top_prefix)
    memory = shared(settings.resolver_workers)
    if settings.resolver_workers > 1:  # it was free; now the workers bind it, together
        for sock in sockets:
            sock.close()

    async def body(stopping: asyncio.Event) -> None:
        collector = Collected(memory)
        REGISTRY.register(collector)
        try:
            health = ops.Health("resolver", "store", "listening")
            async with ops.serve(ops.app(health), health_socket), contextlib.AsyncExitStack() as stack:
                if settings.resolver_workers > 1:
                    await stack.enter_async_context(_workers(settings, memory, health))
                else:
                    await stack.enter_async_context(_worker(settings, sockets, Counters(memory)))
                    health.set("listening", True)
                if recursive is not None:
                    await stack.enter_async_context(recursion.serving(settings, *recursive))
                await _watch(open_store(settings.home), _Counted(settings, memory), health, stopping)
        finally:
            REGISTRY.unregister(collector)

    process.run(settings, "resolver", body)


def work(settings: Settings, memory: Memory, number: int, folder: Path) -> None:
    """One of several workers; ends on SIGTERM and when the process that started it is gone."""

    async def body(stopping: asyncio.Event) -> None:
        parent = multiprocessing.parent_process()
        if parent is not None:
            asyncio.get_running_loop().add_reader(int(parent.sentinel), stopping.set)
        counters = Counters(memory, number)
        colleagues = Colleagues(folder, number, settings.resolver_workers)
        async with _worker(settings, _bind(settings, together=True), counters, colleagues):
            counters.serving = True
            await stopping.wait()

    process.run(settings, f"resolver-{number}", body)


def _bind(settings: Settings, *, together: bool) -> _Sockets:
    """UDP, TCP and HTTP."""
    with contextlib.ExitStack() as stack:
        udp = stack.enter_context(bind(settings.host, settings.handle_port, socket.SOCK_DGRAM, shared=together))
        tcp = stack.enter_context(bind(settings.host, settings.handle_port, socket.SOCK_STREAM, shared=together))
        web = bind(
            settings.host,
            settings.handle_http_port,
            socket.SOCK_STREAM,
            shared=together,
            setting="GONGFU_HANDLE_HTTP_PORT",
        )
        stack.pop_all()
    return udp, tcp, web


def _tls(settings: Settings) -> tls.Tls | None:
    names = list(
        dict.fromkeys((settings.host, "localhost", "127.0.0.1", urlsplit(settings.url).hostname or "localhost"))
    )
    return tls.prepare(settings.home, settings.tls_certificate, settings.tls_key, names)


def _bind_recursive(settings: Settings) -> tuple[socket.socket, socket.socket]:
    setting = "GONGFU_RECURSIVE_PORT"
    udp = bind(settings.host, settings.recursive_port, socket.SOCK_DGRAM, setting=setting)
    try:
        return udp, bind(settings.host, settings.recursive_port, socket.SOCK_STREAM, setting=setting)
    except BaseException:
        udp.close()
        raise


def _site(settings: Settings, key: keys.PrivateKey) -> bytes:
    """How this node describes itself to who asks for its HS_SITE; empty when it has no address to name."""
    for host in (settings.host, urlsplit(settings.url).hostname or ""):
        try:
            found = site.single(host, settings.handle_port)
        except Malformed:  # a name, not an address
            continue
        if not found.servers[0].address.is_unspecified:
            server = replace(found.servers[0], public_key=key.public.encode())
            return site.encode(replace(found, servers=(server,)))
    return b""


@contextlib.asynccontextmanager
async def _worker(
    settings: Settings, sockets: _Sockets, counters: Counters, colleagues: Colleagues = ALONE
) -> AsyncIterator[None]:
    udp, tcp, web = sockets
    sys.setswitchinterval(_TURN_SECONDS)
    store = open_store(settings.home)
    threading.Thread(target=store.warm, name="resolver-warm", daemon=True).start()
    _allow_connections()
    node_prefix = settings.top_prefix if "top" in settings.roles else settings.identifier_prefix
    administration = Administration(
        store,
        node_prefix=node_prefix,
        registrations=lambda prefix: store.limits(prefix).registrations,
        resolutions=counters.prefix,
        elsewhere=elsewhere.configured(settings),
    )
    key = keys.node_key(settings.home)
    desk = assemble(store, administration, key=key, site=lambda: _site(settings, key), colleagues=colleagues)
    server = TcpServer(Answerer(store, counters, Transport.TCP, desk, colleagues))
    http = HttpService(settings.home, store, administration, counters, node_prefix=node_prefix, tls=_tls(settings))
    with contextlib.closing(udp):
        restraint = Restraint(settings.resolver_rate_limit, settings.resolver_amplification)
        async with server.serving(tcp), http.serving(web):
            with serve_udp(
                udp,
                Answerer(store, counters, Transport.UDP, desk, colleagues),
                restraint,
                memory=settings.resolver_memory,
            ):
                gc.collect()
                gc.freeze()  # what was loaded stays; looking through it again takes 50 ms from those who ask
                log.info("resolving", host=settings.host, port=settings.handle_port)
                yield


def _allow_connections() -> None:
    """As many open files as the system lets this process have: each connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * MAX_CONNECTIONS if hard == resource.RLIM_INFINITY else min(hard, 2 * MAX_CONNECTIONS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


@contextlib.asynccontextmanager
async def _workers(settings: Settings, memory: Memory, health: ops.Health) -> AsyncIterator[None]:
    """The workers as processes; one that dies is started again."""
    context = multiprocessing.get_context("spawn")  # LMDB does not survive a fork
    folder = Path(tempfile.mkdtemp(prefix="gongfu-resolver-"))  # a Unix socket's path must be short; for this user only
    running: dict[int, BaseProcess] = {}

    async def keep() -> None:
        while True:
            for number in range(settings.resolver_workers):
                worker = running.get(number)
                if worker is not None and worker.exitcode is not None:
                    log.error("a worker died and is started again", worker=number, exit_code=worker.exitcode)
                if worker is None or worker.exitcode is not None:
                    Counters(memory, number).serving = False
                    running[number] = context.Process(target=work, args=(settings, memory, number, folder), daemon=True)
                    running[number].start()
            serving = sum(Counters(memory, number).serving for number in running)
            health.set("listening", serving == settings.resolver_workers, f"{serving} of {settings.resolver_workers}")
            await asyncio.sleep(_START_AGAIN_SECONDS)

    task = asyncio.create_task(keep())
    try:
        yield
    finally:
        task.cancel()
        for worker in running.values():
            worker.terminate()
        for worker in running.values():
            await asyncio.to_thread(worker.join)
        shutil.rmtree(folder, ignore_errors=True)


class _Counted:
    """Resolutions by prefix: added up, kept in a file, held against the quotas in the store."""

    def __init__(self, settings: Settings, memory: Memory) -> None:
        self._zone = ZoneInfo(settings.timezone)
        self._store = open_store(settings.home)
        self._book = usage.Book(memory, tables(memory), usage.read(self._store.path))

    def look(self) -> None:
        """One round; raises :class:`Unavailable`."""
        counted = self._book.add_up(dt.datetime.now(self._zone))
        self._book.mark(usage.spent(counted, self._store.daily_limits()))
        try:
            usage.write(self._store.path, counted)
        except OSError as error:
            log.warning("resolutions cannot be written down", reason=error.strerror)


async def _watch(store: IdentifierStore, counted: _Counted, health: ops.Health, stopping: asyncio.Event) -> None:
    """Say whether the store can be read, and count, until ``stopping``."""
    while not stopping.is_set():
        try:
            homed = store.prefixes()
            await asyncio.to_thread(counted.look)
            health.set("store", True, f"{len(homed)} prefixes")
        except Unavailable as error:
            health.set("store", False, str(error))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), _LOOK_SECONDS)
    with contextlib.suppress(Unavailable):
        counted.look()  # what came since is not forgotten
