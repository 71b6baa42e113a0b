"""What other systems get of our models, and what NodeSets become among them."""

from __future__ import annotations

import json

import msgspec
import pytest

from gongfu.network.models import importing, library
from gongfu.network.models.exporting import aas, json_schema, opcua
from gongfu.network.models.nodeset import comparing, reading
from gongfu.network.models.nodeset.catalogue import Catalogue
from gongfu.network.models.nodeset.members import type_model
from gongfu.network.models.nodeset.nodes import NodeClass
from gongfu.network.models.types import Argument, DeviceType, Text

from .nodeset.files import PUBLIC, needs_public

DATE = "2026-11-21T00:00:00Z"
SOME = [model for model in library.types() if model.tags][::11]


@pytest.mark.parametrize("model", SOME, ids=lambda model: model.id)
def test_the_nodeset_of_a_model_reads_back_as_it_was_built(model: DeviceType) -> None:
    found = Catalogue().load_bytes("model.xml", opcua.write(model, DATE))
    assert not list(comparing.differences(opcua.nodeset(model, DATE), found.nodeset))
    [node] = found.space.types(NodeClass.OBJECT_TYPE)
    draft = importing.device_type(found.space, type_model(found.space, node.id))
    assert draft.name == model.name
    assert len([tag for tag in draft.tags if "/" not in tag.opcua]) >= len(model.tags)
    again = {tag.key: tag for tag in draft.tags}
    for tag in model.tags:
        if tag.key in again and tag.role != "state":
            assert (again[tag.key].unit, again[tag.key].kind) == (tag.unit, tag.kind), tag.key


@needs_public
def test_the_nodeset_of_a_model_stands_on_the_real_base() -> None:
    catalogue = Catalogue(PUBLIC.rglob("Opc.Ua.NodeSet2.xml"))
    found = catalogue.load_bytes("model.xml", opcua.write(library.type_by_id("hydraulic-press"), DATE)).complete()
    assert not found.warnings


def test_arguments_of_methods_are_exported() -> None:
    pump = library.type_by_id("centrifugal-pump")
    method = msgspec.structs.replace(
        pump.methods[0], arguments=[Argument(key="speed", name=Text("转速", "Speed"), unit="r/min", low=0, high=3000)]
    )
    content = opcua.write(msgspec.structs.replace(pump, methods=[method]), DATE)
    nodes = reading.read_bytes("pump.xml", content).nodes.values()
    [arguments] = [node for node in nodes if node.browse_name.name == "InputArguments"]
    assert arguments.value is not None
    assert arguments.value_rank == 1


@pytest.mark.parametrize("model", SOME, ids=lambda model: model.id)
def test_the_submodel_template_keeps_the_rules_of_the_metamodel(model: DeviceType) -> None:
    """AASd-002 (idShort), AASd-022 (unique in its collection), no empty lists (Part 1 V3.0)."""
    environment = json.loads(aas.write(model))

    def walk(elements: list[dict[str, object]]) -> None:
        names = [str(element["idShort"]) for element in elements]
        assert len(set(names)) == len(names)
        for name in names:
            assert name[0].isalpha()
            assert name.replace("_", "").isalnum()
        for element in elements:
            inner = element.get("value")
            if isinstance(inner, list):
                assert inner
                walk(inner)

    [submodel] = environment["submodels"]
    assert submodel["kind"] == "Template"
    walk(submodel["submodelElements"])
    concepts = {concept["id"] for concept in environment["conceptDescriptions"]}
    assert len(concepts) == len(model.tags)


def test_the_schema_tells_good_readings_from_bad_ones() -> None:
    schema = json_schema.schema(library.type_by_id("centrifugal-pump"))
    properties = schema["properties"]
    assert isinstance(properties, dict)
    assert properties["state"]["enum"] == [0, 1, 2]
    assert properties["flow"]["minimum"] == 0
    assert properties["flow"]["x-unit"] == "m³/h"
    assert schema["required"] == ["flow"]
