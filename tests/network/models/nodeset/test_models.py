"""What engineers and other programs get out of a NodeSet, and that an export loses nothing."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest

from gongfu.network.models.nodeset import comparing, reading, writing
from gongfu.network.models.nodeset.catalogue import Catalogue, Imported
from gongfu.network.models.nodeset.members import enumeration, type_model
from gongfu.network.models.nodeset.nodes import NodeClass, NodeId

from .files import BASE, PUBLIC, PUMPS, needs_public, nodeset, object_type

UNIT = """<Value><ExtensionObject xmlns="http://opcfoundation.org/UA/2008/02/Types.xsd">
<TypeId><Identifier>i=888</Identifier></TypeId><Body><EUInformation>
<NamespaceUri>http://www.opcfoundation.org/UA/units/un/cefact</NamespaceUri><UnitId>4408652</UnitId>
<DisplayName><Locale>en</Locale><Text>°C</Text></DisplayName>
<Description><Locale>en</Locale><Text>degree Celsius</Text></Description>
</EUInformation></Body></ExtensionObject></Value>"""


def variable(number: int, name: str, parent: int, more: str = "", kind: str = "i=47", rule: int = 78) -> str:
    return f"""<UAVariable NodeId="ns=1;i={number}" BrowseName="1:{name}" ParentNodeId="ns=1;i={parent}"
DataType="i=11">
<DisplayName Locale="en">{name}</DisplayName><DisplayName Locale="zh-CN">{name} 值</DisplayName>
<Description>of {name} &amp; co</Description><References>
<Reference ReferenceType="{kind}" IsForward="false">ns=1;i={parent}</Reference>
<Reference ReferenceType="i=40">i=63</Reference><Reference ReferenceType="i=37">i={rule}</Reference>
</References>{more}</UAVariable>"""


PUMP = (
    object_type(1, "MachineType")
    + variable(10, "Temperature", 1)
    + variable(11, "EngineeringUnits", 10, UNIT, "i=46")
    + object_type(2, "PumpType", above="ns=1;i=1")
    + variable(20, "Flow", 2, rule=80)
    + variable(21, "Temperature", 2)
    + """<UADataType NodeId="ns=1;i=3" BrowseName="1:Mode"><References>
<Reference ReferenceType="HasSubtype" IsForward="false">i=29</Reference></References>
<Definition Name="1:Mode"><Field Name="Off" Value="0"/><Field Name="On" Value="1"/></Definition></UADataType>"""
)


@pytest.fixture
def pump(tmp_path: Path) -> Imported:
    (tmp_path / "base.xml").write_bytes(BASE)
    catalogue = Catalogue.of_folder(tmp_path)
    return catalogue.load_bytes("pump.xml", nodeset(PUMP, requires="http://opcfoundation.org/UA/")).complete()


def test_a_type_has_what_it_inherits_and_the_nearer_declaration_wins(pump: Imported) -> None:
    model = type_model(pump.space, NodeId(PUMPS, "i=2"))
    members = dict(model.walk())
    assert list(members) == ["Temperature", "Flow"]
    assert members["Flow"].rule == "Optional"
    assert members["Temperature"].node.id == NodeId(PUMPS, "i=21")
    assert model.supertypes[0] == NodeId(PUMPS, "i=1")


def test_units_languages_and_enumerations_are_understood(pump: Imported) -> None:
    machine = type_model(pump.space, NodeId(PUMPS, "i=1")).members[0]
    assert machine.unit is not None
    assert (machine.unit.display, machine.unit.code) == ("°C", "CEL")
    assert (machine.node.display("zh"), machine.node.display("en")) == ("Temperature 值", "Temperature")
    assert machine.node.describe() == "of Temperature & co"
    assert enumeration(pump.space, NodeId(PUMPS, "i=3")) == [(0, "Off"), (1, "On")]


def test_an_export_reads_back_as_an_equivalent_model(pump: Imported) -> None:
    again = reading.read_bytes("again.xml", writing.write(pump.nodeset))
    assert not list(comparing.differences(pump.nodeset, again))


def test_a_comparison_notices_every_kind_of_change(pump: Imported) -> None:
    text = writing.write(pump.nodeset).decode()
    for old, new, what in [
        ("i=80", "i=78", "reference"),
        ("degree Celsius", "kelvin", "value"),
        ('Locale="zh-CN"', 'Locale="de"', "names"),
        ('Value="1"', 'Value="2"', "definition"),
        ('BrowseName="1:Flow"', 'BrowseName="1:Current"', "browse_name"),
        ('NodeId="ns=1;i=20"', 'NodeId="ns=1;i=200"', "node"),
    ]:
        changed = reading.read_bytes("changed.xml", text.replace(old, new, 1).encode())
        assert what in {difference.what for difference in comparing.differences(pump.nodeset, changed)}, old


@needs_public
@pytest.mark.parametrize(
    "name", ["Opc.Ua.Robotics.NodeSet2.xml", "Opc.Ua.BACnet.NodeSet2.xml", "Opc.Ua.Scales.NodeSet2.xml"]
)
def test_an_export_of_a_public_nodeset_loses_no_element_and_no_attribute(name: str) -> None:
    """Counted by a parser that is not ours."""

    def counted(content: bytes) -> Counter[str]:
        found: Counter[str] = Counter()
        for element in ElementTree.fromstring(content).iter():
            found[element.tag] += 1
            for attribute, value in element.attrib.items():
                if (attribute, value.strip()) not in DEFAULTS:
                    found[f"{element.tag} {attribute}"] += 1
        return found

    [path] = PUBLIC.rglob(name)
    content = path.read_bytes()
    assert counted(writing.write(reading.read_bytes(name, content))) == counted(content)


DEFAULTS = {("IsAbstract", "false"), ("ValueRank", "-1"), ("IsForward", "true"), ("Locale", ""), ("Version", "")}
DEFAULTS |= {("IsOptionSet", "false"), ("IsUnion", "false")}


@needs_public
def test_public_nodesets_import_with_what_they_require() -> None:
    """A sample with deep requirements; `gongfu bench models` takes all of them."""
    catalogue = Catalogue.of_folder(PUBLIC)
    assert not catalogue.unreadable
    [path] = [path for path in catalogue.paths if path.name == "Opc.Ua.MachineTool.NodeSet2.xml"]
    tool = catalogue.load(path)
    assert {needed.uri for needed in tool.missing} <= {"http://opcfoundation.org/UA/ISA95-JOBCONTROL_V2/"}
    [node] = [node for node in tool.space.types(NodeClass.OBJECT_TYPE) if node.browse_name.name == "MachineToolType"]
    paths = {path for path, _member in type_model(tool.space, node.id).walk()}
    assert {"Monitoring", "Production/ActiveProgram/Name", "Identification/SerialNumber"} <= paths
