"""What the node may tell an edge to do."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import structlog

from gongfu.kernel.errors import GongfuError, Invalid, NotFound, packed
from gongfu.kernel.i18n import mark
from gongfu.kernel.nats_server import write_private
from gongfu.kernel.settings import Settings
from gongfu.kernel.supervisor import status
from gongfu.network.edge import credentials
from gongfu.network.edge.contract import (
    EdgeOrder,
    Forget,
    Forward,
    ForwardOrder,
    Install,
    Logs,
    OrderAnswer,
    Restart,
)
from gongfu.network.edge.upgrade import supervisor_pid

_TAIL = 200_000
_BUS = "nats-server"
_SOON = 0.5
"""Seconds before a process is ended, so that the answer gets away first."""

_orders: msgspec.json.Decoder[EdgeOrder] = msgspec.json.Decoder(EdgeOrder)
_encoder = msgspec.json.Encoder()
_log = structlog.get_logger("edge-forward")


def chosen_order(settings: Settings) -> ForwardOrder:
    """What goes first: as ordered, else as set."""
    with contextlib.suppress(OSError, ValueError):
        return ForwardOrder(_order_file(settings).read_text(encoding="ascii"))
    return ForwardOrder(settings.edge_order)


def _order_file(settings: Settings) -> Path:
    return settings.home / "edge" / "order"


class Orders:
    """Obeys. ``forward`` is told a new order of forwarding, ``install`` carries out an upgrade."""

    def __init__(
        self,
        settings: Settings,
        edge: str,
        forward: Callable[[ForwardOrder], None],
        install: Callable[[Install], Awaitable[str]],
    ) -> None:
        self._settings = settings
        self._edge = edge
        self._forward = forward
        self._install = install

    async def obey(self, data: bytes) -> bytes:
        """The answer to an order; never raises."""
        try:
            order = _orders.decode(data)
            text = await self._do(order)
            answer = OrderAnswer(ok=True, text=text)
        except msgspec.DecodeError as error:
            answer = _failed(Invalid(mark("The order cannot be read: {reason}."), reason=error))
        except GongfuError as error:
            answer = _failed(error)
        except Exception as error:
            _log.warning("order failed", exc_info=True)
            answer = _failed(error)
        return _encoder.encode(answer)

    async def _do(self, order: EdgeOrder) -> str:
        _log.info("order", kind=type(order).__name__)
        match order:
            case Logs():
                return await asyncio.to_thread(tail, self._settings.home / "log", order.process, order.lines)
            case Restart():
                due = await asyncio.to_thread(self._due, order.process)
                asyncio.get_running_loop().call_later(_SOON, _end, [one.pid for one in due if one.pid])
                return ", ".join(one.name for one in due)
            case Forward():
                write_private(_order_file(self._settings), order.order.value)
                self._forward(order.order)
                return order.order.value
            case Install():
                return await self._install(order)
            case Forget():
                return self._forget(order.edge)

    def _due(self, name: str) -> list[status.ProcessStatus]:
        found = status.fetch(self._settings)
        due = [one for one in found if one.pid and (one.name == name if name else one.name != _BUS)]
        if not due:
            raise NotFound(mark("The edge has no process {name}."), name=name)
        return due

    def _forget(self, edge: str) -> str:
        if edge != self._edge:
            raise Invalid(mark("This is edge {edge}."), edge=self._edge)
        credentials.forget(self._settings.home)
        if (supervisor := supervisor_pid(self._settings.home)) is not None:
            asyncio.get_running_loop().call_later(_SOON, _end, [supervisor])
        return edge


def tail(folder: Path, process: str, lines: int) -> str:
    """The last lines of a process's log, at most 200 kB; raises :class:`NotFound`."""
    file = folder / f"{process}.log"
    try:
        with file.open("rb") as log:
            log.seek(0, os.SEEK_END)
            log.seek(max(0, log.tell() - _TAIL))
            data = log.read()
    except OSError as error:
        raise NotFound(mark("The edge has no log of {name}."), name=process) from error
    return "\n".join(data.decode(errors="replace").splitlines()[-lines:])


def _end(processes: list[int]) -> None:
    for pid in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)


def _failed(error: Exception) -> OrderAnswer:
    code = error.code if isinstance(error, GongfuError) else "error"
    return OrderAnswer(ok=False, problem=packed(error, 2000), code=code)
