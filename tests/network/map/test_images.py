"""Pictures of sites: known by their content, measured, harmless."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gongfu.kernel.errors import Invalid
from gongfu.network.map import images
from gongfu.network.map.images import checked


def raster(kind: str, width: int = 320, height: int = 200) -> bytes:
    """As Pillow, a foreign program, writes it."""
    out = io.BytesIO()
    Image.new("RGB", (width, height), "white").save(out, kind)
    return out.getvalue()


def svg(inside: str, head: str = 'width="300" height="200"') -> bytes:
    return f'<svg xmlns="http://www.w3.org/2000/svg" {head}>{inside}</svg>'.encode()


@pytest.mark.parametrize(("kind", "media"), [("PNG", "image/png"), ("JPEG", "image/jpeg")])
def test_a_picture_is_known_by_its_content(kind: str, media: str) -> None:
    found = checked(raster(kind))
    assert (found.media, found.width, found.height) == (media, 320, 200)
    assert found.data == raster(kind)


def test_a_drawing_keeps_its_lines_and_its_size() -> None:
    found = checked(svg('<rect x="1" width="20" style="fill:#fff;stroke:red"/><text>一车间 &amp; 二车间</text>'))
    assert (found.media, found.width, found.height) == ("image/svg+xml", 300, 200)
    root = ET.fromstring(found.data)
    assert [child.tag.rpartition("}")[2] for child in root] == ["rect", "text"]
    assert root[0].get("stroke") == "red"
    assert root[1].text == "一车间 & 二车间"
    assert root.get("viewBox") == "0 0 300 200"


def test_a_drawing_may_say_its_size_by_its_view_box() -> None:
    found = checked(svg("<g/>", 'viewBox="0 0 640.5 480"'))
    assert (found.width, found.height) == (641, 480)


@pytest.mark.parametrize(
    "inside",
    [
        "<script>alert(1)</script>",
        '<rect onload="alert(1)" width="3" height="3"/>',
        '<a href="javascript:alert(1)"><rect/></a>',
        '<image href="http://example.org/x.png"/>',
        "<foreignObject><body xmlns='http://www.w3.org/1999/xhtml'><script>1</script></body></foreignObject>",
        '<use href="http://example.org/x.svg#a"/>',
        '<rect fill="url(http://example.org/x)"/>',
        '<rect style="fill: url(//example.org/x)"/>',
        "<style>@import url(http://example.org/x);</style>",
        '<set attributeName="href" to="javascript:alert(1)"/>',
        '<animate attributeName="href" values="javascript:alert(1)"/>',
        '<rect xlink:href="javascript:alert(1)" xmlns:xlink="http://www.w3.org/1999/xlink"/>',
    ],
)
def test_nothing_in_a_drawing_acts_or_loads(inside: str) -> None:
    said = checked(svg(inside)).data.decode()
    banned = "script onload javascript example.org foreignObject import animate <set <image"
    assert not [word for word in banned.split(" ") if word in said]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GIF89a" + bytes(50),
        b"%PDF-1.7",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff\xe0",
        b"<svg",
        b"<html><svg></svg></html>",
        svg("", ""),
        svg("", 'viewBox="0 0 nan 3"'),
        svg("", 'width="0" height="10"'),
        svg("", 'width="100%" height="100%"'),
        b'<!DOCTYPE svg [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><svg xmlns="http://www.w3.org/2000/svg">&b;</svg>',
        b'<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg xmlns="http://www.w3.org/2000/svg">&x;</svg>',
        svg("<g>" * 100 + "</g>" * 100),
        b"\x89PNG\r\n\x1a\n" + bytes(4) + b"IHDR" + (50_000).to_bytes(4) * 2 + bytes(20),
    ],
)
def test_what_is_no_picture_of_a_site_is_refused(data: bytes) -> None:
    with pytest.raises(Invalid):
        checked(data)


def test_a_picture_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "MOST_BYTES", 10)
    with pytest.raises(Invalid):
        checked(raster("PNG"))


@given(st.binary(max_size=300), st.sampled_from(["PNG", "JPEG", "SVG"]), st.integers(0, 300))
def test_damaged_pictures_are_refused_and_never_crash(noise: bytes, kind: str, at: int) -> None:
    whole = svg('<rect width="3"/>') if kind == "SVG" else raster(kind, 8, 8)
    damaged = whole[:at] + noise + whole[at + len(noise) :]
    try:
        found = checked(damaged)
    except Invalid:
        return
    assert 0 < found.width <= images.MOST_SIDE
    assert found.media.startswith("image/")
