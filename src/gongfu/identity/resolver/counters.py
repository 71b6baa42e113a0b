"""How requests ended and which workers listen, in memory that all resolver processes share.

Prometheus' own counters take a lock and live in one process; here one worker adds to its own row and the process that
serves ``/metrics`` sums the rows when asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from ctypes import Array, c_uint64
from enum import IntEnum
from functools import cached_property
from multiprocessing.sharedctypes import RawArray
from typing import TypeAlias

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from gongfu.identity.handle.codes import ResponseCode
from gongfu.identity.resolver import usage

_CODES = sorted(ResponseCode)
_COLUMN = {code: column for column, code in enumerate(_CODES)}
_DROPPED = len(_CODES)
_SERVING = len(_CODES) + 1
_LIMITED = len(_CODES) + 2
_CUT = len(_CODES) + 3
_WIDTH = len(_CODES) + 4

Memory: TypeAlias = Array[c_uint64]
"""One number for each worker, transport and result."""


class Transport(IntEnum):
    """How a request came."""

    UDP = 0
    TCP = 1
    HTTP = 2


_EACH = len(Transport) * _WIDTH + usage.TABLE
"""Words of one worker."""


class Counters:
    """Rows of one process; ``memory`` comes from :func:`shared`."""

    def __init__(self, memory: Memory, worker: int = 0) -> None:
        self._memory = memory
        self._base = [(worker * len(Transport) + transport) * _WIDTH for transport in Transport]
        self._worker = worker

    def answered(self, transport: Transport, code: ResponseCode, number: int = 1) -> None:
        """So many requests were answered with ``code``."""
        self._memory[self._base[transport] + _COLUMN[code]] += number

    def dropped(self, transport: Transport) -> None:
        """One packet or message was not worth an answer."""
        self._memory[self._base[transport] + _DROPPED] += 1

    def limited(self, transport: Transport) -> None:
        """One request got no answer because its network had too many, or there was no room to perform it."""
        self._memory[self._base[transport] + _LIMITED] += 1

    def cut(self, transport: Transport) -> None:
        """Of one answer only the beginning was sent, so that a real client asks again over TCP."""
        self._memory[self._base[transport] + _CUT] += 1

    @cached_property
    def prefix(self) -> Callable[[bytes], int]:
        """Counts a resolution under a prefix's key; 1 when its day is spent: answer 603 instead."""
        return usage.PrefixTable(self._memory, tables(self._memory)[self._worker]).count

    @property
    def serving(self) -> bool:
        """Whether this worker listens."""
        return bool(self._memory[self._base[0] + _SERVING])

    @serving.setter
    def serving(self, yes: bool) -> None:
        self._memory[self._base[0] + _SERVING] = yes


def shared(workers: int) -> Memory:
    """Zeroed memory for that many workers, to be handed to them when they are started."""
    return RawArray(c_uint64, workers * _EACH)


def tables(memory: Memory) -> list[int]:
    """Where each worker's table of prefixes begins: behind the counters of all workers."""
    workers = len(memory) // _EACH
    return [workers * len(Transport) * _WIDTH + worker * usage.TABLE for worker in range(workers)]


class Collected(Collector):
    """``gongfu_resolver_requests_total{transport, result}`` over all workers; results are response codes."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def collect(self) -> Iterable[Metric]:
        """The sums now."""
        family = CounterMetricFamily(
            "gongfu_resolver_requests", "Resolution requests by transport and result.", labels=("transport", "result")
        )
        names = {column: code.name.lower() for code, column in _COLUMN.items()}
        names |= {_DROPPED: "dropped", _LIMITED: "limited", _CUT: "cut"}
        for transport in Transport:
            for column, name in names.items():
                end = tables(self._memory)[0]
                total = sum(self._memory[transport * _WIDTH + column : end : len(Transport) * _WIDTH])
                if total or name in ("success", "handle_not_found", "dropped"):
                    family.add_metric((transport.name.lower(), name), total)
        yield family
