"""Names, addresses, numbers as keys under which the same thing written otherwise is found again. Pure.

Full and half width, brackets, blanks, case and punctuation do not count; neither do characters that earlier editions of
GB 18030 kept in the private use area.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from typing import Final

# GB 18030-2022 annex D: the last code points that moved from the private use area.
_MOVED: Final = {
    0xE816: 0x20087,
    0xE817: 0x20089,
    0xE818: 0x200CC,
    0xE81E: 0x9FB4,
    0xE826: 0x9FB5,
    0xE82B: 0x9FB6,
    0xE82C: 0x9FB7,
    0xE831: 0x215D7,
    0xE832: 0x9FB8,
    0xE83B: 0x2298F,
    0xE843: 0x9FB9,
    0xE854: 0x9FBA,
    0xE855: 0x241FE,
    0xE864: 0x9FBB,
}
_NOTHING = re.compile(r"[\W_]+")
_PIECE = re.compile(
    r"(第?[一二三四五六七八九十百\d]+(期|批|部分|阶段|标段|子项目?|分项)"
    r"|(phase|part|stage|lot)[ivx\d]+|[一二三四五六七八九十\divx]+|[a-c])$"
)


@cache
def _table() -> dict[int, int]:
    """Private code points of GBK's FE50–FEA0, which are U+E815 and up in the 2000 edition, and what they are now."""
    moved = dict(_MOVED)
    for place, trail in enumerate((*range(0x50, 0x7F), *range(0x80, 0xA1))):
        now = ord(bytes((0xFE, trail)).decode("gb18030"))
        if not 0xE000 <= now <= 0xF8FF:
            moved[0xE815 + place] = now
    return moved


@lru_cache(maxsize=262_144)
def plain(text: str) -> str:
    """Letters, digits and characters alone, in their common form."""
    return _NOTHING.sub("", unicodedata.normalize("NFKC", text.translate(_table())).casefold())


@lru_cache(maxsize=262_144)
def company(name: str) -> str:
    """A firm's name: 有限责任公司 and 有限公司 are one."""
    return plain(name).replace("有限责任公司", "有限公司")


def core(name: str) -> str:
    """What a firm is called in speech: without its legal form; empty when fewer than four signs are left."""
    found = company(name)
    for form in ("股份有限公司", "有限公司", "有限合伙", "公司"):
        if found.endswith(form):
            found = found.removesuffix(form)
            return found if len(found) >= 4 else ""
    return ""


@lru_cache(maxsize=262_144)
def address(text: str) -> str:
    """An address down to the house; empty for one without a number, which many share."""
    found = plain(text.replace("#", "号").replace("＃", "号"))
    found = found.removeprefix("中国").replace("上海市", "上海").replace("安徽省", "安徽").replace("六安市", "六安")
    return found if any(sign.isdigit() for sign in found) and len(found) >= 5 else ""


def phone(text: str) -> str:
    """Digits of a number without country, trunk and extension; empty for fewer than seven."""
    body = re.split(r"转|ext|#|x", unicodedata.normalize("NFKC", text).casefold())[0]
    digits = re.sub(r"\D", "", body)
    digits = re.sub(r"^(0086|86(?=1\d{10}$)|86(?=0?\d{9,11}$))", "", digits).removeprefix("0")
    return digits if len(digits) >= 7 else ""


def number(text: str) -> str:
    """A number of an invoice or an account; empty for fewer than six signs."""
    found = plain(text).upper()
    return found if len(found) >= 6 else ""


def project(title: str) -> str:
    """What a project is called without the number of its piece: 一期, 第2部分, (3)."""
    found = plain(title)
    while (shorter := _PIECE.sub("", found)) != found and len(shorter) >= 4:
        found = shorter
    return found
