"""What engineers and other programs get out of a NodeSet, and that an export loses nothing."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest

from gongfu.network.models.nodeset import comparing, reading, writing
from gongfu.network.models.nodeset.catalogue import Catalogue, Imported
from gongfu.network.models.nodeset.members import enumeration, type_model
from gongfu.network.models.nodeset.nodes import Definition, NodeClass, NodeId

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


ODD = """<?xml version="1.0" encoding="utf-8"?>
<UANodeSet xmlns="http://opcfoundation.org/UA/2011/03/UANodeSet.xsd" Version="1.01" LastModified="2012-01-01T00:00:00Z"
 xmlns:u="http://opcfoundation.org/UA/2008/02/Types.xsd" xmlns:i="http://www.w3.org/2001/XMLSchema-instance">
<NamespaceUris><Uri>http://example.org/Pumps/</Uri><Uri>http://example.org/Pumps/</Uri></NamespaceUris>
<ServerUris><Uri>urn:other:server</Uri></ServerUris>
<Models><Model ModelUri="http://example.org/Pumps/" XmlSchemaUri="urn:x"><RolePermissions>
<RolePermission Permissions="7">i=15644</RolePermission></RolePermissions>
<RequiredModel ModelUri="http://opcfoundation.org/UA/" ModelVersion="1.5.4" XmlSchemaUri="urn:y"/></Model></Models>
<Aliases><Alias Alias="Thing">ns=1;i=3</Alias></Aliases>
<UADataType NodeId="ns=1;i=3" BrowseName="1:Thing" ReleaseStatus="Deprecated"><Definition Name="1:Thing"
 IsUnion="TRUE" BaseType="i=22" SymbolicName="S">
<Field Name="A" DataType="i=12" AllowSubTypes="true" IsOptional="true" ValueRank="2"
 ArrayDimensions="0,0"><DisplayName Locale="de">Feld</DisplayName>
<Definition Name="inner"><Field Name="x"/></Definition>
</Field></Definition></UADataType>
<UADataType NodeId="ns=1;i=4" BrowseName="1:Options"><Definition Name="1:Options" IsOptionSet="1">
<Field Name="High" Value="63"/></Definition></UADataType>
<UAVariable NodeId="ns=2;s= a b;c" BrowseName="0:3:x" DataType="Thing" ValueRank="2" ArrayDimensions="2,1">
<References><Reference ReferenceType="i=47">svr=1;nsu=urn:o;s=far</Reference>
<Reference ReferenceType="i=47">svr=0;i=85</Reference><Reference ReferenceType="i=47">Thing</Reference></References>
<Value><u:ListOfExtensionObject><u:ExtensionObject><u:TypeId/><u:Body>
<t:V xmlns:t="urn:t" i:type="t:Sub" xmlns:a="urn:a" a:one="1" xmlns:b="urn:b" b:two="2"
>so <t:b>bold</t:b> it is<t:n i:nil="true"/></t:V><plain xmlns=""> </plain></u:Body>
</u:ExtensionObject></u:ListOfExtensionObject></Value></UAVariable>
<UAVariable NodeId="ns=1;i=6" BrowseName="1:M"><Value><u:Matrix><u:Dimensions><u:UInt32>2</u:UInt32></u:Dimensions>
<u:Elements><u:LocalizedText><u:Locale/><u:Text>  </u:Text></u:LocalizedText></u:Elements></u:Matrix></Value>
</UAVariable>
</UANodeSet>"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_rare_forms_survive_reading_and_writing(encoding: str) -> None:
    """Old and unusual, and each found in some file or allowed by the schema."""
    content = ODD.replace('encoding="utf-8"', 'encoding="utf-16"') if encoding == "utf-16" else ODD
    before = reading.read_bytes("odd.xml", content.encode(encoding))
    written = writing.write(before)
    again = reading.read_bytes("odd.xml", written)
    assert not list(comparing.differences(before, again))
    root = ElementTree.fromstring(written)
    own = "{http://opcfoundation.org/UA/2011/03/UANodeSet.xsd}"
    assert root.get("Version") == "1.01"
    required = root.find(f".//{own}RequiredModel")
    assert required is not None
    assert (required.get("ModelVersion"), required.get("XmlSchemaUri")) == ("1.5.4", "urn:y")
    assert [element.text for element in root.iter(f"{own}Reference")] == ["svr=1;nsu=urn:o;s=far", "i=85", "ns=1;i=3"]
    [value] = root.iter("{urn:t}V")
    assert (value.text, value[0].tail, value.get("{urn:a}one"), value.get("{urn:b}two")) == ("so ", " it is", "1", "2")
    prefix = (value.get("{http://www.w3.org/2001/XMLSchema-instance}type") or "").partition(":")[0]
    assert f'xmlns:{prefix}="urn:t"'.encode() in written
    assert [element.text for element in root.iter("plain")] == [" "]
    assert [element.text for element in root.iter("{http://opcfoundation.org/UA/2008/02/Types.xsd}Text")] == ["  "]
    assert len(list(root.iter(f"{own}Definition"))) == 3
    assert (before.nodes[NodeId(PUMPS, "i=3")].definition or Definition("", ())).is_union


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
