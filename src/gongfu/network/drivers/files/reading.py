"""What the driver does to a folder, step by step, in a thread: look, read a part of a file, put a file away."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import Sample
from gongfu.network.drivers.files.folder import Entry, Folder, proof
from gongfu.network.drivers.files.options import Options, delimiter, names, places
from gongfu.network.drivers.files.records import LONGEST, cells, cut, split
from gongfu.network.drivers.files.tables import Tables
from gongfu.network.drivers.payload import Mapping as JsonMapping
from gongfu.network.drivers.rows import RowMapping, RowReader, Times
from gongfu.network.gateway.config import TagConfig

_PART = 512_000
"""Bytes read at once: more than the longest record."""
_BOM = b"\xef\xbb\xbf"


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """How far a file has been read."""

    device: int
    inode: int
    size: int = -1
    changed: int = 0
    """Size and time of change when it was looked at last."""
    offset: int = 0
    """Bytes that are done; rows, of a Parquet file."""
    line: int = 0
    proved: int = 0
    proof: bytes = b""
    """What stood at the beginning and before byte ``proved``: the file is still the same one."""
    names: list[str] | None = None
    passing: bool = False
    """Inside a line that is too long."""
    done: bool = False
    failed: bool = False
    """It cannot be read, and stays where it is."""
    born: int = 0
    """Change of the file when it was first seen, µs UTC: time of rows that have none."""


class Work(msgspec.Struct, frozen=True):
    """A file with something to read. ``whole``: nobody writes to it any more."""

    entry: Entry
    position: Position
    whole: bool


class Look(msgspec.Struct, frozen=True):
    """What a look at the folder found; ``known``: the position of each file that there is, by its name."""

    work: list[Work]
    known: dict[str, Position]
    links: list[str]
    finished: list[str]
    """Files that are read but not put away yet."""


class Part(msgspec.Struct, frozen=True):
    """A part of a file: ``more`` follows, or the file is read to its end (``position.done``) or as far as it goes."""

    samples: list[Sample]
    problems: list[str]
    position: Position
    more: bool


class Reader:
    """One device's folder. Every method may raise ``OSError``."""

    def __init__(self, path: Path, tags: Sequence[TagConfig], options: Options) -> None:
        self._path = path
        self._options = options
        times = Times(column=options.time, format=options.time_format, zone=options.zone)
        self._json = JsonMapping(tags, options.time) if options.format == "jsonl" else None
        self._rows = RowMapping(() if self._json else tags, times, options.decimal)
        self._places = places(options) if options.format == "fixed" else []
        self._tables = Tables()
        self._steady: dict[str, tuple[int, int, float]] = {}

    def look(self, known: Mapping[str, Position]) -> Look:
        """Compare the folder with the positions ``known`` by name; files that are the same keep theirs."""
        options = self._options
        inodes = {(one.device, one.inode): name for name, one in known.items()}
        with self._folder() as folder:
            listing = folder.list(options.pattern, options.marker if options.ready == "marker" else "")
            present = {(entry.device, entry.inode) for entry in listing.entries}
            found: dict[str, Position] = {}
            work: list[Work] = []
            finished: list[str] = []
            for entry in listing.entries:
                position = known.get(inodes.get((entry.device, entry.inode), ""))
                if position is None and entry.matches:
                    position = known.get(entry.name)  # perhaps written anew, with all that was there
                    if position is not None and (position.device, position.inode) in present:
                        position = None
                rotated = not entry.matches
                if rotated and (options.ready != "tail" or position is None):
                    continue
                position = self._same(folder, entry, position)
                if rotated and entry.size <= position.offset:
                    continue  # read to its end under its old name
                found[entry.name] = position
                if position.done:
                    finished += [] if position.failed or options.after == "keep" else [entry.name]
                    continue
                if not self._ready(entry, position):
                    continue
                work.append(Work(entry, position, rotated or options.ready != "tail"))
        self._steady = {name: seen for name, seen in self._steady.items() if name in found}
        return Look(work, found, listing.links, finished)

    def read(self, work: Work) -> Part:
        """The next part of a file."""
        if self._options.format == "parquet":
            return self._read_table(work)
        entry, before = work.entry, work.position
        with self._folder() as folder, folder.open(entry) as file:
            file.seek(before.offset)
            data = file.read(_PART)
            size = os.fstat(file.fileno()).st_size
            at_end = before.offset + len(data) >= size
            after, samples, problems, readable = self._text(entry, before, data, at_end and work.whole)
            if not readable:
                after = msgspec.structs.replace(after, offset=size)
            position = msgspec.structs.replace(
                after,
                size=size,
                changed=entry.changed,
                proved=after.offset,
                proof=proof(file, after.offset),
                done=not readable or (work.whole and after.offset >= size),
                failed=not readable,
            )
        more = readable and before.offset < position.offset < size
        return Part(samples, [f"{entry.name}: {problem}" for problem in problems], position, more)

    def put_away(self, name: str) -> None:
        """Move or delete a file that is read, and its marker."""
        options = self._options
        marker = [name + options.marker] if options.ready == "marker" else []
        with self._folder() as folder:
            for one in [name, *marker]:
                if options.after == "move":
                    folder.move(one, options.move_to)
                elif options.after == "delete":
                    folder.delete(one)

    def columns(self) -> dict[str, list[str]]:
        """The columns of the newest files, by file; for the console."""
        with self._folder() as folder:
            entries = [entry for entry in folder.list(self._options.pattern, "").entries if entry.matches]
        found: dict[str, list[str]] = {}
        for entry in entries[-20:]:
            fresh = Position(device=entry.device, inode=entry.inode)
            part = self.read(Work(entry, fresh, whole=True))
            found[entry.name] = part.position.names or []
        return found

    def newest(self) -> list[Sample]:
        """The samples of the end of the newest file."""
        with self._folder() as folder:
            entries = [entry for entry in folder.list(self._options.pattern, "").entries if entry.matches]
        if not entries:
            return []
        entry = entries[-1]
        part = self.read(Work(entry, Position(device=entry.device, inode=entry.inode), whole=True))
        samples = part.samples
        while part.more:
            ahead = part.position
            if self._options.format != "parquet":  # go near the end, and find the next line there
                near = max(ahead.offset, entry.size - _PART // 2)
                ahead = msgspec.structs.replace(ahead, offset=near, passing=near > ahead.offset)
            part = self.read(Work(entry, ahead, whole=True))
            samples = part.samples or samples
        return samples

    @contextmanager
    def _folder(self) -> Iterator[Folder]:
        folder = Folder(self._path)
        try:
            yield folder
        finally:
            folder.close()

    def _same(self, folder: Folder, entry: Entry, position: Position | None) -> Position:
        """``position``, if ``entry`` is still the file that was read so far; else the beginning."""
        fresh = Position(device=entry.device, inode=entry.inode, born=entry.changed // 1000)
        if position is None:
            return fresh
        if (entry.size, entry.changed, entry.inode) == (position.size, position.changed, position.inode):
            return position
        if entry.size < position.proved or (self._options.format == "parquet" and entry.size != position.size):
            return fresh
        try:
            with folder.open(entry) as file:
                if proof(file, position.proved) != position.proof:
                    return fresh
        except FileNotFoundError:
            return fresh
        return msgspec.structs.replace(
            position, device=entry.device, inode=entry.inode, done=position.done and entry.size == position.size
        )

    def _ready(self, entry: Entry, position: Position) -> bool:
        if self._options.ready == "tail":
            return (entry.size, entry.changed) != (position.size, position.changed)
        if self._options.ready == "marker":
            return True
        now = time.monotonic()
        size, changed, since = self._steady.get(entry.name, (-1, 0, 0.0))
        if (size, changed) != (entry.size, entry.changed):
            self._steady[entry.name] = entry.size, entry.changed, now
            return self._options.steady == 0
        return now - since >= self._options.steady

    def _text(
        self, entry: Entry, before: Position, data: bytes, final: bool
    ) -> tuple[Position, list[Sample], list[str], bool]:
        """The position behind what was read of ``data``, samples, problems, and whether the file can be read at all."""
        options = self._options
        start = len(_BOM) if before.offset == 0 and data.startswith(_BOM) else 0
        problems: list[str] = []
        line, columns = before.line, before.names
        if before.passing:
            end = data.find(b"\n")
            if end < 0:
                return msgspec.structs.replace(before, offset=before.offset + len(data)), [], [], True
            start, line = end + 1, line + 1
        found = split(data[start:], final=final, quotes=options.format == "csv")
        if found.passed:
            problems.append(f"line {line + 1} is longer than {LONGEST} bytes")
        reader = None
        if self._json is None:
            if not options.header or options.format == "fixed":
                columns = names(options)
            try:
                reader = None if columns is None else self._reader(columns, problems if before.offset == 0 else [])
            except Invalid as error:
                return before, [], [str(error)], False
        samples: list[Sample] = []
        for record in found.records:
            line += record.lines
            first = line - record.lines + 1
            if first <= options.skip or not record.data.strip():
                continue
            try:
                if self._json is not None:
                    samples += self._timed(self._json.samples(record.data, 0), before, first, len(samples))
                    continue
                row = self._row(record.data, first)
                if reader is None:
                    columns = [cell.strip() for cell in row]
                    reader = self._reader(columns, problems)
                elif row != columns:  # a header in the middle: somebody has put files together
                    samples += self._timed(reader.samples(row, first), before, first, len(samples))
            except Invalid as error:
                problems.append(str(error))
                if reader is None and self._json is None:
                    return msgspec.structs.replace(before, names=columns), [], problems, False
        offset = before.offset + start + found.size
        after = msgspec.structs.replace(before, offset=offset, line=line, names=columns, passing=found.passed)
        return after, samples, problems, True

    def _reader(self, columns: Sequence[str], problems: list[str]) -> RowReader:
        reader = self._rows.reader(columns)
        problems += [f"there is no column {tag.address} for {tag.name}" for tag in reader.missing]
        return reader

    def _row(self, record: bytes, line: int) -> list[str]:
        if self._options.format == "fixed":
            return cut(record, self._places, self._options.encoding, line)
        return cells(record, self._options.encoding, delimiter(self._options), line)

    def _timed(self, samples: list[Sample], position: Position, line: int, count: int) -> list[Sample]:
        """Rows without a time stay apart: by their line, counted from the file's age, or from now as it grows."""
        if self._options.time or not samples:
            return samples
        begin = time.time_ns() // 1000 + count if self._options.ready == "tail" else position.born + line
        return [msgspec.structs.replace(sample, time=begin) for sample in samples]

    def _read_table(self, work: Work) -> Part:
        entry, before = work.entry, work.position
        samples: list[Sample] = []
        problems: list[str] = []
        with self._folder() as folder, folder.open(entry) as file:
            mark_of_file = proof(file, entry.size)
            try:
                columns, rows, total = self._tables.rows(file, (entry.inode, entry.changed), before.offset)
                reader = self._reader(columns, problems if before.offset == 0 else [])
                for number, row in enumerate(rows, before.offset + 1):
                    try:
                        samples += self._timed(reader.samples(row, number), before, number, len(samples))
                    except Invalid as error:
                        problems.append(str(error))
                offset, readable = before.offset + len(rows), True
            except Invalid as error:
                problems.append(str(error))
                columns, offset, total, readable = [], before.offset, 0, False
        position = msgspec.structs.replace(
            before,
            size=entry.size,
            changed=entry.changed,
            offset=offset,
            proved=entry.size,
            proof=mark_of_file,
            names=columns,
            done=offset >= total,
            failed=not readable,
        )
        problems = [f"{entry.name}: {problem}" for problem in problems]
        return Part(samples, problems, position, not position.done)


def broken(error: OSError) -> str:
    """Why, without paths of this machine."""
    return error.strerror or mark("the file cannot be read")
