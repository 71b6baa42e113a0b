"""The Native format as clients of a later protocol revision read it.

The engine writes blocks of revision 0. A client that sends ``client_protocol_version`` (clickhouse-go, and so Grafana)
expects from revision 51903 on a header before every block, and from 54454 on an octet behind every column's type that
says whether its serialisation is special; here it never is. Source: ClickHouse, src/Formats/NativeWriter.cpp and
src/Core/ProtocolDefines.h.
"""

from __future__ import annotations

import re
import struct
from typing import Final

from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark

BLOCK_INFO: Final = 51_903
CUSTOM: Final = 54_454
_INFO: Final = b"\x01\x00\x02\xff\xff\xff\xff\x00"
"""Field 1: no overflow; field 2: bucket -1; end."""
_FIXED: Final = {
    **dict.fromkeys(("Int8", "UInt8", "Bool", "Enum8", "Nothing"), 1),
    **dict.fromkeys(("Int16", "UInt16", "Date", "Enum16", "BFloat16"), 2),
    **dict.fromkeys(("Int32", "UInt32", "Float32", "Date32", "DateTime", "IPv4", "Decimal32", "Time"), 4),
    **dict.fromkeys(("Int64", "UInt64", "Float64", "DateTime64", "Decimal64", "Time64"), 8),
    **dict.fromkeys(("Int128", "UInt128", "UUID", "IPv6", "Decimal128"), 16),
    **dict.fromkeys(("Int256", "UInt256", "Decimal256"), 32),
}
_DECIMALS: Final = ((9, 4), (18, 8), (38, 16), (76, 32))
_SHARED_KEYS: Final = 1 << 8
_OWN_KEYS: Final = 1 << 9


def at_revision(data: bytes, revision: int) -> bytes:
    """Blocks of revision 0 as blocks of ``revision``; raises :class:`Invalid` for a type that is not known here."""
    if revision < BLOCK_INFO:
        return data
    parts: list[bytes] = []
    at = 0
    while at < len(data):
        columns, after = _number(data, at)
        rows, after = _number(data, after)
        parts += [_INFO, data[at:after]]
        at = after
        for _ in range(columns):
            _name, after = _text(data, at)
            kind, after = _text(data, after)
            parts += [data[at:after], b"\x00" if revision >= CUSTOM else b""]
            at = after
            if rows:
                after = _values(data, _prefix(data, at, kind), kind, rows)
                parts.append(data[at:after])
                at = after
    return b"".join(parts)


def _number(data: bytes, at: int) -> tuple[int, int]:
    """An unsigned LEB128 number and where it ends."""
    value = shift = 0
    while True:
        octet = data[at]
        value |= (octet & 0x7F) << shift
        at += 1
        if octet < 0x80:
            return value, at
        shift += 7


def _text(data: bytes, at: int) -> tuple[str, int]:
    size, at = _number(data, at)
    return data[at : at + size].decode(), at + size


def _parts(kind: str) -> tuple[str, list[str]]:
    """Name of a type and its arguments: ``Array`` and ``["Nullable(String)"]``."""
    name, found, inner = kind.partition("(")
    if not found:
        return kind, []
    arguments, depth, begin, quoted = [], 0, 0, False
    inner = inner[:-1]
    at = 0
    while at < len(inner):
        one = inner[at]
        if one == "\\" and quoted:
            at += 1
        elif one == "'":
            quoted = not quoted
        elif not quoted:
            depth += (one == "(") - (one == ")")
            if one == "," and depth == 0:
                arguments.append(inner[begin:at].strip())
                begin = at + 1
        at += 1
    return name, [*arguments, inner[begin:].strip()]


def _inside(kind: str) -> list[str]:
    """Types whose values lie inside those of ``kind``, in their order."""
    name, arguments = _parts(kind)
    if name in ("Nullable", "Array", "LowCardinality"):
        return arguments
    if name == "Map":
        return arguments
    if name in ("Tuple", "Nested"):
        # An element may have a name; a space outside brackets stands behind it.
        return [re.sub(r"\A(?:`(?:[^`\\]|\\.)*`|\w+) (?=\S)", "", one) for one in arguments]
    if name == "SimpleAggregateFunction":
        return arguments[1:]
    return []


def _prefix(data: bytes, at: int, kind: str) -> int:
    """Behind what stands before the values of a column: the version of each dictionary in it."""
    if _parts(kind)[0] == "LowCardinality":
        return at + 8
    for inner in _inside(kind):
        at = _prefix(data, at, inner)
    return at


def _values(data: bytes, at: int, kind: str, rows: int) -> int:
    """Where ``rows`` values of ``kind`` that begin at ``at`` end."""
    name, arguments = _parts(kind)
    if name in _FIXED:
        return at + rows * _FIXED[name]
    if name.startswith("Interval"):
        return at + rows * 8
    if name == "Decimal":
        return at + rows * next(size for digits, size in _DECIMALS if int(arguments[0]) <= digits)
    if name == "FixedString":
        return at + rows * int(arguments[0])
    if name == "String":
        for _ in range(rows):
            size = data[at]
            at += 1
            if size >= 0x80:
                size, at = _number(data, at - 1)
            at += size
        return at
    if name == "LowCardinality":
        return _dictionary(data, at, arguments[0])
    inside = _inside(kind)
    if not inside:
        raise Invalid(
            mark("The type {type} cannot be sent to this client."), remedy=mark("Use toString() of it."), type=kind
        )
    if name == "Nullable":
        at += rows
    elif name in ("Array", "Map"):
        end = at + rows * 8
        rows = int(struct.unpack_from("<Q", data, end - 8)[0]) if rows else 0
        at = end
    for inner in inside:
        at = _values(data, at, inner, rows)
    return at


def _dictionary(data: bytes, at: int, kind: str) -> int:
    (flags,) = struct.unpack_from("<Q", data, at)
    at += 8
    inner = _parts(kind)[1][0] if kind.startswith("Nullable(") else kind
    for flag in (_SHARED_KEYS, _OWN_KEYS):
        if flags & flag:
            (keys,) = struct.unpack_from("<Q", data, at)
            at = _values(data, at + 8, inner, keys)
    (rows,) = struct.unpack_from("<Q", data, at)
    width = 1 << int(flags & 0xFF)
    return at + 8 + int(rows) * width
