"""ClickHouse's Native format, written straight from numpy columns: one block is the raw memory of its columns.

Layout of a block (https://clickhouse.com/docs/en/interfaces/formats/Native, revision 0): number of columns and
number of rows as LEB128, then for each column its name, its type and its data, little-endian and contiguous.
Strings are a LEB128 length and the bytes. Both the embedded engine and a server take it as it is, so a batch is
encoded once whatever stores it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.generic] | Sequence[str]


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
        else:
            parts += [_string(text) for text in values]
    return b"".join(parts)


def _string(text: str) -> bytes:
    data = text.encode()
    return varint(len(data)) + data
