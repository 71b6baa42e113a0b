"""The worked examples that stand beside the rules: what a clause gives in a certain case, by hand. Pure."""

from __future__ import annotations

import datetime as dt
import tomllib
from decimal import Decimal
from importlib import resources

import msgspec

from gongfu.governance.support.rules import Claim, Entry, Result, Why, settle
from gongfu.governance.support.schemes import Scheme, built_in, changed


class Had(msgspec.Struct, frozen=True):
    """Something the enterprise has had."""

    clause: str
    matter: str
    amount: Decimal
    year: int = 0
    scheme: str = ""


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One example."""

    clause: str
    due: Decimal
    facts: tuple[str, ...] = ()
    basis: Decimal = Decimal(0)
    year: int = 0
    on: dt.date | None = None
    applicant: str = "enterprise"
    decided: Decimal | None = None
    general: tuple[str, ...] | None = None
    had: tuple[Had, ...] = ()
    change: dict[str, str | int | bool] = {}
    why: Why | None = None
    note: str = ""


class _File(msgspec.Struct, frozen=True):
    scheme: str
    case: tuple[Case, ...]
    general: tuple[str, ...] = ()
    on: dt.date = dt.date(2023, 6, 1)


def all_cases() -> list[tuple[Scheme, Case, Result]]:
    """Every example with its scheme and what the rules say."""
    schemes = {scheme.key: scheme for scheme in built_in()}
    folder = resources.files("gongfu.governance.support") / "cases"
    found = []
    for file in sorted(folder.iterdir(), key=lambda one: one.name):
        if file.name.endswith(".toml"):
            given = msgspec.convert(tomllib.loads(file.read_text("utf-8")), _File, strict=False)
            found += [(schemes[given.scheme], case, _run(schemes[given.scheme], given, case)) for case in given.case]
    return found


def _run(scheme: Scheme, file: _File, case: Case) -> Result:
    if case.change:
        scheme = changed(scheme, {case.clause: case.change})
    claim = Claim(
        enterprise="e",
        matter="m",
        clause=case.clause,
        on=case.on or file.on,
        basis=case.basis,
        facts=frozenset((*case.facts, *(file.general if case.general is None else case.general))),
        year=case.year,
        applicant=case.applicant,
        decided=case.decided,
    )
    ledger = [Entry("e", one.matter, one.scheme or scheme.family, one.clause, one.year, one.amount) for one in case.had]
    return settle({scheme.key: scheme}, [(scheme.key, claim)], ledger)[0]
