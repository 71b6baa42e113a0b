"""What-if for a portfolio: claims from a sheet or the ledger, with other figures. It saves nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from gongfu.governance.support import portfolio
from gongfu.governance.support.models import LedgerEntry
from gongfu.governance.support.portfolio import Claims, WhatIf
from gongfu.governance.support.rules import matter_key
from gongfu.governance.support.schemes import Change, Scheme
from gongfu.governance.support.sheet import Asking
from gongfu.kernel.accounts.models import Organisation
from gongfu.kernel.errors import Invalid, NotFound
from gongfu.kernel.i18n import mark


@dataclass(frozen=True)
class Portfolio:
    """Claims in columns, and how many could not be taken along."""

    claims: Claims
    enterprises: int
    left_out: int
    """Payments without the basis they were computed from."""


def from_sheet(scheme: Scheme, rows: Sequence[Asking]) -> Portfolio:
    """Claims of a sheet. Raises :class:`Invalid` naming the row of a clause that the document does not have."""
    place = {clause.key: number for number, clause in enumerate(scheme.clause)}
    owners: dict[str, int] = {}
    matters: dict[tuple[str, str], int] = {}
    columns = []
    for row in rows:
        if row.clause not in place:
            raise Invalid(
                mark("Row {line}: the document has no clause {clause}."), line=row.line, clause=repr(row.clause)
            )
        clause = scheme.clause[place[row.clause]]
        owners.setdefault(row.name, len(owners))
        matter = matter_key(row.matter or row.clause, row.year if clause.yearly else 0)
        number = matters.setdefault((row.name, matter), len(matters))
        columns.append((place[row.clause], _fen(row.basis, scheme, row.clause), row.eligible, number, _cent(row.had)))
    return Portfolio(_with_owners(columns, [owners[row.name] for row in rows]), len(owners), 0)


def from_ledger(scheme: Scheme, office: Organisation) -> Portfolio:
    """What was paid under the document, as if all of it were claimed again: nothing had, everything eligible."""
    place = {clause.key: number for number, clause in enumerate(scheme.clause)}
    paid = LedgerEntry.objects.filter(
        organisation=office, scheme=scheme.family, kind=LedgerEntry.Kind.PAID, corrected_by__isnull=True
    ).order_by("pk")
    owners: dict[int, int] = {}
    matters: dict[tuple[int, str], int] = {}
    found: dict[tuple[int, str], tuple[int, int, bool, int, int]] = {}
    left_out = 0
    for entry in paid:
        if entry.clause not in place:
            left_out += 1
            continue
        clause = scheme.clause[place[entry.clause]]
        if entry.basis is None and clause.flat is None:
            left_out += 1
            continue
        owner = owners.setdefault(entry.enterprise_id, len(owners))
        matter = matter_key(entry.matter, entry.year)
        number = matters.setdefault((owner, matter), len(matters))
        basis = _fen(entry.basis or Decimal(0), scheme, entry.clause)
        found[owner, f"{matter} {entry.clause}"] = (place[entry.clause], basis, True, number, 0)  # instalments once
    return Portfolio(_with_owners(list(found.values()), [owner for owner, _ in found]), len(owners), left_out)


def weigh(scheme: Scheme, many: Portfolio, changes: Mapping[str, Change]) -> WhatIf:
    """The budget before and after. Raises :class:`Invalid` for changes that make no sense."""
    if not len(many.claims.clause):
        raise NotFound(
            mark("There are no claims to weigh."),
            remedy=mark("Send a sheet, or enter payments with the basis they were computed from."),
        )
    return portfolio.what_if(scheme, many.claims, changes)


def _with_owners(rows: Sequence[tuple[int, int, bool, int, int]], owners: Sequence[int]) -> Claims:
    return portfolio.owned(portfolio.columns(rows), owners)


def _fen(basis: Decimal, scheme: Scheme, key: str) -> int:
    return int(basis) if scheme.find(key).basis_unit == "star" else _cent(basis)


def _cent(yuan: Decimal) -> int:
    return int((yuan * 100).to_integral_value())
