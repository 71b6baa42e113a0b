"""From the notice to the last yuan, as applicants and officials meet it."""

from __future__ import annotations

from decimal import Decimal

import pytest

from gongfu.governance.applications import paying, services
from gongfu.governance.applications.models import Application
from gongfu.governance.support.models import LedgerEntry
from gongfu.kernel.audit.services import verify
from tests.governance.applications.world import approved, clock, handed_in, world

pytestmark = pytest.mark.django_db


def test_an_application_goes_from_the_notice_to_the_last_yuan() -> None:
    at = world()
    made = approved(at, handed_in(at), "200000", "100000")
    assert made.approved == Decimal(300_000)
    for part in made.instalments.all():
        paying.pay(at.zhou, made, part.pk, paid_on=clock.today(), document="青财〔2026〕7号")
    made = services.take(at.li, made, "close")
    assert made.state == "closed"
    assert [one.amount for one in LedgerEntry.objects.order_by("pk")] == [Decimal(200_000), Decimal(100_000)]
    assert [one.name for one in made.steps.all()] == [
        *("begun", "attached", "submit", "forward", "opinion", "agree", "scored", "reviewed", "consulted"),
        *("published", "unopposed", "approve", "paid", "paid", "close"),
    ]
    assert verify().broken is None
    assert Application.objects.get().version == made.version
