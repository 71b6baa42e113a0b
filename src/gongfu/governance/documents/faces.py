"""Faces of a PDF, and which characters they have. No Django.

GB/T 9704—2012 §5.2.3 asks for 仿宋, 黑体, 楷体 and 小标宋. None of them may be sent along. Without a folder of fonts
the PDF names FangSong, SimHei, KaiTi and STSong-Light: a reader on a Chinese office PC has them, others take a Chinese
face of their own, and only characters of GBK are relied upon. A folder (setting ``document_fonts``) with ``仿宋.ttf``,
``黑体.ttf``, ``楷体.ttf``, ``小标宋.ttf``, each of which may be missing, makes files that look the same everywhere; one
more, ``补字.ttf``, serves the characters that those lack.
"""

from __future__ import annotations

import copy
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Literal

from reportlab.lib.fonts import addMapping
from reportlab.pdfbase import _cidfontdata as cid
from reportlab.pdfbase import cidfonts, pdfmetrics
from reportlab.pdfbase.ttfonts import TTFError, TTFont

from gongfu.kernel.errors import Unavailable
from gongfu.kernel.i18n import mark

Style = Literal["仿宋", "黑体", "楷体", "小标宋"]
STYLES: Final[tuple[Style, ...]] = ("仿宋", "黑体", "楷体", "小标宋")
_NAMED: Final[dict[Style, str]] = {"仿宋": "FangSong", "黑体": "SimHei", "楷体": "KaiTi", "小标宋": "STSong-Light"}
_LATIN: Final[dict[Style, str]] = {
    "仿宋": "Times-Roman",
    "黑体": "Helvetica",
    "楷体": "Times-Roman",
    "小标宋": "Times-Roman",
}
_SERIF: Final = frozenset({"FangSong", "KaiTi"})
RARE: Final = "补字"
"""Name of the file for what the others lack."""


@dataclass(frozen=True)
class Face:
    """One style: its registered font, that for Latin letters, that for characters it lacks (empty: none)."""

    style: Style
    font: str
    latin: str
    rare: str
    embedded: bool

    def has(self, letter: str) -> bool:
        """Whether its own font has ``letter``."""
        return _has(self.font, letter) if self.embedded else _in_gbk(letter)

    def of(self, letter: str, chinese_text: bool) -> str:
        """The font that has ``letter``; empty when none has. ``chinese_text``: quotes and dashes are full width."""
        if letter.isascii() or (not chinese_text and _in_latin(letter)):
            return self.latin
        if self.has(letter):
            return self.font
        if _in_latin(letter):
            return self.latin
        return self.rare if self.rare and _has(self.rare, letter) else ""


def _in_latin(letter: str) -> bool:
    try:
        letter.encode("cp1252")
    except UnicodeEncodeError:
        return False
    return True


def _in_gbk(letter: str) -> bool:
    try:
        letter.encode("gbk")
    except UnicodeEncodeError:
        return False
    return True


def _has(font: str, letter: str) -> bool:
    return ord(letter) in pdfmetrics.getFont(font).face.charToGlyph


@cache
def faces(folder: str = "") -> dict[Style, Face]:
    """The four styles: from the files in ``folder`` as far as they are there.

    Raises :class:`Unavailable` for a file that is no TrueType font (outlines of OpenType's CFF cannot be embedded).
    """
    rare = _embedded(Path(folder) / f"{RARE}.ttf") if folder else ""
    found: dict[Style, Face] = {}
    for style in STYLES:
        own = _embedded(Path(folder) / f"{style}.ttf") if folder else ""
        found[style] = Face(style, own or _named(_NAMED[style]), _LATIN[style], rare, bool(own))
    return found


def _embedded(path: Path) -> str:
    if not path.exists():
        return ""
    name = f"doc{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
    try:
        pdfmetrics.registerFont(TTFont(name, str(path)))
    except (TTFError, OSError) as error:
        raise Unavailable(
            mark("The font {path} cannot be used: {reason}."),
            remedy=mark("Put TrueType files into the folder document_fonts, or leave the setting empty."),
            path=path.name,
            reason=error,
        ) from error
    _one_cut(name)
    return name


def _named(name: str) -> str:
    """A face that the reader of the PDF is to have: reportlab knows only one by itself, so it is told of the others."""
    if name not in cid.allowedTypeFaces:
        info = copy.deepcopy(cid.CIDFontInfo["STSong-Light"])
        child = info["DescendantFonts"][0]
        info["BaseFont"] = child["BaseFont"] = f"/{name}"
        child["FontDescriptor"] |= {"FontName": f"/{name}", "Flags": 6 if name in _SERIF else 4}
        child["CIDSystemInfo"] |= {"Supplement": 4}  # up to GB 18030—2000
        child["W"] = [1, 95, 500]  # CIDs 1–95 are ASCII: half as wide as a Chinese character
        cid.CIDFontInfo[name] = info
        cid.allowedTypeFaces.append(name)
        cid.defaultUnicodeEncodings[name] = ("chs", "UniGB-UCS2-H")
        cid.widthsByUnichar[name] = {chr(code): 500 for code in range(32, 127)}
    pdfmetrics.registerFont(cidfonts.UnicodeCIDFont(name))
    _one_cut(name)
    return name


def _one_cut(name: str) -> None:
    """Bold and italic are the same: Chinese faces have neither."""
    for bold in (0, 1):
        for italic in (0, 1):
            addMapping(name, bold, italic, name)
