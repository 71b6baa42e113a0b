"""Industries (GB/T 4754-2017) and regions (GB/T 2260) as codes with names. Pure; the lists stand in ``parameters/``."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path

import msgspec

from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark
from gongfu.network.models.types import Text

_FOLDER = Path(__file__).parent / "parameters"
_REGION = re.compile(r"[1-8][0-9]{5}")
_INDUSTRY = re.compile(r"[A-T]?([0-9]{2,4})?")


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    zh: str
    en: str
    divisions: str
    """First and last division, ``13-43``."""


class _Industries(msgspec.Struct, frozen=True):
    sections: dict[str, _Section]
    divisions: dict[str, Text]


class _Regions(msgspec.Struct, frozen=True):
    provinces: dict[str, Text]
    districts: dict[str, Text]


@cache
def _industries() -> _Industries:
    return msgspec.convert(
        tomllib.loads((_FOLDER / "industries.toml").read_text(encoding="utf-8")), _Industries, strict=False
    )


@cache
def _regions() -> _Regions:
    return msgspec.convert(
        tomllib.loads((_FOLDER / "regions.toml").read_text(encoding="utf-8")), _Regions, strict=False
    )


def check_industry(code: str) -> str:
    """``code`` if it is a section, a division, or a section with a division or a finer class (C, 34, C34, C3421).

    Raises :class:`Invalid`. Finer classes are checked by their division only.
    """
    text = code.strip().upper()
    found = _INDUSTRY.fullmatch(text)
    if found and text and section_of(text):
        letter, digits = text[:1] if text[0].isalpha() else "", found.group(1)
        if not digits or (digits[:2] in _industries().divisions and letter in ("", section_of(digits))):
            return text
    raise Invalid(
        mark("{code} is not an industry of GB/T 4754."),
        remedy=mark("Use a division such as 34, or a class with its section such as C3421."),
        code=code[:20],
    )


def section_of(code: str) -> str:
    """The section's letter of an industry code, empty when there is none."""
    if code[:1].isalpha():
        return code[0] if code[0] in _industries().sections else ""
    for letter, section in _industries().sections.items():
        first, _, last = section.divisions.partition("-")
        if first <= code[:2] <= last:
            return letter
    return ""


def division_of(code: str) -> str:
    """Section and division of an industry code, ``C34``; only the section when the code names no division."""
    digits = code.lstrip("ABCDEFGHIJKLMNOPQRST")[:2]
    return f"{section_of(code)}{digits}"


def spellings_below(code: str) -> list[str]:
    """How the codes of an industry and of those below it begin: C34 and 34 for C34, every division of it for C."""
    letter, digits = section_of(code), code.lstrip("ABCDEFGHIJKLMNOPQRST")
    if digits:
        return [f"{letter}{digits}", digits]
    return [code, *(division for division in _industries().divisions if section_of(division) == letter)]


def industry_name(code: str, language: str) -> str:
    """``C34 通用设备制造业`` for C34, 34 or C3421; the code itself when nobody knows it."""
    division = division_of(code)
    known = _industries().divisions.get(division[1:])
    section = _industries().sections.get(division[:1])
    if known is None and section is None:
        return code
    name = known.in_language(language) if known else _in(section, language)
    return f"{division} {name}"


def industries(language: str) -> list[tuple[str, list[tuple[str, str]]]]:
    """Sections with their divisions, as the grouped choices of a form."""
    grouped = []
    for letter, section in _industries().sections.items():
        first, _, last = section.divisions.partition("-")
        entries = [
            (f"{letter}{code}", f"{letter}{code} {name.in_language(language)}")
            for code, name in _industries().divisions.items()
            if first <= code <= last
        ]
        grouped.append((f"{letter} {_in(section, language)}", entries))
    return grouped


def check_region(code: str) -> str:
    """``code`` if it is six digits below a province; raises :class:`Invalid`."""
    text = code.strip()
    if _REGION.fullmatch(text) and text[:2] in _regions().provinces:
        return text
    raise Invalid(
        mark("{code} is not a region of GB/T 2260."),
        remedy=mark("Use six digits, as 310118 for 上海市青浦区."),
        code=code[:20],
    )


def region_name(code: str, language: str) -> str:
    """Name of the district if it is listed, else of the province with the code behind it."""
    district = _regions().districts.get(code)
    if district:
        return district.in_language(language)
    province = _regions().provinces.get(code[:2])
    if province is None:
        return code
    name = province.in_language(language)
    return name if code[2:] in ("", "0000") else f"{name} {code}"


def provinces(language: str) -> list[tuple[str, str]]:
    """Codes and names of the provinces."""
    return [(f"{code}0000", name.in_language(language)) for code, name in _regions().provinces.items()]


def districts(language: str) -> list[tuple[str, str]]:
    """Codes and names of the listed districts and of every province, for a form."""
    return [
        *((code, f"{code} {name.in_language(language)}") for code, name in _regions().districts.items()),
        *((code, f"{code} {name}") for code, name in provinces(language)),
    ]


def _in(section: _Section | None, language: str) -> str:
    if section is None:
        return ""
    return section.en if language.lower().startswith("en") else section.zh
