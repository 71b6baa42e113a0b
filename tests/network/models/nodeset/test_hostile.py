"""Files that are broken or meant to harm: each is refused with its name and the place, none takes time or memory."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongfu.kernel.errors import GongfuError, Invalid
from gongfu.network.models.nodeset import elements, reading
from gongfu.network.models.nodeset.catalogue import Catalogue
from gongfu.network.models.nodeset.members import type_model
from gongfu.network.models.nodeset.nodes import NodeId

from .files import BASE, PUMPS, nodeset, object_type

BOMB = """<!DOCTYPE lolz [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>"""
OUTSIDE = '<!DOCTYPE x [<!ENTITY secret SYSTEM "file:///etc/passwd">]>'


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    (tmp_path / "base.xml").write_bytes(BASE)
    return Catalogue.of_folder(tmp_path)


def refusal(content: bytes) -> str:
    with pytest.raises(Invalid) as refused:
        reading.read_bytes("pump.xml", content)
    assert "pump.xml" in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize("head", [BOMB, OUTSIDE, "<!DOCTYPE UANodeSet>"])
def test_entities_and_document_types_are_refused(head: str) -> None:
    assert "document type declaration" in refusal(nodeset(object_type(1, "Pump"), head=head))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "not well-formed"),
        (b"<UANodeSet", "not well-formed"),
        (b"\x00\xff\xfe", "not well-formed"),
        (b"<html/>", "the root is html"),
        (b'<UANodeSet xmlns="urn:other"/>', "the root is"),
        (nodeset("<UAThing NodeId='ns=1;i=1'/>"), "UAThing has no place"),
        (nodeset("<UAObject BrowseName='1:x'/>"), "has no NodeId"),
        (nodeset("<UAObject NodeId='ns=1;i=1'/>"), "no BrowseName"),
        (nodeset("<UAObject NodeId='ns=9;i=1' BrowseName='x'/>"), "counts a namespace"),
        (nodeset("<UAObject NodeId='ns=1;i=1' BrowseName='7:x'/>"), "counts a namespace"),
        (nodeset("<UAObject NodeId='ns=1;i=-4' BrowseName='x'/>"), "is no NodeId"),
        (nodeset("<UAVariable NodeId='ns=1;i=4' BrowseName='x' DataType='Speed'/>"), "neither a NodeId nor"),
        (nodeset("<UAVariable NodeId='ns=1;i=4' BrowseName='x' ValueRank='many'/>"), "no whole number"),
        (nodeset(object_type(5, "Pump") * 2), "the same NodeId is there twice"),
    ],
)
def test_what_is_wrong_is_said_with_file_and_node(content: bytes, complaint: str) -> None:
    assert complaint in refusal(content)


def test_the_node_at_fault_is_named() -> None:
    assert "node ns=1;i=5" in refusal(nodeset(object_type(5, "Pump") * 2))


def test_a_file_of_a_hundred_megabytes_is_read_no_further_than_the_bound() -> None:
    class Endless(BytesIO):
        given = 0

        def read(self, size: int | None = -1) -> bytes:
            if not self.given:
                self.given = 1
                return nodeset("").replace(b"</UANodeSet>", b"")
            self.given += 65536
            return b" " * 65536

    source = Endless()
    with pytest.raises(Invalid, match="larger than 64 MB"):
        reading.parse("huge.xml", source)
    assert source.given <= elements.MOST_BYTES + 3 * 65536


def test_a_tag_without_end_is_given_up_soon() -> None:
    source = BytesIO(nodeset("").replace(b"</UANodeSet>", b"") + b'<UAObject BrowseName="' + b"x" * 20_000_000)
    with pytest.raises(Invalid, match="a tag or comment is longer than 2 MB"):
        reading.parse("tag.xml", source)
    assert source.tell() < 3 * 2**20


def test_depth_and_number_of_elements_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    deep = "<Value>" + "<a>" * 200 + "</a>" * 200 + "</Value>"
    variable = f"<UAVariable NodeId='ns=1;i=1' BrowseName='x'>{deep}</UAVariable>"
    assert "nested deeper" in refusal(nodeset(variable))
    monkeypatch.setattr(elements, "MOST_ELEMENTS", 20)
    assert "more elements" in refusal(nodeset("".join(object_type(n, f"T{n}") for n in range(30))))


@pytest.mark.parametrize(
    ("nodes", "complaint"),
    [
        (object_type(1, "A", above="ns=1;i=2") + object_type(2, "B", above="ns=1;i=1"), "subtype of itself"),
        (object_type(1, "A", above="ns=1;i=99"), "its supertype .*i=99 is missing"),
        ('<UAObject NodeId="ns=1;i=1" BrowseName="1:A" ParentNodeId="ns=1;i=77"/>', "its parent .*i=77 is missing"),
        (
            '<UAObject NodeId="ns=1;i=1" BrowseName="1:A" ParentNodeId="ns=1;i=2"/>'
            '<UAObject NodeId="ns=1;i=2" BrowseName="1:B" ParentNodeId="ns=1;i=1"/>',
            "it is its own parent",
        ),
    ],
)
def test_circles_and_missing_parents_are_refused(catalogue: Catalogue, nodes: str, complaint: str) -> None:
    with pytest.raises(Invalid, match=complaint) as refused:
        catalogue.load_bytes("pump.xml", nodeset(nodes, requires="http://opcfoundation.org/UA/"))
    assert "pump.xml" in str(refused.value)


def test_models_that_require_each_other_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(nodeset("", uri="urn:a", requires="urn:b"))
    (tmp_path / "b.xml").write_bytes(nodeset("", uri="urn:b", requires="urn:a"))
    with pytest.raises(Invalid, match="urn:a → urn:b → urn:a"):
        Catalogue.of_folder(tmp_path).load(tmp_path / "a.xml")


def test_parts_that_share_parts_do_not_multiply_without_end(catalogue: Catalogue) -> None:
    """Ten layers of ten objects, each holding all of the next: 10¹⁰ paths."""
    nodes = [object_type(1, "Machine", more="".join(_holds(10 + n) for n in range(10)))]
    for layer in range(1, 11):
        for number in range(10):
            below = "".join(_holds(10 * (layer + 1) + n) for n in range(10)) if layer < 10 else ""
            nodes.append(
                f'<UAObject NodeId="ns=1;i={10 * layer + number}" BrowseName="1:N{layer}x{number}"><References>'
                f'<Reference ReferenceType="i=37">i=78</Reference>{below}</References></UAObject>'
            )
    found = catalogue.load_bytes("wide.xml", nodeset("".join(nodes), requires="http://opcfoundation.org/UA/"))
    with pytest.raises(Invalid, match="more than 20000 members"):
        type_model(found.space, NodeId(PUMPS, "i=1"))


def _holds(number: int) -> str:
    return f'<Reference ReferenceType="i=47">ns=1;i={number}</Reference>'


def test_a_required_model_that_nobody_offers_is_named(catalogue: Catalogue) -> None:
    found = catalogue.load_bytes("pump.xml", nodeset(object_type(1, "Pump", above="ns=2;i=5"), requires="urn:di"))
    assert [needed.uri for needed in found.missing] == ["urn:di"]
    with pytest.raises(GongfuError, match=r"pump\.xml requires urn:di"):
        found.complete()


@given(st.binary(max_size=400))
def test_no_bytes_do_more_than_refuse(noise: bytes) -> None:
    for content in (noise, nodeset("").replace(b"</UANodeSet>", noise)):
        try:
            reading.read_bytes("noise.xml", content)
        except GongfuError:
            continue


@given(st.integers(0, 1200), st.binary(min_size=1, max_size=6))
def test_no_damaged_file_does_more_than_refuse(place: int, noise: bytes) -> None:
    whole = nodeset(object_type(1, "Pump", more='<Reference ReferenceType="i=47">ns=1;i=2</Reference>'))
    damaged = whole[:place] + noise + whole[place + len(noise) :]
    try:
        Catalogue().load_bytes("damaged.xml", damaged)
    except GongfuError:
        return


def test_a_file_that_is_no_nodeset_does_not_hide_the_others(tmp_path: Path) -> None:
    (tmp_path / "good.xml").write_bytes(nodeset(""))
    (tmp_path / "bad.xml").write_text("<html/>")
    catalogue = Catalogue.of_folder(tmp_path)
    assert [path.name for path in catalogue.unreadable] == ["bad.xml"]
    assert catalogue.offers(PUMPS)
