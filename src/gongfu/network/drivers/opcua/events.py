"""Events, alarms and conditions as text: which fields are asked for, and what a reading says (OPC UA Parts 5 and 9)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from asyncua import ua

from gongfu.network.drivers.contract import Sample
from gongfu.network.drivers.opcua.values import microseconds

_BASE = ua.ObjectIds.BaseEventType
_ALARM = ua.ObjectIds.AlarmConditionType
_REFRESH = {ua.ObjectIds.RefreshStartEventType, ua.ObjectIds.RefreshEndEventType, ua.ObjectIds.RefreshRequiredEventType}
"""What a server says before and after it repeats its conditions (Part 9 §4.5): nothing that happened to the machine."""
_FIELDS: tuple[tuple[str, int, tuple[str, ...]], ...] = (
    ("type", _BASE, ("EventType",)),
    ("time", _BASE, ("Time",)),
    ("severity", _BASE, ("Severity",)),
    ("message", _BASE, ("Message",)),
    ("source", _BASE, ("SourceName",)),
    ("condition", ua.ObjectIds.ConditionType, ("ConditionName",)),
    ("active", _ALARM, ("ActiveState", "Id")),
    ("acknowledged", ua.ObjectIds.AcknowledgeableConditionType, ("AckedState", "Id")),
)
"""Name in the reading, type that has the field, path to it. A server answers null for what an event has not."""


def event_filter() -> ua.EventFilter:
    """Ask for every event, and of each for the fields of a reading."""
    return ua.EventFilter(
        SelectClauses=[
            ua.SimpleAttributeOperand(
                TypeDefinitionId=ua.NodeId(kind),
                BrowsePath=[ua.QualifiedName(part, 0) for part in path],
                AttributeId=ua.AttributeIds.Value,
            )
            for _, kind, path in _FIELDS
        ]
    )


def refresh(subscription: int) -> ua.CallMethodRequest:
    """Ask for the conditions that hold now (Part 9 §5.5.7)."""
    return ua.CallMethodRequest(
        ObjectId=ua.NodeId(ua.ObjectIds.ConditionType),
        MethodId=ua.NodeId(ua.ObjectIds.ConditionType_ConditionRefresh),
        InputArguments=[ua.Variant(subscription, ua.VariantType.UInt32)],
    )


def read_event(series: int, fields: Sequence[ua.Variant]) -> Sample | None:
    """A reading such as ``{"severity":700,"message":"Overtemperature","source":"PUMP1","active":true}``."""
    found: dict[str, str | int | float | bool] = {}
    time = 0
    for (name, _, _), variant in zip(_FIELDS, fields, strict=False):
        value = variant.Value if isinstance(variant, ua.Variant) else None
        if name == "time":
            time = microseconds(value if isinstance(value, datetime) else None)
            continue
        if name == "type":
            if isinstance(value, ua.NodeId) and not value.NamespaceIndex and value.Identifier in _REFRESH:
                return None
            continue
        if isinstance(value, ua.LocalizedText):
            value = value.Text
        if isinstance(value, str | int | float | bool):
            found[name] = value
    return Sample(series, json.dumps(found, ensure_ascii=False, separators=(",", ":")), time)
