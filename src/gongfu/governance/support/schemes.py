"""A scheme: a dated, cited document of support clauses, read from ``parameters/``. Pure.

A new version of a document is a new file of the same family; an application is judged by the file that was in force on
its date. Nothing in a file is code: a clause is a flat sum, a sum by steps, or rates over bands, with caps and limits.
"""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Final, Literal

import msgspec

from gongfu.kernel.errors import Invalid, NotFound
from gongfu.kernel.i18n import mark

MOST: Final = Decimal("1000000000000")
"""Yuan; a sum beyond is a slip of the pen."""


class Condition(msgspec.Struct, frozen=True):
    """Something an applicant has to be or have done; a fact with this ``key`` says whether."""

    key: str
    text: str
    text_en: str
    cite: str = ""


class Band(msgspec.Struct, frozen=True):
    """What lies ``over`` a sum, up to the next band, is supported at ``rate``."""

    over: Decimal
    rate: Decimal


class Step(msgspec.Struct, frozen=True):
    """A basis of at least so much gives this amount."""

    at_least: Decimal
    amount: Decimal


class Clause(msgspec.Struct, frozen=True, kw_only=True):
    """One sum that can be had. Money in yuan."""

    key: str
    """The same in every version of the document."""
    cite: str
    title: str
    title_en: str
    words: str
    """Of the document itself."""
    condition: tuple[Condition, ...] = ()
    flat: Decimal | None = None
    bands: tuple[Band, ...] = ()
    steps: tuple[Step, ...] = ()
    steps_reading: str = ""
    basis: str = ""
    """What is counted, in Chinese; empty for a flat sum."""
    basis_en: str = ""
    basis_unit: Literal["yuan", "star"] = "yuan"
    cap: Decimal | None = None
    cap_reading: Literal["whole", "above"] = "whole"
    """Whether the cap holds for the whole sum or, read the other way, for the last band alone."""
    cap_readings: tuple[str, ...] = ()
    """Both, where the words allow both."""
    once: bool = False
    """Once for an enterprise, ever."""
    yearly: bool = False
    """Each year's basis is a matter of its own."""
    years: int = 0
    """For so many years, 0: no limit."""
    years_reading: Literal["consecutive", "any"] = "consecutive"
    """可连续申报 3 年: the three years from the first on, whether claimed or not; or any three."""
    at_most: bool = False
    """“最高”, “不超过”: the sum is the most that may be decided, not what is due."""
    selective: bool = False
    """“择优”: meeting the conditions is not enough, somebody chooses."""
    matches: bool = False
    """The basis is money of a higher level, which therefore does not count as had already."""
    applicants: tuple[Literal["enterprise", "university", "institute", "training", "park"], ...] = ("enterprise",)
    """Whom the clause names."""


class Scheme(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a document."""

    family: str
    version: str
    title: str
    title_en: str
    issuer: str
    issuer_en: str
    document: str
    in_force: dt.date
    until: dt.date
    until_words: str = ""
    highest_words: str = ""
    """What the document says of several supports at once."""
    highest_reading: Literal["matter", "enterprise"] = "matter"
    """就高不就低 among what supports one matter; or, read strictly, among all an enterprise asks for in one year."""
    general_words: str = ""
    general_reading: Literal["enterprises", "everybody"] = "enterprises"
    """Of whom the conditions of every clause are asked: of enterprises alone, as where a clause names universities
    they cannot be enterprises registered here; or of every applicant."""
    condition: tuple[Condition, ...] = ()
    """Of every clause."""
    clause: tuple[Clause, ...] = ()

    @property
    def key(self) -> str:
        """Names the version, such as ``qingpu-2022``."""
        return f"{self.family}-{self.version}"

    def find(self, key: str) -> Clause:
        """The clause; raises :class:`NotFound`."""
        for clause in self.clause:
            if clause.key == key:
                return clause
        raise NotFound(mark("{scheme} has no clause {clause}."), scheme=self.title, clause=repr(key[:40]))


def parse(text: str) -> Scheme:
    """The scheme in a TOML text; raises :class:`Invalid` naming what is wrong."""
    try:
        scheme = msgspec.convert(tomllib.loads(text), Scheme, strict=False)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, RecursionError) as error:
        raise Invalid(mark("This is no support scheme: {reason}."), reason=str(error)[:200]) from error
    return check(scheme)


def check(scheme: Scheme) -> Scheme:
    """``scheme`` itself; raises :class:`Invalid` when it contradicts itself."""
    keys = [clause.key for clause in scheme.clause]
    if len(set(keys)) != len(keys):
        raise _wrong(scheme, "-", mark("two clauses have one key"))
    if scheme.until < scheme.in_force:
        raise _wrong(scheme, "-", mark("it ends before it begins"))
    for clause in scheme.clause:
        forms = [clause.flat is not None, bool(clause.bands), bool(clause.steps)]
        sums = [clause.flat, clause.cap, *(part for band in clause.bands for part in (band.over, band.rate))]
        sums += [part for step in clause.steps for part in (step.at_least, step.amount)]
        overs = [band.over for band in clause.bands] or [step.at_least for step in clause.steps]
        if sum(forms) != 1:
            raise _wrong(scheme, clause.key, mark("it needs a flat sum, bands or steps, and one of them only"))
        if any(number is not None and not 0 <= number <= MOST for number in sums):
            raise _wrong(scheme, clause.key, mark("a sum or rate is negative or absurd"))
        if overs != sorted(set(overs)):
            raise _wrong(scheme, clause.key, mark("bands and steps have to rise"))
        if any(band.rate > 1 or band.rate != band.rate.quantize(Decimal("0.0001")) for band in clause.bands):
            raise _wrong(scheme, clause.key, mark("a rate is at most 1 and has at most four decimals"))
        if (clause.cap_reading == "above" and len(clause.bands) < 2) or clause.years < 0:
            raise _wrong(scheme, clause.key, mark("its limits do not fit its form"))
    return scheme


def _wrong(scheme: Scheme, clause: str, reason: str) -> Invalid:
    return Invalid(
        mark("Clause {clause} of {scheme} cannot be used: {reason}."), clause=clause, scheme=scheme.key, reason=reason
    )


@cache
def built_in() -> tuple[Scheme, ...]:
    """Those that come with Gongfu."""
    folder = resources.files("gongfu.governance.support") / "parameters"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".toml")), key=lambda file: file.name)
    return tuple(parse(file.read_text("utf-8")) for file in files)


def in_force(schemes: tuple[Scheme, ...], family: str, on: dt.date) -> Scheme:
    """The version of ``family`` of that day: of several the one that began last. Raises :class:`NotFound`."""
    found = [one for one in schemes if one.family == family and one.in_force <= on <= one.until]
    if not found:
        raise NotFound(
            mark("No version of {family} is in force on {day}."),
            remedy=mark("Choose a day within the period of the document."),
            family=family,
            day=on.isoformat(),
        )
    return max(found, key=lambda one: one.in_force)


Change = Mapping[str, str | int | bool | list[dict[str, str]]]


def changed(scheme: Scheme, changes: Mapping[str, Change]) -> Scheme:
    """``scheme`` with other figures for some clauses, for a what-if; raises :class:`Invalid`, :class:`NotFound`.

    ``changes`` maps a clause to fields such as ``{"cap": "30000", "cap_reading": "above"}``; the empty key maps to
    readings of the whole document.
    """
    clauses = {clause.key: clause for clause in scheme.clause}
    for key, fields in changes.items():
        if not key:
            scheme = _read_otherwise(scheme, fields)
            continue
        clause = scheme.find(key)
        try:
            plain = msgspec.to_builtins(clause) | dict(fields)
            clauses[key] = msgspec.convert(plain, Clause, strict=False)
        except msgspec.ValidationError as error:
            raise _wrong(scheme, key, str(error)[:200]) from error
    return check(msgspec.structs.replace(scheme, clause=tuple(clauses.values())))


def _read_otherwise(scheme: Scheme, fields: Change) -> Scheme:
    wrong = set(fields) - {"highest_reading", "general_reading"}
    if wrong:
        raise _wrong(scheme, "-", mark("it has no such reading"))
    try:
        return msgspec.convert(msgspec.to_builtins(scheme) | dict(fields), Scheme, strict=False)
    except msgspec.ValidationError as error:
        raise _wrong(scheme, "-", str(error)[:200]) from error
