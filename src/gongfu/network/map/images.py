"""Pictures that people upload as plans: known by their content, measured, and without anything that acts. Pure."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET

import msgspec
from defusedxml import ElementTree as Defused
from defusedxml.common import DefusedXmlException

from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark

MOST_BYTES = 3_000_000
MOST_PIXELS = 40_000_000
MOST_SIDE = 20_000
MOST_ELEMENTS = 20_000
SVG = "http://www.w3.org/2000/svg"
_PNG = b"\x89PNG\r\n\x1a\n"
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""JPEG markers SOF0 … SOF15 without DHT, JPG, DAC (ITU-T T.81 table B.1)."""
_DRAWN = """
    svg g defs symbol title desc path rect circle ellipse line polyline polygon text tspan clipPath mask pattern
    linearGradient radialGradient stop marker use
"""
_DRAWS = frozenset(_DRAWN.split())
_SAID = """
    id x y x1 y1 x2 y2 cx cy r rx ry fx fy d points width height viewBox transform fill fill-opacity fill-rule stroke
    stroke-width stroke-opacity stroke-linecap stroke-linejoin stroke-dasharray stroke-miterlimit opacity offset
    stop-color stop-opacity font-size font-family font-weight font-style text-anchor dominant-baseline dx dy rotate
    letter-spacing clip-path clip-rule clipPathUnits mask maskUnits maskContentUnits gradientUnits gradientTransform
    spreadMethod patternUnits patternTransform patternContentUnits markerWidth markerHeight refX refY orient
    markerUnits marker-start marker-mid marker-end preserveAspectRatio version display visibility color
"""
_SAYS = frozenset(_SAID.split())
_LENGTH = re.compile(r"\s*([0-9]{1,6}(?:\.[0-9]{1,6})?)\s*(px)?\s*\Z")
_ELSEWHERE = re.compile(r"url\s*\((?!\s*['\"]?#)|[a-z]+:|//|\\|@import|expression", re.IGNORECASE)


class Picture(msgspec.Struct, frozen=True):
    """A picture that may be shown. ``data`` is what was sent; of an SVG what is left of it."""

    media: str
    width: int
    height: int
    data: bytes


def checked(data: bytes) -> Picture:
    """A PNG, JPEG or SVG, whatever its name says; raises :class:`Invalid`."""
    if len(data) > MOST_BYTES:
        raise Invalid(mark("The picture is larger than {most} MB."), most=MOST_BYTES // 1_000_000)
    if data.startswith(_PNG):
        return _sized("image/png", *_png(data), data)
    if data.startswith(b"\xff\xd8\xff"):
        return _sized("image/jpeg", *_jpeg(data), data)
    if b"<svg" in data[:5000] or b":svg" in data[:5000]:
        return _svg(data)
    raise Invalid(
        mark("This is no picture that can be shown."), remedy=mark("Send a PNG, a JPEG or an SVG of the site's plan.")
    )


def _sized(media: str, width: int, height: int, data: bytes) -> Picture:
    if not (0 < width <= MOST_SIDE and 0 < height <= MOST_SIDE) or width * height > MOST_PIXELS:
        raise Invalid(
            mark("The picture has {width} × {height} points."),
            remedy=mark("Make it smaller: 4000 points across are plenty."),
            width=width,
            height=height,
        )
    return Picture(media, width, height, data)


def _png(data: bytes) -> tuple[int, int]:
    """Of the chunk IHDR, which must come first (PNG 3rd edition §11.2.1)."""
    if len(data) < 33 or data[12:16] != b"IHDR":
        raise _broken()
    return int.from_bytes(data[16:20]), int.from_bytes(data[20:24])


def _jpeg(data: bytes) -> tuple[int, int]:
    """Of the first frame header (ITU-T T.81 §B.2.2)."""
    at = 2
    while at + 9 <= len(data):
        if data[at] != 0xFF:
            raise _broken()
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker == 0x01 or 0xD0 <= marker <= 0xD9:
            at += 2
            continue
        if marker in _FRAMES:
            return int.from_bytes(data[at + 7 : at + 9]), int.from_bytes(data[at + 5 : at + 7])
        length = int.from_bytes(data[at + 2 : at + 4])
        if length < 2 or marker == 0xDA:
            break
        at += 2 + length
    raise _broken()


def _svg(data: bytes) -> Picture:
    try:
        root: ET.Element = Defused.fromstring(data, forbid_dtd=False, forbid_entities=True, forbid_external=True)
    except (ET.ParseError, DefusedXmlException, ValueError, LookupError, RecursionError):
        raise _broken() from None
    if root.tag != f"{{{SVG}}}svg":
        raise _broken()
    if sum(1 for _ in root.iter()) > MOST_ELEMENTS:
        raise Invalid(mark("The drawing has more than {most} parts."), most=MOST_ELEMENTS)
    clean = _cleaned(root, 0)
    width, height = _extent(root)
    picture = _sized("image/svg+xml", width, height, b"")
    clean.set("width", str(width))
    clean.set("height", str(height))
    clean.attrib.setdefault("viewBox", f"0 0 {width} {height}")
    clean.set("xmlns", SVG)
    return msgspec.structs.replace(picture, data=ET.tostring(clean, "utf-8"))


def _cleaned(element: ET.Element, depth: int) -> ET.Element:
    """Only what draws, only with attributes that say how; nothing that runs, nothing from elsewhere."""
    if depth > 60:
        raise _broken()
    made = ET.Element(element.tag.rpartition("}")[2])
    for name, value in element.attrib.items():
        local = name.rpartition("}")[2]
        if local == "href" and made.tag == "use" and value.startswith("#"):
            made.set("href", value)
        elif name in _SAYS and not _ELSEWHERE.search(value):
            made.set(name, value)
        elif name == "style":
            for part in value.split(";"):
                what, _, how = part.partition(":")
                if what.strip() in _SAYS and how.strip() and not _ELSEWHERE.search(how):
                    made.set(what.strip(), how.strip())
    made.text = element.text
    for child in element:
        if isinstance(child.tag, str) and child.tag.startswith(f"{{{SVG}}}") and child.tag.rpartition("}")[2] in _DRAWS:
            kept = _cleaned(child, depth + 1)
            kept.tail = child.tail
            made.append(kept)
    return made


def _extent(root: ET.Element) -> tuple[int, int]:
    """Width and height: as the drawing says, else of its view box."""
    sides = [_LENGTH.match(root.get(name, "")) for name in ("width", "height")]
    if sides[0] and sides[1]:
        return math.ceil(float(sides[0][1])), math.ceil(float(sides[1][1]))
    try:
        box = [float(part) for part in root.get("viewBox", "").replace(",", " ").split()]
    except ValueError:
        raise _broken() from None
    if len(box) != 4 or not all(math.isfinite(part) and abs(part) < 1e6 for part in box):
        raise Invalid(
            mark("The drawing does not say how large it is."),
            remedy=mark("Give it a width and a height, or a viewBox."),
        )
    return math.ceil(box[2]), math.ceil(box[3])


def _broken() -> Invalid:
    return Invalid(mark("The picture is damaged, or not what it seems."), remedy=mark("Save it anew as PNG or SVG."))
