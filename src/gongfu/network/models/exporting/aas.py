"""A model as a submodel template of the Asset Administration Shell, JSON of metamodel version 3.0 (IDTA-01001-3-0).

GB/T 42405.1-2023 管理壳 is the same idea in China's standards. The environment holds one submodel of kind *Template*,
with collections for nameplate, operating values, states, alarms and operations, and a concept description for every
value (data specification IEC 61360).
"""

from __future__ import annotations

import json

from gongfu.network.models.types import Argument, DeviceType, Kind, NameplateField, TagType, Text
from gongfu.network.models.units import known

Plain = dict[str, object]
METAMODEL = "3.0"
_TYPES: dict[Kind, str] = {"number": "xs:double", "boolean": "xs:boolean", "text": "xs:string", "array": "xs:double"}
_DATA_TYPES: dict[Kind, str] = {
    "number": "REAL_MEASURE",
    "boolean": "BOOLEAN",
    "text": "STRING",
    "array": "REAL_MEASURE",
}
_IEC61360 = "https://admin-shell.io/DataSpecificationTemplates/DataSpecificationIec61360/3"


def environment(model: DeviceType) -> Plain:
    """The environment with submodel template and concept descriptions."""
    base = f"urn:gongfu:model:{model.id}:{model.version}"
    parts = [
        _collection("Nameplate", [_nameplate(base, field) for field in model.nameplate]),
        _collection("OperatingValues", [_tag(base, tag) for tag in model.tags]),
        _collection("States", [_constant(state.key, state.name, str(state.code)) for state in model.states]),
        _collection("Alarms", [_constant(alarm.key, alarm.name, alarm.severity) for alarm in model.alarms]),
        _collection(
            "Operations",
            [_operation(method.key, method.name, method.arguments) for method in model.methods],
        ),
    ]
    version, _, revision = model.version.partition(".")
    submodel: Plain = {
        "modelType": "Submodel",
        "id": base,
        "idShort": _id_short(model.id),
        "kind": "Template",
        "administration": {"version": version, "revision": revision.partition(".")[0]},
        "displayName": _texts(model.name),
        "submodelElements": [part for part in parts if part is not None],
    }
    concepts = [_concept(base, tag) for tag in model.tags]
    return {"submodels": [submodel], **({"conceptDescriptions": concepts} if concepts else {})}


def write(model: DeviceType) -> bytes:
    """The file."""
    return json.dumps(environment(model), ensure_ascii=False, indent=2).encode() + b"\n"


def _collection(name: str, elements: list[Plain]) -> Plain | None:
    # The metamodel forbids empty lists.
    return {"modelType": "SubmodelElementCollection", "idShort": name, "value": elements} if elements else None


def _nameplate(base: str, field: NameplateField) -> Plain:
    return {
        "modelType": "Property",
        "idShort": _id_short(field.key),
        "displayName": _texts(field.name),
        "valueType": "xs:string",
        "qualifiers": [_qualifier("Cardinality", "ZeroToOne")],
    }


def _tag(base: str, tag: TagType) -> Plain:
    array = tag.kind == "array"
    kind: Plain = {"typeValueListElement": "Property", "valueTypeListElement": _TYPES[tag.kind]} if array else {}
    return {
        "modelType": "SubmodelElementList" if array else "Property",
        "idShort": _id_short(tag.key),
        "displayName": _texts(tag.name),
        "semanticId": _reference(f"{base}:{tag.key}"),
        **(kind or {"valueType": _TYPES[tag.kind]}),
        "qualifiers": [
            _qualifier("Cardinality", "One" if tag.required else "ZeroToOne"),
            *([_qualifier("AccessRights", "read-write")] if tag.writable else []),
        ],
    }


def _constant(key: str, name: Text, value: str) -> Plain:
    return {
        "modelType": "Property",
        "idShort": _id_short(key),
        "displayName": _texts(name),
        "valueType": "xs:string",
        "value": value,
    }


def _operation(key: str, name: Text, arguments: list[Argument]) -> Plain:
    given = [
        {
            "value": {
                "modelType": "Property",
                "idShort": _id_short(argument.key),
                "displayName": _texts(argument.name),
                "valueType": _TYPES[argument.kind],
            }
        }
        for argument in arguments
    ]
    operation: Plain = {"modelType": "Operation", "idShort": _id_short(key), "displayName": _texts(name)}
    return operation | {"inputVariables": given} if given else operation


def _concept(base: str, tag: TagType) -> Plain:
    content: Plain = {
        "modelType": "DataSpecificationIec61360",
        "preferredName": _texts(tag.name),
        "dataType": _DATA_TYPES[tag.kind] if tag.unit or tag.kind != "number" else "REAL_COUNT",
    }
    unit = known(tag.unit) if tag.unit else None
    if tag.unit:
        content["unit"] = tag.unit
    if unit is not None and unit.cefact:
        content["unitId"] = _reference(f"urn:un:unece:uncefact:codelist:standard:6:Recommendation20:{unit.cefact}")
    return {
        "modelType": "ConceptDescription",
        "id": f"{base}:{tag.key}",
        "idShort": _id_short(tag.key),
        "embeddedDataSpecifications": [
            {"dataSpecification": _reference(_IEC61360), "dataSpecificationContent": content}
        ],
    }


def _texts(name: Text) -> list[Plain]:
    return [{"language": "zh-CN", "text": name.zh}, {"language": "en", "text": name.en}]


def _reference(identifier: str) -> Plain:
    return {"type": "ExternalReference", "keys": [{"type": "GlobalReference", "value": identifier}]}


def _qualifier(kind: str, value: str) -> Plain:
    return {"kind": "TemplateQualifier", "type": kind, "valueType": "xs:string", "value": value}


def _id_short(key: str) -> str:
    """``spindle_speed`` → ``SpindleSpeed``: letters, digits and underscores, a letter first (AASd-002)."""
    return "".join(part[:1].upper() + part[1:] for part in key.replace("-", "_").split("_"))
