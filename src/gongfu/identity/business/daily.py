"""What a day brings: reminders before a contract ends, and suspension when its grace is over."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import structlog
from django.db import transaction

from gongfu.identity.business import clock, rules
from gongfu.identity.business.models import Contract, DailyRun, Notice
from gongfu.kernel.audit import services as audit
from gongfu.kernel.i18n import mark, translate

log = structlog.get_logger("business")
ACTOR = "contract-clock"
"""Who acts in the audit log when nobody does."""
SUSPENDED = -1


@dataclass(frozen=True)
class Outcome:
    """Contracts reminded of their end, and those suspended, by prefix."""

    reminded: list[str]
    suspended: list[str]


def run_due() -> Outcome | None:
    """Do today's work unless it was done already; safe with several workers."""
    today = clock.today()
    if DailyRun.objects.filter(day=today).exists():
        return None
    with transaction.atomic():
        _run, mine = DailyRun.objects.get_or_create(day=today)
        return run(today) if mine else None


def run(today: dt.date) -> Outcome:
    """Remind and suspend as of ``today``; doing it twice changes nothing."""
    reminded, suspended = [], []
    horizon = today + dt.timedelta(days=max(rules.REMINDERS))
    active = Contract.objects.filter(state=Contract.State.ACTIVE, ends_on__lte=horizon)
    for key in list(active.values_list("pk", flat=True)):
        with transaction.atomic():
            contract = (
                Contract.objects.select_for_update(of=("self",))
                .select_related("prefix", "organisation")
                .filter(pk=key, state=Contract.State.ACTIVE)
                .first()
            )
            if contract is None:
                continue
            if rules.must_suspend(contract.ends_on, today):
                _suspend(contract, today)
                suspended.append(contract.prefix.name)
            elif _remind(contract, today):
                reminded.append(contract.prefix.name)
    if reminded or suspended:
        log.info("contracts", reminded=reminded, suspended=suspended)
    return Outcome(reminded, suspended)


def _suspend(contract: Contract, today: dt.date) -> None:
    before = audit.state(contract)
    reason = translate(mark("The contract has ended and its grace is over."))
    contract.out_of_service(reason)
    contract.lapsed, contract.state = True, Contract.State.SUSPENDED
    contract.save()
    Notice.objects.get_or_create(
        contract=contract, ends_on=contract.ends_on, days=SUSPENDED, defaults={"told_on": today}
    )
    audit.record(ACTOR, "suspend", contract, before=before, after=audit.state(contract), reason=reason)


def _remind(contract: Contract, today: dt.date) -> bool:
    days = rules.reminder(contract.ends_on, today)
    if days is None:
        return False
    _notice, new = Notice.objects.get_or_create(
        contract=contract, ends_on=contract.ends_on, days=days, defaults={"told_on": today}
    )
    return new
