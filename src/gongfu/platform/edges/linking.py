"""Between the records and the bus: rules out, reports in. Runs in the worker."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

import msgspec
import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import NoKeysError

from gongfu.kernel import bus
from gongfu.kernel.errors import GongfuError
from gongfu.kernel.tasks.periodic import records
from gongfu.network.edge import admitting, contract
from gongfu.network.edge.contract import EdgeRules, EdgeState
from gongfu.platform.edges import joining, reporting, ruling
from gongfu.platform.edges.models import Edge
from gongfu.platform.edges.rules import SILENT_AFTER

_LOOK_SECONDS = 2.0
_PERIOD = 1.0

log = structlog.get_logger("worker")
T = TypeVar("T")
_states = msgspec.json.Decoder(EdgeState)
_encode = msgspec.json.Encoder().encode


async def run(client: Client, stopping: asyncio.Event, reconnected: asyncio.Event) -> None:
    """Keep rules and reports in step until ``stopping``; errors of the bus are waited out.

    ``reconnected`` is this task's own, set by whoever holds the connection.
    """
    js = client.jetstream(timeout=5)
    desk = _Desk(js)
    await _admit()
    await asyncio.gather(
        _forever(stopping, desk.tell),
        _forever(stopping, partial(desk.hear, stopping, reconnected)),
        _forever(stopping, desk.watch_silence),
    )


async def _admit() -> None:
    """Once, when the worker starts: a home that was restored may let others in than the records say."""
    try:
        await records(joining.write)
    except (GongfuError, OSError) as error:
        log.warning("edge nodes not admitted", reason=str(error))


async def _forever(stopping: asyncio.Event, work: Callable[[], Awaitable[None]]) -> None:
    while not stopping.is_set():
        try:
            await work()
        except (NatsError, OSError, TimeoutError) as error:
            log.warning("bus did not answer", error=repr(error))
        except Exception:  # one round that fails must not end them all
            log.exception("edge nodes were not seen to")
        try:
            await asyncio.wait_for(stopping.wait(), _LOOK_SECONDS)
        except TimeoutError:
            continue


def wanted() -> tuple[dict[str, EdgeRules], set[str], set[str]]:
    """The rules of every edge node that has any, or had, by its code; the codes of those let in, and of all."""
    found: dict[str, EdgeRules] = {}
    admitted: set[str] = set()
    for edge in Edge.objects.filter(admitted=True).select_related("organisation"):
        admitted.add(edge.code)
        rules = ruling.renew(edge)
        if rules is not None:
            found[edge.code] = rules
    return found, admitted, set(Edge.objects.values_list("code", flat=True))


class _Desk:
    """What was told and heard on one connection."""

    def __init__(self, js: JetStreamContext) -> None:
        self._js = js
        self._told: dict[str, str] = {}
        """Code → signature of the rules that lie on the bus."""
        self._known: set[str] | None = None
        self._admitted: set[str] = set()
        self._hearing_since: float | None = None

    async def tell(self) -> None:
        """Put the rules that changed on the bus; take away what belongs to nobody."""
        rules, admitted, codes = await records(wanted)
        store = await self._js.key_value(bus.DESIRED)
        for code, one in rules.items():
            if self._told.get(code) != one.signature:
                await store.put(contract.rules_key(code), _encode(one))
                self._told[code] = one.signature
        for code in [code for code in self._told if code not in rules]:
            await store.purge(contract.rules_key(code))
            del self._told[code]
        if codes != self._known:
            await self._clean(codes)
            self._known = codes
        for code in admitted - self._admitted:
            await admitting.admit(self._js, code)
        for code in self._admitted - admitted:
            await admitting.dismiss(self._js, code)
        self._admitted = admitted

    async def _clean(self, codes: set[str]) -> None:
        store = await self._js.key_value(bus.EDGES)
        try:
            keys = await store.keys()
        except NoKeysError:
            return
        for key in keys:
            if key.rpartition(".")[0] not in codes:
                await store.purge(key)

    async def hear(self, stopping: asyncio.Event, reconnected: asyncio.Event) -> None:
        """Write down what edge nodes say, from now on: what lay there before may be long past."""
        reconnected.clear()
        loop = asyncio.get_running_loop()
        store = await self._js.key_value(bus.EDGES)
        watcher = await store.watchall()
        self._hearing_since = loop.time()
        news = False
        try:
            while not stopping.is_set() and not reconnected.is_set():
                heard: dict[str, EdgeState] = {}
                until = loop.time() + _PERIOD
                while (left := until - loop.time()) > 0:
                    try:
                        entry = await watcher.updates(timeout=left)  # type: ignore[no-untyped-call]
                    except TimeoutError:
                        break
                    if entry is None:
                        news = True
                    elif entry.value and news and (state := _read(entry.key, entry.value)) is not None:
                        heard[state.edge] = state
                if heard:
                    await records(partial(reporting.write, heard))
        finally:
            self._hearing_since = None
            await watcher.stop()  # type: ignore[no-untyped-call]

    async def watch_silence(self) -> None:
        """Whoever was not heard while we did listen is away."""
        since = self._hearing_since
        if since is not None and asyncio.get_running_loop().time() - since > SILENT_AFTER.total_seconds():
            await records(reporting.find_silent)


def _read(key: str, data: bytes) -> EdgeState | None:
    try:
        state = _states.decode(data)
    except msgspec.DecodeError:
        log.warning("unreadable state of an edge node", key=key)
        return None
    return state if key == contract.state_key(state.edge) else None
