"""A sheet of payments into the ledger: all of it, or nothing and every wrong row."""

from __future__ import annotations

import msgspec
from django.db import transaction

from gongfu.governance.support import services, sheet, versions
from gongfu.governance.support.models import Beneficiary, LedgerEntry
from gongfu.governance.support.services import Draft
from gongfu.governance.support.sheet import Fault, Payment
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.errors import GongfuError


class Imported(msgspec.Struct, frozen=True):
    """What became of a sheet; with ``faults`` nothing was changed."""

    entered: int
    known: int
    faults: list[Fault]


class _Undo(Exception):
    """Leaves the transaction without its changes."""


def take(user: User, office: Organisation, data: bytes, name: str) -> Imported:
    """Append the payments of a sheet; a row that is in the ledger already is left out, so that a sheet may be sent
    twice. Raises :class:`Forbidden`, and :class:`Invalid` for what is no sheet.
    """
    services.require_official(user, office)
    rows, faults = sheet.payments(data, name)
    families = {one.title: one.family for one in versions.schemes_of(office)}
    rows = [msgspec.structs.replace(row, scheme=families.get(row.scheme, row.scheme)) for row in rows]
    entered = known = 0
    try:
        with transaction.atomic():
            for row in rows:
                if _is_known(office, row):
                    known += 1
                    continue
                try:
                    with transaction.atomic():
                        enterprise = services.enterprise_called(user, office, row.name, row.credit_code)
                        services.enter(user, enterprise, _draft(row))
                    entered += 1
                except GongfuError as error:
                    faults.append(Fault(row.line, "", row.name, error))
            if faults:
                raise _Undo
    except _Undo:
        return Imported(0, known, sorted(faults, key=lambda one: one.line)[: sheet.MOST_FAULTS])
    return Imported(entered, known, [])


def _draft(row: Payment) -> Draft:
    return Draft(
        matter=row.matter,
        amount=row.amount,
        paid_on=row.paid_on,
        kind=LedgerEntry.Kind(row.kind),
        scheme=row.scheme,
        clause=row.clause,
        year=row.year,
        basis=row.basis,
        document=row.document,
        remark=row.remark,
    )


def _is_known(office: Organisation, row: Payment) -> bool:
    """Whether the very payment is in the ledger. Only what bears a number of its document can be told apart."""
    if not row.document:
        return False
    sign = -1 if row.kind == LedgerEntry.Kind.CLAW_BACK else 1
    enterprise = Beneficiary.objects.filter(organisation=office, credit_code=row.credit_code).first()
    return (
        enterprise is not None
        and LedgerEntry.objects.filter(
            enterprise=enterprise,
            matter=row.matter,
            scheme=row.scheme,
            clause=row.clause,
            year=row.year,
            kind=row.kind,
            amount=sign * row.amount,
            paid_on=row.paid_on,
            document=row.document,
            corrected_by__isnull=True,
        ).exists()
    )
