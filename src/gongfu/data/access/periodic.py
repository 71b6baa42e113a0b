"""What the worker does by the clock: start exports that are due."""

from __future__ import annotations

import asyncio
import datetime as dt

import structlog
from django.utils import timezone

from gongfu.data.access import exporting, services
from gongfu.data.access.models import Export
from gongfu.kernel.errors import GongfuError
from gongfu.kernel.tasks.periodic import every

log = structlog.get_logger("access")
LOOK_EVERY_SECONDS = 20.0
_BATCH = 100


def tick(now: dt.datetime | None = None) -> int:
    """Start every export that is due; how many. One missed while the node was off runs once, for its last period."""
    moment = now or timezone.now()
    due = Export.objects.filter(active=True, next_at__lte=moment).select_related("organisation")[:_BATCH]
    count = 0
    for export in due:
        at = export.next_at
        services.schedule(export, moment)
        # Whoever moves the clock forward starts it: two workers do not both.
        if at is None or not Export.objects.filter(pk=export.pk, next_at=at).update(next_at=export.next_at):
            continue
        try:
            exporting.begin(export, moment, None)
            count += 1
        except GongfuError as error:
            log.warning("scheduled export not started", export=export.pk, reason=str(error))
    return count


async def run(stopping: asyncio.Event) -> None:
    """Tick until ``stopping``."""
    await every(LOOK_EVERY_SECONDS, tick, stopping)
