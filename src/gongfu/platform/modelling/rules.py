"""Pure rules of the library: what is searched. No Django, no I/O."""

from __future__ import annotations

from gongfu.network.models.types import DeviceType
from gongfu.network.models.units import UNITS


def search_text(model: DeviceType) -> str:
    """Everything a person may look for, in lower case: names, tags, units however spelt, standards, states, alarms."""
    words = [model.id, model.name.zh, model.name.en, model.source]
    for mapping in model.mappings:
        words += [mapping.standard, mapping.title]
    if model.opcua is not None:
        words += [model.opcua.namespace, model.opcua.type]
    for tag in model.tags:
        words += [tag.key, tag.name.zh, tag.name.en, tag.unit, *tag.synonyms]
        words.append(UNITS[tag.unit].ucum if tag.unit in UNITS else "")
    named = [(state.key, state.name) for state in model.states]
    named += [(alarm.key, alarm.name) for alarm in model.alarms]
    named += [(method.key, method.name) for method in model.methods]
    named += [(field.key, field.name) for field in model.nameplate]
    for key, name in named:
        words += [key, name.zh, name.en]
    return " ".join(dict.fromkeys(word for word in words if word)).lower()
