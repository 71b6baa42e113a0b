"""Rows of a Parquet file, a part at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO

from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark
from gongfu.network.drivers.rows import Cell

_ROWS = 10_000
_GROUP_BYTES = 500_000_000
"""Size of one row group in memory that is still read."""


class Tables:
    """Keeps the row group that is being read."""

    def __init__(self) -> None:
        self._key: tuple[object, int] | None = None
        self._columns: list[list[Cell]] = []

    def rows(self, file: BinaryIO, identity: object, offset: int) -> tuple[list[str], Sequence[Sequence[Cell]], int]:
        """Columns, at most 10,000 rows from row ``offset`` on, and how many rows there are; raises :class:`Invalid`.

        ``identity`` tells files apart.
        """
        import pyarrow  # noqa: PLC0415 - takes half a second, for those who have Parquet
        from pyarrow import parquet  # noqa: PLC0415

        try:
            file.seek(0)
            source = parquet.ParquetFile(file)
            columns = [str(name) for name in source.schema_arrow.names]
            start = 0
            for group in range(source.metadata.num_row_groups):
                about = source.metadata.row_group(group)
                if offset < start + about.num_rows:
                    if about.total_byte_size > _GROUP_BYTES:
                        raise Invalid(
                            mark("A row group of the file has {size} MB."), size=about.total_byte_size // 10**6
                        )
                    if self._key != (identity, group):
                        table = source.read_row_group(group)
                        self._columns = [column.to_pylist() for column in table.columns]
                        self._key = identity, group
                    part = slice(offset - start, offset - start + _ROWS)
                    rows = list(zip(*(column[part] for column in self._columns), strict=True))
                    return columns, rows, source.metadata.num_rows
                start += about.num_rows
            self._key, self._columns = None, []
        except (pyarrow.ArrowException, OSError, ValueError, OverflowError) as error:
            raise Invalid(mark("The file is not Parquet: {reason}."), reason=str(error)[:200]) from error
        return columns, [], source.metadata.num_rows
