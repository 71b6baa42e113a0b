"""The bus: every stream with its consumers, through JetStream's own snapshot and restore calls.

A snapshot comes as messages on an inbox; each names a subject on which its arrival is confirmed, an empty one is the
end. What comes is opaque to us (a compressed archive of the server's). To restore, the pieces are sent to the subject
that the server names, and an empty one ends it.
Source: https://docs.nats.io/reference/reference-protocols/nats_api_reference, subjects ``$JS.API.STREAM.SNAPSHOT.*``
and ``$JS.API.STREAM.RESTORE.*``; tried on nats-server 2.15.
"""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Callable, Iterable, Iterator
from typing import Final

import msgspec
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error

from gongfu.data.backup.collecting import Collector
from gongfu.data.backup.wire import LARGEST, StreamCopy
from gongfu.kernel import bus
from gongfu.kernel.errors import Unavailable
from gongfu.kernel.i18n import mark
from gongfu.kernel.settings import Settings

_PIECE: Final = 256 * 1024
_PATIENCE: Final = 30.0
_OWN: Final = frozenset({bus.READINGS, bus.EVENTS, *(f"KV_{name}" for name in (bus.DESIRED, bus.ACTUAL, bus.MEMORY))})
_FLOW: Final = (bus.READINGS, bus.EVENTS)


class _Problem(msgspec.Struct, frozen=True):
    description: str = ""


class _Names(msgspec.Struct, frozen=True):
    total: int = 0
    streams: list[str] | None = None
    error: _Problem | None = None


class _State(msgspec.Struct, frozen=True):
    messages: int = 0
    bytes: int = 0
    first_seq: int = 0
    last_seq: int = 0


class _Storage(msgspec.Struct, frozen=True):
    storage: str = "file"


class _Begun(msgspec.Struct, frozen=True):
    """The answer to a snapshot request; configuration and state are given back as they came."""

    config: msgspec.Raw = msgspec.Raw(b"null")
    state: msgspec.Raw = msgspec.Raw(b"null")
    error: _Problem | None = None


class _Restoring(msgspec.Struct, frozen=True):
    deliver_subject: str = ""
    error: _Problem | None = None


def name_of(stream: str) -> str:
    """File of a stream in a snapshot."""
    return f"bus/{stream}"


def in_order(streams: Iterable[str]) -> list[str]:
    """Upstream first: what MQTT devices were promised, readings, events, then what is derived from them."""

    def rank(name: str) -> tuple[int, str]:
        if name.startswith("$MQTT_"):
            return 0, name
        return (1 + _FLOW.index(name) if name in _FLOW else 1 + len(_FLOW)), name

    return sorted(streams, key=rank)


async def copy(settings: Settings, collector: Collector) -> list[StreamCopy]:
    """Add every stream; raises :class:`Unavailable`."""
    client = await bus.connect(settings, "backup", wait=False)
    try:
        names = await _names(client)
        if settings.bus_url:  # others may use that bus too
            names = [name for name in names if name in _OWN]
        copies = [await _copy(client, name, collector) for name in in_order(names)]
        return [one for one in copies if one is not None]
    except (Error, TimeoutError, msgspec.MsgspecError) as error:
        raise _failed(error) from error
    finally:
        await client.close()


async def restore(settings: Settings, streams: Iterable[StreamCopy], pieces: Callable[[str], Iterator[bytes]]) -> None:
    """Put ``streams`` back; one that is there already stays as it is. Raises :class:`Unavailable`."""
    client = await bus.connect(settings, "restore", wait=False)
    try:
        present = set(await _names(client))
        for stream in streams:
            if stream.name not in present:
                await _restore(client, stream, pieces(stream.name))
    except (Error, TimeoutError, msgspec.MsgspecError) as error:
        raise _failed(error) from error
    finally:
        await client.close()


async def _names(client: Client) -> list[str]:
    names: list[str] = []
    while True:
        request = msgspec.json.encode({"offset": len(names)})
        answer = await client.request("$JS.API.STREAM.NAMES", request, timeout=_PATIENCE)
        found = msgspec.json.decode(answer.data, type=_Names)
        _check(found.error)
        names += found.streams or []
        if not found.streams or len(names) >= found.total:
            return names


async def _copy(client: Client, stream: str, collector: Collector) -> StreamCopy | None:
    arrived: asyncio.Queue[Msg] = asyncio.Queue()
    inbox = client.new_inbox()
    subscription = await client.subscribe(inbox, cb=arrived.put, pending_bytes_limit=-1, pending_msgs_limit=-1)
    try:
        request = msgspec.json.encode({"deliver_subject": inbox, "no_consumers": False, "chunk_size": _PIECE})
        answer = await client.request(f"$JS.API.STREAM.SNAPSHOT.{stream}", request, timeout=_PATIENCE)
        begun = msgspec.json.decode(answer.data, type=_Begun)
        if begun.error is not None and "not found" in begun.error.description:
            return None  # removed a moment ago
        _check(begun.error)
        state = msgspec.json.decode(begun.state, type=_State)
        collector.expect("bus", state.bytes)
        await _receive(arrived, stream, client, collector)
        config, raw = bytes(begun.config), bytes(begun.state)
        return StreamCopy(stream, config, raw, state.first_seq, state.last_seq, state.messages)
    finally:
        await subscription.unsubscribe()


async def _receive(arrived: asyncio.Queue[Msg], stream: str, client: Client, collector: Collector) -> None:
    handed: queue.Queue[bytes | None] = queue.Queue(2)  # what is not stored yet is not confirmed either
    contents = iter(handed.get, None)
    storing = asyncio.create_task(asyncio.to_thread(collector.add_pieces, contents, name_of(stream)))
    gathered = bytearray()
    try:
        while (message := await asyncio.wait_for(arrived.get(), _PATIENCE)).data:
            gathered += message.data
            while len(gathered) >= LARGEST:
                await _hand(bytes(gathered[:LARGEST]), handed, storing)
                del gathered[:LARGEST]
            if message.reply:
                await client.publish(message.reply)
        status = (message.headers or {}).get("Status", "204")
        if status != "204":
            raise _failed(RuntimeError(f"{stream}: {status}"))
        if gathered:
            await _hand(bytes(gathered), handed, storing)
    finally:
        await _hand(None, handed, storing)
        await storing


async def _hand(piece: bytes | None, handed: queue.Queue[bytes | None], storing: asyncio.Task[None]) -> None:
    while not storing.done():
        try:
            return handed.put_nowait(piece)
        except queue.Full:
            await asyncio.sleep(0.002)
    return await storing  # raises why it ended


async def _restore(client: Client, stream: StreamCopy, pieces: Iterator[bytes]) -> None:
    request = msgspec.json.encode({"config": msgspec.Raw(stream.config), "state": msgspec.Raw(stream.state)})
    answer = await client.request(f"$JS.API.STREAM.RESTORE.{stream.name}", request, timeout=_PATIENCE)
    begun = msgspec.json.decode(answer.data, type=_Restoring)
    _check(begun.error)
    for piece in pieces:
        for start in range(0, len(piece), _PIECE):
            confirmed = await client.request(begun.deliver_subject, piece[start : start + _PIECE], timeout=_PATIENCE)
            if confirmed.data:
                _check(msgspec.json.decode(confirmed.data, type=_Restoring).error)
    ended = await client.request(begun.deliver_subject, b"", timeout=_PATIENCE * 4)
    _check(msgspec.json.decode(ended.data, type=_Restoring).error)


def _check(problem: _Problem | None) -> None:
    if problem is not None:
        raise _failed(RuntimeError(problem.description))


def _failed(error: Exception) -> Unavailable:
    reason = "timeout" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
    return Unavailable(
        mark("The bus cannot be copied: {reason}."),
        remedy=mark("Look at gongfu status and at log/nats-server.log in GONGFU_HOME."),
        reason=reason,
    )
