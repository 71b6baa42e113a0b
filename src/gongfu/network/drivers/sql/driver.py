"""Asks a database at the device's interval: what a table shows, or what has been added to one that grows."""

from __future__ import annotations

import traceback
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeVar

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from gongfu.kernel.errors import Invalid
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
from gongfu.network.drivers.pacing import Pace, end_if_cancelled
from gongfu.network.drivers.positions import Positions
from gongfu.network.drivers.repeats import Repeats
from gongfu.network.drivers.roots import allowed
from gongfu.network.drivers.rows import Cell, RowMapping, RowReader, Times
from gongfu.network.drivers.sql.database import LEAST_CONNECTING, Database, Rows
from gongfu.network.drivers.sql.options import Options, address, read
from gongfu.network.drivers.sql.progress import Progress
from gongfu.network.drivers.threads import Worker
from gongfu.network.gateway.config import DeviceConfig, TagConfig

T = TypeVar("T")
_PROGRESS = "progress"
_GROWTH = 2_000_000
"""Rows that may have the same value of the growing column."""
_SAID = 20
"""Rows of one answer whose problems are told one by one."""


async def run(device: DeviceConfig, sink: Sink) -> None:
    """Read ``device`` until cancelled; raises :class:`DeviceUnavailable` or :class:`BadConfiguration`."""
    options = read(device)
    async with _connection(device, options) as line:
        table = _Table(device, options, line, sink)
        await table.recall()
        pace = Pace(device.interval)
        while True:
            await table.read()
            await pace.wait()


@asynccontextmanager
async def open_session(device: DeviceConfig) -> AsyncIterator[TableSession]:
    """A session with the database."""
    options = read(device)
    async with _connection(device, options) as line:
        yield TableSession(options, line)


class _Line:
    """A database behind a thread."""

    def __init__(self, options: Options, database: Database, worker: Worker) -> None:
        self._options = options
        self._worker = worker
        self.database = database

    async def ask(self, question: Callable[[], T]) -> T:
        """The answer; raises :class:`DeviceUnavailable`."""
        # The database's own limits come first, and say more; this one is for a line that is dead without a word.
        seconds = max(self._options.timeout, LEAST_CONNECTING) + 1
        try:
            return await self._worker.call(question, seconds)
        except TimeoutError as error:
            self.database.abort()
            raise DeviceUnavailable(
                mark("The database did not answer within {timeout} s."), timeout=f"{seconds:g}"
            ) from error
        except (SQLAlchemyError, OSError) as error:
            _let_go(error)
            reason = error.orig if isinstance(error, DBAPIError) else error
            raise DeviceUnavailable(
                mark("The database cannot be read: {reason}."),
                remedy=mark("Check address, user, password, and the names of table and columns."),
                reason=" ".join(str(reason).split())[:300],
            ) from error


def _let_go(error: BaseException | None) -> None:
    """A failed connection hangs on in the frames of its error, open, until somebody collects garbage."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__


@asynccontextmanager
async def _connection(device: DeviceConfig, options: Options) -> AsyncIterator[_Line]:
    url = address(options)
    file = allowed(device.org_code, url.database or "") if url.drivername == "sqlite" else None
    database = Database(options, url, file)
    async with Worker(f"device {device.device}") as worker:
        line = _Line(options, database, worker)
        try:
            yield line
        finally:
            worker.after_all(database.close)


class TableSession:
    """Questions to a database."""

    def __init__(self, options: Options, line: _Line) -> None:
        self._options = options
        self._line = line

    async def identify(self) -> Identity:
        """Which database it is."""
        vendor, version, name = await self._line.ask(self._line.database.about)
        return Identity(vendor=vendor, version=version, product=name)

    async def browse(self, parent: str) -> Sequence[Point]:
        """Tables and views; the columns of ``parent``."""
        return await self._line.ask(partial(self._line.database.browse, parent))

    async def read(self, tags: Sequence[TagConfig]) -> Sequence[Sample]:
        """The newest value of each tag among the last rows."""
        options = self._options
        found = await self._line.ask(partial(self._line.database.rows, None, options.batch, newest=True))
        try:
            reader = _mapping(tags, options).reader(found.columns)
        except Invalid as error:
            raise BadConfiguration(error.message, remedy=error.remedy, **error.values) from error
        newest: dict[int, Sample] = {}
        for number, row in enumerate(found.rows, 1):
            newest |= {sample.series: sample for sample in _samples(reader, row, number)[0]}
        return [newest.get(tag.series, Sample(tag.series, None, quality=Quality.BAD)) for tag in tags]

    async def write(self, tag: TagConfig, value: float | bool | str) -> None:
        """Not into somebody else's database."""
        raise Refusal(mark("Databases are only read."))


class _Table:
    """One table and how far it is read."""

    def __init__(self, device: DeviceConfig, options: Options, line: _Line, sink: Sink) -> None:
        self._device = device
        self._options = options
        self._line = line
        self._sink = sink
        self._mapping = _mapping(device.tags, options)
        self._positions = Positions(device.device, "sql", options.url, options.table, options.query, options.after)
        self._progress = Progress(options.overlap)
        self._repeats = Repeats()
        self._missing: set[int] = set()
        self._limit = options.batch
        self._started = False

    async def recall(self) -> None:
        """Learn how far an earlier run came, or where to begin."""
        options = self._options
        if not options.after:
            return
        stored = (await self._positions.read()).get(_PROGRESS, b"")
        self._progress = Progress(options.overlap, stored)
        if not stored and options.start == "newest":
            last = await self._line.ask(self._line.database.last)
            if last is not None:
                self._progress.begin_at(last)

    async def read(self) -> None:
        """Emit what is new."""
        if not self._options.after:
            found = await self._line.ask(partial(self._line.database.rows, None, self._options.batch + 1))
            self._answered()
            if len(found.rows) > self._options.batch:
                self._sink.malformed(f"more than {self._options.batch} rows; name a growing column with after")
            samples = self._read_rows(found.columns, found.rows[: self._options.batch])
            try:
                await self._sink.emit(self._repeats.fresh(samples))
            except BaseException:
                self._repeats.forget()
                raise
            return
        while await self._read_more():
            end_if_cancelled()

    async def _read_more(self) -> bool:
        """Read a part of what has been added; whether there may be more."""
        found = await self._line.ask(partial(self._line.database.rows, self._progress.begin, self._limit))
        self._answered()
        full = len(found.rows) >= self._limit
        if not found.rows:
            self._read_rows(found.columns, [])
            return False
        fresh, progress = self._progress.fresh(found.rows, self._place(found))
        if full and not fresh:  # all of them have been read, and hide what comes behind them
            self._limit *= 2
            if self._limit > _GROWTH:
                raise DeviceUnavailable(
                    mark("More than {count} rows have the same value of {column}."),
                    remedy=mark("Name a column with after whose values differ, or a smaller overlap."),
                    count=_GROWTH,
                    column=self._options.after,
                )
            return True
        if fresh:
            samples = self._read_rows(found.columns, fresh)
            if samples:
                await self._sink.emit_acknowledged(samples)
            await self._positions.write({_PROGRESS: progress.stored()})
            self._progress = progress
        self._limit = self._options.batch
        return full

    def _place(self, found: Rows) -> int:
        names = [name.lower() for name in found.columns]
        return names.index(self._options.after.lower())

    def _read_rows(self, columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> list[Sample]:
        try:
            reader = self._mapping.reader(columns)
        except Invalid as error:
            raise DeviceUnavailable(error.message, remedy=error.remedy, **error.values) from error
        samples: list[Sample] = []
        said = 0
        for number, row in enumerate(rows, 1):
            found, problem = _samples(reader, row, number)
            samples += found
            if problem:
                said += 1
                if said <= _SAID:
                    self._sink.malformed(problem)
        missing = {tag.series for tag in reader.missing}
        for tag in reader.missing:
            if tag.series not in self._missing:
                self._sink.malformed(f"{tag.name} ({tag.address}): there is no such column")
            if tag.series not in self._missing or not self._options.after:
                samples.append(Sample(tag.series, None, quality=Quality.BAD))
        self._missing = missing
        return samples

    def _answered(self) -> None:
        if not self._started:
            self._started = True
            self._sink.online()


def _mapping(tags: Sequence[TagConfig], options: Options) -> RowMapping:
    return RowMapping(tags, Times(column=options.time, zone=options.zone))


def _samples(reader: RowReader, row: Sequence[Cell], number: int) -> tuple[list[Sample], str]:
    try:
        return reader.samples(row, number), ""
    except Invalid as error:
        return [], str(error)
