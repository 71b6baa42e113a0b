"""The recursive role of a node, within its resolver process."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterable

import structlog
from prometheus_client import REGISTRY
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gongfu.identity.recursion.answers import RecursiveAnswerer
from gongfu.identity.recursion.cache import Cache
from gongfu.identity.recursion.paths import roots_of
from gongfu.identity.recursion.recursor import Recursor
from gongfu.identity.recursion.serving import Datagrams, Streams
from gongfu.kernel.settings import Settings

log = structlog.get_logger("recursion")


@contextlib.asynccontextmanager
async def serving(settings: Settings, udp: socket.socket, tcp: socket.socket) -> AsyncIterator[None]:
    """Be recursive on these sockets while the block runs; closes them."""
    made = Recursor(roots_of(settings), Cache(settings.recursive_cache_bytes), top=settings.top_prefix)
    loop, refreshing = asyncio.get_running_loop(), set[asyncio.Task[None]]()

    def refresh(key: bytes) -> None:
        task = loop.create_task(made.prefetch(key))
        refreshing.add(task)
        task.add_done_callback(refreshing.discard)

    made.cache.wanted = lambda key: loop.call_soon_threadsafe(refresh, key)
    host, port = udp.getsockname()[:2]
    answerer = RecursiveAnswerer(made, f"{host}:{port}")
    datagrams = Datagrams(answerer, udp)
    collector = _Collected(answerer, datagrams)
    REGISTRY.register(collector)
    try:
        with contextlib.closing(udp):
            async with Streams(answerer).serving(tcp):
                with datagrams.serving():
                    log.info("recursive", host=host, port=port, roots=[str(root) for root in made.roots])
                    yield
    finally:
        REGISTRY.unregister(collector)


class _Collected(Collector):
    """What the role has done so far, for ``/metrics``."""

    def __init__(self, answerer: RecursiveAnswerer, datagrams: Datagrams) -> None:
        self._answerer = answerer
        self._datagrams = datagrams

    def collect(self) -> Iterable[Metric]:
        """The figures now."""
        recursor = self._answerer.recursor
        cache = recursor.cache
        answers = CounterMetricFamily("gongfu_recursion_answers", "Recursive answers by result.", labels=("result",))
        answers.add_metric(("hit",), cache.hits)
        answers.add_metric(("stale",), cache.stale)
        answers.add_metric(("dropped",), self._datagrams.dropped)
        for code, number in self._answerer.answered.items():
            if number:
                answers.add_metric((code.name.lower(),), number)
        yield answers
        yield GaugeMetricFamily("gongfu_recursion_cache_entries", "Answers in the cache.", len(cache))
        yield GaugeMetricFamily("gongfu_recursion_cache_bytes", "Memory of the cache, roughly.", cache.size)
        yield GaugeMetricFamily("gongfu_recursion_under_way", "Identifiers being looked up.", recursor.under_way)
