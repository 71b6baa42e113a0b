"""Payments of the demonstration district, so that the ledger is not empty."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from gongfu.governance.support.models import Beneficiary, LedgerEntry
from gongfu.kernel.accounts.models import Organisation

_PAID = (
    ("2022年度上云费用", "3.1", 2022, "8500", "12000", dt.date(2023, 6, 30), "青科委〔2023〕12号"),
    ("2023年度上云费用", "3.1", 2023, "12500", "20000", dt.date(2024, 6, 28), "青科委〔2024〕9号"),
    ("企业级工业互联网平台", "2.1", 0, "500000", "2400000", dt.date(2024, 11, 15), "青科委〔2024〕31号"),
)


def seed(office: Organisation, member: Organisation) -> None:
    """Enter them for ``member`` in the ledger of ``office``, unless it is there."""
    code = member.credit_code or "91310118MA1JL0000N"
    enterprise, made = Beneficiary.objects.get_or_create(
        organisation=office, credit_code=code, defaults={"name": member.name, "member": member}
    )
    if not made:
        return
    for matter, clause, year, amount, basis, day, document in _PAID:
        LedgerEntry.objects.create(
            organisation=office,
            enterprise=enterprise,
            matter=matter,
            scheme="qingpu",
            version="2022",
            clause=clause,
            year=year,
            amount=Decimal(amount),
            basis=Decimal(basis),
            paid_on=day,
            document=document,
        )
