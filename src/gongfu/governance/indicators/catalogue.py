"""The numbered targets of the documents, read from ``parameters/``. Pure.

A document is one file. A new version of a document is a new file with another key: a plan keeps the file it follows.
"""

from __future__ import annotations

import datetime as dt
import tomllib
from decimal import Decimal
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Final

import msgspec

from gongfu.kernel.errors import Invalid, NotFound
from gongfu.kernel.i18n import mark

MOST: Final = Decimal("1000000000000000")
"""Beyond this a number is a slip of the pen."""
MEASURES: Final = frozenset({"secondary_nodes", "enterprises_on_platform", "devices_connected"}) | {
    *("identifiers", "daily_resolutions", "resolutions", "enterprises_with_identifiers", "projects_supported"),
}
"""What a node can count by itself; :mod:`gongfu.governance.indicators.measuring` has a function for each."""


class Kind(StrEnum):
    """How values of a target follow one another."""

    CUMULATIVE = "cumulative"
    """What has been achieved since the beginning (累计数)."""
    LEVEL = "level"
    """How things stand: a rate, a size."""
    YEARLY = "yearly"
    """What was done within each year."""


class Bound(StrEnum):
    """What the words ask for. All are met from ``least`` on; a figure beyond a range is no failure."""

    EXACT = "exact"
    """The words name the number and nothing else (打造30个)."""
    AT_LEAST = "at_least"
    """以上, 不少于, 不低于, 至少, 超过."""
    ABOUT = "about"
    """左右, 量级."""
    RANGE = "range"
    """3～5个."""
    AT_MOST = "at_most"
    """不超过: met while the figure stays at or below ``least``. No document at hand has one; plans of one's own may."""


class Goal(msgspec.Struct, frozen=True):
    """The number to reach by the end of a year."""

    year: int
    least: Decimal
    most: Decimal | None = None


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """One figure that a document asks for."""

    key: str
    """Unique in the document; never changed."""
    cite: str
    """Clause: 二(一)1."""
    name: str
    name_en: str
    words: str
    """Of the document itself."""
    unit: str
    unit_en: str = ""
    kind: Kind = Kind.CUMULATIVE
    bound: Bound = Bound.EXACT
    base: str = ""
    """What the figure is compared with, where the words say so (2020年=100)."""
    base_en: str = ""
    row: int = 0
    """Row of the annex that lists the tasks; 0 outside one. Two figures of one row are two targets."""
    measure: str = ""
    """One of :data:`MEASURES` when a node can count it; otherwise it is reported or imported."""
    departments: tuple[str, ...] = ()
    by: tuple[Goal, ...]
    """Goals, earliest first."""

    def called(self, language: str) -> str:
        """Its name in ``language``."""
        return self.name_en if language.startswith("en") else self.name

    def unit_in(self, language: str) -> str:
        """Its unit in ``language``; English counts without a word."""
        return self.unit_en if language.startswith("en") else self.unit


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A document and its targets."""

    title: str
    title_en: str
    short: str
    short_en: str
    number: str
    """文号; empty where the document gives none."""
    issuer: str
    issuer_en: str
    since: dt.date
    until: dt.date
    target: tuple[Target, ...]
    key: str = ""
    """Name of its file."""

    def called(self, language: str) -> str:
        """Its title in ``language``."""
        return self.title_en if language.startswith("en") else self.title

    def shortly(self, language: str) -> str:
        """Its short name in ``language``."""
        return self.short_en if language.startswith("en") else self.short

    def find(self, key: str) -> Target:
        """The target ``key``; raises :class:`NotFound`."""
        for one in self.target:
            if one.key == key:
                return one
        raise NotFound(mark("{document} has no target {key}."), document=self.title, key=key[:40])

    @property
    def annex(self) -> tuple[Target, ...]:
        """The targets of its annex, which repeat those of the text year by year; all when it has none."""
        return tuple(one for one in self.target if one.row) or self.target


def parse(text: str, key: str) -> Document:
    """A document from its TOML; raises :class:`Invalid` saying what does not hold."""
    try:
        found = msgspec.convert(tomllib.loads(text), Document)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise Invalid(mark("The document {key} cannot be read: {reason}."), key=key, reason=str(error)[:200]) from error
    seen: set[str] = set()
    for one in found.target:
        if problem := _problem(one, found):
            raise Invalid(mark("Target {target} of {key}: {reason}."), target=one.key[:40], key=key, reason=problem)
        if one.key in seen:
            raise Invalid(mark("Target {target} of {key}: {reason}."), target=one.key, key=key, reason="key used twice")
        seen.add(one.key)
    return msgspec.structs.replace(found, key=key)


def _problem(target: Target, document: Document) -> str:
    years = [goal.year for goal in target.by]
    if not target.key or not target.words or not target.name or not target.name_en or not target.unit:
        return "key, words, names and unit are needed"
    if not years or years != sorted(set(years)):
        return "years must be there, each once, earliest first"
    if not document.since.year <= years[0] or not years[-1] <= document.until.year:
        return "a year lies outside the document's time"
    if not all(goal.least.is_finite() and 0 < goal.least <= MOST for goal in target.by):
        return "a number is absurd"
    if any((goal.most is not None) != (target.bound is Bound.RANGE) for goal in target.by):
        return "a range needs two numbers, everything else one"
    if any(goal.most is not None and not goal.least < goal.most <= MOST for goal in target.by):
        return "a range begins below its end"
    if target.measure and target.measure not in MEASURES:
        return f"there is no measure {target.measure[:40]}"
    return ""


@cache
def documents() -> tuple[Document, ...]:
    """Those that come with the software, latest first."""
    folder = resources.files(__package__) / "parameters"
    found = [
        parse(file.read_text(encoding="utf-8"), file.name.removesuffix(".toml"))
        for file in folder.iterdir()
        if file.name.endswith(".toml")
    ]
    return tuple(sorted(found, key=lambda one: (one.since, one.key), reverse=True))


def document(key: str) -> Document:
    """The document ``key``; raises :class:`NotFound`."""
    for one in documents():
        if one.key == key:
            return one
    raise NotFound(mark("There is no document {key}."), key=key[:60])
