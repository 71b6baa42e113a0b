"""ClickHouse's Native format, written straight from numpy columns: one block is the raw memory of its columns.

Layout of a block (https://clickhouse.com/docs/en/interfaces/formats/Native, revision 0): number of columns and
number of rows as LEB128, then for each column its name, its type and its data, little-endian and contiguous.
Strings are a LEB128 length and the bytes; arrays are all ends as ``uint64``, then all elements. Both the embedded
engine and a server take it as it is, so a batch is encoded once whatever stores it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gongfu.kernel.tables import Table

Values = NDArray[np.generic] | Sequence[str] | Sequence[bytes] | Sequence[NDArray[np.float64]]


def varint(number: int) -> bytes:
    """``number`` ≥ 0 as unsigned LEB128."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def block(columns: Sequence[tuple[str, str, Values]]) -> bytes:
    """One block from ``(name, type, values)``; all columns have the same length.

    Arrays must already have the width of their type (``UInt32`` → ``uint32``, ``DateTime64(6)`` → ``int64``).
    """
    rows = len(columns[0][2])
    parts = [varint(len(columns)), varint(rows)]
    for name, kind, values in columns:
        parts += [_string(name), _string(kind)]
        if isinstance(values, np.ndarray):
            parts.append(values.tobytes())
        elif kind.startswith("Array("):
            arrays = [one for one in values if isinstance(one, np.ndarray)]
            parts.append(np.cumsum([len(one) for one in arrays], dtype=np.uint64).tobytes())
            parts += [one.tobytes() for one in arrays]
        else:
            parts += [_string(text) for text in values if isinstance(text, str | bytes)]
    return b"".join(parts)


def typed(table: Table, values: Sequence[Values]) -> list[tuple[str, str, Values]]:
    """Columns of ``table`` with the types a block states.

    LowCardinality has a layout of its own on the wire; the engine makes it from plain strings.
    """
    types = (re.sub(r"LowCardinality\((.*)\)", r"\1", column.type) for column in table.columns)
    return [(column.name, kind, data) for column, kind, data in zip(table.columns, types, values, strict=True)]


def _string(text: str | bytes) -> bytes:
    data = text.encode() if isinstance(text, str) else text
    return varint(len(data)) + data
