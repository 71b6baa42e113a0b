"""Reads what is dropped into a folder, each row once, also across restarts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeVar

import msgspec

from gongfu.kernel.i18n import mark
from gongfu.kernel.readings import Quality
from gongfu.network.drivers.contract import (
    BadConfiguration,
    DeviceUnavailable,
    Identity,
    Point,
    Refusal,
    Sample,
    Sink,
)
from gongfu.network.drivers.files.options import Options, read
from gongfu.network.drivers.files.reading import Position, Reader, Work, broken
from gongfu.network.drivers.pacing import Pace, end_if_cancelled
from gongfu.network.drivers.positions import Positions
from gongfu.network.drivers.roots import allowed
from gongfu.network.drivers.threads import Worker
from gongfu.network.gateway.config import DeviceConfig, TagConfig

T = TypeVar("T")
_SAID = 20
"""Problems of one part of a file that are told one by one."""
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Position)


async def run(device: DeviceConfig, sink: Sink) -> None:
    """Read ``device`` until cancelled; raises :class:`DeviceUnavailable` or :class:`BadConfiguration`."""
    options = read(device)
    path = allowed(device.org_code, options.folder)
    reader = Reader(path, device.tags, options)
    positions = Positions(device.device, "files", str(path), options.pattern, options.format)
    async with Worker(f"device {device.device}") as worker:
        inbox = _Inbox(device, options, reader, positions, worker, sink)
        await inbox.recall()
        pace = Pace(device.interval)
        while True:
            await inbox.empty()
            await pace.wait()


@asynccontextmanager
async def open_session(device: DeviceConfig) -> AsyncIterator[FolderSession]:
    """A session with the folder."""
    options = read(device)
    reader = Reader(allowed(device.org_code, options.folder), device.tags, options)
    async with Worker(f"session {device.device}") as worker:
        yield FolderSession(options, reader, worker)


class FolderSession:
    """Questions to a folder."""

    def __init__(self, options: Options, reader: Reader, worker: Worker) -> None:
        self._options = options
        self._reader = reader
        self._worker = worker

    async def identify(self) -> Identity:
        """A folder has no maker."""
        return Identity(product=self._options.folder)

    async def browse(self, parent: str) -> Sequence[Point]:
        """The newest files; in a file, its columns."""
        found = await call(self._worker, self._options, self._reader.columns)
        if not parent:
            return [Point(address=name, name=name, folder=True) for name in found]
        times = {self._options.time}
        return [
            Point(address=name, name=name, kind="text" if name in times else "number")
            for name in found.get(parent, ())
            if name
        ]

    async def read(self, tags: Sequence[TagConfig]) -> Sequence[Sample]:
        """The last value of each tag at the end of the newest file."""
        found = {one.series: one for one in await call(self._worker, self._options, self._reader.newest)}
        return [found.get(tag.series, Sample(tag.series, None, quality=Quality.BAD)) for tag in tags]

    async def write(self, tag: TagConfig, value: float | bool | str) -> None:
        """Not into somebody else's files."""
        raise Refusal(mark("Files are only read."))


class _Inbox:
    """One folder and how far its files are read."""

    def __init__(
        self,
        device: DeviceConfig,
        options: Options,
        reader: Reader,
        positions: Positions,
        worker: Worker,
        sink: Sink,
    ) -> None:
        self._device = device
        self._options = options
        self._reader = reader
        self._positions = positions
        self._worker = worker
        self._sink = sink
        self._known: dict[str, Position] = {}
        self._told: set[str] = set()
        self._online = False

    async def recall(self) -> None:
        """Learn how far an earlier run came."""
        self._known = {name: _decoder.decode(data) for name, data in (await self._positions.read()).items()}

    async def empty(self) -> None:
        """Read everything that is ready."""
        look = await call(self._worker, self._options, partial(self._reader.look, self._known))
        if not self._online:
            self._online = True
            self._sink.online()
        for name in look.links:
            self._tell(f"{name}: links are not followed")
        # Names may have changed places (rotation): all at once, so that no position meets another file.
        changed = {name: one for name, one in look.known.items() if self._known.get(name) != one and one.size >= 0}
        gone = self._known.keys() - look.known.keys()
        if changed or gone:
            await self._positions.write({name: _encoder.encode(one) for name, one in changed.items()}, gone)
        self._known = {name: one for name, one in look.known.items() if one.size >= 0}
        for name in look.finished:
            await self._put_away(name)
        for work in look.work:
            await self._read(work)

    async def _read(self, work: Work) -> None:
        name = work.entry.name
        while True:
            end_if_cancelled()
            try:
                part = await call(self._worker, self._options, partial(self._reader.read, work), keep=OSError)
            except FileNotFoundError:
                return  # gone, or renamed: the next look finds it
            except OSError as error:
                self._sink.malformed(f"{name}: {broken(error)}")
                return
            for problem in part.problems[:_SAID]:
                self._sink.malformed(problem)
            if len(part.problems) > _SAID:
                self._sink.malformed(f"{name}: {len(part.problems) - _SAID} more rows cannot be read")
            if part.samples:
                await self._sink.emit_acknowledged(part.samples)
            await self._positions.write({name: _encoder.encode(part.position)})
            self._known[name] = part.position
            if not part.more:
                break
            work = msgspec.structs.replace(work, position=part.position)
        if part.position.done and not part.position.failed and self._options.after != "keep":
            await self._put_away(name)

    async def _put_away(self, name: str) -> None:
        try:
            await call(self._worker, self._options, partial(self._reader.put_away, name), keep=OSError)
        except OSError as error:
            # Its position stays, so it is not read again.
            self._tell(f"{name} is read, but cannot be put away: {broken(error)}")

    def _tell(self, problem: str) -> None:
        if problem not in self._told:
            self._told.add(problem)
            self._sink.malformed(problem)


async def call(worker: Worker, options: Options, function: Callable[[], T], keep: type[OSError] | tuple[()] = ()) -> T:
    """``function`` in the thread; what it raises as :class:`DeviceUnavailable`, except ``keep``."""
    try:
        return await worker.call(function, options.timeout)
    except asyncio.CancelledError:
        raise
    except TimeoutError as error:
        raise DeviceUnavailable(
            mark("The folder {folder} did not answer within {timeout} s."),
            folder=options.folder,
            timeout=f"{options.timeout:g}",
        ) from error
    except keep:
        raise
    except NotADirectoryError as error:
        raise BadConfiguration(mark("{folder} is no folder."), folder=options.folder) from error
    except OSError as error:
        raise DeviceUnavailable(
            mark("The folder {folder} cannot be read: {reason}."), folder=options.folder, reason=broken(error)
        ) from error
