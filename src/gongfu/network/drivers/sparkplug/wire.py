"""Sparkplug B payloads: bytes ↔ :class:`Payload`.

Eclipse Sparkplug 3.0.0 §6.4; the field numbers are those of ``sparkplug_b.proto``. The descriptor is built
here in code, for the few fields a gateway needs, so that no generated file is committed; fields it does not
name (data sets, templates, metadata) are skipped by the protobuf runtime, which also does the parsing.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Protocol, cast

import msgspec
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError, Message

from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark

NAMESPACE = "spBv1.0"
REBIRTH = "Node Control/Rebirth"
BDSEQ = "bdSeq"


class DataType(IntEnum):
    """Sparkplug 3.0.0 §6.4.16."""

    UNKNOWN = 0
    INT8 = 1
    INT16 = 2
    INT32 = 3
    INT64 = 4
    UINT8 = 5
    UINT16 = 6
    UINT32 = 7
    UINT64 = 8
    FLOAT = 9
    DOUBLE = 10
    BOOLEAN = 11
    STRING = 12
    DATETIME = 13
    TEXT = 14
    UUID = 15
    DATASET = 16
    BYTES = 17
    FILE = 18
    TEMPLATE = 19


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """One metric. ``timestamp`` in milliseconds UTC; ``value`` as carried: use :func:`typed` to read it."""

    name: str = ""
    """Empty in data messages of an edge node that uses aliases."""
    alias: int | None = None
    timestamp: int | None = None
    datatype: int = DataType.UNKNOWN
    """Required in births, optional in data messages."""
    is_historical: bool = False
    is_null: bool = False
    value: bool | int | float | str | bytes | None = None
    quality: int | None = None
    """Property ``Quality`` (192 good, 500 stale, 0 bad), when present."""


class Payload(msgspec.Struct, frozen=True, kw_only=True):
    """One message. ``timestamp`` in milliseconds UTC; ``seq`` 0 to 255."""

    timestamp: int | None = None
    seq: int | None = None
    metrics: list[Metric] = []


class Malformed(Invalid):
    """Bytes that are not a Sparkplug payload."""


_INTEGER_BITS = {
    DataType.INT8: (8, True),
    DataType.INT16: (16, True),
    DataType.INT32: (32, True),
    DataType.INT64: (64, True),
    DataType.UINT8: (8, False),
    DataType.UINT16: (16, False),
    DataType.UINT32: (32, False),
    DataType.UINT64: (64, False),
}
_LONG = {DataType.INT64, DataType.UINT64, DataType.DATETIME}
_TEXTS = {DataType.STRING, DataType.TEXT, DataType.UUID}


def typed(value: bool | int | float | str | bytes | None, datatype: int) -> bool | int | float | str | bytes | None:
    """``value`` as its datatype means it.

    Signed integers travel in unsigned fields, some senders in 8 or 16 bits, some sign-extended to 32 or 64;
    taking the low bits of the type reads all of them (§6.4.16).
    """
    if isinstance(value, int) and not isinstance(value, bool):
        width = _INTEGER_BITS.get(datatype)  # type: ignore[call-overload]
        if width is not None:
            bits, signed = width
            value &= (1 << bits) - 1
            if signed and value >> (bits - 1):
                value -= 1 << bits
        elif datatype == DataType.BOOLEAN:
            return value != 0
    return value


def decode_payload(data: bytes) -> Payload:
    """The payload in ``data``; raises :class:`Malformed`."""
    raw = _payload_class()
    try:
        raw.ParseFromString(data)
    except DecodeError as error:
        raise Malformed(mark("Not a Sparkplug payload: {reason}."), reason=str(error)[:200]) from error
    return Payload(
        timestamp=raw.timestamp if raw.HasField("timestamp") else None,
        seq=raw.seq if raw.HasField("seq") else None,
        metrics=[_metric(metric) for metric in raw.metrics],
    )


def encode_payload(payload: Payload) -> bytes:
    """The bytes of ``payload``; a value that does not fit its datatype raises :class:`Malformed`."""
    raw = _payload_class()
    if payload.timestamp is not None:
        raw.timestamp = payload.timestamp
    if payload.seq is not None:
        raw.seq = payload.seq
    try:
        for metric in payload.metrics:
            _fill(raw.metrics.add(), metric)
    except (TypeError, ValueError) as error:
        raise Malformed(
            mark("The value of {metric} does not fit its datatype: {reason}."), metric=metric.name, reason=str(error)
        ) from error
    return raw.SerializeToString(deterministic=True)


class _RawProperties(Protocol):
    keys: list[str]
    values: list[_RawMetric]


class _RawMetric(Protocol):
    """The attributes of the message class that is built at import."""

    name: str
    alias: int
    timestamp: int
    datatype: int
    type: int
    is_historical: bool
    is_null: bool
    properties: _RawProperties
    int_value: int
    long_value: int
    float_value: float
    double_value: float
    boolean_value: bool
    string_value: str
    bytes_value: bytes

    def HasField(self, name: str) -> bool: ...  # noqa: N802
    def WhichOneof(self, name: str) -> str | None: ...  # noqa: N802


class _RawMetrics(Protocol):
    def add(self) -> _RawMetric: ...
    def __iter__(self) -> _RawMetrics: ...
    def __next__(self) -> _RawMetric: ...


class _RawPayload(Protocol):
    timestamp: int
    seq: int
    metrics: _RawMetrics

    def HasField(self, name: str) -> bool: ...  # noqa: N802
    def ParseFromString(self, data: bytes) -> int: ...  # noqa: N802
    def SerializeToString(self, *, deterministic: bool) -> bytes: ...  # noqa: N802


def _metric(raw: _RawMetric) -> Metric:
    field = raw.WhichOneof("value")
    value: bool | int | float | str | bytes | None = None if field is None else getattr(raw, field)
    quality: int | None = None
    if raw.HasField("properties"):
        for key, held in zip(raw.properties.keys, raw.properties.values, strict=False):
            if key == "Quality" and held.WhichOneof("value") in ("int_value", "long_value"):
                quality = held.int_value or held.long_value
    return Metric(
        name=raw.name,
        alias=raw.alias if raw.HasField("alias") else None,
        timestamp=raw.timestamp if raw.HasField("timestamp") else None,
        datatype=raw.datatype,
        is_historical=raw.is_historical,
        is_null=raw.is_null,
        value=value,
        quality=quality,
    )


def _fill(raw: _RawMetric, metric: Metric) -> None:
    if metric.name:
        raw.name = metric.name
    if metric.alias is not None:
        raw.alias = metric.alias
    if metric.timestamp is not None:
        raw.timestamp = metric.timestamp
    if metric.datatype:
        raw.datatype = metric.datatype
    if metric.is_historical:
        raw.is_historical = True
    if metric.quality is not None:
        raw.properties.keys.append("Quality")
        quality = cast("_RawQualities", raw.properties.values).add()
        quality.type = DataType.INT32
        quality.int_value = metric.quality
    if metric.is_null or metric.value is None:
        raw.is_null = True
    else:
        _fill_value(raw, metric.datatype, metric.value)


class _RawQualities(Protocol):
    def add(self) -> _RawMetric: ...


def _fill_value(raw: _RawMetric, datatype: int, value: bool | int | float | str | bytes) -> None:
    width = _INTEGER_BITS.get(datatype)  # type: ignore[call-overload]
    if width is not None or datatype == DataType.DATETIME:
        bits, signed = width or (64, False)
        if not isinstance(value, int):
            raise TypeError(f"{value!r} is no integer")
        low, high = (-(1 << (bits - 1)), 1 << (bits - 1)) if signed else (0, 1 << bits)
        if not low <= value < high:
            raise ValueError(f"{value} is outside {low} to {high - 1}")
        if datatype in _LONG:
            raw.long_value = value & 0xFFFF_FFFF_FFFF_FFFF
        else:
            raw.int_value = value & 0xFFFF_FFFF
    elif datatype == DataType.FLOAT:
        raw.float_value = float(value)
    elif datatype == DataType.DOUBLE:
        raw.double_value = float(value)
    elif datatype == DataType.BOOLEAN:
        raw.boolean_value = bool(value)
    elif datatype in _TEXTS:
        raw.string_value = str(value)
    elif isinstance(value, bytes):
        raw.bytes_value = value
    else:
        raise TypeError(f"datatype {datatype} cannot be written")


_Field = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    "uint32": _Field.TYPE_UINT32,
    "uint64": _Field.TYPE_UINT64,
    "bool": _Field.TYPE_BOOL,
    "string": _Field.TYPE_STRING,
    "bytes": _Field.TYPE_BYTES,
    "float": _Field.TYPE_FLOAT,
    "double": _Field.TYPE_DOUBLE,
}
_PACKAGE = "gongfu.sparkplug"
# name, type, number; a type with [] repeats, one starting with = belongs to the oneof "value".
_MESSAGES = {
    "Payload": [("timestamp", "uint64", 1), ("metrics", "Metric[]", 2), ("seq", "uint64", 3)],
    "Metric": [
        ("name", "string", 1),
        ("alias", "uint64", 2),
        ("timestamp", "uint64", 3),
        ("datatype", "uint32", 4),
        ("is_historical", "bool", 5),
        ("is_null", "bool", 7),
        ("properties", "PropertySet", 9),
        ("int_value", "=uint32", 10),
        ("long_value", "=uint64", 11),
        ("float_value", "=float", 12),
        ("double_value", "=double", 13),
        ("boolean_value", "=bool", 14),
        ("string_value", "=string", 15),
        ("bytes_value", "=bytes", 16),
    ],
    "PropertySet": [("keys", "string[]", 1), ("values", "PropertyValue[]", 2)],
    "PropertyValue": [("type", "uint32", 1), ("int_value", "=uint32", 3), ("long_value", "=uint64", 4)],
}


def _build() -> type[Message]:
    file = descriptor_pb2.FileDescriptorProto(name="gongfu/sparkplug.proto", package=_PACKAGE, syntax="proto2")
    for message_name, fields in _MESSAGES.items():
        message = file.message_type.add(name=message_name)
        for name, kind, number in fields:
            field = message.field.add(name=name, number=number)
            field.label = _Field.LABEL_REPEATED if kind.endswith("[]") else _Field.LABEL_OPTIONAL
            bare = kind.strip("=[]")
            if bare in _SCALARS:
                field.type = _SCALARS[bare]
            else:
                field.type = _Field.TYPE_MESSAGE
                field.type_name = f".{_PACKAGE}.{bare}"
            if kind.startswith("="):
                if not message.oneof_decl:
                    message.oneof_decl.add(name="value")
                field.oneof_index = 0
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.Payload"))


_PayloadMessage = _build()


def _payload_class() -> _RawPayload:
    return cast("_RawPayload", _PayloadMessage())
