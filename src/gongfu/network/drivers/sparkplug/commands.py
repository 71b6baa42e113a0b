"""Values for metrics: the payload of NCMD and DCMD (Sparkplug 3.0.0). Pure but for the clock."""

from __future__ import annotations

import math
import time

import msgspec

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import Refusal
from gongfu.network.drivers.sparkplug.wire import DataType, Malformed, Metric, Payload, encode_payload

_WHOLE = frozenset(
    {
        *(DataType.INT8, DataType.INT16, DataType.INT32, DataType.INT64),
        *(DataType.UINT8, DataType.UINT16, DataType.UINT32, DataType.UINT64, DataType.DATETIME),
    }
)
_TEXTS = frozenset({DataType.STRING, DataType.TEXT, DataType.UUID})
_LARGEST_FLOAT = 3.4028234663852886e38
"""IEEE 754 single precision."""


def command(metric: Metric, value: float | bool | str) -> bytes:
    """The payload that sets ``metric``, as its birth declared it, to ``value``; raises :class:`Refusal`.

    A metric that was born with an alias is named by it alone (tck-id-payloads-alias-data-cmd-requirement).
    """
    fit = _fit(metric, value)
    now = time.time_ns() // 1_000_000
    sent = msgspec.structs.replace(
        metric, name=metric.name if metric.alias is None else "", timestamp=now, value=fit, is_null=False
    )
    try:
        return encode_payload(Payload(timestamp=now, metrics=[sent]))
    except Malformed as error:
        raise _refused(metric, value) from error


def _fit(metric: Metric, value: float | bool | str) -> float | int | bool | str:
    kind = metric.datatype
    if kind == DataType.BOOLEAN and value in (0, 1):
        return bool(value)
    if kind in _TEXTS and isinstance(value, str):
        return value
    if not isinstance(value, str | bool) and math.isfinite(value):
        if kind in _WHOLE and value == int(value):
            return int(value)
        if kind == DataType.DOUBLE or (kind == DataType.FLOAT and abs(value) <= _LARGEST_FLOAT):
            return float(value)
    raise _refused(metric, value)


def _refused(metric: Metric, value: float | bool | str) -> Refusal:
    known = metric.datatype in DataType.__members__.values()
    return Refusal(
        mark("{value} cannot be written to the metric {name}, which is {datatype}."),
        remedy=mark("Write a value of its type and range."),
        value=repr(value)[:60],
        name=metric.name[:100],
        datatype=DataType(metric.datatype).name.lower() if known else str(metric.datatype),
    )
