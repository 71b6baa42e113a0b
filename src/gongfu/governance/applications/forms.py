"""The form of an application: generated from what the clause counts and asks, read field by field. Pure.

Texts are kept as they were typed until the application is handed in: a draft may hold anything.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Final

from gongfu.governance.applications.procedure import ASSUMED
from gongfu.governance.support.rules import Words
from gongfu.governance.support.schemes import MOST, Clause, Condition, Scheme
from gongfu.kernel.accounts.rules import is_credit_code
from gongfu.kernel.errors import GongfuError, Invalid
from gongfu.kernel.i18n import mark, translate

ZERO = Decimal(0)


class Kind(StrEnum):
    """How a field is typed."""

    TEXT = "text"
    LONG = "long"
    CODE = "code"
    MONEY = "money"
    STARS = "stars"
    YEAR = "year"
    PHONE = "phone"
    ACCOUNT = "account"


@dataclass(frozen=True)
class Field:
    """One question."""

    name: str
    kind: Kind
    label: str = ""
    """A marked text; empty where the document's own words stand in ``words``."""
    words: Words | None = None
    help: str = ""
    """A marked text."""
    most: int = 120
    required: bool = True

    def text(self, language: str | None = None) -> str:
        """What it is called."""
        return self.words.in_language(language) if self.words else translate(self.label, language)


@dataclass(frozen=True)
class Section:
    """Questions that belong together."""

    title: str
    """A marked text."""
    fields: Sequence[Field]


_WHO: Final = Section(
    mark("Applicant"),
    (
        Field("name", Kind.TEXT, mark("Name of the enterprise"), help=mark("As on the business licence.")),
        Field("credit_code", Kind.CODE, mark("Unified social credit code"), most=18),
        Field("contact_name", Kind.TEXT, mark("Contact person"), most=60),
        Field("contact_phone", Kind.PHONE, mark("Telephone"), most=30),
    ),
)
_ACCOUNT: Final = Section(
    mark("Bank account for the payment"),
    (
        Field("account_holder", Kind.TEXT, mark("Account holder"), help=mark("The enterprise itself.")),
        Field("bank", Kind.TEXT, mark("Bank and branch")),
        Field("account", Kind.ACCOUNT, mark("Account number"), most=40),
    ),
)


def sections(clause: Clause) -> list[Section]:
    """The form of ``clause``."""
    asked = [
        Field(
            "matter",
            Kind.TEXT,
            mark("What is to be supported"),
            help=mark("The project, certificate or fees; one and the same matter is supported once."),
        )
    ]
    if clause.yearly:
        asked.append(Field("year", Kind.YEAR, mark("Year of expenses"), most=4))
    if clause.basis:
        kind = Kind.MONEY if clause.basis_unit == "yuan" else Kind.STARS
        asked.append(Field("basis", kind, words=Words(clause.basis, clause.basis_en), most=30))
    if clause.basis and clause.basis_unit == "yuan":
        help_text = mark("One a line: number; seller; amount; date. Officials compare them with other applications.")
        asked.append(Field("invoices", Kind.LONG, mark("Invoices"), help=help_text, most=8000, required=False))
    asked.append(Field("summary", Kind.LONG, mark("Short description"), most=4000))
    return [_WHO, Section(mark("What is applied for"), tuple(asked)), _ACCOUNT]


def fields(clause: Clause) -> list[Field]:
    """Every question of ``clause``."""
    return [one for section in sections(clause) for one in section.fields]


def conditions(scheme: Scheme, clause: Clause, applicant: str = "enterprise") -> list[Condition]:
    """What the applicant has to declare; what the procedure itself fulfils is not asked."""
    general: Sequence[Condition] = ()
    if applicant == "enterprise" or scheme.general_reading == "everybody":
        general = scheme.condition
    return [one for one in (*general, *clause.condition) if one.key not in ASSUMED]


def assumed(clause: Clause) -> list[str]:
    """Conditions that the procedure fulfils: taken as fulfilled in a calculation before the decision."""
    keys = [one.key for one in clause.condition if one.key in ASSUMED]
    return [*keys, *(["selected"] if clause.selective else [])]


@dataclass(frozen=True)
class Filled:
    """A form that could be read. Money in yuan."""

    name: str = ""
    credit_code: str = ""
    contact_name: str = ""
    contact_phone: str = ""
    matter: str = ""
    year: int = 0
    basis: Decimal = ZERO
    invoices: str = ""
    summary: str = ""
    account_holder: str = ""
    bank: str = ""
    account: str = ""


@dataclass(frozen=True)
class Read:
    """What a form says, and what is wrong with it, field by field."""

    filled: Filled
    faults: Mapping[str, GongfuError] = field(default_factory=dict)


def read(clause: Clause, answers: Mapping[str, str]) -> Read:
    """Every field of ``answers``; what cannot be read is a fault and stays empty in ``filled``."""
    found: dict[str, str | int | Decimal] = {}
    faults: dict[str, GongfuError] = {}
    for one in fields(clause):
        try:
            value = _value(one, answers.get(one.name, ""))
        except GongfuError as error:
            faults[one.name] = error
            continue
        if value is not None:
            found[one.name] = value
    try:
        invoices(str(found.get("invoices", "")))
    except GongfuError as error:
        faults["invoices"] = error
    holder, name = str(found.get("account_holder", "")), str(found.get("name", ""))
    if holder and name and holder != name:
        faults["account_holder"] = Invalid(
            mark("{holder} is not {name}: support is paid to the applicant only."), holder=holder, name=name
        )
    return Read(Filled(**found), faults)  # type: ignore[arg-type]


def _value(one: Field, given: str) -> str | int | Decimal | None:
    text = given.strip()
    if not text:
        if one.required:
            raise Invalid(mark("This is missing."))
        return None
    check_text(text, one.most, lines=one.kind is Kind.LONG)
    if one.kind is Kind.MONEY:
        return money(text)
    if one.kind is Kind.STARS:
        number = money(text)
        if number != number.to_integral_value() or number > 10:
            raise Invalid(mark("{value} is no number of stars."), value=text[:40])
        return number
    if one.kind is Kind.YEAR:
        if not re.fullmatch(r"(19|20|21)[0-9]{2}", text):
            raise Invalid(mark("{value} is no year."), value=text[:40])
        return int(text)
    if one.kind is Kind.CODE:
        code = text.upper()
        if not is_credit_code(code):
            raise Invalid(
                mark("{code} is no unified social credit code: 18 characters, and the last one checks the others."),
                remedy=mark("Compare it with the business licence."),
                code=code[:40],
            )
        return code
    if one.kind is Kind.ACCOUNT:
        return account(text)
    if one.kind is Kind.PHONE and not re.fullmatch(r"[0-9+() -]{5,30}", text):
        raise Invalid(mark("{value} is no telephone number."), value=text[:40])
    return text


@dataclass(frozen=True)
class Paid:
    """An invoice as it was typed."""

    number: str
    seller: str = ""
    amount: Decimal | None = None
    day: dt.date | None = None


def invoices(text: str, *, lenient: bool = False) -> list[Paid]:
    """Lines of ``number; seller; amount; date``, the last three as far as they are known.

    Raises :class:`Invalid` naming the line; with ``lenient`` a wrong line is passed over.
    """
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        parts = [part.strip() for part in re.split(r"[;；\t]", line)]
        if not any(parts):
            continue
        name, seller, amount, day = (*parts, "", "", "")[:4]
        try:
            if not re.fullmatch(r"[0-9A-Za-z \uff10-\uff19-]{4,30}", name) or len(parts) > 4:
                raise Invalid(mark("{value} is no number of an invoice."), value=name[:40])
            found.append(
                Paid(
                    name,
                    seller[:120],
                    money(amount) if amount else None,
                    dt.date.fromisoformat(day.replace("/", "-")) if day else None,
                )
            )
        except (GongfuError, ValueError) as error:
            if lenient:
                continue
            reason = error.text() if isinstance(error, GongfuError) else day[:40]
            raise Invalid(mark("Line {line}: {reason}"), line=number, reason=reason) from error
    return found


def account(text: str) -> str:
    """A bank account without spaces; raises :class:`Invalid`. Accounts of enterprises have 8 to 32 digits."""
    plain = re.sub(r"[\s-]", "", unicodedata.normalize("NFKC", text))
    if not re.fullmatch(r"[0-9]{8,32}", plain):
        raise Invalid(mark("{value} is no bank account: 8 to 32 digits."), value=text[:40])
    return plain


def check_text(text: str, most: int, *, lines: bool = False) -> str:
    """``text`` itself; raises :class:`Invalid` for what is too long or cannot be shown.

    Characters outside the basic plane, as in names of people and firms by GB 18030, are texts like any other.
    """
    if len(text) > most:
        raise Invalid(mark("At most {most} characters."), most=most)
    bad = next((one for one in text if _unshown(one) and not (lines and one in "\r\n\t")), "")
    if bad:
        raise Invalid(mark("A character in it cannot be shown: U+{code}."), code=f"{ord(bad):04X}")
    return text


def _unshown(character: str) -> bool:
    """Control and format characters, halves of pairs, private ones, and what stands for a text that was garbled."""
    return character == "\ufffd" or unicodedata.category(character) in ("Cc", "Cs", "Cf", "Co")


def money(text: str) -> Decimal:
    """Yuan, as ``12000``, ``12,000.50``, ``1.2万``; raises :class:`Invalid` for negative and absurd sums."""
    plain = unicodedata.normalize("NFKC", text).replace(",", "").replace(" ", "").strip("¥元")
    unit = Decimal(1)
    for word, size in (("万", 10_000), ("亿", 100_000_000)):
        if plain.endswith(word):
            plain, unit = plain[:-1], Decimal(size)
    try:
        number = Decimal(plain) if re.fullmatch(r"-?[0-9]{1,15}(\.[0-9]{1,8})?", plain) else Decimal("NaN")
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise Invalid(
            mark("{value} is no sum of money."), remedy=mark("Write it like 12000 or 1.2万."), value=text[:40]
        )
    number *= unit
    if not ZERO <= number <= MOST or number != round(number, 2):
        raise Invalid(
            mark("{value} cannot be a sum of money here."),
            remedy=mark("Enter a sum between 0 and {most} yuan, with two decimals at most."),
            value=text[:40],
            most=MOST,
        )
    return number
