"""Small NodeSets for tests, and where the public ones lie when they do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_PLACES = [above / "shared" / "data" / "nodesets" for above in Path(__file__).resolve().parents[5:7]]
_NAMED = os.environ.get("GONGFU_NODESETS")
PUBLIC = Path(_NAMED) if _NAMED else next((place for place in _PLACES if place.is_dir()), _PLACES[0])
needs_public = pytest.mark.skipif(not PUBLIC.is_dir(), reason="the public NodeSets are not here")

PUMPS = "http://example.org/Pumps/"


def nodeset(nodes: str, *, uri: str = PUMPS, requires: str = "", more: str = "", head: str = "") -> bytes:
    """A file of one model; ``ns=1`` is its namespace, ``ns=2`` that of ``requires``."""
    further = f"<Uri>{requires}</Uri>" if requires else ""
    needed = f'<RequiredModel ModelUri="{requires}"/>' if requires else ""
    return f"""<?xml version="1.0" encoding="utf-8"?>{head}
<UANodeSet xmlns="http://opcfoundation.org/UA/2011/03/UANodeSet.xsd">
<NamespaceUris><Uri>{uri}</Uri>{further}</NamespaceUris>
<Models><Model ModelUri="{uri}" Version="1.0.0" PublicationDate="2026-01-01T00:00:00Z">{needed}</Model></Models>
<Aliases><Alias Alias="HasSubtype">i=45</Alias></Aliases>
{nodes}{more}
</UANodeSet>""".encode()


def object_type(number: int, name: str, *, above: str = "i=58", more: str = "") -> str:
    """A type below ``above``."""
    return f"""<UAObjectType NodeId="ns=1;i={number}" BrowseName="1:{name}"><DisplayName>{name}</DisplayName>
<References><Reference ReferenceType="HasSubtype" IsForward="false">{above}</Reference>{more}</References>
</UAObjectType>"""


BASE = b"""<UANodeSet xmlns="http://opcfoundation.org/UA/2011/03/UANodeSet.xsd">
<Models><Model ModelUri="http://opcfoundation.org/UA/" Version="1.05" PublicationDate="2024-01-01T00:00:00Z"/></Models>
<UAReferenceType NodeId="i=31" BrowseName="References" IsAbstract="true"/>
<UAReferenceType NodeId="i=33" BrowseName="HierarchicalReferences"><References>
<Reference ReferenceType="i=45" IsForward="false">i=31</Reference></References></UAReferenceType>
<UAReferenceType NodeId="i=44" BrowseName="Aggregates"><References>
<Reference ReferenceType="i=45" IsForward="false">i=33</Reference></References></UAReferenceType>
<UAReferenceType NodeId="i=45" BrowseName="HasSubtype"><References>
<Reference ReferenceType="i=45" IsForward="false">i=33</Reference></References></UAReferenceType>
<UAReferenceType NodeId="i=46" BrowseName="HasProperty"><References>
<Reference ReferenceType="i=45" IsForward="false">i=44</Reference></References></UAReferenceType>
<UAReferenceType NodeId="i=47" BrowseName="HasComponent"><References>
<Reference ReferenceType="i=45" IsForward="false">i=44</Reference></References></UAReferenceType>
<UAReferenceType NodeId="i=40" BrowseName="HasTypeDefinition"><References>
<Reference ReferenceType="i=45" IsForward="false">i=31</Reference></References></UAReferenceType>
<UAReferenceType NodeId="i=37" BrowseName="HasModellingRule"><References>
<Reference ReferenceType="i=45" IsForward="false">i=31</Reference></References></UAReferenceType>
<UAObjectType NodeId="i=58" BrowseName="BaseObjectType"/>
<UAVariableType NodeId="i=62" BrowseName="BaseVariableType"/>
<UAVariableType NodeId="i=63" BrowseName="BaseDataVariableType"><References>
<Reference ReferenceType="i=45" IsForward="false">i=62</Reference></References></UAVariableType>
<UAVariableType NodeId="i=68" BrowseName="PropertyType"><References>
<Reference ReferenceType="i=45" IsForward="false">i=62</Reference></References></UAVariableType>
<UADataType NodeId="i=24" BrowseName="BaseDataType"/>
<UADataType NodeId="i=29" BrowseName="Enumeration"><References>
<Reference ReferenceType="i=45" IsForward="false">i=24</Reference></References></UADataType>
<UADataType NodeId="i=11" BrowseName="Double"><References>
<Reference ReferenceType="i=45" IsForward="false">i=24</Reference></References></UADataType>
<UADataType NodeId="i=887" BrowseName="EUInformation"><References>
<Reference ReferenceType="i=45" IsForward="false">i=24</Reference></References></UADataType>
<UAObject NodeId="i=78" BrowseName="Mandatory"/><UAObject NodeId="i=80" BrowseName="Optional"/>
</UANodeSet>"""
"""As much of namespace 0 as the tests need."""
