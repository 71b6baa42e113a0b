"""Ecode: the Chinese entity code for the internet of things. Pure.

Source: GB/T 31866 物联网标识体系 物品编码Ecode. The text of the standard is sold, not published. What is widely
reproduced of its 2015 edition (table 1) is checked here: a code is version (1 character), numbering system
identifier NSI, main code MD; version 1: NSI 4, MD at most 20 digits; version 2: NSI 4, MD at most 28 digits;
version 3: NSI 5, MD at most 39 letters and digits; version 4: NSI 5, MD of any length in Unicode; version 0 is
binary; 5–9 are reserved. The 2023 edition gives version 0 to codes of the GS1 system and moves conversions to
annexes (announcement of the revision); whether its table differs otherwise is not known here. Which numbering
systems exist, and how each divides its MD, only the registry knows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from gongfu.identity.schemes.errors import BadCode
from gongfu.identity.schemes.types import Identifier, Notation, Part, Reading, Scheme
from gongfu.kernel.i18n import mark


@dataclass(frozen=True, slots=True)
class Version:
    """One structure of GB/T 31866: characters of the NSI, most characters of the MD, which characters."""

    nsi: int
    most: int
    letters: re.Pattern[str]


VERSIONS: Mapping[str, Version] = {
    "1": Version(4, 20, re.compile(r"[0-9]*")),
    "2": Version(4, 28, re.compile(r"[0-9]*")),
    "3": Version(5, 39, re.compile(r"[0-9A-Za-z]*")),
    "4": Version(5, 200, re.compile(r"\S*")),
}
_SPOKEN = re.compile(r"^ecode:", re.IGNORECASE)


def readings(text: str) -> list[Reading]:
    """The likeliest first."""
    if _SPOKEN.match(text):
        return [Reading(Scheme.ECODE, "Ecode", 99, mark("It begins with Ecode:."), partial(parse, text))]
    version = VERSIONS.get(text[:1])
    digits = text.isascii() and text.isdigit()
    if version is None or not digits or not version.nsi + 1 < len(text) <= 1 + version.nsi + version.most:
        return []
    reason = mark("It begins with the number of an Ecode version and has a fitting length.")
    score = 35 if len(text) > 14 else 15
    return [Reading(Scheme.ECODE, "Ecode", score, reason, partial(parse, text))]


def parse(text: str) -> Identifier:
    """Raises :class:`BadCode`."""
    spoken = _SPOKEN.match(text)
    code = text[spoken.end() :] if spoken else text
    version = VERSIONS.get(code[:1])
    if version is None:
        raise BadCode(
            mark("Version {version} of Ecode is not one that people write: 1, 2, 3 or 4."),
            remedy=mark("Check the first character."),
            version=repr(code[:1]),
        )
    system, main = code[1 : 1 + version.nsi], code[1 + version.nsi :]
    good = (
        len(system) == version.nsi
        and system.isascii()
        and system.isalnum()
        and version.letters.fullmatch(system + main)
    )
    if not good or not 1 <= len(main) <= version.most:
        raise BadCode(
            mark(
                "An Ecode of version {version} has {nsi} characters of numbering system and 1 to {most} of main code."
            ),
            remedy=mark("Check its length and characters."),
            version=code[0],
            nsi=version.nsi,
            most=version.most,
        )
    parts = (
        Part(mark("Version"), code[0]),
        Part(mark("Numbering system (NSI)"), system),
        Part(mark("Main code (MD)"), main),
    )
    return Identifier(Scheme.ECODE, "Ecode", code, parts, Notation.URN if spoken else Notation.PLAIN)
