"""Old months as Parquet files: written, checked, and only then taken out of the store; brought back when they change.

    <home>/telemetry/cold/readings-202611.parquet, texts-202611.parquet, arrays-202611.parquet

A month goes in this order: a draft is written and flushed to the disk, read back (rows and a sum over all of them must
agree with the store), renamed, noted in the table ``cold``, and dropped from the store if nothing was inserted into it
since. Killed anywhere in between, the month is still in the store, or in both, and is written again. A late reading or
a correction of a cold month brings the whole month back, so that readings and roll-ups come out right; it goes again
later. Arrays have no roll-ups: a late one stays in the store, and becomes one month with the others when that is due.
The tables ``readings_cold``, ``texts_cold`` and ``arrays_cold`` read the files; a file that is torn is set aside and
reported, never half read.
"""
# ruff: noqa: S608 - the parts put together here are constants, numbers, and paths of ours as literals

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog
from prometheus_client import Gauge

from gongfu.data.telemetry.schema import ARRAYS, READINGS, TEXTS, Table, cold_of
from gongfu.data.telemetry.store.embedded import BACKGROUND, EmbeddedEngine, literal
from gongfu.data.telemetry.store.engine import StoreFailure

TIERED: Final = (READINGS, TEXTS, ARRAYS)
GROUP_ROWS: Final = {"readings": 100_000, "texts": 100_000, "arrays": 1000}
"""Rows of a row group: what a question reads at least. An array may be a hundred thousand numbers."""
_NOTED: Final = {"readings": "text = 0", "texts": "text = 1", "arrays": "0"}
"""Which rows of ``dirty`` tell of something late."""

TORN: Final = Gauge("gongfu_recorder_cold_torn", "Months whose Parquet file cannot be read", ["table"])
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Month:
    """A month in a file."""

    month: int
    """As 202611."""
    rows: int
    bytes: int
    digest: str
    state: str
    """As the table ``cold`` has it."""


class ColdStore:
    """The files of one ``table`` of an embedded engine. One caller at a time."""

    def __init__(self, engine: EmbeddedEngine, folder: Path, table: Table = READINGS) -> None:
        self.table = table
        self._engine = engine
        self._folder = folder
        self._columns = ", ".join(f"`{column.name}`" for column in table.columns)
        self._structure = ", ".join(f"`{column.name}` {column.type}" for column in table.columns)
        self._sum = f"count(), sum(cityHash64({self._columns}))"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for draft in folder.glob(f"{table.name}-*.draft"):
            draft.unlink()
        self._check()

    def months(self) -> list[Month]:
        """What the table ``cold`` says, oldest first."""
        text = self._engine.query(
            f"SELECT month, rows, bytes, digest, state FROM cold FINAL WHERE source = '{self.table.name}'"
            " ORDER BY month",
            "TSVRaw",
        ).decode()
        return [
            Month(int(month), int(rows), int(size), digest, state)
            for month, rows, size, digest, state in (line.split("\t") for line in text.splitlines())
        ]

    def freeze(self, before: int) -> list[int]:
        """Move the months before ``before`` (as 202611) out of the store; which were moved.

        A month that roll-ups are waiting for stays, and so does one that an erasure asked for within the hour.
        """
        text = self._engine.query(
            "SELECT DISTINCT toUInt32(partition) AS p FROM system.parts WHERE active AND database = currentDatabase()"
            f" AND table = '{self.table.name}' AND p < {before} AND p NOT IN (SELECT month FROM cold FINAL"
            f" WHERE source = '{self.table.name}' AND state = 'open' AND at > now64(3) - toIntervalHour(1)) ORDER BY p",
            "TSVRaw",
        ).decode()
        moved = []
        for month in map(int, text.split()):
            if self._waiting(month):
                continue
            if self.path(month).exists():
                self.thaw(month)  # what came late and what lies in the file become one month again
            if self._freeze(month):
                moved.append(month)
        return moved

    def thaw(self, month: int, state: str = "thawed") -> None:
        """Bring a month back; nothing is lost or doubled when it is only half done."""
        path = self.path(month)
        self._engine.background(
            f"INSERT INTO {self.table.name} ({self._columns}) SELECT {self._columns} FROM {self._file(path)}"
        )
        self._note(Month(month, 0, 0, "", state))
        self._attach()
        path.unlink()

    def thaw_touched(self) -> list[int]:
        """Bring back months for which something came late, or that an erasure wants; call it before rolling up."""
        thawed = []
        for one in self.months():
            if one.state == "wanted" and not self.path(one.month).exists():
                self._note(Month(one.month, 0, 0, "", "open"))  # it came back while it was asked for
                continue
            if one.state == "wanted":
                self.thaw(one.month, "open")
            elif one.state == "cold" and self._waiting(one.month):
                self.thaw(one.month)
            else:
                continue
            thawed.append(one.month)
        return thawed

    def path(self, month: int) -> Path:
        """The file of a month."""
        return self._folder / f"{self.table.name}-{month}.parquet"

    def _waiting(self, month: int) -> bool:
        span = f"toUnixTimestamp(toDateTime(toDate32('{month // 100}-{month % 100:02d}-01'), 'UTC'))"
        after = month + 1 if month % 100 < 12 else month + 89
        end = f"toUnixTimestamp(toDateTime(toDate32('{after // 100}-{after % 100:02d}-01'), 'UTC'))"
        noted = _NOTED[self.table.name]
        return self._engine.background(f"SELECT count() FROM dirty WHERE {noted} AND lo < {end} AND hi > {span}") != "0"

    def _freeze(self, month: int) -> bool:
        draft, path = self.path(month).with_suffix(".draft"), self.path(month)
        draft.unlink(missing_ok=True)
        state = self._engine.partition_state(self.table, str(month))
        chosen = f"FROM {self.table.name} FINAL WHERE toYYYYMM(ts) = {month}"
        try:
            self._engine.background(
                f"INSERT INTO FUNCTION file({literal(str(draft))}, 'Parquet', {literal(self._structure)})"
                f" SELECT {self._columns} {chosen} ORDER BY org, series, ts"
                f" SETTINGS output_format_parquet_row_group_size = {GROUP_ROWS[self.table.name]},"
                " output_format_parquet_row_group_size_bytes = 64000000,"
                " output_format_parquet_compression_method = 'zstd'"
            )
            _flush(draft)
            wanted = self._engine.query(f"SELECT {self._sum} {chosen}", "TSVRaw", settings=BACKGROUND)
            written = self._engine.query(f"SELECT {self._sum} FROM {self._file(draft)}", "TSVRaw", settings=BACKGROUND)
        except StoreFailure:
            draft.unlink(missing_ok=True)  # the disk may be full: room is what it needs most
            raise
        if written != wanted:
            draft.unlink(missing_ok=True)
            log.warning("a month changed while it was written, later again", month=month)
            return False
        rows = int(wanted.split()[0])
        size, digest = draft.stat().st_size, _digest(draft)
        draft.rename(path)
        _flush(self._folder)
        self._note(Month(month, rows, size, digest, "cold"))
        if not self._engine.drop_partition(self.table, str(month), state):
            self._note(Month(month, 0, 0, "", "thawed"))  # something came in between: it stays in the store
            path.unlink()
            return False
        self._attach()
        log.info("a month went to a file", table=self.table.name, month=month, rows=rows, bytes=size)
        return True

    def _check(self) -> None:
        """At the start: files that are not what they were are set aside; a move that was cut off is finished."""
        torn = 0
        for one in self.months():
            path = self.path(one.month)
            back = self._engine.partition_state(self.table, str(one.month)) != "0\t0"
            if one.state in ("thawed", "open") or (one.state == "wanted" and back and not path.exists()):
                path.unlink(missing_ok=True)
            elif not path.exists() or not _whole(path, one.bytes):
                torn += 1
                if path.exists():
                    path.rename(path.with_suffix(".torn"))
                self._note(Month(one.month, one.rows, one.bytes, one.digest, "torn"))
                log.error("the file of a cold month is torn; restore it from a backup", month=one.month, file=str(path))
            elif one.state == "cold" and back:
                self.thaw(one.month)
        TORN.labels(self.table.name).set(torn)
        self._attach()

    def _attach(self) -> None:
        """Let the cold table read the files there are."""
        there = (one for one in self.months() if one.state in ("cold", "wanted"))
        months = [str(one.month) for one in there if self.path(one.month).exists()]
        names = (
            "{" + ",".join(months) + "}" if len(months) > 1 else "".join(months) or "none*"
        )  # a name without a pattern must exist
        self._engine.background(
            f"CREATE OR REPLACE TABLE {cold_of(self.table).name} ({self._structure})"
            f" ENGINE = File(Parquet, {literal(f'{self._folder}/{self.table.name}-{names}.parquet')})"
        )

    def _note(self, month: Month) -> None:
        self._engine.background(
            f"INSERT INTO cold SELECT '{self.table.name}', {month.month}, {literal(self.path(month.month).name)},"
            f" {month.rows}, {month.bytes}, {literal(month.digest)}, {literal(month.state)},"
            f" greatest(now64(3), (SELECT max(at) FROM cold) + toIntervalMillisecond(1))"
        )

    def _file(self, path: Path) -> str:
        return f"file({literal(str(path))}, 'Parquet', {literal(self._structure)})"


def before(now: float, days: int) -> int:
    """The first month, as 202611, that is not wholly older than ``days`` at ``now`` (seconds)."""
    return int(time.strftime("%Y%m", time.gmtime(now - days * 86_400)))


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _whole(path: Path, size: int) -> bool:
    """Whether the file has its size and ends as Parquet does; its digest is for whoever checks a backup."""
    if path.stat().st_size != size or size < 8:
        return False
    with path.open("rb") as file:
        file.seek(-4, os.SEEK_END)
        return file.read() == b"PAR1"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
