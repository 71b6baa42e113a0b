"""Numbers of namespace 0 that the reader must know before it has read anything (OPC 10000-6 Annex A)."""

from __future__ import annotations

from gongfu.network.models.nodeset.names import NUMBERS
from gongfu.network.models.nodeset.nodes import BASE, NodeId


def _id(number: int) -> NodeId:
    return NodeId(BASE, f"i={number}")


REFERENCES = _id(31)
HIERARCHICAL = _id(33)
HAS_CHILD = _id(34)
ORGANIZES = _id(35)
HAS_EVENT_SOURCE = _id(36)
HAS_MODELLING_RULE = _id(37)
HAS_ENCODING = _id(38)
HAS_DESCRIPTION = _id(39)
HAS_TYPE_DEFINITION = _id(40)
GENERATES_EVENT = _id(41)
AGGREGATES = _id(44)
HAS_SUBTYPE = _id(45)
HAS_PROPERTY = _id(46)
HAS_COMPONENT = _id(47)
HAS_INTERFACE = _id(17603)
HAS_ADD_IN = _id(17604)

RULES = {
    _id(78): "Mandatory",
    _id(80): "Optional",
    _id(83): "ExposesItsArray",
    _id(11508): "OptionalPlaceholder",
    _id(11510): "MandatoryPlaceholder",
}
"""Modelling rules (OPC 10000-3 §6.4.4)."""

BASE_OBJECT_TYPE = _id(58)
BASE_VARIABLE_TYPE = _id(62)
BASE_DATA_VARIABLE_TYPE = _id(63)
PROPERTY_TYPE = _id(68)
BASE_DATA_TYPE = _id(24)
NUMBER = _id(26)
ENUMERATION = _id(29)
STRUCTURE = _id(22)
ANALOG_UNIT_RANGE_TYPE = _id(17570)
BASE_ANALOG_TYPE = _id(15318)
OBJECTS_FOLDER = _id(85)

ALIASES = {
    name: _id(number)
    for name, number in {
        **NUMBERS,
        "Boolean": 1,
        "SByte": 2,
        "Byte": 3,
        "Int16": 4,
        "UInt16": 5,
        "Int32": 6,
        "UInt32": 7,
        "Int64": 8,
        "UInt64": 9,
        "Float": 10,
        "Double": 11,
        "String": 12,
        "DateTime": 13,
        "Guid": 14,
        "ByteString": 15,
        "XmlElement": 16,
        "NodeId": 17,
        "ExpandedNodeId": 18,
        "StatusCode": 19,
        "QualifiedName": 20,
        "LocalizedText": 21,
        "Structure": 22,
        "DataValue": 23,
        "BaseDataType": 24,
        "DiagnosticInfo": 25,
        "Number": 26,
        "Integer": 27,
        "UInteger": 28,
        "Enumeration": 29,
        "Image": 30,
        "Decimal": 50,
        "Organizes": 35,
        "HasEventSource": 36,
        "HasModellingRule": 37,
        "HasEncoding": 38,
        "HasDescription": 39,
        "HasTypeDefinition": 40,
        "GeneratesEvent": 41,
        "HasSubtype": 45,
        "HasProperty": 46,
        "HasComponent": 47,
        "HasNotifier": 48,
        "HasOrderedComponent": 49,
        "FromState": 51,
        "ToState": 52,
        "HasCause": 53,
        "HasEffect": 54,
        "HasSubStateMachine": 117,
        "HasHistoricalConfiguration": 56,
        "AlwaysGeneratesEvent": 3065,
        "HasTrueSubState": 9004,
        "HasFalseSubState": 9005,
        "HasCondition": 9006,
        "NumericRange": 291,
        "IdType": 256,
        "Argument": 296,
        "EnumValueType": 7594,
        "Duration": 290,
        "UtcTime": 294,
        "LocaleId": 295,
        "Range": 884,
        "EUInformation": 887,
        "HasInterface": 17603,
        "HasAddIn": 17604,
        "HasDictionaryEntry": 17597,
        "HasGuard": 15112,
        "HasEffectDisable": 17276,
        "HasEffectEnable": 17983,
        "HasEffectSuppressed": 17984,
        "HasEffectUnsuppressed": 17985,
        "HasAlarmSuppressionGroup": 16361,
        "AlarmGroupMember": 16362,
    }.items()
}
"""Names that files use for namespace 0 without declaring them, as they should."""

SUPERTYPES = {
    HIERARCHICAL: REFERENCES,
    HAS_CHILD: HIERARCHICAL,
    ORGANIZES: HIERARCHICAL,
    AGGREGATES: HAS_CHILD,
    HAS_SUBTYPE: HAS_CHILD,
    HAS_PROPERTY: AGGREGATES,
    HAS_COMPONENT: AGGREGATES,
    ALIASES["HasOrderedComponent"]: HAS_COMPONENT,
    HAS_ADD_IN: HAS_COMPONENT,
    **dict.fromkeys((ALIASES["Float"], ALIASES["Double"], _id(27), _id(28)), NUMBER),
    **dict.fromkeys((ALIASES[name] for name in ("SByte", "Int16", "Int32", "Int64")), _id(27)),
    **dict.fromkeys((ALIASES[name] for name in ("Byte", "UInt16", "UInt32", "UInt64")), _id(28)),
}
"""So that a file can be understood where that of OPC UA itself is not at hand."""
