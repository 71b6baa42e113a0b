"""What the worker does by the clock: an application that was not completed in time counts as withdrawn."""

from __future__ import annotations

import asyncio

from django.db import transaction
from django.utils import timezone

from gongfu.governance.applications import procedure, steps
from gongfu.governance.applications.models import Application
from gongfu.governance.applications.procedure import State
from gongfu.governance.applications.records import CLOCK
from gongfu.kernel.audit import services as audit
from gongfu.kernel.tasks.periodic import every

LOOK_EVERY_SECONDS = 600.0
_BATCH = 500


def tick() -> int:
    """End what was to be completed and was not, where the notice says so; how many. Elsewhere officials decide."""
    late = Application.objects.filter(state=State.RETURNED, deadline__lt=timezone.now(), notice__lapses=True)
    return sum(_lapse(one) for one in late.order_by("deadline", "pk")[:_BATCH])


def _lapse(application: Application) -> bool:
    chosen = procedure.move("lapse")
    with transaction.atomic():
        fresh = steps.locked(application)
        if fresh.stage not in chosen.sources or not fresh.late:
            return False  # completed meanwhile
        before, source, held = audit.state(fresh), fresh.state, fresh.deadline
        steps.enter(fresh, procedure.target(chosen, fresh.stage, fresh.notice.stages_left_out))
        steps.save(fresh)
        steps.note(CLOCK, fresh, chosen.name, chosen.label, source=source, deadline=held)
        audit.record(CLOCK, chosen.name, fresh, before=before, after=audit.state(fresh))
    return True


async def run(stopping: asyncio.Event) -> None:
    """Tick until ``stopping``."""
    await every(LOOK_EVERY_SECONDS, tick, stopping)
