"""Parquet to CSV, in a process of its own with bounded memory, time and output.

A Parquet file is a program for its reader: some megabytes may unfold to terabytes, and lengths in it may lie. So the
file is read by a child that the system ends when it takes too much; what it says is all that comes back.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from gongfu.identity.bulk.table import MAX_COLUMNS, MAX_ROWS
from gongfu.kernel.errors import GongfuError, Invalid
from gongfu.kernel.i18n import mark

MAGIC = b"PAR1"
MEMORY = 3 * 2**30
"""Octets of address space the child may use."""
SECONDS = 120
OUTPUT = 2 * 2**30
"""Octets of CSV it may write."""
_UNFOLDED = 4 * 2**30  # octets the file says its columns take
_ROWS_AT_ONCE = 4_096


class _Refusal(msgspec.Struct, frozen=True):
    message: str
    remedy: str
    values: dict[str, str]


def to_csv(source: Path, target: Path) -> None:
    """Writes the table in ``source`` to ``target`` (UTF-8, header first); raises :class:`Invalid`."""
    environment = {
        **{name: os.environ[name] for name in ("PATH", "LANG", "PYTHONPATH", "VIRTUAL_ENV") if name in os.environ},
        "ARROW_DEFAULT_MEMORY_POOL": "system",
        "GONGFU_LANGUAGE": "en",
    }
    try:
        done = subprocess.run(
            [sys.executable, "-m", __name__, str(source), str(target)],
            env=environment,
            capture_output=True,
            timeout=2 * SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _too_much() from error
    if done.returncode == 0:
        return
    target.unlink(missing_ok=True)
    try:
        told = msgspec.json.decode(done.stdout, type=_Refusal)
    except msgspec.DecodeError as error:
        raise _too_much() from error
    raise Invalid(told.message, remedy=told.remedy, **told.values)


def main() -> None:
    """The child."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 5))
    resource.setrlimit(resource.RLIMIT_FSIZE, (OUTPUT, OUTPUT))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        _convert(Path(sys.argv[1]), Path(sys.argv[2]))
    except GongfuError as error:
        told = _Refusal(error.message, error.remedy, {name: str(value) for name, value in error.values.items()})
        sys.stdout.buffer.write(msgspec.json.encode(told))
        sys.exit(2)


def _convert(source: Path, target: Path) -> None:
    try:
        with pq.ParquetFile(source) as file:
            _check(file)
            schema = pa.schema([(name, pa.string()) for name in file.schema_arrow.names])
            options = pa_csv.WriteOptions(batch_size=_ROWS_AT_ONCE)
            with pa_csv.CSVWriter(target, schema, write_options=options) as writer:
                for batch in file.iter_batches(_ROWS_AT_ONCE, use_threads=False):
                    columns = [_text(name, column) for name, column in zip(schema.names, batch.columns, strict=True)]
                    writer.write_batch(pa.record_batch(columns, schema=schema))
    except MemoryError as error:
        raise _too_much() from error
    except (pa.ArrowException, OSError) as error:
        raise Invalid(
            mark("The Parquet file cannot be read: {reason}."),
            remedy=mark("It may be damaged or cut off: write it again."),
            reason=str(error)[:300],
        ) from error


def _check(file: pq.ParquetFile) -> None:
    told = file.metadata
    if told.num_columns > MAX_COLUMNS:
        raise Invalid(
            mark("The file has {columns} columns; at most {limit} are read."),
            remedy=mark("Leave out the columns that are not needed."),
            columns=told.num_columns,
            limit=MAX_COLUMNS,
        )
    if told.num_rows > MAX_ROWS:
        raise Invalid(
            mark("The file has more than {limit} rows."), remedy=mark("Split it into several."), limit=MAX_ROWS
        )
    unfolded = sum(told.row_group(number).total_byte_size for number in range(told.num_row_groups))
    if unfolded > _UNFOLDED:
        raise _too_much()


def _text(name: str, column: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_nested(column.type) or pa.types.is_binary(column.type):
        raise Invalid(
            mark("The column {name} holds {type}, not single values."),
            remedy=mark("Write it as text, or leave it out."),
            name=name,
            type=str(column.type)[:100],
        )
    return column if pa.types.is_string(column.type) else column.cast(pa.string())


def _too_much() -> Invalid:
    return Invalid(
        mark("The Parquet file takes too much memory or time to read, or is damaged."),
        remedy=mark("Split it into several files with smaller row groups."),
    )


if __name__ == "__main__":
    main()
